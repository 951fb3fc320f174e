/**
 * Connects this browser to the other members of one lobby through the hub's introductions (docs/reference/connect.md):
 * requests, consent, and new introductions when a path is lost for good.
 */
import type { ConnectOptions, MemberPaths, PathsSetup } from "../api/member-paths.ts";
import type { ConnectionList, Connection as ConnectionView, Reach } from "../api/types.ts";
import type { CreateConnection } from "./engine.ts";
import { hasTurn, type IceServerList, withoutTurn } from "./ice-servers.ts";
import * as limits from "./limits.ts";
import { WebPeer } from "./peer.ts";
import type { BrowserIntroduction } from "./session.ts";
import { connectionOfSignal } from "./signal-seal.ts";

export type WebConnectorSetup = PathsSetup<WebPeer> & {
  readonly iceServers: IceServerList;
  readonly create: CreateConnection;
};

type Entry = {
  readonly peer: WebPeer;
  options: ConnectOptions;
  /** This side requested the last introduction. */
  isInitiator: boolean;
  /** The introduction that is requested or accepted; empty until the hub names it. */
  connectionId: string;
  /** An introduction is in progress until then (`performance.now()`). */
  busyUntil: number;
  /** Introductions without a path in a row. */
  failures: number;
  lostAt: number | null;
  epoch: number | null;
  isAnnounced: boolean;
  isFirstPath: boolean;
  /** Signals of an introduction that is not carried out yet. */
  early: string[];
  /** The last introduction, and the one that the peer carries out. */
  startedId: string;
  runningId: string;
};

export class WebConnector implements MemberPaths<WebPeer> {
  readonly #setup: WebConnectorSetup;
  readonly #entries = new Map<string, Entry>();
  #isClosed = false;

  constructor(setup: WebConnectorSetup) {
    this.#setup = setup;
    // Requested early, so that no connection waits for them.
    void setup.iceServers.get();
  }

  get peers(): WebPeer[] {
    return Array.from(this.#entries.values(), ({ peer }) => peer);
  }

  connect(id: string, options: ConnectOptions): WebPeer {
    const entry = this.#ensureEntry(id);
    entry.options = options;
    if (entry.peer.path === null) void this.#request(entry);
    return entry.peer;
  }

  handleEvent(type: string, data: Readonly<Record<string, unknown>>): boolean {
    if (type === "signal") return this.#handleSignal(String(data["from"]), String(data["body"]));
    if (!type.startsWith("connect.")) return false;
    const { peer_id, connection_id: id } = data as { peer_id: string; connection_id: string };
    if (type === "connect.requested")
      void this.#handleRequest(this.#ensureEntry(peer_id), id, data["consent"] === "ask");
    const entry = this.#entries.get(peer_id);
    if (entry === undefined) return true;
    if (type === "connect.accepted") void this.#accept(entry, id);
    if (type === "connect.webrtc") void this.#start(entry, readIntroduction(data));
    if (type === "connect.failed") this.#handleFailure(entry, `${String(data["reason"])}: ${String(data["message"])}`);
    return true;
  }

  async resume(): Promise<void> {
    const { hub, lobby } = this.#setup;
    const list = await hub.request<ConnectionList>("GET", `/lobbies/${lobby}/connections`).catch(() => null);
    for (const view of list?.connections ?? []) this.#replay(view);
  }

  /** A browser finds its path by itself, so it has nothing to say in advance. */
  expectRequests(): void {}

  networkChanged(): void {
    for (const { peer } of this.#entries.values()) peer.networkChanged();
  }

  memberLeft(id: string): void {
    this.#entries.get(id)?.peer.close("The peer has left the lobby.");
  }

  close(): void {
    this.#isClosed = true;
    for (const { peer } of this.#entries.values()) peer.close();
  }

  // --- requests to the hub -------------------------------------------------------------------------------------

  async #request(entry: Entry): Promise<void> {
    const { peer, options } = entry;
    if (peer.isClosed || performance.now() < entry.busyUntil) return;
    this.#markBusy(entry);
    entry.isInitiator = true;
    // The peer may close the last connection for the next one before the reply.
    entry.connectionId = "";
    const ticket = options.ticket === undefined ? {} : { ticket: options.ticket };
    try {
      const body = { peer_id: peer.id, reach: this.#reach(entry), with_relay: false, ...ticket };
      entry.connectionId = (await this.#setup.signals.connect(body)).connection_id;
    } catch (error) {
      this.#handleFailure(entry, error instanceof Error ? error.message : String(error));
    }
  }

  async #handleRequest(entry: Entry, id: string, asks: boolean): Promise<void> {
    if (asks && !(await this.#setup.mayConnect(entry.peer.id))) {
      if (entry.peer.path === null) entry.peer.close("The connection was denied here.");
      return void (await this.#setup.hub.request("POST", `/connections/${id}/deny`).catch(() => {}));
    }
    entry.isInitiator = false;
    await this.#accept(entry, id);
  }

  async #accept(entry: Entry, id: string): Promise<void> {
    this.#markBusy(entry);
    entry.connectionId = id;
    try {
      await this.#setup.signals.accept(id, this.#reach(entry));
    } catch (error) {
      this.#handleFailure(entry, error instanceof Error ? error.message : String(error));
    }
  }

  /** Handles the state of a connection like the events that led to it. */
  #replay(view: ConnectionView): void {
    if (view.state === "over" || !this.#setup.handles(view.peer_id)) return;
    const ids = { connection_id: view.connection_id, peer_id: view.peer_id };
    if (view.webrtc !== undefined) this.handleEvent("connect.webrtc", { ...view.webrtc, ...ids });
    if (view.wants_reach || (view.state === "waiting" && !view.asked))
      this.handleEvent(view.asked ? "connect.accepted" : "connect.requested", { consent: view.consent, ...ids });
  }

  #report(entry: Entry, outcome: object): void {
    const path = `/connections/${entry.startedId}/outcome`;
    void this.#setup.hub.request("PUT", path, outcome).catch(() => {});
  }

  #reach({ epoch }: Entry): Reach {
    const numbers = { now_ms: performance.now(), rtt_ms: this.#setup.rtt_ms() };
    return { web: true, looks: [], local_endpoints: [], ...numbers, ...(epoch !== null && { epoch }) };
  }

  #markBusy(entry: Entry): void {
    entry.busyUntil = performance.now() + limits.INTRODUCTION_TIMEOUT_MS;
  }

  // --- introductions -------------------------------------------------------------------------------------------

  async #start(entry: Entry, introduction: BrowserIntroduction): Promise<void> {
    const { connection_id: id, relay } = introduction;
    const { peer } = entry;
    // The hub may repeat an event.
    if (entry.startedId === id) return;
    entry.startedId = entry.connectionId = id;
    entry.epoch = introduction.epoch;
    const servers = await this.#setup.iceServers.get();
    if (peer.isClosed || entry.startedId !== id) return;
    if (relay === "always" && !hasTurn(servers)) {
      this.#report(entry, { path: "none", message: "no TURN server" });
      return peer.close("A relay is required here, and the hub names no TURN server.");
    }
    entry.runningId = id;
    const iceServers = relay === "never" ? withoutTurn(servers) : servers;
    try {
      peer.start(introduction, { create: this.#setup.create, iceServers });
    } catch (error) {
      // The platform refuses a server that the hub names.
      return this.#handleLost(entry, error instanceof Error ? error.message : String(error), false);
    }
    for (const text of entry.early.splice(0)) if (connectionOfSignal(text) === id) peer.handleSignal(text);
  }

  /** Returns false for a signal of the game. */
  #handleSignal(from: string, text: string): boolean {
    const id = connectionOfSignal(text);
    if (id === null) return false;
    const entry = this.#entries.get(from);
    if (entry === undefined) return true;
    if (entry.runningId === id) entry.peer.handleSignal(text);
    else entry.early = [...entry.early, text].slice(-limits.EARLY_SIGNALS_MAX);
    return true;
  }

  #handleFailure(entry: Entry, why: string): void {
    const { peer } = entry;
    entry.busyUntil = 0;
    entry.failures++;
    if (peer.isClosed) return;
    if (entry.lostAt === null) return peer.close(why);
    if (performance.now() - entry.lostAt > limits.LOST_TIMEOUT_MS) return peer.close(why);
    this.#retry(entry);
  }

  /** The side that did not request the last introduction lets the other one request the next. */
  #retry(entry: Entry): void {
    const wait_ms = (entry.isInitiator ? 0 : limits.RESPONDER_WAIT_MS) + (entry.failures > 1 ? limits.RETRY_MS : 0);
    setTimeout(() => {
      if (!this.#isClosed && entry.peer.path === null) void this.#request(entry);
    }, wait_ms);
  }

  #ensureEntry(id: string): Entry {
    const known = this.#entries.get(id);
    if (known !== undefined) return known;
    const peer = new WebPeer(id, {
      sendSignal: (text) => this.#setup.signals.signal(id, text),
      opened: (path, after_ms) => this.#handleOpened(entry, path, after_ms),
      failed: (why, wasOpen) => this.#handleLost(entry, why, wasOpen),
      closedByPeer: () => {
        // A new introduction replaces the connection.
        if (entry.connectionId === entry.startedId) peer.close("The peer closed the connection.");
      },
      closed: () => {
        if (this.#entries.get(id) === entry) this.#entries.delete(id);
      },
    });
    const entry: Entry = {
      peer,
      options: {},
      isInitiator: false,
      connectionId: "",
      busyUntil: 0,
      failures: 0,
      lostAt: null,
      epoch: null,
      isAnnounced: false,
      isFirstPath: true,
      early: [],
      startedId: "",
      runningId: "",
    };
    peer.on("path", ({ path }) => {
      entry.lostAt = path === null ? (entry.lostAt ?? performance.now()) : null;
      if (path === null || entry.isAnnounced) return;
      entry.isAnnounced = true;
      this.#setup.onPeer(peer);
    });
    this.#entries.set(id, entry);
    return entry;
  }

  #handleOpened(
    entry: Entry,
    { path, rtt_ms }: { readonly path: string; readonly rtt_ms: number | null },
    ms: number,
  ): void {
    const elapsed_ms = Math.round(ms);
    entry.busyUntil = 0;
    entry.failures = 0;
    const first = entry.isFirstPath ? { first_path_ms: elapsed_ms } : {};
    entry.isFirstPath = false;
    this.#report(entry, { path, elapsed_ms, ...first, ...(rtt_ms !== null && { rtt_ms }) });
  }

  #handleLost(entry: Entry, why: string, wasOpen: boolean): void {
    if (!wasOpen) this.#report(entry, { path: "none", message: why });
    this.#handleFailure(entry, why);
  }
}

function readIntroduction(data: Readonly<Record<string, unknown>>): BrowserIntroduction {
  const { connection_id, pair_key, relay, message } = data as NonNullable<ConnectionView["webrtc"]> & {
    readonly connection_id: string;
  };
  return { connection_id, ...pair_key, relay, message };
}
