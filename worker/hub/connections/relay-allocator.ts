/**
 * Relays for connections, asked of sidecars over their links (shared/link/relay-messages.ts). One sidecar after the other is
 * asked, those first that both peers have spoken with. Orders are memory's alone: what a hub that died had ordered, the
 * sidecar frees when nobody uses it.
 */
import type { RelayView } from "#shared/connect/schema.ts";
import { RELAY_ANSWER_MS, RELAY_TICKET_S, RELAY_TRIES_MAX } from "#shared/limits.ts";
import type { FromRelay, RelaySide, ToRelay } from "#shared/link/relay-messages.ts";
import type { Ticket } from "#shared/auth/tickets.ts";
import type { Signed } from "../../auth/tokens.ts";

export type RelayRequest = {
  /** The connection, whose name the relay has. */
  readonly id: string;
  readonly sides: readonly [RelaySide, RelaySide];
  /** Addresses of sidecars that have answered each of the two. */
  readonly reachable: readonly [readonly string[], readonly string[]];
};

export type RelayPair = readonly [RelayView, RelayView];
/** `exhausted`: there are relays, and none has room. */
export type RelayFailure = "exhausted" | "unavailable";

/** What relays need of the hub. */
export type RelayHost = {
  /** Sidecars that are linked and relay, with their addresses. */
  readonly relaying: () => readonly { readonly id: string; readonly addresses: readonly string[] }[];
  readonly send: (sidecar: string, message: ToRelay) => void;
  readonly sign: (ticket: Omit<Ticket, "game">) => Promise<Signed | null>;
  readonly waitUntil: (work: Promise<void>) => void;
};

/** What becomes of an order. */
type RelayCallbacks = {
  /** Once. */
  readonly done: (grant: RelayPair | RelayFailure) => void;
  /** What was granted is there no more. */
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
  /** What was granted, by whom, and who wants to know when it ends. */
  readonly #allocated = new Map<string, { readonly sidecar: string; readonly ended: () => void }>();
  /** Relays that each sidecar was given lately: those with fewer come first. */
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

  /** A sidecar has answered. Whoever was not asked is not heard. */
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

  /** Nobody wants to know any more; the sidecar frees what is not used. */
  forget(id: string): void {
    this.#pending.delete(id);
    this.#allocated.delete(id);
  }

  /** Time has passed: who has not answered is not waited for. */
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
