/**
 * Allocates relays at sidecars over their links (shared/link/relay-messages.ts). It tries one sidecar at a time, first
 * those that both peers can reach. Requests are in memory only: a relay whose hub restarted expires at the sidecar by
 * its idle time.
 */
import type { RelayView } from "#shared/connect/schema.ts";
import { RELAY_ANSWER_MS, RELAY_TICKET_S, RELAY_TRIES_MAX } from "#shared/limits.ts";
import type { FromRelay, RelaySide, ToRelay } from "#shared/link/relay-messages.ts";
import { type Endpoint, isIPv4 } from "#shared/net/endpoint.ts";
import type { Ticket } from "#shared/auth/tickets.ts";
import type { RelayQuota } from "../moderation/relay-quota.ts";
import type { Signed } from "../../auth/tokens.ts";

/**
 * The tunnel's URL for one side: an address in it becomes the sidecar's address of the family that this side uses. A name
 * stays, because it has both.
 */
function tunnelAt(tunnel: string, { address }: Endpoint): string {
  const url = new URL(tunnel);
  const isAddress = isIPv4(url.hostname) || url.hostname.startsWith("[");
  if (!isAddress || isIPv4(url.hostname) === isIPv4(address)) return tunnel;
  url.hostname = isIPv4(address) ? address : `[${address}]`;
  return url.href;
}

export type RelayRequest = {
  /** The connection's id, which is also the relay's. */
  readonly id: string;
  readonly lobby: string;
  readonly sides: readonly [RelaySide, RelaySide];
  /** The id of the relay that this one replaces: another sidecar is preferred. */
  readonly replaces?: string;
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
  /** What operators allow. */
  readonly quota: Pick<RelayQuota, "allowance" | "charge" | "settings">;
  readonly sign: (ticket: Omit<Ticket, "game">) => Promise<Signed | null>;
  readonly waitUntil: (work: Promise<void>) => void;
};

/** The results of a request. */
type RelayCallbacks = {
  /** Called once. */
  readonly done: (result: RelayPair | RelayFailure) => void;
  /** The allocated relay has ended. */
  readonly ended: () => void;
};

type PendingRelay = RelayCallbacks & {
  readonly request: RelayRequest;
  readonly tried: Set<string>;
  sidecar: string;
  due_at: number;
  full: boolean;
  /** Bytes that the relay may carry; null: what its sidecar allows. */
  readonly allowance: number | null;
};

type AllocatedRelay = {
  readonly lobby: string;
  readonly peers: readonly string[];
  readonly sidecar: string;
  readonly ended: () => void;
  readonly expires_at: number;
  readonly bytes_max: number;
};

export class RelayAllocator {
  readonly #host: RelayHost;
  readonly #pending = new Map<string, PendingRelay>();
  /** Relays that no sidecar has reported as ended, the oldest first. */
  readonly #allocated = new Map<string, AllocatedRelay>();
  /** How many relays each sidecar was asked for; the least loaded is tried first. */
  readonly #load = new Map<string, number>();

  constructor(host: RelayHost) {
    this.#host = host;
  }

  allocate(request: RelayRequest, now: number, callbacks: RelayCallbacks): void {
    const allowance = this.#host.quota.allowance(now);
    if (allowance === 0) return callbacks.done(this.#host.quota.settings.enabled ? "exhausted" : "unavailable");
    const pending = { request, ...callbacks, allowance, tried: new Set<string>(), sidecar: "", due_at: 0, full: false };
    this.#pending.set(request.id, pending);
    this.#tryNext(pending, now);
  }

  isPending(id: string): boolean {
    return this.#pending.has(id);
  }

  /** Handles a sidecar's reply. A reply of a sidecar that was not asked is ignored. */
  handleReply(sidecar: string, reply: FromRelay, now: number): void {
    const allocated = this.#allocated.get(reply.relay);
    if (reply.t === "unallocated" && allocated?.sidecar === sidecar) {
      this.#allocated.delete(reply.relay);
      this.#host.quota.charge((reply.bytes ?? allocated.bytes_max) - allocated.bytes_max, now);
      return allocated.ended();
    }
    const pending = this.#pending.get(reply.relay);
    if (pending === undefined || pending.sidecar !== sidecar) return;
    if (reply.t === "allocated") {
      this.#pending.delete(reply.relay);
      return this.#host.waitUntil(this.#issueTickets(pending, reply, now));
    }
    if (reply.why === "exhausted" || reply.why === "source_share") pending.full = true;
    this.#tryNext(pending, now);
  }

  /** Whether any sidecar relays, and operators allow it. */
  isAvailable(now: number): boolean {
    return this.#host.relaying().length > 0 && this.#host.quota.allowance(now) !== 0;
  }

  /** A sidecar has restarted, so its relays have ended. */
  dropSidecar(sidecar: string): void {
    for (const [id, allocated] of this.#allocated) {
      if (allocated.sidecar !== sidecar) continue;
      this.#allocated.delete(id);
      allocated.ended();
    }
  }

  /** Drops a request. An allocated relay continues. */
  forget(id: string): void {
    this.#pending.delete(id);
  }

  /** Neither peer needs the relay any more. The sidecar ends it as soon as both have stopped sending. */
  release(id: string): void {
    const allocated = this.#allocated.get(id);
    if (allocated !== undefined) this.#host.send(allocated.sidecar, { t: "release", relay: id });
  }

  /** Ends all relays at once. */
  endAll(): void {
    for (const [id, { sidecar }] of this.#allocated) this.#host.send(sidecar, { t: "release", relay: id, now: true });
  }

  /** Releases the relays of a lobby that none of their two peers is in any more. */
  releaseLeft(lobby: string, isMember: (peer: string) => boolean): void {
    for (const [id, relay] of this.#allocated)
      if (relay.lobby === lobby && !relay.peers.some(isMember)) this.release(id);
  }

  /** Tries the next sidecar where one has not replied in time. */
  tick(now: number): void {
    for (const pending of this.#pending.values()) if (pending.due_at <= now) this.#tryNext(pending, now);
    for (const [id, { expires_at }] of this.#allocated) if (expires_at <= now) this.#allocated.delete(id);
  }

  deadline(): number {
    return Math.min(Infinity, ...Array.from(this.#pending.values(), ({ due_at }) => due_at));
  }

  #tryNext(pending: PendingRelay, now: number): void {
    const { request, tried } = pending;
    const next = tried.size >= RELAY_TRIES_MAX ? undefined : this.#best(request, tried);
    if (next === undefined) {
      this.#pending.delete(request.id);
      return pending.done(pending.full ? "exhausted" : "unavailable");
    }
    tried.add(next);
    pending.sidecar = next;
    pending.due_at = now + RELAY_ANSWER_MS;
    this.#load.set(next, (this.#load.get(next) ?? 0) + 1);
    const { allowance } = pending;
    const limit = allowance === null ? {} : { bytes_max: allowance };
    this.#host.send(next, { t: "allocate", relay: request.id, sides: request.sides, ...limit });
  }

  #best({ reachable, replaces = "" }: RelayRequest, tried: ReadonlySet<string>): string | undefined {
    const reachedBy = (addresses: readonly string[]): number =>
      reachable.filter((known) => known.some((address) => addresses.includes(address))).length;
    const rows = this.#host.relaying().filter(({ id }) => !tried.has(id));
    const replaced = this.#allocated.get(replaces)?.sidecar;
    const ranked = rows.map(({ id, addresses }) => ({
      id,
      isOther: id === replaced ? 0 : 1,
      peers: reachedBy(addresses),
      load: this.#load.get(id) ?? 0,
    }));
    return ranked.toSorted(
      (a, b) => b.isOther - a.isOther || b.peers - a.peers || a.load - b.load || (a.id < b.id ? -1 : 1),
    )[0]?.id;
  }

  async #issueTickets(
    { request, done, ended, sidecar }: PendingRelay,
    reply: FromRelay & { t: "allocated" },
    now: number,
  ): Promise<void> {
    const lifetime_s = Math.min(RELAY_TICKET_S, Math.floor(reply.lifetime_ms / 1_000));
    const expires_at_s = Math.floor(now / 1_000) + lifetime_s;
    const ends = await Promise.all(
      request.sides.map(async ({ peer }, at): Promise<RelayView | null> => {
        const ticket = await this.#host.sign({ purpose: "relay", lobby: request.id, peer, expires_at_s });
        if (ticket === null) return null;
        const expires_at = new Date(expires_at_s * 1_000).toISOString();
        const { ends, bytes_max: budget_bytes, tunnel: url } = reply;
        const tunnel = url === undefined ? {} : { tunnel: tunnelAt(url, ends[at]!) };
        return { ...ends[at]!, ticket: ticket.text, expires_at, budget_bytes, ...tunnel };
      }),
    );
    const [a, b] = ends;
    if (a && b) {
      const peers = request.sides.map(({ peer }) => peer);
      const expires_at = now + reply.lifetime_ms;
      const { bytes_max } = reply;
      this.#allocated.set(request.id, { lobby: request.lobby, peers, sidecar, ended, expires_at, bytes_max });
      this.#host.quota.charge(bytes_max, now);
    }
    done(a && b ? [a, b] : "unavailable");
  }
}
