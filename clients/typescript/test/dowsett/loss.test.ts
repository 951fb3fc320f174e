/** Loss, duplicates and reordering from a seed, in virtual time. */
import { describe, expect, test } from "vitest";
import { PENDING_MESSAGES_PER_PEER_MAX } from "../../src/dowsett/limits.ts";
import { A, B, C, D, lan, Net } from "../support/dowsett.ts";

const SEEDS = Array.from({ length: 12 }, (_, at) => at + 1);

describe("under 30 % loss, 20 % duplicates and up to 400 ms of reordering", () => {
  test.each(SEEDS)("reliable messages arrive once or expire (seed %i)", (seed) => {
    const net = new Net(seed, { delay_ms: [5, 400] });
    const [host, bob] = lan(net, [["Bob", B]]);
    net.run(5_000);
    expect(host.peers()).toStrictEqual(["Bob"]);
    net.conditions.loss = 0.3;
    net.conditions.duplicates = 0.2;
    const COUNT = 200;
    for (let at = 0; at < COUNT; at++) {
      bob!.do((now) => bob!.session.sendReliable("Alice", { at }, 100 + at, now));
      net.run(10);
    }
    net.run(6_000);
    const got = host.eventsNamed("receivedReliableMessageFromPeer").map(([, { message, messageId }]) => {
      expect(message).toStrictEqual({ at: messageId });
      return messageId;
    });
    expect(new Set(got).size).toBe(got.length);
    expect(got.length).toBeGreaterThan(COUNT * 0.97);
    expect(
      got.toSorted((a, b) => a - b),
      "nothing was reordered: the link is too good",
    ).not.toStrictEqual(got);
    const arrived = host.eventsNamed("packetReceived").filter(([, { __type }]) => __type === "reliable-peer-message");
    expect(arrived.length, "no duplicate came: the link is too good").toBeGreaterThan(got.length);

    const confirmed = bob!.eventsNamed("peerConfirmedReliableMessageReceived").map(([, { messageId }]) => messageId);
    const expired = bob!.eventsNamed("reliableMessageTimeout").map(([, { messageId }]) => messageId);
    expect(confirmed.every((id) => got.includes(id))).toBe(true);
    expect([...confirmed, ...expired].toSorted((a, b) => a - b)).toStrictEqual(
      Array.from({ length: COUNT }, (_, at) => at),
    );
    expect(confirmed.length).toBeGreaterThan(COUNT * 0.85);
    for (const id of confirmed) expect(bob!.ending(100 + id)).toMatchObject({ value: { messageId: id } });
    for (const id of expired) expect(bob!.ending(100 + id)).toHaveProperty("failure");
    expect(bob!.outcomes).toHaveLength(COUNT + 1);
  });

  test.each(SEEDS)("all peer lists converge once the loss ends (seed %i)", (seed) => {
    const net = new Net(seed, { loss: 0.3, duplicates: 0.2, delay_ms: [5, 400] });
    const host = net.node("Alice", { address: A });
    host.host();
    const guests = (
      [
        ["Bob", B],
        ["Cleo", C],
        ["Dora", D],
      ] as const
    ).map(([name, address]) => net.node(name, { address }));
    const joins = (): void => {
      for (const guest of guests) if (guest.session.active === null) guest.join(A, "Alice");
    };
    for (let round = 0; round < 3; round++) {
      joins();
      net.run(4_000);
    }
    net.conditions.loss = 0;
    net.conditions.duplicates = 0;
    for (let round = 0; round < 8; round++) {
      net.run(10_000);
      joins();
    }
    net.run(30_000);
    expect(host.peers().toSorted()).toStrictEqual(["Bob", "Cleo", "Dora"]);
    for (const { name, ...guest } of guests.map((node) => ({ name: node.name, peers: node.peers() }))) {
      const others = ["Alice", "Bob", "Cleo", "Dora"].filter((other) => other !== name);
      expect(guest.peers.toSorted(), name).toStrictEqual(others);
    }
  });

  test("the same seed gives the same run", () => {
    const history = (seed: number): string[] => {
      const net = new Net(seed, { loss: 0.3, duplicates: 0.2, delay_ms: [5, 400] });
      lan(net, [
        ["Bob", B],
        ["Cleo", C],
      ]);
      net.run(20_000);
      return net.wire.map(({ at, text }) => `${at} ${text}`);
    };
    expect(history(3)).toStrictEqual(history(3));
    expect(history(3)).not.toStrictEqual(history(4));
  });
});

describe("when nothing arrives any more", () => {
  test("a message expires after five sends, a second apart, and is reported once", () => {
    const net = new Net();
    const [, bob] = lan(net, [["Bob", B]]);
    net.conditions.loss = 1;
    const from = net.now;
    bob!.do((now) => bob!.session.sendReliable("Alice", "anybody?", 9, now));
    net.run(10_000);
    const sent = net.wire.filter(({ text }) => text.includes('"reliable-peer-message"'));
    expect(sent.map(({ at }) => at - from)).toStrictEqual([0, 1_000, 2_000, 3_000, 4_000]);
    const message = { from: "Bob", to: "Alice", message: "anybody?", isBroadcast: false, messageId: 0 };
    expect(bob!.eventsNamed("reliableMessageTimeout")).toStrictEqual([["reliableMessageTimeout", message]]);
    expect(bob!.eventsNamed("packetExpired")).toHaveLength(1);
    expect(bob!.ending(9)).toStrictEqual({ failure: '"Alice" did not confirm the message' });
  });

  test("an expired message does not expire others, unlike in the script", () => {
    const net = new Net();
    const [host, bob] = lan(net, [["Bob", B]]);
    net.conditions.loss = 1;
    bob!.do((now) => bob!.session.sendReliable("Alice", "early", 8, now));
    net.run(3_500);
    bob!.do((now) => bob!.session.sendReliable("Alice", "late", 9, now));
    net.run(2_000);
    net.conditions.loss = 0;
    net.run(2_000);
    expect(bob!.ending(8)).toHaveProperty("failure");
    expect(bob!.ending(9)).toHaveProperty("value");
    expect(host.eventsNamed("receivedReliableMessageFromPeer").map(([, { message }]) => message)).toStrictEqual([
      "late",
    ]);
  });

  test("messages to a dropped peer are rejected", () => {
    const net = new Net();
    const [host] = lan(net, [["Bob", B]]);
    net.conditions.loss = 1;
    host.do((now) => host.session.sendReliable("Bob", 1, 9, now));
    host.do((now) => host.session.dropPeer("Bob", now));
    expect(host.ending(9)).toStrictEqual({ failure: 'peer "Bob" is gone' });
    net.run(10_000);
    expect(host.eventsNamed("reliableMessageTimeout")).toStrictEqual([]);
    expect(host.session.deadline).toBeNull();
  });

  test("memory is bounded: further messages are refused until others expire", () => {
    const net = new Net();
    const [host] = lan(net, [["Bob", B]]);
    net.conditions.loss = 1;
    for (let at = 0; at <= PENDING_MESSAGES_PER_PEER_MAX; at++) {
      host.do((now) => host.session.sendReliable("Bob", at, 100 + at, now));
    }
    const failure = 'too many messages await confirmation by "Bob"';
    expect(host.ending(100 + PENDING_MESSAGES_PER_PEER_MAX)).toStrictEqual({ failure });
    expect(host.eventsNamed("error")).toStrictEqual([["error", failure]]);
    net.run(6_000);
    net.conditions.loss = 0;
    host.do((now) => host.session.sendReliable("Bob", "room again", 9, now));
    net.run(100);
    expect(host.ending(9)).toHaveProperty("value");
  });

  test("a confirmed message frees its room at once", () => {
    const net = new Net();
    const [host] = lan(net, [["Bob", B]]);
    const COUNT = PENDING_MESSAGES_PER_PEER_MAX + 100;
    for (let at = 0; at < COUNT; at++) {
      host.do((now) => host.session.sendReliable("Bob", at, 100 + at, now));
      net.run(2);
    }
    expect(host.outcomes.filter(({ ending }) => "failure" in ending)).toStrictEqual([]);
    expect(host.outcomes).toHaveLength(COUNT + 1);
  });

  test("large messages are bounded by bytes", () => {
    const net = new Net();
    const [host] = lan(net, [["Bob", B]]);
    net.conditions.loss = 1;
    const large = "x".repeat(50_000);
    for (let at = 0; at < 500; at++) host.do((now) => host.session.sendReliable("Bob", large, 100 + at, now));
    const refused = host.outcomes.filter(({ ending }) => "failure" in ending);
    expect(refused.length).toBeGreaterThan(100);
    expect(refused.length).toBeLessThan(300);
  });
});
