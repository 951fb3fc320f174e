/** How inputs reach a deployment: one sender for each transport. */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { WebSocket } from "ws";
import { SUBPROTOCOL } from "#shared/api/events.ts";
import { type Deployment, GAME, KEY } from "./deployment.ts";
import type { Dice } from "./mutate.ts";
import { FROM_SIDECAR } from "./seeds.ts";
import type { Transport } from "./targets.ts";

type Next = () => Buffer;
/** Sends `count` inputs and resolves with what became of them. Adds responses that must not be to `faults`. */
type Send = (deployment: Deployment, next: Next, count: number, dice: Dice, faults: string[]) => Promise<string>;

const SOURCES = 128;
/** Datagrams between two waits for the sidecar: the kernel's default receive buffer holds about 500. */
const DATAGRAMS_PER_WAIT = 250;
const CONNECTIONS = 32;
/** How long a peer has to close a connection after its last input. */
const CLOSE_MS = 2_000;
/** A socket of the event stream may send this many messages at once. */
const MESSAGES_PER_SOCKET = 40;

const sendDatagrams: Send = async (deployment, next, count) => {
  const sockets: UdpSocket[] = [];
  for (let at = 0; at < SOURCES; at++) {
    const socket = createSocket("udp4").bind(0, `127.0.100.${at + 1}`);
    await once(socket, "listening");
    sockets.push(socket);
  }
  for (let sent = 0; sent < count;) {
    const batch = Math.min(DATAGRAMS_PER_WAIT, count - sent);
    await Promise.all(
      Array.from(
        { length: batch },
        (_, at) =>
          new Promise<void>((done) => {
            sockets[(sent + at) % SOURCES]!.send(next(), deployment.ports.udp, "127.0.0.1", () => done());
          }),
      ),
    );
    sent += batch;
    await deployment.settle();
  }
  const received = await deployment.received();
  for (const socket of sockets) socket.close();
  return `${received} received`;
};

/** Keeps connections open, and opens another for each that the sidecar closes. */
const sendStream =
  (port: (deployment: Deployment) => number): Send =>
  async (deployment, next, count) => {
    let sent = 0;
    let opened = 0;
    const run = async (): Promise<void> => {
      while (sent < count) {
        const socket = connect({
          port: port(deployment),
          host: "127.0.0.1",
          localAddress: `127.0.100.${1 + (opened++ % SOURCES)}`,
        });
        socket.on("error", () => {}).resume();
        await once(socket, "connect");
        const closed = once(socket, "close");
        while (sent < count && socket.writable) {
          sent++;
          if (!socket.write(next())) await Promise.race([once(socket, "drain"), closed]);
          if (sent % 100 === 0) await new Promise(setImmediate);
        }
        socket.end();
        await Promise.race([closed, new Promise((done) => setTimeout(done, CLOSE_MS).unref())]);
        socket.destroy();
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, run));
    return `${opened} connections`;
  };

type Generated = { readonly method?: unknown; readonly path?: unknown; readonly body?: unknown };

const sendRequests: Send = async (deployment, next, count, dice, faults) => {
  const { hostname, port } = new URL(deployment.hubUrl);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const statuses = new Map<number, number>();
  const peers: { peer: string; token: string }[] = [];
  let lobby = "none";
  const ask = (method: string, path: string, body: Buffer, token: string): Promise<{ status: number; text: string }> =>
    new Promise((done, fail) => {
      const source = `198.18.${dice(256)}.${dice(256)}`;
      const headers = {
        "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
        "x-forwarded-for": source,
        "content-length": body.length,
        ...(token !== "" && { authorization: `Bearer ${token}` }),
      };
      const asked = request({ agent, hostname, port, method, path, headers }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => done({ status: response.statusCode!, text }));
      });
      asked.on("error", fail).end(body);
    });
  const prefix = `/v1/games/${GAME}`;
  for (let at = 0; at < 200; at++) {
    const { peer_id: peer, peer_token: token } = JSON.parse(
      (await ask("POST", `${prefix}/peers`, Buffer.alloc(0), "")).text,
    );
    peers.push({ peer, token });
  }
  const run = async (): Promise<void> => {
    while (sent++ < count) {
      const input = next();
      const { method, path, body } = parsed(input);
      const { peer, token } = peers[dice(peers.length)]!;
      const text = (typeof path === "string" ? path : "/lobbies").replace("{lobby}", lobby).replace("{peer}", peer);
      const safe = `${prefix}${text}`.replaceAll(/[^\x21-\x7e]/g, (unit) => encodeURIComponent(unit.toWellFormed()));
      const verb = METHODS.has(String(method)) ? String(method) : "POST";
      const answer = await ask(
        verb,
        safe,
        body === undefined ? input : Buffer.from(JSON.stringify(body)),
        dice(20) === 0 ? "wrong" : token,
      );
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status >= 500 && answer.status !== 503)
        faults.push(`${answer.status} for ${verb} ${safe}: ${input.toString()}`);
      const created = /"lobby":\{"id":"([^"]+)"/.exec(answer.text)?.[1];
      if (created !== undefined) lobby = created;
    }
  };
  let sent = 0;
  await Promise.all(Array.from({ length: CONNECTIONS }, run));
  agent.destroy();
  const counts = [...statuses].toSorted(([a], [b]) => a - b).map(([status, times]) => `${status}: ${times}`);
  return `statuses ${counts.join(", ")}`;
};

const METHODS = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);

function parsed(input: Buffer): Generated {
  try {
    const value: unknown = JSON.parse(input.toString("utf8"));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Opens WebSockets one after the other; each gets `first` and then as many inputs as it stays open for. */
const sendFrames =
  (path: string, headers: Record<string, string>, first: readonly unknown[], per_socket: number): Send =>
  async (deployment, next, count, dice) => {
    let [sent, opened, answered] = [0, 0, 0];
    const run = async (): Promise<void> => {
      while (sent < count) {
        const source = { "x-forwarded-for": `198.18.${dice(256)}.${dice(256)}` };
        const socket = new WebSocket(`${deployment.hubUrl}${path}`, path.includes("events") ? SUBPROTOCOL : [], {
          headers: { ...headers, ...source },
        });
        socket.on("error", () => {}).on("message", () => answered++);
        const closed = once(socket, "close");
        await Promise.race([once(socket, "open"), closed]);
        opened++;
        for (const message of first) if (isOpen(socket)) socket.send(JSON.stringify(message));
        for (let at = 0; at < per_socket && sent < count && isOpen(socket); at++) {
          sent++;
          const input = next();
          await new Promise<void>((done) => socket.send(dice(50) === 0 ? input : input.toString("utf8"), () => done()));
        }
        socket.close();
        await Promise.race([closed, new Promise((done) => setTimeout(done, CLOSE_MS).unref())]);
        socket.terminate();
      }
    };
    await Promise.all(Array.from({ length: path.includes("events") ? CONNECTIONS : 1 }, run));
    return `${opened} sockets, ${answered} answers`;
  };

const isOpen = (socket: WebSocket): boolean => socket.readyState === WebSocket.OPEN;

export const SENDERS: Readonly<Record<Transport, Send>> = {
  udp: sendDatagrams,
  noray: sendStream(({ ports }) => ports.noray),
  nohub: sendStream(({ ports }) => ports.nohub),
  http: sendRequests,
  events: sendFrames(`/v1/games/${GAME}/events`, {}, [{ type: "hello", data: {} }], MESSAGES_PER_SOCKET - 1),
  link: sendFrames(`/v1/link/${GAME}/0`, { authorization: `Bearer ${KEY}` }, [FROM_SIDECAR[0]], 1_000),
};
