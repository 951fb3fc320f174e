/**
 * The TCP port of noray: splits connections into lines and passes them to the noray sessions. An error of a connection
 * ends only that connection.
 */
import { createServer, type Server, type Socket } from "node:net";
import { canonicalAddress } from "#shared/net/endpoint.ts";
import { NORAY_KEEPALIVE_MS, NORAY_UNREAD_BYTES_MAX } from "#shared/limits.ts";
import { LineReader } from "../protocols/noray.ts";
import type { NoraySession } from "../noray/session.ts";
import type { NoraySessions } from "../noray/sessions.ts";
import type { Counters } from "../core/counters.ts";
import type { Clock } from "../time/clock.ts";
import { listenTcp } from "./listen.ts";

export class NorayTcp {
  readonly #servers: Server[] = [];
  readonly #sessions = new Map<Socket, NoraySession>();
  readonly #noray: NoraySessions;
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #onFault: (error: unknown) => void;

  private constructor(sessions: NoraySessions, counters: Counters, clock: Clock, onFault: (error: unknown) => void) {
    this.#noray = sessions;
    this.#counters = counters;
    this.#clock = clock;
    this.#onFault = onFault;
  }

  /** Opens the port on all of these addresses or on none. Rejects with the port and the reason. */
  static async open(
    listen: readonly string[],
    port: number,
    sessions: NoraySessions,
    counters: Counters,
    clock: Clock,
    onFault: (error: unknown) => void,
  ): Promise<NorayTcp> {
    const opened = new NorayTcp(sessions, counters, clock, onFault);
    try {
      for (const address of listen) await opened.#listen(address, port);
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
      this.#noray.close(session);
    }
    await Promise.all(closed);
  }

  async #listen(host: string, port: number): Promise<void> {
    // Each answer is sent at once, in one segment.
    const options = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: NORAY_KEEPALIVE_MS };
    const server = createServer(options, (socket) => this.#accept(socket));
    if (!(await listenTcp(server, host, port, "noray"))) return;
    // For example too many open files: existing connections stay.
    server.on("error", () => this.#counters.add("connections", "error"));
    this.#servers.push(server);
  }

  #accept(socket: Socket): void {
    socket.on("error", () => this.#counters.add("connections", "error"));
    const address = canonicalAddress(socket.remoteAddress ?? "");
    const connection = {
      address: address ?? "",
      send: (text: string) => this.#send(socket, text),
      end: () => socket.end(),
    };
    const session = address === null ? null : this.#noray.open(connection);
    if (session === null) return void socket.destroy();
    const lines = new LineReader();
    this.#sessions.set(socket, session);
    socket.on("data", (bytes) =>
      this.#guard(socket, () => {
        const now = this.#clock.now();
        for (const line of lines.read(bytes)) this.#noray.handleLine(session, line, now);
      }),
    );
    socket.on("end", () =>
      this.#guard(socket, () => {
        // The end of the stream also ends the last line.
        const last = lines.end();
        if (last !== null) this.#noray.handleLine(session, last, this.#clock.now());
        this.#noray.endInput(session);
      }),
    );
    socket.on("close", () => {
      this.#sessions.delete(socket);
      this.#guard(socket, () => this.#noray.close(session));
    });
  }

  #send(socket: Socket, text: string): void {
    socket.write(text);
    if (socket.writableLength <= NORAY_UNREAD_BYTES_MAX) return;
    this.#counters.add("connections", "unread");
    socket.destroy();
  }

  /** An internal error ends the connection that triggered it. */
  #guard(socket: Socket, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#onFault(error);
      socket.destroy();
    }
  }
}
