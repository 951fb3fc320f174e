/**
 * A network in memory and in virtual time: hosts and routers on segments, and links with delay, reordering and loss. The
 * same seed gives the same events.
 */
import type { Endpoint } from "#shared/net/endpoint.ts";
import { TimerQueue } from "../../udp-sidecar/core/timer-queue.ts";

export type Packet = {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
  readonly hops: number;
};

/** The one-way delay of a link, uniformly distributed, so that datagrams overtake each other. */
export type Link = { readonly delay_ms: number; readonly jitter_ms: number; readonly loss: number };

export const HOPS = 64;
/** The number of routers between any two homes. */
const WIDE_HOPS = 5;
const INSTANT: Link = { delay_ms: 0.2, jitter_ms: 0, loss: 0 };

export class World {
  readonly dice: () => number;
  readonly wide: Segment;
  #now = 0;
  readonly #agenda = new TimerQueue<() => void>();

  constructor(dice: () => number) {
    this.dice = dice;
    this.wide = new Segment(this, WIDE_HOPS);
  }

  get now(): number {
    return this.#now;
  }

  at(ms: number, what: () => void): void {
    this.#agenda.push(Math.max(ms, this.#now), what);
  }

  /** Advances the time until the end, or until the condition holds. */
  run(until_ms: number, done: () => boolean = () => false): void {
    while (!done()) {
      const next = this.#agenda.nextAt;
      if (next === null || next > until_ms) break;
      this.#now = next;
      this.#agenda.pop(next)!();
    }
    if (!done()) this.#now = Math.max(this.#now, until_ms);
  }
}

type Place = { readonly link: Link; readonly take: (packet: Packet) => void };

/** One network segment: the wide area, a home, or a carrier's inside. */
export class Segment {
  readonly #world: World;
  readonly #hops: number;
  readonly #places = new Map<string, Place>();
  readonly #cut = new Set<string>();
  #gateway: ((packet: Packet) => void) | null = null;

  constructor(world: World, hops = 0) {
    this.#world = world;
    this.#hops = hops;
  }

  attach(address: string, take: (packet: Packet) => void, link: Link = INSTANT): void {
    this.#places.set(address, { take, link });
  }

  routeTo(gateway: (packet: Packet) => void): void {
    this.#gateway = gateway;
  }

  /** Blocks or unblocks all datagrams between these two. */
  cut(a: string, b: string, isCut = true): void {
    for (const way of [`${a} ${b}`, `${b} ${a}`]) {
      if (isCut) this.#cut.add(way);
      else this.#cut.delete(way);
    }
  }

  /** Blocks the datagrams from one to the other, and not the opposite direction. */
  cutOneWay(from: string, to: string): void {
    this.#cut.add(`${from} ${to}`);
  }

  detach(address: string): void {
    this.#places.delete(address);
  }

  /** Routes a datagram of an attached host. */
  send(packet: Packet, by: string): void {
    const sender = this.#places.get(by);
    const receiver = this.#places.get(packet.to.address);
    const take = receiver?.take ?? this.#gateway;
    if (this.#cut.has(`${by} ${packet.to.address}`)) return;
    const hops = packet.hops - this.#hops;
    if (sender === undefined || take === null || hops <= 0) return;
    let delay = 0;
    for (const { delay_ms, jitter_ms, loss } of [sender.link, receiver?.link ?? INSTANT]) {
      if (loss > 0 && this.#world.dice() < loss) return;
      delay += delay_ms + (this.#world.dice() * 2 - 1) * jitter_ms;
    }
    this.#world.at(this.#world.now + delay, () => take({ ...packet, hops }));
  }
}

type Ear = (packet: Packet) => void;

/** A host with one address. */
export class Host {
  readonly address: string;
  readonly #world: World;
  readonly #segment: Segment;
  readonly #ears = new Map<number, Ear>();

  constructor(world: World, segment: Segment, address: string, link?: Link) {
    this.address = address;
    this.#world = world;
    this.#segment = segment;
    segment.attach(address, (packet) => this.#ears.get(packet.to.port)?.(packet), link);
  }

  /** Binds this port, or a free one. */
  bind(ear: Ear, port = this.#freePort()): number {
    this.#ears.set(port, ear);
    return port;
  }

  close(port: number): void {
    this.#ears.delete(port);
  }

  send(port: number, to: Endpoint, bytes: Uint8Array, hops = HOPS): void {
    this.#segment.send({ from: { address: this.address, port }, to, bytes, hops }, this.address);
  }

  #freePort(): number {
    for (;;) {
      const port = 32_768 + Math.floor(this.#world.dice() * 28_000);
      if (!this.#ears.has(port)) return port;
    }
  }
}
