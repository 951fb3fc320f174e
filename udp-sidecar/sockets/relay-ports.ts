/**
 * The relay's UDP ports. A port is opened for an allocation and closed with it, so that no datagram for an earlier
 * allocation is left in it. A closed port rests as long as possible before it is used again. Every relayed datagram
 * passes through here, so this path is short.
 */
import { randomInt } from "node:crypto";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { canonicalAddress, type Endpoint, isIPv4 } from "#shared/net/endpoint.ts";
import {
  RELAY_BIND_TRIES,
  RELAY_DRAIN_CHECK_MS,
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
import type { Clock } from "../time/clock.ts";
import type { UdpBackend, UdpSocket } from "./udp/udp-socket.ts";

/** The configured relay, or null if it is off. */
export const createRelayPorts = (
  config: Config,
  counters: Counters,
  clock: Clock,
  backend: UdpBackend,
): RelayPorts | null =>
  config.relay_ports === null ? null : new RelayPorts(config.relay_ports, config, counters, clock, backend);

export class RelayPorts implements PortPool {
  readonly relay: Relay;
  /** Public addresses, as configured. */
  readonly addresses: readonly string[];
  /** How many pairs of peers fit. */
  readonly pairs: number;
  /** Handles `enter` at a relay port; returns the reply, or null for none. */
  onEnter: (port: number, from: Endpoint, bytes: Uint8Array, now: number) => Uint8Array | null = () => null;
  readonly #listen: readonly string[];
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #backend: UdpBackend;
  readonly #free: number[];
  readonly #open = new Map<number, UdpSocket>();
  readonly #ownAddresses: ReadonlySet<string>;
  /** Addresses of the deployment's other sidecars, by the game whose hub named them. */
  readonly #otherSidecars = new Map<string, ReadonlySet<string>>();

  constructor(range: PortRange, config: Config, counters: Counters, clock: Clock, backend: UdpBackend) {
    this.#clock = clock;
    this.#backend = backend;
    this.#listen = config.listen;
    this.#counters = counters;
    this.addresses = config.relay_addresses.length > 0 ? config.relay_addresses : config.addresses;
    this.pairs = Math.floor((range.last - range.first + 1) / 2);
    this.#free = shuffled(Array.from({ length: range.last - range.first + 1 }, (_, at) => range.first + at));
    const limits = {
      side: config.relay_side,
      source: config.relay_source,
      game: config.relay_game,
      slots_per_source_max: config.relay_places_per_source_max,
      bytes_max: config.relay_bytes_max,
      lifetime_ms: config.relay_lifetime_s * 1_000,
      idle_ms: config.relay_idle_s * 1_000,
      relatch_ms: RELAY_RELATCH_MS,
      special: config.relay_peers === "any",
    };
    const own = Object.values(networkInterfaces()).flatMap(addressesOf);
    this.#ownAddresses = new Set([...config.addresses, ...this.addresses, ...config.listen, ...own]);
    const isPort = (port: number): boolean => this.#open.has(port) || config.ports.some((one) => one.port === port);
    this.relay = new Relay(limits, this, (at) => this.#isSidecar(at, isPort), counters);
  }

  /** From now on nothing is relayed to these addresses, except those of this machine. */
  setOtherSidecars(game: string, addresses: readonly string[]): void {
    const canonical = addresses.map((address) => canonicalAddress(address) ?? address);
    this.#otherSidecars.set(game, new Set(canonical.filter((address) => !this.#ownAddresses.has(address))));
  }

  /** Whether an endpoint is a port of this sidecar, or an address of another one: forwarding to it could loop. */
  #isSidecar({ address, port }: Endpoint, isPort: (port: number) => boolean): boolean {
    for (const addresses of this.#otherSidecars.values()) if (addresses.has(address)) return true;
    return isPort(port) && (this.#ownAddresses.has(address) || address.startsWith("127.") || address === "::1");
  }

  /** Refuses new allocations, lets existing ones continue for so long, and then ends them. */
  async stop(within_ms: number): Promise<void> {
    this.relay.drain();
    for (const until = this.#clock.now() + within_ms; this.relay.size > 0 && this.#clock.now() < until;) {
      await sleep(RELAY_DRAIN_CHECK_MS);
      this.relay.expire(this.#clock.now());
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
      // Another program uses this port for now.
      this.#free.push(port);
    }
    return null;
  }

  release(port: number): void {
    const socket = this.#open.get(port);
    if (socket === undefined) return;
    this.#open.delete(port);
    this.#free.push(port);
    socket.discard();
  }

  #bind(port: number, address: string, family: 4 | 6): UdpSocket | null {
    try {
      const socket = this.#backend.open(
        { address, port, family },
        {
          onDatagram: (bytes, from) => this.#onDatagram(port, bytes, from),
          onError: (kind) => this.#counters.add("socket_errors", `relay_${kind}`),
        },
      );
      socket.setReceiveBuffer(RELAY_RECEIVE_BUFFER_BYTES);
      return socket;
    } catch (error) {
      this.#counters.add("socket_errors", bindError((error as NodeJS.ErrnoException).code));
      return null;
    }
  }

  #onDatagram(port: number, bytes: Uint8Array, from: Endpoint): void {
    try {
      if (isEnterRequest(bytes)) return this.#handleEnter(port, from, bytes);
      const hop = this.relay.route(port, from.address, from.port, bytes.length, this.#clock.now());
      if (hop !== null) this.forward(hop, bytes);
    } catch {
      // A datagram that triggers an internal error must not end the process.
      this.#counters.add("socket_errors", "fault");
    }
  }

  /** Forwards a datagram to the hop that `route` returned. */
  forward({ port, endpoint: to, stream }: Hop, bytes: Uint8Array): void {
    if (stream === null) this.#send(port, to, bytes);
    else stream.send(bytes);
  }

  /** A native peer authenticates; the datagram is not forwarded. */
  #handleEnter(port: number, from: Endpoint, bytes: Uint8Array): void {
    const answer = from.port === 0 ? null : this.onEnter(port, from, bytes, this.#clock.now());
    if (answer === null) return this.#counters.add("relay_dropped", "unproved");
    this.#open.get(port)?.send(answer, from);
  }

  #send(port: number, to: Endpoint, bytes: Uint8Array): void {
    const socket = this.#open.get(port);
    if (socket === undefined) return;
    if (socket.queuedBytes() > RELAY_QUEUE_BYTES_MAX) return this.#counters.add("relay_dropped", "congested");
    socket.send(bytes, to);
  }
}

const bindError = (code: string | undefined): string =>
  code === "EADDRINUSE" ? "relay_port_taken" : "relay_port_unavailable";

const addressesOf = (interfaces: ReturnType<typeof networkInterfaces>[string]): string[] =>
  (interfaces ?? []).map(({ address }) => address);

/** Random order, so that one port does not reveal which port the next pair will get. */
function shuffled(ports: number[]): number[] {
  for (let at = ports.length - 1; at > 0; at--) {
    const other = randomInt(at + 1);
    [ports[at], ports[other]] = [ports[other]!, ports[at]!];
  }
  return ports;
}
