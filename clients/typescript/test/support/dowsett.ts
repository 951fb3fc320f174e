/** A network of Dowsett sessions in virtual time: seeded loss, duplicates and delay, and NATs. */
import { seeded } from "../../../../test/support/dice.ts";
import { type Address, formatAddress, sameAddress } from "../../src/dowsett/wire/address.ts";
import type { DowsettEvent, DowsettEventName } from "../../src/dowsett/events.ts";
import type { DowsettOptions } from "../../src/dowsett/options.ts";
import { decode, encode, HS_SERVER_NAME } from "../../src/dowsett/wire/packet.ts";
import { type Outcome, Session } from "../../src/dowsett/session.ts";
import type { JsonObject } from "../../src/util/bounded-json.ts";

export type LinkConditions = {
  /** Shares of datagrams that are lost, and that arrive twice. */
  loss: number;
  duplicates: number;
  readonly delay_ms: readonly [least: number, most: number];
};

type Flying = { readonly at: number; readonly order: number; readonly bytes: Uint8Array; from: Address; to: Address };

export class Net {
  readonly conditions: LinkConditions;
  readonly nodes: Node[] = [];
  now = 0;
  /** Every datagram sent, lost or not. */
  readonly wire: { readonly at: number; readonly from: Address; readonly to: Address; readonly text: string }[] = [];
  readonly #random: () => number;
  #flying: Flying[] = [];
  #order = 0;

  constructor(seed = 1, weather: Partial<LinkConditions> = {}) {
    this.#random = seeded(seed);
    this.conditions = { loss: 0, duplicates: 0, delay_ms: [1, 1], ...weather };
  }

  node(name: string, at: Partial<Where> & { readonly address: Address }, options: DowsettOptions = {}): Node {
    const node = new Node(this, name, at, options);
    this.nodes.push(node);
    return node;
  }

  /** The node that a datagram reaches, and its source address there. */
  send(node: Box, bytes: Uint8Array, to: Address): void {
    this.wire.push({ at: this.now, from: node.where.global, to, text: Buffer.from(bytes).toString() });
    const near = this.nodes.some((other) => other.where.lan === node.where.lan && sameAddress(other.where.local, to));
    const from = near ? node.where.local : node.where.global;
    // Most home routers do not support hairpinning.
    const hairpin = ({ where }: Box): boolean => where.lan === node.where.lan && sameAddress(where.global, to);
    if (!near && this.nodes.some(hairpin)) return;
    if (this.#random() < this.conditions.loss) return;
    const copies = this.#random() < this.conditions.duplicates ? 2 : 1;
    const [least, most] = this.conditions.delay_ms;
    for (let copy = 0; copy < copies; copy++) {
      const at = this.now + least + Math.floor(this.#random() * (most - least + 1));
      this.#flying.push({ at, order: this.#order++, bytes, from, to });
    }
  }

  /** Advances the time and runs everything that becomes due, in order. */
  run(forMs: number): void {
    const end = this.now + forMs;
    for (;;) {
      const first = this.#flying.toSorted((a, b) => a.at - b.at || a.order - b.order)[0];
      const bells = this.nodes.flatMap(({ session }) => session.deadline ?? []);
      const next = Math.min(first?.at ?? Infinity, ...bells);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      if (first !== undefined && first.at <= this.now) {
        this.#flying = this.#flying.filter((other) => other !== first);
        this.#deliver(first);
      }
      for (const node of this.nodes) if ((node.session.deadline ?? Infinity) <= this.now) node.tick();
    }
    this.now = end;
  }

  #deliver({ bytes, from, to }: Flying): void {
    for (const node of this.nodes) {
      const { global, local } = node.where;
      const near = node.where.lan === this.#lanOf(from) && sameAddress(local, to);
      if (near || sameAddress(global, to)) return node.take(bytes, from);
    }
    if (this.server !== null && sameAddress(this.server.where.global, to)) this.server.take(bytes, from);
  }

  #lanOf(from: Address): string | null {
    return this.nodes.find(({ where }) => sameAddress(where.local, from))?.where.lan ?? null;
  }

  server: Server | null = null;
}

/** `global`: the address from outside. `local`: the address in its network. Equal without a network. */
export type Where = { global: Address; local: Address; lan: string };
type Box = { readonly where: Where };

export class Node {
  readonly net: Net;
  readonly name: string;
  readonly where: Where;
  readonly session: Session;
  readonly told: { readonly at: number; readonly event: DowsettEvent }[] = [];
  readonly outcomes: Outcome[] = [];
  /** Called at each event, like a game's listener. */
  onEvent: (event: DowsettEvent) => void = () => {};
  #passwords = 0;

  constructor(net: Net, name: string, at: Partial<Where> & { readonly address: Address }, options: DowsettOptions) {
    this.net = net;
    this.name = name;
    this.where = { global: at.global ?? at.address, local: at.local ?? at.address, lan: at.lan ?? "everybody" };
    this.session = new Session(options, { makePassword: () => `${name}-${this.#passwords++}` });
  }

  host(handshake: Address = this.where.local, password?: string): void {
    const init = { handshakeAddress: handshake, localAddress: this.where.local, serverName: this.name };
    this.do((now) => this.session.initServer({ ...init, password: password ?? null }, 1, now));
  }

  join(handshake: Address, serverName: string, password?: string): void {
    const init = { handshakeAddress: handshake, localAddress: this.where.local, userName: this.name, serverName };
    this.do((now) => this.session.initClient({ ...init, password: password ?? null }, 1, now));
  }

  do<T>(command: (now: number) => T): T {
    const result = command(this.net.now);
    this.#flush();
    return result;
  }

  tick(): void {
    this.do((now) => this.session.tick(now));
  }

  take(bytes: Uint8Array, from: Address): void {
    this.do((now) => this.session.receive(bytes, from, now));
  }

  /** The events of this name, in order. */
  eventsNamed<K extends DowsettEventName>(name: K): (DowsettEvent & readonly [K, ...unknown[]])[] {
    return this.told.flatMap(({ event }) => (event[0] === name ? [event as never] : []));
  }

  peers(): string[] {
    const { active } = this.session;
    return active === null
      ? []
      : [...active.peers.values()].filter(({ addressKind: via }) => via !== null).map(({ name }) => name);
  }

  ending(ticket: number): Outcome["ending"] | undefined {
    return this.outcomes.find((outcome) => outcome.ticket === ticket)?.ending;
  }

  #flush(): void {
    const { datagrams, events, outcomes } = this.session.drain();
    for (const { bytes, to } of datagrams) this.net.send(this, bytes, to);
    this.outcomes.push(...outcomes);
    for (const event of events) {
      this.told.push({ at: this.net.now, event });
      this.onEvent(event);
    }
  }
}

/** A minimal handshake server: registers, refreshes, lists and introduces. `silent` simulates an outage. */
export class Server {
  readonly where: Where;
  readonly hosts = new Map<string, { readonly at: Address; readonly local: unknown; readonly password: string }>();
  readonly requests: JsonObject[] = [];
  silent = false;
  readonly #net: Net;

  constructor(net: Net, address: Address) {
    this.#net = net;
    this.where = { global: address, local: address, lan: "server" };
    net.server = this;
  }

  take(bytes: Uint8Array, from: Address): void {
    const received = decode(bytes);
    if (received === null || this.silent || received.destination !== HS_SERVER_NAME) return;
    const { says, sender, type } = received;
    this.requests.push(says);
    const password = textOf(says["password"]);
    const local = says["local-address"];
    const host = this.hosts.get(type === "requesting-to-join-server" ? textOf(says["server-name"]) : (sender ?? ""));
    if (type === "registering-server") {
      this.hosts.set(sender ?? "", { at: from, local, password });
      return this.send("confirming-registration", {}, sender, from, password);
    }
    if (type === "requesting-server-list") {
      const servers = [...this.hosts.keys()].map((name) => ({ name, "password-required": false }));
      return this.send("providing-server-list", { servers }, sender, from, password);
    }
    if (host === undefined) return;
    if (type === "refreshing-server-registration") {
      return this.send("confirming-registration-refresh", {}, sender, from, host.password);
    }
    if (type !== "requesting-to-join-server") return;
    const hostName = textOf(says["server-name"]);
    const of = (name: string, global: Address, inside: unknown): JsonObject =>
      ({ "peer-name": name, "global-address": global, "local-address": inside }) as JsonObject;
    const INFO = "providing-peer-handshake-info";
    for (let copy = 0; copy < 3; copy++) {
      this.send(INFO, of(sender ?? "", from, local), hostName, host.at, host.password);
      this.send(INFO, of(hostName, host.at, host.local), sender, from, password);
    }
  }

  send(type: string, body: JsonObject, destination: string | null, to: Address, password: string): void {
    this.#net.send(this, encode(type, body, { sender: null, destination, to, password }).bytes, to);
  }
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** The same JSON with sorted keys, to compare the output of two programs. */
export const canonical = (text: string): string => JSON.stringify(sorted(JSON.parse(text)));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

export function addressOf(text: string): Address {
  const [ip = "", port = ""] = text.split(":");
  return [ip, Number(port)];
}

export const A: Address = ["10.0.0.1", 5160];
export const B: Address = ["10.0.0.2", 4002];
export const C: Address = ["10.0.0.3", 4003];
export const D: Address = ["10.0.0.4", 4004];

/** A host in LAN mode and joined guests, without loss. */
export function lan(net: Net, guests: readonly (readonly [name: string, at: Address])[]): [Node, ...Node[]] {
  const host = net.node("Alice", { address: A });
  host.host();
  const joined = guests.map(([name, address]) => {
    const guest = net.node(name, { address });
    guest.join(A, "Alice");
    net.run(100);
    return guest;
  });
  return [host, ...joined];
}

export const show = ({ from, to, text }: { from: Address; to: Address; text: string }): string =>
  `${formatAddress(from)} -> ${formatAddress(to)} ${text}`;
