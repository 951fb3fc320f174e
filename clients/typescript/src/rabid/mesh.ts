/**
 * The players' part of a session, from the server's start line to `met` or `failed`. It has one handshake per other
 * player, and decides when the host starts, when a guest is done, and when to give up. Sans I/O.
 */
import type { Datagram, Endpoint, FailureCode, Met } from "./events.ts";
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
    const say = (bytes: Uint8Array, to: Endpoint): void => void this.#datagrams.push({ bytes, to });
    for (const [name, told] of setup.others) {
      const role: Role = this.#isHost ? "my_guest" : name === setup.host ? "my_host" : "fellow";
      this.#handshakes.set(
        name,
        new PeerHandshake({ me: setup.me, name, role, listed: told, ownPort: setup.ownPort, send: say }, now),
      );
    }
  }

  /** Null while undecided. It does not change afterwards. */
  get outcome(): MeshOutcome | null {
    return this.#outcome;
  }

  /** Handles any datagram that is not the server's. Others are ignored. */
  receive(bytes: Uint8Array, source: Endpoint, now: number): void {
    const said = readPeerMessage(bytes);
    if (said === null || this.#failed()) return;
    const link =
      said.kind === "start"
        ? [...this.#handshakes.values()].find((link) => link.isAt(source) && link.role === "my_host")
        : this.#handshakes.get(said.name);
    link?.handleMessage(said, source, now);
  }

  /** Sends what is due, and decides. */
  wake(now: number): void {
    this.#woken = now;
    if (this.#failed()) return;
    if (this.#outcome === null) this.#outcome = this.#isHost ? this.#decideAsHost(now) : this.#decideAsGuest(now);
    for (const link of this.#handshakes.values()) link.wake(now);
    // The handshakes with players that answered last need no more retries.
    if (this.#outcome !== null) for (const link of this.#handshakes.values()) link.linger();
  }

  /** When to call `wake` next; Infinity for never. */
  deadline(): number {
    if (this.#failed()) return Infinity;
    const links = [...this.#handshakes.values()].map((link) => link.deadline());
    return Math.min(...links, ...(this.#outcome === null ? this.#decisionTimes() : []));
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
    const links = [...this.#handshakes.values()];
    const since = now - this.#begun;
    if (!this.#started) {
      const awaited = links.filter(
        (link) => !link.ready && since < (link.isHeard ? limits.GATHER_MS : limits.SILENT_MS),
      );
      if (awaited.length > 0) return null;
      if (!links.some((link) => link.ready)) return { failed: "unreachable_self" };
      this.#started = true;
    }
    const ready = links.filter((link) => link.ready);
    for (const link of ready) if (!link.starting) link.start(now);
    return ready.every((link) => link.complete) ? this.#met(ready) : null;
  }

  #decideAsGuest(now: number): MeshOutcome | null {
    const links = [...this.#handshakes.values()];
    const host = this.#handshakes.get(this.#setup.host);
    const since = now - this.#begun;
    if (host === undefined) return { failed: "host_not_confirmed" };
    if (host.startAt !== null) {
      // A Parley peer would have answered by now, and a plugin is open as soon as it is received.
      const comes = (link: PeerHandshake): boolean => link.isSameImplementation || since < limits.SILENT_MS;
      const waits = links.some((link) => link !== host && !link.settled && comes(link));
      const until = host.startAt + (waits ? limits.GRACE_MS : 0);
      return now >= until ? this.#met(links.filter((link) => link.open)) : null;
    }
    if (since >= limits.SILENT_MS && !links.some((link) => link.isHeard)) return { failed: "unreachable_self" };
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
    const marks = fixed.map((ms) => this.#begun + ms);
    const startAt = this.#handshakes.get(this.#setup.host)?.startAt ?? null;
    if (startAt !== null) marks.push(startAt, startAt + limits.GRACE_MS);
    return marks.filter((mark) => mark > this.#woken);
  }
}
