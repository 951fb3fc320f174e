// @ts-check
/**
 * A conversation on the events WebSocket about one topic: the list, or a lobby. It is there again after every drop, and
 * goes on behind what it has heard.
 *
 *     open -> hello, subscribe {since} -> snapshot | resumed -> events, ping/pong -> drop -> wait a little -> open
 */

/** @typedef {{ type: string, topic?: string, seq?: number, data: any }} Message */
/**
 * @typedef {object} Ends
 * @property {() => string | null} token whose eyes see it; null: a stranger's
 * @property {() => Record<string, unknown>} topic what to subscribe to
 * @property {(message: Message) => void} hear snapshots, events and errors
 * @property {(is: boolean) => void} live whether what was heard is how it is
 */

/** Time until the hub has answered, or the connection counts as none. */
const OPEN_MS = 5_000;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_LAST_MS = 10_000;
/** Until the hub says how often. */
const PING_S = 10;
/** Codes of docs/reference/events.md after which to wait as long as it takes: said too much, or took in too little. */
const TOO_MUCH = new Set([4400, 4429, 4008]);
const SILENT = 4408;

export class Stream {
  #url;
  #ends;
  /** @type {WebSocket | null} */
  #socket = null;
  /** The number of what was heard last. @type {number | undefined} */
  #since = undefined;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  #waits_for_pong = false;
  #ping_ms = PING_S * 1_000;
  #over = new AbortController();

  /** @param {string} path @param {Ends} ends */
  constructor(path, ends) {
    const url = new URL(path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.#url = url;
    this.#ends = ends;
    addEventListener("online", () => this.hurry(), { signal: this.#over.signal });
    // Some systems keep sockets that lead nowhere.
    addEventListener("offline", () => this.#drop(BACKOFF_LAST_MS), { signal: this.#over.signal });
    this.#open();
  }

  close() {
    this.#over.abort();
    this.#hangUp();
  }

  /** Tries at once: there is reason to believe that it can be reached. */
  hurry() {
    if (this.#socket === null && !this.#over.signal.aborted) this.#open();
  }

  /** Begins again, with another token or another topic. */
  again() {
    this.#since = undefined;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#subscribe();
    else this.hurry();
  }

  /** Begins again as somebody else, behind what was heard. */
  asAnother() {
    this.#hangUp();
    this.#open();
  }

  #open() {
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#url, "parley.v1");
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#drop(), OPEN_MS);
    socket.addEventListener("open", () => {
      if (socket !== this.#socket) return;
      const token = this.#ends.token();
      this.#say("hello", token === null ? {} : { token });
      this.#subscribe();
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket) this.#take(String(data));
    });
    socket.addEventListener("close", ({ code }) => {
      if (socket === this.#socket) this.#drop(TOO_MUCH.has(code) ? BACKOFF_LAST_MS : code === SILENT ? 0 : undefined);
    });
  }

  #subscribe() {
    this.#say("subscribe", { ...this.#ends.topic(), ...(this.#since !== undefined && { since: this.#since }) });
  }

  /** @param {string} type @param {object} data */
  #say(type, data) {
    this.#socket?.send(JSON.stringify({ type, data }));
  }

  /** @param {string} text */
  #take(text) {
    if (text === "pong") {
      this.#waits_for_pong = false;
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
    if (type === "error" && data.problem.code === "hub_unavailable") return this.#drop();
    if (type === "snapshot") this.#since = seq;
    else if (seq !== undefined) this.#since = Math.max(seq, this.#since ?? 0);
    if (type === "snapshot" || type === "resumed") this.#settle();
    this.#ends.hear(message);
  }

  #settle() {
    clearTimeout(this.#timer);
    this.#failures = 0;
    this.#waits_for_pong = false;
    this.#timer = setTimeout(() => this.#ping(), this.#ping_ms);
    this.#ends.live(true);
  }

  #ping() {
    if (this.#waits_for_pong) return this.#drop();
    this.#waits_for_pong = true;
    this.#socket?.send("ping");
    this.#timer = setTimeout(() => this.#ping(), this.#ping_ms);
  }

  /** Comes back after a while: a random one, so that many pages do not come at the same moment. @param {number} [wait_ms] */
  #drop(wait_ms = Math.random() * Math.min(BACKOFF_FIRST_MS * 2 ** this.#failures, BACKOFF_LAST_MS)) {
    this.#hangUp();
    this.#failures++;
    this.#ends.live(false);
    if (this.#over.signal.aborted) return;
    if (wait_ms === 0) this.#open();
    else this.#timer = setTimeout(() => this.#open(), wait_ms);
  }

  #hangUp() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
