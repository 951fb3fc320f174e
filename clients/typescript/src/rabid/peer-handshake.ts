/**
 * The handshake with one other player: its endpoint, what is known of the path, and what to send when. Sans I/O: every
 * function takes the time, and datagrams leave through `send`.
 */
import { type Endpoint, isPublicIPv4, isUnicast, sameEndpoint } from "../util/addresses.ts";
import * as limits from "./limits.ts";
import { type PeerMessage, type Step, encodeMessage } from "./messages.ts";

/** The player is this player's host or guest, or both are guests. */
export type Role = "my_host" | "my_guest" | "fellow";

export type PeerHandshakeSetup = {
  readonly me: string;
  readonly name: string;
  readonly role: Role;
  /** The player's endpoint as the server saw it; null if the server did not list one. */
  readonly listed: Endpoint | null;
  /** This player's port as the server saw it. */
  readonly ownPort: number;
  readonly send: (bytes: Uint8Array, to: Endpoint) => void;
};

type Planned = { readonly at: number; readonly port: number };

export class PeerHandshake {
  readonly name: string;
  readonly role: Role;
  readonly #setup: PeerHandshakeSetup;
  readonly #listed: Endpoint | null;
  /** Greetings to a player that was not received yet. A list, so that they are bounded. */
  readonly #plan: readonly Planned[];
  #planned = 0;
  #source: Endpoint | null = null;
  #receivedAt = Infinity;
  /** This player's port as the other reached it. */
  #myPort: number;
  #isSameImplementation = false;
  #step: 0 | Step = 0;
  #confirmed = false;
  #startConfirmed = false;
  #startAt: number | null = null;
  #lingers = false;

  #sent = 0;
  #steps = 0;
  #starts = 0;
  #confirms = 0;
  #lastStepAt = -Infinity;
  #stepDue = Infinity;
  #greetingDue = Infinity;
  #confirmDue = Infinity;
  #startDue = Infinity;
  #startHeardDue = Infinity;

  constructor(setup: PeerHandshakeSetup, now: number) {
    this.#setup = setup;
    this.name = setup.name;
    this.role = setup.role;
    this.#listed = setup.listed !== null && isUnicast(setup.listed.address) ? setup.listed : null;
    this.#myPort = setup.ownPort;
    this.#plan = this.#listed === null ? [] : greetingPlan(this.#listed.port, now);
  }

  /** The source of the player's datagrams; null before the first. */
  get source(): Endpoint | null {
    return this.#source;
  }
  get isHeard(): boolean {
    return this.#source !== null;
  }
  /** The player is a Parley peer, not a plugin. */
  get isSameImplementation(): boolean {
    return this.#isSameImplementation;
  }
  /** The player can be started: a Parley peer receives this one, or a plugin confirmed. */
  get ready(): boolean {
    return this.#isSameImplementation ? this.#step >= 2 : this.#confirmed;
  }
  /** Enough is known of the path for the game. */
  get open(): boolean {
    return this.#isSameImplementation ? this.#step >= 2 : this.isHeard;
  }
  /** Nothing more will change: a Parley peer knows everything, or got enough copies. */
  get settled(): boolean {
    return this.#isSameImplementation && (this.#step === 3 || (this.#step === 2 && this.#steps >= limits.STEPS_MAX));
  }
  /** The host has nothing more to send to this guest. */
  get complete(): boolean {
    if (this.#starts >= limits.STARTS_MAX) return true;
    return this.#startConfirmed && (this.#isSameImplementation || this.#confirms >= limits.PLUGIN_CONFIRMS_MIN);
  }
  get starting(): boolean {
    return this.#starts > 0 || this.#startDue < Infinity;
  }
  /** The time of the start that the host sent, or null. */
  get startAt(): number | null {
    return this.#startAt;
  }

  /** Whether a message without a name can be the player's. */
  isAt(source: Endpoint): boolean {
    return this.#source !== null && sameEndpoint(this.#source, source);
  }

  /** Handles a message of the player. The answer leaves at the next `wake`. */
  handleMessage(message: PeerMessage, source: Endpoint, now: number): void {
    if (!this.#accepts(source)) return;
    this.#source = source;
    if (this.#step === 0) {
      this.#step = 1;
      this.#receivedAt = now;
      this.#planned = this.#plan.length;
      this.#greetingDue = now;
      this.#confirmDue = now + limits.PLUGIN_CONFIRMS_AFTER_MS;
    }
    switch (message.kind) {
      case "greeting":
        this.#myPort = message.tried;
        this.#answer(now, Infinity);
        break;
      case "confirmation":
        if (!this.#isSameImplementation && !this.#confirmed) {
          this.#confirmed = true;
          this.#confirms = 0;
          this.#confirmDue = now;
          this.#greetingDue = Infinity;
        }
        this.#answer(now, limits.STEPS_TO_STRANGER_MAX);
        break;
      case "step":
        this.#markSameImplementation();
        this.#step = Math.max(this.#step, Math.min(message.step + 1, 3)) as Step;
        if (message.step < 3) this.#answer(now, Infinity);
        break;
      case "start":
        this.#handleStart(message.seconds, now);
        break;
      case "heard_start":
        if (this.role === "my_guest" && this.starting) {
          this.#startConfirmed = true;
          this.#startDue = Infinity;
        }
        break;
    }
  }

  /** (host) Sends a start until the guest answers or got enough copies. */
  start(now: number): void {
    this.#startDue = now;
  }

  /** From now on only answers. */
  linger(): void {
    this.#lingers = true;
    this.#planned = this.#plan.length;
    this.#stepDue = this.#greetingDue = this.#confirmDue = this.#startDue = this.#startHeardDue = Infinity;
  }

  /** Sends what is due. */
  wake(now: number): void {
    this.#wakePlan(now);
    const to = this.#source;
    if (to === null) return;
    if (now >= this.#stepDue) this.#sendStep(to, now);
    if (now >= this.#greetingDue) {
      this.#send(encodeMessage("g", this.#setup.me, this.#setup.ownPort, to.port), to);
      const until = this.#receivedAt + limits.PLUGIN_CONFIRMS_AFTER_MS * 2;
      this.#greetingDue = now < until ? now + this.#pace(limits.PLUGIN_GREETING_MS) : Infinity;
    }
    if (now >= this.#confirmDue) {
      this.#send(encodeMessage("c", this.#setup.me, this.#myPort), to);
      this.#confirms++;
      this.#confirmDue = this.#lingers ? Infinity : now + this.#pace(limits.PLUGIN_CONFIRM_MS);
    }
    if (now >= this.#startDue) {
      this.#send(encodeMessage("s", this.#isSameImplementation ? 0 : limits.PLUGIN_START_S), to);
      this.#starts++;
      this.#startDue = this.#starts < limits.STARTS_MAX ? now + limits.START_MS : Infinity;
    }
    if (now >= this.#startHeardDue) {
      this.#send(encodeMessage("y", this.#setup.me, this.#myPort), to);
      const again = !this.#isSameImplementation && !this.#lingers && now < (this.#startAt ?? now);
      this.#startHeardDue = again ? now + limits.START_MS : Infinity;
    }
  }

  /** When to call `wake` next; Infinity for never. */
  deadline(): number {
    const planned = this.#plan[this.#planned]?.at ?? Infinity;
    if (this.#source === null) return planned;
    const rhythms = [this.#stepDue, this.#greetingDue, this.#confirmDue, this.#startDue, this.#startHeardDue];
    return Math.min(planned, ...rhythms);
  }

  /**
   * Accepts the player's address with any port, because NATs rewrite ports. Another address only if it is public and
   * the listed one was not received: some carriers spread one player over several addresses. An open path does not
   * change.
   */
  #accepts(source: Endpoint): boolean {
    if (this.#step >= 2) return this.isAt(source);
    const own = this.#listed?.address;
    if (source.address === own) return true;
    const ownHeard = own !== undefined && this.#source?.address === own;
    return isPublicIPv4(source.address) && !ownHeard;
  }

  /** A Parley peer needs none of the messages for plugins. */
  #markSameImplementation(): void {
    if (this.#isSameImplementation) return;
    this.#isSameImplementation = true;
    this.#steps = 0;
    this.#greetingDue = this.#confirmDue = Infinity;
  }

  #handleStart(seconds: number, now: number): void {
    if (this.role !== "my_host") return;
    if (seconds === 0) {
      // Only a Parley host sends it, and only to a player that it received.
      this.#markSameImplementation();
      this.#step = Math.max(this.#step, 2) as Step;
    }
    this.#startAt ??= now + Math.min(seconds, limits.START_S_MAX) * 1_000;
    this.#greetingDue = this.#confirmDue = Infinity;
    this.#startHeardDue = Math.min(this.#startHeardDue, now);
  }

  /** `steps_max`: a plugin repeats its confirmation for seconds, and reads few datagrams. */
  #answer(now: number, steps_max: number): void {
    if (!this.#isSameImplementation && this.#steps >= steps_max) return;
    this.#stepDue = Math.min(this.#stepDue, Math.max(now, this.#lastStepAt + limits.ANSWER_GAP_MS));
  }

  #sendStep(to: Endpoint, now: number): void {
    this.#send(encodeMessage("r", this.#setup.me, this.#step), to);
    this.#steps++;
    this.#lastStepAt = now;
    const most = this.#isSameImplementation ? limits.STEPS_MAX : limits.STEPS_TO_STRANGER_MAX;
    const again = !this.#lingers && this.#step < 3 && this.#steps < most;
    this.#stepDue = again ? now + limits.STEP_MS : Infinity;
  }

  #wakePlan(now: number): void {
    const listed = this.#listed;
    if (listed === null) return;
    for (let next = this.#plan[this.#planned]; next !== undefined && next.at <= now;) {
      this.#send(encodeMessage("g", this.#setup.me, this.#setup.ownPort, next.port), {
        address: listed.address,
        port: next.port,
      });
      next = this.#plan[++this.#planned];
    }
  }

  /** Between two guests nothing is urgent: a plugin only has to receive some player. */
  #pace(ms: number): number {
    return this.role === "fellow" ? limits.PLUGIN_GUEST_MS : ms;
  }

  #send(bytes: Uint8Array, to: Endpoint): void {
    if (this.#sent >= (this.#step >= 2 ? limits.DATAGRAMS_MAX : limits.UNPROVEN_DATAGRAMS_MAX)) return;
    this.#sent++;
    this.#setup.send(bytes, to);
  }
}

/** The listed port densely and then sparsely, and its neighbours in rounds, in the order of time. */
function greetingPlan(port: number, now: number): readonly Planned[] {
  const plan: Planned[] = limits.BURST_MS.map((ms) => ({ at: now + ms, port }));
  let at = (limits.BURST_MS.at(-1) ?? 0) + limits.GREETING_MS;
  while (at < limits.SILENT_MS) {
    plan.push({ at: now + at, port });
    at += at < limits.FAST_UNTIL_MS ? limits.GREETING_MS : limits.SLOW_GREETING_MS;
  }
  for (const round of limits.WINDOW_ROUNDS_MS) {
    let step = 0;
    // Upwards first: a NAT that counts ports counts up.
    for (const sign of [1, -1]) {
      for (let by = 1; by <= limits.WINDOW_PORTS; by++) {
        const neighbour = port + sign * by;
        const due = now + round + step++ * limits.WINDOW_STEP_MS;
        if (neighbour >= 1 && neighbour <= 65_535) plan.push({ at: due, port: neighbour });
      }
    }
  }
  return plan.toSorted((a, b) => a.at - b.at);
}
