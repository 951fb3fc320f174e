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
import { type ProbeTransactions, probeRequest } from "./reflexive-probe.ts";
import type { Sockets } from "./sockets.ts";
import { Tunnel } from "./tunnel.ts";

export type RelayHandlers = {
  /** The sidecar accepted this client on the given local socket. */
  readonly entered: (place: { readonly socket: number; readonly to: Endpoint }) => void;
  /** The sidecar has not answered `RELAY_ENTER_FAILURES_MAX` requests in a row. */
  readonly silent: () => void;
  readonly tunnel: (isOpen: boolean) => void;
  readonly datagram: (bytes: Uint8Array) => void;
};

export class RelayClient {
  readonly #sockets: Sockets;
  readonly #probes: ProbeTransactions;
  readonly #handlers: RelayHandlers;
  #relay: Relay | null = null;
  #socket = 0;
  #failures = 0;
  #tunnel: Tunnel | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(sockets: Sockets, probes: ProbeTransactions, handlers: RelayHandlers) {
    this.#sockets = sockets;
    this.#probes = probes;
    this.#handlers = handlers;
  }

  /** A relay is assigned, and its sidecar answers. */
  get isAlive(): boolean {
    return this.#relay !== null && this.#failures === 0;
  }

  isAssigned(relay: Relay): boolean {
    return relay.ticket === this.#relay?.ticket;
  }

  /** Uses this relay from now on, through the given local socket. */
  assign(relay: Relay, socket: number): void {
    this.#relay = relay;
    this.#failures = 0;
    this.#tunnel?.close();
    this.#tunnel = null;
    this.enter(socket);
  }

  /** Authenticates through another local socket. Without a relay it does nothing. */
  enter(socket: number): void {
    this.#socket = socket;
    if (this.#relay !== null) this.#enter(this.#relay);
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
    clearTimeout(this.#timer);
    this.#tunnel?.close();
  }

  /** The first request has no receipt. If the sidecar returns one, the second request shows it. */
  #enter(relay: Relay, receipt = "-"): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    const socket = this.#socket;
    const to = { address: relay.address, port: relay.port };
    const send = (word: string): void =>
      this.#sockets.send(socket, to, probeRequest("enter", relay.ticket, receipt, word));
    void this.#probes.request(send).then((response) => {
      if (this.#relay !== relay || this.#isClosed) return;
      const issued = response?.words[1];
      if (issued !== undefined && receipt === "-") return this.#enter(relay, issued);
      const isEntered = response !== null && issued === undefined;
      this.#failures = isEntered ? 0 : this.#failures + 1;
      if (isEntered) this.#handlers.entered({ socket, to });
      else if (this.#failures === limits.RELAY_ENTER_FAILURES_MAX) this.#handlers.silent();
      const after_ms = isEntered ? limits.RELAY_REFRESH_MS : limits.RELAY_ENTER_RETRY_MS;
      this.#timer = setTimeout(() => this.#enter(relay), after_ms);
    });
  }
}
