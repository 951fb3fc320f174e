/**
 * What the hub calls after each commit. Rows are written first, so clients are notified only of committed changes.
 */
import type { Lobby } from "#shared/lobby/lobby.ts";
import type { SocketMessage, Notice } from "#shared/lobby/notices.ts";
import type { PendingNotice } from "./lobby-index.ts";

/** The change of one lobby by one commit. `old` is null for a new lobby, `next` for one that ended. */
export type LobbyChange = {
  readonly old: Lobby | null;
  readonly next: Lobby | null;
};

/** A notice for a member that speaks HTTP. `lobby` is its current state, or its last if it ended. */
export type Delivery = { readonly lobby: Lobby; readonly peer: string; readonly notice: Notice | SocketMessage };

export type ChangeListener = {
  /** Whether a peer has an open socket at this hub. An open socket is a continuous sign of life. */
  isConnected(peer: string): boolean;
  /** Called once per commit: notices to single members first, then the changes that all subscribers see. */
  publish(deliveries: readonly Delivery[], changes: readonly LobbyChange[], now: number): void;
  /** Called by the alarm. */
  tick(now: number): void;
  /** When `tick` must be called next (ms). The alarm may be later than this by ALARM_SLACK_MS. */
  deadline(): number;
  /** Like `deadline`, for events that must not be late. */
  urgent(): number;
};

/** Calls several listeners in order. Only the first has sockets. */
export const combine = (
  first: ChangeListener,
  ...rest: readonly Omit<ChangeListener, "isConnected" | "urgent">[]
): ChangeListener => ({
  isConnected: (peer) => first.isConnected(peer),
  publish: (deliveries, changes, now) => {
    for (const one of [first, ...rest]) one.publish(deliveries, changes, now);
  },
  tick: (now) => {
    for (const one of [first, ...rest]) one.tick(now);
  },
  deadline: () => Math.min(...[first, ...rest].map((one) => one.deadline())),
  urgent: () => first.urgent(),
});

export const deliveriesOf = (notices: readonly PendingNotice[]): Delivery[] =>
  notices.flatMap(({ notice: addressed, lobby }) =>
    addressed.to === "member" && addressed.source === null && lobby !== null
      ? [{ lobby, peer: addressed.peer, notice: addressed.notice }]
      : [],
  );
