/** Hostile datagrams: nothing throws, unsigned ones get no reply, state stays, and other peers are served. */
import { diceOf } from "../../support/dice.ts";
import { describe, expect, test } from "vitest";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { endpointOf, type Rig, SHARED_PORT, textOf } from "../../support/exchange.ts";
import {
  dropping,
  hashOf,
  joining,
  listing,
  type Packet,
  read,
  refreshing,
  registering,
  sign,
} from "../../support/dowsett.ts";
import { dowsettRig, on, passwordOf, hostedServer } from "../support/dowsett-script.ts";

const PASSWORD = passwordOf("A");
const DATAGRAM_BYTES_MAX = 65_507;
const OPEN = { per_s: 1e9, burst: 1e9 };

/** An invalid UTF-8 byte in place of a replacement character. */
const replaced = (text: string): Uint8Array =>
  Buffer.from(Buffer.from(text).toString("latin1").replace("\u00EF\u00BF\u00BD", "\u00FF"), "latin1");

/**
 * Sends the bytes from the host's endpoint, from a stranger's and to both kinds of port; returns all replies, lists
 * included.
 */
async function met(rig: Rig, bytes: Uint8Array): Promise<string[]> {
  const from = rig.sent.length;
  for (const home of [endpointOf("A"), endpointOf("S")]) {
    rig.send(home, bytes);
    rig.send(home, bytes, { via: SHARED_PORT });
  }
  await new Promise((done) => setImmediate(done));
  return rig.sent.slice(from).map(textOf);
}

function untouched(rig: Rig): void {
  expect(rig.hub.directory.all().map(({ name }) => name)).toStrictEqual(["Nice"]);
  on(rig)(`
    A> refresh Nice
    A< refreshed Nice
    B> join Nice as Bob
    A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
    B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
  `);
}

const signed = (packet: Packet): string => sign(packet, PASSWORD).toString();
/** The text of a packet with an insertion after its opening brace. */
const with_ = (more: string, packet = registering("Nice")): string => signed(packet).replace("{", `{${more},`);

describe("datagrams that are not a packet", () => {
  const strange: [string, string | Uint8Array][] = [
    ["an empty object", "{}"],
    ["an opening brace", "{"],
    ["64 KiB of opening braces", "{".repeat(DATAGRAM_BYTES_MAX)],
    ["64 KiB of opening brackets in an object", `{"a":${"[".repeat(DATAGRAM_BYTES_MAX - 5)}`],
    ["lists within lists, as deep as fits", `{"a":${"[".repeat(1_000)}${"]".repeat(1_000)}}`],
    ["objects within objects", `${'{"a":'.repeat(340)}1${"}".repeat(340)}`],
    ["a long number", `{"a":${"9".repeat(2_000)}}`],
    ["no number", '{"seconds-before-expiry":NaN}'],
    ["a packet in a list", `[${signed(registering("Nice"))}]`],
    ["two packets", signed(registering("Nice")).repeat(2)],
    ["a packet as a text", JSON.stringify(signed(registering("Nice")))],
    ["a packet within a packet", JSON.stringify({ __proto__: null, packet: registering("Nice") })],
    ["only the three keys that must be", '{"__type":"","__sender-name":"Nice","__hash-string":""}'],
    ["a packet, and zeros up to the longest datagram", signed(registering("Nice")).padEnd(DATAGRAM_BYTES_MAX, "\0")],
    ["a packet, and blanks up to the longest datagram", signed(registering("Nice")).padEnd(DATAGRAM_BYTES_MAX)],
    ["a good packet that is longer than any can be", signed(registering("Nice", { filler: "x".repeat(2_000) }))],
    ["64 KiB of name", signed(registering("x".repeat(65_000)))],
    [
      "a thousand keys",
      signed({ ...registering("Nice"), ...Object.fromEntries(Array.from({ length: 1_000 }, (_, key) => [key, key])) }),
    ],
    ["bytes that are no UTF-8 in a name", Buffer.from(signed(registering("Ni\u00FFce")), "latin1")],
    // Signed for the value that a lenient parser would read.
    ["bytes that are no UTF-8, signed as if they were replaced", replaced(signed(registering("Ni\uFFFDce")))],
    [
      "an overlong zero in a name",
      Buffer.concat([Buffer.from('{"__type":"'), Uint8Array.of(0xc0, 0x80), Buffer.from('"}')]),
    ],
    ["UTF-16", Buffer.from(signed(registering("Nice")), "utf16le")],
  ];

  test.each(strange)("%s", async (_, said) => {
    const rig = hostedServer();
    expect(await met(rig, typeof said === "string" ? Buffer.from(said) : said)).toStrictEqual([]);
    untouched(rig);
  });
});

describe("keys that shadow properties of every object", () => {
  test.each([
    '"__proto__":{"__type":"drop-me","password":"x"}',
    '"__proto__":null',
    '"__proto__":"x"',
    '"constructor":{"prototype":{"polluted":true}}',
    '"hasOwnProperty":1',
    '"toString":"x","valueOf":null,"toJSON":"x"',
    '"then":"x"',
    '"length":9',
  ])("get no reply if unsigned: %s", async (more) => {
    const rig = hostedServer();
    const packets = [with_(more), with_(more, dropping("Nice")), with_(more, refreshing("Nice"))];
    for (const packet of packets) expect(await met(rig, Buffer.from(packet))).toStrictEqual([]);
    expect({}).not.toHaveProperty("polluted");
    expect(({} as Packet)["password"]).toBeUndefined();
    untouched(rig);
  });

  test.each(["__proto__", "constructor", "hasOwnProperty", "toString", "toJSON", "then"])(
    "are ordinary keys if signed: %s",
    (key) => {
      const rig = hostedServer();
      // Written as text, because a JavaScript object cannot hold all of these keys.
      const text = JSON.stringify(refreshing("Nice")).replace("{", `{${JSON.stringify(key)}:"text",`);
      const hash = hashOf(read(Buffer.from(text)), PASSWORD);
      expect(rig.send("A", Buffer.from(text.replace(/\}$/, `,"__hash-string":"${hash}"}`)))).toHaveLength(1);
      untouched(rig);
    },
  );

  test("an inherited password does not count", async () => {
    const rig = hostedServer();
    const text = signed(registering("Other")).replace(
      `"password":"${PASSWORD}"`,
      `"__proto__":{"password":"${PASSWORD}"}`,
    );
    expect(text).toContain("__proto__");
    expect(await met(rig, Buffer.from(text))).toStrictEqual([]);
    untouched(rig);
  });
});

describe("a duplicate key", () => {
  test("counts with its last value: signed for that it is accepted, signed for the first it is not", () => {
    const rig = hostedServer();
    const good = sign(refreshing("Nice"), PASSWORD).toString();
    expect(rig.send("A", Buffer.from(good.replace("{", '{"__sender-name":"Other",')))).toHaveLength(1);
    expect(rig.send("A", Buffer.from(good.replace(/\}$/, ',"__sender-name":"Other"}')))).toStrictEqual([]);
    expect(rig.send("A", Buffer.from(good.replace(/\}$/, ',"__type":"drop-me","name":"Nice"}')))).toStrictEqual([]);
    expect(rig.send("A", Buffer.from(good.replace(/\}$/, ',"__hash-string":"0"}')))).toStrictEqual([]);
    untouched(rig);
  });
});

test("20,000 damaged packets: one without a valid signature gets no reply and changes nothing", async () => {
  const rig = dowsettRig({ limits: { stranger: OPEN, list: OPEN } });
  on(rig)(`
    A> register Nice
    A< confirmed Nice
  `);
  const dice = diceOf(20_261_120);
  const packets = [
    registering("Nice"),
    registering("Other", { "password-required": true }),
    refreshing("Nice"),
    joining("Nice", "Bob"),
    joining("Zoë漢😀", "Bob"),
    listing(),
    listing("Bob"),
    dropping("Nice"),
  ].map((packet) => sign(packet, PASSWORD));
  const homes = [endpointOf("A"), endpointOf("A'"), endpointOf("S")];
  const before = rig.hub.lobby("Nice", "dowsett");
  const from = rig.sent.length;
  let unsigned = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = damaged(packets[dice(packets.length)]!, dice);
    if (isSigned(bytes)) continue;
    unsigned++;
    say(rig, homes[dice(3)]!, bytes, dice(2) === 0);
  }
  await new Promise((done) => setImmediate(done));
  expect(unsigned).toBeGreaterThan(15_000);
  expect(rig.sent.slice(from).map(textOf)).toStrictEqual([]);
  expect(rig.hub.directory.all()).toStrictEqual([before]);
  expect(rig.hub.lobby("Nice", "dowsett")).toBe(before);
  expect(rig.sidecar().exchange.contacts.size).toBe(1);
  untouched(rig);
});

/** Sends it; an exception names the datagram that caused it. */
function say(rig: Rig, from: Endpoint, bytes: Uint8Array, shared: boolean): void {
  try {
    rig.send(from, bytes, shared ? { via: SHARED_PORT } : {});
  } catch (error) {
    throw new Error(`after ${Buffer.from(bytes).toString("hex")}`, { cause: error });
  }
}

/** One to four faults: bits flipped, bytes removed, inserted or swapped, or a part repeated. */
function damaged(packet: Uint8Array, dice: (sides: number) => number): Uint8Array {
  let bytes = [...packet];
  for (let wounds = 1 + dice(4); wounds > 0; wounds--) {
    const [here, there] = [dice(bytes.length), dice(bytes.length)];
    const piece = bytes.slice(Math.min(here, there), Math.min(here, there) + 1 + dice(24));
    switch (dice(6)) {
      case 0:
        bytes[here]! ^= 1 << dice(8);
        break;
      case 1:
        bytes[here] = dice(256);
        break;
      case 2:
        bytes.splice(here, 1 + dice(4));
        break;
      case 3:
        bytes.splice(here, 0, dice(256));
        break;
      case 4:
        bytes.splice(here, 0, ...piece);
        break;
      case 5:
        [bytes[here], bytes[there]] = [bytes[there]!, bytes[here]!];
        break;
    }
    if (bytes.length === 0) bytes = [0x7b];
  }
  return Uint8Array.from(bytes);
}

/** Whether a damaged packet is still signed: the fault may be in a number or in white space. */
function isSigned(bytes: Uint8Array): boolean {
  try {
    const packet = read(bytes);
    const passwords = [PASSWORD, packet["password"]].filter((value) => typeof value === "string");
    return passwords.some((password) => packet["__hash-string"] === hashOf(packet, password));
  } catch {
    // No longer JSON.
    return false;
  }
}
