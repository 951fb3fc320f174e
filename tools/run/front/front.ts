/**
 * The front of a hub in plain workerd: forwards HTTP requests and WebSockets, and enforces what workerd does not. workerd
 * buffers a message of 32 MiB before it asks the hub, and waits forever for the client after the hub has closed a socket.
 *
 *     client => front: the length of a message, the time for it, and silence are limited => workerd (a Unix socket)
 */
import {
  Agent,
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
  type Server,
  ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  FRONT_HEADERS_MS,
  FRONT_MESSAGE_MS,
  FRONT_REQUEST_MS,
  FRONT_SILENCE_MS,
  HELLO_MS,
  LINK_FRAME_LENGTH_MAX,
  SUBSCRIBER_MESSAGE_LENGTH_MAX,
} from "#shared/limits.ts";
import { problemDocument } from "../../../worker/problem.ts";
import { FrameMeter } from "./frame-meter.ts";

/** A UTF-16 unit takes at most three bytes of UTF-8. */
const BYTES_PER_UNIT = 3;
/** Headers of one connection (RFC 9110 section 7.6.1). Without an extension, no frame is compressed. */
const HOP_BY_HOP = new Set([
  "connection",
  "expect",
  "keep-alive",
  "proxy-connection",
  "sec-websocket-extensions",
  "te",
  "upgrade",
]);

/** Listens at this address. Rejects if it is in use. */
export function openFront(address: string, port: number, socketPath: string): Promise<Server> {
  const agent = new Agent({ keepAlive: true });
  const server = createServer(
    { headersTimeout: FRONT_HEADERS_MS, requestTimeout: FRONT_REQUEST_MS },
    (request, response) => forward(request, response, { socketPath, agent }),
  );
  server.on("upgrade", (request, socket, head) => upgrade(request, socket, head, { socketPath }));
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => resolve(server));
  });
}

function forward(request: IncomingMessage, response: ServerResponse, to: RequestOptions): void {
  const outgoing = httpRequest({ ...to, ...partsOf(request) }, (answer) => relay(answer, response));
  outgoing.once("error", () => fail(response));
  response.once("close", () => outgoing.destroy());
  request.pipe(outgoing);
}

function relay(answer: IncomingMessage, response: ServerResponse): void {
  response.writeHead(answer.statusCode!, answer.statusMessage, keptHeaders(answer));
  answer.pipe(response);
  answer.once("error", () => response.destroy());
}

/** workerd is starting, or has ended. */
function fail(response: ServerResponse): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(503, { "content-type": "application/problem+json", "retry-after": "1" });
  response.end(JSON.stringify(problemDocument("hub_unavailable", "the hub is not running", 1)));
}

function upgrade(request: IncomingMessage, client: Duplex, head: Buffer, to: RequestOptions): void {
  const { headers, ...parts } = partsOf(request);
  const isWebSocket = request.headers.upgrade?.toLowerCase() === "websocket";
  const upgrading = isWebSocket ? ["Connection", "Upgrade", "Upgrade", "websocket"] : [];
  const outgoing = httpRequest({ ...to, ...parts, headers: [...headers, ...upgrading] });
  client.on("error", () => outgoing.destroy());
  client.once("close", () => outgoing.destroy());
  outgoing.once("error", () => client.destroy());
  outgoing.once("response", (answer) => {
    const response = new ServerResponse(request);
    response.assignSocket(client as Socket);
    response.shouldKeepAlive = false;
    response.once("finish", () => client.end());
    relay(answer, response);
  });
  outgoing.once("upgrade", (answer, hub, first) => {
    const lines = pairsOf(answer.rawHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
    client.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
    tunnel(client, hub, new FrameMeter(BYTES_PER_UNIT * lengthMax(request)));
    client.unshift(head);
    hub.unshift(first);
  });
  outgoing.end();
}

/** Only a sidecar, whose key the hub has checked, gets a link. */
const lengthMax = ({ url = "" }: IncomingMessage): number =>
  url.startsWith("/v1/link/") ? LINK_FRAME_LENGTH_MAX : SUBSCRIBER_MESSAGE_LENGTH_MAX;

/** Passes bytes both ways until one side ends, or the client's messages are too long or too late. */
function tunnel(client: Duplex, hub: Duplex, meter: FrameMeter): void {
  const end = (): void => {
    clearTimeout(timer);
    client.destroy();
    hub.destroy();
  };
  let timer = setTimeout(end, HELLO_MS);
  client.on("data", (chunk: Buffer) => {
    const { completed, isIncomplete } = meter;
    if (!meter.push(chunk)) return end();
    // The time of a message counts from its first byte.
    if (!isIncomplete || meter.completed > completed) {
      clearTimeout(timer);
      timer = setTimeout(end, meter.isIncomplete ? FRONT_MESSAGE_MS : FRONT_SILENCE_MS);
    }
    if (!hub.write(chunk)) client.pause();
  });
  hub.on("drain", () => client.resume());
  hub.pipe(client);
  for (const socket of [client, hub]) socket.once("close", end).on("error", end);
}

const partsOf = (request: IncomingMessage) => ({
  method: request.method ?? "GET",
  path: request.url ?? "/",
  headers: keptHeaders(request),
});

/** A flat list of names and values, in which repeated headers stay apart. */
const keptHeaders = ({ rawHeaders }: IncomingMessage): string[] =>
  pairsOf(rawHeaders)
    .filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()))
    .flat();

const pairsOf = (raw: readonly string[]): [name: string, value: string][] =>
  Array.from({ length: raw.length / 2 }, (_, at) => [raw[2 * at]!, raw[2 * at + 1]!]);
