/** A player who speaks Rabid by hand: one socket, what it heard, and waiting for what it should hear. */
import { createSocket, type Socket } from "node:dgram";

export class RabidPlayer {
  /** Every datagram received so far, in order. */
  readonly heard: string[] = [];
  readonly #socket: Socket;
  readonly #server: number;
  readonly #loses: () => boolean;
  readonly #waiting = new Set<() => void>();
  /** What ends a wait whose player leaves. */
  readonly #leaving = new Set<() => void>();
  #pinging: NodeJS.Timeout | null = null;
  #closed: Promise<void> | null = null;

  private constructor(socket: Socket, server: number, loses: () => boolean) {
    this.#socket = socket;
    this.#server = server;
    this.#loses = loses;
    socket.on("message", (bytes) => {
      if (this.#loses()) return;
      this.heard.push(bytes.toString("utf8"));
      for (const look of this.#waiting) look();
    });
    // A server that is being restarted shows as an unreachable port; the player goes on asking.
    socket.on("error", () => {});
  }

  /** `server`: the sidecar's UDP port on this machine. `loses` decides for each datagram, both ways. */
  static open(server: number, { port = 0, loses = (): boolean => false } = {}): Promise<RabidPlayer> {
    const socket = createSocket("udp4");
    return new Promise((done, failed) => {
      socket.once("error", failed);
      socket.bind(port, "127.0.0.1", () => {
        socket.off("error", failed);
        done(new RabidPlayer(socket, server, loses));
      });
    });
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Nothing once the socket is closed, as everything else here. */
  say(what: string | Uint8Array): void {
    if (this.#closed !== null || this.#loses()) return;
    this.#socket.send(what, this.#server, "127.0.0.1");
  }

  /** A word to another player, past the server. */
  greet(what: string, address: string, port: number): void {
    if (this.#closed === null) this.#socket.send(what, port, address);
  }

  /** Says it, and says it again as the plugin does, until something from now on matches. */
  async ask(what: string, wanted: string | RegExp, every_ms = 500, within_ms = 60_000): Promise<string> {
    const from = this.heard.length;
    this.say(what);
    const again = setInterval(() => this.say(what), every_ms);
    return forgivable(this.hears(wanted, { from, within_ms }).finally(() => clearInterval(again)));
  }

  /** The first datagram since `from` that matches; rejects with all that came instead. */
  hears(wanted: string | RegExp, { from = 0, within_ms = 60_000 } = {}): Promise<string> {
    const matches = (line: string): boolean => (typeof wanted === "string" ? line === wanted : wanted.test(line));
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const look = (): void => {
      const found = this.heard.slice(from).find(matches);
      if (found === undefined) return;
      finish();
      resolve(found);
    };
    const giveUp = (why: string): void => {
      finish();
      reject(new Error(`${why} for ${wanted}, heard ${JSON.stringify(this.heard.slice(from))}`));
    };
    const leave = (): void => giveUp("left while waiting");
    const timer = setTimeout(() => giveUp(`waited ${within_ms} ms`), within_ms);
    const finish = (): void => {
      clearTimeout(timer);
      this.#waiting.delete(look);
      this.#leaving.delete(leave);
    };
    this.#waiting.add(look);
    this.#leaving.add(leave);
    look();
    return forgivable(promise);
  }

  /** Pings from now on, as often as the plugin does. */
  keepPinging(session: string, name: string, every_ms = 500): void {
    this.stopPinging();
    this.#pinging = setInterval(() => this.say(`p:${session}:${name}`), every_ms);
  }

  stopPinging(): void {
    if (this.#pinging !== null) clearInterval(this.#pinging);
    this.#pinging = null;
  }

  /** Closes the socket; a second time nothing is left to do. */
  close(): Promise<void> {
    this.stopPinging();
    this.#closed ??= new Promise((done) => this.#socket.close(() => done()));
    for (const leave of this.#leaving) leave();
    return this.#closed;
  }
}

/** Tells those who wait; that nobody waits any more, since something else went wrong before, is no error of its own. */
function forgivable<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
