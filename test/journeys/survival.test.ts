/** Hub or sidecar is killed with SIGKILL while lobbies are active. No lobby may be lost. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SIDECAR_GRACE_MS } from "#shared/limits.ts";
import type { RabidPlayer } from "../../tools/run/rabid-player.ts";
import { diceOf } from "../support/dice.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

let stack: TestStack;
beforeEach(async () => {
  stack = await TestStack.open({ shards: 2 });
});
afterEach(() => stack?.close());

describe("the hub is killed", () => {
  test("pings are still answered, and after the restart the lobby is listed, joinable and startable", async () => {
    const [alice, bob, carol] = [await stack.player(), await stack.player(), await stack.player()];
    await alice.request("h:Nice:Alice:4", /^i:/);
    await bob.request("c:Nice:Bob", /^i:/);
    alice.startPinging("Nice", "Alice");
    bob.startPinging("Nice", "Bob");
    const [before] = await stack.lobbies();

    await stack.killHub();
    for (let round = 0; round < 3; round++) {
      await bob.waitFor("i:Alice:Bob", { from: bob.received.length });
    }
    // A new client gets no answer meanwhile, because an error would end its session.
    const joined = carol.request("c:Nice:Carol", /./);

    await stack.startHub();
    await stack.waitUntilLinked();
    expect(await joined).toBe("i:Alice:Bob:Carol");
    const [after] = await stack.lobbies();
    expect(after).toMatchObject({ id: before!.id, name: "Nice", member_count: 3, created_at: before!.created_at });
    alice.send("s:Nice:Alice");
    const wanted = `s:${carol.port}:Alice:127.0.0.1:${alice.port};Bob:127.0.0.1:${bob.port}`;
    expect(await carol.waitFor(/^s:/)).toBe(wanted);
    expect(alice.received.concat(bob.received, carol.received).filter((line) => line.startsWith("error"))).toEqual([]);
  });

  test("a member that falls silent during the outage is dropped after it, and the others are notified", async () => {
    const alice = await stack.player();
    const bob = await stack.player();
    await alice.request("h:Nice:Alice:4", /^i:/);
    await bob.request("c:Nice:Bob", /^i:/);
    alice.startPinging("Nice", "Alice");
    await alice.waitFor("i:Alice:Bob");
    const from = alice.received.length;
    await stack.killHub();
    await stack.startHub();
    await stack.waitUntilLinked();
    expect(await bob.waitFor(/^error/)).toBe("error:player_timeout");
    await alice.waitFor("i:Alice", { from });
  });

  test("a kill among concurrent HTTP writes loses no lobby whose creation was acknowledged", async () => {
    const acknowledged: string[] = [];
    // The numbers of responses after which the hub is killed: within the first commit, and within later ones.
    for (const responses of [1, 7, 40, 120]) {
      await stack.killHub();
      await stack.startHub({ settings: { RATE_LIMITS: "off" } });
      const before = acknowledged.length;
      const writers = Array.from({ length: 32 }, () => createUntilKilled(acknowledged));
      await eventually(
        async () => acknowledged.length - before,
        (count) => count >= responses,
      );
      await stack.killHub();
      await Promise.all(writers);
    }
    await stack.startHub({ settings: { RATE_LIMITS: "off" } });
    const found = await Promise.all(acknowledged.map((id) => stack.lobby(id)));
    expect(acknowledged.filter((_, at) => found[at] === null)).toStrictEqual([]);
  });
});

test("thirty random kills of either half lose, double and revive no lobby", async () => {
  const roll = diceOf(20_261_130);
  const hosts = new Map<string, RabidPlayer>();
  const begun: Promise<void>[] = [];
  const begin = async (name: string): Promise<void> => {
    const host = await stack.player();
    await host.request(`h:${name}:Host:4`, /^i:/);
    host.startPinging(name, "Host");
    hosts.set(name, host);
  };
  await Promise.all(Array.from({ length: 8 }, (_, at) => begin(`First${at}`)));
  for (let kill = 0; kill < 30; kill++) {
    // A lobby begins in the middle of each outage, and every third time one ends just before it.
    if (kill % 3 === 0) {
      const [name, host] = [...hosts][roll(hosts.size)]!;
      hosts.delete(name);
      host.stopPinging();
      host.send(`x:${name}:Host`);
    }
    const isHub = roll(2) === 0;
    await (isHub ? stack.killHub() : stack.killSidecar());
    begun.push(begin(`During${kill}`));
    await (isHub ? stack.startHub() : stack.restartSidecar());
  }
  await Promise.all(begun);
  await stack.waitUntilLinked();
  const names = (): Promise<string[]> =>
    stack.lobbies("include=full,in_game&limit=100").then((all) => all.map(({ name }) => name).toSorted());
  const expected = [...hosts.keys()].toSorted();
  expect(expected).toHaveLength(28);
  await eventually(names, (listed) => JSON.stringify(listed) === JSON.stringify(expected));
  const refused = [...hosts.values()].flatMap(({ received }) => received.filter((line) => line.startsWith("error")));
  expect(refused).toEqual([]);
});

/** Creates lobbies one after the other, each as a new peer, until the hub no longer answers. */
async function createUntilKilled(acknowledged: string[]): Promise<void> {
  const game = `${stack.url}/v1/games/default`;
  const post = async (path: string, token?: string): Promise<Record<string, unknown>> => {
    const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
    const body = JSON.stringify(path === "peers" ? {} : { name: "Nice", seats: 2 });
    const response = await fetch(`${game}/${path}`, { method: "POST", headers, body });
    expect(response.status).toBe(201);
    return (await response.json()) as Record<string, unknown>;
  };
  for (;;) {
    const created = await post("peers")
      .then(({ peer_token }) => post("lobbies", peer_token as string))
      // The only failures are those of a killed hub.
      .catch((error: unknown) => (error instanceof TypeError ? null : Promise.reject(error)));
    if (created === null) return;
    acknowledged.push((created["lobby"] as { id: string }).id);
  }
}

describe("the sidecar is killed", () => {
  test("members that keep pinging are in the same lobby again within two pings", async () => {
    const [alice, bob, carol] = [await stack.player(), await stack.player(), await stack.player()];
    await alice.request("h:Nice:Alice:4", /^i:/);
    await bob.request("c:Nice:Bob", /^i:/);
    await carol.request("c:Nice:Carol", /^i:/);
    const [before] = await stack.lobbies();
    await stack.killSidecar();
    await stack.restartSidecar();

    for (const [player, name] of [
      [alice, "Alice"],
      [bob, "Bob"],
    ] as const) {
      const from = player.received.length;
      player.send(`p:Nice:${name}`);
      player.send(`p:Nice:${name}`);
      expect(await player.waitFor(/./, { from })).toBe("i:Alice:Bob:Carol");
      player.startPinging("Nice", name);
    }
    // Pinging members are listed again; Carol stopped with the old sidecar, so its lease expires.
    const listed = await eventually(
      () => stack.lobbies(""),
      (lobbies) => lobbies.length === 1,
    );
    expect(listed[0]!.id).toBe(before!.id);
    const [after] = await eventually(
      () => stack.lobbies(),
      ([lobby]) => lobby?.member_count === 2,
    );
    expect(after!.id).toBe(before!.id);
    await alice.waitFor("i:Alice:Bob", { from: alice.received.indexOf("i:Alice:Bob:Carol") });
    alice.send("s:Nice:Alice");
    expect(await bob.waitFor(/^s:/)).toBe(`s:${bob.port}:Alice:127.0.0.1:${alice.port}`);
    expect(alice.received.concat(bob.received).filter((line) => line.startsWith("error"))).toEqual([]);
  });

  test("a start shortly before is answered to requests shortly after", async () => {
    const alice = await stack.player();
    const bob = await stack.player();
    await alice.request("h:Nice:Alice:4", /^i:/);
    await bob.request("c:Nice:Bob", /^i:/);
    alice.send("s:Nice:Alice");
    await alice.waitFor(/^s:/);
    await stack.killSidecar();
    await stack.restartSidecar();
    const from = bob.received.length;
    bob.send("p:Nice:Bob");
    expect(await bob.waitFor(/./, { from })).toBe(`s:${bob.port}:Alice:127.0.0.1:${alice.port}`);
  });

  test("SIGTERM drains it: it exits with 0, and its lobby leaves the list at once", async () => {
    const alice = await stack.player();
    await alice.request("h:Nice:Alice:4", /^i:/);
    alice.startPinging("Nice", "Alice");
    const [before] = await stack.lobbies();
    expect(await stack.drainSidecar()).toBe(0);
    // Long before the hub would time out a silent sidecar.
    await eventually(
      () => stack.lobbies(),
      (lobbies) => lobbies.length === 0,
      SIDECAR_GRACE_MS / 2,
    );
    await stack.restartSidecar();
    const after = await eventually(
      () => stack.lobbies(),
      (lobbies) => lobbies.length === 1,
    );
    expect(after[0]?.id).toBe(before!.id);
  });
});
