// @ts-check
/**
 * A client of the public HTTP API for one game, with or without this browser's identity.
 *
 * It adds the peer token, an idempotency key for retries, a timeout, and one error class for refusals.
 */
import { forgetGame, loadIdentity, saveIdentity } from "../util/storage.js";

/** @typedef {import("#shared/listing/summary.ts").Summary} Summary */
/** @typedef {import("#shared/api/lobbies.ts").LobbyView} LobbyView */
/** @typedef {import("#shared/api/lobbies.ts").Joined} Joined */
/** @typedef {import("#shared/api/lobbies.ts").PendingJoin} Pending */
/** @typedef {import("#shared/api/service.ts").SidecarView} SidecarView */
/** @typedef {{ code: string, title: string, detail?: string, retry_after_s?: number }} Problem */

/** A request without a response is aborted after this time. */
const REQUEST_TIMEOUT_MS = 5_000;

/** A refusal of the hub (`application/problem+json`). */
export class Refusal extends Error {
  /** @param {Problem} problem */
  constructor({ code, title, detail, retry_after_s }) {
    const cause = code === "rate_limited" ? "Too many requests." : title;
    super(retry_after_s === undefined ? cause : `${cause} Try again in ${retry_after_s} s.`);
    this.code = code;
    this.detail = detail;
    this.retry_after_s = retry_after_s ?? null;
  }
}

/** Whether the browser has no network. A hub on this machine is reachable without one. */
export const isOffline = () => !navigator.onLine && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(location.hostname);

/** The text that the page shows for a failed request. @param {unknown} error */
export const errorText = (error) =>
  error instanceof Refusal ? error.message : isOffline() ? "You are offline." : "The hub does not respond.";

export class Api {
  /** @param {string} game */
  constructor(game) {
    this.game = game;
    this.base = `/v1/games/${encodeURIComponent(game)}`;
  }

  /** This browser's identity in this game, or null before the first request that needs one. */
  get me() {
    return loadIdentity(this.game);
  }

  /** @returns {Promise<import("../util/storage.js").Identity>} */
  async #identity() {
    const stored = this.me;
    if (stored !== null) return stored;
    const created = await this.#fetch("POST", "/peers", {});
    saveIdentity(this.game, created);
    return created;
  }

  /**
   * GET with the peer token, if there is one. The browser's cache sends the ETag, so an unchanged lobby costs a 304.
   * @param {string} path @param {AbortSignal} [signal]
   */
  get(path, signal) {
    return this.#fetch("GET", path, { token: this.me?.peer_token, signal });
  }

  /** GET without a token, so that shared caches may respond. @param {string} path @param {AbortSignal} [signal] */
  getPublic(path, signal) {
    return this.#fetch("GET", path, { signal });
  }

  /**
   * Sends a command with the peer token. Creates the identity first if needed, and replaces an invalid one.
   * @param {string} method @param {string} path @param {unknown} [body]
   */
  async send(method, path, body) {
    const headers = method === "POST" ? { "idempotency-key": randomKey() } : {};
    const attempt = async () =>
      this.#fetch(method, path, { body, token: (await this.#identity()).peer_token, headers });
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof Refusal && error.code === "unauthorized") forgetGame(this.game);
      // A POST may have arrived although the response was lost. Its idempotency key makes one retry safe.
      else if (error instanceof Refusal || method !== "POST") throw error;
      return attempt();
    }
  }

  /**
   * @param {string} method @param {string} path
   * @param {{ body?: unknown, token?: string | undefined, headers?: Record<string, string>, signal?: AbortSignal | undefined }} options
   * @returns {Promise<any>}
   */
  async #fetch(method, path, { body, token, headers = {}, signal }) {
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const response = await fetch(this.base + path, {
      method,
      cache: "no-cache",
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      headers: {
        accept: "application/json",
        ...(body !== undefined && { "content-type": type }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (response.status === 204) return null;
    const json = await response.json();
    if (response.ok) return json;
    const isProblem = typeof json?.code === "string" && typeof json.title === "string";
    throw isProblem ? new Refusal(json) : new Error(`unexpected response with status ${response.status}`);
  }
}

/** 16 random bytes as hex. `crypto.randomUUID` is missing on pages loaded over plain HTTP from another machine. */
const randomKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16)).join("");
