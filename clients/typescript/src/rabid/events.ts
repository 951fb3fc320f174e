/** Events of a Rabid session, and its failures. */

import type { Endpoint } from "../util/addresses.ts";

/** A datagram to send. */
export type Datagram = { readonly bytes: Uint8Array; readonly to: Endpoint };

/** The server's errors, without `error:`. */
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
 * - `server_timeout`: the server was silent for 15 s.
 * - `unreachable_self`: no other player was received.
 * - `host_not_confirmed`: others were received, but not the host, or the host did not start.
 * - `unknown_error`: the server sent an error that is not in the list; `serverText` has it.
 * - `server_not_found`: the server's name has no IPv4 address.
 * - `socket_failed`: the UDP socket failed or was closed elsewhere.
 */
export type FailureCode =
  | ServerError
  | "server_timeout"
  | "unreachable_self"
  | "host_not_confirmed"
  | "unknown_error"
  | "server_not_found"
  | "socket_failed";

/** Errors that do not end the session. */
export type RefusalCode = "non_host_player" | "only_one_player_in_session" | "non_existent_player";

/** All players of the session, in join order; the first is the host. */
export type Roster = { readonly players: readonly string[]; readonly host: string };

/** The server sent the addresses. From now on the players talk to each other. */
export type Started = {
  /** This player's port as the server saw it, not necessarily the local one. */
  readonly ownPort: number;
  readonly host: string;
  /** The other players. */
  readonly players: readonly string[];
};

export type MetPeer = {
  readonly name: string;
  /** The source of the player's datagrams, which may differ from what the server saw. */
  readonly endpoint: Endpoint;
  readonly isHost: boolean;
};

/** The reachable players. */
export type Met = {
  readonly ownPort: number;
  readonly host: string;
  readonly isHost: boolean;
  readonly peers: readonly MetPeer[];
  /** Players of the session that were not reached. */
  readonly missing: readonly string[];
};

/** `serverText`: the server's message, if the failure came from the server. */
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
  constructor(code: FailureCode | RefusalCode, serverText?: string) {
    super(serverText === undefined ? code : `${code} (${serverText})`);
    this.name = "RabidFailure";
    this.code = code;
    this.serverText = serverText;
  }
}
