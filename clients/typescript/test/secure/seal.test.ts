/** Sealed datagrams: what opens, what does not, and what happens on a change of key. */
import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { FIRST_BYTE, REPLAY_WINDOW, SEAL_BYTES } from "../../src/secure/limits.ts";
import { ReplayWindow } from "../../src/secure/replay.ts";
import { readPairKey, routeOf, Seal } from "../../src/secure/seal.ts";

const KEY = randomBytes(32);
const sent = (text: string): Uint8Array => Buffer.from(text);
const received = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());

function pair(key = KEY, epoch = 0): [Seal, Seal] {
  return [new Seal({ key, epoch, role: "a" }), new Seal({ key, epoch, role: "b" })];
}

describe("a sealed datagram", () => {
  test("a sealed datagram opens at the other side, in both directions", () => {
    const [a, b] = pair();
    expect(received(b.open(a.seal(sent("ping"), 0), 0))).toBe("ping");
    expect(received(a.open(b.seal(sent("pong"), 0), 0))).toBe("pong");
    expect(received(b.open(a.seal(sent(""), 0), 0))).toBe("");
  });

  test("a sealed datagram costs 24 bytes, and only the header is in clear", () => {
    const [a, b] = pair();
    const bytes = a.seal(Buffer.alloc(100, 0x41), 0);
    expect(bytes).toHaveLength(100 + SEAL_BYTES);
    expect(SEAL_BYTES).toBe(24);
    expect(bytes[0]).toBe(FIRST_BYTE);
    expect(Buffer.from(bytes).includes("AAAA")).toBe(false);
    expect(b.routes).toStrictEqual([routeOf(bytes)]);
    expect(a.routes).not.toStrictEqual(b.routes);
  });

  test("a sealed datagram has a first byte of no other protocol", () => {
    const stun = [0, 1, 2, 3];
    const text = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789{[-_"
      .split("")
      .map((c) => c.charCodeAt(0));
    const enet = [0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa, 0xb].flatMap((upper) =>
      [...Array(16).keys()].map((id) => upper * 16 + id),
    );
    const ranges = [...stun, ...text, ...enet, ...Array.from({ length: 192 }, (_, at) => at)];
    expect(ranges).not.toContain(FIRST_BYTE);
  });

  test("a sealed datagram opens once", () => {
    const [a, b] = pair();
    const bytes = a.seal(sent("once"), 0);
    expect([b.open(bytes, 0), b.open(bytes, 0)].map(received)).toStrictEqual(["once", null]);
    expect(b.refused).toStrictEqual({ stray: 0, forged: 0, replayed: 1 });
  });

  test("a sealed datagram does not open at its sender, whatever the header", () => {
    const [a] = pair();
    const back = Buffer.from(a.seal(sent("mirror"), 0));
    expect(a.open(back, 0)).toBeNull();
    back.writeUInt16BE(a.routes[0]!, 2);
    expect(a.open(back, 0)).toBeNull();
    expect(a.refused).toStrictEqual({ stray: 1, forged: 1, replayed: 0 });
  });

  test("a sealed datagram does not open after any bit flip, and the original still does", () => {
    const [a, b] = pair();
    const bytes = a.seal(sent("exactly this"), 0);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect([bit, b.open(changed, 0)]).toStrictEqual([bit, null]);
    }
    expect(received(b.open(bytes, 0))).toBe("exactly this");
    expect(b.refused.forged + b.refused.stray).toBe(bytes.length * 8);
  });

  test("a sealed datagram does not open with another key, and noise of any length is refused", () => {
    const [, b] = pair();
    const [stranger] = pair(randomBytes(32));
    expect(b.open(stranger.seal(sent("let me in"), 0), 0)).toBeNull();
    for (let length = 0; length < 200; length++) {
      const bytes = randomBytes(length);
      if (length > 0) bytes[0] = FIRST_BYTE;
      expect(b.open(bytes, 0)).toBeNull();
    }
  });
});

describe("order", () => {
  test("late datagrams open within the replay window, and not behind it", () => {
    const [a, b] = pair();
    const sealed = Array.from({ length: REPLAY_WINDOW + 2 }, (_, at) => a.seal(sent(`${at}`), 0));
    expect(received(b.open(sealed.at(-1)!, 0))).toBe(`${REPLAY_WINDOW + 1}`);
    expect(received(b.open(sealed[2]!, 0))).toBe("2");
    expect(b.open(sealed[1]!, 0)).toBeNull();
    expect(b.open(sealed[0]!, 0)).toBeNull();
    const rest = sealed.slice(3, -1).toReversed();
    expect(rest.filter((bytes) => b.open(bytes, 0) === null)).toStrictEqual([]);
    expect(sealed.filter((bytes) => b.open(bytes, 0) !== null)).toStrictEqual([]);
  });

  test("a forged counter does not move the window", () => {
    const [a, b] = pair();
    const first = a.seal(sent("first"), 0);
    const forged = Buffer.from(a.seal(sent("second"), 0));
    forged.writeUInt32BE(0x7fff_ffff, 4);
    expect(b.open(forged, 0)).toBeNull();
    expect(received(b.open(first, 0))).toBe("first");
  });

  test("the full counter is restored around every wrap of its lower half", () => {
    const window = new ReplayWindow();
    for (const counter of [
      0,
      5,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 32 + 7,
      3 * 2 ** 31,
      2 ** 33 - 1,
      2 ** 33 + 1,
      2 ** 47,
    ]) {
      if (counter === 2 ** 47) window.record(counter - 1);
      expect(window.widen(counter % 2 ** 32)).toBe(counter);
      expect(window.isNew(counter)).toBe(true);
      window.record(counter);
      expect(window.isNew(counter)).toBe(false);
    }
    const late = 2 ** 47 - 1_000;
    expect(window.widen(late % 2 ** 32)).toBe(late);
    expect(window.isNew(2 ** 47 - REPLAY_WINDOW)).toBe(false);
  });
});

describe("a new key", () => {
  const NEXT = randomBytes(32);

  test("a new key is used once the peer used it, and the old key is accepted for a while", () => {
    const [a, b] = pair();
    const old = a.seal(sent("old"), 0);
    b.renew({ key: NEXT, epoch: 1, role: "b" }, 0);
    // B has the key first, and A does not understand it yet.
    expect(received(a.open(b.seal(sent("still old"), 100), 100))).toBe("still old");
    a.renew({ key: NEXT, epoch: 1, role: "a" }, 100);
    const early = a.seal(sent("old too"), 200);
    const fresh = b.seal(sent("new"), 3_000);
    expect(received(a.open(fresh, 3_001))).toBe("new");
    expect([a.epoch, b.epoch]).toStrictEqual([1, 1]);
    expect(received(b.open(a.seal(sent("new back"), 3_002), 3_003))).toBe("new back");
    expect(received(b.open(old, 3_004))).toBe("old");
    expect(b.open(early, 14_000)).toBeNull();
  });

  test("a new key works with a peer that restarted and has only that", () => {
    const [a] = pair();
    const reborn = new Seal({ key: NEXT, epoch: 1, role: "b" });
    a.renew({ key: NEXT, epoch: 1, role: "a" }, 0);
    expect(reborn.open(a.seal(sent("you know me"), 10), 10)).toBeNull();
    expect(received(a.open(reborn.seal(sent("I am new"), 20), 20))).toBe("I am new");
    expect(received(reborn.open(a.seal(sent("welcome"), 30), 30))).toBe("welcome");
  });

  test("probes of a punch are read at once by a peer that kept another old key", () => {
    const [a] = pair();
    const other = new Seal({ key: randomBytes(32), epoch: 0, role: "b" });
    a.renew({ key: NEXT, epoch: 1, role: "a" }, 0);
    other.renew({ key: NEXT, epoch: 1, role: "b" }, 0);
    expect(other.open(a.seal(sent("old"), 10), 10)).toBeNull();
    expect(received(other.open(a.sealNewest(sent("probe")), 10))).toBe("probe");
    expect(received(a.open(other.seal(sent("answer"), 20), 20))).toBe("answer");
    expect(received(other.open(a.seal(sent("data"), 30), 30))).toBe("data");
  });

  test("an older or equal epoch is ignored; 0 follows 255", () => {
    const [a, b] = pair(KEY, 255);
    for (const epoch of [255, 254, 200]) a.renew({ key: NEXT, epoch, role: "a" }, 0);
    expect(a.routes).toHaveLength(1);
    a.renew({ key: NEXT, epoch: 0, role: "a" }, 0);
    b.renew({ key: NEXT, epoch: 0, role: "b" }, 0);
    expect(received(b.open(a.seal(sent("round"), 3_000), 3_000))).toBe("round");
    expect(b.epoch).toBe(0);
  });

  test("a key of another length is refused", () => {
    expect(() => new Seal({ key: new Uint8Array(16), epoch: 0, role: "a" })).toThrow(RangeError);
  });
});

describe("a pair's key in JSON", () => {
  const good = { key: KEY.toString("base64url"), epoch: 255, role: "a" };

  test("a valid pair key in JSON is decoded", () => {
    expect(readPairKey(good)).toStrictEqual({ key: KEY, epoch: 255, role: "a" });
  });

  test.each<[string, unknown]>([
    ["nothing", null],
    ["a short key", { ...good, key: good.key.slice(1) }],
    ["another alphabet", { ...good, key: good.key.slice(1).concat("+") }],
    ["no key", { epoch: 1, role: "a" }],
    ["an epoch beyond a byte", { ...good, epoch: 256 }],
    ["half an epoch", { ...good, epoch: 0.5 }],
    ["another role", { ...good, role: "c" }],
  ])("%s is refused", (_, wrong) => {
    expect(readPairKey(wrong)).toBeNull();
  });
});
