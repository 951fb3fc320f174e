import type { PunchOutcome } from "../punch/punch.ts";

/** What the connector does for a peer. */
export type PeerHandlers = {
  /** A direct path should be tried again. */
  readonly upgrade: () => void;
  readonly punched: (outcome: PunchOutcome, sent: number) => void;
  /** There is no path, or the only one may be lost. */
  readonly needsRelay: () => void;
  /** The relay does not answer. */
  readonly relaySilent: () => void;
  readonly closed: () => void;
};
