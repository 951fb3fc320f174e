/**
 * The paths of the messenger's peers: those that are open, and the requests to whatever finds paths. A path is requested
 * or accepted only for a session that the game wants, so that an ignored peer learns no address.
 */
import * as limits from "./limits.ts";
import type { PathInfo } from "./session.ts";

/** connect: find a path. accept, refuse: answer the peer that requested one. release: the path is not needed any more. */
export type PathRequest = { readonly type: "connect" | "accept" | "refuse" | "release"; readonly peer: string };

export class PathRequests {
  readonly #open = new Map<string, PathInfo>();
  /** Peers that requested a path through the hub and have none yet. */
  readonly #requesters = new Set<string>();
  readonly #connectRequestedAt = new Map<string, number>();
  #requests: PathRequest[] = [];

  get(peer: string): PathInfo | undefined {
    return this.#open.get(peer);
  }

  opened(peer: string, path: PathInfo): void {
    this.#open.set(peer, path);
    this.#requesters.delete(peer);
  }

  lost(peer: string): void {
    this.#open.delete(peer);
    this.#requesters.delete(peer);
  }

  addRequester(peer: string): void {
    this.#requesters.add(peer);
  }

  /** Accepts the peer's request, or requests a path if the last request was long enough ago. */
  ensure(peer: string, now: number): void {
    if (this.#requesters.delete(peer)) this.#requests.push({ type: "accept", peer });
    else if (now >= (this.#connectRequestedAt.get(peer) ?? -Infinity) + limits.REQUEST_REPEAT_MS) {
      this.#connectRequestedAt.set(peer, now);
      this.#requests.push({ type: "connect", peer });
    }
  }

  /** Refuses the peer, if it requested a path. */
  refuse(peer: string): void {
    if (this.#requesters.delete(peer)) this.#requests.push({ type: "refuse", peer });
  }

  /** The session ended, so the next one may request a path at once. */
  sessionEnded(peer: string): void {
    this.#connectRequestedAt.delete(peer);
  }

  release(peer: string): void {
    this.#connectRequestedAt.delete(peer);
    if (this.#open.delete(peer)) this.#requests.push({ type: "release", peer });
  }

  take(): readonly PathRequest[] {
    const requests = this.#requests;
    this.#requests = [];
    return requests;
  }
}
