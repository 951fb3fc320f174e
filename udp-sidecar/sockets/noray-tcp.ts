/**
 * noray's TCP port: the only place where connections come in. Bytes become lines here, and no error of a connection
 * ends anything but itself.
 */
import { createServer, type Server, type Socket } from "node:net";
import { canonicalAddress } from "#shared/net/endpoint.ts";
import { NORAY_KEEPALIVE_MS, NORAY_UNREAD_BYTES_MAX } from "#shared/limits.ts";
import { LineReader } from "../protocols/noray.ts";
import type { NoraySession, NoraySessions } from "../noray/sessions.ts";
import type { Counters } from "../core/counters.ts";
import { listenTcp } from "./listen.ts";

export class NorayTcp {
  readonly #servers: Server[] = [];
  readonly #sessions = new Map<Socket, NoraySession>();
  readonly #noray: NoraySessions;
  readonly #tally: Counters;
  readonly #onFault: (error: unknown) => void;

  private constructor(switchboard: NoraySessions, tally: Counters, onFault: (error: unknown) => void) {
    this.#noray = switchboard;
    this.#tally = tally;
    this.#onFault = onFault;
  }

  /** Opens the port on all of these addresses or on none. Rejects with the port and the reason in words. */
  static async open(
    listen: readonly string[],
    port: number,
    switchboard: NoraySessions,
    tally: Counters,
    onFault: (error: unknown) => void,
  ): Promise<NorayTcp> {
    const opened = new NorayTcp(switchboard, tally, onFault);
    try {
      for (const address of listen) await opened.#listen(address, port);
    } catch (error) {
      await opened.close();
      throw error;
    }
    return opened;
  }

  /** Ends every connection, of which the switchboard knows at once. */
  async close(): Promise<void> {
    const closed = this.#servers.splice(0).map((server) => new Promise<void>((done) => server.close(() => done())));
    for (const [socket, caller] of this.#sessions) {
      socket.destroy();
      this.#noray.close(caller);
    }
    await Promise.all(closed);
  }

  async #listen(host: string, port: number): Promise<void> {
    // Answers leave in one segment, and at once.
    const options = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: NORAY_KEEPALIVE_MS };
    const server = createServer(options, (socket) => this.#accept(socket));
    if (!(await listenTcp(server, host, port, "noray"))) return;
    // Out of file descriptors, say: those who are connected stay.
    server.on("error", () => this.#tally.add("connections", "error"));
    this.#servers.push(server);
  }

  #accept(socket: Socket): void {
    socket.on("error", () => this.#tally.add("connections", "error"));
    const address = canonicalAddress(socket.remoteAddress ?? "");
    const connection = {
      address: address ?? "",
      say: (text: string) => this.#send(socket, text),
      end: () => socket.end(),
    };
    const caller = address === null ? null : this.#noray.open(connection);
    if (caller === null) return void socket.destroy();
    const lines = new LineReader();
    this.#sessions.set(socket, caller);
    socket.on("data", (bytes) =>
      this.#guard(socket, () => {
        const now = Date.now();
        for (const line of lines.read(bytes)) this.#noray.handleLine(caller, line, now);
      }),
    );
    socket.on("end", () =>
      this.#guard(socket, () => {
        // What the end of the stream ends is a line, too.
        const last = lines.end();
        if (last !== null) this.#noray.handleLine(caller, last, Date.now());
        this.#noray.endInput(caller);
      }),
    );
    socket.on("close", () => {
      this.#sessions.delete(socket);
      this.#guard(socket, () => this.#noray.close(caller));
    });
  }

  #send(socket: Socket, text: string): void {
    socket.write(text);
    if (socket.writableLength <= NORAY_UNREAD_BYTES_MAX) return;
    this.#tally.add("connections", "unread");
    socket.destroy();
  }

  /** A fault of our own ends the connection that found it, and nothing else. */
  #guard(socket: Socket, what: () => void): void {
    try {
      what();
    } catch (error) {
      this.#onFault(error);
      socket.destroy();
    }
  }
}
