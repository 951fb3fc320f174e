// @ts-check
/**
 * The current lobbies of one game, from the events WebSocket, or by polling while the WebSocket is down.
 *
 * It is stopped while the page is hidden, so that hidden pages cost the hub nothing.
 */
import { isOffline, Refusal } from "../api/api.js";
import { EventStream } from "../api/event-stream.js";
import { Poller, sleep } from "../api/poller.js";

/** @typedef {import("../api/api.js").Summary} Summary */
/** @typedef {"connecting" | "live" | "polling" | "error"} State */

/** The `max-age` of the list: polling more often would return the same cached response. */
const POLL_MS = 2_000;
/** The longest pause between two attempts while the hub does not respond. */
const RETRY_LAST_MS = 15_000;
/** The API's largest page, and the number of pages that the page loads. */
const PAGE_LIMIT = 100;
const PAGES_MAX = 5;

export class LobbyList {
  #api;
  #filter;
  #onChange;
  /** @type {EventStream | null} */
  #stream = null;
  #isLive = false;
  #poller = new Poller();

  /** The lobbies by id; null before the first response. @type {Map<string, Summary> | null} */
  lobbies = null;
  /** Whether the hub has more lobbies than these. */
  hasMore = false;
  /** @type {{ state: State, text: string }} */
  status = { state: "connecting", text: "Connecting to the hub…" };

  /** @param {import("../api/api.js").Api} api @param {Record<string, string>} filter @param {() => void} onChange */
  constructor(api, filter, onChange) {
    this.#api = api;
    this.#filter = filter;
    this.#onChange = onChange;
  }

  start() {
    this.#stream ??= new EventStream(`${this.#api.base}/events`, {
      token: () => null,
      topic: () => ({ topic: "lobbies", filter: this.#filter }),
      onMessage: (message) => this.#handleMessage(message),
      onLive: (isLive) => this.#setLive(isLive),
    });
  }

  stop() {
    this.#stream?.close();
    this.#stream = null;
    this.#isLive = false;
    this.#poller.stop();
  }

  /** @param {Record<string, string>} filter parameters of the API's list */
  setFilter(filter) {
    if (JSON.stringify(filter) === JSON.stringify(this.#filter)) return;
    this.#filter = filter;
    this.#stream?.resubscribe();
    if (!this.#poller.isRunning) return;
    this.#poller.stop();
    this.#startPolling();
  }

  /** The list's path below the game's. @param {string | null} [cursor] */
  path(cursor = null) {
    const query = new URLSearchParams({ ...this.#filter, limit: String(PAGE_LIMIT) });
    if (cursor !== null) query.set("cursor", cursor);
    return `/lobbies?${query}`;
  }

  // --- event stream --------------------------------------------------------------------------------------------

  /** @param {import("../api/event-stream.js").Message} message */
  #handleMessage({ type, data }) {
    if (type === "snapshot") {
      this.#replace(data.lobbies, !data.complete);
    } else if (type === "lobby.added" || type === "lobby.updated") {
      if (isLobby(data.lobby)) this.lobbies?.set(data.lobby.id, data.lobby);
    } else if (type === "lobby.removed") {
      this.lobbies?.delete(data.lobby_id);
    } else if (type === "error") {
      this.#setStatus("error", data.problem.detail ?? data.problem.title);
      return;
    }
    if (this.#isLive) this.#setStatus("live", "Live");
  }

  /** @param {boolean} isLive */
  #setLive(isLive) {
    this.#isLive = isLive;
    if (isLive) this.#poller.stop();
    else if (this.#stream !== null) this.#startPolling();
  }

  // --- polling -------------------------------------------------------------------------------------------------

  #startPolling() {
    this.#poller.start((signal) => this.#poll(signal));
  }

  /** @param {AbortSignal} signal */
  async #poll(signal) {
    for (let failures = 0; !signal.aborted;) {
      let wait_ms = POLL_MS;
      try {
        const { lobbies, hasMore } = await this.#fetchPages(signal);
        if (signal.aborted) return;
        if (failures > 0) this.#stream?.reconnectNow();
        failures = 0;
        this.#replace(lobbies, hasMore);
        this.#setStatus("polling", "Up to date, refreshed every 2 s");
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        const refusal = error instanceof Refusal ? error : null;
        wait_ms = refusal?.retry_after_s ? refusal.retry_after_s * 1_000 : retryAfter_ms(failures);
        this.#setStatus("error", statusText(refusal));
      }
      await sleep(wait_ms, signal);
    }
  }

  /** @param {AbortSignal} signal */
  async #fetchPages(signal) {
    /** @type {unknown[]} */
    const lobbies = [];
    /** @type {string | null} */
    let cursor = null;
    for (let page = 0; page < PAGES_MAX; page++) {
      /** @type {{ lobbies: unknown[], next_cursor: unknown }} */
      const response = await this.#api.getPublic(this.path(cursor), signal);
      lobbies.push(...response.lobbies);
      cursor = typeof response.next_cursor === "string" ? response.next_cursor : null;
      if (cursor === null) break;
    }
    return { lobbies, hasMore: cursor !== null };
  }

  /** @param {unknown[]} lobbies @param {boolean} hasMore */
  #replace(lobbies, hasMore) {
    this.lobbies = new Map(lobbies.filter(isLobby).map((lobby) => [lobby.id, lobby]));
    this.hasMore = hasMore;
  }

  /** @param {State} state @param {string} text */
  #setStatus(state, text) {
    this.status = { state, text };
    this.#onChange();
  }
}

/** @param {Refusal | null} refusal */
function statusText(refusal) {
  if (isOffline()) return "You are offline. Retrying…";
  if (refusal?.code === "rate_limited") return `Too many requests. Retrying in ${refusal.retry_after_s ?? "a few"} s`;
  return refusal?.detail ?? "The hub does not respond. Retrying…";
}

/**
 * Checks the fields that the page reads. A newer hub may send more fields than these, but not fewer.
 * @param {any} value @returns {value is Summary}
 */
function isLobby(value) {
  const texts = [
    value?.id,
    value?.name,
    value?.wire,
    value?.state,
    value?.created_at,
    value?.join?.uri ?? "",
    value?.version ?? "",
  ];
  // `seats` is null on wires without a member limit.
  const counts = [value?.member_count, value?.seats ?? 0];
  if (![value?.data, value?.join].every((part) => typeof part === "object" && part !== null)) return false;
  return texts.every((text) => typeof text === "string") && counts.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** Exponential back-off with jitter, so that many pages do not return at the same moment. @param {number} failures */
const retryAfter_ms = (failures) => Math.min(POLL_MS * 2 ** (failures - 1), RETRY_LAST_MS) * (0.75 + Math.random() / 4);
