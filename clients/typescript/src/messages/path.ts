/** What messages stand on: encrypted datagrams to one peer, by whatever way, and somebody who finds such ways. */

export type DatagramPath = {
  /** How it goes now; null while nothing gets through. */
  readonly kind: "direct" | "relay" | "websocket" | null;
  readonly rtt_ms: number | null;
  /** The longest datagram that it takes. */
  readonly mtu: number;
  /** One datagram; it may be lost, doubled and overtaken. */
  send(bytes: Uint8Array): void;
  /** Called with every datagram of the peer's. What it carries may be overwritten afterwards. */
  onDatagram: ((bytes: Uint8Array) => void) | null;
  /** Called once where it ends by itself. Reasons are Steam's (numbers.ts). */
  onClosed: ((reason: number, debug: string) => void) | null;
  close(): void;
};

/** Finds paths: the lobby's introductions, or anything else. */
export type Paths = {
  /** Asks the peer for a path. It is called again while the game goes on sending and there is none. */
  connect(peer: string): void;
  /** Allows the peer who asked. */
  accept(peer: string): void;
  refuse(peer: string): void;
  /** Who listens; set once, before anything is asked. */
  on: PathsListener | null;
};

export type PathsListener = {
  requested(peer: string): void;
  opened(peer: string, path: DatagramPath): void;
  failed(peer: string, reason: number, debug: string): void;
};
