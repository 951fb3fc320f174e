/**
 * The snapshots of hosts, for the next host: one row per lobby that has one. Memory holds who wrote it and when; the bytes
 * are read from disk on request.
 */
import { isMember } from "#shared/api/views.ts";
import type { SnapshotInfo } from "#shared/api/snapshots.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { isHost } from "#shared/lobby/transitions.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import type { Outcome, Snapshot, SnapshotWrite } from "../../rpc.ts";
import type { Store } from "../store.ts";

export class HostSnapshots {
  readonly #store: Store;
  readonly #infos: Map<string, SnapshotInfo>;

  constructor(store: Store) {
    this.#store = store;
    this.#infos = store.snapshots();
  }

  infoOf(lobby: string): SnapshotInfo | undefined {
    return this.#infos.get(lobby);
  }

  put(lobby: Lobby | undefined, peer: string, write: SnapshotWrite, now: number): Outcome<SnapshotInfo> {
    const refused = refusalFor(lobby, peer);
    if (refused !== null) return { refused };
    const { id, term, former_hosts } = lobby!;
    if (!isHost(lobby!, null, peer)) return { refused: former_hosts.includes(peer) ? "stale_term" : "not_host" };
    if (term !== write.term) return { refused: "stale_term" };
    const info: SnapshotInfo = {
      revision: (this.#infos.get(id)?.revision ?? 0) + 1,
      term,
      size: write.bytes.byteLength,
      readers: write.readers,
      updated_at: new Date(now).toISOString(),
    };
    this.#store.saveSnapshot(id, info, write.bytes);
    this.#infos.set(id, info);
    return { value: info };
  }

  get(lobby: Lobby | undefined, peer: string): Outcome<Snapshot> {
    const refused = refusalFor(lobby, peer);
    if (refused !== null) return { refused };
    const info = this.#infos.get(lobby!.id);
    const readable = info !== undefined && (info.readers === "members" || lobby!.host === peer);
    return readable
      ? { value: { info, bytes: this.#store.snapshotBytes(lobby!.id) } }
      : { refused: "snapshot_not_found" };
  }

  /** Forgets the snapshots of ended lobbies. Returns those whose rows must be deleted. */
  takeEnded(ended: Iterable<string>): string[] {
    return [...ended].filter((id) => this.#infos.delete(id));
  }
}

/** A private lobby does not exist for a peer outside. */
function refusalFor(lobby: Lobby | undefined, peer: string): RefusalCode | null {
  if (lobby === undefined) return "lobby_not_found";
  if (isMember(lobby, peer)) return null;
  return lobby.visibility === "private" ? "lobby_not_found" : "not_member";
}
