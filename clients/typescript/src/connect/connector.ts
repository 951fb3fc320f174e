/**
 * Who is introduced to whom in one lobby: asks the hub, accepts for whoever asks, looks where this machine is just before,
 * and hands what the hub says to the peer it is about (peer.ts). The flow is in docs/reference/connect.md.
 */
import { type HubClient, HubRefusal } from "../api/hub-client.ts";
import type { PunchOutcome } from "../punch/punch.ts";
import type { ReflexiveProbe } from "./reflexive-probe.ts";
import * as limits from "./limits.ts";
import { type Introduction, type Reach, readIntroduction, readRelay } from "./introduction.ts";
import { Peer } from "./peer.ts";

export type ConnectOptions = {
  /** A relay carries at once, and the direct path takes over as soon as there is one. */
  readonly relay?: boolean;
  /** That the peer gave you, where he lets nobody in without one. */
  readonly ticket?: string;
};

export type ConnectorSetup = {
  readonly hub: HubClient;
  readonly lobby: string;
  readonly probe: ReflexiveProbe;
  /** Some hundred sockets and some thousand datagrams are agreed to, should they be needed. */
  readonly birthday: boolean;
  readonly rtt_ms: () => number;
  /** Somebody wants to be asked first; the answer decides. */
  readonly mayConnect: (peer: string) => Promise<boolean>;
  /** A peer has its first path. */
  readonly onPeer: (peer: Peer) => void;
};

type ConnectionView = {
  readonly connection_id: string;
  readonly peer_id: string;
  readonly consent: string;
  readonly asked: boolean;
  readonly state: string;
  readonly wants_reach: boolean;
  readonly punch?: Readonly<Record<string, unknown>>;
  readonly relay?: Readonly<Record<string, unknown>>;
};

type Connection = {
  readonly peer: Peer;
  options: ConnectOptions;
  /** We asked, the last time. */
  isInitiator: boolean;
  connectionId: string | null;
  /** An introduction goes on until then, unless it ends before. */
  busyUntil: number;
  /** Introductions that have failed since the last that did not. */
  attempt: number;
  epoch: number | null;
  /** UDP got out when it was last looked at. */
  hasUdp: boolean;
  /** Already carried out, or reported. */
  startedConnection: string;
  reportedConnection: string;
  relayRequestedAt: number;
  isAnnounced: boolean;
};

export class Connector {
  readonly #setup: ConnectorSetup;
  readonly #connections = new Map<string, Connection>();

  constructor(around: ConnectorSetup) {
    this.#setup = around;
  }

  get peers(): Peer[] {
    return Array.from(this.#connections.values(), ({ peer }) => peer);
  }

  /** Asks for this member; the same peer where there is one. */
  connect(id: string, options: ConnectOptions): Peer {
    const pair = this.#connectionTo(id);
    pair.options = options;
    if (pair.peer.path === null) void this.#requestIntroduction(pair);
    return pair.peer;
  }

  /** What the hub tells: whether it is of a connection. */
  handleEvent(type: string, data: Readonly<Record<string, unknown>>): boolean {
    if (!type.startsWith("connect.")) return false;
    const meeting = readIntroduction(type, data);
    if (meeting !== null) this.#handleIntroduction(meeting);
    return true;
  }

  /** The hub may have told what nobody here heard. */
  async resume(): Promise<void> {
    const { hub, lobby } = this.#setup;
    const told = await hub.request<{ connections: ConnectionView[] }>("GET", `/lobbies/${lobby}/connections`).catch(() => null);
    for (const view of told?.connections ?? []) this.#replay(view);
    for (const pair of this.#connections.values()) if (pair.peer.path !== "direct" && pair.isInitiator) void this.#requestIntroduction(pair);
  }

  /** This machine has another address. */
  networkChanged(): void {
    this.#setup.probe.reset();
    for (const pair of this.#connections.values()) {
      pair.busyUntil = 0;
      pair.attempt = 0;
      pair.peer.networkChanged();
    }
  }

  /** A member has gone. */
  memberLeft(id: string): void {
    this.#connections.get(id)?.peer.close("The peer has left the lobby.");
  }

  close(): void {
    for (const { peer } of this.#connections.values()) peer.close();
  }

  // --- asking and accepting ------------------------------------------------------------------------------------

  async #requestIntroduction(pair: Connection, needsRelay = false): Promise<void> {
    if (pair.peer.isClosed || isBusy(pair)) return;
    markBusy(pair);
    pair.isInitiator = true;
    const { hub, lobby } = this.#setup;
    const { relay = false, ticket } = pair.options;
    const wants = relay || needsRelay || (pair.peer.path !== "direct" && !pair.peer.hasRelay && pair.attempt > 0);
    try {
      const reach = await this.#gatherReach(pair);
      const said = { peer_id: pair.peer.id, reach, relay: wants, ...(ticket !== undefined && { ticket }) };
      const view = await hub.request<ConnectionView>("POST", `/lobbies/${lobby}/connections`, said);
      pair.connectionId = view.connection_id;
    } catch (error) {
      pair.busyUntil = 0;
      this.#handleRefusal(pair, error);
    }
  }

  async #accept(pair: Connection, connection: string): Promise<void> {
    markBusy(pair);
    pair.connectionId = connection;
    try {
      const reach = await this.#gatherReach(pair);
      await this.#setup.hub.request("POST", `/connections/${connection}/accept`, { reach });
    } catch (error) {
      pair.busyUntil = 0;
      this.#handleRefusal(pair, error);
    }
  }

  /** What is not to be had now may be later, once there was something; else it is over. */
  #handleRefusal({ peer }: Connection, error: unknown): void {
    if (peer.path === null && !peer.hasKey) peer.close(error instanceof Error ? error.message : String(error));
    else peer.punchUnavailable();
  }

  /** Looks just before it is said. After a failure the router may hold a grudge against the socket: another one plays. */
  async #gatherReach(pair: Connection): Promise<Reach> {
    const { peer, attempt, epoch } = pair;
    const { probe: observer, birthday, rtt_ms } = this.#setup;
    if (attempt > 0) peer.renewSocket();
    await peer.sockets.bind(peer.socket);
    const gathered = await observer.gather(peer.sockets, peer.socket, peer.probes);
    pair.hasUdp = gathered.looks.length > 0;
    return {
      ...gathered,
      rtt_ms: rtt_ms(),
      birthday,
      attempt: Math.min(attempt, 15),
      ...(epoch !== null && { epoch }),
    };
  }

  async #handleRequest(pair: Connection, { connection_id, peer_id, consent }: Introduction & { type: "requested" }): Promise<void> {
    if (consent === "ask" && !(await this.#setup.mayConnect(peer_id))) {
      if (pair.peer.path === null) pair.peer.close("It was denied here.");
      return void (await this.#setup.hub.request("DELETE", `/connections/${connection_id}`).catch(() => {}));
    }
    pair.isInitiator = false;
    await this.#accept(pair, connection_id);
  }

  // --- what is told --------------------------------------------------------------------------------------------

  #handleIntroduction(meeting: Introduction): void {
    const known = this.#connections.get(meeting.peer_id);
    if (meeting.type === "requested") return void this.#handleRequest(known ?? this.#connectionTo(meeting.peer_id), meeting);
    if (known === undefined) return;
    const pair = known;
    const { peer } = pair;
    switch (meeting.type) {
      case "accepted":
        return void this.#accept(pair, meeting.connection_id);
      case "punch":
        if (pair.startedConnection === meeting.connection_id) return;
        pair.startedConnection = pair.connectionId = meeting.connection_id;
        pair.epoch = meeting.key.epoch;
        peer.introductionReason = meeting.reason;
        peer.startPunch(meeting.plan, meeting.key, meeting.start_in_ms);
        break;
      case "relay":
        if (meeting.key !== null) pair.epoch = meeting.key.epoch;
        if (meeting.reason !== null) peer.introductionReason = meeting.reason;
        pair.connectionId = meeting.connection_id;
        peer.useRelay(meeting.relay, meeting.key);
        if (pair.startedConnection === meeting.connection_id) return;
        // Nothing is tried: this is all there is for now.
        pair.busyUntil = 0;
        peer.punchUnavailable();
        if (!pair.hasUdp) peer.openTunnel();
        this.#reportOutcome(pair, { path: pair.hasUdp ? "relay" : "stream" });
        break;
      case "failed":
        pair.busyUntil = 0;
        peer.introductionReason = `${meeting.reason}: ${meeting.debug}`;
        if (peer.hasKey) peer.punchUnavailable();
        else peer.close(peer.introductionReason);
    }
  }

  /** The same of a connection as it is now. */
  #replay(view: ConnectionView): void {
    if (view.state === "over") return;
    const whose = { connection_id: view.connection_id, peer_id: view.peer_id };
    if (view.punch !== undefined) this.handleEvent("connect.punch", { ...view.punch, ...whose });
    if (view.relay !== undefined) this.handleEvent("connect.relay", { ...view.relay, ...whose });
    if (view.wants_reach || (view.state === "waiting" && !view.asked)) {
      this.handleEvent(view.asked ? "connect.accepted" : "connect.requested", { consent: view.consent, ...whose });
    }
  }

  // --- what becomes of it --------------------------------------------------------------------------------------

  #handlePunchOutcome(pair: Connection, outcome: PunchOutcome, sent: number): void {
    const { peer } = pair;
    pair.busyUntil = 0;
    if (outcome.kind === "opened") {
      pair.attempt = 0;
      const times = { ms: Math.max(0, Math.round(outcome.after_ms)), rtt_ms: Math.round(outcome.rtt_ms) };
      return this.#reportOutcome(pair, { path: "direct", ...times });
    }
    pair.attempt++;
    this.#reportOutcome(pair, { path: peer.hasRelay ? "relay" : "none", reason: `${outcome.why}, ${sent} sent` });
    if (pair.attempt < limits.IMMEDIATE_RETRIES_MAX && pair.isInitiator) void this.#requestIntroduction(pair);
    if (!peer.hasRelay) void this.#requestRelay(pair);
  }

  /** Once for each introduction. */
  #reportOutcome(pair: Connection, said: object): void {
    const { connectionId: connection } = pair;
    if (connection === null || connection === pair.reportedConnection) return;
    pair.reportedConnection = connection;
    void this.#setup.hub.request("PUT", `/connections/${connection}/outcome`, said).catch(() => {});
  }

  /** A direct path is wished for. Who asked asks again; the other one, if that leads to nothing. */
  #retryDirect(pair: Connection): void {
    if (pair.isInitiator) return void this.#requestIntroduction(pair);
    setTimeout(() => {
      if (pair.peer.path !== "direct") void this.#requestIntroduction(pair);
    }, limits.RESPONDER_WAIT_MS).unref();
  }

  async #requestRelay(pair: Connection): Promise<void> {
    const { hub, lobby } = this.#setup;
    const { connectionId: connection, peer } = pair;
    const now = performance.now();
    if (connection === null || peer.isClosed || now - pair.relayRequestedAt < limits.RELAY_REQUEST_RETRY_MS) return;
    pair.relayRequestedAt = now;
    try {
      const relay = readRelay(await hub.request("POST", `/lobbies/${lobby}/relays`, { connection_id: connection }));
      if (relay !== null) peer.useRelay(relay, null);
    } catch (error) {
      // The hub has forgotten the two by now: they are introduced anew.
      if (!(error instanceof HubRefusal)) throw error;
      void this.#requestIntroduction(pair, true);
    }
  }

  /** UDP does not get out, or the sidecar has died: a WebSocket carries meanwhile, and another relay is asked for. */
  #handleSilentRelay(pair: Connection): void {
    if (pair.peer.path === "direct") return;
    pair.peer.openTunnel();
    if (pair.hasUdp) {
      pair.attempt++;
      void this.#requestIntroduction(pair);
    }
  }

  // -------------------------------------------------------------------------------------------------------------

  #connectionTo(id: string): Connection {
    const known = this.#connections.get(id);
    if (known !== undefined) return known;
    const peer = new Peer(id, {
      upgrade: () => this.#retryDirect(pair),
      punched: (outcome, sent) => this.#handlePunchOutcome(pair, outcome, sent),
      needsRelay: () => void this.#requestRelay(pair),
      relaySilent: () => this.#handleSilentRelay(pair),
      closed: () => {
        if (this.#connections.get(id) === pair) this.#connections.delete(id);
      },
    });
    const pair: Connection = {
      peer,
      options: {},
      isInitiator: false,
      connectionId: null,
      busyUntil: 0,
      attempt: 0,
      epoch: null,
      hasUdp: true,
      startedConnection: "",
      reportedConnection: "",
      relayRequestedAt: -Infinity,
      isAnnounced: false,
    };
    peer.on("path", ({ path }) => {
      if (path === null || pair.isAnnounced) return;
      pair.isAnnounced = true;
      this.#setup.onPeer(peer);
    });
    this.#connections.set(id, pair);
    return pair;
  }
}

const isBusy = ({ busyUntil }: Connection): boolean => performance.now() < busyUntil;

const markBusy = (pair: Connection): void => void (pair.busyUntil = performance.now() + limits.INTRODUCTION_TIMEOUT_MS);
