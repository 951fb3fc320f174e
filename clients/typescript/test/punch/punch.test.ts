/** The punch, alone and with a malicious peer. test/virtual runs it behind NATs. */
import { describe, expect, test } from "vitest";
import type { Endpoint } from "../../src/util/addresses.ts";
import { SOURCE_ADDRESSES_MAX, SOURCES_MAX, UNANSWERED_LOCAL_MAX, UNANSWERED_MAX } from "../../src/punch/limits.ts";
import { type Message, readMessage, elapsedMs, writeMessage } from "../../src/punch/messages.ts";
import { type Plan, portsOf, readPlan, readSpray, type Spray, clampPlan } from "../../src/punch/plan.ts";
import { Seal } from "../../src/secure/seal.ts";
import { ALICE, BOB, LyingPeer, plan, Solo, runPunches } from "../support/punch.ts";

const SPRAY: Spray = {
  address: BOB.address,
  first_port: 6_000,
  step: 1,
  ports: 4,
  order: "in_a_row",
  probes: 8,
  after_ms: 0,
};

describe("the schedule", () => {
  test("probes go in a burst, then fast, then slow, until the end", () => {
    const alice = new Solo(plan(BOB));
    alice.pass(10_000);
    const times = alice.sent.map(({ at }) => at);
    expect(times.slice(0, 5)).toStrictEqual([0, 20, 40, 90, 140]);
    expect(times.filter((at) => at > 1_100).slice(0, 2)).toStrictEqual([1_240, 1_440]);
    expect(Math.max(...times)).toBeLessThan(4_000);
    expect(alice.punch.outcome).toStrictEqual({ kind: "given_up", why: "nobody_heard" });
    expect(alice.punch.deadline()).toBe(Infinity);
  });

  test("probes do not start before the start time", () => {
    const alice = new Solo(plan(BOB));
    expect(alice.punch.deadline()).toBe(0);
    const later = new Solo({
      ...plan(BOB),
      targets: [
        { kind: "reflexive", ...BOB },
        { kind: "reflexive", ...ALICE },
      ],
    });
    later.pass(6);
    expect(later.sent.map(({ at, to }) => [at, to])).toStrictEqual([
      [0, BOB],
      [5, ALICE],
    ]);
  });

  test("with first_hops, many sockets send short-lived probes only", () => {
    const alice = new Solo({ ...plan(BOB), first_hops: 2, sockets: 9, per_s: 1_000 });
    alice.pass(300);
    const ofSockets = alice.sent.filter(({ socket }) => socket > 0);
    expect(ofSockets.length).toBeGreaterThan(16);
    expect(ofSockets.filter(({ hops }) => hops !== 2)).toStrictEqual([]);
  });

  test("with first_hops, the first three probes have a short TTL and ordinary ones follow later", () => {
    const alice = new Solo({ ...plan(BOB), first_hops: 2 });
    alice.pass(400);
    expect(alice.sent.map(({ at, hops }) => [at, hops])).toStrictEqual([
      [0, 2],
      [20, 2],
      [40, 2],
      [300, undefined],
      [350, undefined],
      [400, undefined],
    ]);
  });

  test("many sockets send one after the other, and the first has its own schedule", () => {
    const alice = new Solo({ ...plan(BOB), sockets: 4 });
    alice.pass(75);
    const further = alice.sent.filter(({ socket }) => socket > 0);
    expect(further.map(({ at, socket }) => [at, socket])).toStrictEqual(
      [0, 10, 20, 30, 40, 50, 60, 70].map((at, index) => [at, 1 + (index % 3)]),
    );
  });

  test("ports are tried in order, round by round, or shuffled", () => {
    const alice = new Solo({ ...plan(BOB), spray: SPRAY });
    alice.pass(500);
    const ports = alice.sent.map(({ to }) => to.port).filter((port) => port !== BOB.port);
    expect(ports).toStrictEqual([6_000, 6_001, 6_002, 6_003, 6_000, 6_001, 6_002, 6_003]);
    let draw = 0;
    const random = (): number => (draw = (draw + 0.37) % 1);
    const row = portsOf({ ...SPRAY, ports: 500, order: "shuffled" }, random);
    const shuffled = Array.from({ length: 500 }, () => row.next().value);
    expect(new Set(shuffled).size).toBe(500);
    expect(shuffled).not.toStrictEqual(shuffled.toSorted((a, b) => a - b));
  });

  test("a spray counts down, and wraps around", () => {
    const first = (spray: Spray): number[] => {
      const row = portsOf(spray, () => 0);
      return Array.from({ length: 3 }, () => row.next().value);
    };
    expect(first({ ...SPRAY, step: -2 })).toStrictEqual([6_000, 5_998, 5_996]);
    expect(first({ ...SPRAY, first_port: 65_535 })).toStrictEqual([65_535, 1_024, 1_025]);
  });

  test("a revised spray replaces the old one", () => {
    const alice = new Solo({ ...plan(BOB), spray: { ...SPRAY, probes: 1_000 } });
    alice.pass(100);
    alice.punch.revise({ ...SPRAY, first_port: 7_000, probes: 3 }, alice.now);
    const ports = alice.pass(1_000).map(({ to }) => to.port);
    expect(ports.filter((port) => port !== BOB.port)).toStrictEqual([7_000, 7_001, 7_002]);
  });

  test("after a pause of the process, missed probes are not sent in a flood", () => {
    const alice = new Solo({ ...plan(BOB), spray: { ...SPRAY, probes: 1_500 }, per_s: 4_000 });
    alice.now = 3_000;
    alice.punch.wake(3_000);
    expect(alice.pass(3_000).length).toBeLessThanOrEqual(2 * 64 + 4);
  });
});

describe("two peers", () => {
  test("two peers open the same pair within a round trip", () => {
    const [alice, bob] = runPunches([plan(BOB), plan(ALICE)], () => 40, 200);
    expect(alice.punch.outcome).toMatchObject({
      kind: "opened",
      socket: 0,
      to: BOB,
      rtt_ms: 80,
      after_ms: 80,
      seen: ALICE,
    });
    expect(bob.punch.outcome).toMatchObject({ kind: "opened", socket: 0, to: ALICE, after_ms: 80 });
  });

  test("two peers send nothing once both know the outcome", () => {
    const [alice, bob] = runPunches([plan(BOB), plan(ALICE)], () => 40, 3_000);
    expect(Math.max(...[...alice.sent, ...bob.sent].map(({ at }) => at))).toBeLessThan(250);
    expect(alice.sent.length + bob.sent.length).toBeLessThan(40);
  });

  test("two peers answer at the source, whatever the plan lists", () => {
    const moved = { ...ALICE, port: 41_000 };
    const [alice, bob] = runPunches([plan(BOB), plan(ALICE)], (to) => (to.port === ALICE.port ? Infinity : 40), 300, [
      moved,
      BOB,
    ]);
    expect(bob.punch.outcome).toMatchObject({ kind: "opened", to: moved });
    expect(alice.punch.outcome).toMatchObject({ kind: "opened", to: BOB, seen: moved });
  });

  test.each([
    ["the shorter way", 40, 20, 0],
    ["IPv6, though it is a little longer", 42, 40, 6],
    ["IPv4, where IPv6 is much longer", 60, 40, 0],
  ])("two peers choose %s", (_, six, four, family) => {
    const both = (address: Endpoint, v6: string): Plan => plan({ address: v6, port: address.port }, address);
    const takes = (to: Endpoint): number => (to.address.includes(":") ? six : four);
    const [alice, bob] = runPunches([both(BOB, "2a00::2"), both(ALICE, "2a00::1")], takes, 1_000);
    for (const { punch } of [alice, bob]) {
      const { outcome } = punch;
      expect(outcome?.kind === "opened" && outcome.to.address.includes(":")).toBe(family === 6);
    }
  });

  test("two peers stop requesting a confirmation that never comes", () => {
    const alice = new Solo({ ...plan(BOB), nominates: true });
    const liar = new LyingPeer();
    alice.pass(10);
    const [first] = alice.sent;
    const asked = readMessage(liar.seal.open(first!.bytes, 0)!);
    if (asked?.kind !== "probe") throw new Error("no probe");
    alice.receive(liar.sealMessage({ ...asked, kind: "answer", seen: null }), BOB);
    expect(alice.punch.outcome).toMatchObject({ kind: "opened", to: BOB });
    alice.pass(10_000);
    expect(alice.punch.deadline()).toBe(Infinity);
    expect(Math.max(...alice.sent.map(({ at }) => at))).toBeLessThan(4_000);
  });

  test("two peers probe each source at least three times", () => {
    const alice = new Solo({ ...plan(), nominates: false });
    alice.receive(new LyingPeer().probe(), BOB);
    alice.pass(60);
    const kinds = alice.sent.map(({ bytes }) => readMessage(new LyingPeer().seal.open(bytes, 0)!)!.kind);
    expect(kinds.filter((kind) => kind === "probe").length).toBeGreaterThanOrEqual(3);
    expect(kinds[0]).toBe("answer");
  });

  test("two peers report why the punch failed", () => {
    const [alice, bob] = runPunches(
      [plan(BOB), plan(ALICE)],
      (to) => (to === ALICE ? Infinity : to.port === ALICE.port ? Infinity : 40),
      4_100,
    );
    expect(alice.punch.outcome).toStrictEqual({ kind: "given_up", why: "nobody_heard" });
    expect(bob.punch.outcome).toStrictEqual({ kind: "given_up", why: "one_way" });
  });
});

describe("strangers", () => {
  /** What Alice sent up to a moment, and a punch that is still searching. */
  const looking = (): Solo => {
    const alice = new Solo(plan(BOB));
    alice.pass(100);
    return alice;
  };

  test("strangers get no answer to noise, other keys, reflected or replayed datagrams", () => {
    const alice = looking();
    const liar = new LyingPeer();
    const probe = liar.probe();
    alice.receive(probe, BOB);
    const before = alice.sent.length;
    const other = new Seal({ key: new Uint8Array(32).fill(6), epoch: 0, role: "b" });
    const forged = other.seal(writeMessage({ kind: "probe", pair: 0, nonce: 0, time: 0, chosen: true }), 0);
    const back = alice.sent.map(({ bytes }) => bytes);
    const noise = Array.from({ length: 100 }, (_, length) => new Uint8Array(length).fill(0xd6));
    for (const bytes of [probe, forged, ...back, ...noise]) expect(alice.receive(bytes, ALICE)).toBe(false);
    expect(alice.sent.length).toBe(before);
    expect(alice.seal.refused.replayed).toBe(1);
    expect(alice.punch.outcome).toBeNull();
  });
});

describe("a lying peer", () => {
  test("a lying peer cannot claim a probe that it did not receive", () => {
    const alice = new Solo({ ...plan(BOB), nominates: true });
    alice.pass(10);
    const liar = new LyingPeer();
    for (let proof = 0; proof < 1_000; proof++) {
      alice.receive(
        liar.sealMessage({ kind: "answer", pair: 0, nonce: proof * 4_294_967, time: 0, chosen: true, seen: null }),
        BOB,
      );
    }
    alice.pass(3_900);
    expect(alice.punch.outcome).toBeNull();
    expect(alice.punch.counts.refused).toBe(1_000);
  });

  test("a lying peer cannot nominate a pair on which no one answers", () => {
    const alice = new Solo(plan(BOB));
    alice.receive(new LyingPeer().probe({ chosen: true }), { address: "30.0.0.1", port: 53 });
    alice.pass(3_900);
    expect(alice.punch.outcome).toBeNull();
    expect(alice.sent.filter(({ to }) => to.address === "30.0.0.1").length).toBeLessThan(30);
  });

  test("a lying peer makes the other send few datagrams to third parties, never more than it sent", () => {
    const alice = new Solo(plan(BOB));
    const liar = new LyingPeer();
    let said = 0;
    for (let victim = 0; victim < 2_000; victim++) {
      alice.receive(liar.probe(), { address: `30.0.${victim >> 8}.${victim & 255}`, port: 53 });
      said++;
    }
    alice.pass(4_000);
    const to = alice.sent.map(({ to }) => to.address).filter((address) => address.startsWith("30."));
    expect(new Set(to).size).toBe(SOURCE_ADDRESSES_MAX);
    expect(to.length).toBeLessThan(said / 8);
  });

  test("a lying peer gets answers at few of its ports", () => {
    const alice = new Solo(plan(BOB));
    const liar = new LyingPeer();
    for (let port = 1; port < 2_000; port++) alice.receive(liar.probe(), { ...BOB, port });
    alice.pass(4_000);
    expect(new Set(alice.sent.map(({ to }) => to.port)).size).toBeLessThanOrEqual(SOURCES_MAX + 1);
    expect(alice.sent.length).toBeLessThanOrEqual(UNANSWERED_MAX);
  });

  test.each([
    "127.0.0.1",
    "10.1.2.3",
    "192.168.1.1",
    "169.254.1.1",
    "224.0.0.1",
    "0.0.0.0",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
  ])("a lying peer gets no answer at %s, unless both are in one network", (address) => {
    const alice = new Solo(plan(BOB));
    expect(alice.receive(new LyingPeer().probe(), { address, port: 5_000 })).toBe(false);
    expect(alice.sent.filter(({ to }) => to.address === address)).toStrictEqual([]);
  });

  test("a lying peer never gets a longer answer than its probe", () => {
    for (const address of ["20.0.0.9", "2a00:1:2:3:4:5:6:7"]) {
      const alice = new Solo(plan(BOB));
      const question = new LyingPeer().probe();
      alice.receive(question, { address, port: 65_535 });
      expect(alice.sent[0]!.bytes.length).toBeLessThanOrEqual(question.length);
    }
  });
});

describe("a plan", () => {
  const MAD: Plan = {
    targets: [
      { kind: "reflexive", ...BOB },
      { kind: "host", address: "10.0.0.9", port: 7 },
      { kind: "host", address: "8.8.8.8", port: 53 },
      { kind: "reflexive", address: "255.255.255.255", port: 53 },
      { kind: "reflexive", address: "nonsense", port: 53 },
      { kind: "reflexive", ...BOB, port: 0 },
      ...Array.from({ length: 50 }, (_, at) => ({ kind: "reflexive" as const, address: `30.0.0.${at}`, port: 53 })),
    ],
    sockets: 1e9,
    spray: { ...SPRAY, ports: 1e9, probes: 1e9, step: Number.NaN, after_ms: -1 },
    per_s: Infinity,
    nominates: true,
    same_network: false,
    first_hops: -5,
    give_up_ms: 1e12,
  };

  test("a plan is clamped to the limits", () => {
    const { targets, sockets, spray, per_s, give_up_ms, first_hops } = clampPlan(MAD);
    expect(targets).toHaveLength(16);
    expect(targets.every(({ kind }) => kind === "reflexive")).toBe(true);
    expect({ sockets, per_s, give_up_ms, first_hops }).toStrictEqual({
      sockets: 256,
      per_s: 1,
      give_up_ms: 20_000,
      first_hops: 1,
    });
    expect(spray).toMatchObject({ ports: 64_512, probes: 1_536, after_ms: 0 });
    expect(clampPlan({ ...MAD, same_network: true }).targets[1]).toStrictEqual({
      kind: "host",
      address: "10.0.0.9",
      port: 7,
    });
    expect(clampPlan({ ...MAD, targets: [] }).sockets).toBe(1);
  });

  test("a plan sends a bounded number of datagrams to each address, and fewer to a local one", () => {
    const alice = new Solo({ ...MAD, per_s: 4_000, same_network: true });
    alice.pass(30_000);
    const counts = new Map<string, number>();
    for (const { to } of alice.sent) counts.set(to.address, (counts.get(to.address) ?? 0) + 1);
    expect(counts.get(BOB.address)).toBe(UNANSWERED_MAX);
    expect(counts.get("10.0.0.9")).toBe(UNANSWERED_LOCAL_MAX);
    expect(Math.max(...counts.values())).toBe(UNANSWERED_MAX);
    expect(Math.max(...alice.sent.map(({ socket }) => socket))).toBeLessThan(256);
  });
});

describe("a plan in JSON", () => {
  const good: Plan = { ...plan(BOB), spray: SPRAY, first_hops: 2 };
  const json = (change: Record<string, unknown>): unknown => JSON.parse(JSON.stringify({ ...good, ...change }));

  test("a plan in JSON is decoded, with unknown keys ignored", () => {
    expect(readPlan(json({}))).toStrictEqual(good);
    expect(readPlan(json({ spray: null, first_hops: null, later: [1] }))).toStrictEqual({
      ...good,
      spray: null,
      first_hops: null,
    });
    expect(readPlan(json({ sockets: 1e9 }))!.sockets).toBe(256);
    expect(readSpray(JSON.parse(JSON.stringify(SPRAY)))).toStrictEqual(SPRAY);
  });

  test.each<[string, unknown]>([
    ["nothing", null],
    ["a list", []],
    ...Object.keys(good).map((key): [string, unknown] => [`without ${key}`, json({ [key]: undefined })]),
    ["a text for a number", json({ sockets: "4" })],
    ["a target of an unknown kind", json({ targets: [{ kind: "relay", ...BOB }] })],
    ["a target without a port", json({ targets: [{ kind: "host", address: "10.0.0.1" }] })],
    ["no target", json({ targets: [null] })],
    ["ports in no order", json({ spray: { ...SPRAY, order: "any" } })],
    ["ports of a multicast address", json({ spray: { ...SPRAY, address: "224.0.0.1" } })],
  ])("%s is refused", (_, wrong) => {
    expect(readPlan(wrong)).toBeNull();
  });
});

describe("messages", () => {
  test.each<Message>([
    { kind: "data", payload: Buffer.from("hello") },
    { kind: "data", payload: Buffer.alloc(0) },
    { kind: "probe", pair: 65_535, nonce: 4_294_967_295, time: 4_294_967_295, chosen: true },
    { kind: "answer", pair: 0, nonce: 1, time: 2, chosen: false, seen: null },
    { kind: "answer", pair: 1, nonce: 2, time: 3, chosen: true, seen: { address: "20.0.0.1", port: 65_535 } },
    { kind: "answer", pair: 1, nonce: 2, time: 3, chosen: true, seen: { address: "2a00:1::f:0:1", port: 1 } },
    { kind: "answer", pair: 1, nonce: 2, time: 3, chosen: true, seen: { address: "2a00:1:2:3:4:5:6:7", port: 1 } },
  ])("%j is encoded and decoded", (message) => {
    expect(readMessage(writeMessage(message))).toStrictEqual(message);
  });

  test("noise is refused, and extra bytes are ignored", () => {
    for (let first = 0; first < 256; first++)
      for (const length of [1, 5, 11]) {
        const message = readMessage(new Uint8Array(length).fill(first));
        expect(message === null || first === 0).toBe(true);
      }
    expect(readMessage(new Uint8Array(0))).toBeNull();
    const probe = Buffer.concat([
      writeMessage({ kind: "probe", pair: 1, nonce: 2, time: 3, chosen: false }),
      Buffer.alloc(9),
    ]);
    expect(readMessage(probe)).toMatchObject({ kind: "probe", pair: 1 });
    const lies = writeMessage({
      kind: "answer",
      pair: 1,
      nonce: 2,
      time: 3,
      chosen: false,
      seen: { address: "0.0.0.0", port: 9 },
    });
    expect(readMessage(lies)).toMatchObject({ kind: "answer", seen: null });
  });

  test("a wrapped clock is handled", () => {
    expect(elapsedMs(2 ** 32 - 5, 2 ** 32 + 10)).toBe(15);
    expect(elapsedMs(1_000, 1_080.7)).toBe(80);
  });
});
