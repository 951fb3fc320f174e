/** Messengers in virtual time, over a network that loses, duplicates and reorders. */
import { expect } from "vitest";
import type { Message, MessengerEvent } from "../../src/messages/events.ts";
import { Messenger } from "../../src/messages/messenger.ts";
import { World } from "../../../../test/virtual/net.ts";
import { numbersOf, seeded } from "../../../../test/support/dice.ts";

export type LinkConditions = {
  readonly delay_ms: number;
  /** Uniformly distributed, so that datagrams are reordered. */
  readonly jitter_ms?: number;
  readonly loss?: number;
  readonly double?: number;
  /** A bottleneck in bytes per millisecond, with a queue in bytes. */
  readonly rate?: number;
  readonly queue?: number;
};

export const FAIR: LinkConditions = { delay_ms: 20 };
export const ROUGH: LinkConditions = { delay_ms: 60, jitter_ms: 50, loss: 0.3, double: 0.2 };

const MTU = 1_207;

/** A hub that introduces members that both agree, and the network between them. */
export class VirtualLobby {
  readonly world: World;
  readonly friends = new Map<string, VirtualMember>();
  link: LinkConditions;
  /** Pairs without a connection. */
  readonly cut = new Set<string>();
  /** No member receives the hub's introductions. */
  hubIsDown = false;
  readonly #numbers: () => number;
  readonly #asked = new Set<string>();
  readonly #freeAt = new Map<string, number>();
  /** Datagrams sent, by sender. */
  readonly sent = new Map<string, number>();
  readonly bytes = new Map<string, number>();

  constructor(link: LinkConditions, seed = 1) {
    this.link = link;
    this.world = new World(seeded(seed));
    this.#numbers = numbersOf(seed + 1);
  }

  join(name: string, compress = false): VirtualMember {
    const friend = new VirtualMember(this, name, compress, this.#numbers);
    this.friends.set(name, friend);
    return friend;
  }

  connect(from: string, to: string): void {
    if (this.hubIsDown) return;
    if (this.#asked.has(`${to} ${from}`)) return this.introduce(from, to);
    this.#asked.add(`${from} ${to}`);
    this.#soon(() => this.friends.get(to)?.call((it, now) => it.pathRequested(from, now)));
  }

  refuse(from: string, to: string): void {
    this.#asked.delete(`${to} ${from}`);
    this.#soon(() => this.friends.get(to)?.call((it, now) => it.pathLost(from, 4_100, "the peer said no", now)));
  }

  introduce(a: string, b: string): void {
    this.#asked.delete(`${a} ${b}`);
    this.#asked.delete(`${b} ${a}`);
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const)
      this.#soon(() => {
        this.friends.get(one)?.open.add(other);
        this.friends.get(one)?.call((it, now) => it.pathOpened(other, { mtu: MTU, rtt_ms: null }, now));
      });
  }

  carry(from: string, to: string, bytes: Uint8Array): void {
    const { world, link } = this;
    this.sent.set(from, (this.sent.get(from) ?? 0) + 1);
    this.bytes.set(from, (this.bytes.get(from) ?? 0) + bytes.length);
    if (this.cut.has(`${from} ${to}`)) return;
    const times = world.dice() < (link.double ?? 0) ? 2 : 1;
    for (let time = 0; time < times; time++) {
      if (world.dice() < (link.loss ?? 0)) continue;
      let delay = link.delay_ms + (world.dice() * 2 - 1) * (link.jitter_ms ?? 0);
      if (link.rate !== undefined) {
        // Each direction shares one bottleneck: from capitalised names, and from others.
        const way = from < "a" ? "down" : "up";
        const free = Math.max(this.#freeAt.get(way) ?? 0, world.now);
        if ((free - world.now) * link.rate > (link.queue ?? Infinity)) continue;
        this.#freeAt.set(way, free + bytes.length / link.rate);
        delay += free + bytes.length / link.rate - world.now;
      }
      world.at(world.now + delay, () => {
        const friend = this.friends.get(to);
        if (friend?.open.has(from) === true) friend.call((it, now) => it.receiveDatagram(from, bytes, now));
      });
    }
  }

  #soon(what: () => void): void {
    this.world.at(this.world.now + 30, what);
  }
}

export class VirtualMember {
  readonly name: string;
  readonly messenger: Messenger;
  readonly open = new Set<string>();
  readonly events: (MessengerEvent & { readonly at: number })[] = [];
  /** Accepts every request. */
  accepts = true;
  readonly #table: VirtualLobby;
  #wakeAt = Infinity;

  constructor(table: VirtualLobby, name: string, compress: boolean, random: () => number) {
    this.#table = table;
    this.name = name;
    this.messenger = new Messenger({ self: name, compress, random });
  }

  call<T>(what: (messenger: Messenger, now: number) => T): T {
    const { world } = this.#table;
    const answer = what(this.messenger, world.now);
    this.#drain();
    return answer;
  }

  send(to: string, data: Uint8Array | string, flags = 9, channel = 0): number {
    return this.call((it, now) => it.sendMessageToUser(to, Buffer.from(data), flags, channel, now));
  }

  read(channel = 0, max = 10_000): Message[] {
    return this.call((it, now) => it.receiveMessagesOnChannel(channel, max, now));
  }

  texts(channel = 0): string[] {
    return this.read(channel).map(({ payload }) => Buffer.from(payload).toString());
  }

  /** Advances the time until a message arrives on the channel, and returns it. */
  waitForTexts(channel: number, within_ms: number): string[] {
    const { world } = this.#table;
    const texts: string[] = [];
    world.run(world.now + within_ms, () => texts.push(...this.texts(channel)) > 0);
    return texts;
  }

  requests(): string[] {
    return this.events.flatMap((event) => (event.type === "sessionRequest" ? [event.peer] : []));
  }

  failures(): (MessengerEvent & { type: "sessionFailed"; at: number })[] {
    return this.events.filter((event) => event.type === "sessionFailed");
  }

  state(peer: string): number {
    return this.info(peer).state;
  }

  info(peer: string) {
    return this.messenger.getSessionConnectionInfo(peer, this.#table.world.now);
  }

  #drain(): void {
    const { world } = this.#table;
    for (const { peer, bytes } of this.messenger.takeDatagrams()) {
      if (this.open.has(peer)) this.#table.carry(this.name, peer, bytes);
    }
    for (const { type, peer } of this.messenger.takePathRequests()) {
      if (type === "connect") this.#table.connect(this.name, peer);
      else if (type === "accept") this.#table.introduce(this.name, peer);
      else if (type === "refuse") this.#table.refuse(this.name, peer);
      else this.open.delete(peer);
    }
    for (const event of this.messenger.takeEvents()) {
      this.events.push({ ...event, at: world.now });
      if (event.type === "sessionRequest" && this.accepts) {
        world.at(world.now, () => this.call((it, now) => it.acceptSessionWithUser(event.peer, now)));
      }
    }
    const next = Math.max(this.messenger.deadline(), world.now);
    if (next === Infinity || (this.#wakeAt <= next && this.#wakeAt > world.now)) return;
    // A wake-up without effect must not repeat at the same time.
    const at = next === world.now ? next + 0.01 : next;
    this.#wakeAt = at;
    world.at(at, () => {
      if (this.#wakeAt === at) this.#wakeAt = Infinity;
      this.call((it, now) => it.wake(now));
    });
  }
}

/** Two members with a session. */
export function connectedPair(link: LinkConditions = FAIR, seed = 1, compress = false) {
  const table = new VirtualLobby(link, seed);
  const [ann, bob] = [table.join("ann", compress), table.join("Bob", compress)];
  ann.send("Bob", "hello", 9, 9);
  table.world.run(3_000);
  expect(bob.texts(9)).toStrictEqual(["hello"]);
  return { table, ann, bob, world: table.world };
}
