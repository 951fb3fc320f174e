/**
 * The hub: one Durable Object per game and shard, which owns the shard's lobbies. This class has only the entry points:
 * the calls of HubRpc, WebSocket events and the alarm. Its parts are wired here and implemented beside it.
 */
import type { LobbyView } from "#shared/api/lobbies.ts";
import type { Summary } from "#shared/listing/summary.ts";
import type { SidecarView } from "#shared/api/service.ts";
import type { ApplicationView } from "#shared/api/reads.ts";
import type { LobbyBanView } from "#shared/api/bans.ts";
import type { NewReport } from "#shared/api/moderation/reports.ts";
import type { SnapshotInfo } from "#shared/api/snapshots.ts";
import type { TicketKey } from "#shared/auth/tickets.ts";
import type { VerifiedReach } from "#shared/connect/introduction.ts";
import type { ConnectionView, OutcomeReport, RelayView } from "#shared/connect/schema.ts";
import type { Query } from "#shared/listing/query.ts";
import type { Page } from "#shared/listing/sorted-index.ts";
import type { Event } from "#shared/lobby/lobby.ts";
import { ticketKeys } from "../auth/tokens.ts";
import { type Env, hubCount } from "../env.ts";
import { recordChange } from "../lists/game-changes.ts";
import { type ListPage, renderPage } from "../lists/list-page.ts";
import { problem } from "../problem.ts";
import type * as rpc from "../rpc.ts";
import { SOCKET_URLS, SOURCE_HEADER } from "../rpc.ts";
import * as admin from "./admin.ts";
import { combine } from "./change-listener.ts";
import { currentEvent } from "./connections/connection-events.ts";
import { Connections } from "./connections/connections.ts";
import { refusalForNonMember } from "./connections/consent.ts";
import type { RelayAllocator } from "./connections/relay-allocator.ts";
import { SocketServer } from "./events/socket-server.ts";
import { isSubscriber } from "./events/subscriber.ts";
import { findLobby, readerView } from "./lobby-commands.ts";
import { applicationOf } from "./lobby/applications.ts";
import { listLobbyBans } from "./lobby/bans.ts";
import type { ReportOutbox } from "./moderation/report-outbox.ts";
import { reportMember } from "./moderation/reports.ts";
import { type OperatedParts, OperatorCalls } from "./moderation/operator-calls.ts";
import { ownState } from "./lobby/own-state.ts";
import { LobbyService } from "./lobby-service.ts";
import { SidecarLinks } from "./sidecar-links.ts";
import { HubState } from "./state.ts";
import { GroupCommit } from "./storage/group-commit.ts";
import * as wiring from "./wiring.ts";

type Reply<T> = Promise<rpc.RpcResult<T>>;

export class Hub extends OperatorCalls implements rpc.HubRpc {
  readonly #state: HubState;
  readonly #lobbies: LobbyService;
  readonly #links: SidecarLinks;
  readonly #events: SocketServer;
  readonly #connections: Connections;
  readonly #reports: ReportOutbox;
  readonly #group = new GroupCommit(this.ctx.storage);
  #ticket_keys: readonly TicketKey[] = [];

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    let events: SocketServer | undefined;
    let connections: Connections | undefined;
    let relays: RelayAllocator | undefined;
    let reports: ReportOutbox | undefined;
    this.#state = new HubState(ctx.storage, env, (state, store) => {
      const host = wiring.createEventsHost(ctx, env, state, {
        applyEvent: (meta, id, event) => this.#run(meta, (now) => this.#lobbies.apply(meta, { id }, event, now)),
        requestConnection: (meta, lobby, request) => this.requestConnection(meta, lobby, request),
        acceptConnection: (meta, id, reach) => this.acceptConnection(meta, id, reach),
        declineConnection: (meta, id) => this.declineConnection(meta, id),
        setStandingReach: (meta, lobby, reach) =>
          this.#run(meta, () => this.#connections.standing.set(lobby, meta.peer!, reach)),
        connectionEvent: (id, peer, type) => currentEvent(this.#connections.read(id, peer, Date.now()), type),
        recordHeartbeat: (peer) => this.#lobbies.recordHeartbeat(peer, Date.now()),
      });
      events = new SocketServer(host, ctx.getWebSockets("events"), Date.now());
      relays = wiring.createRelayAllocator(ctx, env, state);
      connections = new Connections({ ...host, ...events.members }, store, relays);
      reports = wiring.createReportOutbox(ctx, env, state, store);
      return combine(events, connections, reports, wiring.changeRecorder(ctx));
    });
    this.#lobbies = new LobbyService(this.#state);
    this.#events = events!;
    const sendGoingAway = (now: number): void => this.#events.sendGoingAway(now);
    const announce: OperatedParts["announce"] = (announcement) => ({
      subscriber_count: this.#events.announce(announcement, Date.now()),
      sidecar_count: this.#links.announce(announcement.text),
    });
    const endRelays = (): void => relays!.endAll();
    this.parts = { state: this.#state, lobbies: this.#lobbies, sendGoingAway, announce, endRelays };
    this.#connections = connections!;
    this.#reports = reports!;
    const host = wiring.createLinkHost(ctx, env, relays!, () => this.#ticket_keys);
    this.#links = new SidecarLinks(this.#state, host, ctx.getWebSockets("link"));
    void ctx.blockConcurrencyWhile(async () => {
      this.#ticket_keys = await ticketKeys(env);
      await this.#state.wake();
    });
  }

  // --- lobbies -----------------------------------------------------------------------------------------------------

  listLobbies(meta: rpc.RequestMeta, query: Query): rpc.RpcResult<Page> {
    return this.#run(meta, () => ({ value: this.#state.lobbies.page(query) }));
  }

  async renderList(meta: rpc.RequestMeta, query: Query, known: string | null, hubs: number): Reply<ListPage | null> {
    const admitted = this.#run(meta, () => ({ value: null }));
    // While a new number of hubs is deployed, a hub may not know of all.
    if ("refused" in admitted || hubs !== hubCount(this.env)) return admitted;
    const page = await this.#events.directory.page(() => this.#state.lobbies.page(query), query, Date.now());
    return { ...admitted, value: page === null ? null : renderPage(page, query, known) };
  }

  getLobby(meta: rpc.RequestMeta, id: string): rpc.RpcResult<LobbyView> {
    return this.#run(meta, () => {
      const lobby = this.#state.lobbies.byId(id);
      const value = lobby === undefined ? null : readerView(lobby, meta.peer, this.#state.seatExpiresAt);
      return value === null ? { refused: "lobby_not_found" } : { value };
    });
  }

  previewLobby(meta: rpc.RequestMeta, selector: rpc.LobbySelector): rpc.RpcResult<Summary> {
    return this.#run(meta, (now) => this.#lobbies.preview(meta, selector, now));
  }

  getApplication(meta: rpc.RequestMeta, lobby: string, peer: string): rpc.RpcResult<ApplicationView> {
    return this.#run(meta, () => applicationOf(this.#state.lobbies.byId(lobby), meta.peer!, peer));
  }

  createLobby(meta: rpc.RequestMeta, event: Event & { kind: "host" }, shards: number): Reply<rpc.LobbyResult> {
    return this.#write(meta, (now) =>
      this.#lobbies.create(meta, event, wiring.parseHubName(this.ctx).shard, shards, now),
    );
  }

  applyEvent(meta: rpc.RequestMeta, selector: rpc.LobbySelector, event: Event): Reply<rpc.LobbyResult> {
    return this.#write(meta, (now) => this.#lobbies.apply(meta, selector, event, now));
  }

  checkPassword(meta: rpc.RequestMeta, at: rpc.LobbySelector | null, event: Event): rpc.RpcResult<rpc.PasswordCheck> {
    return this.#run(meta, (now) => this.#lobbies.checkPassword(meta, at, event, now));
  }

  listNorayHost(meta: rpc.RequestMeta, event: Event & { kind: "publish" }): Reply<rpc.NorayListing> {
    return this.#write(meta, (now) => this.#lobbies.listNorayHost(event, now));
  }

  readPeer(meta: rpc.RequestMeta): rpc.RpcResult<rpc.OwnState> {
    return this.#run(meta, (now) => ({ value: ownState(this.#state, meta, now) }));
  }

  listLobbyBans(meta: rpc.RequestMeta, lobby: string): rpc.RpcResult<LobbyBanView[]> {
    return this.#run(meta, () => listLobbyBans(this.#state.lobbies.byId(lobby), meta.peer!));
  }

  reportMember(meta: rpc.RequestMeta, lobby: string, report: NewReport): Reply<{ report_id: string }> {
    const reporter = { game: wiring.parseHubName(this.ctx).game, peer: meta.peer! };
    return this.#write(meta, (now) =>
      reportMember(this.#state.lobbies.byId(lobby), reporter, report, this.#reports, now),
    );
  }

  putSnapshot(meta: rpc.RequestMeta, lobby: string, write: rpc.SnapshotWrite): Reply<SnapshotInfo> {
    return this.#write(meta, (now) => this.#lobbies.putSnapshot(lobby, meta.peer!, write, now));
  }

  getSnapshot(meta: rpc.RequestMeta, lobby: string): rpc.RpcResult<rpc.Snapshot> {
    return this.#run(meta, () => this.#state.snapshots.get(this.#state.lobbies.byId(lobby), meta.peer!));
  }

  findLobbyId(selector: rpc.LobbySelector): string | null {
    return findLobby(this.#state.lobbies, selector)?.id ?? null;
  }

  getCached(idempotency: rpc.IdempotencyKey): { readonly outcome: rpc.Outcome<rpc.LobbyResult> | null } {
    const stored = this.#state.guard.responses.get(idempotency, Date.now());
    if (stored === "mismatch") return { outcome: { refused: "idempotency_mismatch" } };
    return { outcome: (stored as rpc.Outcome<rpc.LobbyResult> | undefined) ?? null };
  }

  putCached(meta: rpc.RequestMeta, result: rpc.LobbyResult): void {
    this.#run(meta, () => ({ value: result }));
  }

  listSidecars(meta: rpc.RequestMeta): rpc.RpcResult<SidecarView[]> {
    return this.#run(meta, () => ({ value: this.#state.sidecars.views() }));
  }

  getStats(meta: rpc.RequestMeta): rpc.RpcResult<rpc.HubStats> {
    return this.#run(meta, () => ({
      value: admin.hubStats(this.#state.lobbies.all(), {
        sidecar_count: this.#state.sidecars.linked().length,
        connections: this.#connections.publicStats(),
      }),
    }));
  }

  // --- connections between members ---------------------------------------------------------------------------------

  requestConnection(meta: rpc.RequestMeta, lobby: string, request: rpc.ConnectParams): rpc.RpcResult<ConnectionView> {
    return this.#run(meta, (now) => this.#connections.request(lobby, meta.peer!, request, now));
  }

  listConnections(meta: rpc.RequestMeta, lobby: string): rpc.RpcResult<ConnectionView[]> {
    return this.#run(meta, (now) => this.#connections.list(lobby, meta.peer!, now));
  }

  getConnection(meta: rpc.RequestMeta, id: string): rpc.RpcResult<ConnectionView> {
    return this.#run(meta, (now) => this.#connections.read(id, meta.peer!, now));
  }

  acceptConnection(meta: rpc.RequestMeta, id: string, reach: VerifiedReach | null): rpc.RpcResult<ConnectionView> {
    return this.#run(meta, (now) => this.#connections.accept(id, meta.peer!, reach, now));
  }

  declineConnection(meta: rpc.RequestMeta, id: string): rpc.RpcResult<null> {
    return this.#run(meta, (now) => this.#connections.decline(id, meta.peer!, now));
  }

  reportOutcome(meta: rpc.RequestMeta, id: string, outcome: OutcomeReport): rpc.RpcResult<null> {
    return this.#run(meta, (now) => this.#connections.report(id, meta.peer!, outcome, now));
  }

  async requestRelay(meta: rpc.RequestMeta, request: rpc.RelayParams): Reply<RelayView> {
    const requested = this.#run(meta, (now) => this.#connections.relay(request, meta.peer!, now));
    if ("refused" in requested) return requested;
    const { rate_limit, replayed, value } = requested;
    return { ...(await value), rate_limit, replayed };
  }

  assertMember(meta: rpc.RequestMeta, lobby: string): rpc.RpcResult<number> {
    return this.#run(meta, (now) => {
      const refused = refusalForNonMember(this.#state.lobbies.byId(lobby), meta.peer!);
      return refused === null ? { value: now } : { refused };
    });
  }

  // --- other hubs --------------------------------------------------------------------------------------------------

  subscribeShard(): Summary[] {
    this.#events.startFeed();
    return this.#state.lobbies.lines();
  }

  async onShardChanges(shard: number, changes: rpc.ListChanges, count: number, lost: boolean): Promise<boolean> {
    const now = Date.now();
    const subscribed = await this.#events.onShardChanges(shard, changes, count, lost, now);
    this.#state.scheduleAlarm([], now);
    recordChange(wiring.parseHubName(this.ctx).game);
    return subscribed;
  }

  // --- sockets and the alarm ---------------------------------------------------------------------------------------

  /** Accepts a WebSocket: a sidecar's link, whose key the Worker has checked, or a client's event stream. */
  override fetch(request: Request): Response {
    if (request.url === SOCKET_URLS.events) return this.#events.accept(request.headers.get(SOURCE_HEADER), Date.now());
    if (request.url !== SOCKET_URLS.link) return problem("not_found");
    const { 0: client, 1: server } = new WebSocketPair();
    this.#links.add(server);
    this.ctx.acceptWebSocket(server, ["link"]);
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void | Promise<void> {
    if (isSubscriber(socket)) return this.#events.handleMessage(socket, message, Date.now());
    return this.#links.handleMessage(socket, message);
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    const server = isSubscriber(socket) ? this.#events : this.#links;
    server.close(socket, wiring.replyCode(code));
  }

  override webSocketError(socket: WebSocket): void {
    this.webSocketClose(socket, 1011);
  }

  override alarm(): void {
    this.#state.onAlarm(Date.now(), (now) => this.#links.closeSilent(now));
  }

  /** `work` must not wait, so that its rows and the stored response are written in one transaction. */
  #run<T>(meta: rpc.RequestMeta, work: (now: number) => rpc.Outcome<T>, now = Date.now()): rpc.RpcResult<T> {
    const result = this.#state.atomically(() => this.#state.guard.run(meta, now, () => work(now)));
    if (meta.idempotency !== null || meta.cost === "connect") this.#state.scheduleAlarm([], now);
    return result;
  }

  /** Likewise for a request that writes: concurrent ones share a disk write. */
  #write<T>(meta: rpc.RequestMeta, work: (now: number) => rpc.Outcome<T>): Reply<T> {
    return this.#group.run(() => this.#run(meta, work));
  }
}
