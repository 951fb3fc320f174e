// @ts-check
/**
 * A subscription to one topic (the lobby list, or one lobby) on the events WebSocket.
 *
 * It reconnects after every drop and resumes after the last sequence number that it received.
 *
 *     open -> hello, subscribe {since} -> snapshot | resumed -> events, ping/pong -> drop -> back off -> open
 */

/** @typedef {{ type: string, topic?: string, seq?: number, data: any }} Message */
/**
 * @typedef {object} StreamOptions
 * @property {() => string | null} token the peer token, or null to subscribe anonymously
 * @property {() => Record<string, unknown>} topic the body of the subscription
 * @property {(message: Message) => void} onMessage snapshots, events and errors
 * @property {(isLive: boolean) => void} onLive whether the received state is current
 */

/** The hub must send its first snapshot within this time. */
const OPEN_TIMEOUT_MS = 5_000;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_LAST_MS = 10_000;
/** The ping interval until the hub's welcome names one. */
const PING_S = 10;
/** Close codes of docs/reference/events.md for a client that sent too much or read too slowly: reconnect after the longest pause. */
const OVERLOAD_CODES = new Set([4400, 4429, 4008]);
/** Close code of docs/reference/events.md for a client that sent no ping in time: reconnect at once. */
const IDLE_CODE = 4408;

export class EventStream {
  #url;
  #options;
  /** @type {WebSocket | null} */
  #socket = null;
  /** The last received sequence number. @type {number | undefined} */
  #since = undefined;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  #awaits_pong = false;
  #ping_ms = PING_S * 1_000;
  #controller = new AbortController();

  /** @param {string} path @param {StreamOptions} options */
  constructor(path, options) {
    const url = new URL(path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.#url = url;
    this.#options = options;
    const { signal } = this.#controller;
    addEventListener("online", () => this.reconnectNow(), { signal });
    // Some systems keep sockets open after the network is gone.
    addEventListener("offline", () => this.#reconnectLater(BACKOFF_LAST_MS), { signal });
    this.#open();
  }

  close() {
    this.#controller.abort();
    this.#closeSocket();
  }

  /** Ends the current back-off: another request has just reached the hub. */
  reconnectNow() {
    if (this.#socket === null && !this.#controller.signal.aborted) this.#open();
  }

  /** Subscribes again from a fresh snapshot, after the topic or the membership has changed. */
  resubscribe() {
    this.#since = undefined;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#subscribe();
    else this.reconnectNow();
  }

  /** Reconnects with the current token and resumes after the last sequence number. */
  reconnect() {
    this.#closeSocket();
    this.#open();
  }

  #open() {
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#url, "parley.v1");
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#reconnectLater(), OPEN_TIMEOUT_MS);
    socket.addEventListener("open", () => {
      if (socket !== this.#socket) return;
      const token = this.#options.token();
      this.#send("hello", token === null ? {} : { token });
      this.#subscribe();
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket) this.#handleMessage(String(data));
    });
    socket.addEventListener("close", ({ code }) => {
      if (socket !== this.#socket) return;
      this.#reconnectLater(OVERLOAD_CODES.has(code) ? BACKOFF_LAST_MS : code === IDLE_CODE ? 0 : undefined);
    });
  }

  #subscribe() {
    this.#send("subscribe", { ...this.#options.topic(), ...(this.#since !== undefined && { since: this.#since }) });
  }

  /** @param {string} type @param {object} data */
  #send(type, data) {
    this.#socket?.send(JSON.stringify({ type, data }));
  }

  /** @param {string} text */
  #handleMessage(text) {
    if (text === "pong") {
      this.#awaits_pong = false;
      return;
    }
    /** @type {Message} */
    const message = JSON.parse(text);
    const { type, seq, data } = message;
    if (type === "welcome") {
      this.#ping_ms = data.heartbeat_s * 1_000;
      return;
    }
    if (type === "resync") this.#since = undefined;
    if (type === "error" && data.problem.code === "hub_unavailable") return this.#reconnectLater();
    if (type === "snapshot") this.#since = seq;
    else if (seq !== undefined) this.#since = Math.max(seq, this.#since ?? 0);
    if (type === "snapshot" || type === "resumed") this.#goLive();
    this.#options.onMessage(message);
  }

  #goLive() {
    clearTimeout(this.#timer);
    this.#failures = 0;
    this.#awaits_pong = false;
    this.#timer = setTimeout(() => this.#ping(), this.#ping_ms);
    this.#options.onLive(true);
  }

  #ping() {
    if (this.#awaits_pong) return this.#reconnectLater();
    this.#awaits_pong = true;
    this.#socket?.send("ping");
    this.#timer = setTimeout(() => this.#ping(), this.#ping_ms);
  }

  /** Reconnects after a random back-off, so that many pages do not return at the same moment. @param {number} [wait_ms] */
  #reconnectLater(wait_ms = Math.random() * Math.min(BACKOFF_FIRST_MS * 2 ** this.#failures, BACKOFF_LAST_MS)) {
    this.#closeSocket();
    this.#failures++;
    this.#options.onLive(false);
    if (this.#controller.signal.aborted) return;
    if (wait_ms === 0) this.#open();
    else this.#timer = setTimeout(() => this.#open(), wait_ms);
  }

  #closeSocket() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
