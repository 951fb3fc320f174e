/** Routers in the terms of RFC 4787: mapping, filtering, allocation, hairpinning, timeouts; and Linux's conntrack. */
import { type Endpoint, formatEndpoint } from "#shared/net/endpoint.ts";
import { type Link, type Packet, Segment, type World } from "./net.ts";

export type Reach = "independent" | "address" | "port";
export type Behaviour = {
  readonly mapping: Reach;
  readonly filtering: Reach;
  readonly allocation: "preserving" | "random" | { readonly step: number } | { readonly block: number };
  /** Hairpinning with the external source address (REQ-9). */
  readonly hairpin?: boolean;
  /** The idle time of a mapping; only outgoing datagrams refresh it (REQ-6). */
  readonly timeout_ms?: number;
  /** Mappings per second that other hosts behind it create. */
  readonly foreign_per_s?: number;
  /**
   * Linux without a drop rule: an unsolicited datagram occupies its external endpoint, and a later outgoing flow to its
   * source gets another port.
   */
  readonly remaps?: boolean;
  readonly blocked?: boolean;
};

const LINUX: Behaviour = { mapping: "independent", filtering: "port", allocation: "preserving" };

export const BEHAVIOURS = {
  "full-cone": { mapping: "independent", filtering: "independent", allocation: "random", hairpin: true },
  "address-restricted": { mapping: "independent", filtering: "address", allocation: "random" },
  "port-restricted": { mapping: "independent", filtering: "port", allocation: "random" },
  linux: LINUX,
  remapping: { ...LINUX, remaps: true },
  sequential: { mapping: "port", filtering: "port", allocation: { step: 1 } },
  random: { mapping: "port", filtering: "port", allocation: "random" },
  block: { mapping: "port", filtering: "port", allocation: { block: 512 } },
  blocked: { ...LINUX, blocked: true },
} as const satisfies Record<string, Behaviour>;

const TIMEOUT_MS = 120_000;
/** The time that conntrack keeps an unanswered datagram. */
const REMAPPED_MS = 30_000;
const [FIRST, LAST] = [1_024, 65_535];

type Mapping = { readonly inside: Endpoint; readonly port: number; readonly sentTo: Set<string>; until: number };

export class Router {
  readonly inside: Segment;
  readonly address: string;
  readonly #world: World;
  readonly #outside: Segment;
  readonly #nat: Behaviour;
  readonly #byInside = new Map<string, Mapping>();
  readonly #byPort = new Map<number, Mapping>();
  readonly #taken = new Map<string, number>();
  #next: number;
  #foreignAt: number;

  constructor(world: World, outside: Segment, address: string, nat: Behaviour, link?: Link) {
    this.#world = world;
    this.#outside = outside;
    this.address = address;
    this.#nat = nat;
    this.inside = new Segment(world);
    this.#next = FIRST + 10_000 + Math.floor(world.dice() * 40_000);
    this.#foreignAt = world.now;
    outside.attach(address, (packet) => this.#fromOutside(packet), link);
    this.inside.attach(GATEWAY, () => {});
    this.inside.routeTo((packet) => this.#fromInside(packet));
  }

  /** Removes all state, as after a power cut. */
  removeMappings(): void {
    this.#byInside.clear();
    this.#byPort.clear();
  }

  #fromInside(packet: Packet): void {
    if (this.#nat.blocked === true || packet.hops <= 1) return;
    if (packet.to.address === this.address && this.#nat.hairpin !== true) return;
    const mapping = this.#mappingOf(packet.from, packet.to);
    if (mapping === null) return;
    mapping.until = this.#world.now + (this.#nat.timeout_ms ?? TIMEOUT_MS);
    mapping.sentTo.add(this.#reachOf(packet.to, this.#nat.filtering));
    const out = { ...packet, from: { address: this.address, port: mapping.port }, hops: packet.hops - 1 };
    if (packet.to.address === this.address) this.#fromOutside(out);
    else this.#outside.send(out, this.address);
  }

  #fromOutside(packet: Packet): void {
    const mapping = this.#byPort.get(packet.to.port);
    const isOpen = mapping !== undefined && mapping.until > this.#world.now;
    if (!isOpen || !mapping.sentTo.has(this.#reachOf(packet.from, this.#nat.filtering))) {
      if (this.#nat.remaps === true) this.#taken.set(flow(packet.to.port, packet.from), this.#world.now + REMAPPED_MS);
      return;
    }
    if (packet.hops <= 1) return;
    this.inside.send({ ...packet, to: mapping.inside, hops: packet.hops - 1 }, GATEWAY);
  }

  #mappingOf(from: Endpoint, to: Endpoint): Mapping | null {
    const remapped = this.#remapped(from, to);
    const key = `${formatEndpoint(from)} ${remapped ? formatEndpoint(to) : this.#reachOf(to, this.#nat.mapping)}`;
    const known = this.#byInside.get(key);
    if (known !== undefined && known.until > this.#world.now) return known;
    const port = remapped ? this.#anyPort(FIRST, LAST) : this.#allocate(from.port);
    if (port === null) return null;
    if (known !== undefined) this.#byPort.delete(known.port);
    const mapping = { inside: from, port, sentTo: new Set<string>(), until: Infinity };
    this.#byInside.set(key, mapping);
    this.#byPort.set(port, mapping);
    return mapping;
  }

  /** Whether an unsolicited datagram from there occupies this port; an outgoing flow is never affected. */
  #remapped(from: Endpoint, to: Endpoint): boolean {
    const own = this.#byInside.get(`${formatEndpoint(from)} ${this.#reachOf(to, this.#nat.mapping)}`);
    if (own?.sentTo.has(this.#reachOf(to, this.#nat.filtering)) === true) return false;
    return (this.#taken.get(flow(own?.port ?? from.port, to)) ?? 0) > this.#world.now;
  }

  #allocate(own: number): number | null {
    const { allocation } = this.#nat;
    if (allocation === "random") return this.#anyPort(FIRST, LAST);
    if (allocation === "preserving") return this.#byPort.has(own) ? this.#anyPort(FIRST, LAST) : own;
    if ("block" in allocation) return this.#anyPort(this.#next, this.#next + allocation.block - 1);
    // The intervals are exponentially distributed.
    const pause_ms = 1_000 / (this.#nat.foreign_per_s ?? 0);
    while (this.#foreignAt <= this.#world.now) {
      if (pause_ms < Infinity) this.#next += allocation.step;
      this.#foreignAt += -Math.log(1 - this.#world.dice()) * pause_ms || Infinity;
    }
    this.#next += allocation.step;
    return this.#next;
  }

  #anyPort(first: number, last: number): number | null {
    for (let tries = 0; tries < 1_000; tries++) {
      const port = first + Math.floor(this.#world.dice() * (last - first + 1));
      if (!this.#byPort.has(port)) return port;
    }
    return null;
  }

  #reachOf(other: Endpoint, reach: Reach): string {
    return reach === "independent" ? "" : reach === "address" ? other.address : formatEndpoint(other);
  }
}

const GATEWAY = "gateway";

const flow = (port: number, other: Endpoint): string => `${port} ${formatEndpoint(other)}`;
