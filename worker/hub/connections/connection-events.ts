/** The events of a connection, as its two members get them over their event streams. */
import type { Connection, End } from "#shared/connect/connection.ts";
import type { ConnectionEvent, ConnectionView } from "#shared/connect/schema.ts";
import type { Outcome } from "../../rpc.ts";

type ConnectionRef = Pick<ConnectionView, "connection_id" | "lobby_id" | "peer_id">;

/** What each event says beyond the connection that it is about. */
export type EventData = {
  readonly [T in ConnectionEvent["type"]]: Omit<Extract<ConnectionEvent, { type: T }>["data"], keyof ConnectionRef>;
};

export const requestOf = ({ consent, due_at }: Connection, now: number): EventData["connect.requested"] => ({
  consent,
  expires_in_ms: due_at - now,
});

export function connectionEvent<T extends ConnectionEvent["type"]>(
  { id, lobby, parties }: Connection,
  end: End,
  type: T,
  data: EventData[T],
): ConnectionEvent {
  const ref: ConnectionRef = { connection_id: id, lobby_id: lobby, peer_id: parties[1 - end]!.peer };
  return { type, data: { ...ref, ...data } } as ConnectionEvent;
}

/**
 * The event of this type in the connection's present state, or null if it is over or its time has passed. Times are
 * relative, so an event that is replayed after a reconnect is built again.
 */
export function currentEvent(read: Outcome<ConnectionView>, type: ConnectionEvent["type"]): ConnectionEvent | null {
  if ("refused" in read) return null;
  const view = read.value;
  const { connection_id, lobby_id, peer_id, state, consent, expires_in_ms, punch, webrtc, relay, failure } = view;
  const ref: ConnectionRef = { connection_id, lobby_id, peer_id };
  switch (type) {
    case "connect.requested":
      return state === "waiting" ? { type, data: { ...ref, consent, expires_in_ms } } : null;
    case "connect.accepted":
      return state === "gathering" && view.wants_reach ? { type, data: ref } : null;
    case "connect.punch":
      return punch === undefined ? null : { type, data: { ...ref, ...punch } };
    case "connect.webrtc":
      return webrtc === undefined ? null : { type, data: { ...ref, ...webrtc } };
    case "connect.relay":
      return relay === undefined ? null : { type, data: { ...ref, ...relay } };
    case "connect.failed":
      return failure === undefined ? null : { type, data: { ...ref, ...failure } };
  }
}
