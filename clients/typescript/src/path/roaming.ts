/**
 * Follows a peer whose NAT changed its port, or whose address changed: a new source of its datagrams is probed, and
 * becomes the direct path once it answers.
 */
import * as limits from "./limits.ts";
import type { Path, Place } from "./paths.ts";
import type { UnvalidatedSources } from "./unvalidated.ts";

/** What the path selector does for it. */
export type RoamingHost = {
  readonly createPath: (place: Place, now: number) => Path;
  readonly sendProbe: (path: Path, now: number) => void;
};

export class Roaming {
  readonly #host: RoamingHost;
  readonly #unvalidated: UnvalidatedSources;
  #candidate: { readonly path: Path; checks: number } | null = null;
  #after = -Infinity;

  constructor(host: RoamingHost, unvalidated: UnvalidatedSources) {
    this.#host = host;
    this.#unvalidated = unvalidated;
  }

  /** The new source, until it answers. */
  get path(): Path | null {
    return this.#candidate?.path ?? null;
  }

  /** The peer's datagrams come from this place. */
  start(place: Place, now: number): void {
    if (place === "tunnel" || this.#candidate !== null || now < this.#after) return;
    if (!this.#unvalidated.mayProbe(place.to)) return;
    this.#after = now + limits.ROAM_PAUSE_MS;
    this.#candidate = { path: this.#host.createPath(place, now), checks: 0 };
    this.wake(now);
  }

  wake(now: number): void {
    const candidate = this.#candidate;
    if (candidate === null || now < candidate.path.probeDue) return;
    const { place } = candidate.path;
    if (candidate.checks++ >= limits.ROAM_CHECKS_MAX || place === "tunnel" || !this.#unvalidated.consume(place.to)) {
      this.#candidate = null;
      return;
    }
    this.#host.sendProbe(candidate.path, now);
    candidate.path.probeDue = now + limits.ROAM_CHECK_MS;
  }

  /** The source answered, or is no longer of interest. */
  end(): void {
    const place = this.#candidate?.path.place ?? "tunnel";
    if (place !== "tunnel") this.#unvalidated.validate(place.to);
    this.#candidate = null;
  }

  deadline(): number {
    return this.#candidate?.path.probeDue ?? Infinity;
  }
}
