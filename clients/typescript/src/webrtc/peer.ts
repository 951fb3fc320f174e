/**
 * The other side of a connection between two browsers: messages to and from one peer, over WebRTC data channels. The
 * connector (connector.ts) decides about introductions.
 */
import { Emitter } from "../util/emitter.ts";
import type { ReceivedMessage } from "./frames.ts";
import * as limits from "./limits.ts";
import type { SignalRefusal } from "./negotiation.ts";
import type { SelectedPath } from "./path-report.ts";
import { type BrowserIntroduction, type Engine, WebSession } from "./session.ts";

export type WebPath = {
  readonly path: "direct" | "relay" | null;
  readonly rtt_ms: number | null;
  /** Time from the introduction to this path. */
  readonly after_ms: number;
  /** The reason for this path, in words for players. */
  readonly why: string;
};

export type WebPeerEvents = {
  /** `channel`: the number that the sender gave. */
  message: [bytes: Uint8Array, channel: number];
  path: [path: WebPath];
  /** After `send` returned false: reliable messages can be sent again. */
  drain: [];
  /** A signal in the name of the peer was not used. `forged`: it was changed on its way, or it is not the peer's. */
  refused: [why: SignalRefusal];
  closed: [why: string];
};

export type SendOptions = {
  /** In order, and without loss while there is a path. Default false: the message may be lost or overtaken. */
  readonly reliable?: boolean;
  /** 0 to 127, for the game's own use. Default 0. */
  readonly channel?: number;
};

export type WebStats = WebPath & { readonly bytes_sent: number; readonly bytes_received: number };

export type WebPeerHandlers = {
  readonly sendSignal: (text: string) => Promise<void>;
  /** The first path of an introduction. */
  readonly opened: (path: SelectedPath, after_ms: number) => void;
  /** The introduction led to no path, or its path is lost. */
  readonly failed: (why: string, wasOpen: boolean) => void;
  readonly closedByPeer: () => void;
  readonly closed: () => void;
};

export class WebPeer extends Emitter<WebPeerEvents> {
  readonly id: string;
  /** Signals in the name of the peer that were not used. */
  readonly refusedSignals: Record<SignalRefusal, number> = { malformed: 0, forged: 0, replayed: 0, address: 0 };
  readonly #handlers: WebPeerHandlers;
  #session: WebSession | null = null;
  #introducedAt = 0;
  #wasOpen = false;
  #current: WebPath = { path: null, rtt_ms: null, after_ms: 0, why: "No path has been found yet." };
  /** Messages that arrived before the first `path` event, when the game could not yet listen. */
  #undelivered: ReceivedMessage[] | null = [];
  #isClosed = false;

  constructor(id: string, handlers: WebPeerHandlers) {
    super();
    this.id = id;
    this.#handlers = handlers;
  }

  get path(): WebPath["path"] {
    return this.#current.path;
  }

  get why(): string {
    return this.#current.why;
  }

  get rtt_ms(): number | null {
    return this.#current.rtt_ms;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes that were sent by the game and not yet by the browser. */
  get bufferedAmount(): number {
    return this.#session?.channels.bufferedAmount ?? 0;
  }

  /**
   * Sends a message of up to 512 KiB (reliable) or 65,535 bytes. Returns false without a path, or if too much is unsent:
   * wait for `drain`, or skip what will soon be old. Throws a RangeError for a longer message.
   */
  send(bytes: Uint8Array, { reliable = false, channel = 0 }: SendOptions = {}): boolean {
    return this.#session?.channels.send(bytes, reliable, channel) ?? false;
  }

  async stats(): Promise<WebStats> {
    const measured = await this.#session?.path();
    const { bytes_sent = 0, bytes_received = 0 } = this.#session?.channels ?? {};
    if (measured != null && this.path !== null) this.#current = { ...this.#current, ...measured };
    return { ...this.#current, bytes_sent, bytes_received };
  }

  close(why = "The connection was closed here."): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#session?.close();
    this.#session = null;
    this.#current = { ...this.#current, path: null, rtt_ms: null, why };
    this.#handlers.closed();
    this.emit("closed", [why]);
  }

  // --- for the connector ---------------------------------------------------------------------------------------

  /** Replaces the WebRTC connection. */
  start(introduction: BrowserIntroduction, engine: Engine): void {
    this.#session?.close();
    this.#introducedAt = performance.now();
    this.#wasOpen = false;
    const session = new WebSession(introduction, engine, {
      send: (text) => this.#handlers.sendSignal(text),
      refused: (why) => {
        this.refusedSignals[why]++;
        this.emit("refused", [why]);
      },
      connected: (path) => this.#connected(path, introduction.message),
      interrupted: () => this.#lost("The peer does not answer."),
      failed: (why) => {
        this.#session = null;
        this.#lost(why);
        this.#handlers.failed(why, this.#wasOpen);
      },
      outdated: (why) => {
        this.#lost(why);
        this.#handlers.failed(why, true);
      },
      closedByPeer: () => this.#handlers.closedByPeer(),
      message: (message) => this.#receive(message),
      drain: () => this.emit("drain", []),
    });
    this.#session = session;
  }

  handleSignal(text: string): void {
    this.#session?.handleSignal(text);
  }

  /** This machine has another address, or has slept. */
  networkChanged(): void {
    this.#session?.restart();
  }

  // -------------------------------------------------------------------------------------------------------------

  #connected(path: SelectedPath, why: string): void {
    const after_ms = performance.now() - this.#introducedAt;
    const isSame = this.#current.path === path.path;
    this.#current = { ...path, after_ms: isSame ? this.#current.after_ms : after_ms, why };
    if (!this.#wasOpen) this.#handlers.opened(path, after_ms);
    this.#wasOpen = true;
    if (!isSame) this.emit("path", [this.#current]);
    // After the game has added its listeners.
    setTimeout(() => this.#deliverEarly(), 0);
  }

  #lost(why: string): void {
    if (this.path === null || this.#isClosed) return;
    this.#current = { ...this.#current, path: null, rtt_ms: null, why };
    this.emit("path", [this.#current]);
  }

  #receive(message: ReceivedMessage): void {
    if (this.#undelivered === null) return this.emit("message", [message.bytes, message.channel]);
    if (this.#undelivered.push(message) > limits.EARLY_MESSAGES_MAX) this.#undelivered.shift();
  }

  #deliverEarly(): void {
    const messages = this.#undelivered ?? [];
    this.#undelivered = null;
    for (const { bytes, channel } of messages) this.emit("message", [bytes, channel]);
  }
}
