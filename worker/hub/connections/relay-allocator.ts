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

export type Order = {
  /** The connection, whose name the relay has. */
  readonly id: string;
  readonly sides: readonly [RelaySide, RelaySide];
  /** Addresses of sidecars that have answered each of the two. */
  readonly spokenWith: readonly [readonly string[], readonly string[]];
};

export type Grant = readonly [RelayView, RelayView];
/** `exhausted`: there are relays, and none has room. */
export type NoGrant = "exhausted" | "unavailable";

/** What relays need of the hub. */
export type Links = {
  /** Sidecars that are linked and relay, with their addresses. */
  readonly relaying: () => readonly { readonly id: string; readonly addresses: readonly string[] }[];
  readonly send: (sidecar: string, message: ToRelay) => void;
  readonly sign: (ticket: Omit<Ticket, "game">) => Promise<Signed | null>;
  readonly goesOn: (work: Promise<void>) => void;
};

/** What becomes of an order. */
type Heard = {
  /** Once. */
  readonly done: (grant: Grant | NoGrant) => void;
  /** What was granted is there no more. */
  readonly ended: () => void;
};

type Pending = Heard & {
  readonly order: Order;
  readonly asked: Set<string>;
  sidecar: string;
  due_at: number;
  full: boolean;
};

export class Relays {
  readonly #links: Links;
  readonly #pending = new Map<string, Pending>();
  /** What was granted, by whom, and who wants to know when it ends. */
  readonly #held = new Map<string, { readonly sidecar: string; readonly ended: () => void }>();
  /** Relays that each sidecar was given lately: those with fewer come first. */
  readonly #load = new Map<string, number>();

  constructor(links: Links) {
    this.#links = links;
  }

  order(order: Order, now: number, heard: Heard): void {
    const pending = { order, ...heard, asked: new Set<string>(), sidecar: "", due_at: 0, full: false };
    this.#pending.set(order.id, pending);
    this.#ask(pending, now);
  }

  isPending(id: string): boolean {
    return this.#pending.has(id);
  }

  /** A sidecar has answered. Whoever was not asked is not heard. */
  hear(sidecar: string, said: FromRelay, now: number): void {
    const held = this.#held.get(said.relay);
    if (said.t === "unallocated" && held?.sidecar === sidecar) {
      this.#held.delete(said.relay);
      return held.ended();
    }
    const pending = this.#pending.get(said.relay);
    if (pending === undefined || pending.sidecar !== sidecar) return;
    if (said.t === "allocated") {
      this.#pending.delete(said.relay);
      return this.#links.goesOn(this.#grant(pending, said, now));
    }
    if (said.why === "exhausted" || said.why === "source_share") pending.full = true;
    this.#ask(pending, now);
  }

  /** Nobody wants to know any more; the sidecar frees what is not used. */
  forget(id: string): void {
    this.#pending.delete(id);
    this.#held.delete(id);
  }

  /** Time has passed: who has not answered is not waited for. */
  tick(now: number): void {
    for (const pending of this.#pending.values()) if (pending.due_at <= now) this.#ask(pending, now);
  }

  deadline(): number {
    return Math.min(Infinity, ...Array.from(this.#pending.values(), ({ due_at }) => due_at));
  }

  #ask(pending: Pending, now: number): void {
    const { order, asked } = pending;
    const next = asked.size >= RELAY_TRIES_MAX ? undefined : this.#best(order, asked);
    if (next === undefined) {
      this.#pending.delete(order.id);
      return pending.done(pending.full ? "exhausted" : "unavailable");
    }
    asked.add(next);
    pending.sidecar = next;
    pending.due_at = now + RELAY_ANSWER_MS;
    this.#load.set(next, (this.#load.get(next) ?? 0) + 1);
    this.#links.send(next, { t: "allocate", relay: order.id, sides: order.sides });
  }

  #best({ spokenWith }: Order, asked: ReadonlySet<string>): string | undefined {
    const known = (addresses: readonly string[]): number =>
      spokenWith.filter((spoken) => spoken.some((address) => addresses.includes(address))).length;
    const rows = this.#links.relaying().filter(({ id }) => !asked.has(id));
    const ranked = rows.map(({ id, addresses }) => ({ id, known: known(addresses), load: this.#load.get(id) ?? 0 }));
    return ranked.toSorted((a, b) => b.known - a.known || a.load - b.load || (a.id < b.id ? -1 : 1))[0]?.id;
  }

  async #grant(
    { order, done, ended, sidecar }: Pending,
    said: FromRelay & { t: "allocated" },
    now: number,
  ): Promise<void> {
    const lifetime_s = Math.min(RELAY_TICKET_S, Math.floor(said.lifetime_ms / 1_000));
    const expires_at_s = Math.floor(now / 1_000) + lifetime_s;
    const ends = await Promise.all(
      order.sides.map(async ({ peer }, at): Promise<RelayView | null> => {
        const ticket = await this.#links.sign({ purpose: "relay", lobby: order.id, peer, expires_at_s });
        if (ticket === null) return null;
        const expires_at = new Date(expires_at_s * 1_000).toISOString();
        const { ends, bytes_max: budget_bytes, tunnel } = said;
        return { ...ends[at]!, ticket: ticket.text, expires_at, budget_bytes, ...(tunnel !== undefined && { tunnel }) };
      }),
    );
    const [a, b] = ends;
    if (a && b) this.#held.set(order.id, { sidecar, ended });
    done(a && b ? [a, b] : "unavailable");
  }
}
