/**
 * netfox's example game through a real hub and two real sidecars: the host registers with noray and creates its lobby, a
 * guest lists, joins over noray, and the lobby ends. What each side sends to nohub is what the addon sends.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { freePort } from "../../tools/run/ports.ts";
import { NetfoxPlayer } from "../support/netfox.ts";
import { NohubSocket } from "../support/nohub-socket.ts";
import { freshness } from "../support/freshness.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

/** The example's game. */
const GAME = "WK6koYfZ7cEMjcsba3ovxQF1lM9XjkWh";

let stack: TestStack;
const ports = new Map<string, { noray: number; nohub: number }>();
const players: NetfoxPlayer[] = [];
const clients: NohubSocket[] = [];

async function settings(name: string): Promise<Record<string, string>> {
  const own = { noray: await freePort("tcp"), nohub: await freePort("tcp") };
  ports.set(name, own);
  return {
    PARLEY_PORTS: "PORT=noray",
    PARLEY_NORAY: String(own.noray),
    PARLEY_NOHUB: String(own.nohub),
    PARLEY_NOHUB_GRACE: "1",
    PARLEY_RELAY_PORTS: name === "one" ? "23000-23019" : "23020-23039",
    PARLEY_ADDRESSES: "127.0.0.1",
  };
}

async function nohub(sidecar = "one"): Promise<NohubSocket> {
  const client = await NohubSocket.open(ports.get(sidecar)!.nohub);
  clients.push(client);
  return client;
}

async function player(sidecar = "one"): Promise<NetfoxPlayer> {
  const opened = await NetfoxPlayer.open("127.0.0.1", ports.get(sidecar)!.noray, stack.udpPort(sidecar));
  players.push(opened);
  return opened;
}

beforeAll(async () => {
  stack = await TestStack.open({ settings: await settings("one") });
  await stack.addSidecar("two", await settings("two"));
});
afterEach(() => {
  for (const one of [...players.splice(0), ...clients.splice(0)]) one.close();
});
afterAll(() => stack?.close());

test("forest brawl: create, list, join, set-data, leave", async () => {
  const alice = await player();
  await alice.host();
  const host = await nohub();
  expect(await host.request("session/set-game", GAME)).toBe(". ok\n");
  const address = `noray://127.0.0.1:${ports.get("one")!.noray}/${alice.oid}`;
  const data = (count: number): string => `name="Alice's forest" player-count=${count} player-capacity=8`;
  expect(await host.request("lobby/create", `${address} ${data(1)}`)).toBe(`. ${alice.oid} ${data(1)}\n`);

  // The guest uses the other sidecar's list; the host's sidecar is in the address.
  const guest = await nohub("two");
  await guest.request("session/set-game", GAME);
  const listed = await eventually(
    () => guest.request("lobby/list"),
    (answer) => answer !== "|\n",
  );
  expect(listed).toBe(`| ${alice.oid} ${data(1)}\n|\n`);
  expect(await guest.request("lobby/join", alice.oid)).toBe(`. ${address}\n`);
  const bob = await player();
  expect(await bob.join(alice.oid)).toBe("nat");

  expect(await host.request("lobby/set-data", `${alice.oid} ${data(2)}`)).toBe(". ok\n");
  await eventually(
    () => guest.request("lobby/get", alice.oid),
    (answer) => answer === `. ${alice.oid} ${data(2)}\n`,
  );
  // One entry, with what lists over HTTP filter by.
  const entries = await stack.lobbies("include=full&data[player-count][gte]=2");
  expect(entries).toMatchObject([
    { wire: "noray", name: "Alice's forest", seats: 8, join: { wire: "noray", uri: address } },
  ]);

  expect(await host.request("lobby/lock", alice.oid)).toBe(". ok\n");
  await eventually(
    () => guest.request("lobby/join", alice.oid),
    (answer) => answer === `! LockedError "Can't join locked lobby#${alice.oid}!"\n`,
  );
  alice.close();
  await eventually(
    () => guest.request("lobby/list"),
    (answer) => answer === "|\n",
  );
  expect(await stack.lobbies()).toStrictEqual([]);
});

test("each of twelve lobbies is in the next list, over nohub and HTTP", async () => {
  const guest = await nohub();
  const { fresh, report } = freshness("nohub");
  for (let count = 1; count <= 12; count++) {
    // A connection may have four lobbies.
    const host = count % 4 === 1 ? await nohub() : clients.at(-1)!;
    expect(await host.request("lobby/create", `enet://192.0.2.1:${7_000 + count} name=Fresh${count}`)).toMatch(/^\. /);
    const listed = await fresh(() => guest.request("lobby/list"));
    expect(listed.match(/ name=Fresh\d+\n/g)).toHaveLength(count);
    expect(await stack.lobbies("wire=nohub")).toHaveLength(count);
  }
  report();
  for (const client of clients) client.close();
  await eventually(
    () => stack.lobbies(),
    (lobbies) => lobbies.length === 0,
  );
});

test("a lobby at its own address survives a lost connection, and then ends", async () => {
  const host = await nohub();
  const created = await host.request("lobby/create", "enet://192.0.2.1:7000 name=Direct");
  const [, id] = /^\. ([\w-]{8}) name=Direct\n$/.exec(created)!;
  const guest = await nohub("two");
  const list = (): Promise<string> => guest.request("lobby/list");
  await eventually(list, (answer) => answer === `| ${id} name=Direct\n|\n`);
  host.close();
  const again = await nohub();
  expect(await again.request("lobby/create", "enet://192.0.2.1:7000 name=Again")).toBe(`. ${id} name=Again\n`);
  await eventually(list, (answer) => answer === `| ${id} name=Again\n|\n`);
  again.close();
  await eventually(list, (answer) => answer === "|\n");
  expect(await stack.lobbies()).toStrictEqual([]);
});
