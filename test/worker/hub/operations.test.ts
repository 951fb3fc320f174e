/** Counts at the Worker as deployed what tools/cost/operations.ts says that each step of a player costs. */
import { beforeEach, expect, test, vi } from "vitest";
import { type Operation, type OperationName, OPERATIONS } from "../../../tools/cost/operations.ts";
import { Hub } from "../../../worker/hub/hub.ts";
import { lobbyRows, timePasses } from "../support/hub-inspector.ts";
import { accepts, asksFor, reachOf, reports } from "../support/introduction.ts";
import { meter } from "../support/meter.ts";
import { freeOfCharge, Player } from "../support/player.ts";
import { confirms, hosts, joins, newGame, ORIGIN, Sidecar, starts, type Worker, worker } from "../support/sidecar.ts";
import { EventsClient } from "../support/subscriber.ts";

const counted = new Set<OperationName>();
let game = "";
let requests = 0;
const counting: Worker = (request) => {
  requests++;
  return worker(request);
};

beforeEach(() => {
  game = newGame();
  requests = 0;
  vi.useFakeTimers({ toFake: ["Date"] });
  freeOfCharge();
});

/** Compares what an action costs with the figures of an operation. */
async function meterOperations(): Promise<(name: OperationName, action: () => Promise<unknown>) => Promise<void>> {
  const cost = await meter(game);
  const called = Object.getOwnPropertyNames(Hub.prototype)
    .filter((name) => !["constructor", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"].includes(name))
    .map((name) => vi.spyOn(Hub.prototype, name as "fetch"));
  const messages = vi.spyOn(Hub.prototype, "webSocketMessage");
  return async (name, action) => {
    for (const spy of [...called, messages]) spy.mockClear();
    requests = 0;
    cost();
    await action();
    const calls = called.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    const found: Operation = { requests, calls, messages: messages.mock.calls.length, rows: cost().rows };
    expect([name, found]).toStrictEqual([name, OPERATIONS[name]]);
    counted.add(name);
  };
}

test("steps over a wire", async () => {
  const north = await Sidecar.link(game);
  const costs = await meterOperations();
  await costs("wire_host", () => north.report(hosts("Nice", "Alice")));
  await costs("wire_join", () => north.report(joins("Nice", "Bob")));
  await costs("wire_start", () => north.report(starts("Nice", "Alice")));
  for (const name of ["Alice", "Bob"]) await costs("wire_confirm", () => north.report(confirms("Nice", name)));
  await costs("wire_end", () => timePasses(game, 3_000));
});

test("steps over HTTP and WebSocket", async () => {
  const [ann, bob, cat, dan] = await Promise.all([1, 2, 3, 4].map(() => Player.of(game, counting)));
  await dan!.hosts();
  const costs = await meterOperations();
  const socketOf = async (player: Player, id: string): Promise<EventsClient> => {
    const socket = await EventsClient.greet(game, player.token, { worker: counting });
    await socket.ask("subscribe", { topic: "lobby", lobby_id: id });
    return socket;
  };
  await costs("identity", () => counting(new Request(`${ORIGIN}/v1/games/${game}/peers`, { method: "POST" })));
  let id = "";
  await costs("create", async () => (id = (await ann!.hosts()).id));
  let host: EventsClient;
  await costs("host_socket", async () => (host = await socketOf(ann!, id)));
  const sockets: EventsClient[] = [];
  for (const guest of [bob!, cat!]) {
    await costs("join", () => guest.joins(id));
    await costs("socket", async () => sockets.push(await socketOf(guest, id)));
  }
  await costs("chat", () => host.ask("chat", { text: "hello" }));
  await costs("patch", () => ann!.patches(id, { state: "in_game" }));
  await costs("drop", async () => {
    const closed = vi.spyOn(Hub.prototype, "webSocketClose");
    sockets[1]!.close();
    await vi.waitFor(() => expect(closed).toHaveBeenCalled());
    closed.mockRestore();
    await timePasses(game, 6_000);
    expect((await lobbyRows(game)).find((lobby) => lobby.id === id)!.members).toHaveLength(2);
  });
  await costs("connect", async () => {
    const reach = await reachOf(bob!, { address: "203.0.113.1" });
    const { connection_id } = await asksFor(bob!, id, { peer_id: ann!.id, reach });
    await accepts(ann!, connection_id, await reachOf(ann!, { address: "203.0.113.2" }));
    for (const player of [ann!, bob!]) await reports(player, connection_id, { path: "direct" });
  });
  await costs("leave", () => bob!.ask("DELETE", `lobbies/${id}/members/${bob!.id}`));
});

test("readers of the list", async () => {
  await Sidecar.link(game);
  const costs = await meterOperations();
  const list = (): Promise<Response> => counting(new Request(`${ORIGIN}/v1/games/${game}/lobbies`));
  await list();
  await costs("list", list);
  let watcher: EventsClient;
  await costs("watch", async () => {
    [watcher] = await EventsClient.list(game, {}, { worker: counting });
  });
  // The platform answers it. If the platform bills a message, it is this one.
  const messages = vi.spyOn(Hub.prototype, "webSocketMessage");
  messages.mockClear();
  await watcher!.ping();
  expect([messages.mock.calls.length, OPERATIONS.ping.messages]).toStrictEqual([0, 1]);
  counted.add("ping");
});

test("every operation of the cost model is counted here", () => {
  expect([...counted].toSorted()).toStrictEqual(Object.keys(OPERATIONS).toSorted());
});
