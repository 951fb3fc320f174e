/**
 * Every reason to say no. The code is the stable contract: HTTP carries it in a problem document (RFC 9457),
 * each wire maps it to its own words in its own file, or says there why it stays silent.
 */

type Row = { status: number; says: string };

const TABLE = {
  invalid_request: { status: 400, says: "The request does not have the form it must have." },
  unauthorized: { status: 401, says: "A valid key is needed." },
  not_found: { status: 404, says: "There is nothing here." },
  method_not_allowed: { status: 405, says: "This cannot be done to this resource." },
  lobby_not_found: { status: 404, says: "There is no such lobby, or it is over." },
  lobby_exists: { status: 409, says: "A lobby of this name exists already." },
  lobby_full: { status: 409, says: "Every seat of the lobby is taken." },
  password_mismatch: { status: 403, says: "The password is not the lobby's." },
  name_in_use: { status: 409, says: "A member of this name is in the lobby already." },
  member_not_found: { status: 404, says: "The lobby has no such member." },
  not_host: { status: 403, says: "Only the host may do this." },
  kicked: { status: 403, says: "The host removed this peer from the lobby." },
  too_few_players: { status: 409, says: "A lobby of one cannot start." },
  not_started: { status: 409, says: "The lobby has not started." },
  host_unreachable: { status: 503, says: "The lobby's host cannot be told now; try again." },
  no_relay: { status: 503, says: "No relay can be had here now." },
  hub_unavailable: { status: 503, says: "The hub cannot answer now; try again." },
  internal_error: { status: 500, says: "This is our fault, not yours." },
} as const satisfies Record<string, Row>;

export type RefusalCode = keyof typeof TABLE;

export const REFUSALS: Readonly<Record<RefusalCode, Row>> = TABLE;

export const isRefusalCode = (text: string): text is RefusalCode => Object.hasOwn(TABLE, text);

/** Why a member's place ended. Not a refusal: nobody asked, or the answer was yes. `over`: all went as it
 * should. `moved`: he is at another sidecar now. */
export const REMOVALS = ["left", "kicked", "member_timeout", "lobby_timeout", "over", "moved"] as const;
export type Removal = (typeof REMOVALS)[number];
