/**
 * A network in virtual time for the Rabid peer: seeded loss, delay, reordering and duplicates, NATs, the original
 * server and the original plugin as recorded. `Net.run` advances the clock.
 */
import { seeded } from "../../../../test/support/dice.ts";
import type { Datagram, RabidEvent } from "../../src/rabid/events.ts";
import type { Endpoint } from "../../src/util/addresses.ts";
import { RabidSession, type SessionSetup } from "../../src/rabid/session.ts";

/** A node with a clock and datagrams. `from`: the local port of a datagram. */
export type Node = {
  readonly address: string;
  /** Whether a socket is bound to the port. */
  listens(port: number): boolean;
  receive(bytes: Uint8Array, source: Endpoint, now: number, port: number): void;
  wake(now: number): void;
  deadline(): number | null;
  take(): { readonly from: number; readonly datagram: Datagram }[];
};

/** `preserve`: keeps ports. `shift`: one other port per socket. `sequential`: the next port for each destination. */
export type Nat = { readonly mapping: "preserve" | "shift" | "sequential"; readonly filtering: "open" | "port" };

export type NetOptions = {
  readonly seed?: number;
  readonly loss?: number;
  readonly duplicates?: number;
  /** One-way delay, drawn per datagram, so that a wide range reorders. */
  readonly delay_ms?: readonly [number, number];
  /** Addresses without loss and duplicates. */
  readonly reliable?: (address: string) => boolean;
  /** Datagrams that never arrive, whatever the seed. */
  readonly blocks?: (from: Endpoint, to: Endpoint, text: string) => boolean;
};

type Flight = { readonly at: number; readonly order: number; readonly deliver: () => void };

export class Net {
  now = 0;
  /** Every datagram sent: time, external source, destination, text. */
  readonly log: { at: number; from: Endpoint; to: Endpoint; text: string }[] = [];
  readonly dice: () => number;
  readonly #options: Required<NetOptions>;
  readonly #nodes: { readonly node: Node; readonly nat: Translator | null }[] = [];
  #flights: Flight[] = [];
  #order = 0;

  constructor(options: NetOptions = {}) {
    this.#options = {
      seed: 1,
      loss: 0,
      duplicates: 0,
      delay_ms: [10, 20],
      blocks: () => false,
      reliable: () => false,
      ...options,
    };
    this.dice = seeded(this.#options.seed);
  }

  add<T extends Node>(node: T, nat?: Nat): T {
    this.#nodes.push({ node, nat: nat === undefined ? null : new Translator(nat) });
    return node;
  }

  /** Injects a datagram from any source. */
  inject(text: string | Uint8Array, from: Endpoint, to: Endpoint): void {
    this.#arrive(typeof text === "string" ? Buffer.from(text, "latin1") : text, from, to);
  }

  /** Advances the clock until the condition holds or the time is over. Returns whether it held. */
  run(until: () => boolean, within_ms = 60_000): boolean {
    const end = this.now + within_ms;
    for (;;) {
      this.#flush();
      if (until()) return true;
      const deadlines = this.#nodes.map(({ node }) => node.deadline() ?? Infinity);
      const flight = this.#flights.reduce((first, one) => Math.min(first, one.at), Infinity);
      const next = Math.max(this.now, Math.min(flight, ...deadlines));
      if (next > end) {
        this.now = end;
        return false;
      }
      this.now = next;
      const due = this.#flights.filter((one) => one.at <= next).toSorted((a, b) => a.at - b.at || a.order - b.order);
      this.#flights = this.#flights.filter((one) => one.at > next);
      for (const one of due) one.deliver();
      for (const { node } of this.#nodes) if ((node.deadline() ?? Infinity) <= next) node.wake(next);
    }
  }

  /** Advances the clock. */
  pass(ms: number): void {
    this.run(() => false, ms);
  }

  #flush(): void {
    for (const { node, nat } of this.#nodes) {
      for (const { from, datagram } of node.take()) {
        const port = nat === null ? from : nat.out(from, datagram.to);
        const source = { address: node.address, port };
        this.log.push({ at: this.now, from: source, to: datagram.to, text: text(datagram.bytes) });
        const { delay_ms, blocks, reliable } = this.#options;
        const sure = reliable(source.address) || reliable(datagram.to.address);
        const { loss, duplicates } = sure ? { loss: 0, duplicates: 0 } : this.#options;
        if (blocks(source, datagram.to, text(datagram.bytes))) continue;
        for (const copies = this.dice() < duplicates ? [0, 1] : [0]; copies.pop() !== undefined;) {
          if (this.dice() < loss) continue;
          const at = this.now + delay_ms[0] + this.dice() * (delay_ms[1] - delay_ms[0]);
          const deliver = (): void => this.#arrive(datagram.bytes, source, datagram.to);
          this.#flights.push({ at, order: this.#order++, deliver });
        }
      }
    }
  }

  #arrive(bytes: Uint8Array, source: Endpoint, to: Endpoint): void {
    for (const { node, nat } of this.#nodes) {
      if (node.address !== to.address) continue;
      const port = nat === null ? to.port : nat.in(to.port, source);
      if (port !== null && node.listens(port)) node.receive(bytes, source, this.now, port);
    }
  }
}

class Translator {
  readonly #nat: Nat;
  readonly #mapped = new Map<string, number>();
  readonly #opened = new Map<number, { readonly local: number; readonly to: Set<string> }>();
  #next = 40_000;
  constructor(nat: Nat) {
    this.#nat = nat;
  }
  out(local: number, to: Endpoint): number {
    const { mapping } = this.#nat;
    const key = mapping === "sequential" ? `${local}>${at(to)}` : `${local}`;
    const port = this.#mapped.get(key) ?? (mapping === "preserve" ? local : this.#next++);
    this.#mapped.set(key, port);
    const opened = this.#opened.get(port) ?? { local, to: new Set<string>() };
    opened.to.add(at(to));
    this.#opened.set(port, opened);
    return port;
  }
  in(port: number, from: Endpoint): number | null {
    const opened = this.#opened.get(port);
    if (opened === undefined) return null;
    return this.#nat.filtering === "open" || opened.to.has(at(from)) ? opened.local : null;
  }
}

/** A Parley peer: the session on a socket that is bound once. */
export class ParleyPlayer implements Node {
  readonly address: string;
  readonly session: RabidSession;
  readonly events: RabidEvent[] = [];
  readonly port: number;
  constructor(net: Net, address: string, setup: SessionSetup, port = 5_000) {
    this.address = address;
    this.port = port;
    this.session = new RabidSession(setup, net.now);
  }
  listens(port: number): boolean {
    return port === this.port;
  }
  receive(bytes: Uint8Array, source: Endpoint, now: number): void {
    this.session.receive(bytes, source, now);
    this.events.push(...this.session.takeEvents());
  }
  wake(now: number): void {
    this.session.wake(now);
    this.events.push(...this.session.takeEvents());
  }
  deadline(): number | null {
    return this.session.deadline();
  }
  take(): { from: number; datagram: Datagram }[] {
    this.events.push(...this.session.takeEvents());
    return this.session.takeDatagrams().map((datagram) => ({ from: this.port, datagram }));
  }
  event<T extends RabidEvent["type"]>(type: T): Extract<RabidEvent, { type: T }> | undefined {
    return this.events.find((event): event is Extract<RabidEvent, { type: T }> => event.type === type);
  }
}

/**
 * A server with one session. `original`: as recorded, with start lines in 8 rounds 100 ms apart, lists without
 * confirmed players, and no memory afterwards. `ours`: as in docs/reference/wires/rabid.md.
 */
export class ServerDouble implements Node {
  static readonly endpoint: Endpoint = { address: "198.51.100.1", port: 57_775 };
  readonly address = ServerDouble.endpoint.address;
  players: { readonly name: string; readonly at: Endpoint }[] = [];
  /** Does not answer. */
  silent = false;
  readonly #original: boolean;
  #started: readonly { readonly name: string; readonly at: Endpoint }[] | null = null;
  readonly #confirmed = new Set<string>();
  #rounds: number[] = [];
  #out: Datagram[] = [];

  constructor(kind: "original" | "ours") {
    this.#original = kind === "original";
  }

  listens(port: number): boolean {
    return port === ServerDouble.endpoint.port;
  }

  receive(bytes: Uint8Array, source: Endpoint, now: number): void {
    if (this.silent) return;
    const [type, , name = ""] = text(bytes).split(":");
    if (this.#started !== null) return this.#receiveStarted(type ?? "", name, source);
    const known = this.players.find((player) => player.name === name);
    if (type === "h" || type === "c") {
      if (known === undefined) this.players.push({ name, at: source });
      for (const { at } of this.players) this.#send(at, this.#roster());
    } else if (type === "p") {
      this.#send(source, known === undefined ? "error:non_existent_player" : this.#roster());
    } else if (type === "s") {
      if (!sameEndpoint(this.players[0]!.at, source)) return this.#send(source, "error:non_host_player");
      if (this.players.length < 2) return this.#send(source, "error:only_one_player_in_session");
      this.#started = this.players;
      const early = this.#original ? [] : [15, 30, 45];
      this.#rounds = [0, ...early, 100, 200, 300, 400, 500, 600, 700].map((ms) => now + ms);
    } else if (type === "k") {
      if (known === undefined) return this.#send(source, this.#original ? "error:non_existent_player" : this.#roster());
      this.players = this.players.filter((player) => player !== known);
      this.#send(known.at, "error:kicked_by_host");
      for (const { at } of this.players) this.#send(at, this.#roster());
    } else if (type === "x") {
      this.players = this.players.filter((player) => player !== known);
      this.#send(source, "error:player_exited_session");
      if (!this.#original) for (const { at } of this.players) this.#send(at, this.#roster());
    }
  }

  wake(): void {
    this.#rounds.shift();
    for (const { name } of this.#started ?? []) if (!this.#confirmed.has(name)) this.#sendStart(name);
    if (this.#original && this.#rounds.length === 0) this.#started = [];
  }

  deadline(): number | null {
    return this.#rounds[0] ?? null;
  }

  take(): { from: number; datagram: Datagram }[] {
    return this.#out.splice(0).map((datagram) => ({ from: ServerDouble.endpoint.port, datagram }));
  }

  #receiveStarted(type: string, name: string, source: Endpoint): void {
    if (type === "y") this.#confirmed.add(name);
    else if (type === "p" || (type === "c" && !this.#original)) this.#sendStart(name, source);
    else if (type !== "s") this.#send(source, "error:session_non_existent");
  }

  #roster(): string {
    return `i:${this.players.map(({ name }) => name).join(":")}`;
  }

  #sendStart(name: string, source?: Endpoint): void {
    const own = this.#started?.find((player) => player.name === name);
    if (own === undefined || (this.#original && this.#confirmed.has(name))) {
      if (source !== undefined) this.#send(source, "error:session_non_existent");
      return;
    }
    const others = this.#started!.filter((one) => one !== own && !(this.#original && this.#confirmed.has(one.name)));
    if (!this.#original) this.#send(own.at, this.#roster());
    this.#send(own.at, `s:${own.at.port}:${others.map((o) => `${o.name}:${at(o.at)}`).join(";")}`);
  }

  #send(to: Endpoint, what: string): void {
    this.#out.push({ to, bytes: Buffer.from(what, "latin1") });
  }
}

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const at = ({ address, port }: Endpoint): string => `${address}:${port}`;
const sameEndpoint = (a: Endpoint, b: Endpoint): boolean => at(a) === at(b);
