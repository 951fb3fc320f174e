/**
 * This client's end of a relay: authenticates to the sidecar, keeps the allocation alive, and falls back to a tunnel.
 * One per peer, because each pair of members has its own relay (docs/reference/relay.md).
 *
 *     client -- enter TICKET - WORD --------> sidecar
 *     client <- seen ENDPOINT RECEIPT WORD --            the receipt shows that the source address is not forged
 *     client -- enter TICKET RECEIPT WORD --> sidecar
 *     client <- entered WORD ---------------             repeated every 10 s
 */
import type { Endpoint } from "../util/addresses.ts";
import * as limits from "./limits.ts";
import type { Relay } from "./introduction.ts";
import { type ProbeTransactions, probeRequest } from "../probe/probe-transactions.ts";
import type { Sockets } from "../probe/sockets.ts";
import { Tunnel } from "./tunnel.ts";

export type RelayHandlers = {
  /** The sidecar accepted this client on the given local socket. */
  readonly entered: (place: { readonly socket: number; readonly to: Endpoint }) => void;
  /** The sidecar has not answered several requests in a row. */
  readonly silent: () => void;
  /** There is a direct path, and it is silent, so the relay is needed now. */
  readonly isUrgent: () => boolean;
  readonly tunnel: (isOpen: boolean) => void;
  readonly datagram: (bytes: Uint8Array) => void;
  /** A recent receipt of this socket from a sidecar with this address; "-" if there is none. */
  readonly receipt: (socket: number, address: string) => string;
};

export class RelayClient {
  readonly #sockets: Sockets;
  readonly #probes: ProbeTransactions;
  readonly #handlers: RelayHandlers;
  #relay: Relay | null = null;
  /** Null while the relay is only held: assigned and not entered. */
  #socket: number | null = null;
  #wasEntered = false;
  #failures = 0;
  /** Counts calls of `enter`, so that the responses of earlier ones are ignored. */
  #round = 0;
  #tunnel: Tunnel | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(sockets: Sockets, probes: ProbeTransactions, handlers: RelayHandlers) {
    this.#sockets = sockets;
    this.#probes = probes;
    this.#handlers = handlers;
  }

  /** A relay is assigned and entered, or about to be, and its sidecar answers. */
  get isAlive(): boolean {
    return this.#relay !== null && this.#socket !== null && this.#failures === 0;
  }

  /** The sidecar has accepted this client and has answered since. */
  get isEntered(): boolean {
    return this.isAlive && this.#wasEntered;
  }

  get relay(): Relay | null {
    return this.#relay;
  }

  isAssigned(relay: Relay): boolean {
    return relay.ticket === this.#relay?.ticket;
  }

  /** Takes this relay instead of the present one, without entering it. */
  hold(relay: Relay): void {
    clearTimeout(this.#timer);
    this.#round++;
    this.#relay = relay;
    this.#socket = null;
    this.#wasEntered = false;
    this.#failures = 0;
    this.#tunnel?.close();
    this.#tunnel = null;
  }

  /** Authenticates through this local socket. Without a relay it does nothing. */
  enter(socket: number): void {
    if (this.#relay === null) return;
    this.#socket = socket;
    this.#enter(this.#relay, socket, this.#handlers.receipt(socket, this.#relay.address));
  }

  /** The relay fell silent: the NAT may have another port for this socket, or the sidecar may be down. */
  verify(): void {
    if (this.#socket !== null && this.#failures === 0) this.enter(this.#socket);
  }

  /** Gives the relay back. Nothing is sent to it any more. */
  leave(): void {
    clearTimeout(this.#timer);
    this.#round++;
    this.#relay = null;
    this.#socket = null;
    this.#tunnel?.close();
    this.#tunnel = null;
  }

  /** Opens the relay's WebSocket, for networks that block UDP. Without a relay, or with an open tunnel, it does nothing. */
  openTunnel(): void {
    const relay = this.#relay;
    if (relay === null || relay.tunnel === null || this.#tunnel !== null) return;
    const { tunnel: open, datagram } = this.#handlers;
    this.#tunnel = new Tunnel(relay.tunnel, relay.ticket, { open, datagram });
  }

  sendThroughTunnel(bytes: Uint8Array): void {
    this.#tunnel?.send(bytes);
  }

  close(): void {
    this.#isClosed = true;
    this.leave();
  }

  /** If the sidecar returns a receipt, the next request shows it: the one before was missing, old, or of another port. */
  #enter(relay: Relay, socket: number, receipt: string): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    const round = ++this.#round;
    const to = { address: relay.address, port: relay.port };
    const send = (word: string): void =>
      this.#sockets.send(socket, to, probeRequest("enter", relay.ticket, receipt, word));
    void this.#probes.request(send).then((response) => {
      if (this.#round !== round || this.#isClosed) return;
      const issued = response?.words[1];
      if (issued !== undefined && issued !== receipt) return this.#enter(relay, socket, issued);
      const isEntered = response !== null && issued === undefined;
      this.#failures = isEntered ? 0 : this.#failures + 1;
      // A relay that has worked, or may have ended unused, is given up sooner: another one is needed now.
      const failures_max =
        this.#wasEntered || this.#handlers.isUrgent()
          ? limits.RELAY_LOST_FAILURES_MAX
          : limits.RELAY_ENTER_FAILURES_MAX;
      this.#wasEntered ||= isEntered;
      if (isEntered) this.#handlers.entered({ socket, to });
      else if (this.#failures % limits.RELAY_SILENT_REPEAT === failures_max) this.#handlers.silent();
      const after_ms = isEntered ? limits.RELAY_REFRESH_MS : limits.RELAY_ENTER_RETRY_MS;
      this.#timer = setTimeout(() => this.#enter(relay, socket, "-"), after_ms);
    });
  }
}
