/**
 * The part of WebRTC 1.0 that connections use. Browsers have it; in Node a library is adapted to it (node/webrtc-engine.ts).
 * The types are written out because a program for Node has no types of browsers.
 */

export type IceServer = {
  readonly urls: string | string[];
  readonly username?: string;
  readonly credential?: string;
};

export type Candidate = {
  readonly candidate?: string;
  readonly sdpMid?: string | null;
  readonly sdpMLineIndex?: number | null;
  readonly usernameFragment?: string | null;
};

export type Description = { readonly type: "offer" | "answer"; readonly sdp: string };

export type DataChannel = {
  binaryType: "arraybuffer" | "blob";
  readonly readyState: string;
  readonly bufferedAmount: number;
  bufferedAmountLowThreshold: number;
  /** Copies the bytes. */
  send(bytes: Uint8Array<ArrayBuffer>): void;
  addEventListener(
    type: "open" | "close" | "message" | "bufferedamountlow",
    listener: (event: { readonly data?: unknown }) => void,
    options: { readonly signal: AbortSignal },
  ): void;
};

export type ChannelOptions = {
  readonly negotiated: true;
  readonly id: number;
  readonly ordered?: boolean;
  readonly maxPacketLifeTime?: number;
};

export type Connection = {
  readonly connectionState: string;
  readonly signalingState: string;
  readonly localDescription: { readonly type: string; readonly sdp: string } | null;
  readonly remoteDescription: { readonly type: string; readonly sdp: string } | null;
  /** Absent in Node: the transport reports no other pair later. */
  readonly sctp?: { readonly transport: { readonly iceTransport: { onselectedcandidatepairchange: unknown } } } | null;
  onnegotiationneeded: unknown;
  onconnectionstatechange: unknown;
  /** Called with an `IceEvent`. */
  onicecandidate: unknown;
  createDataChannel(label: string, options: ChannelOptions): DataChannel;
  setLocalDescription(): Promise<void>;
  setRemoteDescription(description: Description): Promise<void>;
  addIceCandidate(candidate: Candidate): Promise<void>;
  getStats(): Promise<{ forEach(each: (one: Stats) => void): void }>;
  /** Absent where an ICE restart is not possible, on request of the peer as well: a new introduction replaces the connection. */
  restartIce?(): void;
  close(): void;
};

export type IceEvent = { readonly candidate: { readonly candidate: string; toJSON(): Candidate } | null };

export type Stats = { readonly type: string; readonly id: string } & Readonly<Record<string, unknown>>;

export type CreateConnection = (options: {
  readonly iceServers: IceServer[];
  readonly iceTransportPolicy: "all" | "relay";
}) => Connection;
