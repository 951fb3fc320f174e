/**
 * Every reason to refuse a request. The code is the stable contract: HTTP carries it in a problem document (RFC 9457), and
 * each wire maps it to its own reply or stays silent.
 */

/** Media type of a problem document. */
export const PROBLEM_TYPE = "application/problem+json";

/** `retry_after_s`: where waiting helps, how long a client waits if nothing more precise is known. */
type Row = { status: number; message: string; retry_after_s?: number };

const TABLE = {
  invalid_request: { status: 400, message: "The request is malformed; `detail` names the part and what was expected." },
  receipt_expired: {
    status: 400,
    message: "A receipt is older than a minute, or a clock is wrong; `detail` has the difference. Observe again.",
  },
  unauthorized: { status: 401, message: "A valid token or key is required: send `Authorization: Bearer ...`." },
  identity_invalid: {
    status: 401,
    message: "The proof of identity is invalid, expired or of an unknown provider; get a new one from the provider.",
  },
  identity_required: { status: 403, message: "This game admits only peers with a proof of identity." },
  forbidden: { status: 403, message: "This key's role or games do not allow it." },
  banned: { status: 403, message: "The operators banned this peer or address." },
  kicked: { status: 403, message: "The host removed this peer; it cannot join again." },
  name_denied: { status: 403, message: "The operators do not allow this name; choose another one." },
  connection_denied: { status: 403, message: "The peer denied the connection; do not retry at once." },
  ticket_invalid: {
    status: 403,
    message: "The peer accepts only connections with its invitation: send a valid `ticket`.",
  },
  not_admitted: { status: 403, message: "The host denied this peer's application." },
  relay_forbidden: { status: 403, message: "The lobby, one of the two peers, or the operators allow no relay." },
  not_host: { status: 403, message: "Only the host may do this." },
  not_member: { status: 403, message: "Only members of the lobby may do this." },
  password_mismatch: { status: 403, message: "The password is missing or wrong." },
  not_found: { status: 404, message: "No resource exists at this path." },
  game_not_found: {
    status: 404,
    message: "This deployment does not serve the game; GET /v1/games lists those it serves.",
  },
  reports_off: { status: 404, message: "This deployment takes no reports." },
  code_invalid: { status: 404, message: "No lobby has this join code." },
  lobby_not_found: { status: 404, message: "The lobby does not exist or has ended." },
  member_not_found: { status: 404, message: "The lobby has no member of this id." },
  applicant_not_found: { status: 404, message: "The lobby has no applicant of this id." },
  connection_not_found: { status: 404, message: "The connection does not exist or has expired; request a new one." },
  ban_not_found: { status: 404, message: "The lobby has no ban of this peer." },
  snapshot_not_found: { status: 404, message: "The lobby has no snapshot that this peer may read." },
  no_open_lobby: { status: 404, message: "No joinable lobby matches the filter." },
  method_not_allowed: {
    status: 405,
    message: "The resource does not support this method; `Allow` lists those it supports.",
  },
  data_limit: {
    status: 409,
    message:
      "The data would exceed a limit: too many keys, too many bytes, an indexed entry that is not public, or rules of a key without a value.",
  },
  foreign_wire: { status: 409, message: "This lobby uses another wire; join it as `join` in the lobby describes." },
  host_present: { status: 409, message: "The host is present; only the host can transfer its role." },
  lobby_exists: { status: 409, message: "A lobby of this name already exists." },
  lobby_full: { status: 409, message: "All seats of the lobby are taken.", retry_after_s: 10 },
  lobby_closed: {
    status: 409,
    message: "The lobby does not accept joins now: the host closed it or is away.",
    retry_after_s: 10,
  },
  name_in_use: { status: 409, message: "The lobby already has a member of this name." },
  connection_over: { status: 409, message: "The connection has ended; request a new one." },
  not_introduced: { status: 409, message: "The two peers have not been introduced yet.", retry_after_s: 1 },
  not_started: { status: 409, message: "The lobby has not started." },
  seats_taken: { status: 409, message: "More members are in the lobby than these seats." },
  stale_term: { status: 409, message: "The host has changed since this term; read the lobby again." },
  too_few_players: { status: 409, message: "A lobby needs two members to start." },
  too_many_applicants: {
    status: 409,
    message: "Too many applicants wait for this lobby; retry later.",
    retry_after_s: 10,
  },
  no_common_path: {
    status: 409,
    message:
      "The host cannot be reached from here: of it and this peer, one speaks only UDP and the other only WebRTC.",
  },
  version_mismatch: { status: 409, message: "The lobby needs another version of the game." },
  lobby_timeout: { status: 410, message: "The lobby has expired." },
  member_timeout: { status: 410, message: "The member is away or has timed out." },
  precondition_failed: { status: 412, message: "The lobby has changed since this ETag; read it again." },
  body_too_large: { status: 413, message: "The request body is larger than 16 KiB, or a snapshot larger than 64 KiB." },
  unsupported_media_type: {
    status: 415,
    message: "The body must be application/json; that of PATCH application/merge-patch+json.",
  },
  misdirected: { status: 421, message: "This lobby is on another shard; reconnect with `?lobby_id={id}`." },
  idempotency_mismatch: { status: 422, message: "This idempotency key was used for another request; use a new key." },
  upgrade_required: { status: 426, message: "This path is a WebSocket: send `Upgrade: websocket`." },
  rate_limited: { status: 429, message: "Too many requests; retry after `retry_after_s`.", retry_after_s: 1 },
  quota_exceeded: {
    status: 429,
    message: "This peer or address has reached its quota; end one first. A silent seat or socket ends within a minute.",
    retry_after_s: 60,
  },
  relay_budget_exhausted: { status: 429, message: "All relays are at capacity; retry later.", retry_after_s: 30 },
  internal_error: { status: 500, message: "The server failed; the request may be retried.", retry_after_s: 2 },
  host_unreachable: { status: 503, message: "The lobby's host cannot be notified now; retry.", retry_after_s: 2 },
  no_relay: { status: 503, message: "This sidecar has no free relay now.", retry_after_s: 5 },
  hub_unavailable: { status: 503, message: "The hub did not answer; retry.", retry_after_s: 2 },
  identity_unavailable: {
    status: 503,
    message: "The provider of the identity did not answer; retry.",
    retry_after_s: 5,
  },
  draining: {
    status: 503,
    message: "The operators accept no new lobbies now; existing lobbies continue.",
    retry_after_s: 60,
  },
  hub_full: {
    status: 503,
    message: "This hub has reached its number of lobbies or games; retry later.",
    retry_after_s: 60,
  },
  relay_unavailable: { status: 503, message: "No sidecar has a free relay now; retry later.", retry_after_s: 5 },
} as const satisfies Record<string, Row>;

export type RefusalCode = keyof typeof TABLE;

export const REFUSALS: Readonly<Record<RefusalCode, Row>> = TABLE;

export const isRefusalCode = (text: string): text is RefusalCode => Object.hasOwn(TABLE, text);

/**
 * Why a membership ended. `over`: the lobby started and its time passed. `moved`: the member is at another sidecar now.
 * `closed`: the host ended the lobby, or the lobby ended when the host left. `replaced`: the host created another one with
 * the same `client_ref`. `banned`: an operator ended the lobby.
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
