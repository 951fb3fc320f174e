/**
 * Allocates relays at sidecars over their links (shared/link/relay-messages.ts). It tries one sidecar at a time, first
 * those that both peers can reach. Requests are in memory only: a relay whose hub restarted expires at the sidecar by
 * its idle time.
 */
import type { RelayView } from "#shared/connect/schema.ts";
import { RELAY_ANSWER_MS, RELAY_TICKET_S, RELAY_TRIES_MAX } from "#shared/limits.ts";
import type { FromRelay, RelaySide, ToRelay } from "#shared/link/relay-messages.ts";
import type { Ticket } from "#shared/auth/tickets.ts";
import type { Signed } from "../../auth/tokens.ts";

export type RelayRequest = {
  /** The connection's id, which is also the relay's. */
  readonly id: string;
  readonly sides: readonly [RelaySide, RelaySide];
  /** For each of the two, addresses of sidecars that have answered it. */
  readonly reachable: readonly [readonly string[], readonly string[]];
};

export type RelayPair = readonly [RelayView, RelayView];
/** `exhausted`: there are relays, but none has room. */
export type RelayFailure = "exhausted" | "unavailable";

/** What the allocator needs of the hub. */
export type RelayHost = {
  /** Sidecars that are up and relay, with their addresses. */
  readonly relaying: () => readonly { readonly id: string; readonly addresses: readonly string[] }[];
  readonly send: (sidecar: string, message: ToRelay) => void;
  readonly sign: (ticket: Omit<Ticket, "game">) => Promise<Signed | null>;
  readonly waitUntil: (work: Promise<void>) => void;
};

/** The results of a request. */
type RelayCallbacks = {
  /** Called once. */
  readonly done: (grant: RelayPair | RelayFailure) => void;
  /** The allocated relay has ended. */
  readonly ended: () => void;
};

type PendingRelay = RelayCallbacks & {
  readonly request: RelayRequest;
  readonly tried: Set<string>;
  sidecar: string;
  due_at: number;
  full: boolean;
};

export class RelayAllocator {
  readonly #host: RelayHost;
  readonly #pending = new Map<string, PendingRelay>();
  /** Allocated relays: at which sidecar, and whom to notify when one ends. */
  readonly #allocated = new Map<string, { readonly sidecar: string; readonly ended: () => void }>();
  /** How many relays each sidecar was asked for; the least loaded is tried first. */
  readonly #load = new Map<string, number>();

  constructor(links: RelayHost) {
    this.#host = links;
  }

  allocate(request: RelayRequest, now: number, callbacks: RelayCallbacks): void {
    const pending = { request, ...callbacks, tried: new Set<string>(), sidecar: "", due_at: 0, full: false };
    this.#pending.set(request.id, pending);
    this.#tryNext(pending, now);
  }

  isPending(id: string): boolean {
    return this.#pending.has(id);
  }

  /** Handles a sidecar's reply. A reply of a sidecar that was not asked is ignored. */
  handleReply(sidecar: string, said: FromRelay, now: number): void {
    const held = this.#allocated.get(said.relay);
    if (said.t === "unallocated" && held?.sidecar === sidecar) {
      this.#allocated.delete(said.relay);
      return held.ended();
    }
    const pending = this.#pending.get(said.relay);
    if (pending === undefined || pending.sidecar !== sidecar) return;
    if (said.t === "allocated") {
      this.#pending.delete(said.relay);
      return this.#host.waitUntil(this.#grant(pending, said, now));
    }
    if (said.why === "exhausted" || said.why === "source_share") pending.full = true;
    this.#tryNext(pending, now);
  }

  /** Drops a request or relay. The sidecar frees the relay by its idle time. */
  forget(id: string): void {
    this.#pending.delete(id);
    this.#allocated.delete(id);
  }

  /** Tries the next sidecar where one has not replied in time. */
  tick(now: number): void {
    for (const pending of this.#pending.values()) if (pending.due_at <= now) this.#tryNext(pending, now);
  }

  deadline(): number {
    return Math.min(Infinity, ...Array.from(this.#pending.values(), ({ due_at }) => due_at));
  }

  #tryNext(pending: PendingRelay, now: number): void {
    const { request: order, tried: asked } = pending;
    const next = asked.size >= RELAY_TRIES_MAX ? undefined : this.#best(order, asked);
    if (next === undefined) {
      this.#pending.delete(order.id);
      return pending.done(pending.full ? "exhausted" : "unavailable");
    }
    asked.add(next);
    pending.sidecar = next;
    pending.due_at = now + RELAY_ANSWER_MS;
    this.#load.set(next, (this.#load.get(next) ?? 0) + 1);
    this.#host.send(next, { t: "allocate", relay: order.id, sides: order.sides });
  }

  #best({ reachable: spokenWith }: RelayRequest, asked: ReadonlySet<string>): string | undefined {
    const known = (addresses: readonly string[]): number =>
      spokenWith.filter((spoken) => spoken.some((address) => addresses.includes(address))).length;
    const rows = this.#host.relaying().filter(({ id }) => !asked.has(id));
    const ranked = rows.map(({ id, addresses }) => ({ id, known: known(addresses), load: this.#load.get(id) ?? 0 }));
    return ranked.toSorted((a, b) => b.known - a.known || a.load - b.load || (a.id < b.id ? -1 : 1))[0]?.id;
  }

  async #grant(
    { request: order, done, ended, sidecar }: PendingRelay,
    said: FromRelay & { t: "allocated" },
    now: number,
  ): Promise<void> {
    const lifetime_s = Math.min(RELAY_TICKET_S, Math.floor(said.lifetime_ms / 1_000));
    const expires_at_s = Math.floor(now / 1_000) + lifetime_s;
    const ends = await Promise.all(
      order.sides.map(async ({ peer }, at): Promise<RelayView | null> => {
        const ticket = await this.#host.sign({ purpose: "relay", lobby: order.id, peer, expires_at_s });
        if (ticket === null) return null;
        const expires_at = new Date(expires_at_s * 1_000).toISOString();
        const { ends, bytes_max: budget_bytes, tunnel } = said;
        return { ...ends[at]!, ticket: ticket.text, expires_at, budget_bytes, ...(tunnel !== undefined && { tunnel }) };
      }),
    );
    const [a, b] = ends;
    if (a && b) this.#allocated.set(order.id, { sidecar, ended });
    done(a && b ? [a, b] : "unavailable");
  }
}
