/** The path to a peer as games see it. */
import type { PathKind } from "../path/paths.ts";

/** How datagrams travel. `tunnel`, a WebSocket, is the last resort, for networks that block UDP. */
export type PathName = PathKind;

export type PeerPath = {
  readonly path: PathName | null;
  readonly rtt_ms: number | null;
  /** Time from the introduction to this path. */
  readonly after_ms: number;
  /** The reason for this path, in words for players. */
  readonly why: string;
};

export type PeerEvents = {
  datagram: [payload: Uint8Array];
  path: [path: PeerPath];
  closed: [why: string];
};

export const REASONS: { readonly [W in string]: string } = {
  opened: "This path was opened.",
  silent: "The previous path fell silent.",
  heard_again: "This path works again.",
  no_consent: "The peer stopped answering on the previous path.",
  ended: "The previous path ended.",
  moved: "This machine has another address.",
};
