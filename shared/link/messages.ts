/**
 * The link: one WebSocket per (sidecar, game, shard), opened and kept open by the sidecar.
 *
 *     sidecar                                                     hub
 *        | -- hello {version, sidecar, epoch, ...} ----------------> |
 *        | <-- welcome {ack, shards, ticket_keys} ------------------ |   what was stored of this epoch
 *        | <-- members {items, last} ... --------------------------- |   everyone it holds for this sidecar
 *        | -- reports {seq, items} ---------------------------------> |   at least once, in order
 *        | <-- told {ack, items} ----------------------------------- |   stored, and who is to be told what
 *        | <-- told {ack: null, items} ----------------------------- |   what another sidecar or a clock caused
 *        | <-- allocate {relay, sides} ------------------------------ |   ports for two peers, or once more the same ones
 *        | -- allocated {relay, ends, ...} -------------------------> |   where each of the two speaks
 *        | -- unallocated {relay, why} -----------------------------> |   there is none, or none any more
 *        | <-- release {relay} -------------------------------------- |   nobody needs it any more
 *        | -- "ping" ---> <--- "pong" --                             |   answered without waking the hub
 *        | -- bye ---------------------------------------------------> |   going away on purpose
 *
 * Delivery: `seq` numbers the first report of a batch. The hub stores the effects and the highest seq in one
 * transaction, ignores what it has seen, and does not run ahead over a gap: it repeats its `ack`, and the sidecar
 * sends again from there. `members` follows every hello, so tells lost with a socket heal themselves. What is said of
 * relays is neither numbered nor repeated: who misses an answer asks again, and nothing is allocated twice.
 *
 * Both ends decode strictly. Either closes with a `Close` code where the other is wrong.
 */
import {
  canonicalEndpoint,
  type Decoder,
  flag,
  integer,
  list,
  nullable,
  oneOf,
  optional,
  record,
  text,
  union,
} from "../schema/decode.ts";
import { VIA_MAX } from "../net/local-port.ts";
import type { Endpoint } from "../net/endpoint.ts";
import {
  BATCH_REPORTS_MAX,
  CERTIFICATE_LENGTH_MAX,
  FRAME_ITEMS_MAX,
  KICK_DETAIL_LENGTH_MAX,
  MEMORY_LENGTH_MAX,
  NAME_LENGTH_MAX,
  SEATS_MAX,
  SHARDS_MAX,
  TOKEN_KEYS_MAX,
} from "../limits.ts";
import * as relays from "./relay-messages.ts";
import { type IntroducedPeer, type Notice, type Policy, type Wire, WIRES } from "../lobby/lobby.ts";
import { REFUSALS, type RefusalCode, REMOVALS } from "../refusals.ts";
import { HASH_PATTERN, KEY_ID_PATTERN, type TicketKey } from "../auth/tickets.ts";

/** Raised when an older neighbour could misunderstand; a hub serves its own version and the one before. */
export const LINK_VERSION = 1;
export const LINK_VERSION_OLDEST = 1;

/** Where the sidecar opens it, with `Authorization: Bearer <sidecar key>`. */
export const linkPath = (game: string, shard: number): string => `/v1/link/${game}/${shard}`;

/** WebSocket close codes (RFC 6455 section 7.4.2, private range). */
export const LinkCloseCode = {
  /** The other side sent what the schema does not allow. */
  malformed: 4400,
  /** No common version. */
  version: 4406,
  /** A newer connection of the same sidecar took over. */
  replaced: 4409,
  /** Going away on purpose. */
  bye: 4410,
  /** The other side has been silent for too long. */
  silent: 4408,
} as const;

/** What every report says about its datagram: wire, lobby name, the door it came through, and where it came from. */
type DatagramOrigin = { readonly wire: Wire; readonly name: string; readonly via: number; readonly endpoint: Endpoint };

/** A fact that a sidecar tells the hub. The hub makes it an `Event` by adding the sidecar's name. */
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
  );

/** A member as the sidecar must know him to be his ear and mouth. */
export type MemberPlace = DatagramOrigin & {
  readonly peer: string;
  readonly host: boolean;
  /** Silence tolerated, or null once the lobby has started. */
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
  /** Changes with every start of the process: what it remembered is gone. */
  readonly epoch: string;
  readonly region: string;
  /** Addresses under which players reach it, as the operator gave them. */
  readonly addresses: readonly string[];
  readonly ports: readonly { readonly port: number; readonly wires: readonly Wire[] }[];
  /** Where it relays, and how many pairs of peers at once. */
  readonly relay?: { readonly addresses: readonly string[]; readonly pairs: number };
  /** TCP port of noray's commands. */
  readonly noray?: number;
  /** Where its ports also speak DTLS. */
  readonly dtls?: Dtls;
  /** Where it carries a relay's datagrams over a WebSocket, for whom UDP does not reach. */
  readonly tunnel?: string;
  /** The version of its program. */
  readonly software?: string;
  /** It takes no new lobbies and ends when those it has are over: players are not sent to it any more. */
  readonly retiring?: boolean;
};
/** What a client needs to trust a sidecar: the certificates to pin, the name in the first of them, its SHA-256. */
export type Dtls = {
  readonly name: string;
  readonly fingerprint: string;
  readonly pem: string;
  /** Nothing is heard in clear. */
  readonly required: boolean;
};
export type Reports = { readonly t: "reports"; readonly seq: number; readonly items: readonly Report[] };
export type Bye = { readonly t: "bye" };
export type FromSidecar = Hello | Reports | Bye | relays.FromRelay;

export type Welcome = {
  readonly t: "welcome";
  readonly version: number;
  readonly ack: number;
  readonly shards: number;
  /** With these the sidecar proves tickets by itself; the newest first. */
  readonly ticket_keys?: readonly TicketKey[];
};
export type Members = {
  readonly t: "members";
  readonly items: readonly MemberNotice[];
  readonly last: boolean;
};
export type Notices = { readonly t: "told"; readonly ack: number | null; readonly items: readonly LinkNotice[] };
export type FromHub = Welcome | Members | Notices | relays.ToRelay;

// --- decoders --------------------------------------------------------------------------------------------------

/** Names never hold control characters nor halves of one; everything else is the wire's own business. */
const name = text(NAME_LENGTH_MAX, /^[^\p{Cc}\p{Cs}]+$/u);
const wire = oneOf(...WIRES);
const local = optional(canonicalEndpoint);
const digest = nullable(text(128));
const memory = nullable(text(MEMORY_LENGTH_MAX));
const duration_ms = integer(1, 7 * 24 * 3_600_000);
const about = { wire, name, via: integer(1, VIA_MAX), endpoint: canonicalEndpoint };
export const SIDECAR_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;

const policy: Decoder<Policy> = record<Policy>({
  lease_ms: nullable(duration_ms),
  lifetime_ms: nullable(duration_ms),
  started_keep_ms: duration_ms,
  confirmed_keep_ms: duration_ms,
  listed: flag,
  introduces_on_join: optional(flag),
  rehosts: optional(flag),
  roams: optional(flag),
  tethered: optional(flag),
  admits_http: optional(flag),
  away_ms: optional(duration_ms),
});

const named = <K extends string>(kind: K) => record({ ...about, kind: oneOf(kind), peer: name });
const report = union<Report>("kind", {
  host: record<Report & { kind: "host" }>({
    ...about,
    kind: oneOf("host"),
    peer: name,
    local,
    seats: nullable(integer(1, SEATS_MAX)),
    lock: digest,
    memory,
    policy,
  }),
  join: record<Report & { kind: "join" }>({
    ...about,
    kind: oneOf("join"),
    peer: name,
    local,
    lock: digest,
    memory,
    reclaims: flag,
    silently: optional(flag),
  }),
  leave: named("leave"),
  kick: named("kick"),
  confirm: named("confirm"),
  ask: named("ask"),
  lost: named("lost"),
  heard: named("heard"),
  moved: named("moved"),
  start: record<Report & { kind: "start" }>({ ...about, kind: oneOf("start") }),
});

const place: Decoder<MemberPlace> = record<MemberPlace>({
  ...about,
  peer: name,
  host: flag,
  lease_ms: nullable(duration_ms),
  memory,
});

const peers = list(name, SEATS_MAX);
const introduced: Decoder<IntroducedPeer> = record<IntroducedPeer>({ peer: name, endpoint: canonicalEndpoint, local });
const notice = union<Notice>("kind", {
  hosted: record<Notice & { kind: "hosted" }>({ kind: oneOf("hosted"), peers }),
  roster: record<Notice & { kind: "roster" }>({ kind: oneOf("roster"), peers }),
  introduced: record<Notice & { kind: "introduced" }>({
    kind: oneOf("introduced"),
    peers: list(introduced, SEATS_MAX),
  }),
  removed: record<Notice & { kind: "removed" }>({
    kind: oneOf("removed"),
    reason: oneOf(...REMOVALS),
    // What a host said is for those who watch.
    detail: optional(text(KICK_DETAIL_LENGTH_MAX)),
  }),
});

const memberTell = record<MemberNotice>({ to: place, notice });
const ticketKey = record<TicketKey>({ id: text(8, KEY_ID_PATTERN), secret: text(43, HASH_PATTERN) });
const seq = integer(0, Number.MAX_SAFE_INTEGER);
const code = oneOf(...(Object.keys(REFUSALS) as RefusalCode[]));
const refusal = record<LinkNotice & { code: RefusalCode }>({ ref: seq, code });
const introduction = record<LinkNotice & { ref: number; peers: unknown }>({ ref: seq, peers: list(introduced, 1) });
const tell: Decoder<LinkNotice> = (value, path) => {
  if (typeof value !== "object" || value === null || !("ref" in value)) return memberTell(value, path);
  return "peers" in value ? introduction(value, path) : refusal(value, path);
};

const dtls: Decoder<Dtls> = record<Dtls>({
  name: text(255, /^[A-Za-z0-9.*_-]+$/),
  fingerprint: text(95, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
  pem: text(CERTIFICATE_LENGTH_MAX, /^[\x20-\x7e\n]+$/),
  required: flag,
});

export const fromSidecar: Decoder<FromSidecar> = union<FromSidecar>("t", {
  hello: record<Hello>({
    t: oneOf("hello"),
    version: integer(0, 1_000),
    sidecar: text(64, SIDECAR_PATTERN),
    epoch: text(64, /^[A-Za-z0-9_-]{8,}$/),
    region: text(16),
    addresses: list(text(64), 16),
    ports: list(record({ port: integer(1, 65_535), wires: list(wire, WIRES.length) }), 64),
    dtls: optional(dtls),
    relay: optional(record({ addresses: list(text(64), 16), pairs: integer(1, 32_767) })),
    noray: optional(integer(1, 65_535)),
    tunnel: optional(relays.tunnelUrl),
    software: optional(text(32, /^[0-9A-Za-z.+-]+$/)),
    retiring: optional(flag),
  }),
  reports: record<Reports>({ t: oneOf("reports"), seq, items: list(report, BATCH_REPORTS_MAX) }),
  bye: record<Bye>({ t: oneOf("bye") }),
  ...relays.fromRelay,
});

export const fromHub: Decoder<FromHub> = union<FromHub>("t", {
  welcome: record<Welcome>({
    t: oneOf("welcome"),
    version: integer(1, 1_000),
    ack: seq,
    shards: integer(1, SHARDS_MAX),
    ticket_keys: optional(list(ticketKey, TOKEN_KEYS_MAX)),
  }),
  members: record<Members>({
    t: oneOf("members"),
    items: list(memberTell, FRAME_ITEMS_MAX),
    last: flag,
  }),
  told: record<Notices>({ t: oneOf("told"), ack: nullable(seq), items: list(tell, FRAME_ITEMS_MAX) }),
  ...relays.toRelay,
});
