/**
 * The seam between the hub, which decides, and the sockets of those who watch (watch.ts), which carry. The hub calls
 * it after its rows are written, so nothing is told that could be lost.
 */
import type { Lobby, Message, Notice } from "#shared/lobby/lobby.ts";
import type { Told } from "./lobby-index.ts";

/** What one commit made of one lobby. `old` null: it is new; `next` null: it is over. */
export type LobbyChange = {
  readonly old: Lobby | null;
  readonly next: Lobby | null;
};

/** A notice for a peer without a source; `lobby` as it is now, or was where it is over. */
export type Delivery = { readonly lobby: Lobby; readonly peer: string; readonly notice: Notice | Message };

export type Events = {
  /** Whether a peer has an open socket here: then he lives as long as it does. */
  listens(peer: string): boolean;
  /** In the order in which it happened: first what is told in person, then what everybody sees of it. */
  publish(deliveries: readonly Delivery[], changes: readonly LobbyChange[], now: number): void;
  /** Time has passed. */
  tick(now: number): void;
  /** When it wants to look again, and when something is to be told and no later (ms). */
  deadline(): number;
  urgent(): number;
};

/** Several who are told of the same. */
export const together = (first: Events, ...rest: readonly Omit<Events, "listens" | "urgent">[]): Events => ({
  listens: (peer) => first.listens(peer),
  publish: (deliveries, changes, now) => {
    for (const one of [first, ...rest]) one.publish(deliveries, changes, now);
  },
  tick: (now) => {
    for (const one of [first, ...rest]) one.tick(now);
  },
  deadline: () => Math.min(...[first, ...rest].map((one) => one.deadline())),
  urgent: () => first.urgent(),
});

export const deliveriesOf = (tells: readonly Told[]): Delivery[] =>
  tells.flatMap(({ tell, lobby }) =>
    tell.to === "member" && tell.source === null && lobby !== null
      ? [{ lobby, peer: tell.peer, notice: tell.notice }]
      : [],
  );
