/** The path to a peer as games see it. */
import type { Channel } from "../path/channel.ts";
import type { PathChange, PathKind } from "../path/paths.ts";
import type { Endpoint } from "../util/addresses.ts";

/** How datagrams travel. `tunnel`, a WebSocket, is the last resort, for networks that block UDP. */
export type PathName = PathKind;

export type PeerPath = {
  readonly path: PathName | null;
  readonly rtt_ms: number | null;
  /** Time from the introduction to this path. */
  readonly after_ms: number;
  /** The longest time without a datagram of the peer in the last 5 s: the silence that this change cost. */
  readonly silence_ms: number;
  /** The reason for this path, in words for players. */
  readonly why: string;
};

/** Figures of the current path since it is in use. Null where they are unknown, and without a path. */
export type PeerStats = {
  readonly path: PathName | null;
  /** Where datagrams are sent: the peer's endpoint, or the relay's; null through the tunnel. */
  readonly endpoint: Endpoint | null;
  /** The smoothed round trip, and its mean deviation (RFC 6298). */
  readonly rtt_ms: number | null;
  readonly jitter_ms: number | null;
  /** The share of recent probes that got no answer, from 0 to 1: the loss of both directions together. */
  readonly loss: number | null;
  /** Payload bytes of the game. */
  readonly bytes_sent: number;
  readonly bytes_received: number;
};

export type PeerEvents = {
  datagram: [payload: Uint8Array];
  path: [path: PeerPath];
  closed: [why: string];
};

const REASONS: { readonly [W in string]: string } = {
  opened: "This path was opened.",
  silent: "The previous path fell silent.",
  heard_again: "This path works again.",
  no_consent: "The peer stopped answering on the previous path.",
  ended: "The previous path ended.",
  moved: "This machine has another address.",
};

/** The current path of a peer, and how long it took to open it. */
export class CurrentPath {
  name: PathName | null = null;
  /** The reason for the path. */
  reason = "No path has been found yet.";
  /** Time from the last introduction to the current path. */
  after_ms = 0;
  /** Time from the first introduction to the first path; null until then. */
  first_after_ms: number | null = null;
  #introducedAt = performance.now();

  introduce(): void {
    this.#introducedAt = performance.now();
  }

  /** The time since the last introduction. */
  get sinceIntroduction_ms(): number {
    return performance.now() - this.#introducedAt;
  }

  change({ path, why }: PathChange): void {
    this.name = path;
    this.reason = path === null ? "There is no path now." : REASONS[why]!;
    this.after_ms = this.sinceIntroduction_ms;
    if (path !== null) this.first_after_ms ??= this.after_ms;
  }

  end(): void {
    this.name = null;
    this.reason = "The connection is closed.";
  }

  stats(channel: Channel | null): PeerStats {
    const path = this.name === null ? undefined : channel?.path(this.name);
    const place = path?.place ?? "tunnel";
    return {
      path: this.name,
      endpoint: place === "tunnel" ? null : place.to,
      rtt_ms: roundOrNull(path?.quality.rtt_ms),
      jitter_ms: roundOrNull(path?.quality.jitter_ms),
      loss: path?.quality.loss(performance.now()) ?? null,
      bytes_sent: path?.quality.bytes_sent ?? 0,
      bytes_received: path?.quality.bytes_received ?? 0,
    };
  }
}

const roundOrNull = (ms: number | null | undefined): number | null => (typeof ms === "number" ? Math.round(ms) : null);
