/**
 * Lists of lobbies for wires that speak of them: read from the public API like any browser's, at most once a second
 * for each wire however many ask, so that a flood of questions ends here.
 */
import { LIST_FETCH_MS, LIST_KEPT_MS, PAGE_MAX } from "#shared/limits.ts";
import type { Summary } from "#shared/api/lobbies.ts";
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

  /** The newest lobbies of a wire, at most one page, or null where the hub does not answer. */
  get(wire: WireName, now: number): Promise<readonly Summary[] | null> {
    const kept = this.#cached.get(wire);
    if (kept !== undefined && now - kept.at < LIST_KEPT_MS) return kept.lobbies;
    const lobbies = this.#fetch(wire);
    this.#cached.set(wire, { at: now, lobbies });
    return lobbies;
  }

  async #fetch(wire: WireName): Promise<readonly Summary[] | null> {
    const url = new URL(`/v1/games/${this.#game}/lobbies?wire=${wire}&include=full&limit=${PAGE_MAX}`, this.#hub);
    try {
      // With its key a sidecar may ask as often as it must.
      const headers = { authorization: `Bearer ${this.#key.reveal()}` };
      const response = await fetch(url, { headers, signal: AbortSignal.timeout(LIST_FETCH_MS) });
      return response.ok ? ((await response.json()) as { lobbies: Summary[] }).lobbies : null;
    } catch {
      // Unreachable or too late: silence, and the client asks again.
      return null;
    }
  }
}
