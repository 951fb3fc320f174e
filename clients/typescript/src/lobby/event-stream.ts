/**
 * The live events of one lobby: a WebSocket to its hub that reconnects and resumes after the last event received
 * (docs/reference/events.md).
 *
 *     opened      a snapshot of the lobby: at the start, or if the hub cannot resume
 *     event       every other event of the hub, in order
 *     lost        the socket closed; a new one is opened after a back-off
 *     over        the lobby or the identity is no longer valid; no reconnect
 */
import { Emitter } from "../util/emitter.ts";
import { type Timer, unref } from "../util/timers.ts";
import { HubRefusal } from "../api/hub-client.ts";
import * as limits from "./limits.ts";
import type { Lobby, Problem } from "../api/types.ts";

export type HubEvent = { readonly type: string; readonly data: Readonly<Record<string, unknown>> };

export type EventStreamEvents = {
  opened: [lobby: Lobby];
  event: [event: HubEvent];
  lost: [];
  over: [code: string];
};

type IncomingMessage = HubEvent & { readonly re?: number; readonly seq?: number; readonly topic?: string };
type PendingRequest = { readonly done: (data: HubEvent["data"]) => void; readonly failed: (error: Error) => void };

/** Close codes after which a new socket would be refused too. */
const FATAL = new Set([4400, 4401]);

export class EventStream extends Emitter<EventStreamEvents> {
  readonly #url: string;
  readonly #token: string;
  readonly #lobby: string;
  #socket: WebSocket | null = null;
  #pending = new Map<number, PendingRequest>();
  #lastRequest = 0;
  /** The sequence number of the last event received. */
  #since: number | null = null;
  #attempts = 0;
  #timer: Timer | undefined;
  #pingTimer: Timer | undefined;
  #pingSentAt: number | null = null;
  #rttSamples: number[] = [];
  #closed = false;

  /** `url` and `game` as in HubClient. */
  constructor({ url, game }: { readonly url: string; readonly game: string }, token: string, lobby: string) {
    super();
    this.#url = `${url.replace(/^http/, "ws")}/v1/games/${game}/events?lobby_id=${lobby}`;
    this.#token = token;
    this.#lobby = lobby;
    this.#open();
  }

  /** The shortest recent round trip to the hub; null before the first. */
  get rtt_ms(): number | null {
    return this.#rttSamples.length === 0 ? null : Math.min(...this.#rttSamples);
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === 1;
  }

  /** Rejects with a HubRefusal if the hub refuses the request, or if no socket is open. */
  async request(type: string, data: object): Promise<HubEvent["data"]> {
    const socket = this.#socket;
    if (socket?.readyState !== 1) throw unreachable();
    const seq = ++this.#lastRequest;
    socket.send(JSON.stringify({ type, seq, data }));
    return new Promise((done, failed) => this.#pending.set(seq, { done, failed }));
  }

  /** Reconnects at once: the network has changed. */
  reconnect(): void {
    if (this.#closed) return;
    this.#attempts = 0;
    this.#disconnect(0);
  }

  close(): void {
    this.#closed = true;
    this.#disconnect(null);
  }

  // -------------------------------------------------------------------------------------------------------------

  #open(): void {
    const socket = new WebSocket(this.#url, ["parley.v1"]);
    this.#socket = socket;
    const ifCurrent = (then: () => void) => (): void => {
      if (this.#socket === socket) then();
    };
    socket.addEventListener(
      "open",
      ifCurrent(() => void this.#subscribe().catch(() => {})),
    );
    socket.addEventListener("message", ({ data }) => {
      if (this.#socket === socket && typeof data === "string") this.#handleMessage(data);
    });
    socket.addEventListener(
      "error",
      ifCurrent(() => this.#disconnect(this.#backoffMs())),
    );
    socket.addEventListener("close", ({ code }) => {
      if (this.#socket !== socket) return;
      if (FATAL.has(code)) this.#end(String(code));
      else this.#disconnect(code === 4429 ? limits.RECONNECT_MS_MAX : this.#backoffMs());
    });
    this.#startPongTimeout();
  }

  async #subscribe(): Promise<void> {
    const { heartbeat_s } = await this.request("hello", { token: this.#token });
    const since = this.#since === null ? {} : { since: this.#since };
    try {
      await this.request("subscribe", { topic: "lobby", lobby_id: this.#lobby, ...since });
    } catch (error) {
      if (error instanceof HubRefusal && error.code !== "unreachable") this.#end(error.code);
      throw error;
    }
    this.#attempts = 0;
    for (let left = limits.PINGS_FIRST; left > 0 && this.isOpen; left--) await this.#ping();
    clearInterval(this.#pingTimer);
    const every_ms = Number(heartbeat_s) * 1_000 || limits.PING_MS;
    this.#pingTimer = unref(setInterval(() => this.#pingSentAt === null && void this.#ping(), every_ms));
  }

  #onPong: () => void = () => {};

  #ping(): Promise<void> {
    this.#pingSentAt = performance.now();
    if (this.isOpen) this.#socket?.send("ping");
    this.#startPongTimeout();
    return new Promise((done) => (this.#onPong = done));
  }

  /** Without a pong in time the socket is dropped. A dead connection may never raise a close event. */
  #startPongTimeout(): void {
    const socket = this.#socket;
    clearTimeout(this.#timer);
    const drop = (): void => void (this.#socket === socket && this.#disconnect(this.#backoffMs()));
    this.#timer = unref(setTimeout(drop, limits.PONG_TIMEOUT_MS));
  }

  #handleMessage(text: string): void {
    if (text === "pong") {
      if (this.#pingSentAt !== null)
        this.#rttSamples = [...this.#rttSamples, performance.now() - this.#pingSentAt].slice(-limits.PINGS_KEPT);
      this.#pingSentAt = null;
      clearTimeout(this.#timer);
      return this.#onPong();
    }
    const message = readMessage(text);
    if (message === null) return;
    if (message.topic === "lobby" && typeof message.seq === "number") this.#since = message.seq;
    const request = message.re === undefined ? undefined : this.#pending.get(message.re);
    if (message.re !== undefined) this.#pending.delete(message.re);
    if (message.type === "error") return request?.failed(new HubRefusal(message.data["problem"] as Problem));
    if (message.type === "snapshot") this.emit("opened", [message.data["lobby"] as Lobby]);
    else if (request === undefined) this.emit("event", [message]);
    request?.done(message.data);
  }

  /** null: do not reconnect. */
  #disconnect(again_ms: number | null): void {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#timer);
    clearInterval(this.#pingTimer);
    this.#pingSentAt = null;
    for (const { failed } of this.#pending.values()) failed(unreachable());
    this.#pending.clear();
    socket?.close();
    if (again_ms === null || this.#closed) return;
    if (socket !== null) this.emit("lost", []);
    this.#timer = setTimeout(() => this.#open(), again_ms);
  }

  #end(code: string): void {
    this.close();
    this.emit("over", [code]);
  }

  /** Exponential back-off with full jitter, from 0.25 s. */
  #backoffMs(): number {
    return Math.random() * Math.min(limits.RECONNECT_MS * 2 ** this.#attempts++, limits.RECONNECT_MS_MAX);
  }
}

const unreachable = (): HubRefusal =>
  new HubRefusal({ code: "unreachable", title: "The event stream is not connected to the hub.", status: 0 });

function readMessage(text: string): IncomingMessage | null {
  if (text.length > limits.MESSAGE_LENGTH_MAX) return null;
  try {
    const message = JSON.parse(text) as IncomingMessage;
    return typeof message?.type === "string" && typeof message.data === "object" && message.data !== null
      ? message
      : null;
  } catch {
    return null;
  }
}
