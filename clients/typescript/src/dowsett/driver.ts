/**
 * The only part of the peer that knows a socket and a clock. It lends both to a session: datagrams and time go in,
 * datagrams go out, events are told in order, and whoever waits for an outcome hears it.
 */
import { randomInt } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { type Address, sameAddress } from "./wire/address.ts";
import type { DowsettEvent } from "./events.ts";
import { HANDSHAKE_PASSWORD_LENGTH } from "./limits.ts";
import type { DowsettOptions } from "./options.ts";
import { type Ending, type SessionSummary, type InitServer, Session } from "./session.ts";

type PendingPromise = { readonly done: (value: never) => void; readonly failed: (error: Error) => void };

export class Driver {
  readonly session: Session;
  readonly #emit: (event: DowsettEvent) => void;
  readonly #pending = new Map<number, PendingPromise>();
  #lastTicket = 0;
  #socket: Socket | null = null;
  #closed: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #timer_at: number | null = null;
  #undelivered: DowsettEvent[] = [];
  #isDelivering = false;
  /** Commands that open a socket take turns. */
  #turn: Promise<void> = Promise.resolve();
  /** Rises whenever a session begins or ends: what was overtaken while its socket opened does nothing more. */
  #term = 0;

  constructor(options: DowsettOptions, tell: (event: DowsettEvent) => void) {
    this.session = new Session(options, { makePassword });
    this.#emit = tell;
  }

  /** The port it listens on, or null. */
  get port(): number | null {
    return this.#socket?.address().port ?? null;
  }

  /** Resolves once the socket last used is closed, at once where there was none. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Does something to the session, and then whatever follows from it. */
  run<T>(command: (now: number) => T): T {
    const result = command(now());
    this.#flush();
    return result;
  }

  quit(): SessionSummary {
    this.#term++;
    return this.run((now) => this.session.quit(now));
  }

  /** Ends a session under way, opens the port of the new one, and begins it. Settles as the session does. */
  begin<T extends InitServer>(init: T, command: (ready: T, ticket: number, now: number) => void): Promise<Address> {
    this.quit();
    const term = this.#term;
    return this.#inTurn(async (ticket) => {
      await this.#closed;
      const { handshakeAddress, localAddress } = init;
      const socket = await this.#open(localAddress[1], term);
      const local: Address = [localAddress[0], socket.address().port];
      const self = sameAddress(handshakeAddress, localAddress);
      const ready = { ...init, handshakeAddress: self ? local : handshakeAddress, localAddress: local };
      this.run((now) => command(ready, ticket, now));
    });
  }

  /** Asks something, over the socket of the session or, without one, over any. */
  request<T>(command: (ticket: number, now: number) => void): Promise<T> {
    const term = this.#term;
    return this.#inTurn(async (ticket) => {
      if (this.#socket === null) await this.#open(0, term);
      this.run((now) => command(ticket, now));
    });
  }

  /** A promise of the outcome that the session will report under the ticket that `command` is given. */
  wait<T>(command: (ticket: number) => void): Promise<T> {
    const { ticket, promise } = this.ticket<T>();
    try {
      command(ticket);
    } catch (error) {
      this.#reject(ticket, error);
    }
    return promise;
  }

  ticket<T>(): { readonly ticket: number; readonly promise: Promise<T> } {
    const ticket = ++this.#lastTicket;
    const promise = new Promise<T>((done, failed) => this.#pending.set(ticket, { done, failed }));
    // Whoever listens to the events instead must not be killed by a rejection that nobody handles.
    promise.catch(() => {});
    return { ticket, promise };
  }

  #inTurn<T>(command: (ticket: number) => Promise<void>): Promise<T> {
    const { ticket, promise } = this.ticket<T>();
    this.#turn = this.#turn.then(() => command(ticket)).catch((error: unknown) => this.#reject(ticket, error));
    return promise;
  }

  /** Takes a socket. Rejects with the port and the reason in words, or where another command has overtaken this one. */
  async #open(port: number, term: number): Promise<Socket> {
    const socket = createSocket({ type: "udp4", lookup: (ip, _, found) => found(null, ip, 4) });
    await new Promise<void>((done, failed) => {
      socket.once("error", (error: NodeJS.ErrnoException) => {
        socket.close();
        failed(new Error(`invalid listener port: ${port} (${error.code ?? error.message})`, { cause: error }));
      });
      socket.bind(port, done);
    });
    if (term !== this.#term) {
      socket.close();
      throw new Error("the session was ended, or another one was begun");
    }
    // A destination that cannot be reached says so here on some systems. It means the same as silence.
    socket.removeAllListeners("error").on("error", () => {});
    socket.on("message", (bytes, { address, port: from }) =>
      this.run((now) => this.session.receive(bytes, [address, from], now)),
    );
    this.#closed = new Promise((done) => socket.once("close", done));
    this.#socket = socket;
    return socket;
  }

  /** Sends what there is to send, tells what there is to tell, and sees to the timer and the socket. */
  #flush(): void {
    const { datagrams, events, outcomes } = this.session.drain();
    for (const { bytes, to } of datagrams) this.#socket?.send(bytes, to[1], to[0], onSent);
    if (this.session.isIdle) {
      const socket = this.#socket;
      this.#socket = null;
      socket?.close();
    }
    this.#setTimer();
    for (const { ticket, ending } of outcomes) this.#settleTicket(ticket, ending);
    this.#undelivered.push(...events);
    this.#deliver();
  }

  /** In the order in which things happened, even where a listener makes more happen. */
  #deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    for (let event = this.#undelivered.shift(); event !== undefined; event = this.#undelivered.shift())
      this.#emit(event);
    this.#isDelivering = false;
  }

  /** One timer, for the next deadline. It keeps no process alive. */
  #setTimer(): void {
    const at = this.session.deadline;
    if (at === this.#timer_at) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer_at = at;
    this.#timer = at === null ? null : setTimeout(() => this.#onTimer(), Math.max(0, Math.ceil(at - now()))).unref();
  }

  #onTimer(): void {
    this.#timer_at = null;
    this.run((now) => this.session.tick(now));
  }

  #settleTicket(ticket: number, ending: Ending): void {
    const waiting = this.#pending.get(ticket);
    this.#pending.delete(ticket);
    if ("value" in ending) waiting?.done(ending.value as never);
    else waiting?.failed(new Error(ending.failure));
  }

  #reject(ticket: number, error: unknown): void {
    const fault = error instanceof Error ? error : new Error(String(error));
    this.#pending.get(ticket)?.failed(fault);
    this.#pending.delete(ticket);
    this.#undelivered.push(["error", fault.message]);
    this.#deliver();
  }
}

const now = (): number => performance.now();

/** A datagram that could not leave is a lost one: the resend clock deals with it. */
const onSent = (): void => {};

const ALPHANUMERICS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

const makePassword = (): string =>
  Array.from({ length: HANDSHAKE_PASSWORD_LENGTH }, () => ALPHANUMERICS[randomInt(ALPHANUMERICS.length)]).join("");
