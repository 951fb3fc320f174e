/**
 * The relay's ports. One is opened when an allocation needs it and closed with it, so that nothing which came for the
 * one before is left in it; ports rest as long as possible before they are used again. The way through here is short:
 * it is taken by every datagram that is relayed.
 */
import { randomInt } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { networkInterfaces } from "node:os";
import { setTimeout as passes } from "node:timers/promises";
import { type Endpoint, endpoint, isIPv4 } from "#shared/net/endpoint.ts";
import {
  RELAY_BIND_TRIES,
  RELAY_DRAIN_LOOK_MS,
  RELAY_QUEUE_BYTES_MAX,
  RELAY_RECEIVE_BUFFER_BYTES,
  RELAY_RELATCH_MS,
} from "#shared/limits.ts";
import type { Hop, PortPool } from "../relay/allocation.ts";
import { Relay } from "../relay/relay.ts";
import type { Config } from "../config/config.ts";
import type { PortRange } from "../config/relay.ts";
import { isEnterRequest } from "../protocols/native.ts";
import type { Counters } from "../core/counters.ts";

/** Everything here is an address already; and as nothing is looked up, a port is open when `bind` returns. */
const lookup = (address: string, _: unknown, done: (error: null, address: string, family: number) => void): void =>
  done(null, address, isIPv4(address) ? 4 : 6);

/** The relay as configured, or null where it is off. */
export const createRelayPorts = (config: Config, tally: Counters): RelayPorts | null =>
  config.relay_ports === null ? null : new RelayPorts(config.relay_ports, config, tally);

export class RelayPorts implements PortPool {
  readonly relay: Relay;
  /** Public ones, as the operator gave them. */
  readonly addresses: readonly string[];
  /** How many pairs of peers there is room for. */
  readonly pairs: number;
  /** What who says to a port of ours that he belongs there is answered. */
  onEnter: (port: number, from: Endpoint, bytes: Uint8Array, now: number) => Uint8Array | null = () => null;
  readonly #listen: readonly string[];
  readonly #tally: Counters;
  readonly #free: number[];
  readonly #open = new Map<number, Socket>();

  constructor(range: PortRange, config: Config, tally: Counters) {
    this.#listen = config.listen;
    this.#tally = tally;
    this.addresses = config.relay_addresses.length > 0 ? config.relay_addresses : config.addresses;
    this.pairs = Math.floor((range.last - range.first + 1) / 2);
    this.#free = shuffled(Array.from({ length: range.last - range.first + 1 }, (_, at) => range.first + at));
    const limits = {
      side: config.relay_side,
      source: config.relay_source,
      game: config.relay_game,
      places_per_source_max: config.relay_places_per_source_max,
      bytes_max: config.relay_bytes_max,
      lifetime_ms: config.relay_lifetime_s * 1_000,
      idle_ms: config.relay_idle_s * 1_000,
      relatch_ms: RELAY_RELATCH_MS,
      special: config.relay_peers === "any",
    };
    this.relay = new Relay(limits, this, ownPortTest(range, config, this.addresses), tally);
  }

  /** Nobody gets a relay any more; those who have one may go on so long, and then they end. */
  async stop(within_ms: number): Promise<void> {
    this.relay.drain();
    for (const until = Date.now() + within_ms; this.relay.size > 0 && Date.now() < until;) {
      await passes(RELAY_DRAIN_LOOK_MS);
      this.relay.expire(Date.now());
    }
    this.relay.close();
  }

  get free(): number {
    return this.#free.length;
  }

  get used(): number {
    return this.#open.size;
  }

  acquire(family: 4 | 6): number | null {
    const local = this.#listen.find((address) => isIPv4(address) === (family === 4));
    if (local === undefined) return null;
    for (let tries = Math.min(this.#free.length, RELAY_BIND_TRIES); tries > 0; tries--) {
      const port = this.#free.shift()!;
      const socket = this.#bind(port, local, family);
      if (socket !== null) {
        this.#open.set(port, socket);
        return port;
      }
      // Another program has it, for now.
      this.#free.push(port);
    }
    return null;
  }

  release(port: number): void {
    const socket = this.#open.get(port);
    if (socket === undefined) return;
    this.#open.delete(port);
    this.#free.push(port);
    socket.close();
  }

  #bind(port: number, local: string, family: 4 | 6): Socket | null {
    const socket = createSocket(family === 4 ? { type: "udp4", lookup } : { type: "udp6", ipv6Only: true, lookup });
    let open = false;
    socket.once("listening", () => (open = true));
    socket.on("error", (error: NodeJS.ErrnoException) =>
      this.#tally.add("socket_errors", open ? "relay_receive" : bindError(error.code)),
    );
    try {
      socket.bind(port, local);
      if (open) socket.setRecvBufferSize(RELAY_RECEIVE_BUFFER_BYTES);
    } catch {
      // Some systems refuse a larger buffer instead of granting less.
    }
    if (!open) {
      socket.close();
      return null;
    }
    const { relay } = this;
    socket.on("message", (bytes, { address, port: from }) => {
      try {
        if (isEnterRequest(bytes)) return this.#handleEnter(socket, port, endpoint(address, from), bytes);
        const hop = relay.route(port, address, from, bytes.length, Date.now());
        if (hop !== null) this.forward(hop, bytes);
      } catch {
        // Our own bug; whoever found it must not be able to end us.
        this.#tally.add("socket_errors", "fault");
      }
    });
    return socket;
  }

  /** On to where the table says. */
  forward({ port, endpoint: to, stream }: Hop, bytes: Uint8Array): void {
    if (stream === null) this.#send(port, to, bytes);
    else stream.send(bytes);
  }

  /** A native peer proves who he is; it is not for the other side. */
  #handleEnter(socket: Socket, port: number, from: Endpoint | null, bytes: Uint8Array): void {
    const answer = from === null ? null : this.onEnter(port, from, bytes, Date.now());
    if (answer === null) return this.#tally.add("relay_dropped", "unproved");
    socket.send(answer, from!.port, from!.address);
  }

  /**
   * Without a callback, which would cost a sixth of what a process can carry: what the kernel does not take is lost, as
   * it would be on the way.
   */
  #send(port: number, to: Endpoint, bytes: Uint8Array): void {
    const socket = this.#open.get(port);
    if (socket === undefined) return;
    if (socket.getSendQueueSize() > RELAY_QUEUE_BYTES_MAX) return this.#tally.add("relay_dropped", "congested");
    socket.send(bytes, to.port, to.address);
  }
}

const bindError = (code: string | undefined): string =>
  code === "EADDRINUSE" ? "relay_port_taken" : "relay_port_unavailable";

/** Whether an endpoint is one of this sidecar's own ports. */
function ownPortTest({ first, last }: PortRange, { listen, addresses, ports }: Config, relayAddresses: readonly string[]) {
  const own = Object.values(networkInterfaces()).flatMap(addressesOf);
  const ours = new Set([...addresses, ...relayAddresses, ...listen, ...own]);
  return ({ address, port }: Endpoint): boolean =>
    ((port >= first && port <= last) || ports.some((other) => other.port === port)) &&
    (ours.has(address) || address.startsWith("127.") || address === "::1");
}

const addressesOf = (interfaces: ReturnType<typeof networkInterfaces>[string]): string[] =>
  (interfaces ?? []).map(({ address }) => address);

/** So that nobody can tell from one port which one the next pair will get. */
function shuffled(ports: number[]): number[] {
  for (let at = ports.length - 1; at > 0; at--) {
    const other = randomInt(at + 1);
    [ports[at], ports[other]] = [ports[other]!, ports[at]!];
  }
  return ports;
}
