/**
 * Connects the relay to native peers: the hubs' requests, `enter` datagrams at relay ports, and WebSocket tunnels for
 * peers that UDP does not reach. The ticket in a request names its game.
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
import type { Clock } from "./time/clock.ts";

export class RelayService {
  readonly #relay: RelayPorts | null;
  readonly #config: Config;
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #games = new Map<string, NativeRelays>();
  #tunnels: Tunnels | null = null;

  constructor(relay: RelayPorts | null, config: Config, counters: Counters, clock: Clock) {
    this.#relay = relay;
    this.#config = config;
    this.#counters = counters;
    this.#clock = clock;
    if (relay === null) return;
    relay.onEnter = (port, from, bytes, now) => {
      const request = parseEnter(bytes);
      return request === null ? null : (this.#gameOf(request.ticket)?.handleEnter(port, from, request, now) ?? null);
    };
  }

  /** Adds a game with its keys. */
  addGame(game: string, verifier: TicketVerifier): void {
    const { relay_lifetime_s, relay_bytes_max } = this.#config;
    const options: NativeRelayOptions | null =
      this.#relay === null
        ? null
        : {
            relay: this.#relay.relay,
            addresses: this.#relay.addresses,
            lifetime_ms: relay_lifetime_s * 1_000,
            bytes_max: relay_bytes_max,
            ...this.advertised,
          };
    this.#games.set(game, new NativeRelays(game, options, verifier));
  }

  handleMessage(game: string, message: ToRelay, send: (answer: FromRelay) => void): void {
    if (message.t === "sidecars") this.#relay?.setOtherSidecars(game, message.addresses);
    else this.#games.get(game)?.handleMessage(message, send, this.#clock.now());
  }

  /** Opens the TCP port for tunnels, if one is configured. */
  async openTunnels(onFault: (error: unknown) => void): Promise<void> {
    const { tunnel, tunnel_source_header: source_header, listen } = this.#config;
    const relay = this.#relay;
    if (tunnel === null || relay === null) return;
    const settings = { listen: tunnel.address === null ? listen : [tunnel.address], port: tunnel.port, source_header };
    const handlers: TunnelHandlers = {
      join: (ticket, from, stream, now) => this.#gameOf(ticket)?.joinStream(ticket, from, stream, now) ?? null,
      route: (port, { address, port: from }, length, stream, now) =>
        relay.relay.route(port, address, from, length, now, stream),
      forward: (hop, bytes) => relay.forward(hop, bytes),
      onFault: onFault,
    };
    this.#tunnels = await Tunnels.open(settings, handlers, this.#counters, this.#clock);
  }

  get tunnels(): number {
    return this.#tunnels?.size ?? 0;
  }

  /** The tunnel URL that clients get, or nothing. */
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
