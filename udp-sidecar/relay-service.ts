/**
 * The desk of the relay for peers of our own: what hubs ask for, who comes to its ports with a ticket, and who comes over a
 * WebSocket because UDP does not reach him. A ticket says which game it is of.
 */
import { isIPv4 } from "#shared/net/endpoint.ts";
import type { FromRelay, ToRelay } from "#shared/link/relay-messages.ts";
import { decodeTicket } from "#shared/auth/tickets.ts";
import type { Config } from "./config/config.ts";
import { Connections, type Means } from "./relay/native-relays.ts";
import { enteringOf, type Notary } from "./protocols/native.ts";
import type { RelayPorts } from "./sockets/relay-ports.ts";
import { type Relaying, Tunnels } from "./sockets/tunnels.ts";
import type { Tally } from "./core/counters.ts";

export class Desk {
  readonly #relay: RelayPorts | null;
  readonly #config: Config;
  readonly #tally: Tally;
  readonly #games = new Map<string, Connections>();
  #tunnels: Tunnels | null = null;

  constructor(relay: RelayPorts | null, config: Config, tally: Tally) {
    this.#relay = relay;
    this.#config = config;
    this.#tally = tally;
    if (relay === null) return;
    relay.enters = (port, from, bytes, now) => {
      const said = enteringOf(bytes);
      return said === null ? null : (this.#of(said.ticket)?.prove(port, from, said, now) ?? null);
    };
  }

  /** A game's own, with its keys. */
  add(game: string, notary: Notary): void {
    const { relay_lifetime_s, relay_bytes_max } = this.#config;
    const means: Means | null =
      this.#relay === null
        ? null
        : {
            relay: this.#relay.relay,
            addresses: this.#relay.addresses,
            lifetime_ms: relay_lifetime_s * 1_000,
            bytes_max: relay_bytes_max,
            ...this.told,
          };
    this.#games.set(game, new Connections(game, means, notary));
  }

  hear(game: string, message: ToRelay, say: (answer: FromRelay) => void): void {
    this.#games.get(game)?.hear(message, say, Date.now());
  }

  /** Opens the port for WebSockets, if there is to be one. */
  async open(fault: (error: unknown) => void): Promise<void> {
    const { tunnel, tunnel_source_header: source_header, listen } = this.#config;
    const relay = this.#relay;
    if (tunnel === null || relay === null) return;
    const settings = { listen: tunnel.address === null ? listen : [tunnel.address], port: tunnel.port, source_header };
    const relaying: Relaying = {
      join: (ticket, from, stream, now) => this.#of(ticket)?.join(ticket, from, stream, now) ?? null,
      hear: (port, { address, port: from }, length, stream, now) =>
        relay.relay.hear(port, address, from, length, now, stream),
      carry: (hop, bytes) => relay.carry(hop, bytes),
      fault,
    };
    this.#tunnels = await Tunnels.open(settings, relaying, this.#tally);
  }

  get tunnels(): number {
    return this.#tunnels?.size ?? 0;
  }

  /** What clients are told of the WebSockets, or nothing. */
  get told(): { readonly tunnel?: string } {
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

  #of(ticket: string): Connections | undefined {
    return this.#games.get(decodeTicket(ticket)?.ticket.game ?? "");
  }
}
