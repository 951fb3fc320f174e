/** Messages over real sockets of this machine, sealed as between two clients. */
import { afterEach, describe, expect, test } from "vitest";
import { numbersOf } from "../../../../test/support/dice.ts";
import { heapUsed } from "../../../../test/support/memory.ts";
import { ConnectionEnd, ConnectionState, Result, SendFlags } from "../../src/messages/steam-constants.ts";
import { Lobby, turn, until } from "../support/messages-sockets.ts";

const { Reliable, ReliableNoNagle, UnreliableNoNagle } = SendFlags;

let lobby = new Lobby();
afterEach(() => {
  lobby.close();
  lobby = new Lobby();
});

test("two peers accept each other and exchange messages", async () => {
  const [ann, bob] = [await lobby.enter("ann"), await lobby.enter("bob")];
  bob.messages.on("sessionRequest", (peer) => void bob.messages.acceptSessionWithUser(peer));
  expect(ann.messages.sendMessageToUser("bob", Buffer.from("hello"), ReliableNoNagle, 0)).toBe(Result.OK);
  expect(await bob.texts(0, 1)).toStrictEqual(["hello"]);
  expect(bob.messages.sendMessageToUser("ann", Buffer.from("hello yourself"), ReliableNoNagle, 3)).toBe(Result.OK);
  expect(await ann.texts(3, 1)).toStrictEqual(["hello yourself"]);
  expect(ann.messages.getSessionConnectionInfo("bob")).toMatchObject({
    state: ConnectionState.Connected,
    path: "direct",
  });
});

test("an ignored peer learns no address", async () => {
  const [ann, bob] = [await lobby.enter("ann"), await lobby.enter("bob")];
  const asked = new Promise<string>((done) => bob.messages.once("sessionRequest", done));
  ann.messages.sendMessageToUser("bob", Buffer.from("hello"), ReliableNoNagle, 0);
  expect(await asked).toBe("ann");
  expect(lobby.introduced).toStrictEqual([]);
  expect(ann.messages.getSessionConnectionInfo("bob").state).toBe(ConnectionState.Connecting);
});

test("a refused peer gets the reason", async () => {
  const [ann, bob] = [await lobby.enter("ann"), await lobby.enter("bob")];
  bob.messages.on("sessionRequest", (peer) => void bob.messages.closeSessionWithUser(peer));
  const failed = new Promise<unknown[]>((done) => ann.messages.once("sessionFailed", (...all) => done(all)));
  ann.messages.sendMessageToUser("bob", Buffer.from("hello"), ReliableNoNagle, 0);
  expect(await failed).toStrictEqual([ConnectionEnd.RemoteDenied, "bob", 5, "the peer does not want to talk"]);
});

test("a session whose path ends fails with the reason, and received messages stay readable", async () => {
  const [ann, bob] = [await lobby.enter("ann"), await lobby.enter("bob")];
  bob.messages.on("sessionRequest", (peer) => void bob.messages.acceptSessionWithUser(peer));
  ann.messages.sendMessageToUser("bob", Buffer.from("hello"), ReliableNoNagle, 0);
  await until(() => bob.messages.getSessionConnectionInfo("ann").state === ConnectionState.Connected);
  // Acknowledged, so Bob has it.
  await until(() => {
    const { state, stats } = ann.messages.getSessionConnectionInfo("bob");
    const isConfirmed = stats?.pendingReliable_bytes === 0 && stats.unackedReliable_bytes === 0;
    return state === ConnectionState.Connected && isConfirmed;
  });
  const failed = new Promise<unknown[]>((done) => bob.messages.once("sessionFailed", (...all) => done(all)));
  bob.paths.get("ann")!.onClosed!(ConnectionEnd.RemoteTimeout, "no consent for 30 s");
  expect(await failed).toStrictEqual([ConnectionEnd.RemoteTimeout, "ann", 5, "no consent for 30 s"]);
  expect(bob.messages.receiveMessagesOnChannel(0, 10).map(({ payload }) => `${Buffer.from(payload)}`)).toStrictEqual([
    "hello",
  ]);
});

test("a message of 512 KiB arrives through 5 % loss", async () => {
  lobby.loss = 0.05;
  const [ann, bob] = [await lobby.enter("ann"), await lobby.enter("bob")];
  bob.messages.on("sessionRequest", (peer) => void bob.messages.acceptSessionWithUser(peer));
  const level = Buffer.from(
    Array.from({ length: 128 * 1_024 }, numbersOf(3)).flatMap((n) => [
      n & 255,
      (n >>> 8) & 255,
      (n >>> 16) & 255,
      n >>> 24,
    ]),
  );
  expect(level).toHaveLength(512 * 1_024);
  expect(ann.messages.sendMessageToUser("bob", Buffer.concat([level, Buffer.from("x")]), Reliable, 2)).toBe(
    Result.InvalidParam,
  );
  expect(ann.messages.sendMessageToUser("bob", level, Reliable, 2)).toBe(Result.OK);
  const [arrived] = await bob.payloads(2, 1);
  expect(level.equals(arrived!)).toBe(true);
});

describe("100 peers in one lobby", () => {
  /** Each peer talks to so many others, so that two cores can run all of them. `PARLEY_PLAY_MS=60000` plays longer. */
  const [PEERS, OTHERS, PLAY_MS] = [100, 6, Number(process.env["PARLEY_PLAY_MS"] ?? 12_000)];

  test("100 peers in one lobby talk without losing reliable messages, in flat memory", async () => {
    lobby.loss = 0.02;
    const all = await Promise.all(Array.from({ length: PEERS }, (_, at) => lobby.enter(`p${at}`)));
    const [sent, received, positions] = [
      new Map<string, number>(),
      new Map<string, number>(),
      { sent: 0, received: 0 },
    ];
    const failures: unknown[] = [];
    for (const one of all) {
      one.messages.on("sessionRequest", (peer) => void one.messages.acceptSessionWithUser(peer));
      one.messages.on("sessionFailed", (...what) => failures.push(what));
    }
    const say = (at: number, isReliable: boolean, channel: number, bytes: number): void => {
      for (let other = 1; other <= OTHERS; other++) {
        const to = `p${(at + other) % PEERS}`;
        const pair = `${all[at]!.name} ${to} ${channel}`;
        const number = sent.get(pair) ?? 0;
        const body = Buffer.alloc(bytes);
        body.writeUInt32BE(number);
        const flags = isReliable ? ReliableNoNagle : UnreliableNoNagle;
        if (all[at]!.messages.sendMessageToUser(to, body, flags, channel) !== Result.OK) continue;
        if (isReliable) sent.set(pair, number + 1);
        else positions.sent++;
      }
    };
    const listen = (): void => {
      for (const one of all) {
        for (const channel of [0, 2]) {
          for (const { peer, payload } of one.messages.receiveMessagesOnChannel(channel, 1_000)) {
            const pair = `${peer} ${one.name} ${channel}`;
            // In order and exactly once.
            expect(Buffer.from(payload).readUInt32BE()).toBe(received.get(pair) ?? 0);
            received.set(pair, (received.get(pair) ?? 0) + 1);
          }
        }
        positions.received += one.messages.receiveMessagesOnChannel(1, 1_000).length;
      }
    };
    let early = 0;
    const began = performance.now();
    const total = (counts: Map<string, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);
    for (let round = 0; performance.now() - began < PLAY_MS || total(sent) <= 5_000; round++) {
      for (let at = 0; at < PEERS; at++) {
        say(at, false, 1, 32);
        if (round % 4 === at % 4) say(at, true, 0, 40);
        if (round % 40 === at % 40) say(at, true, 2, 5_000);
      }
      await turn();
      listen();
      if (early === 0 && performance.now() - began > PLAY_MS / 2) early = heapUsed();
    }
    await until(() => {
      listen();
      return total(received) === total(sent);
    });
    expect(received).toStrictEqual(sent);
    expect(failures).toStrictEqual([]);
    expect(positions.received).toBeGreaterThan(0.8 * positions.sent);
    // Unbounded growth would show in the second half.
    expect(heapUsed()).toBeLessThan(1.3 * early + 20_000_000);
  });
});
