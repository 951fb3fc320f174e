/** Browsers play: real Chromium pages with the client meet in lobbies of a real hub, directly and over a real coturn. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { isBrowserMissing } from "../support/browser.ts";
import { Coturn, isCoturnMissing } from "../support/coturn.ts";
import { GamePages } from "../support/game-page.ts";
import {
  connected,
  countedNumbers,
  countNumbers,
  enter,
  waitForText,
  idOf,
  pathsBecome,
  pathsOf,
  sendText,
  sendNumbers,
} from "../support/player-page.ts";
import { eventually, NATIVE, TestStack } from "../support/test-stack.ts";

const isSkipped = isBrowserMissing() || isCoturnMissing();
let stack: TestStack;
let turn: Coturn;
let pages: GamePages;
beforeAll(async () => {
  if (isSkipped) return;
  turn = await Coturn.open();
  stack = await TestStack.open({ hub: turn.settings, settings: NATIVE });
  pages = await GamePages.open();
});
afterEach(() => pages?.closePages());
afterAll(async () => {
  await pages?.close();
  await stack?.close();
  await turn?.close();
});

async function open(count: number, settings: object = {}): Promise<Page[]> {
  const all = await Promise.all(Array.from({ length: count }, () => pages.newPage()));
  const lobby = await enter(all[0]!, stack.url, null, settings);
  await Promise.all(all.slice(1).map((page) => enter(page, stack.url, lobby)));
  return all;
}

/** All have their connections, and the host's message reaches the others. */
async function reachesAll(host: Page, others: readonly Page[], topology: "mesh" | "star"): Promise<void> {
  const each = topology === "mesh" ? others.length : 1;
  await Promise.all([connected(host, others.length), ...others.map((page) => connected(page, each))]);
  await sendText(host, "all");
  const from = await idOf(host);
  await Promise.all(others.map((page) => waitForText(page, `${from}:0:all`)));
}

describe.skipIf(isSkipped)("browsers in one lobby", () => {
  test("two connect directly and exchange messages on channels", async () => {
    const [ann, bob] = (await open(2)) as [Page, Page];
    await Promise.all([connected(ann, 1), connected(bob, 1)]);
    for (const page of [ann, bob]) await pathsBecome(page, ["direct"]);
    await sendText(ann, "hello", { reliable: true, channel: 7 });
    await waitForText(bob, `${await idOf(ann)}:7:hello`);
    await sendText(bob, "quick");
    await waitForText(ann, `${await idOf(bob)}:0:quick`);
  });

  test.each(["mesh", "star"] as const)(
    "a %s of eight goes on when its host leaves and the next member hosts",
    async (topology) => {
      const all = await Promise.all(Array.from({ length: 8 }, () => pages.newPage()));
      const lobby = await enter(all[0]!, stack.url, null, {}, { topology });
      await Promise.all(all.slice(1).map((page) => enter(page, stack.url, lobby, {}, { topology })));
      await reachesAll(all[0]!, all.slice(1), topology);

      const ids = await Promise.all(all.map(idOf));
      await all[0]!.evaluate("player.close()");
      const others = all.slice(1);
      await Promise.all(others.map((page) => page.waitForFunction(`![null, "${ids[0]}"].includes(seat.lobby.host)`)));
      const next = ids.indexOf(await others[0]!.evaluate<string>("seat.lobby.host"));
      expect(next).toBeGreaterThan(0);
      await reachesAll(
        all[next]!,
        others.filter((page) => page !== all[next]),
        topology,
      );
    },
  );

  test("ten thousand messages arrive each way, reliable ones in order and complete", async () => {
    const [ann, bob] = (await open(2)) as [Page, Page];
    await Promise.all([connected(ann, 1), connected(bob, 1)]);
    const [idOfAnn, idOfBob] = [await idOf(ann), await idOf(bob)];
    await Promise.all([countNumbers(ann, idOfBob), countNumbers(bob, idOfAnn)]);
    await Promise.all([sendNumbers(ann, idOfBob, 10_000), sendNumbers(bob, idOfAnn, 10_000)]);
    for (const page of [ann, bob]) {
      const { inOrder, unreliable } = await countedNumbers(page, 10_000);
      expect(inOrder).toBe(true);
      expect(new Set(unreliable).size).toBe(unreliable.length);
      expect(unreliable.length).toBeGreaterThan(1_000);
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
    await enter(bob, stack.url, await enter(ann, stack.url, null, { relay: "always" }));
    await Promise.all([connected(ann, 1), connected(bob, 1)]);
    expect([await pathsOf(ann), await pathsOf(bob)]).toStrictEqual([["relay"], ["relay"]]);
    await sendText(ann, "hidden");
    await waitForText(bob, `${await idOf(ann)}:0:hidden`);
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
    await enter(bob, stack.url, await enter(ann, stack.url, null));
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
    expect(await enter(ann, stack.url, "resume")).toBe(lobby);
    expect([await idOf(ann), await ann.evaluate("seat.lobby.host")]).toStrictEqual([id, id]);
    await Promise.all([connected(ann, 1), connected(bob, 1)]);
    if (process.env["PARLEY_TABLE"]) console.log(`a reloaded tab: ${Math.round(performance.now() - began)} ms`);
    await sendText(bob, "again");
    await waitForText(ann, `${await idOf(bob)}:0:again`);
  });

  test("a changed network restarts ICE, and messages that were sent meanwhile arrive", async () => {
    const [ann, bob] = (await open(2)) as [Page, Page];
    await Promise.all([connected(ann, 1), connected(bob, 1)]);
    await ann.evaluate(RECORD_SIGNALS);
    await ann.evaluate("dispatchEvent(new Event('online'))");
    await sendText(ann, "meanwhile");
    await waitForText(bob, `${await idOf(ann)}:0:meanwhile`);
    await ann.waitForFunction("signals.some((text) => text.includes('offer'))");
    await connected(ann, 1);
  });

  test("the outcomes of browsers reach the public statistics", async () => {
    const page = await pages.newPage();
    const options = { url: stack.url, game: "counted", storage: null };
    // Counts are published in steps of 20, and each identity contributes a few only.
    await page.evaluate(`Promise.all(Array.from({ length: 20 }, async () => {
      const [ann, bob] = [await ParleyClient.open(${JSON.stringify(options)}), await ParleyClient.open(${JSON.stringify(options)})];
      const seat = await ann.host({ name: "Nice", seats: 2 });
      const connected = new Promise((done) => seat.on("peer", done));
      await bob.join({ id: seat.lobby.id });
      await connected;
    }))`);
    type Stats = { connections: { nat_pair: string; first_path: { count: number } }[] };
    const read = async (): Promise<Stats> =>
      (await (await fetch(`${stack.url}/v1/games/counted/stats`)).json()) as Stats;
    const { connections } = await eventually(read, (stats) => stats.connections.length > 0);
    expect(connections).toMatchObject([{ nat_pair: "webrtc", introductions: 20, tries: 20, direct: 20 }]);
  });

  test("a member that must be asked denies, then accepts, and a member that leaves closes its connections", async () => {
    const [ann, bob] = [await pages.newPage(), await pages.newPage()];
    const lobby = await enter(ann, stack.url, null, { consent: "ask" });
    await ann.evaluate("globalThis.asked = []; seat.on('request', (request) => asked.push(request))");
    await enter(bob, stack.url, lobby, {}, { topology: "none" });
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
