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
  firstPathTime,
  isBusy,
  markBusy,
  punchReport,
} from "./connection.ts";
import type { ReflexiveProbe } from "../probe/reflexive-probe.ts";
import * as limits from "./limits.ts";
import type { ConnectOptions, MemberPaths, PathsSetup } from "../api/member-paths.ts";
import type { Connection as ConnectionView, ConnectionList, Outcome } from "../api/types.ts";
import { type Introduction, readIntroduction, readRelay } from "./introduction.ts";
import type { Endpoint } from "../util/addresses.ts";
import { Peer } from "./peer.ts";
import type { PeerHandlers } from "./peer-handlers.ts";
import { ReachGatherer } from "./reach-gatherer.ts";
import { WarmSocket } from "../probe/warm-socket.ts";

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
    this.#warm = new WarmSocket(setup.probe);
    this.#reach = new ReachGatherer(setup);
  }

  get peers(): Peer[] {
    return Array.from(this.#connections.values(), ({ peer }) => peer);
  }

  connect(id: string, options: ConnectOptions): Peer {
    const connection = this.#connectionTo(id);
    connection.options = options;
    if (connection.peer.path === null) void this.#requestIntroduction(connection);
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
    const list = await hub.request<ConnectionList>("GET", `/lobbies/${lobby}/connections`).catch(() => null);
    for (const view of list?.connections ?? []) this.#replay(view);
    for (const connection of this.#connections.values()) {
      if (connection.peer.path !== "direct" && connection.isInitiator) void this.#requestIntroduction(connection);
    }
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
      connection.connectionId = await this.#setup.signals.connect({ peer_id: peer.id, reach, ...extra });
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

  /** Reports the outcome once for each introduction. */
  #reportOutcome(connection: Connection, report: Outcome): void {
    const { connectionId: id } = connection;
    if (id === null || id === connection.reportedConnection) return;
    const outcome = { ...report, ...firstPathTime(connection, report) };
    connection.reportedConnection = id;
    void this.#setup.hub.request("PUT", `/connections/${id}/outcome`, outcome).catch(() => {});
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
    const connection = this.#connections.get(peer_id);
    if (introduction.type === "requested") {
      return void this.#handleRequest(connection ?? this.#connectionTo(peer_id), introduction);
    }
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
        else peer.close(peer.introductionReason);
    }
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
    // No punch accompanies this relay.
    connection.busyUntil = 0;
    peer.punchUnavailable(!connection.hasUdp);
    if (!connection.hasUdp) peer.openTunnel();
    if (peer.path !== null) return this.#reportOutcome(connection, { path: peer.path });
    peer.once("path", ({ path }) => this.#reportOutcome(connection, { path: path ?? "none" }));
  }

  /** Handles the state of a connection like the events that led to it. */
  #replay(view: ConnectionView): void {
    if (view.state === "over" || !this.#setup.handles(view.peer_id)) return;
    const ids = { connection_id: view.connection_id, peer_id: view.peer_id };
    if (view.punch !== undefined) this.handleEvent("connect.punch", { ...view.punch, ...ids });
    if (view.relay !== undefined) this.handleEvent("connect.relay", { ...view.relay, ...ids });
    if (view.wants_reach || (view.state === "waiting" && !view.asked)) {
      this.handleEvent(view.asked ? "connect.accepted" : "connect.requested", { consent: view.consent, ...ids });
    }
  }

  // --- events of the peer --------------------------------------------------------------------------------------

  #handlePunchOutcome(connection: Connection, outcome: PunchOutcome, sent: number): void {
    const { peer } = connection;
    connection.busyUntil = 0;
    this.#reportOutcome(connection, punchReport(connection, outcome, sent));
    connection.attempt = outcome.kind === "opened" ? 0 : connection.attempt + 1;
    if (outcome.kind === "opened") return;
    if (connection.attempt < limits.IMMEDIATE_RETRIES_MAX && connection.isInitiator)
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
    if (connection.peer.path === "direct") return;
    connection.peer.openTunnel();
    if (connection.hasUdp) void this.#requestRelay(connection, connection.peer.relayEndpoint);
  }

  #connectionTo(id: string): Connection {
    const existing = this.#connections.get(id);
    if (existing !== undefined) return existing;
    const warm = this.#warm.take();
    const handlers: PeerHandlers = {
      upgrade: () => this.#retryDirect(connection),
      punched: (outcome, sent) => this.#handlePunchOutcome(connection, outcome, sent),
      needsRelay: () => void this.#requestRelay(connection),
      relaySilent: () => this.#handleSilentRelay(connection),
      closed: () => {
        if (this.#connections.get(id) === connection) this.#connections.delete(id);
      },
    };
    const peer = new Peer(id, handlers, warm);
    const connection = createConnection(peer, warm?.reach ?? null);
    peer.on("path", ({ path }) => {
      if (path === null || connection.isAnnounced) return;
      connection.isAnnounced = true;
      this.#setup.onPeer(peer);
    });
    this.#connections.set(id, connection);
    return connection;
  }
}
