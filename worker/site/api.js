// @ts-check
/** Asks the public API of one game: as a stranger, or as the peer that this browser is. */
import { forget, identityOf, keepIdentity } from "./storage.js";

/** @typedef {import("#shared/api/lobbies.ts").Summary} Summary */
/** @typedef {import("#shared/api/lobbies.ts").LobbyView} LobbyView */
/** @typedef {import("#shared/api/lobbies.ts").Joined} Joined */
/** @typedef {import("#shared/api/lobbies.ts").Pending} Pending */
/** @typedef {import("#shared/api/service.ts").SidecarView} SidecarView */
/** @typedef {{ code: string, title: string, detail?: string, retry_after_s?: number }} Problem */

/** A request that takes longer is given up. */
const SLOW_MS = 5_000;

/** The hub said no, and why. */
export class Refusal extends Error {
  /** @param {Problem} problem */
  constructor({ code, title, detail, retry_after_s }) {
    super(retry_after_s === undefined ? title : `${title} Again in ${retry_after_s} s.`);
    this.code = code;
    this.detail = detail;
    this.wait_s = retry_after_s ?? null;
  }
}

/** Whether there is no network. A hub on this very machine needs none. */
export const isOffline = () => !navigator.onLine && !/^(localhost|127\.[\d.]+|\[::1\])$/.test(location.hostname);

/** What to tell a person: no hub, too slow and no answer are one and the same. @param {unknown} error */
export const reasonOf = (error) =>
  error instanceof Refusal ? error.message : isOffline() ? "You are offline." : "The hub does not answer.";

export class Api {
  /** @param {string} game */
  constructor(game) {
    this.game = game;
    this.base = `/v1/games/${encodeURIComponent(game)}`;
  }

  /** The identity of this browser in this game, if it has one yet. */
  get me() {
    return identityOf(this.game);
  }

  /** @returns {Promise<import("./storage.js").Identity>} */
  async #identity() {
    const known = this.me;
    if (known !== null) return known;
    const made = await this.#send("POST", "/peers", {});
    keepIdentity(this.game, made);
    return made;
  }

  /**
   * As anybody, or as oneself where one is somebody. The browser's own cache holds ETags: what is as it was costs a 304.
   * @param {string} path @param {AbortSignal} [over]
   */
  get(path, over) {
    return this.#send("GET", path, { token: this.me?.peer_token, over });
  }

  /** Asks as nobody, so that a cache may answer. @param {string} path @param {AbortSignal} [over] */
  look(path, over) {
    return this.#send("GET", path, { over });
  }

  /**
   * As oneself. Who is not somebody yet becomes it; a token that is not good any more is replaced.
   * @param {string} method @param {string} path @param {unknown} [body]
   */
  async act(method, path, body) {
    const key = method === "POST" ? { "idempotency-key": randomText() } : {};
    const send = async () =>
      this.#send(method, path, { body, token: (await this.#identity()).peer_token, headers: key });
    try {
      return await send();
    } catch (error) {
      if (error instanceof Refusal && error.code === "unauthorized") forget(this.game);
      // Whether it arrived is not known; under its key it is done once, however often it is said.
      else if (error instanceof Refusal || method !== "POST") throw error;
      return send();
    }
  }

  /**
   * @param {string} method @param {string} path
   * @param {{ body?: unknown, token?: string | undefined, headers?: Record<string, string>, over?: AbortSignal | undefined }} options
   * @returns {Promise<any>}
   */
  async #send(method, path, { body, token, headers = {}, over }) {
    const slow = AbortSignal.timeout(SLOW_MS);
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const response = await fetch(this.base + path, {
      method,
      cache: "no-cache",
      signal: over === undefined ? slow : AbortSignal.any([over, slow]),
      headers: {
        accept: "application/json",
        ...(body !== undefined && { "content-type": type }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (response.status === 204) return null;
    const said = response.status === 202 && !isJson(response) ? null : await response.json();
    if (response.ok) return said;
    throw typeof said?.code === "string" && typeof said.title === "string" ? new Refusal(said) : new Error("no answer");
  }
}

/** @param {Response} response */
const isJson = (response) => /json/.test(response.headers.get("content-type") ?? "");

/** `crypto.randomUUID` is missing where the page came over plain HTTP from another machine. */
const randomText = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16)).join("");
