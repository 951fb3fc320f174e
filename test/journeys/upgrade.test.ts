/** Maintenance of a deployment with active lobbies: sidecars are replaced and retired, keys rotated, the hub restored. */
import { cp, rename, rm } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "../../tools/run/ports.ts";
import type { RabidPlayer } from "../../tools/run/rabid-player.ts";
import { eventually, TestStack } from "../support/test-stack.ts";
import { NetfoxPlayer } from "../support/netfox.ts";

let stack: TestStack;
const netfox: NetfoxPlayer[] = [];
beforeEach(async () => {
  stack = await TestStack.open();
});
afterEach(async () => {
  for (const player of netfox.splice(0)) player.close();
  await stack?.close();
});

/** A lobby of two members at a sidecar, both pinging. */
async function lobbyAt(sidecar: string, name: string): Promise<[RabidPlayer, RabidPlayer]> {
  const [ann, bob] = [await stack.player(sidecar), await stack.player(sidecar)];
  await ann.request(`h:${name}:Ann:4`, /^i:/);
  await bob.request(`c:${name}:Bob`, "i:Ann:Bob");
  ann.startPinging(name, "Ann");
  bob.startPinging(name, "Bob");
  return [ann, bob];
}

const errorsOf = (players: readonly RabidPlayer[]): string[] =>
  players.flatMap(({ received: heard }) => heard.filter((line) => line.startsWith("error")));

const idsOf = async (): Promise<string[]> => (await stack.lobbies()).map(({ id }) => id).toSorted();

test("replacing two sidecars one after the other loses no lobby", async () => {
  await stack.addSidecar("two");
  const lobbies = [await lobbyAt("one", "First"), await lobbyAt("two", "Second")] as const;
  const players = lobbies.flat();
  const before = await idsOf();
  expect(before).toHaveLength(2);
  for (const [at, name] of ["one", "two"].entries()) {
    expect(await stack.drainSidecar(name)).toBe(0);
    await stack.restartSidecar(name);
    const [ann, bob] = lobbies[at]!;
    await Promise.all([ann, bob].map((player) => player.waitFor("i:Ann:Bob", { from: player.received.length })));
    expect(await eventually(idsOf, (ids) => ids.length === 2)).toStrictEqual(before);
  }
  // The lobbies can still be started.
  for (const [[ann, bob], name] of [
    [lobbies[0], "First"],
    [lobbies[1], "Second"],
  ] as const) {
    ann.send(`s:${name}:Ann`);
    expect(await bob.waitFor(/^s:/)).toBe(`s:${bob.port}:Ann:127.0.0.1:${ann.port}`);
  }
  expect(errorsOf(players)).toStrictEqual([]);
});

test("a retiring sidecar refuses new lobbies, keeps existing ones and exits when they end", async () => {
  await stack.addSidecar("two");
  const ids = async (): Promise<string[]> => {
    const response = await fetch(`${stack.url}/v1/games/default/sidecars`);
    return ((await response.json()) as { sidecars: { id: string }[] }).sidecars.map(({ id }) => id);
  };
  const [ann, bob] = await lobbyAt("one", "Last");
  expect(await ids()).toStrictEqual(["one", "two"]);
  stack.signalSidecar("SIGUSR2");
  await eventually(ids, (left) => left.join() === "two");
  const [eve, carol] = [await stack.player("one"), await stack.player("one")];
  const silenced = (): Promise<number> => stack.metric('parley_dropped_total{reason="retiring"}');
  await eventually(
    () => {
      eve.send("h:New:Eve:4");
      return silenced();
    },
    (times) => times > 0,
  );
  expect(eve.received).toStrictEqual([]);
  expect(await stack.metric("parley_retiring")).toBe(1);
  await carol.request("c:Last:Carol", "i:Ann:Bob:Carol");
  carol.startPinging("Last", "Carol");
  ann.send("s:Last:Ann");
  for (const [player, name] of [
    [ann, "Ann"],
    [bob, "Bob"],
    [carol, "Carol"],
  ] as const) {
    await player.waitFor(/^s:/);
    player.stopPinging();
    player.send(`y:Last:${name}`);
  }
  expect(await stack.sidecarExitCode("one")).toBe(0);
  expect(errorsOf([ann, bob, carol])).toStrictEqual([]);
});

test("a retiring sidecar waits for its relays", async () => {
  const noray = await freePort("tcp");
  await stack.addSidecar("two", {
    PARLEY_PORTS: "PORT=noray",
    PARLEY_NORAY: String(noray),
    PARLEY_RELAY_PORTS: "20900-20999",
    PARLEY_ADDRESSES: "127.0.0.1",
  });
  for (let opened = 0; opened < 2; opened++) {
    netfox.push(await NetfoxPlayer.open("127.0.0.1", noray, stack.udpPort("two")));
  }
  const [alice, bob] = netfox as [NetfoxPlayer, NetfoxPlayer];
  await alice.host();
  expect(await bob.join(alice.oid, { first: "relay" })).toBe("relay");
  stack.signalSidecar("SIGUSR2", "two");
  // Their connections end, but the game continues.
  const port = Number(bob.noray.commands.at(-1)![1]);
  const playing = setInterval(() => bob.socket.send("ENET-CONNECT", port, "127.0.0.1"), 100);
  for (const { noray: connection } of [alice, bob]) connection.close();
  await eventually(
    () => stack.metric("parley_contacts", "two"),
    (left) => left === 0,
  );
  const carried = await stack.metric("parley_relay_packets_total", "two");
  await eventually(
    () => stack.metric("parley_relay_packets_total", "two"),
    (packets) => packets >= carried + 20,
  );
  clearInterval(playing);
  expect(await stack.sidecarExitCode("two")).toBe(0);
});

test("a key rotation refuses no message", async () => {
  const [older, newer] = [stack.key, "the-new-key-of-the-stack"];
  const [olderToken, newerToken] = ["an-older-token-key-of-32-characters", "a-newer-token-key-of-32-characters"];
  await stack.stopHub();
  await stack.startHub({ tokenKeys: olderToken });
  await stack.waitUntilLinked();
  await stack.addSidecar("two");
  const players = [...(await lobbyAt("one", "First")), ...(await lobbyAt("two", "Second"))];
  const api = `${stack.url}/v1/games/default`;
  const token = ((await (await fetch(`${api}/peers`, { method: "POST" })).json()) as { peer_token: string }).peer_token;
  const asks = async (): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    const { status } = await fetch(`${api}/lobbies/${(await idsOf())[0]}`, { headers });
    return status;
  };
  const before = await idsOf();
  const refused: number[] = [];
  const rounds = [
    // Both keys are valid; the first one signs.
    async () => {
      await stack.stopHub();
      await stack.startHub({ keys: `${newer},${older}`, tokenKeys: `${newerToken},${olderToken}` });
    },
    async () => {
      for (const name of ["one", "two"]) {
        await stack.drainSidecar(name);
        await stack.restartSidecar(name, { PARLEY_KEY: newer });
      }
    },
    // Peer tokens are valid for 30 days, so the older token key stays as long.
    async () => {
      await stack.stopHub();
      await stack.startHub({ keys: newer, tokenKeys: `${newerToken},${olderToken}` });
    },
  ];
  for (const round of rounds) {
    await round();
    for (const name of ["one", "two"]) await stack.waitUntilLinked(name);
    const status = await asks();
    if (status !== 200) refused.push(status);
    await Promise.all(players.map((player) => player.waitFor("i:Ann:Bob", { from: player.received.length })));
    const newcomer = await stack.player("two");
    await newcomer.request(`h:Round${refused.length}${before.length}:Zoe:2`, /^i:/);
    await newcomer.request(`x:Round${refused.length}${before.length}:Zoe`, /^error:player_exited_session/);
  }
  expect(refused).toStrictEqual([]);
  expect(errorsOf(players)).toStrictEqual([]);
  expect((await idsOf()).filter((id) => before.includes(id))).toStrictEqual(before);
  // The older key is no longer valid.
  const headers = { authorization: `Bearer ${older}` };
  expect((await fetch(`${stack.url}/v1/link/default/0`, { headers })).status).toBe(401);
});

test("a hub started from a copy of its storage has every lobby", async () => {
  const players: RabidPlayer[] = [];
  for (const name of ["A", "B", "C", "D", "E"]) players.push(...(await lobbyAt("one", name)));
  const before = await stack.lobbies();
  expect(before).toHaveLength(5);
  await stack.stopHub();
  const backup = `${stack.storageFolder}-backup`;
  await cp(stack.storageFolder, backup, { recursive: true });
  await rm(stack.storageFolder, { recursive: true });
  await rename(backup, stack.storageFolder);
  await stack.startHub();
  await stack.waitUntilLinked();
  expect(await stack.lobbies()).toStrictEqual(before);
  await Promise.all(players.map((player) => player.waitFor("i:Ann:Bob", { from: player.received.length })));
  expect(errorsOf(players)).toStrictEqual([]);
});
