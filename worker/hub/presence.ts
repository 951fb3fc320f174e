/**
 * The failure detector for members that speak HTTP; sidecars have one for the others.
 *
 * A member with a WebSocket: when its last socket closes, a grace begins at once. If the grace ends without a sign of
 * life, the member loses its seat. All graces share one row.
 *
 * A member without one: each request counts for a while, in memory, so a heartbeat costs no row. That memory is lost when
 * the hub sleeps. A member without a recorded sign becomes a suspect when the alarm fires; suspects share one row. A
 * suspect that is still silent at the next alarm is reported as silent.
 */
import { GRACES_MAX, SILENT_AWAY_MS, SILENT_MS, SUSPECTS_MAX } from "#shared/limits.ts";
import { memberExpiresAt } from "#shared/lobby/expiry.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { findMember } from "#shared/lobby/transitions.ts";
import { headOf, type LobbyHead } from "./storage/lobby-head.ts";

/** By lobby and peer: until when (ms) the member can give a sign of life. */
export type Expiries = Readonly<Record<string, number>>;

/** Whether a peer has an open socket, which is a continuous sign of life. */
type IsConnected = (peer: string) => boolean;

export class Presence {
  readonly #seen_at = new Map<string, Map<string, number>>();
  readonly #suspects: Map<string, number>;
  readonly #graces: Map<string, number>;
  /** These differ from the stored rows. */
  #unsaved = { suspects: false, graces: false };

  constructor(suspects: Expiries, graces: Expiries) {
    this.#suspects = new Map(Object.entries(suspects));
    this.#graces = new Map(Object.entries(graces));
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

  // --- graces ------------------------------------------------------------------------------------------------------

  /** The member's last socket closed. A member that is away or has a held seat already has a deadline. */
  startGrace(lobby: Lobby, peer: string, now: number): void {
    this.recordSign(lobby.id, peer, now);
    if (!headOf(lobby).monitored.includes(peer) || this.#graces.size >= GRACES_MAX) return;
    const seconds = lobby.host === peer ? lobby.host_grace_s : lobby.member_grace_s;
    this.#graces.set(keyOf(lobby.id, peer), now + seconds * 1_000);
    this.#unsaved.graces = true;
  }

  /** The members whose grace is over, and those whose grace still runs. */
  graces(lobby: LobbyHead, now: number): { readonly peers: string[]; readonly waiting: string[] } {
    const [peers, waiting]: [string[], string[]] = [[], []];
    if (this.#graces.size === 0) return { peers, waiting };
    for (const peer of [...lobby.monitored, ...lobby.unmonitored]) {
      const ends_at = this.#graces.get(keyOf(lobby.id, peer));
      if (ends_at !== undefined) (ends_at <= now ? peers : waiting).push(peer);
    }
    return { peers, waiting };
  }

  /** When the next grace ends (ms), or Infinity. */
  graceDeadline(): number {
    return this.#graces.size === 0 ? Infinity : Math.min(...this.#graces.values());
  }

  // --- silence -----------------------------------------------------------------------------------------------------

  /** Returns the members that are silent for too long. A member without a recorded sign becomes a suspect. */
  checkSilence(lobby: LobbyHead, isConnected: IsConnected, now: number): string[] {
    const silent: string[] = [];
    for (const peer of this.#withoutGrace(lobby)) {
      if (isConnected(peer)) this.recordSign(lobby.id, peer, now);
      else if (this.#dueOf(lobby, peer, Infinity) <= now) silent.push(peer);
      else this.#suspect(lobby, peer, now);
    }
    return silent;
  }

  /** When the next member of this lobby counts as silent (ms), or Infinity. */
  deadline(lobby: LobbyHead, isConnected: IsConnected, now: number): number {
    let due = Infinity;
    for (const peer of this.#withoutGrace(lobby)) {
      if (!isConnected(peer)) due = Math.min(due, this.#dueOf(lobby, peer, now + SILENT_MS));
    }
    return due;
  }

  /** When a member loses its seat without a sign of life (ms); null while its socket is open. */
  seatExpiresAt(lobby: Lobby, peer: string, isConnected: IsConnected, now: number): number | null {
    if (isConnected(peer)) return null;
    const expires_at = memberExpiresAt(lobby, findMember(lobby, peer)!);
    if (expires_at !== null) return expires_at;
    const grace = this.#graces.get(keyOf(lobby.id, peer));
    return grace ?? this.#dueOf(lobby, peer, now + SILENT_MS) + SILENT_AWAY_MS;
  }

  // --- rows --------------------------------------------------------------------------------------------------------

  /** What must be stored, null where the row is up to date. The caller stores it. */
  takeUnsaved(): { readonly suspects: Expiries | null; readonly graces: Expiries | null } {
    const { suspects, graces } = this.#unsaved;
    this.#unsaved = { suspects: false, graces: false };
    return {
      suspects: suspects ? Object.fromEntries(this.#suspects) : null,
      graces: graces ? Object.fromEntries(this.#graces) : null,
    };
  }

  #withoutGrace({ id, monitored }: LobbyHead): readonly string[] {
    return this.#graces.size === 0 ? monitored : monitored.filter((peer) => !this.#graces.has(keyOf(id, peer)));
  }

  #dueOf(lobby: Pick<Lobby, "id">, peer: string, unknown: number): number {
    const seen_at = this.#seen_at.get(lobby.id)?.get(peer);
    return seen_at === undefined ? (this.#suspects.get(keyOf(lobby.id, peer)) ?? unknown) : seen_at + SILENT_MS;
  }

  #suspect(lobby: Pick<Lobby, "id">, peer: string, now: number): void {
    const key = keyOf(lobby.id, peer);
    const known = this.#seen_at.get(lobby.id)?.has(peer) === true || this.#suspects.has(key);
    if (known || this.#suspects.size >= SUSPECTS_MAX) return;
    this.#suspects.set(key, now + SILENT_MS);
    this.#unsaved.suspects = true;
  }

  #clear(lobby: string, peer: string): void {
    const key = keyOf(lobby, peer);
    if (this.#suspects.delete(key)) this.#unsaved.suspects = true;
    if (this.#graces.delete(key)) this.#unsaved.graces = true;
  }
}

const peersOf = (lobby: Lobby | null): Map<string, number> =>
  new Map(lobby?.members.flatMap((m) => (m.source === null ? [[m.peer, m.joined_at]] : [])));

const keyOf = (lobby: string, peer: string): string => `${lobby} ${peer}`;
