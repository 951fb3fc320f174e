/**
 * The desk of the relay for peers of our own: what hubs ask for, who comes to its ports with a ticket, and who comes over a
 * WebSocket because UDP does not reach him. A ticket says which game it is of.
 */
import { isIPv4 } from "#shared/net/endpoint.ts";
import type { FromRelay, ToRelay } from "#shared/link/relay-messages.ts";
import { decodeTicket } from "#shared/auth/tickets.ts";
import type { Config } from "./config/config.ts";
import { NativeRelays, type NativeRelayOptions } from "./relay/native-relays.ts";
import { parseEnter, type TicketVerifier } from "./protocols/native.ts";
import type { RelayPorts } from "./sockets/relay-ports.ts";
import { type TunnelHandlers, Tunnels } from "./sockets/tunnels.ts";
import type { Counters } from "./core/counters.ts";

export class RelayService {
  readonly #relay: RelayPorts | null;
  readonly #config: Config;
  readonly #tally: Counters;
  readonly #games = new Map<string, NativeRelays>();
  #tunnels: Tunnels | null = null;

  constructor(relay: RelayPorts | null, config: Config, tally: Counters) {
    this.#relay = relay;
    this.#config = config;
    this.#tally = tally;
    if (relay === null) return;
    relay.onEnter = (port, from, bytes, now) => {
      const said = parseEnter(bytes);
      return said === null ? null : (this.#gameOf(said.ticket)?.handleEnter(port, from, said, now) ?? null);
    };
  }

  /** A game's own, with its keys. */
  addGame(game: string, notary: TicketVerifier): void {
    const { relay_lifetime_s, relay_bytes_max } = this.#config;
    const means: NativeRelayOptions | null =
      this.#relay === null
        ? null
        : {
            relay: this.#relay.relay,
            addresses: this.#relay.addresses,
            lifetime_ms: relay_lifetime_s * 1_000,
            bytes_max: relay_bytes_max,
            ...this.advertised,
          };
    this.#games.set(game, new NativeRelays(game, means, notary));
  }

  handleMessage(game: string, message: ToRelay, say: (answer: FromRelay) => void): void {
    this.#games.get(game)?.handleMessage(message, say, Date.now());
  }

  /** Opens the port for WebSockets, if there is to be one. */
  async openTunnels(fault: (error: unknown) => void): Promise<void> {
    const { tunnel, tunnel_source_header: source_header, listen } = this.#config;
    const relay = this.#relay;
    if (tunnel === null || relay === null) return;
    const settings = { listen: tunnel.address === null ? listen : [tunnel.address], port: tunnel.port, source_header };
    const relaying: TunnelHandlers = {
      join: (ticket, from, stream, now) => this.#gameOf(ticket)?.joinStream(ticket, from, stream, now) ?? null,
      route: (port, { address, port: from }, length, stream, now) =>
        relay.relay.route(port, address, from, length, now, stream),
      forward: (hop, bytes) => relay.forward(hop, bytes),
      onFault: fault,
    };
    this.#tunnels = await Tunnels.open(settings, relaying, this.#tally);
  }

  get tunnels(): number {
    return this.#tunnels?.size ?? 0;
  }

  /** What clients are told of the WebSockets, or nothing. */
  get advertised(): { readonly tunnel?: string } {
    const { tunnel, tunnel_url } = this.#config;
    if (tunnel === null || this.#relay === null) return {};
    const { addresses } = this.#relay;
    const address = addresses.find(isIPv4) ?? addresses[0];
    if (tunnel_url !== "") return { tunnel: tunnel_url };
    if (address === undefined) return {};
    return { tunnel: `ws://${isIPv4(address) ? address : `[${address}]`}:${tunnel.port}/` };
  }

  async close(): Promise<void> {
    await this.#tunnels?.close();
  }

  #gameOf(ticket: string): NativeRelays | undefined {
    return this.#games.get(decodeTicket(ticket)?.ticket.game ?? "");
  }
}
