/** Paths to a peer, as the selector chooses among them and the channel sends on them. */
import { type Endpoint, sameEndpoint } from "../util/addresses.ts";

/** One end-to-end place to send to: a local socket with a remote endpoint, or the stream that carries datagrams. */
export type Place = { readonly socket: number; readonly to: Endpoint } | "tunnel";
export type PathKind = "direct" | "relay" | "tunnel";

export type Path = {
  readonly kind: PathKind;
  readonly place: Place;
  /** Identify the path in its probes. Only the peer that received a probe knows its nonce. */
  readonly number: number;
  readonly nonce: number;
  receivedAt: number;
  /** The time of the peer's last answer to a probe. */
  consentAt: number;
  rtt_ms: number | null;
  probeDue: number;
};

export type PathChangeReason = "opened" | "silent" | "heard_again" | "no_consent" | "ended" | "moved";

export type PathSelectorEvent =
  /** The preferred path changed; null: there is none. */
  | {
      readonly type: "path";
      readonly path: PathKind | null;
      readonly rtt_ms: number | null;
      readonly why: PathChangeReason;
    }
  /** A direct path should be tried again: request an introduction. */
  | { readonly type: "upgrade" };

export const samePlace = (a: Place, b: Place): boolean =>
  a === "tunnel" || b === "tunnel" ? a === b : a.socket === b.socket && sameEndpoint(a.to, b.to);
