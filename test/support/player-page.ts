/** A player in a page of game-page.ts: the steps of a game, and what the page has seen. */
import type { Page } from "playwright-core";
import { expect } from "vitest";

/** The candidates of the selected pair, as the browser's statistics name them (webrtc-stats). */
export type SelectedPair = {
  readonly local: string;
  readonly remote: string;
  /** Between this browser and its TURN server: `udp`, `tcp` or `tls`. null without one. */
  readonly relayProtocol: string | null;
};

/**
 * Opens a player in the page: `seat`, its `peers` by id, and `received` with every message as `from:channel:text`. `lobby`:
 * to join, `resume`, or null to host one. Returns the lobby's id.
 */
export async function enter(
  page: Page,
  hub: string,
  lobby: string | null,
  settings: object = {},
  options: object = {},
): Promise<string> {
  const text = JSON.stringify;
  const hosting = `player.host(${text({ name: "Nice", seats: 8, ...settings })})`;
  const resuming = "player.resume().then(([first]) => first)";
  const seat = lobby === null ? hosting : lobby === "resume" ? resuming : `player.join(${text({ id: lobby })})`;
  return page.evaluate(`(async () => {
    globalThis.player = await ParleyClient.open(${text({ url: hub, ...options })});
    globalThis.peers = new Map();
    globalThis.received = [];
    globalThis.seat = await ${seat};
    seat.on("peer", (peer) => {
      peers.set(peer.id, peer);
      const read = (bytes) => new TextDecoder().decode(bytes);
      peer.on("message", (bytes, channel) => received.push(peer.id + ":" + channel + ":" + read(bytes)));
      peer.on("closed", () => peers.get(peer.id) === peer && peers.delete(peer.id));
    });
    return seat.lobby.id;
  })()`);
}

export const idOf = (page: Page): Promise<string> => page.evaluate("player.id");

export const connected = (page: Page, count: number): Promise<unknown> =>
  page.waitForFunction(`peers.size === ${count} && [...peers.values()].every((peer) => peer.path !== null)`);

/** The paths to the peers of the page, sorted. */
export const pathsOf = (page: Page): Promise<string[]> =>
  page.evaluate("[...peers.values()].map(({ path }) => path).sort()");

/** Resolves once the page's paths, sorted, are these. The first path may be a relay, which a direct one replaces. */
export async function pathsBecome(page: Page, paths: readonly string[]): Promise<void> {
  await expect.poll(() => pathsOf(page), { timeout: 30_000 }).toStrictEqual(paths);
}

/** Sends a text to every peer of the page. */
export async function sendText(page: Page, text: string, options: object = { reliable: true }): Promise<void> {
  const send = `peer.send(new TextEncoder().encode(${JSON.stringify(text)}), ${JSON.stringify(options)})`;
  if (!(await page.evaluate(`[...peers.values()].every((peer) => ${send})`))) throw new Error(`${text} was not sent`);
}

export const waitForText = (page: Page, message: string): Promise<unknown> =>
  page.waitForFunction(`received.includes(${JSON.stringify(message)})`);

/** Makes every connection that the page opens from now on visible to `selectedPairs`. Call it before `enter`. */
export const recordConnections = (page: Page): Promise<unknown> =>
  page.evaluate(`
    globalThis.connections = [];
    const { RTCPeerConnection } = globalThis;
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...options) {
        super(...options);
        connections.push(this);
      }
    };
  `);

/** Of every open connection of the page. */
export const selectedPairs = (page: Page): Promise<SelectedPair[]> =>
  page.evaluate(`Promise.all(
    connections.filter(({ connectionState }) => connectionState === "connected").map(async (connection) => {
      const stats = await connection.getStats();
      const transport = [...stats.values()].find(({ type }) => type === "transport");
      const pair = stats.get(transport.selectedCandidatePairId);
      const [local, remote] = [stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)];
      const relayProtocol = local.relayProtocol ?? null;
      return { local: local.candidateType, remote: remote.candidateType, relayProtocol };
    }),
  )`);

/**
 * The page counts the messages of `send` from now on: `reliable` and `unreliable` get the numbers of the messages. `from`:
 * the id of the sender.
 */
export const countNumbers = (page: Page, from: string): Promise<unknown> =>
  page.evaluate(`
    globalThis.reliable = [];
    globalThis.unreliable = [];
    peers.get(${JSON.stringify(from)}).on("message", (bytes, channel) => {
      (channel === 1 ? reliable : unreliable).push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0));
    });
  `);

/** Sends `count` numbered messages of 100 bytes to a peer, each reliably and unreliably. */
export const sendNumbers = (page: Page, to: string, count: number): Promise<unknown> =>
  page.evaluate(`(async () => {
    const peer = peers.get(${JSON.stringify(to)});
    const bytes = new Uint8Array(100);
    for (let number = 0; number < ${count}; number++) {
      new DataView(bytes.buffer).setUint32(0, number);
      while (!peer.send(bytes, { channel: 2 })) await new Promise((done) => setTimeout(done, 1));
      while (!peer.send(bytes, { reliable: true, channel: 1 })) await new Promise((done) => peer.once("drain", done));
    }
  })()`);

/** Waits until all reliable messages have arrived: whether they are in order, and the unreliable ones. */
export async function countedNumbers(page: Page, count: number): Promise<{ inOrder: boolean; unreliable: number[] }> {
  await page.waitForFunction(`reliable.length === ${count}`);
  return page.evaluate("({ inOrder: reliable.every((number, at) => number === at), unreliable })");
}
