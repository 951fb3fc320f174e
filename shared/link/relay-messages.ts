/**
 * Link messages (messages.ts) about the relays of native connections, with their decoders.
 *
 *     hub -- allocate {relay, sides} --> sidecar -- allocated {relay, ends, ...} | unallocated {relay, why} --> hub
 *     hub -- release {relay, now?} ----> sidecar                                   unallocated also when one ends
 *     hub -- sidecars {addresses} -----> sidecar      after each hello, and when they change: it never relays to them
 *
 * A relay has the id of its connection. A repeated request for an existing relay returns the same ends.
 */
import {
  canonicalEndpoint,
  type Decoder,
  flag,
  integer,
  list,
  oneOf,
  optional,
  pair,
  record,
  text,
} from "../schema/decode.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { OTHER_SIDECAR_ADDRESSES_MAX, URL_LENGTH_MAX } from "../limits.ts";
import { LOBBY_ID_PATTERN, PEER_PATTERN } from "../lobby/ids.ts";

/**
 * One of two peers to be relayed to each other. A datagram that carries a ticket of purpose `relay` for this relay and
 * this peer (docs/reference/wires/native.md) is accepted from any endpoint.
 */
export type RelaySide = {
  readonly peer: string;
  /** Address family of its end; absent: IPv4 where the sidecar has it. */
  readonly family?: "v4" | "v6";
};
export type Allocate = {
  readonly t: "allocate";
  readonly relay: string;
  readonly sides: readonly [RelaySide, RelaySide];
  /** The most that the relay may carry; absent: what the sidecar allows. */
  readonly bytes_max?: number;
};
/** `now`: the relay ends although its peers still send. */
export type Release = { readonly t: "release"; readonly relay: string; readonly now?: boolean };
/** The addresses of the deployment's other sidecars. Two relays that forward to each other would loop. */
export type OtherSidecars = { readonly t: "sidecars"; readonly addresses: readonly string[] };
export type ToRelay = Allocate | Release | OtherSidecars;

/** The end of each peer, in the order of `sides`; the relay's lifetime, and its budget in bytes. */
export type Allocated = {
  readonly t: "allocated";
  readonly relay: string;
  readonly ends: readonly [Endpoint, Endpoint];
  readonly lifetime_ms: number;
  readonly bytes_max: number;
  /** URL of a WebSocket to the same ends. */
  readonly tunnel?: string;
};
/** Why no relay was allocated, and why a relay ended. */
const NO_RELAY = ["off", "no_address", "closing", "special", "source_share", "exhausted", "mismatch"] as const;
const RELAY_ENDS = ["idle", "released", "closed", "bytes", "lifetime"] as const;
export type Unallocated = {
  readonly t: "unallocated";
  readonly relay: string;
  readonly why: (typeof NO_RELAY | typeof RELAY_ENDS)[number];
  /** What a relay that has ended carried. */
  readonly bytes?: number;
};
export type FromRelay = Allocated | Unallocated;

const relay = text(43, LOBBY_ID_PATTERN);
const side = record<RelaySide>({ peer: text(40, PEER_PATTERN), family: optional(oneOf("v4", "v6")) });
export const tunnelUrl = text(URL_LENGTH_MAX, /^wss?:\/\/[!-~]+$/);
const amount = integer(0, Number.MAX_SAFE_INTEGER);

export const toRelay = {
  allocate: record<Allocate>({ t: oneOf("allocate"), relay, sides: pair(side), bytes_max: optional(amount) }),
  release: record<Release>({ t: oneOf("release"), relay, now: optional(flag) }),
  sidecars: record<OtherSidecars>({ t: oneOf("sidecars"), addresses: list(text(64), OTHER_SIDECAR_ADDRESSES_MAX) }),
};

export const fromRelay: { readonly [T in FromRelay["t"]]: Decoder<Extract<FromRelay, { t: T }>> } = {
  allocated: record<Allocated>({
    t: oneOf("allocated"),
    relay,
    ends: pair(canonicalEndpoint),
    lifetime_ms: amount,
    bytes_max: amount,
    tunnel: optional(tunnelUrl),
  }),
  unallocated: record<Unallocated>({
    t: oneOf("unallocated"),
    relay,
    why: oneOf(...NO_RELAY, ...RELAY_ENDS),
    bytes: optional(amount),
  }),
};
