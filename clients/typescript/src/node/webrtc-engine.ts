/**
 * WebRTC in Node: the optional package node-datachannel, adapted to what connections use of the browsers' API
 * (webrtc/engine.ts). It is loaded when a client asks for WebRTC, so that others need not install it.
 */
import type { Candidate, Connection, CreateConnection, Description, IceServer, Stats } from "../webrtc/engine.ts";
import { loadNativeWebrtc, type NativeConnection, type NativeServer } from "./native-webrtc.ts";
import { WebrtcChannel } from "./webrtc-channel.ts";

/** Rejects with a sentence if the package is not installed, or not for this system. */
export async function loadWebrtc(): Promise<CreateConnection> {
  const { PeerConnection } = await loadNativeWebrtc();
  return ({ iceServers, iceTransportPolicy }) => {
    const servers = { iceServers: iceServers.flatMap(nativeServers), iceTransportPolicy };
    return new WebrtcConnection(new PeerConnection("parley", { ...servers, disableAutoNegotiation: true }));
  };
}

const RELAY_TYPES = { udp: "TurnUdp", tcp: "TurnTcp", tls: "TurnTls" } as const;

/** Servers by their URLs (RFC 7064, RFC 7065). Others are left out. */
function nativeServers({ urls, username, credential }: IceServer): NativeServer[] {
  return [urls].flat().flatMap((url) => {
    const found = /^(stun|turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?$/.exec(url);
    if (found === null) return [];
    const [, scheme, host = "", port, transport = "udp"] = found;
    const server = {
      hostname: host.replace(/^\[|\]$/g, ""),
      port: Number(port ?? (scheme === "turns" ? 5_349 : 3_478)),
    };
    if (scheme === "stun") return [server];
    const relayType = RELAY_TYPES[scheme === "turns" ? "tls" : (transport as "udp" | "tcp")];
    return [{ ...server, relayType, username: username ?? "", password: credential ?? "" }];
  });
}

class WebrtcConnection implements Connection {
  readonly #native: NativeConnection;
  readonly #channels: WebrtcChannel[] = [];
  #onNegotiationNeeded: (() => void) | null = null;
  #isDescribed = false;
  #isRepeated = false;
  onconnectionstatechange: (() => void) | null = null;
  onicecandidate: Connection["onicecandidate"] = null;

  constructor(native: NativeConnection) {
    this.#native = native;
    native.onStateChange(() => this.onconnectionstatechange?.());
    native.onLocalCandidate((candidate, sdpMid) => this.#handleCandidate({ candidate, sdpMid, sdpMLineIndex: 0 }));
  }

  get connectionState(): string {
    return this.#native.state();
  }

  get signalingState(): string {
    return this.#native.signalingState();
  }

  get localDescription(): Connection["localDescription"] {
    return this.#native.localDescription();
  }

  get remoteDescription(): Connection["remoteDescription"] {
    return this.#native.remoteDescription();
  }

  /** Called in the next turn: the channels exist already. */
  set onnegotiationneeded(listener: (() => void) | null) {
    this.#onNegotiationNeeded = listener;
    queueMicrotask(() => {
      if (!this.#isDescribed) this.#onNegotiationNeeded?.();
    });
  }

  createDataChannel(
    ...[label, { ordered = true, ...options }]: Parameters<Connection["createDataChannel"]>
  ): WebrtcChannel {
    const channel = new WebrtcChannel(this.#native.createDataChannel(label, { ...options, unordered: !ordered }));
    this.#channels.push(channel);
    return channel;
  }

  async setLocalDescription(): Promise<void> {
    if (this.#isRepeated) return;
    this.#isDescribed = true;
    this.#native.setLocalDescription(this.signalingState === "have-remote-offer" ? "answer" : "offer");
  }

  /** A repeated offer has its answer already. */
  async setRemoteDescription({ type, sdp }: Description): Promise<void> {
    this.#isRepeated = type === "offer" && this.signalingState === "stable" && this.remoteDescription !== null;
    if (!this.#isRepeated) this.#native.setRemoteDescription(sdp, type);
  }

  async addIceCandidate({ candidate = "", sdpMid }: Candidate): Promise<void> {
    if (candidate !== "") this.#native.addRemoteCandidate(candidate, sdpMid ?? "0");
  }

  /** The selected pair, in the form of browsers. */
  async getStats(): Promise<Map<string, Stats>> {
    const pair = this.#native.getSelectedCandidatePair();
    if (pair === null) return new Map();
    const stats: Stats[] = [
      { id: "local", type: "local-candidate", candidateType: pair.local.type },
      { id: "remote", type: "remote-candidate", candidateType: pair.remote.type },
      {
        id: "pair",
        type: "candidate-pair",
        localCandidateId: "local",
        remoteCandidateId: "remote",
        ...this.#roundTrip(),
      },
      { id: "transport", type: "transport", selectedCandidatePairId: "pair" },
    ];
    return new Map(stats.map((one) => [one.id, one]));
  }

  close(): void {
    this.onconnectionstatechange = null;
    for (const channel of this.#channels) channel.detach();
    this.#native.close();
  }

  #roundTrip(): object {
    const rtt_ms = this.#native.rtt();
    return rtt_ms > 0 ? { currentRoundTripTime: rtt_ms / 1_000 } : {};
  }

  #handleCandidate(candidate: Candidate & { readonly candidate: string }): void {
    const event = { candidate: { candidate: candidate.candidate, toJSON: () => candidate } };
    (this.onicecandidate as ((event: object) => void) | null)?.(event);
  }
}
