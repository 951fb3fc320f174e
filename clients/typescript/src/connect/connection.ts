/**
 * What the connector knows of its connection to one member. A record, because one introduction follows another on the
 * same peer: after a failed punch, a lost path or a new address.
 */
import * as limits from "./limits.ts";
import type { Peer } from "./peer.ts";

export type ConnectOptions = {
  /** Request a relay at once. A direct path replaces it as soon as one opens. */
  readonly relay?: boolean;
  /** The ticket that the peer issued, if its consent is `ticket`. */
  readonly ticket?: string;
};

export type Connection = {
  readonly peer: Peer;
  options: ConnectOptions;
  /** This side requested the last introduction. */
  isInitiator: boolean;
  /** The hub's id of the last introduction. */
  connectionId: string | null;
  /** An introduction is in progress until then, unless it ends earlier (`performance.now()`). */
  busyUntil: number;
  /** Failed introductions in a row. */
  attempt: number;
  epoch: number | null;
  /** A sidecar answered over UDP at the last probe. */
  hasUdp: boolean;
  /** Ids of the introductions that were started and reported. The hub may repeat an event. */
  startedConnection: string;
  reportedConnection: string;
  relayRequestedAt: number;
  /** `onPeer` was called for the first path. */
  isAnnounced: boolean;
};

export const createConnection = (peer: Peer): Connection => ({
  peer,
  options: {},
  isInitiator: false,
  connectionId: null,
  busyUntil: 0,
  attempt: 0,
  epoch: null,
  hasUdp: true,
  startedConnection: "",
  reportedConnection: "",
  relayRequestedAt: -Infinity,
  isAnnounced: false,
});

export const isBusy = ({ busyUntil }: Connection): boolean => performance.now() < busyUntil;

export const markBusy = (connection: Connection): void =>
  void (connection.busyUntil = performance.now() + limits.INTRODUCTION_TIMEOUT_MS);
