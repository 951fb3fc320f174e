/**
 * The failure detector for members that speak HTTP; sidecars have one for the others. A sign of life costs no row: it
 * is kept in memory and lost when the hub sleeps. A member without one becomes a suspect when the alarm fires. Suspects
 * share one row. A suspect that is still silent at the next alarm is reported as silent.
 */
import { SILENT_MS, SUSPECTS_MAX } from "#shared/limits.ts";
import type { Lobby, Member } from "#shared/lobby/lobby.ts";

/** By lobby and peer: until when (ms) a suspect can give a sign of life. */
export type Suspects = Readonly<Record<string, number>>;

/** Whether a peer has an open socket, which is a continuous sign of life. */
type IsConnected = (peer: string) => boolean;

export class Presence {
  readonly #seen_at = new Map<string, Map<string, number>>();
  readonly #suspects: Map<string, number>;
  /** The suspects differ from the stored row. */
  #unsaved = false;

  constructor(suspects: Suspects) {
    this.#suspects = new Map(Object.entries(suspects));
  }

  /** Records a sign of life of a member. */
  recordSign(lobby: string, peer: string, now: number): void {
    const members = this.#seen_at.get(lobby) ?? new Map<string, number>();
    this.#seen_at.set(lobby, members.set(peer, now));
    this.#clear(lobby, peer);
  }

  /** Follows a change of members: a join is a sign of life, and members that left are forgotten. */
  follow(old: Lobby | null, next: Lobby | null): void {
    if (old?.members === next?.members) return;
    const lobby = (next ?? old)!.id;
    const before = peersOf(old);
    const after = peersOf(next);
    for (const [peer, joined_at] of after) if (!before.has(peer)) this.recordSign(lobby, peer, joined_at);
    for (const peer of before.keys()) {
      if (after.has(peer)) continue;
      this.#seen_at.get(lobby)?.delete(peer);
      this.#clear(lobby, peer);
    }
    if (next === null) this.#seen_at.delete(lobby);
  }

  /** Returns the members that are silent for too long. A member without a recorded sign becomes a suspect. */
  checkSilence(lobby: Lobby, isConnected: IsConnected, now: number): string[] {
    const silent: string[] = [];
    for (const { peer } of monitored(lobby)) {
      if (isConnected(peer)) this.recordSign(lobby.id, peer, now);
      else if (this.#dueOf(lobby, peer, Infinity) <= now) silent.push(peer);
      else this.#suspect(lobby, peer, now);
    }
    return silent;
  }

  /** When the next member of this lobby counts as silent (ms), or Infinity. */
  deadline(lobby: Lobby, isConnected: IsConnected, now: number): number {
    const waiting = monitored(lobby).filter(({ peer }) => !isConnected(peer));
    return Math.min(...waiting.map(({ peer }) => this.#dueOf(lobby, peer, now + SILENT_MS)), Infinity);
  }

  /** The suspects to store, or null if the row is up to date. */
  unsaved(): Suspects | null {
    return this.#unsaved ? Object.fromEntries(this.#suspects) : null;
  }

  saved(): void {
    this.#unsaved = false;
  }

  #dueOf(lobby: Lobby, peer: string, unknown: number): number {
    const seen_at = this.#seen_at.get(lobby.id)?.get(peer);
    return seen_at === undefined ? (this.#suspects.get(keyOf(lobby.id, peer)) ?? unknown) : seen_at + SILENT_MS;
  }

  #suspect(lobby: Lobby, peer: string, now: number): void {
    const key = keyOf(lobby.id, peer);
    const known = this.#seen_at.get(lobby.id)?.has(peer) === true || this.#suspects.has(key);
    if (known || this.#suspects.size >= SUSPECTS_MAX) return;
    this.#suspects.set(key, now + SILENT_MS);
    this.#unsaved = true;
  }

  #clear(lobby: string, peer: string): void {
    if (this.#suspects.delete(keyOf(lobby, peer))) this.#unsaved = true;
  }
}

/** Members that are not yet known to be silent. A held place has its own deadline. */
const monitored = (lobby: Lobby): Member[] =>
  lobby.state === "open"
    ? lobby.members.filter((m) => m.source === null && m.away_since === null && m.held_until === undefined)
    : [];

const peersOf = (lobby: Lobby | null): Map<string, number> =>
  new Map(lobby?.members.flatMap((m) => (m.source === null ? [[m.peer, m.joined_at]] : [])));

const keyOf = (lobby: string, peer: string): string => `${lobby} ${peer}`;
