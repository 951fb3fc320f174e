/**
 * Perfect negotiation (WebRTC 1.0 section 10.7) over signals of the lobby: the two may offer at the same time, and the
 * side with role `b` gives way. The side `a` sends the first offer. Candidates of a short time share a signal.
 */
import { HubRefusal } from "../api/hub-client.ts";
import { revealsAddress, withoutRelated } from "./candidates.ts";
import type { Candidate, Connection, IceEvent } from "./engine.ts";
import * as limits from "./limits.ts";
import type { Role, Signal, SignalFault, SignalSeal } from "./signal-seal.ts";

/** `address`: the lobby requires relays, and the signal names another endpoint. */
export type SignalRefusal = SignalFault | "address";

export type NegotiationSetup = {
  readonly seal: SignalSeal;
  readonly role: Role;
  /** No endpoint of either side but a relay's may be in a signal. */
  readonly relayOnly: boolean;
  /** Rejects with a HubRefusal. */
  readonly send: (text: string) => Promise<void>;
  readonly refused: (why: SignalRefusal) => void;
  /** The peer restarts ICE, and this side cannot. */
  readonly restarted: () => void;
};

export class Negotiation {
  readonly #connection: Connection;
  readonly #setup: NegotiationSetup;
  #received: Promise<void> = Promise.resolve();
  #candidates: Candidate[] = [];
  #hasDescription = false;
  #isOffering = false;
  #isIgnoring = false;
  #isSending = false;
  #batchTimer: ReturnType<typeof setTimeout> | undefined;
  #repeatTimer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(connection: Connection, setup: NegotiationSetup) {
    this.#connection = connection;
    this.#setup = setup;
    connection.onnegotiationneeded = () => void this.#offer();
    connection.onicecandidate = ({ candidate }: IceEvent) => this.#addCandidate(candidate);
    // The channels exist already, so the first event may have passed while the keys were derived.
    void this.#offer();
  }

  /** Handles a signal after those before it. Never rejects. */
  handle(text: string): Promise<void> {
    this.#received = this.#received.then(() => this.#handle(text));
    return this.#received;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#batchTimer);
    clearTimeout(this.#repeatTimer);
  }

  // --- received ------------------------------------------------------------------------------------------------

  async #handle(text: string): Promise<void> {
    const signal = await this.#setup.seal.open(text);
    if (this.#isClosed) return;
    if (typeof signal === "string") return this.#setup.refused(signal);
    const lines = [signal.description?.sdp ?? "", ...(signal.candidates ?? []).map(({ candidate = "" }) => candidate)];
    if (this.#setup.relayOnly && lines.some(revealsAddress)) return this.#setup.refused("address");
    try {
      await this.#apply(signal);
    } catch {
      // The browser does not understand the description.
      if (!this.#isClosed) this.#setup.refused("malformed");
    }
  }

  async #apply({ description, candidates = [] }: Signal): Promise<void> {
    const connection = this.#connection;
    if (description !== undefined) {
      const isOffer = description.type === "offer";
      const collides = isOffer && (this.#isOffering || connection.signalingState !== "stable");
      this.#isIgnoring = collides && this.#setup.role === "a";
      const isRepeated = !isOffer && connection.signalingState !== "have-local-offer";
      if (this.#isIgnoring || isRepeated) return;
      if (connection.restartIce === undefined && this.#isRestart(description.sdp)) return this.#setup.restarted();
      await connection.setRemoteDescription(description);
      if (isOffer) await this.#describe();
    }
    if (this.#isIgnoring || connection.remoteDescription === null) return;
    // A candidate of an earlier generation is of no use.
    for (const candidate of candidates) await connection.addIceCandidate(candidate).catch(() => {});
  }

  #isRestart(sdp: string): boolean {
    const known = this.#connection.remoteDescription?.sdp;
    return known !== undefined && iceUserOf(known) !== iceUserOf(sdp);
  }

  // --- sent ----------------------------------------------------------------------------------------------------

  async #offer(): Promise<void> {
    if (this.#setup.role === "b" && this.#connection.remoteDescription === null) return;
    if (this.#isOffering || this.#connection.signalingState !== "stable") return;
    this.#isOffering = true;
    try {
      await this.#describe();
    } catch {
      // The introduction times out, and the next one has a new connection.
    } finally {
      this.#isOffering = false;
    }
  }

  /** Creates the offer or answer that is due, and sends it. */
  async #describe(): Promise<void> {
    if (this.#isClosed) return;
    await this.#connection.setLocalDescription();
    this.#hasDescription = true;
    this.#schedule();
    clearTimeout(this.#repeatTimer);
    this.#repeatTimer = setTimeout(() => this.#repeat(), limits.OFFER_REPEAT_MS);
  }

  #repeat(): void {
    if (this.#connection.signalingState !== "have-local-offer") return;
    const lines = this.#connection.localDescription?.sdp.split(/\r?\n/) ?? [];
    const candidates = lines.filter((line) => line.startsWith("a=candidate:")).map((line) => line.slice(2));
    this.#candidates = candidates.map((candidate) => ({ candidate, sdpMid: "0", sdpMLineIndex: 0 }));
    this.#hasDescription = true;
    this.#schedule();
    this.#repeatTimer = setTimeout(() => this.#repeat(), limits.OFFER_REPEAT_MS);
  }

  #addCandidate(candidate: IceEvent["candidate"]): void {
    if (candidate === null || candidate.candidate === "") return;
    const json = candidate.toJSON();
    if (this.#setup.relayOnly && revealsAddress(json.candidate ?? "")) return;
    this.#candidates.push(this.#setup.relayOnly ? { ...json, candidate: withoutRelated(json.candidate ?? "") } : json);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isSending || this.#isClosed) return;
    this.#isSending = true;
    this.#batchTimer = setTimeout(() => void this.#flush(), limits.SIGNAL_BATCH_MS);
  }

  async #flush(): Promise<void> {
    while ((this.#hasDescription || this.#candidates.length > 0) && !this.#isClosed) {
      const description = this.#hasDescription ? bareDescription(this.#connection.localDescription) : {};
      this.#hasDescription = false;
      const candidates = this.#candidates.splice(0, limits.CANDIDATES_MAX);
      const text = await this.#setup.seal.seal({ ...description, candidates });
      await this.#deliver(text);
    }
    this.#isSending = false;
  }

  /** Waits while the hub is unreachable or wants fewer signals. Any other refusal means that the peer has gone. */
  async #deliver(text: string): Promise<void> {
    while (!this.#isClosed) {
      try {
        return await this.#setup.send(text);
      } catch (error) {
        if (!(error instanceof HubRefusal) || !["unreachable", "rate_limited"].includes(error.code)) return;
        const wait_ms = error.retry_after_s === null ? limits.SIGNAL_RETRY_MS : error.retry_after_s * 1_000;
        await new Promise((done) => setTimeout(done, wait_ms));
      }
    }
  }
}

/** The user name of ICE (RFC 8839), which each restart changes. */
const iceUserOf = (sdp: string): string | undefined => /^a=ice-ufrag:(.*?)\r?$/m.exec(sdp)?.[1];

/** Without candidates, which are sent beside it, and without the default one of the `c` line. */
function bareDescription(description: Connection["localDescription"]): Pick<Signal, "description"> {
  if (description === null || (description.type !== "offer" && description.type !== "answer")) return {};
  const lines = description.sdp.split("\r\n").filter((line) => !/^a=(candidate:|end-of-candidates)/.test(line));
  const sdp = lines.map((line) => (line.startsWith("c=") ? "c=IN IP4 0.0.0.0" : line)).join("\r\n");
  return { description: { type: description.type, sdp } };
}
