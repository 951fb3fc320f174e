/**
 * What the connector knows of its connection to one member. A record, because one introduction follows another on the
 * same peer: after a failed punch, a lost path or a new address.
 */
import { isIPv4 } from "node:net";
import type { HubClient } from "../api/hub-client.ts";
import type { ConnectOptions } from "../api/member-paths.ts";
import type { Outcome } from "../api/types.ts";
import type { PunchOutcome } from "../punch/punch.ts";
import * as limits from "./limits.ts";
import type { Peer } from "./peer.ts";
import type { WarmSocketPair } from "../probe/warm-socket.ts";

export type Connection = {
  readonly peer: Peer;
  options: ConnectOptions;
  /** What is known of the peer's first socket; null once it was used or must be observed. */
  warmReach: WarmSocketPair["reach"];
  /** This side requested the last introduction. */
  isInitiator: boolean;
  /** The hub's id of the last introduction. */
  connectionId: string | null;
  /** An introduction is in progress until then, unless it ends earlier (`performance.now()`). */
  busyUntil: number;
  /** Failed introductions in a row. */
  attempt: number;
  epoch: number | null;
  readonly createdAt: number;
  /** A sidecar answered over UDP at the last probe. */
  hasUdp: boolean;
  /** Ids of the introductions that were started and reported. The hub may repeat an event. */
  startedConnection: string;
  reportedConnection: string;
  /** The id of the connection whose relay was assigned last. */
  relayedConnection: string;
  relayRequestedAt: number;
  /** The relay of the current introduction is entered as soon as it is assigned. */
  entersRelay: boolean;
  /** Requests that the peer did not answer in time, before the first path. */
  timeouts: number;
  /** `onPeer` was called for the first path. */
  isAnnounced: boolean;
};

export const createConnection = (peer: Peer, warm: WarmSocketPair | null): Connection => ({
  peer,
  warmReach: warm?.reach ?? null,
  options: {},
  isInitiator: false,
  connectionId: null,
  busyUntil: 0,
  attempt: 0,
  epoch: null,
  createdAt: performance.now(),
  hasUdp: true,
  startedConnection: "",
  reportedConnection: "",
  relayedConnection: "",
  relayRequestedAt: -Infinity,
  entersRelay: true,
  timeouts: 0,
  isAnnounced: false,
});

export const isBusy = ({ busyUntil }: Connection): boolean => performance.now() < busyUntil;

export const markBusy = (connection: Connection): void =>
  void (connection.busyUntil = performance.now() + limits.INTRODUCTION_TIMEOUT_MS);

/**
 * The game connects: requests an introduction if there is no path. One in progress that the peer requested may be of a
 * connection that it has given up, when loss delayed the messages, so it is replaced if the peer is not heard.
 */
export function requestPath(connection: Connection, request: () => void): void {
  const { peer } = connection;
  if (peer.path !== null) return;
  request();
  if (connection.isInitiator) return;
  setTimeout(() => {
    if (peer.path !== null || peer.isPunchReceived) return;
    connection.busyUntil = 0;
    request();
  }, limits.UNHEARD_MS).unref();
}

/** The relay of an introduction is entered at once where a punch takes long, else if nothing is received in time. */
export function enterRelayAfter(connection: Connection, after_ms: number, isLast = false): void {
  const { peer, startedConnection: id } = connection;
  connection.entersRelay = after_ms === 0;
  if (after_ms === 0) return peer.enterRelay();
  setTimeout(() => {
    if (peer.isClosed || peer.path === "direct" || connection.startedConnection !== id) return;
    // The punch needs another round trip, or it received only one direction.
    if (peer.isPunchReceived && !isLast) return enterRelayAfter(connection, after_ms, true);
    enterRelayAfter(connection, 0);
  }, after_ms).unref();
}

/** A refusal closes a new peer. A peer that had a path or a key retries later. */
export function applyRefusal({ peer }: Connection, error: unknown): void {
  if (peer.path === null && !peer.hasKey) peer.close(error instanceof Error ? error.message : String(error));
  else peer.punchUnavailable();
}

/** A request that the peer did not answer is repeated: what it sent may have been held up by loss. */
export const mayRepeat = (connection: Connection, reason: string): boolean =>
  reason === "remote_timeout" && connection.isInitiator && ++connection.timeouts <= limits.REQUEST_REPEATS_MAX;

/** The outcome of a punch for the hub. */
export function punchReport({ peer }: Connection, outcome: PunchOutcome, sent: number): Outcome {
  if (outcome.kind === "given_up")
    return { path: peer.hasRelay ? "relay" : "none", message: `${outcome.why}, ${sent} sent` };
  const elapsed_ms = Math.max(0, Math.round(outcome.after_ms));
  const family = isIPv4(outcome.to.address) ? "ipv4" : "ipv6";
  return { path: "direct", elapsed_ms, rtt_ms: Math.round(outcome.rtt_ms), family };
}

/** Reports the outcome once for each introduction; the first one that has a path with the time to it. */
export function reportOutcome(hub: HubClient, connection: Connection, report: Outcome): void {
  const { connectionId: id, reportedConnection, peer } = connection;
  if (id === null || id === reportedConnection) return;
  const isFirst = reportedConnection === "" && report.path !== "none";
  const outcome = { ...report, ...(isFirst && { first_path_ms: Math.round(peer.first_path_ms) }) };
  connection.reportedConnection = id;
  void hub.request("PUT", `/connections/${id}/outcome`, outcome).catch(() => {});
}
