/** A channel, and a peer that holds the key but states false sources. test/virtual runs channels behind NATs. */
import { describe, expect, test } from "vitest";
import { Channel } from "../../src/path/channel.ts";
import { UNVALIDATED_ADDRESSES_MAX, UNVALIDATED_MAX } from "../../src/path/limits.ts";
import type { Place } from "../../src/path/paths.ts";
import { type Message, readMessage, writeMessage } from "../../src/punch/messages.ts";
import { Seal } from "../../src/secure/seal.ts";
import { ALICE, BOB, plan } from "../support/punch.ts";

const KEY = new Uint8Array(32).fill(8);
const RELAY: Place = { socket: 0, to: { address: "45.0.0.9", port: 40_000 } };
const DIRECT: Place = { socket: 0, to: BOB };

class Table {
  now = 0;
  readonly peer = new Seal({ key: KEY, epoch: 0, role: "b" });
  readonly channel: Channel;
  readonly sent: { place: Place; message: Message }[] = [];
  #drawn = 0;

  constructor() {
    const random = (): number => (this.#drawn = (this.#drawn + 0.618_033_988_749) % 1);
    this.channel = new Channel({ key: KEY, epoch: 0, role: "a" }, random, 0);
  }

  says(message: Message, place: Place): boolean {
    const received = this.channel.receive(this.peer.seal(writeMessage(message), this.now), place, this.now);
    this.drain();
    return received;
  }

  pass(until: number): void {
    for (;;) {
      this.channel.wake(this.now);
      this.drain();
      const next = Math.max(this.channel.deadline(), this.now);
      if (next > until) break;
      this.now = next;
    }
    this.now = until;
  }

  drain(): void {
    for (const { place, bytes } of this.channel.takeDatagrams(this.now)) {
      const body = this.peer.open(bytes, this.now);
      if (body !== null) this.sent.push({ place, message: readMessage(body)! });
    }
  }

  /** The peer answers the unanswered probes to this place. */
  answers(place: Place): void {
    for (const { message, place: to } of this.sent.splice(0)) {
      if (message.kind === "probe" && to === place) this.says({ ...message, kind: "answer", seen: ALICE }, place);
    }
  }

  /** Whether the channel must be woken now. */
  get isDue(): boolean {
    return this.channel.deadline() <= this.now;
  }

  to(address: string): number {
    return this.sent.filter(({ place }) => place !== "tunnel" && place.to.address === address).length;
  }
}

const probe: Message = { kind: "probe", pair: 1, nonce: 2, time: 3, chosen: true };
const data: Message = { kind: "data", payload: Buffer.from("hello") };
const at = (address: string, port = 5_000): Place => ({ socket: 0, to: { address, port } });

describe("a peer that states a false source", () => {
  test("a peer that states a false source gets a few probes sent there, and no game data", () => {
    const table = new Table();
    table.channel.relay(RELAY, 0);
    for (let second = 0; second < 100; second++) {
      table.says(data, at("30.0.0.1"));
      table.says(probe, at("30.0.0.1"));
      table.channel.send(Buffer.from("game"), table.now);
      table.pass(table.now + 1_000);
      table.answers(RELAY);
    }
    expect(table.to("30.0.0.1")).toBeLessThanOrEqual(UNVALIDATED_MAX);
    expect(table.channel.path("direct")).toBeUndefined();
  });

  test("a peer that states a false source cannot direct many datagrams to third parties", () => {
    const table = new Table();
    for (let victim = 0; victim < 2_000; victim++) table.says(probe, at(`30.0.${victim >> 8}.${victim & 255}`));
    const addresses = new Set(table.sent.map(({ place }) => (place === "tunnel" ? "" : place.to.address)));
    expect(addresses.size).toBeLessThanOrEqual(UNVALIDATED_ADDRESSES_MAX);
    expect(table.sent.length).toBeLessThanOrEqual(UNVALIDATED_ADDRESSES_MAX + 1);
  });

  test.each(["127.0.0.1", "10.0.0.1", "192.168.1.1", "224.0.0.1", "::1", "fd00::1"])(
    "is not answered at %s",
    (address) => {
      const table = new Table();
      table.says(probe, at(address));
      table.says(data, at(address));
      table.pass(5_000);
      expect(table.sent).toStrictEqual([]);
    },
  );

  test("a peer that states a false source cannot answer for a place that received no probe", () => {
    const table = new Table();
    table.says(data, at("30.0.0.1"));
    for (let proof = 0; proof < 1_000; proof++)
      table.says({ kind: "answer", pair: 0xff00, nonce: proof, time: 0, chosen: false, seen: null }, at("30.0.0.1"));
    expect(table.channel.path("direct")).toBeUndefined();
  });
});

describe("a channel", () => {
  test("a channel has no path before one is set", () => {
    const { channel } = new Table();
    expect(channel.send(Buffer.from("x"), 0)).toBe(false);
    expect(channel.deadline()).toBe(Infinity);
  });

  test("a channel follows a new source that answers", () => {
    const table = new Table();
    table.says(data, DIRECT);
    table.answers(DIRECT);
    expect(table.channel.path("direct")?.place).toStrictEqual(DIRECT);
    expect(table.channel.takeEvents()).toContainEqual({
      silence_ms: 0,
      type: "path",
      path: "direct",
      rtt_ms: 0,
      why: "heard_again",
    });
  });

  test("a channel is not affected by datagrams without the key", () => {
    const table = new Table();
    table.channel.relay(RELAY, 0);
    const stranger = new Seal({ key: new Uint8Array(32), epoch: 0, role: "b" });
    for (let length = 0; length < 100; length++) {
      expect(table.channel.receive(new Uint8Array(length).fill(0xd6), RELAY, 0)).toBe(false);
      expect(table.channel.receive(stranger.seal(new Uint8Array(length), 0), DIRECT, 0)).toBe(false);
    }
    table.pass(1_000);
    expect(table.sent.every(({ place }) => place === RELAY)).toBe(true);
  });

  test("a channel delivers a datagram that arrives on two paths once", () => {
    const table = new Table();
    const bytes = table.peer.seal(writeMessage(data), 0);
    expect([RELAY, DIRECT].map((place) => table.channel.receive(bytes, place, 0))).toStrictEqual([true, false]);
    expect(table.channel.takeEvents().filter(({ type }) => type === "data")).toHaveLength(1);
  });

  test("a channel is due at once after a probe, and not after data of the game", () => {
    const table = new Table();
    table.channel.relay(RELAY, 0);
    table.pass(10);
    table.answers(RELAY);
    table.pass(20);
    const receive = (message: Message): boolean =>
      table.channel.receive(table.peer.seal(writeMessage(message), table.now), RELAY, table.now);
    expect([receive(data), table.channel.send(Buffer.from("x"), table.now), table.isDue]).toStrictEqual([
      true,
      true,
      false,
    ]);
    expect([receive(probe), table.isDue]).toStrictEqual([true, true]);
    table.channel.wake(table.now);
    expect(table.isDue).toBe(false);
  });

  test("a channel ignores unknown messages of later versions", () => {
    const table = new Table();
    for (let first = 0; first < 256; first++) {
      const bytes = table.peer.seal(new Uint8Array([first, 1, 2]), 0);
      expect(table.channel.receive(bytes, DIRECT, 0)).toBe(true);
    }
  });

  test("a channel reports the outcome of a punch, and requests another one later", () => {
    const table = new Table();
    table.channel.relay(RELAY, 0);
    table.channel.punch(plan(BOB), 0, 20, 0);
    const wishes: number[] = [];
    const seen: string[] = [];
    for (let second = 0; second < 30; second++) {
      table.pass(table.now + 1_000);
      table.answers(RELAY);
      for (const event of table.channel.takeEvents()) {
        seen.push(event.type === "punched" ? event.outcome.kind : event.type);
        if (event.type === "upgrade") wishes.push(table.now);
      }
    }
    expect(seen).toStrictEqual(["path", "given_up", "upgrade"]);
    expect(wishes).toStrictEqual([7_000]);
  });
});
