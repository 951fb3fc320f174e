import { describe, expect, test } from "vitest";
import { ALICE, at, BOB, SIDECAR, STRANGER, RelayHarness } from "../support/relays.ts";
import { RELAY_UNPROVED_BYTES } from "#shared/limits.ts";
import { recordFigure } from "../../support/attack-figures.ts";

describe("an allocation", () => {
  test("is a pair of ports, one for each side, that forward to each other", () => {
    const table = new RelayHarness();
    const { a, b } = table.pair();
    expect(a).not.toBe(b);
    expect(table.send(ALICE, a)).toBe("unproved");
    expect(table.send(BOB, b)).toStrictEqual([a, ALICE]);
    expect(table.send(ALICE, a)).toStrictEqual([b, BOB]);
  });

  test("is the same for repeated requests of either side", () => {
    const table = new RelayHarness();
    const { a, b } = table.pair();
    expect(table.request()).toMatchObject({ ports: [a, b] });
    expect(table.request("bob", "alice", { seen: [BOB, ALICE] })).toMatchObject({ ports: [b, a] });
    expect([table.relay.size, table.free.length]).toStrictEqual([1, 98]);
  });

  test("differs for another pair, and for another game", () => {
    const table = new RelayHarness();
    const pairs = [table.pair(), table.pair("alice", "carol"), table.pair("alice", "bob", { game: "chess" })];
    expect(new Set(pairs.flatMap(({ a, b }) => [a, b])).size).toBe(6);
  });

  test("a peer can be relayed to itself", () => {
    const table = new RelayHarness();
    const { a, b } = table.pair("alice", "alice", { seen: [ALICE, ALICE] });
    expect(table.send(ALICE, a)).toBe("unproved");
    expect(table.send(ALICE, b)).toStrictEqual([a, ALICE]);
    table.relay.release(table.pair("alice", "alice", { seen: [ALICE, ALICE] }).allocation);
    expect([table.relay.size, table.relay.budgets, table.free.length]).toStrictEqual([0, 0, 100]);
  });

  test("two peers of one address are separate, because each has its own port", () => {
    const table = new RelayHarness();
    const [a1, b1] = [at("45.1.1.1", 1_000), at("45.1.1.1", 2_000)];
    const { a, b } = table.pair("alice", "bob", { seen: [a1, b1] });
    table.send(a1, a);
    expect(table.send(b1, b)).toStrictEqual([a, a1]);
    expect(table.send(a1, a)).toStrictEqual([b, b1]);
    // The right address, at the other side's port.
    expect(table.send(b1, a)).toBe("stranger");
  });

  test("of IPv6 peers accepts any spelling", () => {
    const table = new RelayHarness();
    const [a6, b6] = [at("2a00:1::1", 1_000), at("2a00:2::2", 2_000)];
    const { a, b } = table.pair("alice", "bob", { seen: [a6, b6] });
    table.send(a6, a);
    expect(table.send({ address: "2a00:2:0:0::2", port: 2_000 }, b)).toStrictEqual([a, a6]);
    expect(table.send({ address: "2a00:1::1%eth0", port: 1_000 }, a)).toStrictEqual([b, b6]);
    expect(table.send({ address: "2a00:1:0::1", port: 1_000 }, a)).toStrictEqual([b, b6]);
  });

  test("of IPv4 peers is not shared with the same peers over IPv6", () => {
    const table = new RelayHarness();
    const four = table.pair();
    const six = table.pair("alice", "bob", { seen: [at("2a00:1::1", 1), at("2a00:2::2", 2)] });
    expect(six.a).not.toBe(four.a);
    expect(table.send(at("::ffff:45.1.1.1", 1_111), four.a)).toBe("unproved");
  });

  test("ends when it is released, and its ports are free at once", () => {
    const table = new RelayHarness();
    const { a, allocation, notices } = table.authenticatedPair();
    table.relay.release(allocation);
    table.relay.release(allocation);
    expect(notices).toStrictEqual([{ kind: "ended", why: "released" }]);
    expect([table.relay.size, table.relay.budgets, table.free.length]).toStrictEqual([0, 0, 100]);
    expect(table.send(ALICE, a)).toBe("unallocated");
  });

  test("ends after 30 s of silence, and can be requested again", () => {
    const table = new RelayHarness();
    const { b, notices } = table.authenticatedPair();
    table.advance(29_999);
    expect(table.send(BOB, b)).not.toBe("unallocated");
    table.advance(29_999);
    expect(notices).toStrictEqual([]);
    table.advance(1);
    expect(notices).toStrictEqual([{ kind: "ended", why: "idle" }]);
    expect(table.free).toHaveLength(100);
    expect(table.pair().b).not.toBe(b);
  });

  test("that is requested again is not idle", () => {
    const table = new RelayHarness();
    const { a } = table.authenticatedPair();
    table.advance(29_999);
    expect(table.pair().a).toBe(a);
    table.advance(29_999);
    expect(table.relay.size).toBe(1);
  });

  test("that both peers have left ends after their last datagrams, because a game may outlive its lobby", () => {
    const table = new RelayHarness();
    const { a, notices } = table.authenticatedPair();
    table.relay.peerLeft("default", "alice");
    table.advance(10_000);
    expect(notices).toStrictEqual([]);
    table.relay.peerLeft("default", "bob");
    table.relay.peerLeft("chess", "bob");
    for (let second = 0; second < 60; second++) {
      table.send(ALICE, a);
      table.send(BOB, a + 1);
      table.advance(1_000);
    }
    expect(notices).toStrictEqual([]);
    table.advance(1_999);
    expect(notices).toStrictEqual([]);
    table.advance(1);
    expect(notices).toStrictEqual([{ kind: "ended", why: "released" }]);
    expect(table.free).toHaveLength(100);
  });

  test("that is requested again by a peer that had left is kept", () => {
    const table = new RelayHarness();
    table.pair();
    for (const peer of ["alice", "bob"]) table.relay.peerLeft("default", peer);
    table.pair();
    table.advance(4_999);
    expect(table.relay.size).toBe(1);
  });

  test("that no peer uses ends after five seconds", () => {
    const table = new RelayHarness();
    const { notices } = table.pair();
    table.advance(4_999);
    expect(notices).toStrictEqual([]);
    table.advance(1);
    expect(notices).toStrictEqual([{ kind: "ended", why: "idle" }]);
    expect(table.free).toHaveLength(100);
  });

  test("that no peer uses makes room for another pair, the oldest first", () => {
    const table = new RelayHarness({ ports: 6 });
    const used = table.authenticatedPair();
    const [oldest, newer] = [table.pair("carol", "dave"), table.pair("erin", "frank")];
    table.pair("grace", "heidi");
    expect([used, oldest, newer].map(({ notices }) => notices.length)).toStrictEqual([0, 1, 0]);
    expect(oldest.notices).toStrictEqual([{ kind: "ended", why: "evicted" }]);
  });

  test("is found for an honest pair while a thousand silent ones are requested again and again", () => {
    const table = new RelayHarness({ ports: 200 });
    const silent = (): void => {
      for (let pair = 0; pair < 1_000; pair++) {
        const address = `45.${(pair % 80) + 10}.0.1`;
        table.request(`s${pair}`, `t${pair}`, { seen: [at(address, 1_000), at(address, 2_000)] });
      }
    };
    silent();
    const honest = table.authenticatedPair();
    silent();
    expect(table.send(ALICE, honest.a)).toStrictEqual([honest.b, BOB]);
  });

  test("datagrams of strangers do not keep it", () => {
    const table = new RelayHarness();
    const { a } = table.authenticatedPair();
    for (let second = 0; second < 30; second++) {
      table.send(STRANGER, a);
      table.advance(1_000);
    }
    expect(table.relay.size).toBe(0);
  });

  test("ports rest while others are free", () => {
    const table = new RelayHarness({ ports: 6 });
    const first = table.pair();
    table.relay.release(first.allocation);
    const second = table.pair();
    expect([second.a, second.b]).not.toContain(first.a);
  });
});

describe("a side's endpoint", () => {
  test("is the source of its first datagram, if its wire observed that address", () => {
    const table = new RelayHarness();
    const { a, b } = table.pair();
    // Symmetric NATs on both sides: other ports than the wire observed.
    const [alice, bob] = [at(ALICE.address, 40_001), at(BOB.address, 40_002)];
    table.send(alice, a);
    expect(table.send(bob, b)).toStrictEqual([a, alice]);
    expect(table.send(alice, a)).toStrictEqual([b, bob]);
  });

  test("never changes for a stranger, and no state is kept about it", () => {
    const table = new RelayHarness();
    const { a, b } = table.authenticatedPair();
    for (let port = 1; port <= 2_000; port++) expect(table.send(at("45.9.9.9", port), a)).toBe("stranger");
    expect(table.send(at(ALICE.address, 5), a)).toBe("stranger");
    expect(table.send(BOB, a)).toBe("stranger");
    expect(table.send(BOB, b)).toStrictEqual([a, ALICE]);
    expect([table.relay.size, table.relay.budgets, table.free.length]).toStrictEqual([1, 3, 98]);
  });

  test("gets nothing before it has authenticated", () => {
    const table = new RelayHarness();
    const { a } = table.pair();
    for (let times = 0; times < 100; times++) expect(table.send(ALICE, a)).toBe("unproved");
    expect(table.relay.packets).toBe(0);
  });

  test("that the wire observed replaces another one of its address", () => {
    const table = new RelayHarness();
    const { a, b } = table.pair();
    const neighbour = at(ALICE.address, 666);
    table.send(neighbour, a);
    expect(table.send(BOB, b)).toStrictEqual([a, neighbour]);
    expect(table.send(ALICE, a)).toStrictEqual([b, BOB]);
    expect(table.send(neighbour, a)).toBe("stranger");
    expect(table.send(BOB, b)).toStrictEqual([a, ALICE]);
  });

  test("can change to another port of its address after three seconds of silence", () => {
    const table = new RelayHarness();
    const { a, b } = table.authenticatedPair();
    const rebound = at(ALICE.address, 7_777);
    table.advance(2_999);
    expect(table.send(rebound, a)).toBe("stranger");
    table.advance(1);
    expect(table.send(rebound, a)).toStrictEqual([b, BOB]);
    expect(table.send(BOB, b)).toStrictEqual([a, rebound]);
    table.advance(60_000);
    expect(table.send(STRANGER, a)).not.toStrictEqual([b, BOB]);
  });

  test("gets nothing after 30 s of silence, until it sends again", () => {
    const table = new RelayHarness();
    const { a, b } = table.authenticatedPair();
    for (let second = 0; second < 30; second++) {
      expect(table.send(ALICE, a)).toStrictEqual([b, BOB]);
      table.advance(1_000);
    }
    expect(table.send(ALICE, a)).toBe("silent");
    expect(table.send(BOB, b)).toStrictEqual([a, ALICE]);
    expect(table.send(ALICE, a)).toStrictEqual([b, BOB]);
  });

  test("changes when its peer registers from another endpoint, and must authenticate again", () => {
    const table = new RelayHarness();
    const { a, b } = table.authenticatedPair();
    const elsewhere = at("45.3.3.3", 3_333);
    table.relay.peerMoved("default", { peer: "alice", observed: elsewhere }, table.now);
    table.relay.peerMoved("default", { peer: "nobody", observed: elsewhere }, table.now);
    table.relay.peerMoved("chess", { peer: "bob", observed: elsewhere }, table.now);
    expect(table.send(BOB, b)).toBe("unproved");
    expect(table.send(ALICE, a)).toBe("stranger");
    expect(table.send(at("45.3.3.3", 40_000), a)).toStrictEqual([b, BOB]);
    expect(table.relay.budgets).toBe(3);
  });

  test("is kept when the peer was observed at another port only", () => {
    const table = new RelayHarness();
    const { a, b } = table.authenticatedPair();
    table.relay.peerMoved("default", { peer: "alice", observed: at(ALICE.address, 7_777) }, table.now);
    expect(table.send(BOB, b)).toStrictEqual([a, ALICE]);
    expect(table.send(at(ALICE.address, 7_777), a)).toStrictEqual([b, BOB]);
  });

  test("that authenticated with a secret can be anywhere, and only another such proof changes it", () => {
    const table = new RelayHarness();
    const { a, b, allocation } = table.pair();
    const mobile = at("45.4.4.4", 4_444);
    expect(table.relay.bindEndpoint(allocation, a, mobile, table.now)).toBe(true);
    table.send(BOB, b);
    expect(table.send(mobile, a)).toStrictEqual([b, BOB]);
    table.advance(10_000);
    for (const other of [ALICE, at("45.4.4.4", 4_445)]) expect(table.send(other, a)).toBe("stranger");
    expect(table.request()).toMatchObject({ ports: [a, b] });
    expect(table.send(mobile, a)).toStrictEqual([b, BOB]);
    expect(table.relay.bindEndpoint(allocation, a, ALICE, table.now)).toBe(true);
    expect(table.send(ALICE, a)).toStrictEqual([b, BOB]);
  });

  test("cannot be of another family, private, a port of this sidecar, or in an ended allocation", () => {
    const table = new RelayHarness();
    const { a, allocation } = table.pair();
    const proves = (where: { address: string; port: number }, port = a): boolean =>
      table.relay.bindEndpoint(allocation, port, where, table.now);
    expect(proves(at("2a00::1", 1))).toBe(false);
    expect(proves(at("192.168.0.1", 1))).toBe(false);
    expect(proves(at(SIDECAR, 50_001))).toBe(false);
    expect(proves(ALICE, 40_000)).toBe(false);
    table.relay.release(allocation);
    expect(proves(ALICE)).toBe(false);
    expect(table.relay.budgets).toBe(0);
  });

  test("is never a port of this sidecar, which would loop", () => {
    const table = new RelayHarness();
    const seen = [at(SIDECAR, 1_234), at(SIDECAR, 1_235)];
    const { a, b } = table.pair("alice", "bob", { seen });
    expect(table.send(at(SIDECAR, b), a)).toBe("loop");
    expect(table.send(at(SIDECAR, a), b)).toBe("loop");
    expect(table.send(at(SIDECAR, 1_236), a)).toBe("unproved");
  });

  test("that only a datagram identifies gets no more than it sends, after an allowance", ({ task }) => {
    const table = new RelayHarness();
    const { a, b, notices } = table.pair("alice", "bob", { proved: false });
    table.send(BOB, b, 0);
    let carried = 0;
    for (let datagram = 0; datagram < 1_000; datagram++) if (typeof table.send(ALICE, a, 1_000) !== "string") carried++;
    expect(carried).toBe(Math.floor(RELAY_UNPROVED_BYTES / (1_000 + 2 * 28)));
    recordFigure(task, {
      order: 70,
      attack: "one forged datagram lets a relay send a third party's stream to a victim",
      before: "157 kB a second",
      after: `${carried} kB in all, then as much as the victim sends`,
    });
    expect(notices).toStrictEqual([{ kind: "limited", reason: "credit" }]);
    table.send(BOB, b, 600);
    expect(table.send(ALICE, a, 1_000)).toStrictEqual([b, BOB]);
    expect(table.send(ALICE, a, 1_000)).toBe("credit");
  });

  test("that another relay forwards to ends the loop by itself", () => {
    // Both sides are ports of another sidecar, which returns each datagram to the other port.
    const table = new RelayHarness();
    const other = [at("45.0.0.2", 50_000), at("45.0.0.2", 50_001)] as const;
    const { a, b } = table.pair("alice", "bob", { seen: [...other], proved: false });
    table.send(other[1], b, 8);
    let rounds = 0;
    for (let on = true; on && rounds < 100_000; rounds++) {
      // It comes back at the port that it left through, and then crosses in the other direction.
      on = typeof table.send(other[0], a, 8) !== "string" && typeof table.send(other[1], b, 8) !== "string";
    }
    expect(rounds).toBeLessThan(1_000);
  });

  test("never has port 0", () => {
    const table = new RelayHarness();
    const { a } = table.pair();
    expect(table.send({ address: ALICE.address, port: 0 }, a)).toBe("source_port_0");
  });
});

describe("a relay is refused", () => {
  test.each(["10.0.0.1", "127.0.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1", "224.0.0.1", "::1", "fe80::1"])(
    "at %s, unless private addresses are allowed",
    (address) => {
      const seen = [at(address, 1_000), at(address, 2_000)];
      expect(new RelayHarness().request("alice", "bob", { seen })).toStrictEqual({ none: "special" });
      expect(new RelayHarness().request("alice", "bob", { seen: [ALICE, seen[0]!] })).toStrictEqual({
        none: "special",
      });
      const table = new RelayHarness({ special: true });
      const { a, b } = table.pair("alice", "bob", { seen });
      table.send(seen[0]!, a);
      expect(table.send(seen[1]!, b)).toStrictEqual([a, seen[0]]);
    },
  );

  test("to a peer that moves to a private address", () => {
    const table = new RelayHarness();
    const { a, b } = table.authenticatedPair();
    table.relay.peerMoved("default", { peer: "alice", observed: at("10.0.0.1", 1) }, table.now);
    expect(table.send(at("10.0.0.1", 1), a)).toBe("stranger");
    expect(table.send(BOB, b)).toStrictEqual([a, ALICE]);
  });

  test("when no two ports are free; and one is not kept for half a pair", () => {
    const table = new RelayHarness({ ports: 3 });
    table.authenticatedPair();
    expect(table.request("carol", "dave")).toStrictEqual({ none: "exhausted" });
    expect(table.free).toHaveLength(1);
    expect(table.counters.get("relay_refused", "exhausted")).toBe(1);
  });

  test("beyond the quota of a source, on either side", () => {
    const table = new RelayHarness({ slots_per_source_max: 2 });
    const one = table.pair("alice", "bob");
    table.pair("carol", "alice", { seen: [at("45.3.3.3", 1), ALICE] });
    expect(table.request("alice", "dave", { seen: [ALICE, at("45.4.4.4", 1)] })).toStrictEqual({
      none: "source_share",
    });
    // Existing allocations stay, and can be requested again.
    expect(table.request()).toMatchObject({ ports: [one.a, one.b] });
    table.relay.release(one.allocation);
    expect(table.request("alice", "dave", { seen: [ALICE, at("45.4.4.4", 1)] })).toMatchObject({
      ports: [4, 5].map((n) => n + 50_000),
    });
  });

  test("beyond four quotas of an IPv4 /24, whatever the addresses, while other networks have theirs", () => {
    const table = new RelayHarness({ slots_per_source_max: 2 });
    const request = (index: number, network = "45.3.3") =>
      table.request(`a${index}`, `b${index}`, {
        seen: [at(`${network}.${index}`, 1), at(`45.${index}.0.1`, 1)],
      });
    for (let index = 100; index < 108; index++) expect(request(index)).not.toHaveProperty("none");
    expect(request(108)).toStrictEqual({ none: "source_share" });
    expect(request(109, "45.3.4")).not.toHaveProperty("none");
  });

  test("to a pair of one source with room for one side only", () => {
    const table = new RelayHarness({ slots_per_source_max: 3 });
    const seen = [at("2a00::1", 1), at("2a00::2", 2)];
    table.pair("a", "b", { seen });
    expect(table.request("c", "d", { seen })).toStrictEqual({ none: "source_share" });
  });

  test("when the sidecar is closing; existing allocations are notified, and continue until it closes", () => {
    const table = new RelayHarness();
    const { a, b, notices } = table.authenticatedPair();
    table.relay.drain();
    table.relay.drain();
    expect(notices).toStrictEqual([{ kind: "closing" }]);
    expect(table.request("carol", "dave")).toStrictEqual({ none: "closing" });
    expect(table.request()).toMatchObject({ ports: [a, b] });
    expect(table.send(ALICE, a)).toStrictEqual([b, BOB]);
    table.relay.close();
    expect(table.relay.size).toBe(0);
  });
});
