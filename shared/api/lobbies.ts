/**
 * API schemas of lobbies, members and messages, as decoders. The Worker decodes every request body with them, tests decode
 * every response, and /openapi.json is generated from them.
 *
 *     snake_case · ids are text · times RFC 3339 UTC · numbers below 2^53 · unknown keys are ignored
 *
 * Routes are under /v1/games/{game}:
 *
 *     POST   /lobbies                          newLobby      -> 201 joined      create a lobby; Location
 *     POST   /lobbies                          publishRequest -> 201|200 lobby  with a noray host's credentials: list it
 *     PUT    /lobbies/by-key/{key}             newLobby      -> 200|201 joined  join the lobby of this key, or create it
 *     GET    /lobbies/{id}                                   -> lobby           the reader's view
 *     PATCH  /lobbies/{id}                     lobbyPatch    -> lobby           merge patch; If-Match; host
 *     DELETE /lobbies/{id}                                   -> 204             host
 *     POST   /lobbies/{id}/members             joinRequest   -> 201 joined (200: member already), 202 pending
 *     PATCH  /lobbies/{id}/members/{peer}      memberPatch   -> member          merge patch; the member itself
 *     DELETE /lobbies/{id}/members/{peer}                    -> 204             leave (itself), kick (host)
 *     POST   /lobbies/{id}/kicks               removal       -> 204             kick with a message; host
 *     POST   /lobbies/{id}/bans                removal       -> 204             remove and ban; host
 *     POST   /lobbies/{id}/applicants/{peer}/admit           -> lobby           host
 *     POST   /lobbies/{id}/applicants/{peer}/deny            -> 204             host
 *     POST   /lobbies/{id}/applicants/{peer}/withdraw        -> 204             the applicant itself
 *     PUT    /lobbies/{id}/host                hostTransfer  -> lobby           transfer (host), claim (member)
 *     POST   /lobbies/{id}/heartbeat                         -> 204             members without a WebSocket
 *     POST   /lobbies/{id}/chat                chatMessage   -> 204             to all members, not stored
 *     POST   /lobbies/{id}/signals             signalMessage -> 204             to one member, opaque
 *     POST   /join-by-code                     joinByCodeRequest -> as members
 *     POST   /quick-join                       quickJoinRequest  -> as members
 */
import {
  constant,
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
  withSchema,
} from "../schema/decode.ts";
import { FAULTS_MAX } from "../schema/faults.ts";
import { DATA_VISIBILITIES } from "../lobby/data.ts";
import {
  APPLICANTS_PER_LOBBY_MAX,
  CHAT_LENGTH_MAX,
  CURSOR_LENGTH_MAX,
  DATA_KEY_PATTERN,
  DATA_KEYS_MAX,
  REMOVAL_MESSAGE_LENGTH_MAX,
  NAME_LENGTH_MAX,
  PAGE_MAX,
  PASSWORD_LENGTH_MAX,
  SEATS_MIN,
  SEATS_MAX,
  SIGNAL_LENGTH_MAX,
  DISPLAY_NAME_LENGTH_MAX,
} from "../limits.ts";
import { CONSENTS, HOST_POLICIES, VISIBILITIES } from "../lobby/lobby.ts";
import { count, dataValue as value, gameVersion, peerId as peer, time } from "../lobby/fields.ts";
import { DISPLAY_NAME_PATTERN } from "../text/names.ts";
import { hostingRequest, hostingView } from "./hosting.ts";
import { join, paths, summary } from "../listing/summary.ts";
import { RELAY_POLICIES } from "../lobby/relay-policy.ts";

// --- fields ----------------------------------------------------------------------------------------------------

/** Displayed text (text/names.ts), in the composed form. */
const line = (length_max: number): Decoder<string> => {
  const visible = text(length_max, DISPLAY_NAME_PATTERN);
  return withSchema(visible.schema!, (value, path) => visible(value, path).normalize("NFC"));
};
const displayName = line(DISPLAY_NAME_LENGTH_MAX);
const password = text(PASSWORD_LENGTH_MAX, /^[^\p{Cs}]+$/u);
const code = text(16, /^[A-Za-z0-9 -]+$/);
const seats = integer(SEATS_MIN, SEATS_MAX);
export const LOBBY_KEY_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const visibility = oneOf(...VISIBILITIES);
const consent = oneOf(...CONSENTS);
/** Whether connected members use a relay: if there is no direct path, always (no address is revealed), or never. */
const relay = oneOf(...RELAY_POLICIES);

const rule = object({ visibility: optional(oneOf(...DATA_VISIBILITIES)), index: optional(flag) });
const newData = map(DATA_KEY_PATTERN, value, DATA_KEYS_MAX);
const dataPatch = map(DATA_KEY_PATTERN, nullable(value), 2 * DATA_KEYS_MAX);
/** Who reads a key of `data`, and whether lists filter by it. Without a rule a key is public and not indexed. */
const newRules = map(DATA_KEY_PATTERN, rule, DATA_KEYS_MAX);
const rulesPatch = map(DATA_KEY_PATTERN, nullable(rule), 2 * DATA_KEYS_MAX);
const newMemberData = newData;
const memberDataPatch = dataPatch;

// --- requests --------------------------------------------------------------------------------------------------

/** Fields of every request that makes the peer a member. */
const joinerFields = {
  /** The member's displayed name; absent: its peer id. */
  member_name: optional(displayName),
  member_data: optional(newMemberData),
  /** How the member can be connected. A peer that the host cannot be connected with is refused. */
  paths: optional(paths),
};

export const newLobby = object({
  name: displayName,
  seats: seats,
  visibility: optional(visibility),
  password: optional(password),
  /** Version of the game: only peers that name the same one join. */
  version: optional(gameVersion),
  joinable: optional(flag),
  /** The host admits each joiner. */
  approval: optional(flag),
  host_policy: optional(oneOf(...HOST_POLICIES)),
  ...hostingRequest,
  consent: optional(consent),
  relay: optional(relay),
  data: optional(newData),
  data_rules: optional(newRules),
  /** Chosen by the client: the host's next lobby with the same value replaces this one. */
  client_ref: optional(text(64, /^[\x21-\x7e]+$/)),
  ...joinerFields,
});
export type NewLobby = Shape<typeof newLobby>;

/** What a host on a foreign wire publishes of its lobby. Peers join over the wire, so join settings are absent. */
export const publishRequest = object({
  name: displayName,
  /** Absent: no limit. */
  seats: optional(seats),
  /** `unlisted` removes the lobby from the lists. */
  visibility: optional(oneOf("public", "unlisted")),
  version: optional(gameVersion),
  state: optional(oneOf("open", "in_game")),
  joinable: optional(flag),
  data: optional(newData),
  data_rules: optional(newRules),
});

/** A merge patch (RFC 7396): absent fields stay, null removes. */
export const lobbyPatch = object({
  name: optional(displayName),
  seats: optional(seats),
  visibility: optional(visibility),
  password: optional(nullable(password)),
  version: optional(nullable(gameVersion)),
  state: optional(oneOf("open", "in_game")),
  joinable: optional(flag),
  approval: optional(flag),
  host_policy: optional(oneOf(...HOST_POLICIES)),
  ...hostingRequest,
  consent: optional(consent),
  relay: optional(relay),
  data: optional(dataPatch),
  data_rules: optional(rulesPatch),
});
export type LobbyPatch = Shape<typeof lobbyPatch>;

export const joinRequest = object({
  password: optional(password),
  /** Required for private lobbies. */
  code: optional(code),
  version: optional(gameVersion),
  ...joinerFields,
});
export type JoinRequest = Shape<typeof joinRequest>;

export const joinByCodeRequest = object({ ...joinRequest.fields, code });

export const quickJoinRequest = object({
  version: optional(gameVersion),
  ...joinerFields,
  /** Parameters of the list as text: `{"data[map]": "forest"}`. */
  filter: optional(map(/^[a-z_]{1,32}(\[[A-Za-z0-9_.-]{1,64}\]){0,2}$/, text(256), 12)),
  /** Create this lobby if none matches. */
  create_if_none: optional(newLobby),
});
export type QuickJoinRequest = Shape<typeof quickJoinRequest>;

export const memberPatch = object({
  name: optional(displayName),
  data: optional(memberDataPatch),
  /** Overrides of the lobby's settings for connections to this member. */
  consent: optional(consent),
  relay: optional(relay),
});
/** Removes a member: a kick, or a ban. */
export const removal = object({
  peer_id: peer,
  /** Why, in a sentence: the removed member and the other members receive it. */
  message: optional(line(REMOVAL_MESSAGE_LENGTH_MAX)),
});
export const hostTransfer = object({ peer_id: peer, expected_term: count });
export const chatMessage = object({ text: text(CHAT_LENGTH_MAX, /^[^\p{Cs}]+$/u) });
export const signalMessage = object({ to: peer, body: text(SIGNAL_LENGTH_MAX, /^[^\p{Cs}]+$/u) });

// --- responses -------------------------------------------------------------------------------------------------

export const member = object({
  /** Null on wires without peer ids. */
  peer_id: nullable(peer),
  name: text(NAME_LENGTH_MAX),
  host: flag,
  /** `held`: joined, no heartbeat yet. `away`: silent; the seat is kept for a while. */
  state: oneOf("present", "held", "away"),
  joined_at: time,
  /** How it can be connected; absent: its client does not say. */
  paths: optional(paths),
  /** For members only. */
  data: optional(map(DATA_KEY_PATTERN, value, DATA_KEYS_MAX)),
  /** Overrides of the lobby's settings; for members only. */
  consent: optional(consent),
  relay: optional(relay),
});
export type MemberView = Shape<typeof member>;

export const applicant = object({
  peer_id: peer,
  name: text(NAME_LENGTH_MAX),
  data: optional(map(DATA_KEY_PATTERN, value, DATA_KEYS_MAX)),
  applied_at: time,
  /** It shares the network of a banned peer: that peer under a new identity, or another one of its household. */
  near_ban: optional(flag),
});

/** If the request has `fields`, the lobbies contain only these. */
export const page = object({
  lobbies: list(summary, PAGE_MAX),
  next_cursor: nullable(text(CURSOR_LENGTH_MAX)),
  /** With `count=true`: the number of all matching lobbies. */
  count: optional(count),
});

/** One lobby, as its reader (a non-member, a member, the host) may see it. */
export const lobby = object({
  ...summary.fields,
  visibility,
  host_policy: oneOf(...HOST_POLICIES),
  ...hostingView,
  consent,
  relay,
  /** The host's peer id; null on wires without peer ids, and while the lobby is vacant. */
  host: nullable(peer),
  term: count,
  join,
  members: list(member, SEATS_MAX),
  /** Visibility and index of each key of `data` that the reader sees; for members. */
  data_rules: optional(
    map(DATA_KEY_PATTERN, object({ visibility: oneOf(...DATA_VISIBILITIES), index: flag }), DATA_KEYS_MAX),
  ),
  /** For the host. */
  applicants: optional(list(applicant, APPLICANTS_PER_LOBBY_MAX)),
});
export type LobbyView = Shape<typeof lobby>;

/** The peer is a member. It must open a WebSocket or send a heartbeat within 15 s, and then every `heartbeat_s`. */
export const joined = object({
  status: constant("joined"),
  lobby,
  member,
  heartbeat_s: count,
  /** Authenticates the member to sidecars. */
  session_ticket: optional(text(1_024)),
  /** A JWT that proves the membership to the host, which verifies it offline with /.well-known/jwks.json. */
  membership_proof: optional(text(1_024)),
});
/** The host has to admit the peer, which repeats the request or waits for an event on its WebSocket. */
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
  /** As in `X-Request-Id`; absent in the event stream, where `re` and `in_reply_to` name the message. */
  request_id: optional(text(64)),
  /** All faults of a malformed request. `pointer`: into the body (RFC 6901), or `?` and a query parameter's name. */
  errors: optional(list(object({ pointer: text(256), message: text(256) }), FAULTS_MAX)),
});
type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly retry_after_s?: number;
  readonly request_id?: string;
  readonly errors?: readonly { readonly pointer: string; readonly message: string }[];
};
