/** Strict decoders of the link's messages (messages.ts). Both ends close the link on a message that these refuse. */
import {
  canonicalEndpoint,
  type Decoder,
  flag,
  integer,
  list,
  map,
  nullable,
  oneOf,
  optional,
  record,
  text,
  union,
} from "../schema/decode.ts";
import { VIA_MAX } from "../net/local-port.ts";
import {
  ANNOUNCEMENT_LENGTH_MAX,
  BATCH_REPORTS_MAX,
  CERTIFICATE_LENGTH_MAX,
  CLOCK_SKEW_S_MAX,
  DATA_KEY_PATTERN,
  DATA_KEYS_MAX,
  DISPLAY_NAME_LENGTH_MAX,
  FRAME_ITEMS_MAX,
  REMOVAL_MESSAGE_LENGTH_MAX,
  MEMORY_LENGTH_MAX,
  NAME_LENGTH_MAX,
  SEATS_MAX,
  SHARDS_MAX,
  TOKEN_KEYS_MAX,
} from "../limits.ts";
import * as relays from "./relay-messages.ts";
import type {
  Bye,
  Directory,
  Dtls,
  FromHub,
  FromSidecar,
  Hello,
  LinkNotice,
  MemberNotice,
  MemberPlace,
  Members,
  Notices,
  Report,
  Reports,
  SidecarAnnouncement,
  Welcome,
} from "./messages.ts";
import { type Policy, type Wire, WIRES } from "../lobby/lobby.ts";
import type { IntroducedPeer, Notice } from "../lobby/notices.ts";
import { directoryChange, joinUri } from "../listing/directory.ts";
import { dataValue } from "../lobby/fields.ts";
import { REFUSALS, type RefusalCode, REMOVALS } from "../refusals.ts";
import { DISPLAY_NAME_PATTERN } from "../text/names.ts";
import { HASH_PATTERN, KEY_ID_PATTERN, type TicketKey } from "../auth/tickets.ts";

/** Names contain neither control characters nor unpaired surrogates. The wires restrict them further. */
const name = text(NAME_LENGTH_MAX, /^[^\p{Cc}\p{Cs}]+$/u);
const wire = oneOf(...WIRES);
const local = optional(canonicalEndpoint);
const digest = nullable(text(128));
const memory = nullable(text(MEMORY_LENGTH_MAX));
const duration_ms = integer(1, 7 * 24 * 3_600_000);
const origin = { wire, name, via: integer(1, VIA_MAX), endpoint: canonicalEndpoint };
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

const memberReport = <K extends string>(kind: K) => record({ ...origin, kind: oneOf(kind), peer: name });
const report = union<Report>("kind", {
  host: record<Report & { kind: "host" }>({
    ...origin,
    kind: oneOf("host"),
    peer: name,
    local,
    seats: nullable(integer(1, SEATS_MAX)),
    lock: digest,
    memory,
    policy,
  }),
  join: record<Report & { kind: "join" }>({
    ...origin,
    kind: oneOf("join"),
    peer: name,
    local,
    lock: digest,
    memory,
    reclaims: flag,
    silently: optional(flag),
  }),
  leave: memberReport("leave"),
  kick: memberReport("kick"),
  confirm: memberReport("confirm"),
  ask: memberReport("ask"),
  lost: memberReport("lost"),
  heard: memberReport("heard"),
  moved: memberReport("moved"),
  start: record<Report & { kind: "start" }>({ ...origin, kind: oneOf("start") }),
  publish: record<Report & { kind: "publish" }>({
    ...origin,
    kind: oneOf("publish"),
    peer: name,
    proof: text(MEMORY_LENGTH_MAX),
    join_uri: nullable(joinUri),
    display_name: nullable(text(DISPLAY_NAME_LENGTH_MAX, /^[^\p{Cc}\p{Cs}]+$/u)),
    seats: nullable(integer(1, SEATS_MAX)),
    visibility: oneOf("public", "unlisted"),
    joinable: flag,
    data: map(DATA_KEY_PATTERN, dataValue, DATA_KEYS_MAX),
  }),
});

const place: Decoder<MemberPlace> = record<MemberPlace>({
  ...origin,
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
    // The host's reason. Sidecars do not send it; WebSocket subscribers receive it.
    detail: optional(text(REMOVAL_MESSAGE_LENGTH_MAX)),
  }),
});

const memberNotice = record<MemberNotice>({ to: place, notice });
const ticketKey = record<TicketKey>({ id: text(8, KEY_ID_PATTERN), secret: text(43, HASH_PATTERN) });
const seq = integer(0, Number.MAX_SAFE_INTEGER);
const code = oneOf(...(Object.keys(REFUSALS) as RefusalCode[]));
const refusal = record<LinkNotice & { code: RefusalCode }>({ ref: seq, code });
const introduction = record<LinkNotice & { ref: number; peers: unknown }>({ ref: seq, peers: list(introduced, 1) });
const linkNotice: Decoder<LinkNotice> = (value, path) => {
  if (typeof value !== "object" || value === null || !("ref" in value)) return memberNotice(value, path);
  return "peers" in value ? introduction(value, path) : refusal(value, path);
};

const dtls: Decoder<Dtls> = record<Dtls>({
  name: text(255, /^[A-Za-z0-9.*_-]+$/),
  fingerprint: text(95, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
  pem: text(CERTIFICATE_LENGTH_MAX, /^[\x20-\x7e\n]+$/),
  required: flag,
});

/** A newer sidecar may speak wires that this hub does not know. It serves the others. */
const knownWires: Decoder<readonly Wire[]> = (value, path) =>
  list(text(32, /^[a-z0-9-]+$/), 64)(value, path).filter((word): word is Wire => WIRES.some((known) => known === word));

export const fromSidecar: Decoder<FromSidecar> = union<FromSidecar>("t", {
  hello: record<Hello>({
    t: oneOf("hello"),
    version: integer(0, 1_000),
    sidecar: text(64, SIDECAR_PATTERN),
    epoch: text(64, /^[A-Za-z0-9_-]{8,}$/),
    region: text(16),
    addresses: list(text(64), 16),
    ports: list(record({ port: integer(1, 65_535), wires: knownWires }), 64),
    dtls: optional(dtls),
    relay: optional(record({ addresses: list(text(64), 16), pairs: integer(1, 32_767) })),
    noray: optional(integer(1, 65_535)),
    tunnel: optional(relays.tunnelUrl),
    software: optional(text(32, /^[0-9A-Za-z.+-]+$/)),
    clock_skew_s: optional(integer(-CLOCK_SKEW_S_MAX, CLOCK_SKEW_S_MAX)),
    retiring: optional(flag),
    directory: optional(flag),
    announcements: optional(flag),
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
    former_shards: optional(integer(1, SHARDS_MAX)),
    ticket_keys: optional(list(ticketKey, TOKEN_KEYS_MAX)),
    directory: optional(flag),
  }),
  directory: record<Directory>({ t: oneOf("directory"), reset: flag, items: list(directoryChange, FRAME_ITEMS_MAX) }),
  members: record<Members>({
    t: oneOf("members"),
    items: list(memberNotice, FRAME_ITEMS_MAX),
    last: flag,
  }),
  told: record<Notices>({ t: oneOf("told"), ack: nullable(seq), items: list(linkNotice, FRAME_ITEMS_MAX) }),
  announcement: record<SidecarAnnouncement>({
    t: oneOf("announcement"),
    text: text(ANNOUNCEMENT_LENGTH_MAX, DISPLAY_NAME_PATTERN),
  }),
  ...relays.toRelay,
});
