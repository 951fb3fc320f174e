/**
 * The players' part of a session, from the server's start line to `met` or `failed`. It has one handshake per other
 * player, and decides when the host starts, when a guest is done, and when to give up. Sans I/O.
 */
import type { Endpoint } from "../util/addresses.ts";
import type { Datagram, FailureCode, Met } from "./events.ts";
import * as limits from "./limits.ts";
import { PeerHandshake, type Role } from "./peer-handshake.ts";
import { readPeerMessage } from "./messages.ts";

export type MeshSetup = {
  readonly me: string;
  readonly host: string;
  readonly ownPort: number;
  /** All other players; null if the server did not list an endpoint. */
  readonly others: ReadonlyMap<string, Endpoint | null>;
};

export type MeshOutcome = { readonly met: Met } | { readonly failed: FailureCode };

export class Mesh {
  readonly #setup: MeshSetup;
  readonly #isHost: boolean;
  readonly #handshakes = new Map<string, PeerHandshake>();
  readonly #begun: number;
  #started = false;
  #outcome: MeshOutcome | null = null;
  #woken: number;
  #datagrams: Datagram[] = [];

  constructor(setup: MeshSetup, now: number) {
    this.#setup = setup;
    this.#isHost = setup.host === setup.me;
    this.#begun = this.#woken = now;
    const send = (bytes: Uint8Array, to: Endpoint): void => void this.#datagrams.push({ bytes, to });
    for (const [name, listed] of setup.others) {
      const role: Role = this.#isHost ? "my_guest" : name === setup.host ? "my_host" : "fellow";
      this.#handshakes.set(
        name,
        new PeerHandshake({ me: setup.me, name, role, listed, ownPort: setup.ownPort, send }, now),
      );
    }
  }

  /** Null while undecided. It does not change afterwards. */
  get outcome(): MeshOutcome | null {
    return this.#outcome;
  }

  /** Handles any datagram that is not the server's. Others are ignored. */
  receive(bytes: Uint8Array, source: Endpoint, now: number): void {
    const message = readPeerMessage(bytes);
    if (message === null || this.#failed()) return;
    const handshake =
      message.kind === "start"
        ? [...this.#handshakes.values()].find((handshake) => handshake.isAt(source) && handshake.role === "my_host")
        : this.#handshakes.get(message.name);
    handshake?.handleMessage(message, source, now);
  }

  /** Sends what is due, and decides. */
  wake(now: number): void {
    this.#woken = now;
    if (this.#failed()) return;
    if (this.#outcome === null) this.#outcome = this.#isHost ? this.#decideAsHost(now) : this.#decideAsGuest(now);
    for (const handshake of this.#handshakes.values()) handshake.wake(now);
    // The handshakes with players that answered last need no more retries.
    if (this.#outcome !== null) for (const handshake of this.#handshakes.values()) handshake.linger();
  }

  /** When to call `wake` next; Infinity for never. */
  deadline(): number {
    if (this.#failed()) return Infinity;
    const handshakes = [...this.#handshakes.values()].map((handshake) => handshake.deadline());
    return Math.min(...handshakes, ...(this.#outcome === null ? this.#decisionTimes() : []));
  }

  takeDatagrams(): Datagram[] {
    const datagrams = this.#datagrams;
    this.#datagrams = [];
    return datagrams;
  }

  #failed(): boolean {
    return this.#outcome !== null && "failed" in this.#outcome;
  }

  /** Waits for every player that may come, starts all of them, and is done with the last answer. */
  #decideAsHost(now: number): MeshOutcome | null {
    const handshakes = [...this.#handshakes.values()];
    const since = now - this.#begun;
    if (!this.#started) {
      const awaited = handshakes.filter(
        (handshake) => !handshake.ready && since < (handshake.isHeard ? limits.GATHER_MS : limits.SILENT_MS),
      );
      if (awaited.length > 0) return null;
      if (!handshakes.some((handshake) => handshake.ready)) return { failed: "unreachable_self" };
      this.#started = true;
    }
    const ready = handshakes.filter((handshake) => handshake.ready);
    for (const handshake of ready) if (!handshake.starting) handshake.start(now);
    return ready.every((handshake) => handshake.complete) ? this.#met(ready) : null;
  }

  #decideAsGuest(now: number): MeshOutcome | null {
    const handshakes = [...this.#handshakes.values()];
    const host = this.#handshakes.get(this.#setup.host);
    const since = now - this.#begun;
    if (host === undefined) return { failed: "host_not_confirmed" };
    if (host.startAt !== null) {
      // A Parley peer would have answered by now, and a plugin is open as soon as it is received.
      const comes = (handshake: PeerHandshake): boolean => handshake.isSameImplementation || since < limits.SILENT_MS;
      const waits = handshakes.some((handshake) => handshake !== host && !handshake.settled && comes(handshake));
      const until = host.startAt + (waits ? limits.GRACE_MS : 0);
      return now >= until ? this.#met(handshakes.filter((handshake) => handshake.open)) : null;
    }
    if (since >= limits.SILENT_MS && !handshakes.some((handshake) => handshake.isHeard))
      return { failed: "unreachable_self" };
    if (since >= limits.HOST_CONFIRM_MS && !host.ready) return { failed: "host_not_confirmed" };
    return since >= limits.HOST_START_MS ? { failed: "host_not_confirmed" } : null;
  }

  #met(reached: readonly PeerHandshake[]): MeshOutcome {
    const { host, ownPort } = this.#setup;
    const peers = reached.flatMap(({ name, source: seen }) =>
      seen === null ? [] : [{ name, endpoint: seen, isHost: name === host }],
    );
    const names = new Set(peers.map(({ name }) => name));
    const missing = [...this.#handshakes.keys()].filter((name) => !names.has(name));
    return { met: { ownPort, host, isHost: this.#isHost, peers, missing } };
  }

  /** Times at which the decision may change without a datagram. */
  #decisionTimes(): number[] {
    const fixed = [limits.SILENT_MS, limits.GATHER_MS, limits.HOST_CONFIRM_MS, limits.HOST_START_MS];
    const times = fixed.map((ms) => this.#begun + ms);
    const startAt = this.#handshakes.get(this.#setup.host)?.startAt ?? null;
    if (startAt !== null) times.push(startAt, startAt + limits.GRACE_MS);
    return times.filter((time) => time > this.#woken);
  }
}
