/**
 * Messages of the link, one WebSocket per sidecar, game and shard, which the sidecar opens and keeps open. Over it the
 * sidecar reports what peers do, and the hub returns what to send to them.
 *
 *     sidecar                                                     hub
 *        | -- hello {version, sidecar, epoch, ...} ----------------> |
 *        | <-- welcome {ack, shards, ticket_keys} ------------------ |   what was stored of this epoch
 *        | <-- directory {reset, items} ... ------------------------ |   every lobby that wires list, and later each change
 *        | <-- members {items, last} ... --------------------------- |   every member it holds for this sidecar
 *        | -- reports {seq, items} ---------------------------------> |   at least once, in order
 *        | <-- told {ack, items} ----------------------------------- |   stored, and the notices that result
 *        | <-- told {ack: null, items} ----------------------------- |   notices caused by other sidecars or by time
 *        | <-- allocate {relay, sides} ------------------------------ |   ports for two peers; a repeat returns the same ports
 *        | -- allocated {relay, ends, ...} -------------------------> |   the endpoint that each of the two uses
 *        | -- unallocated {relay, why} -----------------------------> |   no relay, or the relay has ended
 *        | <-- release {relay} -------------------------------------- |   the relay is no longer needed
 *        | <-- announcement {text} ---------------------------------- |   the operators' message to all clients, once
 *        | -- "ping" ---> <--- "pong" --                             |   answered without waking the hub
 *        | -- bye ---------------------------------------------------> |   going away on purpose
 *
 * Delivery: `seq` is the number of the first report of a batch. The hub stores the effects and the highest number in one
 * transaction and ignores reports that it has stored. At a gap it repeats its `ack`, and the sidecar resends from there.
 * `members` follows every hello, so notices that were lost with a socket are repaired. Relay messages are neither numbered
 * nor resent: the hub repeats a request that got no reply, and the sidecar allocates nothing twice.
 *
 * Both ends decode strictly (decoders.ts) and close with a `LinkCloseCode` on an invalid message.
 */
import type { Endpoint } from "../net/endpoint.ts";
import type { FromRelay, ToRelay } from "./relay-messages.ts";
import type { Policy, Wire } from "../lobby/lobby.ts";
import type { IntroducedPeer, Notice } from "../lobby/notices.ts";
import type { DirectoryChange } from "../listing/directory.ts";
import type { Data } from "../lobby/data.ts";
import type { RefusalCode } from "../refusals.ts";
import type { TicketKey } from "../auth/tickets.ts";

/** Increased when an older version could misinterpret a message. A hub serves its own version and the previous one. */
export const LINK_VERSION = 1;
export const LINK_VERSION_OLDEST = 1;

/** The path of the link, opened with `Authorization: Bearer <sidecar key>`. */
export const linkPath = (game: string, shard: number): string => `/v1/link/${game}/${shard}`;

/** WebSocket close codes (RFC 6455 section 7.4.2, private range). */
export const LinkCloseCode = {
  /** The other side sent an invalid message. */
  malformed: 4400,
  /** No common version. */
  version: 4406,
  /** A newer link of the same sidecar replaced this one. */
  replaced: 4409,
  /** The other side ends on purpose. */
  bye: 4410,
  /** The other side was silent for too long. */
  silent: 4408,
} as const;

/** The datagram that caused a report: wire, lobby name, local port (net/local-port.ts), and the peer's endpoint. */
type DatagramOrigin = { readonly wire: Wire; readonly name: string; readonly via: number; readonly endpoint: Endpoint };

/** What a sidecar reports. The hub converts it to an `Event` by adding the sidecar's name. */
export type Report = DatagramOrigin &
  (
    | {
        readonly kind: "host";
        readonly peer: string;
        readonly local?: Endpoint;
        readonly seats: number | null;
        readonly lock: string | null;
        readonly memory: string | null;
        readonly policy: Policy;
      }
    | {
        readonly kind: "join";
        readonly peer: string;
        readonly local?: Endpoint;
        readonly lock: string | null;
        readonly memory: string | null;
        readonly reclaims: boolean;
        readonly silently?: boolean;
      }
    | { readonly kind: "leave" | "kick" | "confirm" | "ask" | "lost" | "heard" | "moved"; readonly peer: string }
    | { readonly kind: "start" }
    | ({ readonly kind: "publish"; readonly peer: string } & Publication)
  );

/** What a host on a foreign wire publishes of its lobby. It replaces what the host published before. */
export type Publication = {
  /** The wire memory of the host, which proves that the sidecar speaks for it. */
  readonly proof: string;
  readonly join_uri: string | null;
  readonly display_name: string | null;
  readonly seats: number | null;
  readonly visibility: "public" | "unlisted";
  readonly joinable: boolean;
  readonly data: Data;
};

/** A member as its sidecar stores it, to receive from it and send to it. */
export type MemberPlace = DatagramOrigin & {
  readonly peer: string;
  readonly host: boolean;
  /** Time without a datagram after which the member is lost; null once the lobby has started. */
  readonly lease_ms: number | null;
  readonly memory: string | null;
};

export type MemberNotice = { readonly to: MemberPlace; readonly notice: Notice };
/** A notice for a member, or the answer to the report numbered `ref`. */
export type LinkNotice =
  | MemberNotice
  | { readonly ref: number; readonly code: RefusalCode }
  | { readonly ref: number; readonly peers: readonly IntroducedPeer[] };

export type Hello = {
  readonly t: "hello";
  readonly version: number;
  readonly sidecar: string;
  /** Changes with every start of the process, which loses its memory. */
  readonly epoch: string;
  readonly region: string;
  /** Public addresses, as the operator configured them. */
  readonly addresses: readonly string[];
  readonly ports: readonly { readonly port: number; readonly wires: readonly Wire[] }[];
  /** Relay addresses, and the number of concurrent pairs of peers. */
  readonly relay?: { readonly addresses: readonly string[]; readonly pairs: number };
  /** TCP port of noray's commands. */
  readonly noray?: number;
  /** Set if its ports also accept DTLS. */
  readonly dtls?: Dtls;
  /** URL of its WebSocket tunnel to relays, for networks that block UDP. */
  readonly tunnel?: string;
  /** The version of its program. */
  readonly software?: string;
  /** How many seconds its clock is ahead of the hub's; absent while they agree. */
  readonly clock_skew_s?: number;
  /** The sidecar drains: it accepts no new lobbies and ends after its last one. Lists omit it. */
  readonly retiring?: boolean;
  /** The sidecar lists lobbies to its clients, so the hub sends it the directory. */
  readonly directory?: boolean;
  /** The sidecar forwards announcements; an older one would close the link. */
  readonly announcements?: boolean;
};
/** What a client needs to verify a sidecar: the certificate chain, the name in its first certificate, and its SHA-256. */
export type Dtls = {
  readonly name: string;
  readonly fingerprint: string;
  readonly pem: string;
  /** Plaintext datagrams are ignored. */
  readonly required: boolean;
};
export type Reports = { readonly t: "reports"; readonly seq: number; readonly items: readonly Report[] };
export type Bye = { readonly t: "bye" };
export type FromSidecar = Hello | Reports | Bye | FromRelay;

export type Welcome = {
  readonly t: "welcome";
  readonly version: number;
  readonly ack: number;
  /** Hubs over which new lobbies are spread, and over which they were before; absent: no change is under way. */
  readonly shards: number;
  readonly former_shards?: number;
  /** Keys with which the sidecar verifies tickets, the newest first. */
  readonly ticket_keys?: readonly TicketKey[];
  /** The hub sends the directory, and accepts `publish`. */
  readonly directory?: boolean;
};
export type Members = {
  readonly t: "members";
  readonly items: readonly MemberNotice[];
  readonly last: boolean;
};
export type Notices = { readonly t: "told"; readonly ack: number | null; readonly items: readonly LinkNotice[] };
/** Changes of the lobbies that wires list. With `reset` the items are all lobbies so far, and earlier ones are void. */
export type Directory = {
  readonly t: "directory";
  readonly reset: boolean;
  readonly items: readonly DirectoryChange[];
};
/** The operators' message to all clients whose wire can show one. Only a game's first hub sends it. */
export type SidecarAnnouncement = { readonly t: "announcement"; readonly text: string };
export type FromHub = Welcome | Members | Notices | Directory | SidecarAnnouncement | ToRelay;
