/** What connections need of their hub, which builds it in hub.ts. */
import type { ConnectionEvent } from "#shared/connect/schema.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";

export type ConnectionsHost = {
  readonly shard: number;
  readonly lobby: (id: string) => Lobby | undefined;
  /** Whether a member subscribes to this lobby at this hub; `send` reaches it there. */
  readonly isSubscribed: (lobby: string, peer: string) => boolean;
  readonly send: (lobby: string, peer: string, event: ConnectionEvent) => void;
  /** The deadline may have changed. */
  readonly scheduleAlarm: () => void;
};
