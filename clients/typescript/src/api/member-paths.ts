/**
 * What a lobby's membership needs of a platform: paths to the other members (UDP in Node, WebRTC in browsers), and the
 * notice that this machine's network changed.
 */
import type { ConnectSignals } from "./connect-signals.ts";
import type { HubClient } from "./hub-client.ts";
import type { Member } from "./types.ts";

export type ConnectOptions = {
  /** Request a relay at once. A direct path replaces it as soon as one opens. */
  readonly relay?: boolean;
  /** The ticket that the peer issued, if its consent is `ticket`. */
  readonly ticket?: string;
};

/** The other side of a connection, as far as all platforms agree. */
export type MemberPeer = {
  readonly id: string;
  /** null: no path at present. */
  readonly path: string | null;
  /** The reason for this path, in words for players. */
  readonly why: string;
  close(why?: string): void;
  on(name: "path", listener: (path: { readonly path: string | null }) => void): MemberPeer;
  on(name: "closed", listener: (why: string) => void): MemberPeer;
  off(name: "path", listener: (path: { readonly path: string | null }) => void): MemberPeer;
  off(name: "closed", listener: (why: string) => void): MemberPeer;
};

/** `udp`: datagrams. `webrtc`: data channels. */
export type PathKind = NonNullable<Member["paths"]>[number];

export type PathsSetup<P extends MemberPeer> = {
  readonly hub: HubClient;
  readonly lobby: string;
  /** The own peer id. */
  readonly self: string;
  /** Shows sidecars that datagrams of this member arrive, so that lists mark its lobby `udp`. */
  readonly session_ticket: string | null;
  readonly signals: ConnectSignals;
  /** The round trip to the hub. */
  readonly rtt_ms: () => number;
  /** How the member can be connected; undefined: its client does not say. */
  readonly kindsOf: (peer: string) => readonly PathKind[] | undefined;
  /** Whether connections with the member are made here. */
  readonly handles: (peer: string) => boolean;
  /** Resolves with whether this member accepts a connection from the peer. */
  readonly mayConnect: (peer: string) => Promise<boolean>;
  /** Called when a peer has its first path. */
  readonly onPeer: (peer: P) => void;
};

/** The connections to the other members of one lobby. */
export type MemberPaths<P extends MemberPeer> = {
  readonly peers: P[];
  /** Requests a connection. Returns the existing peer, if there is one. */
  connect(id: string, options: ConnectOptions): P;
  /** Handles an event of the hub. Returns false if the event does not concern a connection. */
  handleEvent(type: string, data: Readonly<Record<string, unknown>>): boolean;
  /** Catches up after the event stream was interrupted. */
  resume(): Promise<void>;
  /** Other members may soon connect: the hub gets what it needs for that, in case it has forgotten it. */
  expectRequests(): void;
  networkChanged(): void;
  memberLeft(id: string): void;
  close(): void;
};

export type NetworkWatch = {
  /** A change that is known already is not reported. */
  reset(): void;
  close(): void;
};

export type Network<P extends MemberPeer> = {
  /** What this client announces to the hub: a lobby whose host has none of these refuses it. */
  readonly kinds: readonly PathKind[];
  openPaths(setup: PathsSetup<P>): MemberPaths<P>;
  watch(onChange: () => void): NetworkWatch;
  /** A lobby's event stream opened: what the hub says about the network may be new. */
  refresh(): void;
  close(): void;
};
