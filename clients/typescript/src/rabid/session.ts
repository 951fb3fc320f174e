/**
 * A Rabid session, sans I/O: datagrams and the time go in, datagrams and events come out. messages.ts describes the
 * wire.
 *
 *     asking --i:--> lobby --s:--> meeting --> met
 *        \------------- s: -----------^
 *     any of them --> over (failed or left)
 */
import { type Endpoint, sameEndpoint } from "../util/addresses.ts";
import type { Datagram, FailureCode, Met, RabidEvent, RefusalCode } from "./events.ts";
import * as limits from "./limits.ts";
import { Mesh } from "./mesh.ts";
import { readServerLine, type ServerLine, type ListedPlayer, encodeMessage } from "./messages.ts";

export type SessionSetup = {
  /** The server's resolved address. */
  readonly server: Endpoint;
  /** 1 to 10 ASCII letters or digits. */
  readonly session: string;
  /** 1 to 12 ASCII letters or digits. */
  readonly name: string;
  /** 2 to 12 to host a session; absent to join one. */
  readonly seats?: number;
  /** 1 to 12 ASCII letters or digits. */
  readonly password?: string;
};

type Phase = "asking" | "lobby" | "leaving" | "meeting" | "met" | "over";

/** A message that is repeated until it is answered. */
type Repeat = { readonly bytes: Uint8Array; due: number; times: number };

export class RabidSession {
  readonly #setup: SessionSetup;
  #phase: Phase = "asking";
  #players: readonly string[] = [];
  #serverReceivedAt: number;
  #confirms = 0;
  #mesh: Mesh | null = null;
  #met: Met | null = null;
  #wantsStart = false;

  /** The request, then the ping. */
  #request: Repeat;
  #start: Repeat | null = null;
  #leave: Repeat | null = null;
  readonly #kicks = new Map<string, Repeat>();

  #datagrams: Datagram[] = [];
  #events: RabidEvent[] = [];

  /** Throws a RangeError for names that the wire cannot carry. */
  constructor(setup: SessionSetup, now: number) {
    validateSetup(setup);
    this.#setup = setup;
    this.#serverReceivedAt = now;
    const { session, name, seats, password } = setup;
    const letter = seats === undefined ? "c" : "h";
    this.#request = repeat(encodeMessage(letter, session, name, seats, password), now);
  }

  get phase(): Phase {
    return this.#phase;
  }
  /** In join order, the host first; empty before the server's first answer. */
  get players(): readonly string[] {
    return this.#players;
  }
  /** Null before the players met. */
  get met(): Met | null {
    return this.#met;
  }

  /** Handles any datagram from any source. Never throws. */
  receive(bytes: Uint8Array, source: Endpoint, now: number): void {
    if (this.#phase === "over") return;
    if (sameEndpoint(source, this.#setup.server)) {
      const line = readServerLine(bytes);
      if (line !== null) this.#handleServerLine(line, now);
    } else {
      this.#mesh?.receive(bytes, source, now);
    }
    this.wake(now);
  }

  /** Sends what is due. Call it at `deadline()`; other times do no harm. */
  wake(now: number): void {
    switch (this.#phase) {
      case "asking":
      case "lobby":
        if (now - this.#serverReceivedAt >= limits.SERVER_SILENCE_MS) return this.#fail("server_timeout");
        for (const one of [this.#request, this.#start, ...this.#kicks.values()]) this.#repeatIfDue(one, now);
        for (const [name, kick] of this.#kicks) if (kick.times >= limits.KICKS_MAX) this.#kicks.delete(name);
        break;
      case "leaving":
        if (this.#leave !== null && this.#leave.times >= limits.LEAVES_MAX && now >= this.#leave.due) this.#left();
        else this.#repeatIfDue(this.#leave, now);
        break;
      case "meeting":
      case "met":
        this.#wakeMesh(now);
        break;
      case "over":
        break;
    }
  }

  /** When to call `wake` next, or null. */
  deadline(): number | null {
    switch (this.#phase) {
      case "asking":
      case "lobby": {
        const repeats = [this.#request, this.#start, ...this.#kicks.values()].map((one) => one?.due ?? Infinity);
        return Math.min(this.#serverReceivedAt + limits.SERVER_SILENCE_MS, ...repeats);
      }
      case "leaving":
        return this.#leave?.due ?? null;
      default: {
        const deadline = this.#phase === "over" ? Infinity : (this.#mesh?.deadline() ?? Infinity);
        return deadline === Infinity ? null : deadline;
      }
    }
  }

  /** (host) Starts the session once it is listed. For a guest it ends in `refused`. */
  start(now: number): void {
    this.#wantsStart = true;
    if (this.#phase !== "lobby" || this.#start !== null) return;
    this.#start = repeat(encodeMessage("s", this.#setup.session, this.#setup.name), now);
    this.wake(now);
  }

  /** (host) Kicks a player. Ignored for an unknown player and after the start. */
  kick(name: string, now: number): void {
    if (this.#phase !== "lobby" || this.#kicks.has(name) || !this.#players.includes(name)) return;
    this.#kicks.set(name, repeat(encodeMessage("k", this.#setup.session, name), now));
    this.wake(now);
  }

  /** Leaves, and notifies the server if it still holds the session. Ends in `left`. */
  leave(now: number): void {
    if (this.#phase === "over" || this.#phase === "leaving") return;
    if (this.#phase === "meeting" || this.#phase === "met") return this.#left();
    this.#phase = "leaving";
    this.#leave = repeat(encodeMessage("x", this.#setup.session, this.#setup.name), now);
    this.wake(now);
  }

  /** Ends the session for a reason outside of it, such as a failed socket. */
  fail(code: FailureCode): void {
    if (this.#phase !== "over") this.#fail(code);
  }

  takeDatagrams(): Datagram[] {
    const datagrams = this.#datagrams;
    this.#datagrams = [];
    return datagrams;
  }

  takeEvents(): RabidEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #handleServerLine(line: ServerLine, now: number): void {
    this.#serverReceivedAt = now;
    if (line.kind === "start") return this.#handleStart(line.ownPort, line.others, now);
    if (this.#phase === "leaving") return line.kind === "error" ? this.#left() : undefined;
    // After the start the server's late lines are about a session that is over.
    if (this.#phase !== "asking" && this.#phase !== "lobby") return;
    if (line.kind === "error") return this.#handleError(line.code, line.serverText);
    if (this.#phase === "asking") {
      this.#phase = "lobby";
      this.#request = repeat(encodeMessage("p", this.#setup.session, this.#setup.name), now + limits.REPEAT_MS);
    }
    const [host] = line.players;
    if (host === undefined) return;
    const changed = line.players.join() !== this.#players.join();
    this.#players = line.players;
    for (const name of this.#kicks.keys()) if (!line.players.includes(name)) this.#kicks.delete(name);
    if (changed) this.#events.push({ type: "roster", players: line.players, host });
    if (this.#wantsStart) this.start(now);
  }

  /** Three errors refuse a command. All others end the session, as in the plugin. */
  #handleError(code: FailureCode, text: string): void {
    if (this.#phase === "lobby") {
      if (this.#start !== null && (code === "only_one_player_in_session" || code === "non_host_player")) {
        this.#start = null;
        this.#wantsStart = false;
        return this.#refused(code);
      }
      if (this.#kicks.size > 0 && (code === "non_existent_player" || code === "non_host_player")) {
        this.#kicks.clear();
        return this.#refused(code);
      }
      // A repeated answer to a command that was refused before.
      if (code === "only_one_player_in_session" || code === "non_host_player") return;
    }
    this.#fail(code, text);
  }

  #handleStart(ownPort: number, listed: readonly ListedPlayer[], now: number): void {
    if (this.#phase === "leaving" || this.#phase === "over") return;
    if (this.#confirms++ < limits.CONFIRMS_MAX) {
      this.#send(encodeMessage("y", this.#setup.session, this.#setup.name));
    }
    if (this.#mesh !== null) return;
    const me = this.#setup.name;
    // The original server does not list players that have confirmed. The roster has them, and one may be the host.
    const others = new Map<string, Endpoint | null>(this.#players.map((name) => [name, null]));
    for (const { name, endpoint } of listed) others.set(name, endpoint);
    others.delete(me);
    const host = this.#players[0] ?? (this.#setup.seats === undefined ? listed[0]?.name : me) ?? me;
    this.#mesh = new Mesh({ me, host, ownPort, others }, now);
    this.#phase = "meeting";
    this.#events.push({ type: "started", ownPort, host, players: [...others.keys()] });
  }

  #wakeMesh(now: number): void {
    const mesh = this.#mesh;
    if (mesh === null) return;
    mesh.wake(now);
    this.#datagrams.push(...mesh.takeDatagrams());
    if (this.#phase === "met" || mesh.outcome === null) return;
    if ("failed" in mesh.outcome) return this.#fail(mesh.outcome.failed);
    this.#phase = "met";
    this.#met = mesh.outcome.met;
    this.#events.push({ type: "met", ...mesh.outcome.met });
  }

  #refused(code: RefusalCode): void {
    this.#events.push({ type: "refused", code });
  }

  #fail(code: FailureCode, text?: string): void {
    this.#phase = "over";
    this.#mesh = null;
    this.#events.push({ type: "failed", code, ...(text === undefined ? {} : { serverText: text }) });
  }

  #left(): void {
    this.#phase = "over";
    this.#mesh = null;
    this.#events.push({ type: "left" });
  }

  #repeatIfDue(one: Repeat | null, now: number): void {
    if (one === null || now < one.due) return;
    one.times++;
    one.due = now + limits.REPEAT_MS;
    this.#send(one.bytes);
  }

  #send(bytes: Uint8Array): void {
    this.#datagrams.push({ bytes, to: this.#setup.server });
  }
}

const repeat = (bytes: Uint8Array, due: number): Repeat => ({ bytes, due, times: 0 });

function validateSetup({ session, name, seats, password }: SessionSetup): void {
  const { SESSION_NAME, PLAYER_NAME, PASSWORD, SEATS_MIN, SEATS_MAX } = limits;
  if (!SESSION_NAME.test(session)) throw new RangeError("a session name must be 1 to 10 ASCII letters or digits");
  if (!PLAYER_NAME.test(name)) throw new RangeError("a player name must be 1 to 12 ASCII letters or digits");
  if (password !== undefined && !PASSWORD.test(password)) {
    throw new RangeError("a password must be 1 to 12 ASCII letters or digits");
  }
  if (seats !== undefined && !(Number.isInteger(seats) && seats >= SEATS_MIN && seats <= SEATS_MAX)) {
    throw new RangeError("seats must be a whole number from 2 to 12");
  }
}
