/**
 * Connects this client to the other members of one lobby through the hub's introductions (docs/reference/connect.md), and
 * passes the hub's instructions to the peer concerned (peer.ts).
 */
import { HubRefusal } from "../api/hub-client.ts";
import type { PunchOutcome } from "../punch/punch.ts";
import {
  type Connection,
  applyRefusal,
  createConnection,
  enterRelayAfter,
  isBusy,
  markBusy,
  mayRepeat,
  punchReport,
  reportOutcome,
  requestPath,
} from "./connection.ts";
import type { ReflexiveProbe } from "../probe/reflexive-probe.ts";
import * as limits from "./limits.ts";
import type { ConnectOptions, MemberPaths, PathsSetup } from "../api/member-paths.ts";
import type { Connection as ConnectionView, ConnectionList } from "../api/types.ts";
import { type Introduction, readIntroduction, readRelay, replayedEvents } from "./introduction.ts";
import type { Endpoint } from "../util/addresses.ts";
import { Peer } from "./peer.ts";
import type { PeerHandlers } from "./peer-handlers.ts";
import { ReachGatherer, receiptsOf } from "./reach-gatherer.ts";
import { WarmSocket, type WarmSocketPair } from "../probe/warm-socket.ts";

export type ConnectorSetup = PathsSetup<Peer> & {
  readonly probe: ReflexiveProbe;
  /** This client accepts a plan with some hundred sockets and some thousand datagrams. */
  readonly birthday: boolean;
};

export class Connector implements MemberPaths<Peer> {
  readonly #setup: ConnectorSetup;
  readonly #connections = new Map<string, Connection>();
  readonly #warm: WarmSocket;
  readonly #reach: ReachGatherer;

  constructor(setup: ConnectorSetup) {
    this.#setup = setup;
    this.#reach = new ReachGatherer(setup);
    this.#warm = new WarmSocket(setup.probe, (reach) => {
      void setup.signals.standingReach(reach && this.#reach.standing(reach));
    });
  }

  get peers(): Peer[] {
    return Array.from(this.#connections.values(), ({ peer }) => peer);
  }

  connect(id: string, options: ConnectOptions): Peer {
    const connection = this.#connectionTo(id);
    connection.options = options;
    requestPath(connection, () => void this.#requestIntroduction(connection));
    return connection.peer;
  }

  handleEvent(type: string, data: Readonly<Record<string, unknown>>): boolean {
    if (!type.startsWith("connect.")) return false;
    const introduction = readIntroduction(type, data);
    if (introduction !== null) this.#handleIntroduction(introduction);
    return true;
  }

  async resume(): Promise<void> {
    const { hub, lobby } = this.#setup;
    this.#warm.restate();
    const list = await hub.request<ConnectionList>("GET", `/lobbies/${lobby}/connections`).catch(() => null);
    for (const view of list?.connections ?? []) this.#replay(view);
    for (const connection of this.#connections.values()) {
      if (connection.peer.path !== "direct" && connection.isInitiator) void this.#requestIntroduction(connection);
    }
  }

  expectRequests(): void {
    this.#warm.restate(limits.STANDING_REACH_KEPT_MS);
  }

  networkChanged(): void {
    this.#setup.probe.reset();
    this.#warm.reset();
    for (const connection of this.#connections.values()) {
      connection.busyUntil = 0;
      connection.attempt = 0;
      connection.peer.networkChanged();
    }
  }

  memberLeft(id: string): void {
    this.#connections.get(id)?.peer.close("The peer has left the lobby.");
  }

  close(): void {
    this.#warm.close();
    for (const { peer } of this.#connections.values()) peer.close();
  }

  /** Handles the state of a connection like the events that led to it. */
  #replay(view: ConnectionView): void {
    if (!this.#setup.handles(view.peer_id)) return;
    for (const { type, data } of replayedEvents(view)) this.handleEvent(type, data);
  }

  // --- requests to the hub -------------------------------------------------------------------------------------

  async #requestIntroduction(connection: Connection, needsRelay = false): Promise<void> {
    const { peer } = connection;
    if (peer.isClosed || isBusy(connection)) return;
    markBusy(connection);
    connection.isInitiator = true;
    const { relay: prefersRelay = false, ticket } = connection.options;
    const relay = prefersRelay || needsRelay || (peer.path !== "direct" && !peer.hasRelay && connection.attempt > 0);
    try {
      const reach = await this.#reach.gather(connection);
      const extra = { with_relay: relay, ...(ticket !== undefined && { ticket }) };
      const view = await this.#setup.signals.connect({ peer_id: peer.id, reach, ...extra });
      connection.connectionId = view.connection_id;
      if ("state" in view) this.#replay(view);
    } catch (error) {
      connection.busyUntil = 0;
      applyRefusal(connection, error);
    }
  }

  async #accept(connection: Connection, id: string): Promise<void> {
    markBusy(connection);
    connection.connectionId = id;
    try {
      const reach = await this.#reach.gather(connection);
      await this.#setup.signals.accept(id, reach);
    } catch (error) {
      connection.busyUntil = 0;
      applyRefusal(connection, error);
    }
  }

  /** `lost`: the relay's endpoint that no longer answers. */
  async #requestRelay(connection: Connection, lost: Endpoint | null = null): Promise<void> {
    const { hub, lobby } = this.#setup;
    const { connectionId: connection_id, peer, relayRequestedAt } = connection;
    const now = performance.now();
    if (connection_id === null || peer.isClosed || now - relayRequestedAt < limits.RELAY_REQUEST_RETRY_MS) return;
    connection.relayRequestedAt = now;
    try {
      const body = { connection_id, ...(lost !== null && { lost }) };
      const relay = readRelay(await hub.request("POST", `/lobbies/${lobby}/relays`, body));
      if (relay !== null) peer.useRelay(relay, null, { isHeld: false, isReplaced: true });
    } catch (error) {
      // The hub no longer knows this connection, so a new introduction is requested.
      if (!(error instanceof HubRefusal)) throw error;
      void this.#requestIntroduction(connection, true);
    }
  }

  // --- events of the hub ---------------------------------------------------------------------------------------

  async #handleRequest(
    connection: Connection,
    { connection_id, peer_id, consent }: Introduction & { type: "requested" },
  ): Promise<void> {
    if (consent === "ask" && !(await this.#setup.mayConnect(peer_id))) {
      if (connection.peer.path === null) connection.peer.close("The connection was denied here.");
      return void (await this.#setup.hub.request("POST", `/connections/${connection_id}/deny`).catch(() => {}));
    }
    connection.isInitiator = false;
    await this.#accept(connection, connection_id);
  }

  #handleIntroduction(introduction: Introduction): void {
    const { connection_id, peer_id } = introduction;
    if (introduction.type === "requested") return void this.#handleRequest(this.#connectionTo(peer_id), introduction);
    const connection = this.#connectionOf(introduction);
    if (connection === undefined) return;
    const { peer } = connection;
    switch (introduction.type) {
      case "accepted":
        return void this.#accept(connection, connection_id);
      case "punch":
        if (connection.startedConnection === connection_id) return;
        connection.startedConnection = connection.connectionId = connection_id;
        connection.epoch = introduction.key.epoch;
        peer.introductionReason = introduction.message;
        peer.startPunch(introduction.plan, introduction.key, introduction.start_in_ms);
        enterRelayAfter(connection, introduction.relay_after_ms);
        break;
      case "relay":
        this.#handleRelay(connection, introduction);
        break;
      case "failed":
        connection.busyUntil = 0;
        peer.introductionReason = `${introduction.reason}: ${introduction.message}`;
        if (peer.hasKey) peer.punchUnavailable();
        else if (mayRepeat(connection, introduction.reason)) void this.#requestIntroduction(connection);
        else peer.close(peer.introductionReason);
    }
  }

  /** The connection of an introduction. One to a standing reach of this member comes without a request. */
  #connectionOf(introduction: Introduction): Connection | undefined {
    const { type, connection_id, peer_id } = introduction;
    const known = this.#connections.get(peer_id);
    const standing = type === "punch" ? introduction.standing : null;
    if (standing === null || known?.startedConnection === connection_id) return known;
    if (known?.peer.socket === 0 && known.peer.sockets.hasPort(0, standing)) return known;
    const warm = known === undefined ? this.#warm.take(standing) : null;
    if (warm !== null) return this.#connectionTo(peer_id, warm);
    // That socket is in use for another member, so the plan cannot work.
    const connection = known ?? this.#connectionTo(peer_id);
    connection.busyUntil = 0;
    connection.attempt = Math.max(1, connection.attempt);
    void this.#requestIntroduction(connection);
    return undefined;
  }

  #handleRelay(connection: Connection, introduction: Introduction & { type: "relay" }): void {
    const { peer } = connection;
    const { connection_id, relay, key } = introduction;
    if (key !== null) connection.epoch = key.epoch;
    peer.introductionReason = introduction.message ?? peer.introductionReason;
    const isPunching = connection.startedConnection === connection_id;
    // Another relay of the same connection: the hub has released the present one.
    const isReplaced = connection.relayedConnection === connection_id;
    connection.relayedConnection = connection.connectionId = connection_id;
    peer.useRelay(relay, key, { isHeld: isPunching && !connection.entersRelay, isReplaced });
    if (isPunching) return;
    connection.busyUntil = 0;
    peer.punchUnavailable(!connection.hasUdp);
    if (!connection.hasUdp) peer.openTunnel();
    if (peer.path !== null) return reportOutcome(this.#setup.hub, connection, { path: peer.path });
    peer.once("path", ({ path }) => reportOutcome(this.#setup.hub, connection, { path: path ?? "none" }));
  }

  // --- events of the peer --------------------------------------------------------------------------------------

  #handlePunchOutcome(connection: Connection, outcome: PunchOutcome, sent: number): void {
    const { peer } = connection;
    connection.busyUntil = 0;
    reportOutcome(this.#setup.hub, connection, punchReport(connection, outcome, sent));
    connection.attempt = outcome.kind === "opened" ? 0 : connection.attempt + 1;
    if (outcome.kind === "opened") return;
    // Without any path, an end that was asked does not leave it to the other one, which may have gone and come again.
    if (connection.attempt < limits.IMMEDIATE_RETRIES_MAX && (connection.isInitiator || peer.path === null))
      void this.#requestIntroduction(connection);
    if (!peer.hasRelay) void this.#requestRelay(connection);
  }

  /** The initiator requests the next introduction. The responder does so only if that leads to no direct path. */
  #retryDirect(connection: Connection): void {
    if (!connection.hasUdp) return void this.#retryUdp(connection);
    if (connection.isInitiator) return void this.#requestIntroduction(connection);
    const { startedConnection } = connection;
    setTimeout(() => {
      const isRetried = connection.startedConnection !== startedConnection;
      if (connection.peer.path !== "direct" && !isRetried) void this.#requestIntroduction(connection);
    }, limits.RESPONDER_WAIT_MS).unref();
  }

  /** An introduction is of no use before a sidecar answers over UDP. */
  async #retryUdp(connection: Connection): Promise<void> {
    const { peer } = connection;
    if (!(await this.#setup.probe.isUdpOpen())) return peer.punchUnavailable(true);
    connection.hasUdp = true;
    connection.attempt = 0;
    await this.#requestIntroduction(connection);
  }

  /** UDP is blocked, or the sidecar is down. A WebSocket carries the datagrams until another relay is assigned. */
  #handleSilentRelay(connection: Connection): void {
    connection.peer.openTunnel();
    if (connection.hasUdp) void this.#requestRelay(connection, connection.peer.relayEndpoint);
  }

  /** `offered`: the socket of a new connection. */
  #connectionTo(id: string, offered: WarmSocketPair | null = null): Connection {
    const existing = this.#connections.get(id);
    if (existing !== undefined) return existing;
    const warm = offered ?? this.#warm.take();
    const handlers: PeerHandlers = {
      upgrade: () => this.#retryDirect(connection),
      punched: (outcome, sent) => this.#handlePunchOutcome(connection, outcome, sent),
      needsRelay: () => void this.#requestRelay(connection),
      relaySilent: () => this.#handleSilentRelay(connection),
      closed: () => void (this.#connections.get(id) === connection && this.#connections.delete(id)),
    };
    const peer = new Peer(id, handlers, warm);
    const connection = createConnection(peer, warm);
    peer.receiptOf = receiptsOf(warm?.reach?.looks ?? [], 0);
    peer.on("path", ({ path }) => {
      if (path === null || connection.isAnnounced) return;
      connection.isAnnounced = true;
      this.#setup.onPeer(peer);
    });
    this.#connections.set(id, connection);
    return connection;
  }
}
