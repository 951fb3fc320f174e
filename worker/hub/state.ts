/**
 * What a hub holds, and the one way to change it: rows first, then memory, then the news, then the alarm. Output gates
 * hold the news back until the rows are safe. What is here in memory is rebuilt from rows on every wake.
 */
import { ALARM_SLACK_MS } from "#shared/limits.ts";
import type { FromHub } from "#shared/link/messages.ts";
import { deadline } from "#shared/lobby/step.ts";
import type { Event, Lobby } from "#shared/lobby/lobby.ts";
import { LobbyIndex, LobbyTransaction } from "./lobby-index.ts";
import type { Env } from "../env.ts";
import { deliveriesOf, type Events } from "./change-listener.ts";
import { Gatekeeper } from "./admission.ts";
import * as link from "./link/messages.ts";
import { isOnShow } from "./noray-listing.ts";
import { Presence } from "./presence.ts";
import { Sidecars } from "./link/sidecar-registry.ts";
import { type Sidecar, Store } from "./store.ts";

type Rows = ReadonlyMap<string, Sidecar | null>;

export class Keeper {
  readonly directory: LobbyIndex;
  readonly sidecars: Sidecars;
  readonly gate: Gatekeeper;
  readonly presence: Presence;
  readonly #store: Store;
  readonly #storage: DurableObjectStorage;
  readonly #events: Events;
  #alarm_at: number | null = null;
  /** When the hub must look at its lobbies next. The alarm may ring sooner, for what waits to be told. */
  #look_at = Infinity;
  /** A hub that slept does not know what its alarm was set for: it looks when it rings first. */
  #slept = true;

  constructor(storage: DurableObjectStorage, env: Env, events: (keeper: Keeper, store: Store) => Events) {
    this.#storage = storage;
    this.#store = new Store(storage);
    this.directory = new LobbyIndex(this.#store.lobbies());
    this.sidecars = new Sidecars(this.#store.sidecars());
    this.gate = new Gatekeeper(env, this.#store);
    this.presence = new Presence(this.#store.suspects());
    this.#events = events(this, this.#store);
  }

  /** After a sleep: links that did not outlive it are down, and the alarm is where it was. */
  async wake(): Promise<void> {
    this.#alarm_at = await this.#storage.getAlarm();
    const now = Date.now();
    const draft = this.draft(now);
    const down = this.sidecars.unlinked(now);
    for (const sidecar of down.keys()) this.applyToMembersOf(sidecar, { kind: "away", sidecar }, draft, isOnShow);
    this.commit(draft, down, now, { looking: "everywhere" });
  }

  draft(now: number): LobbyTransaction {
    return new LobbyTransaction(this.directory, now);
  }

  commit(
    draft: LobbyTransaction,
    sidecars: Rows,
    now: number,
    { answering, looking }: { answering?: link.Answering; looking?: "everywhere" } = {},
  ): void {
    const changes = Array.from(draft.lobbies, ([id, next]) => ({ old: this.directory.byId(id) ?? null, next }));
    for (const { old, next } of changes) this.presence.follow(old, next);
    this.#store.save({ lobbies: draft.lobbies, sidecars, suspects: this.presence.unsaved() });
    this.presence.saved();
    this.directory.commit(draft.lobbies);
    this.sidecars.commit(sidecars);
    for (const [sidecar, messages] of link.addressed(draft.tells, answering)) {
      const socket = this.sidecars.socket(sidecar);
      if (socket !== undefined) for (const message of messages) send(socket, message);
    }
    this.#events.publish(deliveriesOf(draft.tells), changes, now);
    if (looking === "everywhere") this.#look_at = Infinity;
    this.arm(looking === "everywhere" ? this.directory.all() : draft.lobbies.values(), now);
  }

  /** Time has passed: what waits is told, and everybody is looked at where it is time for that. */
  ring(now: number): void {
    this.#alarm_at = null;
    this.#events.tick(now);
    if (!this.#slept && now < this.#look_at) return this.arm([], now);
    this.#slept = false;
    this.gate.tidy(now);
    const draft = this.draft(now);
    const rows = new Map<string, Sidecar>();
    for (const row of this.sidecars.overdue(now)) {
      this.applyToMembersOf(row.id, { kind: "away", sidecar: row.id }, draft);
      rows.set(row.id, { ...row, away: true });
    }
    for (const lobby of this.directory.all()) {
      const silent = this.presence.judge(lobby, this.#listens, now);
      for (const peer of silent) draft.applyTo(lobby, { kind: "silent", peer });
      draft.applyTo(lobby, { kind: "tick" });
    }
    this.commit(draft, rows, now, { looking: "everywhere" });
  }

  /** To all lobbies that have members of this sidecar, or to some of those. */
  applyToMembersOf(
    sidecar: string,
    event: Event,
    draft: LobbyTransaction,
    which: (lobby: Lobby) => boolean = all,
  ): void {
    for (const lobby of this.directory.all()) {
      if (!which(lobby) || !lobby.members.some((member) => member.source?.sidecar === sidecar)) continue;
      draft.applyTo(lobby, event);
    }
  }

  /** One alarm for whatever comes first. Moving it is a row written, so it only moves when that matters. */
  arm(changed: Iterable<Lobby | null>, now: number): void {
    let due = Math.min(this.gate.deadline(), this.directory.size === 0 ? Infinity : this.sidecars.deadline(now));
    for (const lobby of changed) {
      if (lobby === null) continue;
      due = Math.min(due, deadline(lobby) ?? Infinity, this.presence.deadline(lobby, this.#listens, now));
    }
    this.#look_at = Math.min(this.#look_at, due, this.#events.deadline());
    const urgent = this.#events.urgent();
    due = Math.min(this.#look_at, urgent);
    const slack = due === urgent ? 0 : ALARM_SLACK_MS;
    if (due === Infinity || (this.#alarm_at !== null && this.#alarm_at <= due + slack)) return;
    this.#alarm_at = due;
    void this.#storage.setAlarm(due);
  }

  readonly #listens = (peer: string): boolean => this.#events.listens(peer);
}

const all = (): boolean => true;

export function send(socket: WebSocket, message: FromHub): void {
  try {
    socket.send(JSON.stringify(message));
  } catch {
    // Closing; whoever reconnects gets everything again after his hello.
  }
}
