/**
 * Tunnels: WebSockets that carry a relay's datagrams for peers that UDP does not reach, one for each end of a relay.
 *
 *     peer == "enter TICKET - [WORD]" (text) => sidecar       the relay's ticket; TCP proves that the peer receives
 *     peer <= "entered [WORD]" (text) ========= sidecar       or close code 4401
 *     peer <= a datagram (binary) ============ sidecar       from the other end, and back
 *
 * Datagram semantics stay: a datagram that does not fit into the stream's buffer is dropped, and neither side waits for
 * the other. The relay limits bytes; this file limits connections.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { canonicalAddress, type Endpoint, endpoint } from "#shared/net/endpoint.ts";
import { forwardedAddress } from "#shared/net/forwarded.ts";
import {
  TUNNEL_OPEN_MS,
  TUNNEL_MESSAGE_BYTES_MAX,
  TUNNEL_PING_MS,
  TUNNEL_UNSENT_BYTES_MAX,
  TUNNELS_MAX,
  TUNNELS_PER_SOURCE_MAX,
} from "#shared/limits.ts";
import type { Hop, Stream } from "../relay/allocation.ts";
import { parseEnter, encodeEntered } from "../protocols/native.ts";
import type { Counters } from "../core/counters.ts";
import { SourceCounter } from "#shared/net/source-counter.ts";
import type { Clock } from "../time/clock.ts";
import { listenTcp } from "./listen.ts";

/** Close code: the first message held no valid ticket. */
export const INVALID_TICKET = 4_401;

export type TunnelHandlers = {
  /** The relay port of this ticket, or null. */
  join(ticket: string, from: Endpoint, stream: Stream, now: number): number | null;
  /** Where a datagram of a stream is forwarded, or null. */
  route(port: number, from: Endpoint, length: number, stream: Stream, now: number): Hop | null;
  forward(hop: Hop, bytes: Uint8Array): void;
  onFault(error: unknown): void;
};

type TunnelSettings = {
  readonly listen: readonly string[];
  readonly port: number;
  /** The header in which the operator's proxy names its client, or "". */
  readonly source_header: string;
};

export class Tunnels {
  readonly #handlers: TunnelHandlers;
  readonly #header: string;
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #servers: Server[] = [];
  readonly #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    maxPayload: TUNNEL_MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
  });
  readonly #perSource = new SourceCounter();

  private constructor(handlers: TunnelHandlers, header: string, counters: Counters, clock: Clock) {
    this.#clock = clock;
    this.#handlers = handlers;
    this.#header = header.toLowerCase();
    this.#counters = counters;
  }

  /** Opens the port on all of these addresses or on none. Rejects with the port and the reason. */
  static async open(
    { listen, port, source_header }: TunnelSettings,
    handlers: TunnelHandlers,
    counters: Counters,
    clock: Clock,
  ): Promise<Tunnels> {
    const opened = new Tunnels(handlers, source_header, counters, clock);
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
    const limits = { headersTimeout: TUNNEL_OPEN_MS, requestTimeout: TUNNEL_OPEN_MS, keepAliveTimeout: 1 };
    const server = createServer({ ...limits, connectionsCheckingInterval: TUNNEL_OPEN_MS / 2 }, (_, response) => {
      response.writeHead(426, { "content-type": "text/plain", upgrade: "websocket", connection: "close" });
      response.end("Connect with a WebSocket.\n");
    });
    server.maxConnections = 2 * TUNNELS_MAX;
    server.on("connection", (socket) => {
      if (this.#header === "" && !this.#admit(socket.remoteAddress ?? "", socket)) socket.destroy();
    });
    server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    if (!(await listenTcp(server, host, port, "tunnels"))) return;
    server.on("error", () => this.#counters.add("tunnels", "error"));
    this.#servers.push(server);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => this.#counters.add("tunnels", "error"));
    const from = this.#sourceOf(request);
    if (from === null) this.#counters.add("tunnels", "no_source");
    if (from === null || (this.#header !== "" && !this.#admit(from.address, socket))) return void socket.destroy();
    this.#sockets.handleUpgrade(request, socket, head, (opened) => {
      this.#counters.add("tunnels", "taken");
      this.#accept(opened, from);
    });
  }

  /** Whether this source may open another connection. If so, counts it until the socket closes. */
  #admit(remote: string, socket: Duplex): boolean {
    const address = canonicalAddress(remote) ?? "";
    const quota = { size_max: TUNNELS_MAX, per_source_max: TUNNELS_PER_SOURCE_MAX };
    if (this.size >= TUNNELS_MAX || !this.#perSource.hasRoom(address, quota)) {
      this.#counters.add("tunnels", "refused");
      return false;
    }
    this.#perSource.add(address, 1);
    socket.once("close", () => this.#perSource.add(address, -1));
    return true;
  }

  #accept(socket: WebSocket, from: Endpoint): void {
    const stream: Stream = { send: (bytes) => this.#send(socket, bytes) };
    let port: number | null = null;
    const clock = this.#clock;
    let ponged_at = clock.now();
    const cancelEnter = clock.after(TUNNEL_OPEN_MS, () => socket.close(INVALID_TICKET));
    const pingTimer = setInterval(() => {
      // Halfway between the answer to the last ping and the one before.
      if (clock.now() - ponged_at > 1.5 * TUNNEL_PING_MS) return socket.terminate();
      socket.ping();
    }, TUNNEL_PING_MS);
    socket.on("pong", () => (ponged_at = clock.now()));
    socket.on("error", () => this.#counters.add("tunnels", "error"));
    socket.on("close", () => {
      cancelEnter();
      clearInterval(pingTimer);
    });
    socket.on("message", (data, isBinary) => {
      try {
        if (isBinary) return this.#handleDatagram(port, from, bytesOf(data), stream);
        cancelEnter();
        const request = parseEnter(bytesOf(data), 0);
        port = request === null ? null : this.#handlers.join(request.ticket, from, stream, clock.now());
        if (port === null) return socket.close(INVALID_TICKET);
        socket.send(Buffer.from(encodeEntered(request!.word)).toString("latin1"));
      } catch (error) {
        this.#handlers.onFault(error);
        socket.terminate();
      }
    });
  }

  #handleDatagram(port: number | null, from: Endpoint, bytes: Uint8Array, stream: Stream): void {
    if (port === null) return this.#counters.add("relay_dropped", "unproved");
    const hop = this.#handlers.route(port, from, bytes.length, stream, this.#clock.now());
    if (hop !== null) this.#handlers.forward(hop, bytes);
  }

  /** If the stream is closed or its buffer is full, the datagram is lost, as in a network. */
  #send(socket: WebSocket, bytes: Uint8Array): void {
    if (socket.readyState !== socket.OPEN || socket.bufferedAmount > TUNNEL_UNSENT_BYTES_MAX) {
      return this.#counters.add("relay_dropped", "congested");
    }
    socket.send(bytes);
  }

  #sourceOf({ headers, socket }: IncomingMessage): Endpoint | null {
    const named = this.#header === "" ? undefined : headers[this.#header]?.toString();
    const address = named === undefined ? socket.remoteAddress : forwardedAddress(named);
    return endpoint(address ?? "", socket.remotePort ?? 0);
  }
}

/** A message is one buffer: `ws` fragments only on request. */
const bytesOf = (data: RawData): Uint8Array => data as Buffer;
