/** The relay's types: an allocation is a pair of ports for two peers. Requests, notices and limits are here too. */
import { type Endpoint, isIPv4, sourceOf } from "#shared/net/endpoint.ts";
import type { Bucket, Budget } from "#shared/rate-limit/token-bucket.ts";
import type { BudgetShare } from "./shared-budget.ts";

export type RelayLimits = {
  /** Bytes on the wire, headers included: per side, per source (IPv4 /32, IPv6 /64), per game. */
  readonly side: Budget;
  readonly source: Budget;
  readonly game: Budget;
  /** Sides of allocations that one source may hold at once. */
  readonly slots_per_source_max: number;
  /** Bytes that one allocation may carry, both directions together. */
  readonly bytes_max: number;
  readonly lifetime_ms: number;
  readonly idle_ms: number;
  readonly relatch_ms: number;
  /** Also relay for private and loopback addresses: for laboratories and local networks. */
  readonly special: boolean;
};

/** A peer that its wire has observed. */
export type ObservedParty = {
  readonly peer: string;
  /** Something other than a datagram showed that the peer receives at this address: its TCP connection. */
  readonly proved?: boolean;
  /** Where its wire observed it. It must send from this address; its port may differ by then. */
  readonly observed: Endpoint;
};
/** A peer without a known endpoint, which will authenticate with a secret from any address. */
type UnobservedParty = { readonly peer: string; readonly observed: null; readonly family: 4 | 6 };
export type RelayParty = ObservedParty | UnobservedParty;

export type RelayRequest = {
  readonly game: string;
  /** The same pair in either order. */
  readonly parties: readonly [RelayParty, RelayParty];
  /** Its games may only listen until they hear something: their sides get some datagrams before they send one. */
  readonly wakes?: boolean;
  /** Bytes that it may carry, if that is less than the sidecar's limit. */
  readonly bytes_max?: number;
  /** A request with another name gets another allocation. */
  readonly name?: string;
  /** Called once for each limit that is reached, when the sidecar starts closing, and at the end. */
  readonly onNotice: (notice: RelayNotice) => void;
};

export type RelayLimited = "rate" | "source_rate" | "game_rate" | "bytes" | "lifetime" | "credit" | "loop";
export type RelayNotice =
  /** Datagrams were dropped for this reason. After `bytes` and `lifetime` the end follows. */
  | { readonly kind: "limited"; readonly reason: RelayLimited }
  /** A peer has sent its first datagram, from the port that its wire observed or from another one. */
  | { readonly kind: "latched"; readonly peer: string; readonly moved: boolean }
  /** The sidecar is about to stop. */
  | { readonly kind: "closing" }
  | { readonly kind: "ended"; readonly why: RelayEnd };
export type RelayEnd = "idle" | "evicted" | "released" | "closed" | "bytes" | "lifetime";

/** Why there is no relay. Peers see one refusal for all of these, `no_relay`. */
export type NoRelay = "closing" | "special" | "source_share" | "exhausted" | "loop";

/** Supplies open ports: `acquire` returns one of this family, or null if none is free. */
export type PortPool = { acquire(family: 4 | 6): number | null; release(port: number): void };

/** An allocation and its ports in the order of the request; each party uses only its own port. */
export type Allocated = { readonly allocation: Allocation; readonly ports: readonly [number, number] };

/** Where a datagram is forwarded: out of one of the relay's ports, or over the stream of this endpoint. */
export type Hop = { readonly port: number; readonly endpoint: Endpoint; readonly stream: Stream | null };

/** A stream that carries datagrams for a side that UDP does not reach. */
export type Stream = { send(bytes: Uint8Array): void };

export type Side = {
  readonly peer: string;
  readonly port: number;
  readonly family: 4 | 6;
  /** Null if only a secret authenticates this side. */
  observed: Endpoint | null;
  source: BudgetShare;
  /** The endpoint that has authenticated on this allocation; null until then. */
  endpoint: Endpoint | null;
  /** Authenticated with a secret: only another such authentication changes the endpoint. */
  secret: boolean;
  /** The peer receives at the observed address; otherwise the credit limits what it gets. */
  proved: boolean;
  /** Bytes that an unproved side still gets (relay/side-credit.ts). */
  credit_bytes: number;
  /** Datagrams that it still gets before it has sent one (relay/waking.ts), and their rate. */
  wakes_left: number;
  readonly wake_bucket: Bucket;
  /** The stream to that endpoint, or null for UDP. */
  stream: Stream | null;
  /** The peer has left its wire. */
  left: boolean;
  last_received_at: number;
  readonly bucket: Bucket;
};

export type Allocation = {
  readonly key: string;
  readonly game: BudgetShare;
  readonly sides: readonly [Side, Side];
  readonly allocated_at: number;
  /** When it was requested last. */
  requested_at: number;
  /** Bytes that it may carry. */
  readonly bytes_max: number;
  carried_bytes: number;
  onNotice: (notice: RelayNotice) => void;
  readonly limited: RelayLimited[];
};

/** Each port has one family. */
export const familyOf = (at: Endpoint): 4 | 6 => (isIPv4(at.address) ? 4 : 6);

export const peerKey = (game: string, peer: string): string => `${game}\n${peer}`;

/** Which budget a party uses: its source's, or a separate one for a peer without a known endpoint. */
export const budgetKey = ({ peer, observed }: RelayParty): string =>
  observed === null ? `peer ${peer}` : sourceOf(observed.address);

export const partyFamily = (party: RelayParty): 4 | 6 =>
  party.observed === null ? party.family : familyOf(party.observed);

/** The same for both orders of the parties. Another pair of families needs other ports. */
export function pairKey({ game, parties, name = "" }: RelayRequest): string {
  const ends = parties.map((party) => `${party.peer}\n${partyFamily(party)}`);
  return [game, name, ...ends.toSorted()].join("\n");
}
