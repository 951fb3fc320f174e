/** Browsers play: real Chromium pages with the client meet in lobbies of a real hub, directly and over a real coturn. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { isBrowserMissing } from "../support/browser.ts";
import { Coturn, isCoturnMissing } from "../support/coturn.ts";
import { GamePages } from "../support/game-page.ts";
import { TestStack } from "../support/test-stack.ts";

const TURN_SECRET = "north-0917-2468-abcdef";

const isSkipped = isBrowserMissing() || isCoturnMissing();
let stack: TestStack;
let turn: Coturn;
let pages: GamePages;
beforeAll(async () => {
  if (isSkipped) return;
  turn = await Coturn.open(TURN_SECRET);
  const hub = { TURN_SECRET, TURN_URLS: `turn:127.0.0.1:${turn.port}?transport=udp` };
  stack = await TestStack.open({ hub, settings: { PARLEY_PORTS: "PORT=native", PARLEY_ADDRESSES: "127.0.0.1" } });
  pages = await GamePages.open();
});
afterEach(() => pages?.closePages());
afterAll(async () => {
  await pages?.close();
  await stack?.close();
  await turn?.close();
});

/**
 * Opens a player in the page: `seat`, its `peers` by id, and `received` with every message as `from:channel:text`. `lobby`:
 * to join, `resume`, or null to host one. Returns the lobby's id.
 */
async function enter(page: Page, lobby: string | null, settings: object = {}, options: object = {}): Promise<string> {
  const text = JSON.stringify;
  const hosting = `player.host(${text({ name: "Nice", seats: 8, ...settings })})`;
  const resuming = "player.resume().then(([first]) => first)";
  const seat = lobby === null ? hosting : lobby === "resume" ? resuming : `player.join(${text({ id: lobby })})`;
  return page.evaluate(`(async () => {
    globalThis.player = await ParleyClient.open(${text({ url: stack.url, ...options })});
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

const idOf = (page: Page): Promise<string> => page.evaluate("player.id");

const connected = (page: Page, count: number): Promise<unknown> =>
  page.waitForFunction(`peers.size === ${count} && [...peers.values()].every((peer) => peer.path !== null)`);

const pathsOf = (page: Page): Promise<string[]> => page.evaluate("[...peers.values()].map(({ path }) => path)");

/** Sends a text to every peer of the page. */
async function say(page: Page, text: string, options: object = { reliable: true }): Promise<void> {
  const send = `peer.send(new TextEncoder().encode(${JSON.stringify(text)}), ${JSON.stringify(options)})`;
  expect(await page.evaluate(`[...peers.values()].every((peer) => ${send})`)).toBe(true);
}

const hears = (page: Page, message: string): Promise<unknown> =>
  page.waitForFunction(`received.includes(${JSON.stringify(message)})`);

async function open(count: number, settings: object = {}): Promise<Page[]> {
  const all = await Promise.all(Array.from({ length: count }, () => pages.newPage()));
  const lobby = await enter(all[0]!, null, settings);
  await Promise.all(all.slice(1).map((page) => enter(page, lobby)));
  return all;
}

describe.skipIf(isSkipped)("browsers in one lobby", () => {
  test("two connect directly and exchange messages on channels", async () => {
    const [ann, bob] = (await open(2)) as [Page, Page];
    await Promise.all([connected(ann, 1), connected(bob, 1)]);
    expect([await pathsOf(ann), await pathsOf(bob)]).toStrictEqual([["direct"], ["direct"]]);
    await say(ann, "hello", { reliable: true, channel: 7 });
    await hears(bob, `${await idOf(ann)}:7:hello`);
    await say(bob, "quick");
    await hears(ann, `${await idOf(bob)}:0:quick`);
  });

  test.each([
    ["mesh", [3, 3, 3, 3]],
    ["star", [3, 1, 1, 1]],
  ] as const)("four connect as a %s", async (topology, counts) => {
    const all = await Promise.all(counts.map(() => pages.newPage()));
    const lobby = await enter(all[0]!, null, {}, { topology });
    await Promise.all(all.slice(1).map((page) => enter(page, lobby, {}, { topology })));
    await Promise.all(all.map((page, at) => connected(page, counts[at]!)));
    await say(all[0]!, "all");
    const from = await idOf(all[0]!);
    await Promise.all(all.slice(1).map((page) => hears(page, `${from}:0:all`)));
  });

  test("ten thousand messages arrive each way, reliable ones in order and complete", async () => {
    const [ann, bob] = (await open(2)) as [Page, Page];
    await Promise.all([connected(ann, 1), connected(bob, 1)]);
    for (const page of [ann, bob]) await page.evaluate(COUNT_MESSAGES);
    await Promise.all([ann, bob].map((page) => page.evaluate(SEND_MESSAGES)));
    for (const page of [ann, bob]) {
      await page.waitForFunction("reliable.length === 10000");
      expect(await page.evaluate("reliable.every((number, at) => number === at)")).toBe(true);
      const loose = await page.evaluate<number[]>("unreliable");
      expect(new Set(loose).size).toBe(loose.length);
      expect(loose.length).toBeGreaterThan(1_000);
    }
  });

  test("a message of 512 KiB arrives whole, a longer one is an error, and a full buffer is reported", async () => {
    const [ann, bob] = (await open(2)) as [Page, Page];
    await Promise.all([connected(ann, 1), connected(bob, 1)]);
    await bob.evaluate(`globalThis.lengths = []; [...peers.values()][0].on("message", (bytes) => {
      lengths.push(bytes.every((byte, at) => byte === at % 251) ? bytes.length : -1);
    })`);
    const result = await ann.evaluate<{ sent: number; buffered: number; refusal: string }>(FILL_BUFFER);
    expect(result.buffered).toBeGreaterThan(3_000_000);
    expect(result.refusal).toBe("RangeError: 524289 bytes exceed the 524288 of a message");
    await bob.waitForFunction(`lengths.length === ${result.sent}`);
    expect(new Set(await bob.evaluate<number[]>("lengths"))).toStrictEqual(new Set([524_288]));
  });

  test("a lobby that hides addresses is relayed by coturn, and no signal holds an address", async () => {
    const [ann, bob] = [await pages.newPage(), await pages.newPage()];
    for (const page of [ann, bob]) await page.evaluate(RECORD_SIGNALS);
    await enter(bob, await enter(ann, null, { relay: "always" }));
    await Promise.all([connected(ann, 1), connected(bob, 1)]);
    expect([await pathsOf(ann), await pathsOf(bob)]).toStrictEqual([["relay"], ["relay"]]);
    await say(ann, "hidden");
    await hears(bob, `${await idOf(ann)}:0:hidden`);
    const signals = (await ann.evaluate<string[]>("signals")).concat(await bob.evaluate<string[]>("signals"));
    expect(signals.length).toBeGreaterThan(1);
    expect(signals.join("\n")).toMatch(/ typ relay raddr 0\.0\.0\.0 rport 0/);
    expect(signals.join("\n")).not.toMatch(/ typ (host|srflx|prflx)/);
    const users = turn.lines.join("\n");
    for (const page of [ann, bob]) expect(users).toMatch(new RegExp(`user <\\d+:${await idOf(page)}>`));
  });

  test("a swapped fingerprint is refused and counted, and the next honest signal connects", async () => {
    const [ann, bob] = [await pages.newPage(), await pages.newPage()];
    for (const page of [ann, bob]) await page.evaluate(SWAP_FINGERPRINTS);
    await enter(bob, await enter(ann, null));
    const isRefused = "seat.peers[0]?.refusedSignals.forged > 0";
    await Promise.race([ann.waitForFunction(isRefused), bob.waitForFunction(isRefused)]);
    expect([await pathsOf(ann), await pathsOf(bob)]).toStrictEqual([[], []]);
    for (const page of [ann, bob]) await page.evaluate("globalThis.isSwapping = false");
    await Promise.all([connected(ann, 1), connected(bob, 1)]);
  });

  test("a reloaded tab gets its seat back and connects again", async () => {
    const [ann, bob] = (await open(2)) as [Page, Page];
    await Promise.all([connected(ann, 1), connected(bob, 1)]);
    const [id, lobby] = [await idOf(ann), await ann.evaluate<string>("seat.lobby.id")];
    await ann.reload();
    await ann.waitForFunction("globalThis.ParleyClient !== undefined");
    const began = performance.now();
    expect(await enter(ann, "resume")).toBe(lobby);
    expect([await idOf(ann), await ann.evaluate("seat.lobby.host")]).toStrictEqual([id, id]);
    await Promise.all([connected(ann, 1), connected(bob, 1)]);
    if (process.env["PARLEY_TABLE"]) console.log(`a reloaded tab: ${Math.round(performance.now() - began)} ms`);
    await say(bob, "again");
    await hears(ann, `${await idOf(bob)}:0:again`);
  });

  test("a changed network restarts ICE, and messages that were sent meanwhile arrive", async () => {
    const [ann, bob] = (await open(2)) as [Page, Page];
    await Promise.all([connected(ann, 1), connected(bob, 1)]);
    await ann.evaluate(RECORD_SIGNALS);
    await ann.evaluate("dispatchEvent(new Event('online'))");
    await say(ann, "meanwhile");
    await hears(bob, `${await idOf(ann)}:0:meanwhile`);
    await ann.waitForFunction("signals.some((text) => text.includes('offer'))");
    await connected(ann, 1);
  });

  test("a member that must be asked denies, then accepts, and a member that leaves closes its connections", async () => {
    const [ann, bob] = [await pages.newPage(), await pages.newPage()];
    const lobby = await enter(ann, null, { consent: "ask" });
    await ann.evaluate("globalThis.asked = []; seat.on('request', (request) => asked.push(request))");
    await enter(bob, lobby, {}, { topology: "none" });
    const attempt = bob.evaluate("seat.connect(seat.lobby.host).catch(String)");
    await ann.waitForFunction("asked.length === 1");
    await ann.evaluate("asked[0].deny()");
    expect(await attempt).toMatch(/remote_denied/);
    await bob.evaluate("void seat.on('request', (request) => request.accept())");
    await ann.evaluate("globalThis.attempt = seat.connect(seat.others[0]).then(({ path }) => path)");
    expect(await ann.evaluate("attempt")).toBe("direct");
    await connected(bob, 1);
    await ann.evaluate("player.close()");
    await bob.waitForFunction("peers.size === 0");
  });
});

/** Runs in the page: `reliable` and `unreliable` get the numbers of the messages by channel. */
const COUNT_MESSAGES = `
  globalThis.reliable = [];
  globalThis.unreliable = [];
  [...peers.values()][0].on("message", (bytes, channel) => {
    (channel === 1 ? reliable : unreliable).push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0));
  });
`;
const SEND_MESSAGES = `(async () => {
  const [peer] = peers.values();
  const bytes = new Uint8Array(100);
  for (let number = 0; number < 10_000; number++) {
    new DataView(bytes.buffer).setUint32(0, number);
    while (!peer.send(bytes, { channel: 2 })) await new Promise((done) => setTimeout(done, 1));
    while (!peer.send(bytes, { reliable: true, channel: 1 })) await new Promise((done) => peer.once("drain", done));
  }
})()`;
const FILL_BUFFER = `(async () => {
  const [peer] = peers.values();
  const message = Uint8Array.from({ length: 524_288 }, (_, at) => at % 251);
  let sent = 0;
  while (peer.send(message, { reliable: true })) sent++;
  const buffered = peer.bufferedAmount;
  await new Promise((done) => peer.once("drain", done));
  if (peer.send(message, { reliable: true })) sent++;
  try {
    peer.send(new Uint8Array(524_289), { reliable: true });
  } catch (error) {
    return { sent, buffered, refusal: String(error) };
  }
})()`;
/** Runs in the page: `signals` gets every signal that the page sends. */
const RECORD_SIGNALS = `
  globalThis.signals = [];
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (text) {
    if (text.includes('"type":"signal"')) signals.push(text);
    send.call(this, text);
  };
  // Without an open socket a signal goes over HTTP.
  const { fetch: request } = globalThis;
  globalThis.fetch = (url, options) => {
    if (url.endsWith("/signals")) signals.push(options.body);
    return request(url, options);
  };
`;
/** Runs in the page: an attacker between the two puts another fingerprint into each description. */
const SWAP_FINGERPRINTS = `
  globalThis.isSwapping = true;
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (text) {
    const changed = text.replace(/(fingerprint:sha-256 )[0-9A-F]{2}:[0-9A-F]{2}/, "$1" + "00:00");
    send.call(this, isSwapping ? changed : text);
  };
`;
