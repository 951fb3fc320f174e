/** The number of hubs of a game changes while lobbies are open. None may be lost, and new ones follow the new number. */
import { WebSocket } from "ws";
import { afterEach, expect, test } from "vitest";
import type { LobbyView } from "#shared/api/lobbies.ts";
import { shardOf, shardOfId } from "#shared/lobby/ids.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

const SETTINGS = { RATE_LIMITS: "off" };
let stack: TestStack;
const sockets: WebSocket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await stack?.close();
});

type Peer = { readonly peer_id: string; readonly peer_token: string };
type Made = Peer & { readonly lobby: LobbyView };

async function request<T>(peer: Peer, method: string, path: string, status: number, body?: object): Promise<T> {
  const response = await fetch(`${stack.url}/v1/games/default/${path}`, {
    method,
    headers: { authorization: `Bearer ${peer.peer_token}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  expect([method, path, response.status, text]).toStrictEqual([method, path, status, text]);
  return (text === "" ? {} : JSON.parse(text)) as T;
}

const newPeer = async (): Promise<Peer> =>
  (await fetch(`${stack.url}/v1/games/default/peers`, { method: "POST" })).json() as Promise<Peer>;

/** A peer whose socket keeps its lobby. */
async function host(body: object, key?: string): Promise<Made> {
  const peer = await newPeer();
  const path = key === undefined ? "lobbies" : `lobbies/by-key/${key}`;
  const { lobby } = await request<{ lobby: LobbyView }>(peer, key === undefined ? "POST" : "PUT", path, 201, body);
  return { ...peer, lobby };
}

/** The first snapshot of a topic. */
function snapshot(peer: Peer, data: { readonly topic: string; readonly lobby_id?: string }): Promise<unknown> {
  const query = data.lobby_id === undefined ? "" : `?lobby_id=${data.lobby_id}`;
  const url = `${stack.url.replace("http", "ws")}/v1/games/default/events${query}`;
  const socket = new WebSocket(url, "parley.v1");
  sockets.push(socket);
  return new Promise((done, fail) => {
    socket.on("error", fail);
    socket.on("open", () => {
      socket.send(JSON.stringify({ type: "hello", data: { token: peer.peer_token } }));
      socket.send(JSON.stringify({ type: "subscribe", data }));
    });
    socket.on("message", (text: Buffer) => {
      const message = JSON.parse(text.toString()) as { type: string; data: unknown };
      if (message.type === "snapshot") done(message.data);
      if (message.type === "error") fail(new Error(text.toString()));
    });
  });
}

async function restart(shards: string): Promise<void> {
  await stack.stopHub();
  await stack.startHub({ settings: SETTINGS, shards });
  for (const name of ["one", "two"]) await stack.waitUntilLinked(name);
}

const listed = async (): Promise<string[]> => (await stack.lobbies("limit=100")).map(({ id }) => id).toSorted();

/** A name on a wire that moves when the number of shards changes, so that both hubs must be asked. */
const NAMES = Array.from({ length: 200 }, (_, at) => `Game${at}`);
const movesUp = NAMES.filter((name) => shardOf("rabid", name, 4) >= 2);

test.each([
  ["grows", "2", "4,2", "4"],
  ["shrinks", "4", "2,4", "2"],
])("while the number of hubs %s, every lobby is found in every way", async (_, before, during, after) => {
  stack = await TestStack.open({ shards: Number(before), hub: SETTINGS });
  await stack.addSidecar("two");
  const [old_name, new_name] = movesUp as [string, string];
  const [alice, bob] = [await stack.player("one"), await stack.player("two")];
  await alice.request(`h:${old_name}:Alice:4`, /^i:/);
  alice.startPinging(old_name, "Alice");
  const made: Made[] = [];
  // Peers are random: enough of them are spread over all hubs.
  while (made.length < 12 || new Set(made.map(({ lobby }) => shardOfId(lobby.id))).size < Number(before))
    made.push(await host({ name: `Room ${made.length}`, seats: 8 }));
  const keys = ["key-one", "key-two", "key-three", "key-four", "key-five"];
  const keyed = await Promise.all(keys.map((key) => host({ name: key, seats: 8 }, key)));
  const open = [...made, ...keyed];
  for (const one of open) await snapshot(one, { topic: "lobby", lobby_id: one.lobby.id });
  const ids = await eventually(listed, (all) => all.length === open.length + 1);

  await restart(during);
  const guest = await newPeer();
  const events = (await snapshot(guest, { topic: "lobbies" })) as { lobbies: { id: string }[] };
  expect(events.lobbies.map(({ id }) => id).toSorted()).toStrictEqual(ids);
  expect(await listed()).toStrictEqual(ids);
  for (const one of open) {
    const { id, join } = one.lobby;
    expect(await snapshot(one, { topic: "lobby", lobby_id: id })).toMatchObject({ lobby: { id } });
    const joiner = await newPeer();
    const joined = await request<{ lobby: LobbyView }>(joiner, "POST", "join-by-code", 201, { code: join.code });
    expect(joined.lobby.id).toBe(id);
    expect(await request(joiner, "GET", `lobbies/by-code/${join.code}`, 200)).toMatchObject({ id });
    await request(one, "PATCH", `lobbies/${id}`, 200, { name: "Renamed" });
  }
  for (const [at, key] of keys.entries()) {
    const { lobby } = await request<{ lobby: LobbyView }>(await newPeer(), "PUT", `lobbies/by-key/${key}`, 201, {
      name: key,
      seats: 8,
    });
    expect(lobby.id).toBe(keyed[at]!.lobby.id);
  }

  // The wire's lobby is joined through another sidecar, and its name is not free.
  expect(await bob.request(`c:${old_name}:Bob`, /./)).toBe("i:Alice:Bob");
  const [carol, dora] = [await stack.player("two"), await stack.player("one")];
  expect(await carol.request(`h:${old_name}:Carol:4`, /^(error|i:)/)).toMatch(/^error/);
  await dora.request(`h:${new_name}:Dora:4`, /^i:/);
  expect(await carol.request(`c:${new_name}:Carol`, /./)).toBe("i:Dora:Carol");

  const fresh = await Promise.all(Array.from({ length: 12 }, (__, at) => host({ name: `New ${at}`, seats: 8 })));
  const present = Number(after);
  expect(fresh.every(({ lobby }) => shardOfId(lobby.id)! < present)).toBe(true);
  const wires = await eventually(
    () => stack.lobbies("wire=rabid"),
    (lobbies) => lobbies.length === 2,
  );
  expect(Object.fromEntries(wires.map(({ name, id }) => [name, shardOfId(id)]))).toStrictEqual({
    [old_name]: shardOf("rabid", old_name, Number(before)),
    [new_name]: shardOf("rabid", new_name, present),
  });

  // The former number is taken away when its lobbies have ended.
  alice.send(`s:${old_name}:Alice`);
  await bob.waitFor(/^s:/);
  await restart(after);
  for (const { lobby } of fresh) expect(await stack.lobby(lobby.id)).toMatchObject({ id: lobby.id });
  expect(await dora.request(`h:${new_name}:Dora:4`, /./)).toMatch(/^i:/);
});
