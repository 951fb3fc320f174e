/**
 * Every reason to say no. The code is the stable contract: HTTP carries it in a problem document (RFC 9457),
 * each wire maps it to its own words in its own file, or says there why it stays silent.
 */

type Row = { status: number; message: string };

const TABLE = {
  invalid_request: { status: 400, message: "The request does not have the form it must have." },
  unauthorized: { status: 401, message: "A valid key is needed." },
  banned: { status: 403, message: "The operators of this house do not serve this peer or address." },
  kicked: { status: 403, message: "The host removed this peer from the lobby." },
  connection_denied: { status: 403, message: "The peer does not want to be connected; ask later, or not at all." },
  ticket_invalid: { status: 403, message: "This needs a ticket of the peer who is asked, and one that is good." },
  not_admitted: { status: 403, message: "The host turned this peer away." },
  not_host: { status: 403, message: "Only the host may do this." },
  not_member: { status: 403, message: "Only members of the lobby may do this." },
  password_mismatch: { status: 403, message: "The password is not the lobby's." },
  not_found: { status: 404, message: "There is nothing here." },
  code_invalid: { status: 404, message: "No lobby has this join code." },
  lobby_not_found: { status: 404, message: "There is no such lobby, or it is over." },
  member_not_found: { status: 404, message: "The lobby has no such member." },
  applicant_not_found: { status: 404, message: "Nobody of this name waits to be admitted." },
  connection_not_found: { status: 404, message: "There is no such connection of yours, or not any more; ask again." },
  no_open_lobby: { status: 404, message: "No lobby that can be joined is like this." },
  method_not_allowed: { status: 405, message: "This cannot be done to this resource." },
  data_limit: {
    status: 409,
    message: "The data would have too many keys, be too large, or hide what lists filter by.",
  },
  foreign_wire: { status: 409, message: "This lobby is joined with its own wire; its descriptor says how." },
  host_present: { status: 409, message: "The host is there; only he can hand the lobby on." },
  lobby_exists: { status: 409, message: "A lobby of this name exists already." },
  lobby_full: { status: 409, message: "Every seat of the lobby is taken." },
  lobby_locked: { status: 409, message: "The host lets nobody in now." },
  name_in_use: { status: 409, message: "A member of this name is in the lobby already." },
  connection_over: { status: 409, message: "The connection is over; ask for a new one." },
  not_introduced: { status: 409, message: "The two have not been introduced yet." },
  not_started: { status: 409, message: "The lobby has not started." },
  seats_taken: { status: 409, message: "More seats are taken than that." },
  stale_term: { status: 409, message: "The lobby has had another host since." },
  too_few_players: { status: 409, message: "A lobby of one cannot start." },
  too_many_applicants: { status: 409, message: "Too many wait to be admitted already." },
  version_mismatch: { status: 409, message: "The lobby plays another version of the game." },
  lobby_timeout: { status: 410, message: "The lobby's time is over." },
  member_timeout: { status: 410, message: "The member is not heard, or not any more." },
  precondition_failed: { status: 412, message: "The lobby has changed since; read it again." },
  body_too_large: { status: 413, message: "The body is larger than any that is right." },
  unsupported_media_type: { status: 415, message: "The body must be JSON, and a patch a merge patch." },
  misdirected: { status: 421, message: "Another hub of this game tells of that; the socket's address says which." },
  idempotency_mismatch: { status: 422, message: "This idempotency key came before with another request." },
  rate_limited: { status: 429, message: "Too many requests; wait a little." },
  quota_exceeded: { status: 429, message: "This peer or address has as many of these as it may have." },
  relay_budget_exhausted: { status: 429, message: "The relay's budget of this peer is used up." },
  internal_error: { status: 500, message: "This is our fault, not yours." },
  host_unreachable: { status: 503, message: "The lobby's host cannot be told now; try again." },
  no_relay: { status: 503, message: "No relay can be had here now." },
  hub_unavailable: { status: 503, message: "The hub cannot answer now; try again." },
  draining: { status: 503, message: "The operators let no new lobbies be made now; those that are go on." },
  hub_full: { status: 503, message: "This hub holds as many lobbies as it can." },
  relay_unavailable: { status: 503, message: "No relay can carry this now." },
} as const satisfies Record<string, Row>;

export type RefusalCode = keyof typeof TABLE;

export const REFUSALS: Readonly<Record<RefusalCode, Row>> = TABLE;

export const isRefusalCode = (text: string): text is RefusalCode => Object.hasOwn(TABLE, text);

/**
 * Why a member's place ended. Not a refusal: nobody asked, or the answer was yes. `over`: all went as it should.
 * `moved`: he is at another sidecar now. `closed`: the host ended the lobby, or it ended with him. `replaced`: the
 * host made another one in its place. `banned`: the operators ended it.
 */
export const REMOVALS = [
  "left",
  "kicked",
  "member_timeout",
  "lobby_timeout",
  "over",
  "moved",
  "closed",
  "replaced",
  "banned",
] as const;
export type Removal = (typeof REMOVALS)[number];
