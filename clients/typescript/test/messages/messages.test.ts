/** Sessions and messages as Steam's headers describe them, in virtual time. */
import { describe, expect, test } from "vitest";
import { ConnectionEnd, ConnectionState, Result, SendFlags } from "../../src/messages/steam-constants.ts";
import { FAIR, VirtualLobby, connectedPair } from "../support/messages.ts";

const { Reliable, ReliableNoNagle, Unreliable, UnreliableNoNagle, UnreliableNoDelay, AutoRestartBrokenSession } =
  SendFlags;
const LONGEST = 512 * 1_024;

describe("a session", () => {
  test("a session is requested by the first message, and established once the peer accepts", () => {
    const table = new VirtualLobby(FAIR);
    const [ann, bob] = [table.join("ann"), table.join("Bob")];
    expect(ann.send("Bob", "one")).toBe(Result.OK);
    expect(ann.send("Bob", "two")).toBe(Result.OK);
    expect(ann.state("Bob")).toBe(ConnectionState.Connecting);
    table.world.run(1_000);
    expect(bob.requests()).toStrictEqual(["ann"]);
    expect(bob.texts()).toStrictEqual(["one", "two"]);
    expect([ann.state("Bob"), bob.state("ann")]).toStrictEqual([3, 3]);
    expect([...ann.events, ...bob.failures()]).toStrictEqual([]);
  });

  test("a session that is ignored reveals nothing: no path, no datagram, and the requester gives up after 10 s", () => {
    const table = new VirtualLobby(FAIR);
    const [ann, bob] = [table.join("ann"), table.join("Bob")];
    bob.accepts = false;
    for (let second = 0; second < 20; second++) {
      ann.send("Bob", `${second}`);
      table.world.run(second * 1_000 + 999);
    }
    expect(table.sent.size).toBe(0);
    expect([...ann.open, ...bob.open]).toStrictEqual([]);
    expect(ann.failures()).toMatchObject([
      { peer: "Bob", reason: ConnectionEnd.MiscP2PRendezvous, state: 5, at: 10_000 },
    ]);
    // The event repeats while the other sends, and stops after its failure.
    expect(bob.requests().length).toBeGreaterThanOrEqual(4);
    expect(bob.requests().length).toBeLessThanOrEqual(6);
    expect(ann.send("Bob", "more")).toBe(Result.NoConnection);
  });

  test("a session that is ignored on an open path gets no answer, and is requested again", () => {
    const table = new VirtualLobby(FAIR);
    const [ann, bob] = [table.join("ann"), table.join("Bob")];
    bob.accepts = false;
    table.introduce("ann", "Bob");
    table.world.run(100);
    ann.send("Bob", "hello");
    table.world.run(15_000);
    expect(table.sent.get("Bob")).toBeUndefined();
    expect(bob.requests().length).toBeGreaterThanOrEqual(4);
    expect(ann.failures()).toMatchObject([{ reason: ConnectionEnd.RemoteTimeout }]);
    expect(bob.failures()).toStrictEqual([]);
  });

  test("a session is accepted by sending", () => {
    const table = new VirtualLobby(FAIR);
    const [ann, bob] = [table.join("ann"), table.join("Bob")];
    bob.accepts = false;
    ann.send("Bob", "to Bob");
    table.world.run(500);
    bob.send("ann", "to Ann");
    table.world.run(1_000);
    expect([ann.texts(), bob.texts()]).toStrictEqual([["to Ann"], ["to Bob"]]);
    expect(ann.requests()).toStrictEqual([]);
  });

  test("a session is established once if both begin at the same time", () => {
    const table = new VirtualLobby(FAIR);
    const [ann, bob] = [table.join("ann"), table.join("Bob")];
    ann.send("Bob", "to Bob");
    bob.send("ann", "to Ann");
    table.world.run(1_000);
    expect([ann.texts(), bob.texts()]).toStrictEqual([["to Ann"], ["to Bob"]]);
    expect([...ann.events, ...bob.events]).toStrictEqual([]);
  });

  test("a session that was closed ends without an event at the peer, which gets a bye when it sends", () => {
    const { ann, bob, world } = connectedPair();
    expect(bob.call((it, now) => it.closeSessionWithUser("ann", now))).toBe(true);
    world.run(world.now + 500);
    expect(ann.state("Bob")).toBe(ConnectionState.ClosedByPeer);
    expect(ann.info("Bob").endReason).toBe(ConnectionEnd.AppGeneric);
    expect([...ann.events, ...bob.failures()]).toStrictEqual([]);
    expect(bob.state("ann")).toBe(ConnectionState.None);
    expect(ann.send("Bob", "still there?")).toBe(Result.NoConnection);
    expect([...ann.open, ...bob.open]).toStrictEqual([]);
  });

  test("a session that is broken restarts with AutoRestartBrokenSession, or once it was closed", () => {
    for (const how of ["flag", "close"]) {
      const { ann, bob, world } = connectedPair();
      bob.call((it, now) => it.closeSessionWithUser("ann", now));
      world.run(world.now + 500);
      if (how === "close") expect(ann.call((it, now) => it.closeSessionWithUser("Bob", now))).toBe(true);
      expect(ann.send("Bob", "again", how === "flag" ? Reliable | AutoRestartBrokenSession : Reliable)).toBe(Result.OK);
      world.run(world.now + 1_000);
      expect(bob.requests()).toStrictEqual(["ann", "ann"]);
      expect(bob.texts()).toStrictEqual(["again"]);
    }
  });

  test("a session that is idle for 3 minutes is removed without an event, and an active one is not", () => {
    const { ann, bob, world } = connectedPair();
    for (let minute = 0; minute < 5; minute++) {
      bob.send("ann", "tick");
      world.run(world.now + 60_000);
      expect(ann.state("Bob")).toBe(ConnectionState.Connected);
    }
    world.run(world.now + 181_000);
    expect([ann.state("Bob"), bob.state("ann")]).toStrictEqual([0, 0]);
    expect([...ann.events, ...bob.failures()]).toStrictEqual([]);
    expect(ann.messenger.deadline()).toBe(Infinity);
  });

  test("a session is new if the peer restarts, and nothing of the old one is accepted", () => {
    const { table, ann, bob, world } = connectedPair();
    ann.send("Bob", "before");
    world.run(world.now + 500);
    const again = table.join("Bob");
    ann.accepts = true;
    again.send("ann", "it is me again");
    world.run(world.now + 1_000);
    expect(ann.requests()).toStrictEqual(["Bob"]);
    expect(ann.texts()).toStrictEqual(["it is me again"]);
    ann.send("Bob", "welcome back");
    world.run(world.now + 500);
    expect(again.texts()).toStrictEqual(["welcome back"]);
    expect(bob.texts()).toStrictEqual(["before"]);
  });

  test("a session that does not exist cannot be accepted or closed", () => {
    const table = new VirtualLobby(FAIR);
    const ann = table.join("ann");
    const calls = [
      ann.call((it, now) => it.acceptSessionWithUser("Bob", now)),
      ann.call((it, now) => it.closeSessionWithUser("Bob", now)),
      ann.call((it, now) => it.closeChannelWithUser("Bob", 0, now)),
    ];
    expect(calls).toStrictEqual([false, false, false]);
    expect(ann.info("Bob")).toMatchObject({ state: ConnectionState.None, stats: null });
  });
});

describe("a session fails", () => {
  test("a session fails with 4001 if the peer vanished while others are received", () => {
    const { table, ann, world } = connectedPair();
    const eve = table.join("Eve");
    eve.send("ann", "hello");
    world.run(world.now + 1_000);
    table.cut.add("Bob ann").add("ann Bob");
    ann.send("Bob", "are you there?");
    world.run(world.now + 20_000);
    expect(ann.failures()).toMatchObject([{ peer: "Bob", reason: ConnectionEnd.RemoteTimeout, state: 5 }]);
    expect(ann.state("Eve")).toBe(ConnectionState.Connected);
  });

  test("a session fails with 5003 if no peer is received, though nothing was sent", () => {
    const { table, ann, bob, world } = connectedPair();
    table.cut.add("Bob ann").add("ann Bob");
    world.run(world.now + 20_000);
    for (const one of [ann, bob])
      expect(one.failures()).toMatchObject([{ reason: ConnectionEnd.MiscTimeout, state: 5 }]);
    expect(ann.open.size).toBe(0);
  });

  test("a session fails with 4100 if the peer refused", () => {
    const table = new VirtualLobby(FAIR);
    const [ann, bob] = [table.join("ann"), table.join("Bob")];
    bob.accepts = false;
    ann.send("Bob", "may I?");
    table.world.run(500);
    expect(bob.call((it, now) => it.closeSessionWithUser("ann", now))).toBe(true);
    table.world.run(1_000);
    expect(ann.failures()).toMatchObject([{ reason: ConnectionEnd.RemoteDenied, state: 5, debug: "the peer said no" }]);
    expect(table.sent.size).toBe(0);
  });

  test("a session fails with 4100 if the peer refused on an open path", () => {
    const table = new VirtualLobby(FAIR);
    const [ann, bob] = [table.join("ann"), table.join("Bob")];
    bob.accepts = false;
    table.introduce("ann", "Bob");
    table.world.run(100);
    ann.send("Bob", "may I?");
    table.world.run(500);
    bob.call((it, now) => it.closeSessionWithUser("ann", now));
    table.world.run(1_000);
    expect(ann.failures()).toMatchObject([{ reason: ConnectionEnd.RemoteDenied }]);
  });

  test("a session fails with 3002 if the own network blocks, as the paths report", () => {
    const table = new VirtualLobby(FAIR);
    table.hubIsDown = true;
    const ann = table.join("ann");
    ann.send("Bob", "hello");
    const { LocalManyRelayConnectivity } = ConnectionEnd;
    ann.call((it, now) => it.pathLost("Bob", LocalManyRelayConnectivity, "no sidecar answers", now));
    expect(ann.failures()).toMatchObject([
      { reason: LocalManyRelayConnectivity, debug: "no sidecar answers", state: 5 },
    ]);
    expect(ann.info("Bob")).toMatchObject({ state: 5, endReason: 3_002, endDebug: "no sidecar answers" });
  });

  test("a session fails and messages that arrived before can still be read", () => {
    const { table, ann, bob, world } = connectedPair();
    ann.send("Bob", "last words");
    world.run(world.now + 500);
    table.cut.add("Bob ann").add("ann Bob");
    world.run(world.now + 20_000);
    expect(bob.state("ann")).toBe(ConnectionState.ProblemDetectedLocally);
    expect(bob.texts()).toStrictEqual(["last words"]);
  });
});

describe("a message", () => {
  test("a message of 512 KiB is accepted and arrives, one byte more is refused", () => {
    for (const flags of [ReliableNoNagle, UnreliableNoNagle]) {
      const { ann, bob, world } = connectedPair();
      expect(ann.send("Bob", new Uint8Array(LONGEST + 1), flags)).toBe(Result.InvalidParam);
      expect(ann.send("Bob", Buffer.alloc(LONGEST, "abc"), flags)).toBe(Result.OK);
      world.run(world.now + 10_000);
      expect(bob.read().map(({ payload }) => Buffer.from(payload).equals(Buffer.alloc(LONGEST, "abc")))).toStrictEqual([
        true,
      ]);
    }
  });

  test("a message may be empty", () => {
    const { ann, bob, world } = connectedPair();
    for (const flags of [Reliable, Unreliable]) ann.send("Bob", "", flags);
    world.run(world.now + 500);
    expect(bob.read().map(({ payload }) => payload.length)).toStrictEqual([0, 0]);
  });

  test("a message is refused behind more than 1 MiB of others, and accepted again after their delivery", () => {
    const { ann, bob, world } = connectedPair();
    const results = Array.from({ length: 5 }, () => ann.send("Bob", new Uint8Array(300_000)));
    expect(results).toStrictEqual([1, 1, 1, 25, 25]);
    expect(ann.info("Bob").stats!.pendingReliable_bytes + ann.info("Bob").stats!.unackedReliable_bytes).toBe(900_012);
    world.run(world.now + 1_000);
    expect(bob.read()).not.toHaveLength(0);
    world.run(world.now + 5_000);
    expect(ann.send("Bob", new Uint8Array(300_000))).toBe(Result.OK);
  });

  test("a message waits for the session, within the same limit", () => {
    const table = new VirtualLobby(FAIR);
    const [ann, bob] = [table.join("ann"), table.join("Bob")];
    const results = Array.from({ length: 4 }, () => ann.send("Bob", new Uint8Array(300_000)));
    expect(results).toStrictEqual([1, 1, 1, 25]);
    table.world.run(10_000);
    expect(bob.read()).toHaveLength(2);
  });

  test("a message to the own id, on an invalid channel or with an invalid flag is refused", () => {
    const { ann } = connectedPair();
    const bad = [
      ann.send("ann", "x"),
      ann.send("Bob", "x", 9, -1),
      ann.send("Bob", "x", 9, 65_536),
      ann.send("Bob", "x", 9, 0.5),
      ann.send("Bob", "x", 2),
      ann.send("Bob", "x", 64),
    ];
    expect(new Set(bad)).toStrictEqual(new Set([Result.InvalidParam]));
    const channels = Array.from({ length: 33 }, (_, channel) => ann.send("Bob", "x", 9, 1_000 + channel));
    // Channel 9 is already in use.
    expect(channels.filter((result) => result === Result.OK)).toHaveLength(31);
    expect(channels.at(-1)).toBe(Result.LimitExceeded);
  });

  test("a message waits 5 ms for others, and with NoNagle does not", () => {
    for (const [flags, least, most] of [
      [Reliable, 25, 26],
      [ReliableNoNagle, 20, 21],
      [Unreliable, 25, 26],
      [UnreliableNoNagle, 20, 21],
    ] as const) {
      const { table, ann, bob, world } = connectedPair();
      const [began, before] = [world.now, table.sent.get("ann")!];
      for (let at = 0; at < 10; at++)
        ann.send("Bob", `${at}`, flags === ReliableNoNagle || flags === UnreliableNoNagle ? flags & ~1 : flags);
      if ((flags & 1) !== 0) ann.send("Bob", "now", flags);
      bob.waitForTexts(0, 500);
      expect(world.now - began).toBeGreaterThanOrEqual(least - 0.1);
      expect(world.now - began).toBeLessThanOrEqual(most);
      expect(table.sent.get("ann")! - before).toBe(1);
    }
  });

  test("a message with NoDelay is dropped and reported if it cannot leave within 200 ms", () => {
    const table = new VirtualLobby(FAIR);
    const [ann, bob] = [table.join("ann"), table.join("Bob")];
    expect(ann.send("Bob", "too early", UnreliableNoDelay)).toBe(Result.Ignored);
    ann.send("Bob", "hello");
    table.world.run(1_000);
    expect(ann.send("Bob", "now", UnreliableNoDelay)).toBe(Result.OK);
    table.world.run(2_000);
    expect(bob.texts()).toStrictEqual(["hello", "now"]);
    while (ann.send("Bob", new Uint8Array(50_000), UnreliableNoNagle) === Result.OK);
    expect(ann.send("Bob", "too much", UnreliableNoDelay)).toBe(Result.Ignored);
    // Reliable messages are never dropped by NoDelay.
    expect(ann.send("Bob", "x", UnreliableNoDelay | Reliable)).not.toBe(Result.Ignored);
  });

  test("a message is copied from the game's buffer", () => {
    const { ann, bob, world } = connectedPair();
    const buffer = Buffer.from("before");
    ann.call((it, now) => it.sendMessageToUser("Bob", buffer, Reliable, 0, now));
    buffer.fill("x");
    world.run(world.now + 500);
    expect(bob.texts()).toStrictEqual(["before"]);
  });

  test("a message has its sender, channel, number and flags", () => {
    const { ann, bob, world } = connectedPair();
    ann.send("Bob", "a", Reliable, 7);
    ann.send("Bob", "b", UnreliableNoNagle, 7);
    world.run(world.now + 500);
    const read = bob.read(7).toSorted((a, b) => b.flags - a.flags);
    expect(read).toMatchObject([
      { peer: "ann", channel: 7, flags: Reliable },
      { peer: "ann", channel: 7, flags: Unreliable },
    ]);
    expect(new Set(read.map(({ messageNumber }) => messageNumber))).toStrictEqual(new Set([1, 2]));
  });
});

describe("channels", () => {
  test("channels are read separately, a batch at a time", () => {
    const { ann, bob, world } = connectedPair();
    for (let at = 0; at < 10; at++) ann.send("Bob", `${at}`, Reliable, at % 2);
    world.run(world.now + 500);
    expect(bob.read(1, 2).map(({ payload }) => `${Buffer.from(payload)}`)).toStrictEqual(["1", "3"]);
    expect(bob.texts(0)).toStrictEqual(["0", "2", "4", "6", "8"]);
    expect(bob.texts(1)).toStrictEqual(["5", "7", "9"]);
    expect(bob.texts(1)).toStrictEqual([]);
  });

  test("channels do not block each other: chat overtakes a level", () => {
    const { table, ann, bob, world } = connectedPair();
    table.link = { delay_ms: 20, rate: 125, queue: 40_000 };
    ann.send("Bob", new Uint8Array(LONGEST), Reliable, 2);
    world.run(world.now + 1_000);
    const began = world.now;
    ann.send("Bob", "hello", ReliableNoNagle, 0);
    expect(bob.waitForTexts(0, 10_000)).toStrictEqual(["hello"]);
    expect(world.now - began).toBeLessThan(500);
    expect(bob.read(2)).toHaveLength(0);
    world.run(began + 10_000);
    expect(bob.read(2)).toHaveLength(1);
  });

  test("channels that the game does not read do not stop others", () => {
    const { ann, bob, world } = connectedPair();
    let sent = 0;
    for (let second = 0; second < 20; second++) {
      for (let at = 0; at < 10; at++) if (ann.send("Bob", new Uint8Array(20_000), Reliable, 5) === Result.OK) sent++;
      ann.send("Bob", `${second}`, Reliable, 0);
      world.run(world.now + 1_000);
      expect(bob.texts(0)).toStrictEqual([`${second}`]);
    }
    // Unread bytes wait at the receiver up to 768 KiB, and at the sender up to its limit.
    expect(sent).toBeLessThan(100);
    let read = 0;
    for (let second = 0; second < 10; second++) {
      read += bob.read(5).length;
      world.run(world.now + 1_000);
    }
    expect(read).toBe(sent);
  });

  test("channels that are closed one by one close the session with the last", () => {
    const { ann, bob, world } = connectedPair();
    ann.send("Bob", "a", Reliable, 1);
    world.run(world.now + 500);
    const closes = (channel: number): boolean => bob.call((it, now) => it.closeChannelWithUser("ann", channel, now));
    expect([closes(9), closes(9)]).toStrictEqual([true, false]);
    expect(bob.state("ann")).toBe(ConnectionState.Connected);
    expect(closes(1)).toBe(true);
    // The unread messages are gone, and so is the session.
    expect(bob.texts(1)).toStrictEqual([]);
    expect(bob.state("ann")).toBe(ConnectionState.None);
    world.run(world.now + 500);
    expect(ann.state("Bob")).toBe(ConnectionState.ClosedByPeer);
    ann.send("Bob", "b", Reliable | AutoRestartBrokenSession, 1);
    world.run(world.now + 1_000);
    expect(bob.requests()).toStrictEqual(["ann", "ann"]);
  });
});

describe("compression", () => {
  const level = Buffer.from("grass grass stone water ".repeat(2_000));

  test.each([
    [true, true, true],
    [true, false, false],
    [false, true, false],
  ])("here %s, there %s: %s", (here, there, isShort) => {
    const table = new VirtualLobby(FAIR);
    const [ann, bob] = [table.join("ann", here), table.join("Bob", there)];
    ann.send("Bob", level);
    ann.send("Bob", level, UnreliableNoNagle, 1);
    table.world.run(2_000);
    for (const channel of [0, 1]) {
      expect(bob.read(channel).map(({ payload }) => Buffer.from(payload).equals(level))).toStrictEqual([true]);
    }
    expect(table.bytes.get("ann")! < level.length / 4).toBe(isShort);
  });

  test("compression leaves incompressible data as it is", () => {
    const { table, ann, bob, world } = connectedPair(FAIR, 1, true);
    const noise = Buffer.from(Array.from({ length: 1_000 }, () => Math.floor(world.dice() * 256)));
    ann.send("Bob", noise);
    world.run(world.now + 500);
    expect(Buffer.from(bob.read()[0]!.payload).equals(noise)).toBe(true);
    expect(table.bytes.get("ann")).toBeLessThan(1_300);
  });
});
