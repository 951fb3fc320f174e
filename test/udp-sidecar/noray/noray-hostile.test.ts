/**
 * The conformance rules (support/conformance.ts) for noray's registrar. Joins, leaves and lookups use TCP on this wire,
 * so the common suite cannot send them as datagrams; this file checks the rules for datagrams.
 */
import { describe, expect, test } from "vitest";
import { LineReader } from "../../../udp-sidecar/protocols/noray.ts";
import { diceOf } from "../../support/dice.ts";
import { endpointOf, HOME, Rig, SHARED_PORT } from "../../support/exchange.ts";
import { registered, type NorayScript } from "../support/noray-script.ts";

const OPEN = { stranger: { per_s: 1e6, burst: 1e6 }, renewal: { per_s: 1e6, burst: 1e6 } };
const DATAGRAM_BYTES_MAX = 65_507;

/** A and B are registered. */
const meeting = (limits = {}): NorayScript =>
  registered("AB", new Rig({ wire: "noray", limits: { ...OPEN, ...limits } }));

/** Both have their endpoints, and get the same replies as before. */
function stands({ rig, id }: NorayScript): void {
  for (const player of ["A", "B"]) {
    expect(rig.hub.lobby(id(player), "noray")?.members[0]?.source?.endpoint).toStrictEqual(endpointOf(player));
    const answers = rig.send(player, id(`*${player}`));
    expect(answers.map(({ to, bytes }) => [to, Buffer.from(bytes).toString()])).toStrictEqual([
      [endpointOf(player), "OK"],
    ]);
  }
  expect([rig.hub.directory.size, rig.sidecar().exchange.contacts.size]).toStrictEqual([2, 2]);
}

describe("datagrams that are not a PID", () => {
  test.each([
    ["no bytes", new Uint8Array(0)],
    ["as many zeros as a pid has letters", new Uint8Array(128)],
    ["the longest datagram of zeros", new Uint8Array(DATAGRAM_BYTES_MAX)],
    ["the longest datagram of letters", Buffer.alloc(DATAGRAM_BYTES_MAX, "a")],
    ["every byte once", Uint8Array.from({ length: 256 }, (_, byte) => byte)],
    ["bytes that are no UTF-8", Uint8Array.of(0xc3, 0x28, 0xff, 0xfe, 0xed, 0xa0, 0x80)],
  ])("%s: no reply, and no change", (_, bytes) => {
    const told = meeting();
    for (const via of [HOME.via, SHARED_PORT]) expect(told.rig.send("S", bytes, { via })).toStrictEqual([]);
    stands(told);
  });

  test("20,000 random ones, many of a PID's letters: no reply, and no change", () => {
    const told = meeting();
    const dice = diceOf(20_000);
    const letters = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    for (let round = 0; round < 20_000; round++) {
      const length = dice(2) === 0 ? 128 : dice(200);
      const bytes = Uint8Array.from({ length }, () => (dice(50) === 0 ? dice(256) : letters[dice(64)]!));
      expect(told.rig.send("S", bytes)).toHaveLength(0);
    }
    stands(told);
  });

  test("every prefix of a PID, and every PID with one byte changed: no reply, and no change", () => {
    const told = meeting();
    const pid = Buffer.from(told.id("*A"));
    for (let length = 0; length < pid.length; length++) {
      expect(told.rig.send("S", pid.subarray(0, length))).toHaveLength(0);
    }
    for (let index = 0; index < pid.length; index++) {
      for (let byte = 0; byte < 256; byte++) {
        if (byte === pid[index]) continue;
        const damaged = Uint8Array.from(pid);
        damaged[index] = byte;
        expect(told.rig.send("S", damaged)).toHaveLength(0);
      }
    }
    stands(told);
  });

  test("datagrams of other wires reach those wires, and PIDs reach the registrar", () => {
    const told = meeting();
    const said = told.rig.send("C", "h:Nice:Carol:4", { via: SHARED_PORT });
    expect(said.map(({ bytes }) => Buffer.from(bytes).toString())).toStrictEqual(["i:Carol"]);
    const ok = told.rig.send("A", told.id("*A"), { via: SHARED_PORT });
    expect(ok.map(({ via, bytes }) => [via, Buffer.from(bytes).toString()])).toStrictEqual([[SHARED_PORT, "OK"]]);
  });
});

describe("a repeated PID", () => {
  test("is answered from memory, even without a hub, and never reported", () => {
    const told = meeting();
    const before = told.rig.sidecar().reports.length;
    told.rig.disconnect("north");
    for (let second = 0; second < 60; second++) {
      expect(told.rig.send("A", told.id("*A"))).toHaveLength(1);
      told.rig.advance(1_000);
    }
    expect(told.rig.sidecar().reports.length).toBe(before);
  });

  test("a hundred times before the hub answers makes one host and one reply", () => {
    const told = registered("B").run(`
      A/8890> register-host
      A/8890< set-oid A
      A/8890< set-pid *A
    `);
    const answers = told.rig.sendTogether(() => {
      for (let round = 0; round < 100; round++) told.rig.send("A", told.id("*A"));
    });
    expect(answers).toHaveLength(1);
    expect(told.rig.hub.directory.size).toBe(2);
  });

  test("never expires: the connection is the lease", () => {
    const told = meeting();
    expect(told.rig.advance(24 * 3_600_000)).toStrictEqual([]);
    stands(told);
  });
});

describe("quotas", () => {
  test("a source has a maximum of hosts; the next gets no registrar reply, and other sources do", () => {
    const told = registered("A", new Rig({ wire: "noray", limits: { lobbies_per_source_max: 1 } }));
    told.run(`
      B/8890> register-host
      B/8890< set-oid B
      B/8890< set-pid *B
    `);
    expect(told.rig.send({ ...endpointOf("A"), port: 9 }, told.id("*B"))).toStrictEqual([]);
    expect(told.rig.sidecar().counters.get("dropped", "source_share")).toBe(1);
    expect(told.rig.send("B", told.id("*B"))).toHaveLength(1);
  });
});

describe("a byte stream", () => {
  const read = (parts: readonly Uint8Array[]): (string | null)[] => {
    const reader = new LineReader();
    return parts.flatMap((part) => [...reader.read(part)]);
  };

  test("gives the same lines for every segmentation", () => {
    const dice = diceOf(7);
    const whole = Buffer.from("register-host\nconnect abc\r\n\n\r\nx y z\n\u00ff\u0000\rq\nlast half", "latin1");
    const wanted = ["register-host", "connect abc", "", "", "x y z", "\u00ff\u0000\rq"];
    for (let round = 0; round < 2_000; round++) {
      const parts: Buffer[] = [];
      for (let from = 0; from < whole.length;) {
        const to = Math.min(whole.length, from + 1 + dice(12));
        parts.push(whole.subarray(from, to));
        from = to;
      }
      expect(read(parts)).toStrictEqual(wanted);
    }
  });

  test("has lines of up to 4,096 bytes; a longer one is reported as too long", () => {
    const line = (length: number): Buffer => Buffer.from(`${"a".repeat(length)}\nnext\n`);
    expect(read([line(4_096)])).toStrictEqual(["a".repeat(4_096), "next"]);
    expect(read([line(4_097)])).toStrictEqual([null, "next"]);
    const long = Buffer.alloc(100_000, "a");
    expect(read([long, long, Buffer.from("\nnext\n")])).toStrictEqual([null, "next"]);
  });

  test("can end without a line end: the rest is a line, unless it is too long or empty", () => {
    const ends = (text: string): string | null => {
      const reader = new LineReader();
      Array.from(reader.read(Buffer.from(text)));
      return reader.end();
    };
    expect([ends("a\nb"), ends("a\n"), ends(""), ends("a".repeat(5_000))]).toStrictEqual(["b", null, null, null]);
  });
});
