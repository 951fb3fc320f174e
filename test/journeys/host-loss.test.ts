/** A host's process is killed with SIGKILL while the hub sleeps: the members have a new host, and its snapshot. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as quiet } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type LobbyMembership, ParleyClient } from "../../clients/typescript/src/node/client.ts";
import type { Hosting } from "../../clients/typescript/src/lobby/membership.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

const CLIENT = join(import.meta.dirname, "../../clients/typescript/src/index.ts");

/** A hub hibernates after ten seconds without a message. */
const ASLEEP_MS = 13_000;
/** The grace of 5 s, and one second for everything else. */
const TOLD_MS = 6_000;

/** Hosts a lobby, saves a snapshot, and prints the lobby's id. */
const HOST = `
  import { ParleyClient } from ${JSON.stringify(CLIENT)};
  const client = await ParleyClient.open({ url: process.argv[1] });
  const membership = await client.host({ name: "Doomed", seats: 4 });
  await membership.saveSnapshot(new TextEncoder().encode("round 7"));
  console.log(membership.lobby.id);
`;

let stack: TestStack;
const clients: ParleyClient[] = [];
const children: ChildProcess[] = [];
beforeAll(async () => {
  stack = await TestStack.open();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(() => stack?.close());

async function hostProcess(): Promise<{ child: ChildProcess; id: string }> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", HOST, stack.url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const [id] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { child, id };
}

async function joins(id: string): Promise<{ client: ParleyClient; membership: LobbyMembership }> {
  const client = await ParleyClient.open({ url: stack.url });
  clients.push(client);
  return { client, membership: await client.join({ id }) };
}

/** Milliseconds until the membership gets an event of this type. */
const until = (membership: LobbyMembership, type: string): Promise<number> =>
  new Promise((done) => membership.on("event", (event) => event.type === type && done(performance.now())));

/** The answer to a resumption from this number: a snapshot if the hub slept meanwhile, because it lost its memory of events. */
async function answerSince(id: string, seq: number): Promise<string | undefined> {
  const socket = new WebSocket(
    `${stack.url.replace("http", "ws")}/v1/games/default/events?lobby_id=${id}`,
    "parley.v1",
  );
  const types: string[] = [];
  const answered = new Promise<void>((done) => {
    socket.addEventListener("message", ({ data }) => {
      types.push((JSON.parse(String(data)) as { type: string }).type);
      if (types.length === 2) done();
    });
  });
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "hello", data: {} }));
  socket.send(JSON.stringify({ type: "subscribe", data: { topic: "lobby", lobby_id: id, since: seq } }));
  await answered;
  socket.close();
  return types[1];
}

test("a killed host among four is replaced within 6 s by the next member, which gets its snapshot", async () => {
  const { child, id } = await hostProcess();
  const [bob, cleo, dan] = [await joins(id), await joins(id), await joins(id)];
  const hosting = new Promise<Hosting>((done) => bob.membership.once("hosting", done));
  const told = Promise.all([bob, cleo, dan].map(({ membership }) => until(membership, "lobby.host_changed")));
  const seq = Date.now();
  await quiet(ASLEEP_MS);

  const killed_at = performance.now();
  child.kill("SIGKILL");
  for (const at of await told) expect(at - killed_at).toBeLessThan(TOLD_MS);
  expect(await stack.lobbies()).toMatchObject([{ id, name: "Doomed" }]);
  expect(performance.now() - killed_at).toBeLessThan(TOLD_MS);
  expect(await stack.lobby(id)).toMatchObject({ host: bob.client.id, term: 2 });
  const { term, snapshot } = await hosting;
  expect([term, new TextDecoder().decode(snapshot ?? undefined)]).toStrictEqual([2, "round 7"]);
  expect(await answerSince(id, seq)).toBe("snapshot");
});

test("the lobby of a killed host without members leaves the list within 6 s", async () => {
  const { child, id } = await hostProcess();
  expect((await stack.lobbies()).map((lobby) => lobby.id)).toContain(id);
  const killed_at = performance.now();
  child.kill("SIGKILL");
  await eventually(
    () => stack.lobbies(),
    (lobbies) => lobbies.every((lobby) => lobby.id !== id),
  );
  expect(performance.now() - killed_at).toBeLessThan(TOLD_MS);
});
