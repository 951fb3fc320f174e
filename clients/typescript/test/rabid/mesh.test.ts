/** The Rabid peer in virtual time: players meet through loss and NATs, or get the reason why not. */
import { describe, expect, test } from "vitest";
import type { Endpoint } from "../../src/util/addresses.ts";
import { isRabidMessage } from "../../src/rabid/messages.ts";
import { endpointOf, hasMet, lobby, NAMES, peersOnly, quantile, ROUGH, seeds } from "../support/rabid-lobby.ts";
import { type Nat, ServerDouble, type ParleyPlayer } from "../support/rabid.ts";

describe("two Parley peers", () => {
  test("two Parley peers meet within 0.2 s of the start, with each other's endpoint", () => {
    const { net, startedAt, ours } = lobby(["Alice", "Bob"]);
    expect(net.run(() => ours.every(hasMet))).toBe(true);
    expect(net.now - startedAt).toBeLessThan(200);
    const [alice, bob] = ours as [ParleyPlayer, ParleyPlayer];
    expect(alice.event("met")).toEqual({
      type: "met",
      ownPort: 5_000,
      host: "Alice",
      isHost: true,
      peers: [{ name: "Bob", endpoint: endpointOf(bob), isHost: false }],
      missing: [],
    });
    expect(bob.event("met")).toMatchObject({
      host: "Alice",
      isHost: false,
      peers: [{ name: "Alice", endpoint: endpointOf(alice), isHost: true }],
    });
  });

  test("two Parley peers exchange few messages, and none after they met", () => {
    const { net, ours } = lobby(["Alice", "Bob"]);
    net.run(() => ours.every(hasMet));
    net.pass(1_000);
    expect(peersOnly(net).length).toBeLessThan(20);
    const until = net.now;
    net.pass(30_000);
    expect(net.log.filter((one) => one.at > until)).toEqual([]);
    expect(ours.map((player) => player.deadline())).toEqual([null, null]);
  });

  test("two Parley peers meet despite 30 % loss, duplicates and reordering", () => {
    const took = seeds(200).map((seed) => {
      const { net, startedAt, ours } = lobby(["Alice", "Bob"], { seed, ...ROUGH });
      expect({ seed, met: net.run(() => ours.every(hasMet)) }).toEqual({ seed, met: true });
      for (const player of ours) expect(player.event("met")?.missing).toEqual([]);
      return net.now - startedAt;
    });
    expect(quantile(took, 0.5)).toBeLessThan(1_000);
    expect(quantile(took, 0.95)).toBeLessThan(2_000);
  });

  test("two Parley peers meet although the first eleven acknowledgements of each are lost", () => {
    const lost = new Map<string, number>();
    const blocks = (from: Endpoint, _to: Endpoint, text: string): boolean => {
      if (!text.startsWith("r:")) return false;
      const count = (lost.get(from.address) ?? 0) + 1;
      lost.set(from.address, count);
      return count <= 11;
    };
    const { net, startedAt, ours } = lobby(["Alice", "Bob"], { blocks });
    expect(net.run(() => ours.every(hasMet))).toBe(true);
    expect(ours.flatMap((player) => player.event("met")?.missing ?? ["?"])).toEqual([]);
    expect(net.now - startedAt).toBeLessThan(3_000);
  });

  test("a player missing in the original server's list is met, even the host", () => {
    // Bob misses the first start lines. Alice has confirmed by then, so the list is empty, and only the roster has
    // Alice.
    const { net, ours } = lobby(["Alice", "Bob"], {
      blocks: (from, to, text) => to.address === "203.0.113.2" && from.port === 57_775 && /^s:.*Alice/.test(text),
      addresses: ["8.8.4.1", "203.0.113.2"],
      server: "original",
    });
    expect(net.run(() => ours.every(hasMet), 5_000)).toBe(true);
    expect(net.log.some(({ text }) => text === "s:5000:")).toBe(true);
    expect(ours[1]!.event("met")?.peers).toEqual([
      { name: "Alice", endpoint: { address: "8.8.4.1", port: 5_000 }, isHost: true },
    ]);
  });
});

describe("many Parley peers", () => {
  test.each([3, 12])("%i players all meet within a second", (count) => {
    const { net, startedAt, ours } = lobby(NAMES.slice(0, count));
    expect(net.run(() => ours.every(hasMet))).toBe(true);
    expect(net.now - startedAt).toBeLessThan(1_000);
    expect(ours.map((player) => player.event("met")?.peers.length)).toEqual(ours.map(() => count - 1));
  });

  test.each([3, 12])("%i players meet despite 30 % loss", (count) => {
    for (const seed of seeds(count === 12 ? 10 : 60)) {
      const { net, ours } = lobby(NAMES.slice(0, count), { seed, ...ROUGH });
      expect({ seed, met: net.run(() => ours.every(hasMet)) }).toEqual({ seed, met: true });
      expect(ours.flatMap((player) => player.event("met")?.missing ?? ["?"])).toEqual([]);
    }
  });

  test("twelve players meet although each loses 30 % in both directions", () => {
    for (const seed of seeds(10)) {
      const { net, startedAt, ours } = lobby(NAMES, { seed, ...ROUGH, loss: 1 - 0.7 * 0.7 });
      expect({ seed, met: net.run(() => ours.every(hasMet)) }).toEqual({ seed, met: true });
      expect(ours.flatMap((player) => player.event("met")?.missing ?? ["?"])).toEqual([]);
      expect(net.now - startedAt).toBeLessThan(8_000);
    }
  });

  test("present players meet without an absent one, and the result names it", () => {
    const { net, startedAt, ours } = lobby(["Alice", "Bob", "Carol"], {
      blocks: (from, to) => isPlayers(from) && isPlayers(to) && [from, to].some((one) => one.address === "203.0.113.3"),
    });
    const [alice, bob, carol] = ours as [ParleyPlayer, ParleyPlayer, ParleyPlayer];
    expect(net.run(() => hasMet(alice) && hasMet(bob))).toBe(true);
    expect(net.now - startedAt).toBeGreaterThan(7_900);
    expect(net.now - startedAt).toBeLessThan(8_500);
    expect(alice.event("met")).toMatchObject({ peers: [{ name: "Bob" }], missing: ["Carol"] });
    expect(bob.event("met")).toMatchObject({ peers: [{ name: "Alice" }], missing: ["Carol"] });
    net.pass(20_000);
    expect(carol.event("failed")).toEqual({ type: "failed", code: "unreachable_self" });
  });
});

describe("no players", () => {
  test("a player that receives no one is unreachable after eight seconds, and has sent only what was planned", () => {
    const { net, startedAt, ours } = lobby(["Alice", "Bob"], {
      blocks: (from, to) => isPlayers(from) && isPlayers(to),
    });
    expect(net.run(() => ours.every((player) => player.event("failed") !== undefined))).toBe(true);
    expect(ours.map((player) => player.event("failed")?.code)).toEqual(["unreachable_self", "unreachable_self"]);
    expect(net.now - startedAt).toBeLessThan(8_500);
    const words = peersOnly(net).filter(({ from }) => from.address === "203.0.113.1");
    expect(new Set(words.map(({ to }) => to.port)).size).toBe(17);
    expect(Math.min(...words.map(({ to }) => to.port))).toBe(4_992);
    expect(Math.max(...words.map(({ to }) => to.port))).toBe(5_008);
    expect(words.length).toBeLessThan(150);
    for (const port of [4_992, 5_001]) expect(words.filter(({ to }) => to.port === port)).toHaveLength(5);
    expect(ours.map((player) => player.deadline())).toEqual([null, null]);
  });

  test("a guest that receives another guest, but not the host, reports that", () => {
    const { net, ours } = lobby(["Alice", "Bob", "Carol"], {
      blocks: (from, to) => isPlayers(from) && isPlayers(to) && [from, to].some((one) => one.address === "203.0.113.1"),
    });
    net.pass(30_000);
    expect(ours.map((player) => player.event("failed")?.code)).toEqual([
      "unreachable_self",
      "host_not_confirmed",
      "host_not_confirmed",
    ]);
  });

  test("a host that receives a guest which cannot receive it gives up too", () => {
    const { net, ours } = lobby(["Alice", "Bob"], {
      blocks: (from, to) => isPlayers(from) && isPlayers(to) && from.address === "203.0.113.1",
    });
    net.pass(30_000);
    expect(ours.map((player) => player.event("failed")?.code)).toEqual(["unreachable_self", "unreachable_self"]);
  });
});

describe("behind NATs", () => {
  const PRESERVE: Nat = { mapping: "preserve", filtering: "port" };
  const SHIFT: Nat = { mapping: "shift", filtering: "port" };
  const SEQUENTIAL: Nat = { mapping: "sequential", filtering: "port" };
  const CONE: Nat = { mapping: "shift", filtering: "open" };

  test.each([
    ["port-preserving", PRESERVE, PRESERVE],
    ["port-rewriting", SHIFT, SHIFT],
    ["port-rewriting and open", SHIFT, CONE],
    ["counting and open", SEQUENTIAL, CONE],
    ["counting and port-rewriting", SEQUENTIAL, SHIFT],
  ])("%s: two Parley peers meet within a second, at the observed sources", (_name, one, other) => {
    for (const nats of [
      { Alice: one, Bob: other },
      { Alice: other, Bob: one },
    ]) {
      const { net, startedAt, ours } = lobby(["Alice", "Bob"], { nats });
      expect(net.run(() => ours.every(hasMet))).toBe(true);
      expect(net.now - startedAt).toBeLessThan(1_000);
      for (const [index, player] of ours.entries()) {
        const from = net.log.findLast((word) => word.from.address === ours[1 - index]!.address && isPlayers(word.to));
        expect(player.event("met")?.peers.map(({ endpoint }) => endpoint)).toEqual([from?.from]);
      }
    }
  });

  test("a player whose NAT maps each destination to another port is answered there", () => {
    const { net, ours } = lobby(["Alice", "Bob"], { nats: { Alice: SEQUENTIAL, Bob: CONE } });
    net.run(() => ours.every(hasMet));
    const told = /Alice:203.0.113.1:([0-9]+)/.exec(net.log.find(({ text }) => /^s:.*Alice:/.test(text))!.text)![1];
    const seen = ours[1]!.event("met")!.peers[0]!.endpoint.port;
    expect(seen).not.toBe(Number(told));
    expect(net.log.some(({ to, text }) => to.port === seen && /^r:Bob:[123]$/.test(text))).toBe(true);
  });

  test("twelve players behind port-rewriting NATs all meet", () => {
    const nats = Object.fromEntries(NAMES.map((name) => [name, SHIFT]));
    const { net, ours } = lobby(NAMES, { nats });
    expect(net.run(() => ours.every(hasMet), 3_000)).toBe(true);
    expect(ours.flatMap((player) => player.event("met")!.missing)).toEqual([]);
  });
});

test("every message of a session is recognised, and a game's datagram is not", () => {
  const { net, ours } = lobby(["Alice", "Bob"]);
  net.run(() => ours.every(hasMet));
  const received = net.log.filter(({ to }) => to.port !== ServerDouble.endpoint.port);
  expect(received.filter(({ text }) => !isRabidMessage(Buffer.from(text)))).toEqual([]);
  for (const text of ["", "hello", "x:1", "g:Alice", "\u0000\u0001\u0002\u0003"]) {
    expect(isRabidMessage(Buffer.from(text))).toBe(false);
  }
});

function isPlayers({ address }: { address: string }): boolean {
  return address !== ServerDouble.endpoint.address;
}
