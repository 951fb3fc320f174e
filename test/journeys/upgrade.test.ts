/** What an operator does to a house with players in it: replaces sidecars, retires one, changes keys, restores the hub. */
import { cp, rename, rm } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "../../tools/run/ports.ts";
import type { RabidPlayer } from "../../tools/run/rabid-player.ts";
import { eventually, House } from "../support/test-stack.ts";
import { NetfoxPlayer } from "../support/netfox.ts";

let house: House;
const netfox: NetfoxPlayer[] = [];
beforeEach(async () => {
  house = await House.open();
});
afterEach(async () => {
  for (const player of netfox.splice(0)) player.close();
  await house?.close();
});

/** A lobby of two at a sidecar, both of whom ping from now on. */
async function lobbyAt(sidecar: string, name: string): Promise<[RabidPlayer, RabidPlayer]> {
  const [ann, bob] = [await house.player(sidecar), await house.player(sidecar)];
  await ann.ask(`h:${name}:Ann:4`, /^i:/);
  await bob.ask(`c:${name}:Bob`, "i:Ann:Bob");
  ann.keepPinging(name, "Ann");
  bob.keepPinging(name, "Bob");
  return [ann, bob];
}

const errorsOf = (players: readonly RabidPlayer[]): string[] =>
  players.flatMap(({ heard }) => heard.filter((line) => line.startsWith("error")));

const idsOf = async (): Promise<string[]> => (await house.lobbies()).map(({ id }) => id).toSorted();

test("two sidecars are replaced one after the other while members ping, and nobody loses a lobby", async () => {
  await house.addSidecar("two");
  const lobbies = [await lobbyAt("one", "First"), await lobbyAt("two", "Second")] as const;
  const players = lobbies.flat();
  const before = await idsOf();
  expect(before).toHaveLength(2);
  for (const [at, name] of ["one", "two"].entries()) {
    expect(await house.drainSidecar(name)).toBe(0);
    await house.restartSidecar(name);
    const [ann, bob] = lobbies[at]!;
    await Promise.all([ann, bob].map((player) => player.hears("i:Ann:Bob", { from: player.heard.length })));
    expect(await eventually(idsOf, (ids) => ids.length === 2)).toStrictEqual(before);
  }
  // And they can be played.
  for (const [[ann, bob], name] of [
    [lobbies[0], "First"],
    [lobbies[1], "Second"],
  ] as const) {
    ann.say(`s:${name}:Ann`);
    expect(await bob.hears(/^s:/)).toBe(`s:${bob.port}:Ann:127.0.0.1:${ann.port}`);
  }
  expect(errorsOf(players)).toStrictEqual([]);
});

test("a sidecar that retires takes no new lobby, lets those go on that it has, and ends by itself", async () => {
  await house.addSidecar("two");
  const ids = async (): Promise<string[]> => {
    const response = await fetch(`${house.url}/v1/games/default/sidecars`);
    return ((await response.json()) as { sidecars: { id: string }[] }).sidecars.map(({ id }) => id);
  };
  const [ann, bob] = await lobbyAt("one", "Last");
  expect(await ids()).toStrictEqual(["one", "two"]);
  house.signalSidecar("SIGUSR2");
  await eventually(ids, (left) => left.join() === "two");
  const [eve, carol] = [await house.player("one"), await house.player("one")];
  const silenced = (): Promise<number> => house.metric('parley_dropped_total{reason="retiring"}');
  await eventually(
    () => {
      eve.say("h:New:Eve:4");
      return silenced();
    },
    (times) => times > 0,
  );
  expect(eve.heard).toStrictEqual([]);
  expect(await house.metric("parley_retiring")).toBe(1);
  await carol.ask("c:Last:Carol", "i:Ann:Bob:Carol");
  carol.keepPinging("Last", "Carol");
  ann.say("s:Last:Ann");
  for (const [player, name] of [
    [ann, "Ann"],
    [bob, "Bob"],
    [carol, "Carol"],
  ] as const) {
    await player.hears(/^s:/);
    player.stopPinging();
    player.say(`y:Last:${name}`);
  }
  expect(await house.endOfSidecar("one")).toBe(0);
  expect(errorsOf([ann, bob, carol])).toStrictEqual([]);
});

test("a sidecar that retires waits for what it relays", async () => {
  const noray = await freePort("tcp");
  await house.addSidecar("two", {
    PARLEY_PORTS: "PORT=noray",
    PARLEY_NORAY: String(noray),
    PARLEY_RELAY_PORTS: "20900-20999",
    PARLEY_ADDRESSES: "127.0.0.1",
  });
  for (let opened = 0; opened < 2; opened++) {
    netfox.push(await NetfoxPlayer.open("127.0.0.1", noray, house.udp("two")));
  }
  const [alice, bob] = netfox as [NetfoxPlayer, NetfoxPlayer];
  await alice.host();
  expect(await bob.join(alice.oid, { first: "relay" })).toBe("relay");
  house.signalSidecar("SIGUSR2", "two");
  // Their connections end; the game does not.
  const port = Number(bob.noray.commands.at(-1)![1]);
  const playing = setInterval(() => bob.socket.send("ENET-CONNECT", port, "127.0.0.1"), 100);
  for (const { noray: connection } of [alice, bob]) connection.close();
  await eventually(
    () => house.metric("parley_contacts", "two"),
    (left) => left === 0,
  );
  const carried = await house.metric("parley_relay_packets_total", "two");
  await eventually(
    () => house.metric("parley_relay_packets_total", "two"),
    (packets) => packets >= carried + 20,
  );
  clearInterval(playing);
  expect(await house.endOfSidecar("two")).toBe(0);
});

test("keys are changed without one message refused", async () => {
  const [older, newer] = [house.key, "the-new-key-of-the-house"];
  const [olderToken, newerToken] = ["an-older-token-key-of-32-characters", "a-newer-token-key-of-32-characters"];
  await house.endHub();
  await house.startHub({ tokenKeys: olderToken });
  await house.linked();
  await house.addSidecar("two");
  const players = [...(await lobbyAt("one", "First")), ...(await lobbyAt("two", "Second"))];
  const api = `${house.url}/v1/games/default`;
  const token = ((await (await fetch(`${api}/peers`, { method: "POST" })).json()) as { peer_token: string }).peer_token;
  const asks = async (): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    const { status } = await fetch(`${api}/lobbies/${(await idsOf())[0]}`, { headers });
    return status;
  };
  const before = await idsOf();
  const refused: number[] = [];
  const rounds = [
    // Both are good, the newer one first: it signs.
    async () => {
      await house.endHub();
      await house.startHub({ keys: `${newer},${older}`, tokenKeys: `${newerToken},${olderToken}` });
    },
    async () => {
      for (const name of ["one", "two"]) {
        await house.drainSidecar(name);
        await house.restartSidecar(name, { PARLEY_KEY: newer });
      }
    },
    // Peer tokens live for 30 days: the older token key stays as long.
    async () => {
      await house.endHub();
      await house.startHub({ keys: newer, tokenKeys: `${newerToken},${olderToken}` });
    },
  ];
  for (const round of rounds) {
    await round();
    for (const name of ["one", "two"]) await house.linked(name);
    const status = await asks();
    if (status !== 200) refused.push(status);
    await Promise.all(players.map((player) => player.hears("i:Ann:Bob", { from: player.heard.length })));
    const newcomer = await house.player("two");
    await newcomer.ask(`h:Round${refused.length}${before.length}:Zoe:2`, /^i:/);
    await newcomer.ask(`x:Round${refused.length}${before.length}:Zoe`, /^error:player_exited_session/);
  }
  expect(refused).toStrictEqual([]);
  expect(errorsOf(players)).toStrictEqual([]);
  expect((await idsOf()).filter((id) => before.includes(id))).toStrictEqual(before);
  // The older key opens nothing any more.
  const headers = { authorization: `Bearer ${older}` };
  expect((await fetch(`${house.url}/v1/link/default/0`, { headers })).status).toBe(401);
});

test("a hub that is started from a copy of its folder has every lobby", async () => {
  const players: RabidPlayer[] = [];
  for (const name of ["A", "B", "C", "D", "E"]) players.push(...(await lobbyAt("one", name)));
  const before = await house.lobbies();
  expect(before).toHaveLength(5);
  await house.endHub();
  const backup = `${house.rows}-backup`;
  await cp(house.rows, backup, { recursive: true });
  await rm(house.rows, { recursive: true });
  await rename(backup, house.rows);
  await house.startHub();
  await house.linked();
  expect(await house.lobbies()).toStrictEqual(before);
  await Promise.all(players.map((player) => player.hears("i:Ann:Bob", { from: player.heard.length })));
  expect(errorsOf(players)).toStrictEqual([]);
});
