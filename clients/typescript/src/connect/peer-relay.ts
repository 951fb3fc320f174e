/**
 * The relay of one peer beside its channel: when it is entered, replaced, verified and given back
 * (docs/internals/paths.md).
 */
import type { Channel } from "../path/channel.ts";
import { type PathKind, samePlace } from "../path/paths.ts";
import type { Endpoint } from "../util/addresses.ts";
import type { Relay } from "./introduction.ts";
import * as limits from "./limits.ts";
import { RelayClient, type RelayHandlers } from "./relay-client.ts";
import type { ProbeTransactions } from "../probe/probe-transactions.ts";
import type { Sockets } from "../probe/sockets.ts";

/** What the relay needs of its peer. */
export type PeerRelayHost = Omit<RelayHandlers, "entered" | "isUrgent"> & {
  readonly channel: () => Channel | null;
  /** The local socket of the next introduction. */
  readonly socket: () => number;
  readonly isDirect: () => boolean;
  readonly isClosed: () => boolean;
  /** The channel has changed. */
  readonly update: () => void;
  readonly needsRelay: () => void;
};

/** `isHeld`: do not enter it yet. `isReplaced`: the hub has released the present relay. */
export type RelayUse = { readonly isHeld: boolean; readonly isReplaced: boolean };

export class PeerRelay {
  readonly #host: PeerRelayHost;
  readonly #client: RelayClient;
  #returnTimer: NodeJS.Timeout | undefined;

  constructor(sockets: Sockets, probes: ProbeTransactions, host: PeerRelayHost) {
    this.#host = host;
    this.#client = new RelayClient(sockets, probes, {
      ...host,
      entered: (place) => this.#setPath(place),
      isUrgent: () => host.channel()?.path("direct") !== undefined && !this.#isDirectSound,
      silent: () => void (this.#isDirectSound || host.silent()),
    });
  }

  /** It is entered, or about to be, and its sidecar answers. */
  get isAlive(): boolean {
    return this.#client.isAlive;
  }

  get endpoint(): Endpoint | null {
    const relay = this.#client.relay;
    return relay === null ? null : { address: relay.address, port: relay.port };
  }

  isAssigned(relay: Relay): boolean {
    return this.#client.isAssigned(relay);
  }

  /**
   * Takes a relay. A relay that works is not replaced, unless the hub has released it: the new one is used only if the
   * peer does not answer through the present one.
   */
  use(relay: Relay, { isHeld, isReplaced }: RelayUse): void {
    const channel = this.#host.channel();
    channel?.rememberRelay({ address: relay.address, port: relay.port });
    if (!isReplaced && this.#client.isEntered && channel?.path("relay") !== undefined) return this.#offer(relay);
    this.#client.hold(relay);
    if (!isHeld) this.enter();
  }

  /** Enters the relay that is held, if any. */
  enter(): void {
    if (!this.#client.isEntered) this.#client.enter(this.#host.socket());
  }

  /** Enters the relay again from another local socket. */
  move(socket: number): void {
    if (this.#client.isEntered) this.#client.enter(socket);
  }

  openTunnel(): void {
    this.#client.openTunnel();
  }

  sendThroughTunnel(bytes: Uint8Array): void {
    this.#client.sendThroughTunnel(bytes);
  }

  /** A path is silent while the game sends: prepare the relay, or enter it again. */
  handleSuspect(kind: PathKind): void {
    if (kind === "relay") return this.#client.verify();
    if (kind !== "direct" || this.#client.isEntered) return;
    if (this.#client.relay === null) this.#host.needsRelay();
    else this.enter();
  }

  /** A direct path that has worked for a while needs no relay. */
  scheduleReturn(): void {
    clearTimeout(this.#returnTimer);
    if (!this.#host.isDirect()) return;
    this.#returnTimer = setTimeout(() => {
      // The direct path may have fallen silent meanwhile, and the relay is needed next.
      if (!this.#isDirectSound) return this.scheduleReturn();
      this.#client.leave();
      this.#host.channel()?.relay(null, performance.now());
      this.#host.update();
    }, limits.RELAY_KEPT_MS).unref();
  }

  close(): void {
    clearTimeout(this.#returnTimer);
    this.#client.close();
  }

  /** There is a direct path, and it answers as expected. */
  get #isDirectSound(): boolean {
    return this.#host.channel()?.isSound("direct", performance.now()) ?? false;
  }

  #setPath(place: { readonly socket: number; readonly to: Endpoint }): void {
    this.scheduleReturn();
    const channel = this.#host.channel();
    const current = channel?.path("relay")?.place;
    if (current !== undefined && samePlace(current, place)) return this.#probe();
    channel?.relay(place, performance.now());
    this.#host.update();
  }

  #probe(): void {
    this.#host.channel()?.probe("relay", performance.now());
    this.#host.update();
  }

  #offer(relay: Relay): void {
    const since = performance.now();
    this.#probe();
    setTimeout(() => {
      const answeredAt = this.#host.channel()?.path("relay")?.answeredAt ?? -Infinity;
      if (this.#host.isClosed() || answeredAt >= since || this.#host.isDirect()) return;
      this.#client.hold(relay);
      this.enter();
    }, limits.RELAY_VERIFY_MS).unref();
  }
}
