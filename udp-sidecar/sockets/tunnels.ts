/**
 * Tunnels: WebSockets that carry a relay's datagrams for peers whom UDP does not reach, one for each end of a relay.
 *
 *     peer == "enter TICKET - [WORD]" (text) => sidecar       the relay's ticket; TCP has shown that he receives
 *     peer <= "entered [WORD]" (text) ========= sidecar       or it closes: 4401
 *     peer <= a datagram (binary) ============ sidecar       what the other end sent, and back
 *
 * They are datagrams still: what does not fit into the stream is dropped, and neither side waits for the other. Budgets of
 * bytes are the relay's; how many connections there may be is said here.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { canonicalAddress, type Endpoint, endpoint, sourceOf } from "#shared/net/endpoint.ts";
import {
  TUNNEL_ENTER_MS,
  TUNNEL_MESSAGE_BYTES_MAX,
  TUNNEL_PING_MS,
  TUNNEL_UNSENT_BYTES_MAX,
  TUNNELS_MAX,
  TUNNELS_PER_SOURCE_MAX,
} from "#shared/limits.ts";
import type { Hop, Stream } from "../relay/allocation.ts";
import { parseEnter, encodeEntered } from "../protocols/native.ts";
import { SharedBudgets } from "../relay/shared-budget.ts";
import type { Counters } from "../core/counters.ts";
import { listenTcp } from "./listen.ts";

/** The first word of a tunnel was none that leads anywhere. */
export const INVALID_TICKET = 4_401;

export type TunnelHandlers = {
  /** The port that is this ticket's, or null. */
  join(ticket: string, from: Endpoint, stream: Stream, now: number): number | null;
  /** Where a datagram of a stream goes on to, or null. */
  route(port: number, from: Endpoint, length: number, stream: Stream, now: number): Hop | null;
  forward(hop: Hop, bytes: Uint8Array): void;
  onFault(error: unknown): void;
};

export type TunnelSettings = {
  readonly listen: readonly string[];
  readonly port: number;
  /** The header in which a proxy of ours names its client, or "". */
  readonly source_header: string;
};

export class Tunnels {
  readonly #handlers: TunnelHandlers;
  readonly #header: string;
  readonly #tally: Counters;
  readonly #servers: Server[] = [];
  readonly #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    maxPayload: TUNNEL_MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
  });
  /** How many each source has. */
  readonly #sources = new SharedBudgets({ per_s: 1, burst: 1 });

  private constructor(relaying: TunnelHandlers, header: string, tally: Counters) {
    this.#handlers = relaying;
    this.#header = header.toLowerCase();
    this.#tally = tally;
  }

  /** Opens the port on all of these addresses or on none. Rejects with the port and the reason in words. */
  static async open(
    { listen, port, source_header }: TunnelSettings,
    relaying: TunnelHandlers,
    tally: Counters,
  ): Promise<Tunnels> {
    const opened = new Tunnels(relaying, source_header, tally);
    try {
      for (const address of listen) await opened.#listen(address, port);
    } catch (error) {
      await opened.close();
      throw error;
    }
    return opened;
  }

  get size(): number {
    return this.#sockets.clients.size;
  }

  async close(): Promise<void> {
    const closed = this.#servers.splice(0).map((server) => new Promise<void>((done) => server.close(() => done())));
    for (const socket of this.#sockets.clients) socket.terminate();
    await Promise.all(closed);
  }

  async #listen(host: string, port: number): Promise<void> {
    const limits = { headersTimeout: TUNNEL_ENTER_MS, requestTimeout: TUNNEL_ENTER_MS, keepAliveTimeout: 1 };
    const server = createServer({ ...limits, connectionsCheckingInterval: TUNNEL_ENTER_MS / 2 }, (_, response) => {
      response.writeHead(426, { "content-type": "text/plain", upgrade: "websocket", connection: "close" });
      response.end("A WebSocket expected.\n");
    });
    server.maxConnections = 2 * TUNNELS_MAX;
    server.on("connection", (socket) => {
      if (this.#header === "" && !this.#admit(socket.remoteAddress ?? "", socket)) socket.destroy();
    });
    server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    if (!(await listenTcp(server, host, port, "tunnels"))) return;
    server.on("error", () => this.#tally.add("tunnels", "error"));
    this.#servers.push(server);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => this.#tally.add("tunnels", "error"));
    const from = this.#sourceOf(request);
    if (from === null || (this.#header !== "" && !this.#admit(from.address, socket))) return void socket.destroy();
    this.#sockets.handleUpgrade(request, socket, head, (opened) => {
      this.#tally.add("tunnels", "taken");
      this.#accept(opened, from);
    });
  }

  /** Whether this source may have one more connection; then it has. */
  #admit(address: string, socket: Duplex): boolean {
    const source = sourceOf(canonicalAddress(address) ?? "");
    if (this.size >= TUNNELS_MAX || this.#sources.slots(source) >= TUNNELS_PER_SOURCE_MAX) {
      this.#tally.add("tunnels", "refused");
      return false;
    }
    const place = this.#sources.acquire(source, 0);
    socket.once("close", () => this.#sources.release(place));
    return true;
  }

  #accept(socket: WebSocket, from: Endpoint): void {
    const stream: Stream = { send: (bytes) => this.#send(socket, bytes) };
    let port: number | null = null;
    let answers = true;
    const late = setTimeout(() => socket.close(INVALID_TICKET), TUNNEL_ENTER_MS);
    const pinging = setInterval(() => {
      if (!answers) return socket.terminate();
      answers = false;
      socket.ping();
    }, TUNNEL_PING_MS);
    socket.on("pong", () => (answers = true));
    socket.on("error", () => this.#tally.add("tunnels", "error"));
    socket.on("close", () => {
      clearTimeout(late);
      clearInterval(pinging);
    });
    socket.on("message", (data, isBinary) => {
      try {
        if (isBinary) return this.#handleDatagram(port, from, bytesOf(data), stream);
        clearTimeout(late);
        const said = parseEnter(bytesOf(data), 0);
        port = said === null ? null : this.#handlers.join(said.ticket, from, stream, Date.now());
        if (port === null) return socket.close(INVALID_TICKET);
        socket.send(Buffer.from(encodeEntered(said!.word)).toString("latin1"));
      } catch (error) {
        this.#handlers.onFault(error);
        socket.terminate();
      }
    });
  }

  #handleDatagram(port: number | null, from: Endpoint, bytes: Uint8Array, stream: Stream): void {
    if (port === null) return this.#tally.add("relay_dropped", "unproved");
    const hop = this.#handlers.route(port, from, bytes.length, stream, Date.now());
    if (hop !== null) this.#handlers.forward(hop, bytes);
  }

  /** A stream that is not read, or over, loses what a network would have lost. */
  #send(socket: WebSocket, bytes: Uint8Array): void {
    if (socket.readyState !== socket.OPEN || socket.bufferedAmount > TUNNEL_UNSENT_BYTES_MAX) {
      return this.#tally.add("relay_dropped", "congested");
    }
    socket.send(bytes);
  }

  #sourceOf({ headers, socket }: IncomingMessage): Endpoint | null {
    const named = this.#header === "" ? undefined : headers[this.#header]?.toString().split(",").at(-1)?.trim();
    return endpoint(named ?? socket.remoteAddress ?? "", socket.remotePort ?? 0);
  }
}

/** One message is one buffer: `ws` cuts none unless it is asked to. */
const bytesOf = (data: RawData): Uint8Array => data as Buffer;
