/** Parley peers with the original plugin in virtual time. A test double keeps the plugin's timing. */
import { describe, expect, test } from "vitest";
import { hasMet, lobby, peersOnly, seeds } from "../support/rabid-lobby.ts";
import type { Net } from "../support/rabid.ts";

const ALICE = "203.0.113.1";
const BOB = "203.0.113.2";

describe("the test double of the plugin", () => {
  test("the test double of the plugin behaves as recorded between two real plugins", () => {
    const { net, plugins } = lobby(["PluginA", "PluginB"], { server: "original" });
    expect(net.run(() => plugins.every(({ result }) => result !== null))).toBe(true);
    expect(plugins.map(({ result }) => result?.what)).toEqual(["success", "success"]);
    const told = net.log.find(({ to, text }) => to.address === ALICE && text.startsWith("s:"))!.at;
    const sent = (text: string): number[] =>
      net.log.filter((one) => one.from.address === ALICE && one.text === text).map((one) => one.at - told);
    // Recorded: 2.06 to 2.26 s, the first neighbour 0.3 s later, the last one at 6.85 s, confirmations from 12.41 s.
    expect(sent("g:PluginA:5000:5000")).toHaveLength(5);
    expect(sent("g:PluginA:5000:5000")[0]).toBeCloseTo(2_075, -2);
    expect(sent("g:PluginA:5000:4992")).toHaveLength(5);
    expect(sent("g:PluginA:5000:4992")[0]! - sent("g:PluginA:5000:5000")[0]!).toBeCloseTo(300, 0);
    expect(sent("g:PluginA:5000:5008")[0]).toBeCloseTo(6_870, -2);
    expect(sent("c:PluginA:5000")[0]).toBeCloseTo(12_430, -2);
    expect(sent("c:PluginA:5000").length).toBeGreaterThanOrEqual(39);
    expect(sent("s:3")[0]).toBeCloseTo(14_430, -2);
    const [hostAt, guestAt] = plugins.map(({ result }) => result!.at - told) as [number, number];
    expect(Math.abs(hostAt - 14_430)).toBeLessThan(100);
    expect(Math.abs(guestAt - 17_430)).toBeLessThan(100);
  });

  test("the test double of the plugin fails if it gets no greeting", () => {
    const { net, plugins } = lobby(["PluginA", "PluginB"], { blocks: (_from, _to, text) => text.startsWith("g:") });
    net.pass(30_000);
    expect(plugins.map(({ result }) => result?.what)).toEqual(["unreachable_self", "unreachable_self"]);
  });

  test("the test double of the plugin fails as a guest if the host never confirms", () => {
    const { net, plugins } = lobby(["PluginA", "PluginB"], {
      blocks: (_from, _to, text) => text.startsWith("c:PluginA"),
    });
    net.pass(30_000);
    expect(plugins[1]!.result?.what).toBe("host_not_confirmed");
  });
});

describe("Parley host, plugin guests", () => {
  test("both succeed in the plugin's time, and the plugin gets the host's address", () => {
    const { net, startedAt, ours, plugins } = lobby(["Alice", "PluginB"]);
    expect(net.run(() => ours.every(hasMet) && plugins.every(({ result }) => result !== null))).toBe(true);
    expect(plugins[0]!.result).toMatchObject({ what: "success", host: { address: ALICE, port: 5_000 } });
    expect(ours[0]!.event("met")).toMatchObject({ missing: [], peers: [{ name: "PluginB", isHost: false }] });
    expect(net.now - startedAt).toBeLessThan(16_500);
  });

  test("the host sends only messages that the plugin expects, and r:", () => {
    const { net, ours, plugins } = lobby(["Alice", "PluginB"]);
    net.run(() => ours.every(hasMet) && plugins.every(({ result }) => result !== null));
    const told = net.log.find(({ to, text }) => to.address === BOB && text.startsWith("s:"))!.at;
    const words = peersOnly(net).filter(({ from }) => from.address === ALICE);
    expect(words.filter(({ text }) => !/^(g:Alice:5000:\d+|c:Alice:5000|s:3|r:Alice:1)$/.test(text))).toEqual([]);
    // A plugin would take a start before its confirmation for the server's start line.
    const confirmsFrom = net.log.find(({ text }) => text.startsWith("c:PluginB"))!.at;
    expect(confirmsFrom - told).toBeGreaterThan(12_000);
    expect(words.filter(({ text, at }) => text === "s:3" && at <= confirmsFrom)).toEqual([]);
    expect(words.filter(({ text }) => text.startsWith("r:")).length).toBeLessThanOrEqual(10);
    expect(words.length).toBeLessThan(300);
    expect(busiestSecond(words)).toBeLessThan(60);
  });

  test("all succeed despite 30 % loss", () => {
    for (const seed of seeds(40)) {
      const { net, ours, plugins } = lobby(["Alice", "PluginB"], { seed, ...PEERS_LOSE });
      net.run(() => ours.every(ended) && plugins.every(({ result }) => result !== null));
      const ends = [ours[0]!.event("met")?.missing, plugins[0]!.result?.what];
      expect({ seed, ends }).toEqual({ seed, ends: [[], "success"] });
    }
  });

  test("two Parley peers and a plugin start together", () => {
    for (const order of [
      ["Alice", "Bob", "PluginC"],
      ["Alice", "PluginB", "Carol"],
    ]) {
      const { net, ours, plugins } = lobby(order);
      expect(net.run(() => ours.every(hasMet) && plugins.every(({ result }) => result !== null))).toBe(true);
      expect(plugins[0]!.result?.what).toBe("success");
      expect(ours.flatMap((player) => player.event("met")!.missing)).toEqual([]);
    }
  });

  test("eleven plugins each read every message they need in time", () => {
    const order = ["Alice", ...Array.from({ length: 11 }, (_, at) => `Plugin${at}`)];
    const { net, ours, plugins } = lobby(order);
    net.run(() => ours.every(ended) && plugins.every(({ result }) => result !== null), 30_000);
    expect(plugins.map(({ result }) => result?.what)).toEqual(plugins.map(() => "success"));
    expect(ours[0]!.event("met")?.missing).toEqual([]);
  });

  test("ten Parley peers do not flood one plugin", () => {
    const order = ["Alice", "Bob", "Carol", "Dan", "Eve", "Frank", "Grace", "Heidi", "Ivan", "Judy", "Ken", "PluginL"];
    const { net, ours, plugins } = lobby(order);
    expect(net.run(() => ours.every(hasMet) && plugins.every(({ result }) => result !== null), 30_000)).toBe(true);
    expect(plugins[0]!.result?.what).toBe("success");
    expect(ours.flatMap((player) => player.event("met")!.missing)).toEqual([]);
    // The plugin reads one message per frame, 60 per second, and must keep up from when it listens again.
    const told = net.log.find(({ to, text }) => to.address === plugins[0]!.address && text.startsWith("s:"))!.at;
    const words = peersOnly(net).filter(({ to, at }) => to.address === plugins[0]!.address && at > told + 2_500);
    expect(busiestSecond(words)).toBeLessThan(60);
  });

  test("a Parley peer is silent after the meeting, though the plugin goes on for three seconds", () => {
    const { net, ours, plugins } = lobby(["Alice", "PluginB"]);
    net.run(() => ours.every(hasMet));
    const metAt = net.now;
    expect(net.run(() => plugins.every(({ result }) => result !== null))).toBe(true);
    expect(net.now - metAt).toBeGreaterThan(2_000);
    expect(peersOnly(net).filter(({ from, at }) => from.address === ALICE && at > metAt)).toEqual([]);
  });

  test("a plugin that starts too late for another plugin succeeds with a Parley peer", () => {
    // Two plugins fail if one starts 0.3 s after the other.
    const { net, ours, plugins } = lobby(["Alice", "PluginB"], { blocks: lateStart(BOB, 8) });
    net.run(() => ours.every(ended) && plugins.every(({ result }) => result !== null), 30_000);
    expect([ours[0]!.event("met")?.missing, plugins[0]!.result?.what]).toEqual([[], "success"]);
    const pair = lobby(["PluginA", "PluginB"], { blocks: lateStart(BOB, 8) });
    pair.net.run(() => pair.plugins.every(({ result }) => result !== null), 30_000);
    expect(pair.plugins[1]!.result?.what).toBe("unreachable_self");
  });

  test("a plugin that leaves midway does not block the others", () => {
    const { net, startedAt, ours } = lobby(["Alice", "Bob", "PluginC"], {
      blocks: (from, _to, text) => from.address === "203.0.113.3" && text.startsWith("c:PluginC"),
    });
    expect(net.run(() => ours.every(hasMet))).toBe(true);
    expect(net.now - startedAt).toBeLessThan(18_500);
    expect(ours[0]!.event("met")?.missing).toEqual(["PluginC"]);
  });
});

describe("plugin host, Parley guests", () => {
  test("both succeed, and the Parley guest starts when a plugin would", () => {
    const { net, ours, plugins } = lobby(["PluginA", "Bob"]);
    expect(net.run(() => ours.every(hasMet) && plugins.every(({ result }) => result !== null))).toBe(true);
    expect(plugins[0]!.result?.what).toBe("success");
    expect(ours[0]!.event("met")).toMatchObject({ host: "PluginA", isHost: false, missing: [] });
    expect(ours[0]!.event("met")!.peers).toEqual([
      { name: "PluginA", endpoint: { address: ALICE, port: 5_000 }, isHost: true },
    ]);
    expect(net.now - net.log.find(({ text }) => text === "s:3")!.at).toBeGreaterThanOrEqual(3_000);
  });

  test("all succeed despite 30 % loss", () => {
    for (const seed of seeds(40)) {
      const { net, ours, plugins } = lobby(["PluginA", "Bob"], { seed, ...PEERS_LOSE });
      net.run(() => ours.every(ended) && plugins.every(({ result }) => result !== null));
      const ends = [ours[0]!.event("met")?.missing, plugins[0]!.result?.what];
      expect({ seed, ends }).toEqual({ seed, ends: [[], "success"] });
    }
  });

  test("a plugin host, a plugin guest and a Parley guest succeed", () => {
    const { net, ours, plugins } = lobby(["PluginA", "PluginB", "Carol"]);
    expect(net.run(() => ours.every(ended) && plugins.every(({ result }) => result !== null))).toBe(true);
    expect(plugins.map(({ result }) => result?.what)).toEqual(["success", "success"]);
    expect(ours[0]!.event("met")).toMatchObject({ host: "PluginA", missing: [] });
  });

  test("a Parley guest never confirms a start before the host sent one", () => {
    const { net, ours } = lobby(["PluginA", "Bob"]);
    net.run(() => ours.every(hasMet));
    const start = net.log.find(({ text }) => text === "s:3")!.at;
    expect(net.log.filter(({ text, at }) => text.startsWith("y:Bob") && at < start)).toEqual([]);
    // Recorded of the plugin as a guest: 60 of them, 50 ms apart.
    expect(net.log.filter(({ text }) => text === "y:Bob:5000").length).toBeGreaterThan(50);
  });
});

/** 30 % loss between players only. Loss to the server is tested elsewhere. */
const PEERS_LOSE = {
  duplicates: 0.1,
  delay_ms: [5, 80],
  loss: 0.3,
  reliable: (address: string): boolean => address === "198.51.100.1",
} as const;

const ended = (player: Parameters<typeof hasMet>[0]): boolean => hasMet(player) || player.event("failed") !== undefined;

/** Loses so many start lines: with eight, the first one that arrives is the one at 500 ms. */
function lateStart(address: string, lost: number): (from: unknown, to: { address: string }, text: string) => boolean {
  let copies = 0;
  return (_from, to, text) => to.address === address && /^s:\d+:/.test(text) && copies++ < lost;
}

function busiestSecond(words: Net["log"]): number {
  return Math.max(...words.map(({ at }) => words.filter((one) => one.at >= at && one.at < at + 1_000).length));
}
