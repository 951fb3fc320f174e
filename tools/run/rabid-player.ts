/** A scripted Rabid player on one UDP socket: it sends, records what it receives, and waits for expected datagrams. */
import { createSocket, type Socket } from "node:dgram";

export class RabidPlayer {
  /** Every datagram received so far, in order. */
  readonly received: string[] = [];
  readonly #socket: Socket;
  readonly #server: number;
  readonly #drops: () => boolean;
  /** Called after each datagram, for the pending `waitFor` calls. */
  readonly #listeners = new Set<() => void>();
  /** Called on close, to reject the pending `waitFor` calls. */
  readonly #closeListeners = new Set<() => void>();
  #pinging: NodeJS.Timeout | null = null;
  #closed: Promise<void> | null = null;

  private constructor(socket: Socket, server: number, drops: () => boolean) {
    this.#socket = socket;
    this.#server = server;
    this.#drops = drops;
    socket.on("message", (bytes) => {
      if (this.#drops()) return;
      this.received.push(bytes.toString("utf8"));
      for (const listener of this.#listeners) listener();
    });
    // A restarting server appears as an unreachable port; the player retries.
    socket.on("error", () => {});
  }

  /** `server`: the sidecar's UDP port on this machine. `drops` decides for each datagram, in both directions. */
  static open(server: number, { port = 0, drops = (): boolean => false } = {}): Promise<RabidPlayer> {
    const socket = createSocket("udp4");
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(port, "127.0.0.1", () => {
        socket.off("error", reject);
        resolve(new RabidPlayer(socket, server, drops));
      });
    });
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Sends to the server; does nothing after `close`. */
  send(message: string | Uint8Array): void {
    if (this.#closed !== null || this.#drops()) return;
    this.#socket.send(message, this.#server, "127.0.0.1");
  }

  /** Sends directly to another player. */
  sendTo(message: string, address: string, port: number): void {
    if (this.#closed === null) this.#socket.send(message, port, address);
  }

  /** Repeats the message, as the plugin does, until a new datagram matches. */
  async request(message: string, expected: string | RegExp, every_ms = 500, timeout_ms = 60_000): Promise<string> {
    const from = this.received.length;
    this.send(message);
    const timer = setInterval(() => this.send(message), every_ms);
    return ignoreUnhandled(this.waitFor(expected, { from, timeout_ms }).finally(() => clearInterval(timer)));
  }

  /** The first datagram since index `from` that matches. Rejects with the others after `timeout_ms` or on close. */
  waitFor(expected: string | RegExp, { from = 0, timeout_ms = 60_000 } = {}): Promise<string> {
    const matches = (line: string): boolean => (typeof expected === "string" ? line === expected : expected.test(line));
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const check = (): void => {
      const found = this.received.slice(from).find(matches);
      if (found === undefined) return;
      finish();
      resolve(found);
    };
    const fail = (cause: string): void => {
      finish();
      reject(new Error(`${cause} for ${expected}, received ${JSON.stringify(this.received.slice(from))}`));
    };
    const onClose = (): void => fail("closed while waiting");
    const timer = setTimeout(() => fail(`waited ${timeout_ms} ms`), timeout_ms);
    const finish = (): void => {
      clearTimeout(timer);
      this.#listeners.delete(check);
      this.#closeListeners.delete(onClose);
    };
    this.#listeners.add(check);
    this.#closeListeners.add(onClose);
    check();
    return ignoreUnhandled(promise);
  }

  /** Pings until `stopPinging`, by default as often as the plugin does. */
  startPinging(session: string, name: string, every_ms = 500): void {
    this.stopPinging();
    this.#pinging = setInterval(() => this.send(`p:${session}:${name}`), every_ms);
  }

  stopPinging(): void {
    if (this.#pinging !== null) clearInterval(this.#pinging);
    this.#pinging = null;
  }

  /** Closes the socket; further calls return the same promise. */
  close(): Promise<void> {
    this.stopPinging();
    this.#closed ??= new Promise((resolve) => this.#socket.close(() => resolve()));
    for (const listener of this.#closeListeners) listener();
    return this.#closed;
  }
}

/** If a test fails earlier, its pending waits reject without a handler; that must not hide the test's own failure. */
function ignoreUnhandled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
