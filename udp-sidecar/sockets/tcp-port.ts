/**
 * A TCP port whose clients stay connected: accepts connections and passes their bytes to sessions. An error of a
 * connection ends only that connection.
 */
import { BlockList, createServer, type Server, type Socket } from "node:net";
import { type Endpoint, endpoint, isIPv4 } from "#shared/net/endpoint.ts";
import { PROXY_HEADER_MS, TCP_KEEPALIVE_MS, TCP_PART_BYTES_MAX, TCP_TURN_BYTES_MAX } from "#shared/limits.ts";
import type { Counters } from "../core/counters.ts";
import type { Clock } from "../time/clock.ts";
import type { Network } from "../config/settings.ts";
import { parseProxyHeader } from "../protocols/proxy-header.ts";
import { listenTcp } from "./listen.ts";

/** The sidecar's end of a connection. */
export type TcpConnection = {
  readonly endpoint: Endpoint;
  send(this: void, text: string): void;
  end(this: void): void;
  /** Closes it at once. */
  destroy(this: void): void;
};

/** What the port calls for one connection. */
export type TcpSession = {
  receive(bytes: Uint8Array, now: number): void;
  /** The client has closed its half and sends nothing more. */
  endInput(now: number): void;
  close(now: number): void;
};

export type TcpPortOptions = {
  readonly listen: readonly string[];
  readonly port: number;
  /** What listens there, for the error of a port that cannot be opened. */
  readonly what: string;
  /** Peers whose connections must begin with a PROXY protocol header. */
  readonly proxies: readonly Network[];
  /** Unread bytes after which a connection is closed. */
  readonly unread_bytes_max: number;
  /** Null refuses the connection; what was sent before is still delivered. */
  readonly accept: (connection: TcpConnection) => TcpSession | null;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
};

export class TcpPort {
  readonly #options: TcpPortOptions;
  readonly #proxies = new BlockList();
  readonly #servers: Server[] = [];
  readonly #sessions = new Map<Socket, TcpSession>();
  /** Connections of proxies that have not named their client yet. */
  readonly #unnamed = new Set<Socket>();
  /** Bytes that sessions may still handle in this turn of the event loop. */
  #left = TCP_TURN_BYTES_MAX;
  /** What waits for a later turn. The connections are paused. */
  #waiting = new Map<Socket, Uint8Array>();
  /** Connections whose input has ended, but not all of it is handled. */
  readonly #ended = new WeakSet<Socket>();

  private constructor(options: TcpPortOptions) {
    this.#options = options;
    for (const { address, bits } of options.proxies) this.#proxies.addSubnet(address, bits, familyOf(address));
  }

  /** Opens the port on all of these addresses or on none. Rejects with the port and the reason. */
  static async open(options: TcpPortOptions): Promise<TcpPort> {
    const opened = new TcpPort(options);
    try {
      for (const address of options.listen) await opened.#listen(address);
    } catch (error) {
      await opened.close();
      throw error;
    }
    return opened;
  }

  /** Closes every connection and ends its session. */
  async close(): Promise<void> {
    const closed = this.#servers.splice(0).map((server) => new Promise<void>((done) => server.close(() => done())));
    for (const [socket, session] of this.#sessions) {
      socket.destroy();
      session.close(this.#options.clock.now());
    }
    for (const socket of this.#unnamed) socket.destroy();
    this.#sessions.clear();
    await Promise.all(closed);
  }

  async #listen(host: string): Promise<void> {
    const { port, what, counters } = this.#options;
    // Each answer is sent at once, in one segment.
    const options = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS };
    const server = createServer(options, (socket) => this.#accept(socket));
    if (!(await listenTcp(server, host, port, what))) return;
    // For example too many open files: existing connections stay.
    server.on("error", () => counters.add("connections", "error"));
    this.#servers.push(server);
  }

  #accept(socket: Socket): void {
    const { counters } = this.#options;
    socket.on("error", () => counters.add("connections", "error"));
    const from = endpoint(socket.remoteAddress ?? "", socket.remotePort ?? 0);
    if (from === null) return void socket.destroy();
    const isProxy = this.#proxies.check(from.address, familyOf(from.address));
    if (isProxy) this.#awaitClient(socket, from);
    else this.#open(socket, from);
  }

  /** Opens the session for the client that the proxy names. Without a valid header the connection is closed. */
  #awaitClient(socket: Socket, proxy: Endpoint): void {
    let received = Buffer.alloc(0);
    const refuse = (): void => {
      this.#options.counters.add("connections", "no_source");
      socket.destroy();
    };
    const cancel = this.#options.clock.after(PROXY_HEADER_MS, refuse);
    const finish = (): void => {
      cancel();
      this.#unnamed.delete(socket);
      socket.off("data", read).off("end", refuse).off("close", finish);
    };
    const read = (bytes: Buffer): void => {
      received = Buffer.concat([received, bytes]);
      const header = parseProxyHeader(received);
      if (header === "incomplete") return;
      finish();
      if (header === "invalid") return refuse();
      this.#open(socket, header.client ?? proxy);
      if (received.length > header.length) socket.unshift(received.subarray(header.length));
    };
    this.#unnamed.add(socket);
    socket.on("data", read).on("end", refuse).on("close", finish);
  }

  #open(socket: Socket, from: Endpoint): void {
    const { accept } = this.#options;
    const connection = {
      endpoint: from,
      send: (text: string) => this.#send(socket, text),
      end: () => socket.end(),
      destroy: () => void socket.destroy(),
    };
    const session = accept(connection);
    if (session === null) return socket.destroySoon();
    this.#sessions.set(socket, session);
    socket.on("data", (bytes) => this.#receive(socket, bytes));
    // A paused stream still reports its end.
    socket.on("end", () => (this.#waiting.has(socket) ? void this.#ended.add(socket) : this.#endInput(socket)));
    socket.on("close", () => {
      if (this.#sessions.delete(socket)) this.#guard(socket, () => session.close(this.#options.clock.now()));
    });
  }

  /** Handles what fits into this turn of the event loop. The rest waits, and its connection is paused. */
  #receive(socket: Socket, bytes: Uint8Array): void {
    const session = this.#sessions.get(socket);
    if (session === undefined) return;
    if (this.#left === TCP_TURN_BYTES_MAX) setImmediate(() => this.#startTurn());
    const part = bytes.subarray(0, Math.min(this.#left, TCP_PART_BYTES_MAX));
    this.#left -= part.length;
    if (part.length > 0) this.#guard(socket, () => session.receive(part, this.#options.clock.now()));
    if (part.length < bytes.length) {
      socket.pause();
      this.#waiting.set(socket, bytes.subarray(part.length));
    } else if (this.#ended.delete(socket)) this.#endInput(socket);
  }

  #endInput(socket: Socket): void {
    this.#guard(socket, () => this.#sessions.get(socket)?.endInput(this.#options.clock.now()));
  }

  #startTurn(): void {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    this.#left = TCP_TURN_BYTES_MAX;
    for (const [socket, bytes] of waiting) {
      // Data flows again in the next turn, unless the rest still does not fit.
      socket.resume();
      this.#receive(socket, bytes);
    }
  }

  #send(socket: Socket, text: string): void {
    socket.write(text);
    if (socket.writableLength <= this.#options.unread_bytes_max) return;
    this.#options.counters.add("connections", "unread");
    socket.destroy();
  }

  /** An internal error ends the connection that triggered it. */
  #guard(socket: Socket, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#options.onFault(error);
      socket.destroy();
    }
  }
}

const familyOf = (address: string): "ipv4" | "ipv6" => (isIPv4(address) ? "ipv4" : "ipv6");
