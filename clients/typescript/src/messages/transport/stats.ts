/** Figures of one connected peer, for the game and for tests. */

export type TransportStats = {
  readonly ping_ms: number | null;
  /** The share of datagrams that arrived, of those sent and of those received; 1 before the first. */
  readonly quality_out: number;
  readonly quality_in: number;
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly sendRate_bytes_per_s: number;
  readonly pendingUnreliable_bytes: number;
  readonly pendingReliable_bytes: number;
  readonly unackedReliable_bytes: number;
  readonly queue_ms: number;
};
