/**
 * The front of a self-hosted hub: what passes it, and what it keeps from workerd. `npm run attack` also measures workerd
 * without a front.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import type { Server } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { WebSocket } from "ws";
import { SUBPROTOCOL } from "#shared/api/events.ts";
import { HELLO_MS } from "#shared/limits.ts";
import { openFront } from "../../tools/run/front/front.ts";
import { startHub, stopHub } from "../../tools/run/hub.ts";
import { freePort } from "../../tools/run/ports.ts";
import { waitForJson } from "../../tools/run/processes.ts";
import { recordFigure } from "../support/attack-figures.ts";

const KEY = "key-of-the-front-tests";
const SOCKETS = 40;
const FRAME_BYTES = 32 * 2 ** 20;
/** What each socket sends of its frame. */
const SENT_BYTES = 20 * 2 ** 20;

let folder: string;
let hub: ChildProcess;
let front: Server;
let port: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-front-"));
  port = await freePort("tcp");
  const socketPath = join(folder, "hub");
  hub = await startHub({ bundle: inject("bundle"), state: join(folder, "rows"), port, socketPath, keys: KEY });
  front = await openFront("127.0.0.1", port, socketPath);
  await waitForJson(`http://127.0.0.1:${port}/healthz`, ({ ok }) => ok === true, hub);
});
afterAll(async () => {
  front?.closeAllConnections();
  front?.close();
  if (hub !== undefined) await stopHub(hub);
  await rm(folder, { recursive: true, force: true });
});

const api = (): string => `http://127.0.0.1:${port}/v1/games/fronted`;
const events = (query = ""): WebSocket => new WebSocket(`${api()}/events${query}`, SUBPROTOCOL);
const messageOf = async (socket: WebSocket): Promise<unknown> => JSON.parse(String((await once(socket, "message"))[0]));
const say = (socket: WebSocket, type: string, data: object): void => socket.send(JSON.stringify({ type, data }));

test("requests, responses and their headers pass unchanged", async () => {
  const { peer_token: token } = (await (await fetch(`${api()}/peers`, { method: "POST" })).json()) as {
    peer_token: string;
  };
  const response = await fetch(`${api()}/lobbies`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "Nïce", seats: 4 }),
  });
  expect([response.status, await response.json()]).toMatchObject([201, { lobby: { name: "Nïce" } }]);
  expect(response.headers.get("etag")).toMatch(/^"v1/);
  const head = await fetch(`${api()}/lobbies`, { method: "HEAD" });
  expect([head.status, await head.text()]).toStrictEqual([200, ""]);
});

test("an event socket passes with its subprotocol, and messages of any allowed length", async () => {
  const socket = events();
  await once(socket, "open");
  expect(socket.protocol).toBe(SUBPROTOCOL);
  say(socket, "hello", {});
  expect(await messageOf(socket)).toMatchObject({ type: "welcome" });
  say(socket, "subscribe", { topic: "lobbies", filter: { "name[contains]": "é".repeat(30_000) } });
  expect(await messageOf(socket)).toMatchObject({ type: "error" });
  socket.send("ping");
  expect(String((await once(socket, "message"))[0])).toBe("pong");
  socket.close(4_000);
  expect((await once(socket, "close"))[0]).toBe(4_000);
});

test("a refused upgrade reaches the client as the hub wrote it", async () => {
  for (const [path, headers, status] of [
    ["games/fronted/events?lobby_id=nonsense", {}, 404],
    ["link/fronted/0", { authorization: "Bearer wrong" }, 401],
  ] as const) {
    const socket = new WebSocket(`http://127.0.0.1:${port}/v1/${path}`, SUBPROTOCOL, { headers });
    socket.once("error", () => {});
    const [, response] = await once(socket, "unexpected-response");
    expect([path, response.statusCode, response.headers["content-type"]]).toStrictEqual([
      path,
      status,
      "application/problem+json",
    ]);
    response.destroy();
  }
});

test(`${SOCKETS} sockets with a message of 32 MiB each are closed, and the hub stores nothing`, async ({ task }) => {
  const before = residentBytes();
  const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => beginFrame(port, FRAME_BYTES, SENT_BYTES)));
  await Promise.all(sockets.map((socket) => socket.closed));
  const grown = residentBytes() - before;
  report("with the front", grown);
  recordFigure(task, {
    order: 50,
    attack: `${SOCKETS} anonymous WebSockets begin a message of 32 MiB each`,
    before: "1,200 MB in workerd, none closed after 95 s",
    after: `${Math.round(grown / 1e6)} MB, all closed`,
  });
  expect(grown).toBeLessThan(2 * FRAME_BYTES);
});

test("a socket is closed if it sends no hello, or begins a message and does not end it", async () => {
  const silent = events();
  await once(silent, "open");
  const slow = await beginFrame(port, 1_000, 10);
  const began = performance.now();
  await Promise.all([once(silent, "close"), slow.closed]);
  expect(performance.now() - began).toBeGreaterThan(HELLO_MS - 1_000);
});

test.runIf(process.env["PARLEY_ATTACK"] !== undefined)("workerd alone stores these messages", async () => {
  const bare_port = await freePort("tcp");
  const bare = await startHub({ bundle: inject("bundle"), state: join(folder, "bare"), port: bare_port, keys: KEY });
  await waitForJson(`http://127.0.0.1:${bare_port}/healthz`, ({ ok }) => ok === true, bare);
  const before = residentBytes(bare);
  const sockets = await Promise.all(
    Array.from({ length: SOCKETS }, () => beginFrame(bare_port, FRAME_BYTES, SENT_BYTES)),
  );
  await Promise.all(sockets.map((socket) => socket.written));
  report("without the front", residentBytes(bare) - before);
  for (const { socket } of sockets) socket.destroy();
  await stopHub(bare);
});

/** Opens an event socket by hand, and sends the header of a message and its first bytes. */
async function beginFrame(
  to: number,
  length: number,
  sent: number,
): Promise<{ socket: Socket; written: Promise<void>; closed: Promise<void> }> {
  const socket = connect(to, "127.0.0.1");
  // A reset is the refusal.
  socket.on("error", () => {});
  const closed = new Promise<void>((done) => void socket.once("close", () => done()));
  socket.write(
    `GET /v1/games/fronted/events HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${"A".repeat(22)}==\r\nSec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n\r\n`,
  );
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString("latin1")).toMatch(/^HTTP\/1\.1 101 /);
  socket.resume();
  const header = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  header.writeBigUInt64BE(BigInt(length), 2);
  const written = new Promise<void>((done) => {
    socket.write(Buffer.concat([header, Buffer.alloc(sent, 0x20)]), () => done());
  });
  return { socket, written, closed };
}

/** Memory of workerd (bytes). */
function residentBytes({ pid } = hub): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1_024;
}

const report = (name: string, bytes: number): void =>
  void process.stdout.write(`${SOCKETS} messages of 32 MiB, ${name}: workerd grew by ${Math.round(bytes / 1e6)} MB\n`);
