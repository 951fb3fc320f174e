/** What the relay's table holds and hears: two peers, a pair of ports, and what is told to whoever asked for it. */
import { type Endpoint, isIPv4, sourceOf } from "#shared/net/endpoint.ts";
import type { Bucket, Budget } from "#shared/rate-limit/token-bucket.ts";
import type { BudgetShare } from "./shared-budget.ts";

export type RelayLimits = {
  /** Bytes as they are on the way, with their headers: per side, per source (IPv4 /32, IPv6 /64), per game. */
  readonly side: Budget;
  readonly source: Budget;
  readonly game: Budget;
  /** Sides of allocations that one source may hold. */
  readonly slots_per_source_max: number;
  /** What one allocation may carry, both ways together. */
  readonly bytes_max: number;
  readonly lifetime_ms: number;
  readonly idle_ms: number;
  readonly relatch_ms: number;
  /** Relays for private and loopback addresses too: in laboratories and in networks of one's own. */
  readonly special: boolean;
};

/** One of two peers to be relayed to each other. */
export type ObservedParty = {
  readonly peer: string;
  /** Where its wire saw it. The address must be the one it will send from; the port may be another by then. */
  readonly observed: Endpoint;
};
/** One of whom nothing is known but that he will show a secret, wherever he is. */
export type UnobservedParty = { readonly peer: string; readonly observed: null; readonly family: 4 | 6 };
export type RelayParty = ObservedParty | UnobservedParty;

export type RelayRequest = {
  readonly game: string;
  /** The same pair whichever comes first. */
  readonly parties: readonly [RelayParty, RelayParty];
  /** Where it is asked for by name, another name is another allocation. */
  readonly name?: string;
  /** Hears of each limit that was reached, once, of a closing sidecar, and of the end. */
  readonly onNotice: (notice: RelayNotice) => void;
};

export type RelayLimited = "rate" | "source_rate" | "game_rate" | "bytes" | "lifetime";
export type RelayNotice =
  /** Datagrams were dropped for this reason; after `bytes` and `lifetime` the end follows. */
  | { readonly kind: "limited"; readonly reason: RelayLimited }
  /** The sidecar is about to stop. */
  | { readonly kind: "closing" }
  | { readonly kind: "ended"; readonly why: RelayEnd };
export type RelayEnd = "idle" | "released" | "closed" | "bytes" | "lifetime";

/** Why there is no relay. To peers all of it is one refusal, `no_relay`. */
export type NoRelay = "closing" | "special" | "source_share" | "exhausted";

/** An open port of this family, lent by whoever has the sockets; null where there is none left. */
export type PortPool = { acquire(family: 4 | 6): number | null; release(port: number): void };

/** Held for one pair of peers. `ports` are in the order of the request: each party speaks with its own alone. */
export type Allocated = { readonly allocation: Allocation; readonly ports: readonly [number, number] };

/** Where a datagram goes on to: out of one of our ports, or over the stream that this endpoint has opened. */
export type Hop = { readonly port: number; readonly endpoint: Endpoint; readonly stream: Stream | null };

/** A stream that carries datagrams for a side whom UDP does not reach. */
export type Stream = { send(bytes: Uint8Array): void };

export type Side = {
  readonly peer: string;
  readonly port: number;
  readonly family: 4 | 6;
  /** Null where only a secret proves who he is. */
  observed: Endpoint | null;
  source: BudgetShare;
  /** Proved on this allocation; null until then. */
  endpoint: Endpoint | null;
  /** Proved with a secret: only another such proof moves it. */
  secret: boolean;
  /** What that endpoint speaks over, where it is no datagram socket. */
  stream: Stream | null;
  /** Its peer has left its wire. */
  left: boolean;
  last_received_at: number;
  readonly bucket: Bucket;
};

export type Allocation = {
  readonly key: string;
  readonly game: BudgetShare;
  readonly sides: readonly [Side, Side];
  readonly allocated_at: number;
  /** When it was asked for last. */
  requested_at: number;
  carried_bytes: number;
  onNotice: (notice: RelayNotice) => void;
  readonly limited: RelayLimited[];
};

/** A port speaks one family alone. */
export const familyOf = (at: Endpoint): 4 | 6 => (isIPv4(at.address) ? 4 : 6);

export const peerKey = (game: string, peer: string): string => `${game}\n${peer}`;

/** Whose budget pays for a party; of one who is nowhere yet, his own. */
export const budgetKey = ({ peer, observed: seen }: RelayParty): string => (seen === null ? `peer ${peer}` : sourceOf(seen.address));

export const partyFamily = (party: RelayParty): 4 | 6 => (party.observed === null ? party.family : familyOf(party.observed));

/** The same whichever party comes first; another pair of families needs other ports. */
export function pairKey({ game, parties, name = "" }: RelayRequest): string {
  const ends = parties.map((party) => `${party.peer}\n${partyFamily(party)}`);
  return [game, name, ...ends.toSorted()].join("\n");
}
