/**
 * The hub's unit of work: rows are written first, then memory, then clients are notified, then the alarm is set. Output
 * gates hold notifications until the rows are durable. Memory is rebuilt from rows on every wake.
 */
import { ALARM_SLACK_MS, STORAGE_CHECK_MS } from "#shared/limits.ts";
import type { FromHub } from "#shared/link/messages.ts";
import type { Event, Lobby } from "#shared/lobby/lobby.ts";
import { LobbyIndex, LobbyTransaction } from "./lobby-index.ts";
import type { Env } from "../env.ts";
import { deliveriesOf, type ChangeListener, type LobbyChange } from "./change-listener.ts";
import { RequestGuard } from "./admission.ts";
import * as link from "./link/messages.ts";
import { directoryChanges, wantsDirectory } from "./link/directory.ts";
import { HostSnapshots } from "./lobby/host-snapshots.ts";
import { Presence } from "./presence.ts";
import { SidecarRegistry } from "./link/sidecar-registry.ts";
import { headOf, type LobbyHead } from "./storage/lobby-head.ts";
import { type SidecarRow, Store } from "./store.ts";
import { isStorageFault, reportStorageFault } from "../storage-fault.ts";

type Rows = ReadonlyMap<string, SidecarRow | null>;

/** A request: what its lobbies were before, and what follows when its rows are written. */
type Unit = { readonly changed: (readonly [id: string, old: Lobby | null])[]; readonly notifications: (() => void)[] };

export class HubState {
  readonly lobbies: LobbyIndex;
  readonly sidecars: SidecarRegistry;
  readonly guard: RequestGuard;
  readonly presence: Presence;
  readonly snapshots: HostSnapshots;
  readonly #store: Store;
  readonly #storage: DurableObjectStorage;
  readonly #listener: ChangeListener;
  #alarm_at: number | null = null;
  /** When the storage last accepted a check (ms). */
  #checked_at = -Infinity;
  /** When the lobbies must be checked next (ms). The alarm may fire earlier, to flush pending notifications. */
  #check_at = Infinity;
  /** After a sleep the purpose of the alarm is unknown, so the first one checks all lobbies. */
  #slept = true;
  /** The request that is running in `atomically`. */
  #unit: Unit | null = null;

  constructor(storage: DurableObjectStorage, env: Env, events: (state: HubState, store: Store) => ChangeListener) {
    this.#storage = storage;
    this.#store = new Store(storage);
    this.lobbies = new LobbyIndex(this.#store.lobbyHeads(), this.#store.lobbies);
    this.sidecars = new SidecarRegistry(this.#store.sidecars());
    this.guard = new RequestGuard(env, this.#store);
    this.presence = new Presence(this.#store.suspects(), this.#store.graces());
    this.snapshots = new HostSnapshots(this.#store);
    this.#listener = events(this, this.#store);
  }

  /** Marks sidecars as down whose links did not survive the sleep, and reads the alarm. */
  async wake(): Promise<void> {
    this.#alarm_at = await this.#storage.getAlarm();
    const now = Date.now();
    const draft = this.begin(now);
    const down = this.sidecars.unlinked(now);
    for (const sidecar of down.keys()) this.unlistTethered(sidecar, draft);
    try {
      this.commit(draft, down, now, { looking: "everywhere" });
    } catch (error) {
      // Reads need no row. The sidecars will say hello again.
      if (!isStorageFault(error)) throw error;
      reportStorageFault(error);
    }
  }

  /** Writes a row, at most once in a while: `/readyz` is open to everyone. Throws if that fails. */
  checkStorage(now: number): void {
    if (now - this.#checked_at < STORAGE_CHECK_MS && now >= this.#checked_at) return;
    this.#store.saveCheck(now);
    this.#checked_at = now;
  }

  begin(now: number): LobbyTransaction {
    return new LobbyTransaction(this.lobbies, now);
  }

  commit(
    draft: LobbyTransaction,
    sidecars: Rows,
    now: number,
    { answering, looking }: { answering?: link.Answering; looking?: "everywhere" } = {},
  ): void {
    const changes = Array.from(draft.lobbies, ([id, next]) => ({ old: this.lobbies.byId(id) ?? null, next }));
    for (const { old, next } of changes) this.presence.follow(old, next);
    const ended = changes.flatMap(({ old, next }) => (next === null && old !== null ? [old.id] : []));
    const dropped_snapshots = this.snapshots.takeEnded(ended);
    this.#store.save({ lobbies: draft.lobbies, sidecars, dropped_snapshots, ...this.presence.takeUnsaved() });
    for (const { old, next } of changes) this.#unit?.changed.push([(old ?? next)!.id, old]);
    this.lobbies.commit(draft.lobbies);
    this.sidecars.commit(sidecars);
    const notify = (): void => {
      this.#notify(draft, changes, answering, now);
      if (looking === "everywhere") this.#check_at = Infinity;
      this.scheduleAlarm(looking === "everywhere" ? this.lobbies.heads() : headsOf(draft.lobbies.values()), now);
    };
    if (this.#unit === null) notify();
    else this.#unit.notifications.push(notify);
  }

  /**
   * Runs one request, whose rows are written in one savepoint. If it throws, its rows and its changes in memory are
   * undone, and nobody is notified of them.
   */
  atomically<T>(work: () => T): T {
    const unit: Unit = (this.#unit = { changed: [], notifications: [] });
    let result: T;
    try {
      result = this.#store.atomically(work);
    } catch (error) {
      for (const [id, old] of unit.changed.toReversed()) this.lobbies.commit(new Map([[id, old]]));
      throw error;
    } finally {
      this.#unit = null;
    }
    for (const notify of unit.notifications) notify();
    return result;
  }

  #notify(
    draft: LobbyTransaction,
    changes: readonly LobbyChange[],
    answering: link.Answering | undefined,
    now: number,
  ): void {
    this.#sendDirectory(changes);
    for (const [sidecar, messages] of link.groupBySidecar(draft.notices, answering)) {
      const socket = this.sidecars.socket(sidecar);
      if (socket !== undefined) for (const message of messages) send(socket, message);
    }
    this.#listener.publish(deliveriesOf(draft.notices), changes, now);
  }

  /**
   * A peer's last socket closed: its seats are kept for a grace. Nothing is published, because this may be called while
   * events are sent.
   */
  startGraces(peer: string, now: number): void {
    const joined = this.lobbies.lobbiesOf(peer);
    for (const lobby of joined) this.presence.startGrace(lobby, peer, now);
    this.#store.save({ lobbies: new Map(), sidecars: new Map(), ...this.presence.takeUnsaved() });
    this.scheduleAlarm(joined.map(headOf), now);
  }

  /** When a member loses its seat without a sign of life (ms); null while its socket is open. */
  readonly seatExpiresAt = (lobby: Lobby, peer: string): number | null =>
    this.presence.seatExpiresAt(lobby, peer, this.#isConnected, Date.now());

  /** Flushes pending notifications, and checks lobbies, members and sidecars if that is due. */
  onAlarm(now: number, closeSilentLinks: (now: number) => void): void {
    try {
      closeSilentLinks(now);
      this.#checkAll(now);
    } catch (error) {
      // The platform drops an alarm that fails repeatedly, so it is set again.
      if (!isStorageFault(error)) throw error;
      reportStorageFault(error);
      this.#slept = true;
      void this.#storage.setAlarm((this.#alarm_at = now + STORAGE_CHECK_MS)).catch(() => (this.#alarm_at = null));
    }
  }

  #checkAll(now: number): void {
    this.#alarm_at = null;
    this.#listener.tick(now);
    if (!this.#slept && now < this.#check_at) return this.scheduleAlarm([], now);
    this.#slept = false;
    this.guard.prune(now);
    const draft = this.begin(now);
    const rows = new Map<string, SidecarRow>();
    for (const row of this.sidecars.overdue(now)) {
      this.applyToMembersOf(row.id, { kind: "sidecar_away", sidecar: row.id }, draft);
      rows.set(row.id, { ...row, away: true });
    }
    for (const head of this.lobbies.heads()) {
      const silent = this.presence.checkSilence(head, this.#isConnected, now);
      const graces = this.presence.graces(head, now);
      if (silent.length === 0 && graces.peers.length === 0 && (head.due ?? Infinity) > now) continue;
      const lobby = this.lobbies.byId(head.id)!;
      for (const peer of silent) draft.applyTo(lobby, { kind: "silent", peer });
      if (graces.peers.length > 0) draft.applyTo(lobby, { kind: "disconnected", ...graces });
      draft.applyTo(lobby, { kind: "tick" });
    }
    this.commit(draft, rows, now, { looking: "everywhere" });
  }

  /** Applies an event to all lobbies with members of this sidecar, or to those that `which` selects. */
  applyToMembersOf(
    sidecar: string,
    event: Event,
    draft: LobbyTransaction,
    which: (lobby: Lobby) => boolean = all,
  ): void {
    for (const { id, sidecars } of this.lobbies.heads()) {
      const lobby = sidecars.includes(sidecar) ? this.lobbies.byId(id)! : null;
      if (lobby !== null && which(lobby)) draft.applyTo(lobby, event);
    }
  }

  /** Lobbies that end with their host's connection leave the list with the sidecar's link, without a grace period. */
  unlistTethered(sidecar: string, draft: LobbyTransaction): void {
    for (const { id, sidecars, tethered, listed } of this.lobbies.heads()) {
      if (!tethered || !listed || !sidecars.includes(sidecar)) continue;
      draft.applyTo(this.lobbies.byId(id)!, { kind: "sidecar_away", sidecar });
    }
  }

  /** Sets the one alarm to the earliest deadline. Setting it writes a row, so small delays are accepted. */
  scheduleAlarm(changed: Iterable<LobbyHead>, now: number): void {
    let due = Math.min(this.guard.deadline(), this.lobbies.size === 0 ? Infinity : this.sidecars.deadline(now));
    for (const head of changed) {
      due = Math.min(due, head.due ?? Infinity, this.presence.deadline(head, this.#isConnected, now));
    }
    const grace = this.presence.graceDeadline();
    this.#check_at = Math.min(this.#check_at, due, grace, this.#listener.deadline());
    const urgent = Math.min(grace, this.#listener.urgent());
    due = Math.min(this.#check_at, urgent);
    const slack = due === urgent ? 0 : ALARM_SLACK_MS;
    if (due === Infinity || (this.#alarm_at !== null && this.#alarm_at <= due + slack)) return;
    this.#alarm_at = due;
    void this.#storage.setAlarm(due);
  }

  /** Before the notices of the same change, so that a client that lists at once finds its own lobby. */
  #sendDirectory(changes: readonly LobbyChange[]): void {
    const messages = directoryChanges(changes);
    if (messages.length === 0) return;
    for (const [id, socket] of this.sidecars.linked()) {
      if (!wantsDirectory(this.sidecars.row(id)!.hello)) continue;
      for (const message of messages) send(socket, message);
    }
  }

  readonly #isConnected = (peer: string): boolean => this.#listener.isConnected(peer);
}

const all = (): boolean => true;

/** The heads of the lobbies that have not ended. */
function* headsOf(lobbies: Iterable<Lobby | null>): Iterable<LobbyHead> {
  for (const lobby of lobbies) if (lobby !== null) yield headOf(lobby);
}

export function send(socket: WebSocket, message: FromHub): void {
  try {
    socket.send(JSON.stringify(message));
  } catch {
    // The socket is closing; the sidecar gets the full state after its next hello.
  }
}
