/**
 * One WebRTC connection to a peer, from an introduction of the hub until it fails or is replaced: negotiation, channels,
 * ICE restarts. The peer (peer.ts) outlives it.
 */
import { Channels, type ChannelsHandlers } from "./channels.ts";
import type { Connection, CreateConnection, IceServer } from "./engine.ts";
import * as limits from "./limits.ts";
import { Negotiation, type SignalRefusal } from "./negotiation.ts";
import { selectedPath, type SelectedPath } from "./path-report.ts";
import { type Role, SignalSeal } from "./signal-seal.ts";

/** What the hub says in `connect.webrtc` (docs/reference/connect.md). */
export type BrowserIntroduction = {
  readonly connection_id: string;
  readonly key: string;
  readonly epoch: number;
  readonly role: Role;
  readonly relay: "auto" | "always" | "never";
  readonly message: string;
};

export type Engine = { readonly create: CreateConnection; readonly iceServers: IceServer[] };

export type SessionHandlers = Pick<ChannelsHandlers, "message" | "drain"> & {
  readonly send: (text: string) => Promise<void>;
  readonly refused: (why: SignalRefusal) => void;
  /** There is a path, at first or again, or another one. */
  readonly connected: (path: SelectedPath) => void;
  readonly interrupted: () => void;
  readonly failed: (why: string) => void;
  /**
   * Only a new introduction finds another path. The connection stays open until then: if its channels closed, the peer would
   * take it for the end.
   */
  readonly outdated: (why: string) => void;
  /** The peer closed the channels. */
  readonly closedByPeer: () => void;
};

export class WebSession {
  readonly channels: Channels;
  readonly #connection: Connection;
  readonly #negotiation: Promise<Negotiation>;
  readonly #handlers: SessionHandlers;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wasConnected = false;
  #isClosed = false;

  constructor(introduction: BrowserIntroduction, engine: Engine, handlers: SessionHandlers) {
    const relayOnly = introduction.relay === "always";
    const { role, connection_id, key } = introduction;
    this.#handlers = handlers;
    this.#connection = engine.create({
      iceServers: engine.iceServers,
      iceTransportPolicy: relayOnly ? "relay" : "all",
    });
    const { send, refused } = handlers;
    const restarted = (): void => handlers.outdated("The peer looks for another path.");
    this.#negotiation = SignalSeal.open(connection_id, key, role).then(
      (seal) => new Negotiation(this.#connection, { seal, role, relayOnly, send, refused, restarted }),
    );
    this.channels = new Channels(this.#connection, {
      opened: () => void this.#reportPath(),
      closed: () => this.#handlers.closedByPeer(),
      message: handlers.message,
      drain: handlers.drain,
    });
    this.#connection.onconnectionstatechange = () => this.#handleState();
    this.#setTimer(limits.INTRODUCTION_TIMEOUT_MS, () => this.#fail("No path was found in time."));
  }

  handleSignal(text: string): void {
    void this.#negotiation.then((negotiation) => negotiation.handle(text));
  }

  /** Looks for a path with the addresses that this machine has now. */
  restart(): void {
    if (this.#isClosed || !this.#wasConnected) return;
    if (this.#connection.restartIce === undefined) return this.#handlers.outdated("The path may be lost.");
    this.#connection.restartIce();
    this.#setTimer(limits.RESTART_TIMEOUT_MS, () => this.#fail("The path was lost and was not found again."));
  }

  path(): Promise<SelectedPath | null> {
    return selectedPath(this.#connection);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.channels.detach();
    this.#connection.onconnectionstatechange = null;
    this.#connection.close();
    void this.#negotiation.then((negotiation) => negotiation.close());
  }

  #handleState(): void {
    const { connectionState } = this.#connection;
    if (connectionState === "connected") void this.#reportPath();
    else if (connectionState === "disconnected") {
      this.#setTimer(limits.RESTART_AFTER_MS, () => {
        this.#handlers.interrupted();
        this.restart();
      });
    } else if (connectionState === "failed") {
      if (!this.#wasConnected) return this.#fail("No path works between these two networks.");
      this.#handlers.interrupted();
      this.restart();
    }
  }

  async #reportPath(): Promise<void> {
    if (!this.channels.isOpen || this.#connection.connectionState !== "connected") return;
    const path = await this.path();
    if (this.#isClosed) return;
    // Chromium's statistics can be 50 ms old, and then they do not have the pair yet.
    if (path === null) return void setTimeout(() => void this.#reportPath(), limits.STATS_RETRY_MS);
    clearTimeout(this.#timer);
    const transport = this.#connection.sctp?.transport.iceTransport;
    if (!this.#wasConnected && transport !== undefined)
      transport.onselectedcandidatepairchange = () => void this.#reportPath();
    this.#wasConnected = true;
    this.#handlers.connected(path);
  }

  #fail(why: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#handlers.failed(why);
  }

  #setTimer(ms: number, run: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(run, ms);
  }
}
