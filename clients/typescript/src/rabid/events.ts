/** What a Rabid session tells the game, and the failures it can end with. */

/** An IPv4 address and a UDP port. */
export type Endpoint = { readonly address: string; readonly port: number };

/** A datagram to send. */
export type Datagram = { readonly bytes: Uint8Array; readonly to: Endpoint };

/** Errors of the server, in its own words without `error:`. */
export const SERVER_ERRORS = [
  "invalid_request",
  "session_exists",
  "session_non_existent",
  "password_mismatch",
  "only_one_player_in_session",
  "session_full",
  "player_name_in_use",
  "non_existent_player",
  "non_host_player",
  "kicked_by_host",
  "player_exited_session",
  "session_not_started",
  "session_timeout",
  "player_timeout",
] as const;
export type ServerError = (typeof SERVER_ERRORS)[number];

/**
 * Why a session ended.
 * - `server_timeout`: the server has been silent for 15 s.
 * - `unreachable_self`: no other player could be heard.
 * - `host_not_confirmed`: others could, but not the host, or the host never started.
 * - `unknown_error`: the server said an error that is not in the list; `said` has its words.
 * - `server_not_found`: the server's name has no IPv4 address.
 * - `socket_failed`: the UDP socket broke or was closed by somebody else.
 */
export type FailureCode =
  | ServerError
  | "server_timeout"
  | "unreachable_self"
  | "host_not_confirmed"
  | "unknown_error"
  | "server_not_found"
  | "socket_failed";

/** Errors after which the session goes on. */
export type RefusalCode = "non_host_player" | "only_one_player_in_session" | "non_existent_player";

/** Everybody in the session, in join order; the first is the host. */
export type Roster = { readonly players: readonly string[]; readonly host: string };

/** The server has handed out the addresses; from now on players talk to each other. */
export type Started = {
  /** This player's port as the server saw it, not necessarily the local one. */
  readonly ownPort: number;
  readonly host: string;
  /** The other players. */
  readonly players: readonly string[];
};

export type MetPeer = {
  readonly name: string;
  /** Where the player answers: the source of his datagrams, which may differ from what the server saw. */
  readonly endpoint: Endpoint;
  readonly isHost: boolean;
};

/** The players that can be reached now. */
export type Met = {
  readonly ownPort: number;
  readonly host: string;
  readonly isHost: boolean;
  readonly peers: readonly MetPeer[];
  /** Players of the session that could not be reached. */
  readonly missing: readonly string[];
};

/** `said`: the server's own words, where it was the server. */
export type Failed = { readonly code: FailureCode; readonly serverText?: string };

export type RabidEvent =
  | ({ readonly type: "roster" } & Roster)
  | { readonly type: "refused"; readonly code: RefusalCode }
  | ({ readonly type: "started" } & Started)
  | ({ readonly type: "met" } & Met)
  | ({ readonly type: "failed" } & Failed)
  | { readonly type: "left" };

/** A failure as an exception, for the promises of {@link RabidPeer}. */
export class RabidFailure extends Error {
  readonly code: FailureCode | RefusalCode;
  readonly serverText: string | undefined;
  constructor(code: FailureCode | RefusalCode, said?: string) {
    super(said === undefined ? code : `${code} (${said})`);
    this.name = "RabidFailure";
    this.code = code;
    this.serverText = said;
  }
}
