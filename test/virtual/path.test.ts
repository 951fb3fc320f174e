/** A game between two channels whose paths appear, fail and change. */
import { describe, expect, test } from "vitest";
import { VirtualPair, RELAY } from "./virtual-pair.ts";
import { BEHAVIOURS } from "./nat.ts";

// Each test has hundreds of introductions, whose duration depends on the load of the machine.

const { linux, blocked, random } = BEHAVIOURS;
const cone = BEHAVIOURS["full-cone"];
const strict = BEHAVIOURS["port-restricted"];

/** Both start on the relay, are then introduced, and play until the end. */
function playing(
  until: number,
  kinds = [strict, strict] as ConstructorParameters<typeof VirtualPair>[0],
  seed = 1,
): VirtualPair {
  const friends = new VirtualPair(kinds, seed);
  friends.relay();
  friends.introduce();
  for (const peer of [friends.a, friends.b]) peer.play(until);
  return friends;
}

const both = ({ a, b }: VirtualPair): [VirtualPair["a"], VirtualPair["b"]] => [a, b];
const numbers = ({ received: got }: VirtualPair["a"]): number[] => got.map(({ number }) => number);

describe("a path", () => {
  test("is the relay at once and the direct one within a second, without loss or duplicates", () => {
    const friends = playing(5_000);
    friends.world.run(6_000);
    for (const peer of both(friends)) {
      expect(peer.paths.map(({ path }) => path)).toStrictEqual(["relay", "direct"]);
      expect(peer.paths[1]!.at).toBeLessThan(1_000);
      expect(peer.received[0]!.at).toBeLessThan(150);
      expect(peer.gap(100, 5_000)).toBeLessThan(120);
      const got = numbers(peer);
      expect(new Set(got).size).toBe(got.length);
      expect(got.length).toBeGreaterThanOrEqual(98);
    }
    expect(friends.introductions).toBe(1);
  });

  test("that is blocked during a game falls back to the relay within seconds, and returns", () => {
    const friends = playing(60_000);
    friends.world.run(10_000);
    friends.world.wide.cut("20.0.1.1", "20.0.2.1");
    friends.world.run(30_000);
    for (const peer of both(friends)) {
      const fallback = peer.paths.at(-1)!;
      expect(fallback).toMatchObject({ path: "relay", why: "silent" });
      // The event names the silence that the change cost. Probes on the relay end it somewhat before the game's datagrams.
      expect(fallback.silence_ms).toBeGreaterThan(300);
      expect(fallback.silence_ms).toBeLessThanOrEqual(peer.gap(9_900, 20_000));
      expect(peer.gap(10_000, 20_000)).toBeLessThan(1_200);
      expect(peer.gap(12_000, 30_000)).toBeLessThan(120);
    }
    expect(friends.introductions).toBeGreaterThan(1);
    friends.world.wide.cut("20.0.1.1", "20.0.2.1", false);
    friends.world.run(60_000);
    for (const peer of both(friends)) {
      expect(peer.paths.at(-1)).toMatchObject({ path: "direct", why: "opened" });
      expect(peer.paths.at(-1)!.at).toBeLessThan(35_000);
    }
  });

  test.for([
    [0, { least: 0, most: 0 }],
    // Each of the four links of a round trip loses 5 %.
    [0.05, { least: 0.08, most: 0.35 }],
  ] as const)("shows its round trip, jitter, loss and bytes with a loss of %d", ([loss, share]) => {
    const friends = new VirtualPair([strict, strict], 1, { loss });
    friends.introduce();
    for (const peer of both(friends)) peer.play(20_000);
    friends.world.run(21_000);
    const qualities = both(friends).map(({ channel }) => channel.path("direct")!.quality);
    for (const { rtt_ms, jitter_ms, loss: measured } of qualities.map((quality) => ({
      rtt_ms: quality.rtt_ms,
      jitter_ms: quality.jitter_ms,
      loss: quality.loss(friends.world.now),
    }))) {
      expect(rtt_ms).toBeGreaterThan(70);
      expect(rtt_ms).toBeLessThan(95);
      expect(jitter_ms).toBeLessThan(10);
      expect(measured).toBeGreaterThanOrEqual(share.least);
      expect(measured).toBeLessThanOrEqual(share.most);
    }
    const [a, b] = qualities;
    const arrived = b!.bytes_received / a!.bytes_sent;
    expect(arrived).toBeGreaterThan(loss === 0 ? 0.999 : 0.8);
    expect(arrived).toBeLessThan(loss === 0 ? 1.001 : 0.97);
  });

  test("that is direct is unaffected by the end of the relay", () => {
    const friends = playing(60_000);
    friends.world.run(5_000);
    friends.endRelay();
    friends.world.run(60_000);
    for (const peer of both(friends)) {
      expect(peer.gap(0, 60_000)).toBeLessThan(120);
      expect(peer.paths.at(-1)!.path).toBe("direct");
      expect(peer.channel.path("relay")).toBeUndefined();
    }
  });

  test("follows a peer to another network", () => {
    const friends = playing(40_000);
    friends.world.run(10_000);
    friends.a.moveTo(friends.home(linux));
    friends.world.run(40_000);
    for (const peer of both(friends)) {
      expect(peer.gap(10_000, 40_000)).toBeLessThan(1_500);
      expect(peer.paths.at(-1)!.path).toBe("direct");
    }
    expect(friends.b.channel.path("direct")!.place).toMatchObject({ to: { address: "20.0.3.1" } });
  });

  test("survives lost NAT mappings without an introduction if the other side's filter admits the new endpoint", () => {
    const friends = playing(20_000, [strict, cone]);
    friends.world.run(10_000);
    const before = friends.b.channel.path("direct")!.place;
    friends.routers[0]!.removeMappings();
    friends.world.run(20_000);
    expect(friends.b.channel.path("direct")!.place).not.toStrictEqual(before);
    expect(friends.introductions).toBe(1);
    for (const peer of both(friends)) {
      expect(peer.paths.at(-1)!.path).toBe("direct");
      expect(peer.gap(10_000, 20_000)).toBeLessThan(400);
    }
  });

  test("is restored by an introduction if the filter does not admit it", () => {
    const friends = playing(60_000);
    friends.world.run(10_000);
    friends.routers[0]!.removeMappings();
    friends.world.run(60_000);
    for (const peer of both(friends)) {
      expect(peer.paths.at(-1)!.path).toBe("direct");
      expect(peer.gap(10_000, 60_000)).toBeLessThan(1_500);
    }
    expect(friends.introductions).toBeGreaterThan(1);
  });

  test("from a birthday punch keeps the matching socket and closes the others", () => {
    const friends = playing(20_000, [strict, random], 4);
    friends.world.run(20_000);
    const [, lucky] = both(friends);
    const { place } = lucky.channel.path("direct")!;
    expect(place).not.toBe("tunnel");
    const hit = place === "tunnel" ? 0 : place.socket;
    expect(hit).toBeGreaterThanOrEqual(65_536);
    expect(lucky.player.open.filter((socket) => socket >= 65_536)).toStrictEqual([hit]);
    expect(lucky.gap(0, 20_000)).toBeLessThan(150);
  });

  test("uses the tunnel if UDP is blocked", () => {
    const friends = new VirtualPair([blocked, strict]);
    friends.tunnel();
    friends.relay();
    friends.introduce();
    for (const peer of both(friends)) peer.play(20_000);
    friends.world.run(20_000);
    for (const peer of both(friends)) {
      expect(peer.paths.at(-1)!.path).toBe("tunnel");
      expect(peer.gap(500, 20_000)).toBeLessThan(120);
    }
  });
});

describe("a relayed pair", () => {
  /** Both are on the relay, and no direct path exists. */
  const relayed = (until: number): VirtualPair => {
    const friends = new VirtualPair([random, random]);
    friends.relay();
    for (const peer of both(friends)) peer.play(until);
    return friends;
  };

  test("says relay for three minutes, also after other relays were assigned and entered", () => {
    const friends = relayed(180_000);
    for (const at of [30_000, 60_000, 90_000]) {
      friends.world.run(at);
      friends.relay();
    }
    friends.world.run(180_000);
    for (const peer of both(friends)) {
      expect(peer.paths.map(({ path }) => path)).toStrictEqual(["relay"]);
      expect(peer.channel.path("direct")).toBeUndefined();
      expect(peer.gap(1_000, 180_000)).toBeLessThan(200);
    }
  });

  test("emits an event within 800 ms if the relay is silent, and uses another one at once", () => {
    const friends = relayed(20_000);
    friends.world.run(10_000);
    const before = both(friends).map(({ events }) => events.length);
    friends.endRelay();
    friends.world.run(10_800);
    for (const [at, peer] of both(friends).entries())
      expect(peer.events.slice(before[at]).filter(({ type }) => type !== "data")).toStrictEqual([
        { type: "suspect", path: "relay" },
      ]);
    friends.startRelay();
    friends.relay();
    friends.world.run(20_000);
    for (const peer of both(friends)) expect(peer.gap(10_000, 20_000)).toBeLessThan(1_000);
  });
});

describe("a one-way cut", () => {
  test("of a direct path moves both ends to the relay within a second and a half", () => {
    const friends = playing(20_000);
    friends.world.run(10_000);
    friends.world.wide.cutOneWay("20.0.1.1", "20.0.2.1");
    friends.world.run(20_000);
    expect(friends.b.gap(10_000, 20_000)).toBeLessThan(1_500);
    for (const peer of both(friends))
      expect(peer.paths.some(({ path, at }) => path === "relay" && at > 10_000)).toBe(true);
  });
});

describe("a quiet game", () => {
  test("of one datagram a second is probed no more often than once a second", () => {
    const friends = playing(0);
    friends.world.run(5_000);
    const before = friends.a.player.sentTo.get("20.0.2.1") ?? 0;
    for (let second = 5; second < 65; second++) {
      for (const peer of both(friends)) peer.sendNumbered();
      friends.world.run((second + 1) * 1_000);
    }
    // A datagram, a probe and an answer each second.
    expect((friends.a.player.sentTo.get("20.0.2.1") ?? 0) - before).toBeLessThanOrEqual(190);
    for (const peer of both(friends)) expect(peer.paths.at(-1)!.path).toBe("direct");
  });
});

describe("a silent peer", () => {
  test("sends few datagrams and keeps its path through routers with a timeout of 30 seconds", () => {
    const forgetful = { ...strict, timeout_ms: 30_000 };
    const friends = playing(1_000, [forgetful, forgetful]);
    friends.world.run(2_000);
    const before = Math.max(...friends.a.player.sentTo.values());
    friends.world.run(302_000);
    for (const peer of both(friends)) expect(peer.paths.at(-1)!.path).toBe("direct");
    // Two requests and two answers in five seconds, minus the jitter.
    expect(Math.max(...friends.a.player.sentTo.values()) - before).toBeLessThan(150);
  });

  test("that does not answer either is sent nothing after 30 seconds", () => {
    const friends = playing(1_000);
    friends.world.run(5_000);
    friends.b.receive = () => false;
    friends.b.player.onDatagram = () => {};
    friends.a.play(100_000);
    friends.world.run(36_000);
    const sent = [...friends.a.player.sentTo.entries()].filter(([address]) => !address.startsWith("45.0.0.1"));
    expect(friends.a.paths.at(-1)).toMatchObject({ path: null });
    expect(friends.a.sendNumbered()).toBe(false);
    friends.a.channel.punchUnavailable(friends.world.now);
    friends.world.run(60_000);
    const later = new Map(friends.a.player.sentTo);
    expect(sent.filter(([address, count]) => address !== "20.0.2.1" && later.get(address) !== count)).toStrictEqual([]);
  });
});

test("a connection longer down than its consent is restored as soon as one side requests it", () => {
  const friends = playing(2_000);
  const cut = (isCut: boolean): void => {
    for (const other of ["20.0.2.1", RELAY]) friends.world.wide.cut("20.0.1.1", other, isCut);
  };
  friends.world.run(5_000);
  cut(true);
  friends.world.run(45_000);
  for (const peer of both(friends)) expect(peer.paths.at(-1)).toMatchObject({ path: null, why: "no_consent" });
  cut(false);
  friends.a.channel.relay(friends.relays[0]!, friends.world.now);
  friends.world.run(45_500);
  for (const { paths } of both(friends)) {
    const restored = paths[paths.findLastIndex(({ path }) => path === null) + 1];
    expect(restored).toMatchObject({ path: "relay" });
  }
});

test("a key change during a game loses nothing", () => {
  const friends = playing(10_000);
  friends.world.run(3_000);
  const key = new Uint8Array(32).fill(3);
  friends.a.channel.renew({ key, epoch: 1, role: "a" }, friends.world.now);
  friends.world.run(3_400);
  friends.b.channel.renew({ key, epoch: 1, role: "b" }, friends.world.now);
  friends.world.run(11_000);
  for (const peer of both(friends)) {
    expect(peer.gap(0, 10_000)).toBeLessThan(120);
    expect(peer.channel.routes).toHaveLength(2);
    expect(peer.channel.refused).toStrictEqual({ stray: 0, forged: 0, replayed: expect.any(Number) });
  }
});

test("a payload that is too large for every path is not sent", () => {
  const friends = playing(0);
  friends.world.run(1_000);
  expect(friends.a.channel.send(new Uint8Array(1_208), friends.world.now)).toBe(false);
  expect(friends.a.channel.send(new Uint8Array(1_207), friends.world.now)).toBe(true);
  const longest = friends.a.channel.takeDatagrams(friends.world.now).map(({ bytes }) => bytes.length);
  expect(Math.max(...longest)).toBe(1_232);
});
