/**
 * The part of the optional package node-datachannel that is used. The types are written out, so that programs without the
 * package compile.
 */
import type { CreateConnection } from "../webrtc/engine.ts";

export type NativeWebrtc = { readonly PeerConnection: new (name: string, config: NativeConfig) => NativeConnection };

export type NativeServer = {
  readonly hostname: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly relayType?: "TurnUdp" | "TurnTcp" | "TurnTls";
};

export type NativeConfig = {
  readonly iceServers: NativeServer[];
  readonly iceTransportPolicy: Parameters<CreateConnection>[0]["iceTransportPolicy"];
  /** Descriptions are created on request only. */
  readonly disableAutoNegotiation: true;
};

type NativeDescription = { readonly type: string; readonly sdp: string } | null;

export type NativeConnection = {
  close(): void;
  setLocalDescription(type: "offer" | "answer"): void;
  setRemoteDescription(sdp: string, type: "offer" | "answer"): void;
  addRemoteCandidate(candidate: string, mid: string): void;
  localDescription(): NativeDescription;
  remoteDescription(): NativeDescription;
  createDataChannel(label: string, options: NativeChannelOptions): NativeChannel;
  state(): string;
  signalingState(): string;
  onStateChange(listener: () => void): void;
  onLocalCandidate(listener: (candidate: string, mid: string) => void): void;
  /** In ms; -1 before it is measured. */
  rtt(): number;
  getSelectedCandidatePair(): { readonly local: NativeCandidate; readonly remote: NativeCandidate } | null;
};

/** `host`, `srflx`, `prflx` or `relay`. */
type NativeCandidate = { readonly type: string };

export type NativeChannelOptions = {
  readonly negotiated: true;
  readonly id: number;
  readonly unordered: boolean;
  readonly maxPacketLifeTime?: number;
};

export type NativeChannel = {
  sendMessageBinary(bytes: Uint8Array): boolean;
  isOpen(): boolean;
  bufferedAmount(): number;
  setBufferedAmountLowThreshold(bytes: number): void;
  onOpen(listener: () => void): void;
  onClosed(listener: () => void): void;
  onError(listener: () => void): void;
  onBufferedAmountLow(listener: () => void): void;
  onMessage(listener: (data: string | Buffer | ArrayBuffer) => void): void;
};

const PACKAGE = "node-datachannel";

/** Rejects with a sentence if the package is not installed, or not for this system. */
export async function loadNativeWebrtc(): Promise<NativeWebrtc> {
  try {
    // By a variable, so that neither compilers nor bundlers look for the package.
    const name: string = PACKAGE;
    return (await import(name)) as NativeWebrtc;
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    const advice = `Connections to browsers need the package ${PACKAGE}: npm install ${PACKAGE}`;
    throw new Error(`${advice} (${why})`, { cause: error });
  }
}
