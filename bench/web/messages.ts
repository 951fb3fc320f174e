/**
 * Benchmarks messages between two pages of one Chromium: the browser client beside bare data channels with the same
 * settings, in turns, so that both meet the same machine. Both ends and the browser share its processors.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { isBrowserMissing } from "../../test/support/browser.ts";
import { GamePages } from "../../test/support/game-page.ts";
import { currentBundle } from "../../tools/run/bundle.ts";
import { startHub, stopHub } from "../../tools/run/hub.ts";
import { freePort } from "../../tools/run/ports.ts";
import { waitForJson } from "../../tools/run/processes.ts";
import { printTable, quantile } from "../measure.ts";

/** A position update, a part of a level, and the longest message of a bare channel that is portable. */
const SIZES = [100, 16_384, 65_535] as const;
const ROUNDS = 5;
/** Enough for about a second. */
const BYTES = { 100: 4_000_000, 16_384: 60_000_000, 65_535: 60_000_000 } as const;
const PINGS = 1_000;
const MB = 1_000_000;

type Kind = "bare" | "client";
const KINDS: readonly Kind[] = ["bare", "client"];

/** Prints the tables of throughput and latency. Without a browser it prints the reason instead. */
export async function benchWebMessages(): Promise<void> {
  if (isBrowserMissing()) return;
  const state = await mkdtemp(join(tmpdir(), "parley-bench-"));
  const port = await freePort("tcp");
  const hub = await startHub({ bundle: await currentBundle(), state, port, keys: "key-of-the-bench" });
  const pages = await GamePages.open();
  try {
    await waitForJson(`http://127.0.0.1:${port}/healthz`, (body) => body["ok"] === true, hub);
    const [ann, bob] = [await pages.newPage(), await pages.newPage()];
    await connect(ann, bob, `http://127.0.0.1:${port}`);
    await printThroughput(ann, bob);
    await printLatency(ann);
  } finally {
    await pages.close();
    await stopHub(hub);
    await rm(state, { recursive: true, force: true });
  }
}

async function printThroughput(ann: Page, bob: Page): Promise<void> {
  const rows: string[][] = [];
  for (const size of SIZES) {
    const [bare, client] = await inTurns((kind) => throughput(ann, bob, kind, size));
    rows.push([
      `reliable, ${size} bytes`,
      (bare / MB).toFixed(1),
      (client / MB).toFixed(1),
      (client / bare).toFixed(2),
    ]);
  }
  printTable([["MB per second", "bare channel", "client", "ratio"], ...rows]);
}

async function printLatency(ann: Page): Promise<void> {
  const rows: string[][] = [];
  for (const reliable of [true, false]) {
    const label = `${reliable ? "reliable" : "unreliable"}, 100 bytes`;
    const measured = await inTurns((kind) => ann.evaluate<number>(`roundTrip(pipes.${kind}, ${reliable}, ${PINGS})`));
    const [bare, client] = measured;
    rows.push([label, bare.toFixed(2), client.toFixed(2), (client - bare).toFixed(2)]);
  }
  printTable([["round trip, p50 ms", "bare channel", "client", "difference"], ...rows]);
}

/** The medians of both kinds, measured one after the other in each round. */
async function inTurns(measure: (kind: Kind) => Promise<number>): Promise<[bare: number, client: number]> {
  const measured = { bare: [] as number[], client: [] as number[] };
  // The first round warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const kind of round % 2 === 0 ? KINDS : KINDS.toReversed()) {
      const value = await measure(kind);
      if (round > 0) measured[kind].push(value);
    }
  }
  return [quantile(measured.bare, 0.5), quantile(measured.client, 0.5)];
}

/** Bytes per second, from the first message to the last. */
async function throughput(ann: Page, bob: Page, kind: Kind, size: (typeof SIZES)[number]): Promise<number> {
  const count = Math.ceil(BYTES[size] / size);
  await bob.evaluate(`void (globalThis.taken = receive(pipes.${kind}, ${count}))`);
  await ann.evaluate(`sendAll(pipes.${kind}, ${size}, ${count})`);
  return (size * count) / ((await bob.evaluate<number>("taken")) / 1_000);
}

async function connect(ann: Page, bob: Page, url: string): Promise<void> {
  for (const page of [ann, bob]) await page.evaluate(PIPES);
  const lobby = await ann.evaluate<string>(
    `enter(${JSON.stringify(url)}, (player) => player.host({ name: "Bench", seats: 2 }))`,
  );
  await bob.evaluate(`enter(${JSON.stringify(url)}, (player) => player.join({ id: ${JSON.stringify(lobby)} }))`);
  const offer = await ann.evaluate<object>("bareOffer()");
  const answer = await bob.evaluate<object>(`bareAnswer(${JSON.stringify(offer)})`);
  await ann.evaluate(`bareConnection.setRemoteDescription(${JSON.stringify(answer)})`);
  for (const page of [ann, bob]) await page.waitForFunction("pipes.bare.isOpen() && pipes.client !== undefined");
  // The other side answers pings, whose first byte is 1.
  await bob.evaluate(`for (const pipe of Object.values(pipes))
    pipe.on((bytes, reliable) => bytes[0] === 1 && pipe.send(bytes, reliable))`);
}

/**
 * Runs in the page. A pipe has `send(bytes, reliable)`, which returns false if the buffer is full, `drain()`, which resolves
 * once it is not, and `on(listener)`. The bare channels have the client's settings (webrtc/channels.ts, webrtc/limits.ts).
 */
const PIPES = `
  globalThis.pipes = {};
  globalThis.bareConnection = new RTCPeerConnection();
  const loose = { ordered: false, maxPacketLifeTime: 100 };
  const channels = [
    bareConnection.createDataChannel("unreliable", { negotiated: true, id: 1, ...loose }),
    bareConnection.createDataChannel("reliable", { negotiated: true, id: 0 }),
  ];
  for (const channel of channels) channel.binaryType = "arraybuffer";
  channels[1].bufferedAmountLowThreshold = 262_144;
  pipes.bare = {
    isOpen: () => channels.every(({ readyState }) => readyState === "open"),
    send(bytes, reliable) {
      const channel = channels[Number(reliable)];
      if (channel.bufferedAmount + bytes.length > 4_194_304) return false;
      channel.send(bytes);
      return true;
    },
    drain: () => new Promise((done) => channels[1].addEventListener("bufferedamountlow", done, { once: true })),
    on: (listener) => channels.forEach((channel, at) =>
      channel.addEventListener("message", ({ data }) => listener(new Uint8Array(data), at === 1))),
  };
  const clientPipe = (peer) => ({
    send: (bytes, reliable) => peer.send(bytes, { reliable, channel: Number(reliable) }),
    drain: () => new Promise((done) => peer.once("drain", done)),
    on: (listener) => peer.on("message", (bytes, channel) => listener(bytes, channel === 1)),
  });
  globalThis.enter = async (url, take) => {
    const seat = await take(await ParleyClient.open({ url }));
    seat.on("peer", (peer) => (pipes.client = clientPipe(peer)));
    return seat.lobby.id;
  };
  const described = async () => {
    await bareConnection.setLocalDescription();
    while (bareConnection.iceGatheringState !== "complete")
      await new Promise((done) => bareConnection.addEventListener("icegatheringstatechange", done, { once: true }));
    return bareConnection.localDescription.toJSON();
  };
  globalThis.bareOffer = described;
  globalThis.bareAnswer = async (offer) => {
    await bareConnection.setRemoteDescription(offer);
    return described();
  };

  const receivers = new Map();
  globalThis.receive = (pipe, count) => new Promise((done) => {
    if (!receivers.has(pipe)) pipe.on((bytes) => receivers.get(pipe)?.(bytes));
    let [began, received] = [0, 0];
    receivers.set(pipe, (bytes) => {
      if (received++ === 0) began = performance.now();
      if (received === count) done(performance.now() - began);
    });
  });
  globalThis.sendAll = async (pipe, size, count) => {
    const bytes = new Uint8Array(size);
    for (let sent = 0; sent < count; sent++) while (!pipe.send(bytes, true)) await pipe.drain();
  };
  const pongs = new Map();
  globalThis.roundTrip = async (pipe, reliable, count) => {
    if (!pongs.has(pipe)) pipe.on((bytes) => bytes[0] === 1 && pongs.get(pipe)?.());
    const times = [];
    const bytes = new Uint8Array(100).fill(1);
    for (let ping = 0; ping < count; ping++) {
      const began = performance.now();
      await new Promise((done) => {
        pongs.set(pipe, done);
        pipe.send(bytes, reliable);
      });
      times.push(performance.now() - began);
    }
    return times.sort((a, b) => a - b)[count >> 1];
  };
`;

if (import.meta.main) await benchWebMessages();
