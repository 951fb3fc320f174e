// @ts-check
/**
 * The lobbies of a game as they are now: told over the events WebSocket, and asked for again and again where none can
 * be opened. While nobody looks at the page, nothing is told and nothing asked.
 */
import { isOffline, Refusal } from "./api.js";
import { Asking, pause } from "./poller.js";
import { Stream } from "./stream.js";

/** @typedef {import("./api.js").Summary} Summary */
/** @typedef {"asking" | "live" | "asked" | "trouble"} Mood */

/** The list's own `max-age`: asking more often would bring nothing newer through a cache. */
const REFRESH_MS = 2_000;
/** The longest pause between two tries while the hub does not answer. */
const RETRY_LAST_MS = 15_000;
/** What the API gives at most per page, and how many pages are worth showing to a person. */
const PAGE_LIMIT = 100;
const PAGES_MAX = 5;

export class List {
  #api;
  #filter;
  #changed;
  /** @type {Stream | null} */
  #stream = null;
  #live = false;
  #asking = new Asking();

  /** What the hub said last, by id; null before it said anything. @type {Map<string, Summary> | null} */
  lobbies = null;
  /** Whether there are more than these. */
  more = false;
  /** @type {{ is: Mood, says: string }} */
  mood = { is: "asking", says: "Asking the hub" };

  /** @param {import("./api.js").Api} api @param {Record<string, string>} filter @param {() => void} changed */
  constructor(api, filter, changed) {
    this.#api = api;
    this.#filter = filter;
    this.#changed = changed;
  }

  /** Somebody looks at it. */
  watch() {
    this.#stream ??= new Stream(`${this.#api.base}/events`, {
      token: () => null,
      topic: () => ({ topic: "lobbies", filter: this.#filter }),
      hear: (message) => this.#hear(message),
      live: (is) => this.#turn(is),
    });
  }

  /** Nobody does. */
  rest() {
    this.#stream?.close();
    this.#stream = null;
    this.#live = false;
    this.#asking.stop();
  }

  /** Other lobbies are wanted. @param {Record<string, string>} filter */
  want(filter) {
    if (JSON.stringify(filter) === JSON.stringify(this.#filter)) return;
    this.#filter = filter;
    this.#stream?.again();
    if (!this.#asking.goesOn) return;
    this.#asking.stop();
    this.#ask();
  }

  /** @param {string | null} [cursor] */
  url(cursor = null) {
    const query = new URLSearchParams({ ...this.#filter, limit: String(PAGE_LIMIT) });
    if (cursor !== null) query.set("cursor", cursor);
    return `/lobbies?${query}`;
  }

  // --- told ----------------------------------------------------------------------------------------------------

  /** @param {import("./stream.js").Message} message */
  #hear({ type, data }) {
    if (type === "snapshot") {
      this.#know(data.lobbies, !data.complete);
    } else if (type === "lobby.added" || type === "lobby.updated") {
      if (isLobby(data.lobby)) this.lobbies?.set(data.lobby.id, data.lobby);
    } else if (type === "lobby.removed") {
      this.lobbies?.delete(data.id);
    } else if (type === "error") {
      this.#feel("trouble", data.problem.detail ?? data.problem.title);
      return;
    }
    if (this.#live) this.#feel("live", "Live");
  }

  /** @param {boolean} live */
  #turn(live) {
    this.#live = live;
    if (live) this.#asking.stop();
    else if (this.#stream !== null) this.#ask();
  }

  // --- asked ---------------------------------------------------------------------------------------------------

  #ask() {
    this.#asking.start((over) => this.#askForEver(over));
  }

  /** @param {AbortSignal} over */
  async #askForEver(over) {
    for (let failures = 0; !over.aborted;) {
      let wait_ms = REFRESH_MS;
      try {
        const { lobbies, more } = await this.#askAll(over);
        if (over.aborted) return;
        if (failures > 0) this.#stream?.hurry();
        failures = 0;
        this.#know(lobbies, more);
        this.#feel("asked", "Up to date: asked every 2 s");
      } catch (error) {
        if (over.aborted) return;
        failures++;
        const asked = error instanceof Refusal ? error : null;
        wait_ms = asked?.wait_s ? asked.wait_s * 1_000 : retryAfter(failures);
        this.#feel("trouble", troubleOf(asked));
      }
      await pause(wait_ms, over);
    }
  }

  /** Every page up to the last one shown. @param {AbortSignal} over */
  async #askAll(over) {
    /** @type {unknown[]} */
    const lobbies = [];
    /** @type {string | null} */
    let cursor = null;
    for (let page = 0; page < PAGES_MAX; page++) {
      /** @type {{ lobbies: unknown[], next_cursor: unknown }} */
      const answer = await this.#api.look(this.url(cursor), over);
      lobbies.push(...answer.lobbies);
      cursor = typeof answer.next_cursor === "string" ? answer.next_cursor : null;
      if (cursor === null) break;
    }
    return { lobbies, more: cursor !== null };
  }

  /** @param {unknown[]} lobbies @param {boolean} more */
  #know(lobbies, more) {
    this.lobbies = new Map(lobbies.filter(isLobby).map((lobby) => [lobby.id, lobby]));
    this.more = more;
  }

  /** @param {Mood} is @param {string} says */
  #feel(is, says) {
    this.mood = { is, says };
    this.#changed();
  }
}

/** @param {Refusal | null} refusal */
function troubleOf(refusal) {
  if (isOffline()) return "You are offline; trying again";
  if (refusal?.code === "rate_limited") return `Asked too often; again in ${refusal.wait_s ?? "a few"} s`;
  return refusal?.detail ?? "The hub does not answer; trying again";
}

/**
 * A later hub may say more than this page knows, but not less.
 * @param {any} value @returns {value is Summary}
 */
function isLobby(value) {
  const texts = [
    value?.id,
    value?.name,
    value?.wire,
    value?.state,
    value?.created_at,
    value?.join_uri ?? "",
    value?.version ?? "",
  ];
  // Some wires count no seats.
  const counts = [value?.members, value?.seats ?? 0];
  if (typeof value?.data !== "object" || value.data === null) return false;
  return texts.every((text) => typeof text === "string") && counts.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** Doubling, and spread out so that many pages do not come back at the same moment. @param {number} failures */
const retryAfter = (failures) => Math.min(REFRESH_MS * 2 ** (failures - 1), RETRY_LAST_MS) * (0.75 + Math.random() / 4);
