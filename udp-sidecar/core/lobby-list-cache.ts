/**
 * A cache of lobby lists for the wires that can list lobbies. It reads the public HTTP API at most once a second for
 * each wire, so that a flood of list requests does not reach the hub.
 */
import { LIST_FETCH_MS, LIST_KEPT_MS, PAGE_MAX } from "#shared/limits.ts";
import type { Summary } from "#shared/listing/summary.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";
import type { Secret } from "../config/secret.ts";

type CachedList = { readonly at: number; readonly lobbies: Promise<readonly Summary[] | null> };

export class LobbyListCache {
  readonly #hub: URL;
  readonly #key: Secret;
  readonly #game: string;
  readonly #cached = new Map<WireName, CachedList>();

  constructor(hub: URL, key: Secret, game: string) {
    this.#hub = hub;
    this.#key = key;
    this.#game = game;
  }

  /** The newest lobbies of a wire, at most one page, or null if the hub does not answer. */
  get(wire: WireName, now: number): Promise<readonly Summary[] | null> {
    const cached = this.#cached.get(wire);
    if (cached !== undefined && now - cached.at < LIST_KEPT_MS) return cached.lobbies;
    const lobbies = this.#fetch(wire);
    this.#cached.set(wire, { at: now, lobbies });
    return lobbies;
  }

  async #fetch(wire: WireName): Promise<readonly Summary[] | null> {
    const url = new URL(`/v1/games/${this.#game}/lobbies?wire=${wire}&include=full&limit=${PAGE_MAX}`, this.#hub);
    try {
      // A sidecar's key exempts it from the rate limit.
      const headers = { authorization: `Bearer ${this.#key.reveal()}` };
      const response = await fetch(url, { headers, signal: AbortSignal.timeout(LIST_FETCH_MS) });
      return response.ok ? ((await response.json()) as { lobbies: Summary[] }).lobbies : null;
    } catch {
      // Unreachable or too slow: the client gets no reply and retries.
      return null;
    }
  }
}
