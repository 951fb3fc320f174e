/** What the event stream needs of its hub. The hub builds it in wiring.ts. */
import type { Summary } from "#shared/listing/summary.ts";
import type { ConnectionView, ConnectRequest, Reach } from "#shared/connect/schema.ts";
import type { Event } from "#shared/lobby/lobby.ts";
import type { RateLimitSubject } from "#shared/rate-limit/rate-limiter.ts";
import type { ListChanges, RpcResult } from "../../rpc.ts";
import type { LobbyReader } from "./snapshots.ts";
import type { PresenceHost } from "./subscribers.ts";

/** A message from one member to others. */
export type MemberMessage = Event & { kind: "chat" | "signal" };

export type EventsHost = PresenceHost &
  LobbyReader & {
    readonly shard: number;
    /** How many hubs may hold lobbies of the game. */
    readonly hubs: number;
    readonly accept: (socket: WebSocket) => void;
    /** The deadline may have changed. */
    readonly scheduleAlarm: () => void;
    /** Fetches all lines of another hub, which sends changes from now on. */
    readonly subscribeShard: (shard: number) => Promise<readonly Summary[]>;
    /** Sends changes to the first hub; resolves to whether the list is used there. */
    readonly sendChanges: (changes: ListChanges, lost: boolean) => Promise<boolean>;
    /** Keeps the hub awake for work that goes on after a response. */
    readonly waitUntil: (work: Promise<void>) => void;
    /** The peer that a token of this game belongs to, or null. */
    readonly verifyToken: (token: string) => Promise<string | null>;
    /** Applies a member's message to its lobby. */
    readonly sendMessage: (lobby: string, event: MemberMessage, subject: RateLimitSubject) => RpcResult<unknown>;
    /** Requests a connection to another member. */
    readonly requestConnection: (
      lobby: string,
      subject: RateLimitSubject,
      request: ConnectRequest,
    ) => Promise<RpcResult<ConnectionView>>;
    /** Accepts or declines a connection. */
    readonly acceptConnection: (
      connection: string,
      subject: RateLimitSubject,
      reach: Reach | undefined,
    ) => Promise<RpcResult<unknown>>;
    /** Where the member can be introduced to others without being asked; without a reach, no longer. */
    readonly setStandingReach: (
      lobby: string,
      subject: RateLimitSubject,
      reach: Reach | undefined,
    ) => Promise<RpcResult<unknown>>;
    readonly declineConnection: (connection: string, subject: RateLimitSubject) => RpcResult<unknown>;
  };
