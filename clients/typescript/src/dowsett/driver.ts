/**
 * Drives a session with a UDP socket and a clock: datagrams and the time go in, datagrams go out, events are emitted in
 * order, and promises are settled. The session itself is sans I/O.
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
  /** Commands that open a socket run one after the other. */
  #turn: Promise<void> = Promise.resolve();
  /** Counts the begins and ends of sessions. A command that was overtaken while its socket opened does nothing more. */
  #term = 0;

  constructor(options: DowsettOptions, emit: (event: DowsettEvent) => void) {
    this.session = new Session(options, { makePassword });
    this.#emit = emit;
  }

  /** The local port, or null. */
  get port(): number | null {
    return this.#socket?.address().port ?? null;
  }

  /** Resolves once the last socket is closed; at once if there was none. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Runs a command on the session, then sends, emits and settles its results. */
  run<T>(command: (now: number) => T): T {
    const result = command(now());
    this.#flush();
    return result;
  }

  quit(): SessionSummary {
    this.#term++;
    return this.run((now) => this.session.quit(now));
  }

  /** Ends the current session, opens the new one's port, and begins it. Settles with the session. */
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

  /** Runs a request over the session's socket, or over a temporary one. */
  request<T>(command: (ticket: number, now: number) => void): Promise<T> {
    const term = this.#term;
    return this.#inTurn(async (ticket) => {
      if (this.#socket === null) await this.#open(0, term);
      this.run((now) => command(ticket, now));
    });
  }

  /** The promise of the ticket that `command` receives. */
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
    // A caller may listen to the events instead, so an unhandled rejection must not end the process.
    promise.catch(() => {});
    return { ticket, promise };
  }

  #inTurn<T>(command: (ticket: number) => Promise<void>): Promise<T> {
    const { ticket, promise } = this.ticket<T>();
    this.#turn = this.#turn.then(() => command(ticket)).catch((error: unknown) => this.#reject(ticket, error));
    return promise;
  }

  /** Binds a socket. Rejects with the port and the reason, or if another command has overtaken this one. */
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
    // Some systems report an unreachable destination here. It means the same as silence.
    socket.removeAllListeners("error").on("error", () => {});
    socket.on("message", (bytes, { address, port: from }) =>
      this.run((now) => this.session.receive(bytes, [address, from], now)),
    );
    this.#closed = new Promise((done) => socket.once("close", done));
    this.#socket = socket;
    return socket;
  }

  /** Sends datagrams, settles tickets, emits events, and updates the timer and the socket. */
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

  /** In the order of the events, even if a listener causes further events. */
  #deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    for (let event = this.#undelivered.shift(); event !== undefined; event = this.#undelivered.shift())
      this.#emit(event);
    this.#isDelivering = false;
  }

  /** One timer for the next deadline. It does not keep the process alive. */
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

/** A datagram that could not be sent is a lost one, and is resent by the outbox. */
const onSent = (): void => {};

const ALPHANUMERICS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

const makePassword = (): string =>
  Array.from({ length: HANDSHAKE_PASSWORD_LENGTH }, () => ALPHANUMERICS[randomInt(ALPHANUMERICS.length)]).join("");
