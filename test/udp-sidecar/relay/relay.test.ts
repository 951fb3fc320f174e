import { describe, expect, test } from "vitest";
import { ALICE, at, BOB, SIDECAR, STRANGER, Table } from "../support/relays.ts";

describe("an allocation", () => {
  test("is a pair of ports, one for each side, through which each hears the other", () => {
    const table = new Table();
    const { a, b } = table.pair();
    expect(a).not.toBe(b);
    expect(table.sends(ALICE, a)).toBe("unproved");
    expect(table.sends(BOB, b)).toStrictEqual([a, ALICE]);
    expect(table.sends(ALICE, a)).toStrictEqual([b, BOB]);
  });

  test("is the same however often and by whichever side it is asked for", () => {
    const table = new Table();
    const { a, b } = table.pair();
    expect(table.asks()).toMatchObject({ ports: [a, b] });
    expect(table.asks("bob", "alice", { seen: [BOB, ALICE] })).toMatchObject({ ports: [b, a] });
    expect([table.relay.size, table.free.length]).toStrictEqual([1, 98]);
  });

  test("is another one for another pair, and in another game", () => {
    const table = new Table();
    const pairs = [table.pair(), table.pair("alice", "carol"), table.pair("alice", "bob", { game: "chess" })];
    expect(new Set(pairs.flatMap(({ a, b }) => [a, b])).size).toBe(6);
  });

  test("a peer may be relayed to itself", () => {
    const table = new Table();
    const { a, b } = table.pair("alice", "alice", { seen: [ALICE, ALICE] });
    expect(table.sends(ALICE, a)).toBe("unproved");
    expect(table.sends(ALICE, b)).toStrictEqual([a, ALICE]);
    table.relay.release(table.pair("alice", "alice", { seen: [ALICE, ALICE] }).allocation);
    expect([table.relay.size, table.relay.budgets, table.free.length]).toStrictEqual([0, 0, 100]);
  });

  test("two peers of one address keep apart, because each has a port of its own", () => {
    const table = new Table();
    const [a1, b1] = [at("45.1.1.1", 1_000), at("45.1.1.1", 2_000)];
    const { a, b } = table.pair("alice", "bob", { seen: [a1, b1] });
    table.sends(a1, a);
    expect(table.sends(b1, b)).toStrictEqual([a, a1]);
    expect(table.sends(a1, a)).toStrictEqual([b, b1]);
    // The right address, at the other's port.
    expect(table.sends(b1, a)).toBe("stranger");
  });

  test("of IPv6 peers, in any spelling", () => {
    const table = new Table();
    const [a6, b6] = [at("2a00:1::1", 1_000), at("2a00:2::2", 2_000)];
    const { a, b } = table.pair("alice", "bob", { seen: [a6, b6] });
    table.sends(a6, a);
    expect(table.sends({ address: "2a00:2:0:0::2", port: 2_000 }, b)).toStrictEqual([a, a6]);
    expect(table.sends({ address: "2a00:1::1%eth0", port: 1_000 }, a)).toStrictEqual([b, b6]);
    expect(table.sends({ address: "2a00:1:0::1", port: 1_000 }, a)).toStrictEqual([b, b6]);
  });

  test("of IPv4 peers is not shared with one of the same peers by IPv6", () => {
    const table = new Table();
    const four = table.pair();
    const six = table.pair("alice", "bob", { seen: [at("2a00:1::1", 1), at("2a00:2::2", 2)] });
    expect(six.a).not.toBe(four.a);
    expect(table.sends(at("::ffff:45.1.1.1", 1_111), four.a)).toBe("unproved");
  });

  test("ends when it is released, and its ports are free at once", () => {
    const table = new Table();
    const { a, allocation, told } = table.proved();
    table.relay.release(allocation);
    table.relay.release(allocation);
    expect(told).toStrictEqual([{ kind: "ended", why: "released" }]);
    expect([table.relay.size, table.relay.budgets, table.free.length]).toStrictEqual([0, 0, 100]);
    expect(table.sends(ALICE, a)).toBe("unallocated");
  });

  test("ends after 30 s in which neither side was heard, and may be had again", () => {
    const table = new Table();
    const { b, told } = table.proved();
    table.passes(29_999);
    expect(table.sends(BOB, b)).not.toBe("unallocated");
    table.passes(29_999);
    expect(told).toStrictEqual([]);
    table.passes(1);
    expect(told).toStrictEqual([{ kind: "ended", why: "idle" }]);
    expect(table.free).toHaveLength(100);
    expect(table.pair().b).not.toBe(b);
  });

  test("that is asked for again is not idle", () => {
    const table = new Table();
    const { a } = table.pair();
    table.passes(29_999);
    expect(table.pair().a).toBe(a);
    table.passes(29_999);
    expect(table.relay.size).toBe(1);
  });

  test("that both peers have left ends with their last datagrams: a game may outlive its lobby", () => {
    const table = new Table();
    const { a, told } = table.proved();
    table.relay.peerLeft("default", "alice");
    table.passes(10_000);
    expect(told).toStrictEqual([]);
    table.relay.peerLeft("default", "bob");
    table.relay.peerLeft("chess", "bob");
    for (let second = 0; second < 60; second++) {
      table.sends(ALICE, a);
      table.sends(BOB, a + 1);
      table.passes(1_000);
    }
    expect(told).toStrictEqual([]);
    table.passes(1_999);
    expect(told).toStrictEqual([]);
    table.passes(1);
    expect(told).toStrictEqual([{ kind: "ended", why: "released" }]);
    expect(table.free).toHaveLength(100);
  });

  test("that is asked for again by who had left is kept as ever", () => {
    const table = new Table();
    table.pair();
    for (const peer of ["alice", "bob"]) table.relay.peerLeft("default", peer);
    table.pair();
    table.passes(29_999);
    expect(table.relay.size).toBe(1);
  });

  test("strangers do not keep it", () => {
    const table = new Table();
    const { a } = table.proved();
    for (let second = 0; second < 30; second++) {
      table.sends(STRANGER, a);
      table.passes(1_000);
    }
    expect(table.relay.size).toBe(0);
  });

  test("ports rest as long as there are others", () => {
    const table = new Table({ ports: 6 });
    const first = table.pair();
    table.relay.release(first.allocation);
    const second = table.pair();
    expect([second.a, second.b]).not.toContain(first.a);
  });
});

describe("a side's endpoint", () => {
  test("is where its first datagram comes from, if that is the address where the wire saw it", () => {
    const table = new Table();
    const { a, b } = table.pair();
    // Symmetric NATs on both sides: other ports than those that the wire saw.
    const [alice, bob] = [at(ALICE.address, 40_001), at(BOB.address, 40_002)];
    table.sends(alice, a);
    expect(table.sends(bob, b)).toStrictEqual([a, alice]);
    expect(table.sends(alice, a)).toStrictEqual([b, bob]);
  });

  test("never changes for a stranger, whatever he sends, and nothing is kept about him", () => {
    const table = new Table();
    const { a, b } = table.proved();
    for (let port = 1; port <= 2_000; port++) expect(table.sends(at("45.9.9.9", port), a)).toBe("stranger");
    expect(table.sends(at(ALICE.address, 5), a)).toBe("stranger");
    expect(table.sends(BOB, a)).toBe("stranger");
    expect(table.sends(BOB, b)).toStrictEqual([a, ALICE]);
    expect([table.relay.size, table.relay.budgets, table.free.length]).toStrictEqual([1, 3, 98]);
  });

  test("before it is proved nothing is sent there", () => {
    const table = new Table();
    const { a } = table.pair();
    for (let times = 0; times < 100; times++) expect(table.sends(ALICE, a)).toBe("unproved");
    expect(table.relay.packets).toBe(0);
  });

  test("where the wire saw it outranks another one of its address", () => {
    const table = new Table();
    const { a, b } = table.pair();
    const neighbour = at(ALICE.address, 666);
    table.sends(neighbour, a);
    expect(table.sends(BOB, b)).toStrictEqual([a, neighbour]);
    expect(table.sends(ALICE, a)).toStrictEqual([b, BOB]);
    expect(table.sends(neighbour, a)).toBe("stranger");
    expect(table.sends(BOB, b)).toStrictEqual([a, ALICE]);
  });

  test("may be another port of the same address after three seconds of silence: NATs rebind", () => {
    const table = new Table();
    const { a, b } = table.proved();
    const rebound = at(ALICE.address, 7_777);
    table.passes(2_999);
    expect(table.sends(rebound, a)).toBe("stranger");
    table.passes(1);
    expect(table.sends(rebound, a)).toStrictEqual([b, BOB]);
    expect(table.sends(BOB, b)).toStrictEqual([a, rebound]);
    table.passes(60_000);
    expect(table.sends(STRANGER, a)).not.toStrictEqual([b, BOB]);
  });

  test("is not sent to when it has been silent for 30 s, until it is heard again", () => {
    const table = new Table();
    const { a, b } = table.proved();
    for (let second = 0; second < 30; second++) {
      expect(table.sends(ALICE, a)).toStrictEqual([b, BOB]);
      table.passes(1_000);
    }
    expect(table.sends(ALICE, a)).toBe("silent");
    expect(table.sends(BOB, b)).toStrictEqual([a, ALICE]);
    expect(table.sends(ALICE, a)).toStrictEqual([b, BOB]);
  });

  test("moves when its peer has registered anew from elsewhere, and has to be proved again", () => {
    const table = new Table();
    const { a, b } = table.proved();
    const elsewhere = at("45.3.3.3", 3_333);
    table.relay.peerMoved("default", "alice", elsewhere, table.now);
    table.relay.peerMoved("default", "nobody", elsewhere, table.now);
    table.relay.peerMoved("chess", "bob", elsewhere, table.now);
    expect(table.sends(BOB, b)).toBe("unproved");
    expect(table.sends(ALICE, a)).toBe("stranger");
    expect(table.sends(at("45.3.3.3", 40_000), a)).toStrictEqual([b, BOB]);
    expect(table.relay.budgets).toBe(3);
  });

  test("is kept when the peer was only seen at another port", () => {
    const table = new Table();
    const { a, b } = table.proved();
    table.relay.peerMoved("default", "alice", at(ALICE.address, 7_777), table.now);
    expect(table.sends(BOB, b)).toStrictEqual([a, ALICE]);
    expect(table.sends(at(ALICE.address, 7_777), a)).toStrictEqual([b, BOB]);
  });

  test("that was proved with a secret may be anywhere, and only another such proof moves it", () => {
    const table = new Table();
    const { a, b, allocation } = table.pair();
    const mobile = at("45.4.4.4", 4_444);
    expect(table.relay.bindEndpoint(allocation, a, mobile, table.now)).toBe(true);
    table.sends(BOB, b);
    expect(table.sends(mobile, a)).toStrictEqual([b, BOB]);
    table.passes(10_000);
    for (const other of [ALICE, at("45.4.4.4", 4_445)]) expect(table.sends(other, a)).toBe("stranger");
    expect(table.asks()).toMatchObject({ ports: [a, b] });
    expect(table.sends(mobile, a)).toStrictEqual([b, BOB]);
    expect(table.relay.bindEndpoint(allocation, a, ALICE, table.now)).toBe(true);
    expect(table.sends(ALICE, a)).toStrictEqual([b, BOB]);
  });

  test("cannot be proved at another family, at a private address, at our own ports, nor when all is over", () => {
    const table = new Table();
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

  test("is none of our own ports: that would go round in circles", () => {
    const table = new Table();
    const seen = [at(SIDECAR, 1_234), at(SIDECAR, 1_235)];
    const { a, b } = table.pair("alice", "bob", { seen });
    expect(table.sends(at(SIDECAR, b), a)).toBe("loop");
    expect(table.sends(at(SIDECAR, a), b)).toBe("loop");
    expect(table.sends(at(SIDECAR, 1_236), a)).toBe("unproved");
  });

  test("has no port 0", () => {
    const table = new Table();
    const { a } = table.pair();
    expect(table.sends({ address: ALICE.address, port: 0 }, a)).toBe("source_port_0");
  });
});

describe("nobody is relayed", () => {
  test.each(["10.0.0.1", "127.0.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1", "224.0.0.1", "::1", "fe80::1"])(
    "at %s, unless private addresses are allowed",
    (address) => {
      const seen = [at(address, 1_000), at(address, 2_000)];
      expect(new Table().asks("alice", "bob", { seen })).toStrictEqual({ none: "special" });
      expect(new Table().asks("alice", "bob", { seen: [ALICE, seen[0]!] })).toStrictEqual({ none: "special" });
      const table = new Table({ special: true });
      const { a, b } = table.pair("alice", "bob", { seen });
      table.sends(seen[0]!, a);
      expect(table.sends(seen[1]!, b)).toStrictEqual([a, seen[0]]);
    },
  );

  test("that moves to a private address", () => {
    const table = new Table();
    const { a, b } = table.proved();
    table.relay.peerMoved("default", "alice", at("10.0.0.1", 1), table.now);
    expect(table.sends(at("10.0.0.1", 1), a)).toBe("stranger");
    expect(table.sends(BOB, b)).toStrictEqual([a, ALICE]);
  });

  test("when no two ports are left; and one is not kept for half a pair", () => {
    const table = new Table({ ports: 3 });
    table.pair();
    expect(table.asks("carol", "dave")).toStrictEqual({ none: "exhausted" });
    expect(table.free).toHaveLength(1);
    expect(table.counters.get("relay_refused", "exhausted")).toBe(1);
  });

  test("beyond his source's share, whichever side it is on", () => {
    const table = new Table({ slots_per_source_max: 2 });
    const one = table.pair("alice", "bob");
    table.pair("carol", "alice", { seen: [at("45.3.3.3", 1), ALICE] });
    expect(table.asks("alice", "dave", { seen: [ALICE, at("45.4.4.4", 1)] })).toStrictEqual({ none: "source_share" });
    // What he has he keeps, and asks for again.
    expect(table.asks()).toMatchObject({ ports: [one.a, one.b] });
    table.relay.release(one.allocation);
    expect(table.asks("alice", "dave", { seen: [ALICE, at("45.4.4.4", 1)] })).toMatchObject({
      ports: [4, 5].map((n) => n + 50_000),
    });
  });

  test("as a pair of one source where there is room for one side only", () => {
    const table = new Table({ slots_per_source_max: 3 });
    const seen = [at("2a00::1", 1), at("2a00::2", 2)];
    table.pair("a", "b", { seen });
    expect(table.asks("c", "d", { seen })).toStrictEqual({ none: "source_share" });
  });

  test("any more when the sidecar is about to stop; those who are, are told, and go on until it does", () => {
    const table = new Table();
    const { a, b, told } = table.proved();
    table.relay.drain();
    table.relay.drain();
    expect(told).toStrictEqual([{ kind: "closing" }]);
    expect(table.asks("carol", "dave")).toStrictEqual({ none: "closing" });
    expect(table.asks()).toMatchObject({ ports: [a, b] });
    expect(table.sends(ALICE, a)).toStrictEqual([b, BOB]);
    table.relay.close();
    expect(table.relay.size).toBe(0);
  });
});
