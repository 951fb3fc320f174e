/** Messages over bad networks, in virtual time: the same seed gives the same run. */
import { describe, expect, test } from "vitest";
import { Result, SendFlags } from "../../src/messages/steam-constants.ts";
import { ROUGH, VirtualLobby, connectedPair, type LinkConditions } from "../support/messages.ts";

const { Reliable, UnreliableNoNagle } = SendFlags;

describe("with 30 % loss, duplicates and reordering", () => {
  test.each([1, 2, 3, 4, 5])("reliable messages arrive exactly once and in order per channel, seed %i", (seed) => {
    const { table, ann, bob, world } = connectedPair(undefined, seed);
    table.link = ROUGH;
    const [received, backwards]: [string[][], string[]] = [[[], [], []], []];
    for (let at = 0; at < 300; at++) {
      for (const channel of [0, 1, 2]) {
        expect(ann.send("Bob", `${at}`.padEnd(1 + ((at * 37 * (channel + 1)) % 2_000)), Reliable, channel)).toBe(
          Result.OK,
        );
      }
      bob.send("ann", `${at}`, Reliable, 0);
      world.run(world.now + 80);
      for (const channel of [0, 1, 2]) received[channel]!.push(...bob.texts(channel));
      backwards.push(...ann.texts());
    }
    world.run(world.now + 120_000, () => {
      for (const channel of [0, 1, 2]) received[channel]!.push(...bob.texts(channel));
      backwards.push(...ann.texts());
      return [...received, backwards].every((one) => one.length >= 300);
    });
    world.run(world.now + 5_000);
    const all = Array.from({ length: 300 }, (_, at) => at);
    for (const channel of [0, 1, 2]) {
      received[channel]!.push(...bob.texts(channel));
      expect(received[channel]!.map(Number)).toStrictEqual(all);
    }
    expect(backwards.map(Number)).toStrictEqual(all);
  });

  test.each([1, 2, 3])("unreliable messages arrive at most once, and most arrive, seed %i", (seed) => {
    const { table, ann, bob, world } = connectedPair(undefined, seed);
    table.link = ROUGH;
    const received: string[] = [];
    for (let at = 0; at < 1_000; at++) {
      ann.send("Bob", `${at}`, UnreliableNoNagle, 1);
      world.run(world.now + 30);
      received.push(...bob.texts(1));
    }
    expect(new Set(received).size).toBe(received.length);
    expect(received.length).toBeGreaterThan(600);
    expect(received.length).toBeLessThan(900);
  });
});

test("a lost single message is resent, with or without later ones", () => {
  for (const follows of [false, true]) {
    const { table, ann, bob, world } = connectedPair();
    table.cut.add("ann Bob");
    ann.send("Bob", "lost", SendFlags.ReliableNoNagle);
    table.cut.clear();
    if (follows) world.run(world.now + 5);
    if (follows) ann.send("Bob", "a position", UnreliableNoNagle, 1);
    expect(bob.waitForTexts(0, 1_000)).toStrictEqual(["lost"]);
  }
});

test("a session is established through 50 % loss", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const table = new VirtualLobby({ delay_ms: 50, loss: 0.5 }, seed);
    const [ann, bob] = [table.join("ann"), table.join("Bob")];
    ann.send("Bob", "hello");
    const texts: string[] = [];
    table.world.run(10_000, () => texts.push(...bob.texts()) > 0);
    expect(texts).toStrictEqual(["hello"]);
  }
});

describe("a level of 400 KiB", () => {
  test.each<[string, LinkConditions, number]>([
    ["at 5 % loss and 300 ms", { delay_ms: 150, loss: 0.05 }, 12_000],
    ["at 1 % loss and 40 ms", { delay_ms: 20, loss: 0.01 }, 3_000],
    ["through a line of 125 KB/s, at nearly all of it", { delay_ms: 20, rate: 125, queue: 40_000 }, 3_700],
    ["through a queue that holds eight datagrams", { delay_ms: 20, rate: 1_250, queue: 10_000 }, 1_500],
    ["in a local network", { delay_ms: 0.5 }, 100],
  ])("arrives %s", (_, weather, within_ms) => {
    const { table, ann, bob, world } = connectedPair(weather);
    const before = table.bytes.get("ann")!;
    const began = world.now;
    ann.send("Bob", Buffer.alloc(400 * 1_024, "level"), Reliable, 2);
    let arrived = 0;
    world.run(began + 60_000, () => (arrived += bob.read(2).length) > 0);
    expect(world.now - began).toBeLessThan(within_ms);
    expect(arrived).toBe(1);
    // The lost bytes again, and ten percent more, but not much beyond.
    expect(table.bytes.get("ann")! - before).toBeLessThan(400 * 1_024 * 1.2);
  });
});

test("a path that becomes longer is fully used after a while", () => {
  const { table, ann, bob, world } = connectedPair({ delay_ms: 5 });
  table.link = { delay_ms: 150, loss: 0.05 };
  let read = 0;
  const rates: number[] = [];
  for (let second = 0; second < 60; second++) {
    while (ann.send("Bob", new Uint8Array(50_000), Reliable) === Result.OK);
    world.run(world.now + 1_000);
    read += bob.read().length;
    if (second % 20 === 19) rates.push((50 * read) / 20);
    if (second % 20 === 19) read = 0;
  }
  expect(rates[2]).toBeGreaterThan(60);
});

test("positions do not wait behind a level, and the level arrives too", () => {
  const { table, ann, bob, world } = connectedPair();
  table.link = { delay_ms: 20, rate: 125, queue: 15_000 };
  const delays: number[] = [];
  const began = world.now;
  let level = 0;
  ann.send("Bob", new Uint8Array(512 * 1_024), Reliable, 2);
  for (let at = 0; at < 400; at++) {
    ann.send("Bob", `${world.now}`, UnreliableNoNagle, 1);
    const until = world.now + 20;
    world.run(until, () => {
      delays.push(...bob.texts(1).map((sent) => world.now - Number(sent)));
      level += bob.read(2).length;
      return false;
    });
  }
  const sorted = delays.toSorted((a, b) => a - b);
  // They wait only in the network's queue (120 ms), and are lost only there.
  expect(sorted.at(-1)).toBeLessThan(20 + 15_000 / 125 + 30);
  expect(delays.length).toBeGreaterThan(360);
  expect(level).toBe(1);
  expect(world.now - began).toBeLessThan(8_100);
});

test("two senders share a line fairly and use all of it", () => {
  const table = new VirtualLobby({ delay_ms: 25, rate: 250, queue: 25_000 });
  const friends = ["ann", "art"].map((name) => table.join(name));
  const guests = ["Bob", "Ben"].map((name) => table.join(name));
  const read = [0, 0];
  const pump = (from: number): void => {
    while (friends[from]!.send(guests[from]!.name, new Uint8Array(50_000), Reliable) === Result.OK);
    read[from]! += guests[from]!.read().length * 50_000;
  };
  pump(0);
  for (let step = 0; step < 300; step++) {
    pump(0);
    // The second sender starts three seconds later, when the first uses the whole line.
    if (step > 30) pump(1);
    if (step === 100) read.fill(0);
    table.world.run(table.world.now + 100);
  }
  const total = read[0]! + read[1]!;
  expect(total / 20_000).toBeGreaterThan(0.85 * 250);
  expect(Math.min(...read) / total).toBeGreaterThan(0.3);
});

test("the stats match the path", () => {
  const { table, ann, bob, world } = connectedPair();
  table.link = { delay_ms: 40, loss: 0.1 };
  for (let at = 0; at < 500; at++) {
    ann.send("Bob", "x".repeat(100), Reliable);
    world.run(world.now + 30);
    bob.read();
  }
  const stats = ann.info("Bob").stats!;
  expect(stats.ping_ms).toBeGreaterThan(75);
  expect(stats.ping_ms).toBeLessThan(110);
  expect(stats.quality_out).toBeGreaterThan(0.84);
  expect(stats.quality_out).toBeLessThan(0.96);
  expect(bob.info("ann").stats!.quality_in).toBeLessThan(0.96);
  world.run(world.now + 5_000);
  expect(ann.info("Bob").stats).toMatchObject({ pendingReliable_bytes: 0, unackedReliable_bytes: 0, queue_ms: 0 });
});
