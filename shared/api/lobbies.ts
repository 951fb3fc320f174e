/**
 * The HTTP API's shapes, each written once: what a request may say and what an answer says, as decoders. The Worker
 * decodes every body with them, tests decode every answer, and /openapi.json describes them.
 *
 *     snake_case · ids are text · times RFC 3339 UTC · numbers below 2^53 · unknown keys are ignored
 *
 * Routes are under /v1/games/{game}:
 *
 *     POST   /lobbies                          newLobby      -> 201 joined      host a lobby; Location
 *     POST   /lobbies                          publishing    -> 201|200 lobby   with a noray host's proof: list him
 *     PUT    /lobbies/by-key/{key}             newLobby      -> 200|201 joined  the lobby of this key: join, or host it
 *     GET    /lobbies/{id}                                   -> lobby           what this reader may see of it
 *     PATCH  /lobbies/{id}                     lobbyPatch    -> lobby           merge patch; If-Match; host
 *     DELETE /lobbies/{id}                                   -> 204             host
 *     POST   /lobbies/{id}/members             joining       -> 201 joined (200: was in), 202 pending
 *     PATCH  /lobbies/{id}/members/{peer}      memberPatch   -> member          merge patch; of oneself
 *     DELETE /lobbies/{id}/members/{peer}      ?ban, ?reason -> 204             leave (oneself), kick or ban (host)
 *     PUT    /lobbies/{id}/applicants/{peer}                 -> lobby           admit; host
 *     DELETE /lobbies/{id}/applicants/{peer}                 -> 204             turn away (host), withdraw (oneself)
 *     PUT    /lobbies/{id}/host                handover      -> lobby           hand on (host), claim (member)
 *     POST   /lobbies/{id}/heartbeat                         -> 204             members without a WebSocket
 *     POST   /lobbies/{id}/messages            chatLine      -> 202             to all members, kept by nobody
 *     POST   /lobbies/{id}/signals             signalling    -> 202             to one member, opaque
 *     POST   /join-by-code                     joiningByCode -> as members
 *     POST   /quick-join                       quickJoining  -> as members
 */
import {
  constant,
  withSchema,
  type Decoder,
  flag,
  integer,
  list,
  map,
  nullable,
  object,
  oneOf,
  optional,
  type Shape,
  text,
} from "../schema/decode.ts";
import { DATA_VISIBILITIES, type Value } from "../lobby/data.ts";
import {
  APPLICANTS_PER_LOBBY_MAX,
  CHAT_LENGTH_MAX,
  CURSOR_LENGTH_MAX,
  DATA_KEY_PATTERN,
  DATA_KEYS_MAX,
  KICK_DETAIL_LENGTH_MAX,
  NAME_LENGTH_MAX,
  PAGE_MAX,
  PASSWORD_LENGTH_MAX,
  SEATS_MIN,
  SEATS_MAX,
  SIGNAL_LENGTH_MAX,
  DISPLAY_NAME_LENGTH_MAX,
} from "../limits.ts";
import { ADDRESS_POLICIES, CONSENTS, HOST_POLICIES, VISIBILITIES, WIRES } from "../lobby/lobby.ts";
import { count, dataValue as value, gameVersion, peerId as peer, time } from "../lobby/fields.ts";
import { summary } from "../listing/summary.ts";

// --- words -----------------------------------------------------------------------------------------------------

/** A line that people read: no control, no change of writing direction, no blank ends. */
const line = (length_max: number): Decoder<string> =>
  text(length_max, /^(?!\s)[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]+(?<!\s)$/u);
const title = line(DISPLAY_NAME_LENGTH_MAX);
const password = text(PASSWORD_LENGTH_MAX, /^[^\p{Cs}]+$/u);
const code = text(16, /^[A-Za-z0-9 -]+$/);
const seats = integer(SEATS_MIN, SEATS_MAX);
export const LOBBY_KEY_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const visibility = oneOf(...VISIBILITIES);
const consent = oneOf(...CONSENTS);
const addresses = oneOf(...ADDRESS_POLICIES);

const entryPatch = object({
  value: optional(value),
  visibility: optional(oneOf(...DATA_VISIBILITIES)),
  index: optional(flag),
});
const newData = map(DATA_KEY_PATTERN, orValue(object({ ...entryPatch.fields, value })), DATA_KEYS_MAX);
const dataPatch = map(DATA_KEY_PATTERN, nullable(orValue(entryPatch)), 2 * DATA_KEYS_MAX);
const newMemberData = map(DATA_KEY_PATTERN, value, DATA_KEYS_MAX);
const memberDataPatch = map(DATA_KEY_PATTERN, nullable(value), 2 * DATA_KEYS_MAX);

/** An entry, or its value alone: what else is to be said of it stays as it is, or as it would be unsaid. */
function orValue<T>(entry: Decoder<T>): Decoder<T | { readonly value: Value }> {
  const plain = (given: unknown, path: string) => ({ value: value(given, path) });
  return withSchema({ anyOf: [value.schema, entry.schema] }, (given, path) =>
    typeof given === "object" && given !== null ? entry(given, path) : plain(given, path),
  );
}

// --- requests --------------------------------------------------------------------------------------------------

/** Who comes: the same fields wherever one enters. */
const joinerFields = {
  /** What people read of this member; absent: his peer id. */
  member_name: optional(title),
  member_data: optional(newMemberData),
};

export const newLobby = object({
  name: title,
  seats: seats,
  visibility: optional(visibility),
  password: optional(password),
  /** Version of the game: only peers that name the same one join. */
  version: optional(gameVersion),
  joinable: optional(flag),
  /** The host admits each joiner. */
  approval: optional(flag),
  host_policy: optional(oneOf(...HOST_POLICIES)),
  consent: optional(consent),
  addresses: optional(addresses),
  data: optional(newData),
  /** Any word of one's own: the next lobby of the same word replaces this one. */
  client_ref: optional(text(64, /^[\x21-\x7e]+$/)),
  ...joinerFields,
});
export type NewLobby = Shape<typeof newLobby>;

/** What a host of a foreign wire says of his lobby. Who joins is his wire's business, so there is less to say. */
export const publishRequest = object({
  name: title,
  /** Absent: nobody counts. */
  seats: optional(seats),
  /** Unlisted takes it out of the lists again. */
  visibility: optional(oneOf("public", "unlisted")),
  version: optional(gameVersion),
  state: optional(oneOf("open", "in_game")),
  joinable: optional(flag),
  data: optional(newData),
});

/** A merge patch (RFC 7396): what is absent stays, null takes away. */
export const lobbyPatch = object({
  name: optional(title),
  seats: optional(seats),
  visibility: optional(visibility),
  password: optional(nullable(password)),
  version: optional(nullable(gameVersion)),
  state: optional(oneOf("open", "in_game")),
  joinable: optional(flag),
  approval: optional(flag),
  host_policy: optional(oneOf(...HOST_POLICIES)),
  consent: optional(consent),
  addresses: optional(addresses),
  data: optional(dataPatch),
});
export type LobbyPatch = Shape<typeof lobbyPatch>;

export const joinRequest = object({
  password: optional(password),
  /** Needed for private lobbies; others are found without it. */
  code: optional(code),
  version: optional(gameVersion),
  ...joinerFields,
});
export type JoinRequest = Shape<typeof joinRequest>;

export const joinByCodeRequest = object({ ...joinRequest.fields, code });

export const quickJoinRequest = object({
  version: optional(gameVersion),
  ...joinerFields,
  /** Parameters of the list, as text: `{"data[map]": "forest"}`. */
  filter: optional(map(/^[a-z_]{1,32}(\[[A-Za-z0-9_.-]{1,64}\]){0,2}$/, text(256), 12)),
  /** Host this lobby where none is found. */
  create_if_none: optional(newLobby),
});
export type QuickJoinRequest = Shape<typeof quickJoinRequest>;

export const memberPatch = object({
  name: optional(title),
  data: optional(memberDataPatch),
  /** How others are connected to you, where you want it otherwise than the lobby has it. */
  consent: optional(consent),
  addresses: optional(addresses),
});
/** Why somebody is kicked: a parameter, as a DELETE has no body. */
export const kickDetail = line(KICK_DETAIL_LENGTH_MAX);
export const hostTransfer = object({ peer_id: peer, expected_term: count });
export const chatMessage = object({ text: text(CHAT_LENGTH_MAX, /^[^\p{Cs}]+$/u) });
export const signalMessage = object({ to: peer, body: text(SIGNAL_LENGTH_MAX, /^[^\p{Cs}]+$/u) });

// --- answers ---------------------------------------------------------------------------------------------------

export const member = object({
  /** Null where the lobby's wire knows no peer ids. */
  peer_id: nullable(peer),
  name: text(NAME_LENGTH_MAX),
  host: flag,
  /** Held: he has joined and not been heard since. Away: he fell silent, and keeps his seat for a while. */
  state: oneOf("present", "held", "away"),
  joined_at: time,
  /** Members read it; others find nothing here. */
  data: optional(map(DATA_KEY_PATTERN, value, DATA_KEYS_MAX)),
  /** How he is connected to, where he wants it otherwise than the lobby has it; members read it. */
  consent: optional(consent),
  addresses: optional(addresses),
});
export type MemberView = Shape<typeof member>;

export const applicant = object({
  peer_id: peer,
  name: text(NAME_LENGTH_MAX),
  data: optional(map(DATA_KEY_PATTERN, value, DATA_KEYS_MAX)),
  asked_at: time,
});

/** How to join with the lobby's own wire. It names no peer's address. */
export const descriptor = object({
  wire: oneOf(...WIRES),
  /** The lobby's name on its wire, where the wire joins by name. */
  session: optional(text(NAME_LENGTH_MAX)),
});

/** Where the request named `fields`, its lines have these alone. */
export const page = object({
  lobbies: list(summary, PAGE_MAX),
  next_cursor: nullable(text(CURSOR_LENGTH_MAX)),
  /** Where it asked for it: how many lobbies its filter picks. */
  count: optional(count),
});

/** One lobby, as far as its reader may see it: a stranger, a member, the host. */
export const lobby = object({
  ...summary.fields,
  visibility,
  host_policy: oneOf(...HOST_POLICIES),
  consent,
  addresses,
  /** The host's peer id: null on wires without them, and while the lobby waits for a member to claim it. */
  host: nullable(peer),
  term: count,
  join: descriptor,
  roster: list(member, SEATS_MAX),
  /** With its visibility and index, for members; entries for the host alone only for him. */
  entries: optional(
    map(DATA_KEY_PATTERN, object({ value, visibility: oneOf(...DATA_VISIBILITIES), index: flag }), DATA_KEYS_MAX),
  ),
  /** For members. */
  join_code: optional(text(16)),
  /** For the host. */
  applicants: optional(list(applicant, APPLICANTS_PER_LOBBY_MAX)),
});
export type LobbyView = Shape<typeof lobby>;

/** You are in: within 15 s be heard, by a WebSocket or a heartbeat; then every `heartbeat_s`. */
export const joined = object({
  status: constant("joined"),
  lobby,
  member,
  heartbeat_s: count,
  /** Shows a sidecar who you are. */
  session_ticket: optional(text(1_024)),
});
/** The host has to admit you: ask again, or listen on a WebSocket. */
export const pendingJoin = object({ status: constant("pending"), lobby_id: text(64), expires_at: time });
export type Joined = Shape<typeof joined>;
export type PendingJoin = Shape<typeof pendingJoin>;

export const problem: Decoder<Problem> = object({
  type: text(128),
  title: text(256),
  status: integer(400, 599),
  code: text(64),
  detail: optional(text(512)),
  retry_after_s: optional(count),
});
type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly retry_after_s?: number;
};
