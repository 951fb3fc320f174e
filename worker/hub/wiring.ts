/**
 * What the event sockets and the relay allocator need of a hub, built from the hub's own parts. It keeps both free of
 * bindings and of the hub's class, so that tests can give them other parts.
 */
import type { ConnectionView, Reach } from "#shared/connect/schema.ts";
import type { VerifiedReach } from "#shared/connect/introduction.ts";
import type { Event } from "#shared/lobby/lobby.ts";
import type { RateLimitSubject } from "#shared/rate-limit/rate-limiter.ts";
import type { TicketKey } from "#shared/auth/tickets.ts";
import { parseWebhook } from "#shared/settings/webhook.ts";
import { isInvited } from "../auth/invitations.ts";
import { peerOfToken, sign } from "../auth/tokens.ts";
import { verifyReach } from "../auth/verified-reach.ts";
import { deniedNamesOf, type Env, hubCount, hubOf, shardsOf } from "../env.ts";
import type { ConnectParams, RequestMeta, RpcResult } from "../rpc.ts";
import { recordChange } from "../lists/game-changes.ts";
import type { ChangeListener } from "./change-listener.ts";
import { RelayAllocator } from "./connections/relay-allocator.ts";
import type { EventsHost } from "./events/events-host.ts";
import type { LobbyReader } from "./events/snapshots.ts";
import { ReportOutbox } from "./moderation/report-outbox.ts";
import { type HubState, send } from "./state.ts";
import type { Store } from "./store.ts";

/** Allocates relays at the sidecars that are linked to this hub. */
export const createRelayAllocator = (
  ctx: DurableObjectState,
  env: Env,
  { sidecars, guard }: HubState,
): RelayAllocator =>
  new RelayAllocator({
    quota: guard.relays,
    relaying: () => sidecars.relaying(),
    send: (sidecar, message) => {
      const socket = sidecars.socket(sidecar);
      if (socket !== undefined) send(socket, message);
    },
    sign: (ticket) => sign(env, { ...ticket, game: parseHubName(ctx).game }),
    waitUntil: (work) => ctx.waitUntil(work),
  });

/** Sends reports of players to the operators' webhook. */
export const createReportOutbox = (ctx: DurableObjectState, env: Env, state: HubState, store: Store): ReportOutbox =>
  new ReportOutbox(store, {
    webhook: parseWebhook(env.REPORTS_WEBHOOK ?? "", env.REPORTS_KEY ?? "").webhook,
    waitUntil: (work) => ctx.waitUntil(work),
    scheduleAlarm: () => state.scheduleAlarm([], Date.now()),
  });

/** The calls of HubRpc that a client may also make over its event socket. They are rate limited in the same way. */
export type HubActions = {
  readonly applyEvent: (meta: RequestMeta, lobby: string, event: Event) => RpcResult<unknown>;
  readonly requestConnection: (meta: RequestMeta, lobby: string, request: ConnectParams) => RpcResult<ConnectionView>;
  readonly acceptConnection: (meta: RequestMeta, id: string, reach: VerifiedReach | null) => RpcResult<unknown>;
  readonly declineConnection: (meta: RequestMeta, id: string) => RpcResult<unknown>;
  readonly setStandingReach: (meta: RequestMeta, lobby: string, reach: VerifiedReach | null) => RpcResult<unknown>;
  readonly connectionEvent: LobbyReader["connectionEvent"];
  /** An open socket is a sign of life that the client does not send itself, so it is not rate limited. */
  readonly recordHeartbeat: (peer: string) => void;
};

export function createEventsHost(ctx: DurableObjectState, env: Env, state: HubState, actions: HubActions): EventsHost {
  const { lobbies } = state;
  const { game, shard } = parseHubName(ctx);
  /** Carries out a request of a member with a reach, once that is verified, or without one. */
  const withReach = async <T>(
    subject: RateLimitSubject,
    reach: Reach | undefined,
    run: (meta: RequestMeta, verified: VerifiedReach | null) => RpcResult<T> | Promise<RpcResult<T>>,
  ): Promise<RpcResult<T>> => {
    const peer = subject.peer!;
    const verified = reach === undefined ? null : await verifyReach(env, { game, peer }, reach, Date.now());
    if (verified !== null && "refused" in verified) return { ...verified, rate_limit: null, replayed: false };
    return run({ ...subject, cost: "connect", idempotency: null }, verified);
  };
  return {
    shard,
    hubs: hubCount(env),
    lobby: (id) => lobbies.byId(id),
    page: (query) => lobbies.page(query),
    connectionEvent: actions.connectionEvent,
    verifyToken: (token) => peerOfToken(env, game, token, Date.now()),
    accept: (socket) => ctx.acceptWebSocket(socket, ["events"]),
    scheduleAlarm: () => state.scheduleAlarm([], Date.now()),
    lastPingAt: (socket) => lastPingAt(ctx, socket),
    waitUntil: (work) => ctx.waitUntil(work),
    subscribeShard: (other) => hubOf(env, game, other).subscribeShard(),
    sendChanges: (changes, lost) => hubOf(env, game, 0).onShardChanges(shard, changes, lobbies.listed_count, lost),
    sendMessage: (id, event, subject) =>
      actions.applyEvent({ ...subject, cost: event.kind, idempotency: null }, id, event),
    requestConnection: (lobby, subject, { peer_id: host, reach, with_relay: relay = false, ticket }) =>
      withReach(subject, reach, async (meta, verified) => {
        const invited = await isInvited(env, ticket, { game, lobby, host }, Date.now());
        return actions.requestConnection(meta, lobby, { peer: host, reach: verified, relay, invited });
      }),
    acceptConnection: (id, subject, reach) =>
      withReach(subject, reach, (meta, verified) => actions.acceptConnection(meta, id, verified)),
    setStandingReach: (lobby, subject, reach) =>
      withReach(subject, reach, (meta, verified) => actions.setStandingReach(meta, lobby, verified)),
    declineConnection: (id, subject) =>
      actions.declineConnection({ ...subject, cost: "connect", idempotency: null }, id),
    onHeartbeat: actions.recordHeartbeat,
    snapshotRevision: (lobby) => state.snapshots.infoOf(lobby)?.revision ?? null,
    onDisconnect: (peer) => state.startGraces(peer, Date.now()),
  };
}

/** What the links of sidecars need. */
export const createLinkHost = (
  ctx: DurableObjectState,
  env: Env,
  relays: RelayAllocator,
  ticketKeys: () => readonly TicketKey[],
) => ({
  relays,
  shard: parseHubName(ctx).shard,
  shards: shardsOf(env),
  denied_names: deniedNamesOf(env),
  ticketKeys,
  lastPingAt: (socket: WebSocket) => lastPingAt(ctx, socket),
});

/** Records changes of this hub's lobbies for the Worker in the same isolate. */
export function changeRecorder(ctx: DurableObjectState): Omit<ChangeListener, "isConnected" | "urgent"> {
  const { game } = parseHubName(ctx);
  return {
    publish: (_, changes) => {
      if (changes.length > 0) recordChange(game);
    },
    tick: () => {},
    deadline: () => Infinity,
  };
}

/** When the client of a socket last pinged (ms): the platform answers pings without waking the hub. */
export const lastPingAt = (ctx: DurableObjectState, socket: WebSocket): number | null =>
  ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null;

/** A hub's name is "{game}/{shard}". */
export function parseHubName(ctx: DurableObjectState): { readonly game: string; readonly shard: number } {
  const [game = "", digits = "0"] = (ctx.id.name ?? "").split("/");
  return { game, shard: Number(digits) };
}

/**
 * The code of the close frame that answers one with this code. 1005 and 1006 mean that no code was received; of the
 * others only these may be sent (RFC 6455 section 7.4).
 */
export function replyCode(received: number): number {
  if (received === 1005 || received === 1006) return 1000;
  const isValid = (received >= 3000 && received <= 4999) || (received >= 1000 && received <= 1014 && received !== 1004);
  return isValid ? received : PROTOCOL_ERROR;
}

const PROTOCOL_ERROR = 1002;
