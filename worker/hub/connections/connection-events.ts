/** The events of a connection as text, as its two members get them over their event streams. */
import type { Connection, End } from "#shared/connect/connection.ts";
import type { ConnectionEvent, ConnectionView } from "#shared/connect/schema.ts";

type ConnectionRef = Pick<ConnectionView, "connection_id" | "lobby_id" | "peer_id">;

/** What each event says beyond the connection that it is about. */
export type EventData = {
  readonly [T in ConnectionEvent["type"]]: Omit<Extract<ConnectionEvent, { type: T }>["data"], keyof ConnectionRef>;
};

export function connectionEvent<T extends ConnectionEvent["type"]>(
  { id, lobby, parties }: Connection,
  end: End,
  type: T,
  data: EventData[T],
): string {
  const ref: ConnectionRef = { connection_id: id, lobby_id: lobby, peer_id: parties[1 - end]!.peer };
  return JSON.stringify({ type, data: { ...ref, ...data } });
}
