/** What the messenger needs: encrypted datagram paths to peers, and a source of such paths. */

export type DatagramPath = {
  /** How the path goes now; null while nothing arrives. */
  readonly kind: "direct" | "relay" | "tunnel" | null;
  readonly rtt_ms: number | null;
  /** The longest datagram. */
  readonly mtu: number;
  /** Sends one datagram. It may be lost, duplicated or reordered. */
  send(bytes: Uint8Array): void;
  /** Called with every datagram of the peer. The bytes may be overwritten afterwards. */
  onDatagram: ((bytes: Uint8Array) => void) | null;
  /** Called once if the path ends by itself. `reason`: a `ConnectionEnd`. */
  onClosed: ((reason: number, debug: string) => void) | null;
  close(): void;
};

/** Finds paths: a lobby's connector, or any other source. */
export type Paths = {
  /** Requests a path from the peer. Called again while the game sends without a path. */
  connect(peer: string): void;
  /** Accepts the peer's request. */
  accept(peer: string): void;
  refuse(peer: string): void;
  /** Set once, before the first request. */
  on: PathsListener | null;
};

export type PathsListener = {
  requested(peer: string): void;
  opened(peer: string, path: DatagramPath): void;
  failed(peer: string, reason: number, debug: string): void;
};
