/** Paths to a peer, as the selector chooses among them and the channel sends on them. */
import { RTT_ASSUMED_MS } from "./limits.ts";
import { type Endpoint, sameEndpoint } from "../util/addresses.ts";
import { PathQuality } from "./quality.ts";

/** One end-to-end place to send to: a local socket with a remote endpoint, or the stream that carries datagrams. */
export type Place = { readonly socket: number; readonly to: Endpoint } | "tunnel";
export type PathKind = "direct" | "relay" | "tunnel";

export type Path = {
  readonly kind: PathKind;
  readonly place: Place;
  /** Identify the path in its probes. Only the peer that received a probe knows its nonce. */
  readonly number: number;
  readonly nonce: number;
  /** The time of the peer's last datagram. It does not show that the other direction works. */
  receivedAt: number;
  /** The time of the peer's last answer to a probe, which shows that both directions work. */
  answeredAt: number;
  /** From when consent counts: the last answer, or when the path was set. */
  consentAt: number;
  readonly quality: PathQuality;
  probedAt: number;
  probeDue: number;
  /** Probes since the last answer. */
  unanswered: number;
  /** The peer used another path at this time. Only an answer to a later probe removes the suspicion. */
  leftAt: number;
  /** The `suspect` event was emitted for the current silence. */
  isReported: boolean;
  reportedAt: number;
};

/** `rtt_ms`: of the punch, which has validated a direct path. A relay or a tunnel is not validated yet. */
export function createPath(
  {
    kind,
    place,
    number,
    nonce,
    rtt_ms,
  }: Pick<Path, "kind" | "place" | "number" | "nonce"> & { readonly rtt_ms: number | null },
  now: number,
): Path {
  const answeredAt = kind === "direct" ? now : -Infinity;
  const silent = {
    probedAt: -Infinity,
    probeDue: now,
    unanswered: 0,
    leftAt: -Infinity,
    isReported: false,
    reportedAt: -Infinity,
  };
  const quality = new PathQuality(rtt_ms);
  return { kind, place, number, nonce, quality, receivedAt: answeredAt, answeredAt, consentAt: now, ...silent };
}

/** The round trip that timers follow. */
export const rttOf = ({ quality }: Path): number => quality.rtt_ms ?? RTT_ASSUMED_MS;

export type PathChangeReason = "opened" | "silent" | "heard_again" | "no_consent" | "ended" | "moved";

/** The preferred path changed; null: there is none. */
export type PathChange = {
  readonly type: "path";
  readonly path: PathKind | null;
  readonly rtt_ms: number | null;
  readonly why: PathChangeReason;
  /** The longest time without a datagram of the peer, in the last 5 s. */
  readonly silence_ms: number;
};

export type PathSelectorEvent =
  | PathChange
  /** A path in use is silent while the game sends: prepare another one, or enter the relay again. */
  | { readonly type: "suspect"; readonly path: PathKind }
  /** A direct path should be tried again: request an introduction. */
  | { readonly type: "upgrade" };

export const samePlace = (a: Place, b: Place): boolean =>
  a === "tunnel" || b === "tunnel" ? a === b : a.socket === b.socket && sameEndpoint(a.to, b.to);
