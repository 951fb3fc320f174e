/** Benchmarks messages between two peers in this process, over encrypted datagrams on loopback, and plain UDP. */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { Result, SendFlags } from "../clients/typescript/src/messages/steam-constants.ts";
import type { PeerMessages } from "../clients/typescript/src/steam/messages.ts";
import { Lobby, turn, until } from "../clients/typescript/test/support/messages-sockets.ts";
import { MEASURE_MS, quantile, WARM_UP_MS } from "./measure.ts";

/** The size of a full datagram, and of a position update. */
export const DATAGRAM_BYTES = 1_232;
export const POSITION_BYTES = 32;
const CHUNK_BYTES = 64 * 1_024;
/** Messages or datagrams sent per turn of the event loop. */
const BATCH = 64;
const PROBE_EVERY_MS = 20;

/** Per CPU-second of both ends together. */
export type MessageThroughput = { readonly each_per_cpu_s: number; readonly bytes_per_cpu_s: number };

/** Datagrams between two plain UDP sockets. */
export async function measurePlainUdp(bytes: number): Promise<MessageThroughput> {
  const [from, to] = [createSocket("udp4"), createSocket({ type: "udp4", recvBufferSize: 1 << 21 })];
  to.bind(0, "127.0.0.1");
  await once(to, "listening");
  const { port } = to.address();
  let received = 0;
  to.on("message", () => received++);
  const body = Buffer.alloc(bytes);
  const carried = await measureThroughput(
    () => {
      for (let one = 0; one < BATCH; one++) from.send(body, port, "127.0.0.1");
    },
    () => received,
    bytes,
  );
  from.close();
  to.close();
  return carried;
}

/** Incompressible reliable messages of 64 KiB, as many as the send queue accepts. */
export const measureReliable = (): Promise<MessageThroughput> =>
  withPeers(0, (ann, bob) => {
    const chunk = randomBytes(CHUNK_BYTES);
    let read = 0;
    return measureThroughput(
      () => {
        while (ann.sendMessageToUser("bob", chunk, SendFlags.Reliable, 0) === Result.OK);
        read += bob.receiveMessagesOnChannel(0, 100).length;
      },
      () => read,
      CHUNK_BYTES,
    );
  });

/** Position updates: each in a separate datagram, or several in one. */
export const measureUnreliable = (isSeparate: boolean): Promise<MessageThroughput> =>
  withPeers(0, (ann, bob) => {
    const position = Buffer.alloc(POSITION_BYTES);
    const flags = isSeparate ? SendFlags.UnreliableNoNagle : SendFlags.Unreliable;
    let read = 0;
    return measureThroughput(
      () => {
        for (let one = 0; one < BATCH; one++) ann.sendMessageToUser("bob", position, flags, 1);
        read += bob.receiveMessagesOnChannel(1, 1_000).length;
      },
      () => read,
      POSITION_BYTES,
    );
  });

export type MessageLatency = { readonly p50_ms: number; readonly p99_ms: number; readonly lost: number };

/** Latency of a small message while a large one is always in flight. */
export const measureLatency = (isReliable: boolean, loss: number): Promise<MessageLatency> =>
  withPeers(loss, async (ann, bob) => {
    const chunk = randomBytes(CHUNK_BYTES);
    const flags = isReliable ? SendFlags.ReliableNoNagle : SendFlags.UnreliableNoNagle;
    const took: number[] = [];
    let [sent, due] = [0, 0];
    const began = performance.now();
    const receive = (): void => {
      for (const { payload } of bob.receiveMessagesOnChannel(1, 100))
        took.push(performance.now() - Buffer.from(payload).readDoubleBE());
      bob.receiveMessagesOnChannel(0, 100);
    };
    while (performance.now() - began < MEASURE_MS) {
      // One large message at a time: more would measure this process instead.
      if (ann.getSessionConnectionInfo("bob").stats!.pendingReliable_bytes === 0) {
        ann.sendMessageToUser("bob", chunk, SendFlags.Reliable, 0);
      }
      if (performance.now() >= due) {
        due = performance.now() + PROBE_EVERY_MS;
        const body = Buffer.alloc(8);
        body.writeDoubleBE(performance.now());
        ann.sendMessageToUser("bob", body, flags, 1);
        sent++;
      }
      await turn();
      receive();
    }
    if (isReliable) {
      await until(() => {
        receive();
        return took.length === sent;
      });
    }
    return { p50_ms: quantile(took, 0.5), p99_ms: quantile(took, 0.99), lost: 1 - took.length / sent };
  });

/** Runs a measurement with two connected peers. */
async function withPeers<T>(loss: number, measure: (ann: PeerMessages, bob: PeerMessages) => Promise<T>): Promise<T> {
  const lobby = new Lobby();
  const [ann, bob] = [await lobby.enter("ann"), await lobby.enter("bob")];
  bob.messages.on("sessionRequest", (peer) => void bob.messages.acceptSessionWithUser(peer));
  ann.messages.sendMessageToUser("bob", Buffer.from("hello"), SendFlags.ReliableNoNagle, 2);
  await bob.texts(2, 1);
  lobby.loss = loss;
  try {
    return await measure(ann.messages, bob.messages);
  } finally {
    lobby.close();
  }
}

async function measureThroughput(action: () => void, count: () => number, bytes: number): Promise<MessageThroughput> {
  const repeat = async (for_ms: number): Promise<void> => {
    for (const began = performance.now(); performance.now() - began < for_ms; await new Promise(setImmediate)) action();
  };
  await repeat(WARM_UP_MS);
  const [before, cpu] = [count(), process.cpuUsage()];
  await repeat(MEASURE_MS);
  const { user, system } = process.cpuUsage(cpu);
  const each_per_cpu_s = (count() - before) / ((user + system) / 1_000_000);
  return { each_per_cpu_s, bytes_per_cpu_s: each_per_cpu_s * bytes };
}
