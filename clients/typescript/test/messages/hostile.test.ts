/** A malicious peer with a working path. */
import { describe, expect, test } from "vitest";
import { deflateRawSync } from "node:zlib";
import * as limits from "../../src/messages/limits.ts";
import { Messenger } from "../../src/messages/messenger.ts";
import { ConnectionEnd, SendFlags } from "../../src/messages/steam-constants.ts";
import {
  DataWriter,
  DEFLATED,
  type FragmentFrame,
  readPacket,
  writeBye,
  writeHello,
} from "../../src/messages/packets.ts";
import { numbersOf } from "../../../../test/support/dice.ts";
import { heapUsed } from "../../../../test/support/memory.ts";

const MTU = 1_207;

/** Bob is the client, and the test is Eve. */
class Duel {
  now = 0;
  readonly bob: Messenger;
  #number = 0;
  #to = 0;

  constructor() {
    this.bob = new Messenger({ self: "bob", compress: true, random: numbersOf(1) });
    this.bob.pathOpened("eve", { mtu: MTU, rtt_ms: 10 }, 0);
    this.says(writeHello({ to: 0, from: 77, version: 1, flags: 3 }));
    this.bob.acceptSessionWithUser("eve", 0);
    for (const { bytes } of this.bob.takeDatagrams()) {
      const packet = readPacket(bytes)!;
      if (packet.kind === "hello") this.#to = packet.from;
    }
    this.says(writeHello({ to: this.#to, from: 77, version: 1, flags: 2 }));
  }

  says(bytes: Uint8Array): void {
    this.bob.receiveDatagram("eve", bytes, this.now);
  }

  data(write: (out: DataWriter) => void, number = this.#number++): void {
    const out = new DataWriter(MTU, this.#to, number);
    write(out);
    this.says(out.finish());
  }

  bytes(channel: number, offset: number, bytes: Uint8Array): void {
    this.data((out) => out.bytes(channel, offset, bytes.length, (target) => target.set(bytes)));
  }

  piece(piece: Partial<FragmentFrame>): void {
    this.data((out) =>
      out.fragment({ channel: 0, message: 0, flags: 0, index: 0, count: 1, bytes: Buffer.from("x"), ...piece }),
    );
  }

  read(channel = 0): number[] {
    return this.bob.receiveMessagesOnChannel(channel, 10_000, this.now).map(({ payload }) => payload.length);
  }

  get state(): number {
    return this.bob.getSessionConnectionInfo("eve", this.now).state;
  }
}

const framed = (body: Uint8Array, head = body.length): Buffer => {
  const out = Buffer.alloc(4 + body.length);
  out.writeUInt32BE(head);
  out.set(body, 4);
  return out;
};

describe("received noise", () => {
  test("received noise as data never throws and changes nothing", () => {
    const duel = new Duel();
    const next = numbersOf(5);
    for (let time = 0; time < 20_000; time++) {
      const bytes = Buffer.from(Array.from({ length: next() % 60 }, () => next() & 255));
      if (bytes.length > 0) bytes[0] = [0, 2, 4, 5, 0xd6][next() % 5]!;
      duel.says(bytes);
    }
    expect(duel.state).toBe(3);
    duel.bytes(0, 0, framed(Buffer.from("hello")));
    expect(duel.read()).toStrictEqual([5]);
  });

  test("received noise as hello and bye never throws", () => {
    const duel = new Duel();
    const next = numbersOf(7);
    for (let time = 0; time < 20_000; time++) {
      const bytes = Buffer.from(Array.from({ length: 1 + (next() % 60) }, () => next() & 3));
      duel.says(bytes);
      duel.bob.takeDatagrams();
    }
    expect(duel.bob.peers.length).toBeLessThanOrEqual(1);
  });

  test("received noise in the right session without valid frames is ignored", () => {
    const duel = new Duel();
    const next = numbersOf(6);
    for (let time = 0; time < 20_000; time++) {
      duel.data((out) => {
        const noise = Buffer.from(Array.from({ length: 4 + (next() % 40) }, () => next() & 255));
        // Frames that state a longer length than they have.
        out.bytes(next() % 4, (next() % 1_000) * 100_000, noise.length, (target) => target.set(noise));
        const made = out.finish();
        for (let at = 11; at < made.length; at++) if (next() % 8 === 0) made[at] = next() & 255;
      }, 1_000_000 + time);
      duel.bob.takeDatagrams();
    }
    expect([3, 5]).toContain(duel.state);
  });
});

describe("a stream", () => {
  test("a stream beyond the window is refused", () => {
    const duel = new Duel();
    duel.bytes(0, limits.WINDOW_BYTES, Buffer.from("x"));
    duel.bytes(0, 2 ** 47, Buffer.from("x"));
    duel.bytes(0, 0, framed(Buffer.from("hello")));
    expect(duel.read()).toStrictEqual([5]);
  });

  test("a stream in a million single bytes uses a bounded number of ranges", () => {
    const duel = new Duel();
    const before = heapUsed();
    for (let at = 0; at < 200_000; at++) duel.bytes(0, 2 + at * 2, Buffer.from("x"));
    expect(heapUsed() - before).toBeLessThan(40_000_000);
    expect(duel.state).toBe(3);
  });

  test("a stream on too many channels is refused", () => {
    const duel = new Duel();
    for (let channel = 0; channel < 100; channel++) duel.bytes(channel, 0, framed(Buffer.from("hello")));
    const read = Array.from({ length: 100 }, (_, channel) => duel.read(channel).length);
    expect(read.reduce((a, b) => a + b)).toBe(limits.CHANNELS_MAX);
  });

  test("a stream with a message length above the limit ends the session", () => {
    const duel = new Duel();
    duel.bytes(0, 0, framed(Buffer.from("x"), 512 * 1_024 + 1));
    expect(duel.state).toBe(5);
    expect(duel.bob.takeEvents()).toMatchObject([
      { type: "sessionRequest" },
      { type: "sessionFailed", reason: ConnectionEnd.MiscGeneric },
    ]);
  });

  test("a stream that the game does not read gets no larger window", () => {
    const duel = new Duel();
    let offset = 0;
    for (let at = 0; at < 2_000; at++) {
      const bytes = framed(Buffer.alloc(1_000));
      duel.bytes(0, offset, bytes);
      offset += bytes.length;
    }
    const [waiting] = [duel.read().length];
    expect(waiting).toBe(Math.floor(limits.WINDOW_BYTES / 1_004));
  });
});

describe("a compression bomb", () => {
  const bomb = deflateRawSync(Buffer.alloc(100_000_000));

  test("a compression bomb in a reliable message ends the session when read, and never inflates beyond a message", () => {
    const duel = new Duel();
    expect(bomb.length).toBeLessThan(100_000);
    const bytes = framed(bomb, bomb.length + 0x8000_0000);
    for (let at = 0; at < bytes.length; at += 1_000) duel.bytes(0, at, bytes.subarray(at, at + 1_000));
    expect(duel.state).toBe(3);
    expect(duel.read()).toStrictEqual([]);
    expect(duel.state).toBe(5);
  });

  test("a compression bomb in an unreliable message is dropped", () => {
    const duel = new Duel();
    const count = Math.ceil(bomb.length / 1_000);
    for (let index = 0; index < count; index++)
      duel.piece({ index, count, flags: DEFLATED, bytes: bomb.subarray(index * 1_000, index * 1_000 + 1_000) });
    duel.piece({ message: 1, flags: DEFLATED, bytes: Buffer.from("no deflate") });
    expect(duel.read()).toStrictEqual([]);
    expect(duel.state).toBe(3);
  });
});

describe("unreliable fragments", () => {
  test("unreliable fragments of incomplete messages expire", () => {
    const duel = new Duel();
    const before = heapUsed();
    for (let message = 0; message < 100_000; message++) {
      duel.piece({ message, count: 4_000, bytes: Buffer.alloc(1_000) });
      if (message % 100 === 0) duel.bob.takeDatagrams();
    }
    expect(heapUsed() - before).toBeLessThan(60_000_000);
    duel.piece({ message: 200_000 });
    expect(duel.read()).toStrictEqual([1]);
  });

  test("unreliable fragments that the game does not read make room for newer ones", () => {
    const duel = new Duel();
    for (let message = 0; message < 5_000; message++)
      duel.piece({ message, bytes: Buffer.alloc(1 + (message % 1_000)) });
    const read = duel.read();
    expect(read.length).toBeLessThanOrEqual(limits.UNREAD_MAX);
    expect(read.at(-1)).toBe(1_000);
  });

  test("unreliable fragments that are duplicated make one message", () => {
    const duel = new Duel();
    for (let time = 0; time < 3; time++)
      duel.data(
        (out) => out.fragment({ channel: 0, message: 1, flags: 0, index: 0, count: 1, bytes: Buffer.from("x") }),
        5,
      );
    expect(duel.read()).toStrictEqual([1]);
  });
});

describe("a peer", () => {
  test("a peer that acknowledges unsent datagrams changes nothing", () => {
    const duel = new Duel();
    duel.bob.sendMessageToUser("eve", Buffer.from("hello"), SendFlags.ReliableNoNagle, 0, 0);
    duel.data((out) => out.ack([[500, 1_000_000]], 0, 1));
    expect(duel.bob.getSessionConnectionInfo("eve", 0).stats).toMatchObject({ unackedReliable_bytes: 9 });
    expect(duel.state).toBe(3);
  });

  test("a peer that states a huge acknowledgement delay cannot shorten the round trip", () => {
    const duel = new Duel();
    duel.bob.sendMessageToUser("eve", Buffer.from("hello"), SendFlags.ReliableNoNagle, 0, 0);
    duel.bob.takeDatagrams();
    duel.now = 100;
    duel.data((out) => out.ack([[0, 1]], 6_000, 1));
    expect(duel.bob.getSessionConnectionInfo("eve", 100).stats!.ping_ms).toBe(100);
  });

  test("a peer that sends a bye for another session ends nothing", () => {
    const duel = new Duel();
    duel.says(writeBye({ to: 12_345, from: 54_321, reason: 1_000, debug: "" }));
    expect(duel.state).toBe(3);
  });

  test("a peer of another version gets a bye with that reason", () => {
    const bob = new Messenger({ self: "bob", compress: true, random: numbersOf(1) });
    bob.pathOpened("eve", { mtu: MTU, rtt_ms: null }, 0);
    bob.sendMessageToUser("eve", Buffer.from("hi"), 8, 0, 0);
    bob.receiveDatagram("eve", writeHello({ to: 0, from: 5, version: 2, flags: 1 }), 0);
    expect(bob.takeEvents()).toMatchObject([{ reason: ConnectionEnd.RemoteBadProtocolVersion }]);
    expect(bob.takeDatagrams().map(({ bytes }) => readPacket(bytes)!.kind)).toContain("bye");
  });

  test("a peer that requests a thousand times causes one event per two seconds", () => {
    const bob = new Messenger({ self: "bob", compress: true, random: numbersOf(1) });
    bob.pathOpened("eve", { mtu: MTU, rtt_ms: null }, 0);
    for (let at = 0; at < 1_000; at++)
      bob.receiveDatagram("eve", writeHello({ to: 0, from: 1 + at, version: 1, flags: 1 }), at * 10);
    expect(bob.takeEvents()).toHaveLength(5);
    expect(bob.takeDatagrams()).toStrictEqual([]);
  });

  test("a peer among thousands of requesters takes no room from active sessions", () => {
    const bob = new Messenger({ self: "bob", compress: true, random: numbersOf(1) });
    expect(bob.sendMessageToUser("ann", Buffer.from("hi"), 8, 0, 0)).toBe(1);
    for (let at = 0; at < 5_000; at++) bob.pathRequested(`eve ${at}`, 0);
    expect(bob.peers).toHaveLength(limits.SESSIONS_MAX);
    expect(bob.getSessionConnectionInfo("ann", 0).state).toBe(1);
    expect(bob.sendMessageToUser("new", Buffer.from("hi"), 8, 0, 0)).toBe(1);
  });
});
