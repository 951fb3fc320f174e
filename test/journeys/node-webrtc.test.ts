/**
 * Native and browser players in one lobby: Node programs with node-datachannel and real Chromium pages meet over WebRTC, at a
 * real hub and over a real coturn.
 */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type LobbyMembership,
  type NewLobby,
  ParleyClient,
  type Peer,
  WebPeer,
} from "../../clients/typescript/src/index.ts";
import { isBrowserMissing } from "../support/browser.ts";
import { Coturn, isCoturnMissing } from "../support/coturn.ts";
import { GamePages } from "../support/game-page.ts";
import { eventually, NATIVE, TestStack } from "../support/test-stack.ts";
import { WebAttacker } from "../support/web-attacker.ts";
import { isWebrtcMissing } from "../support/webrtc.ts";

const LONGEST = 524_288;

type AnyPeer = Peer | WebPeer;
type Client = { close(): Promise<void> };

const isSkipped = isWebrtcMissing() || isBrowserMissing() || isCoturnMissing();
let stack: TestStack;
let turn: Coturn;
let pages: GamePages;
const clients: Client[] = [];
beforeAll(async () => {
  if (isSkipped) return;
  turn = await Coturn.open();
  stack = await TestStack.open({ hub: turn.settings, settings: NATIVE });
  pages = await GamePages.open();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await pages?.closePages();
});
afterAll(async () => {
  await pages?.close();
  await stack?.close();
  await turn?.close();
});

/** A Node program that meets native and browser players. */
async function bothKinds(): Promise<ParleyClient<AnyPeer>> {
  const client = await ParleyClient.open({ url: stack.url, webrtc: true });
  clients.push(client);
  return client;
}

/** A native game, without WebRTC. */
async function nativeOnly(): Promise<ParleyClient> {
  const client = await ParleyClient.open({ url: stack.url });
  clients.push(client);
  return client;
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** Sends back what arrives from any peer: to browsers on the same channel, reliably. */
function echo(seat: LobbyMembership<AnyPeer>): void {
  seat.on("peer", (peer) => {
    if (peer instanceof WebPeer) peer.on("message", (bytes, channel) => peer.send(bytes, { reliable: true, channel }));
    else peer.on("datagram", (bytes) => peer.send(bytes));
  });
}

/** Opens a player in the page: `seat`, `peers`, and `received` with the length, channel and first byte of each message. */
const enter = (page: Page, lobby: string | null, settings: Partial<NewLobby> = {}): Promise<string> =>
  page.evaluate(`(async () => {
    globalThis.player = await ParleyClient.open({ url: ${JSON.stringify(stack.url)} });
    globalThis.peers = [];
    globalThis.received = [];
    globalThis.seat = await ${
      lobby === null
        ? `player.host(${JSON.stringify({ name: "Nice", seats: 4, ...settings })})`
        : `player.join({ id: ${JSON.stringify(lobby)} })`
    };
    seat.on("peer", (peer) => {
      peers.push(peer);
      peer.on("message", (bytes, channel) => received.push([bytes.length, channel, bytes[0]].join()));
    });
    return seat.lobby.id;
  })()`);

const send = (page: Page, length: number, channel: number, reliable = true): Promise<boolean> =>
  page.evaluate(
    `peers[0].send(new Uint8Array(${length}).fill(${channel}), { reliable: ${reliable}, channel: ${channel} })`,
  );

const connected = (page: Page): Promise<unknown> =>
  page.waitForFunction("peers.length === 1 && peers[0].path !== null");

const hears = (page: Page, message: string): Promise<unknown> =>
  page.waitForFunction(`received.includes(${JSON.stringify(message)})`);

/** The peer of the page's player. */
const peerOf = (seat: LobbyMembership<AnyPeer>): Promise<WebPeer> =>
  eventually(
    () => Promise.resolve(seat.peers.find((peer) => peer instanceof WebPeer && peer.path !== null) as WebPeer),
    (peer) => peer !== undefined,
  );

describe.skipIf(isSkipped)("Node and browsers in one lobby", () => {
  test("a Node host serves a browser and a native guest, each over its own kind of path", async () => {
    const host = await bothKinds();
    const seat = await host.host({ name: "Nice", seats: 4 });
    echo(seat);
    expect(seat.lobby.paths).toStrictEqual(["udp", "webrtc"]);
    const page = await pages.newPage();
    await enter(page, seat.lobby.id);
    await connected(page);
    const guest = await nativeOnly();
    const joined = await guest.join({ id: seat.lobby.id });
    const peer = await joined.connect(host.id);
    const ofHost = await peerOf(seat);
    await expect.poll(() => [peer.path, ofHost.path], { timeout: 30_000 }).toStrictEqual(["direct", "direct"]);

    await send(page, 5, 7);
    await send(page, LONGEST, 8);
    for (const message of ["5,7,7", `${LONGEST},8,8`]) await hears(page, message);
    // A busy machine may need longer than an unreliable message lives, so the page sends more than one.
    await page.evaluate(`globalThis.sending = setInterval(() =>
      peers[0].send(new Uint8Array(65_535).fill(9), { channel: 9 }), 100)`);
    await hears(page, "65535,9,9");
    await page.evaluate("clearInterval(sending)");
    const echoed = new Promise<string>((done) => peer.once("datagram", (bytes) => done(textOf(bytes))));
    peer.send(Buffer.from("native"));
    expect(await echoed).toBe("native");

    const members = await host.hub.request<{ members: { paths: string[] }[] }>("GET", `/lobbies/${seat.lobby.id}`);
    expect(members.members.map(({ paths }) => paths.join())).toStrictEqual(["udp,webrtc", "webrtc", "udp"]);
    // Nothing reaches the native guest that the browser cannot meet.
    expect(await page.evaluate(`seat.connect(${JSON.stringify(guest.id)}).catch(String)`)).toMatch(
      /misc_no_common_path/,
    );
    expect(joined.peers.map(({ id }) => id)).toStrictEqual([host.id]);

    await page.evaluate("player.close()");
    await eventually(
      () => Promise.resolve(seat.peers.length),
      (count) => count === 1,
    );
  });

  test("a Node guest meets a browser host, also after the browser's network changed", async () => {
    const page = await pages.newPage();
    const lobby = await enter(page, null);
    const guest = await bothKinds();
    const seat = await guest.join({ id: lobby });
    echo(seat);
    const peer = (await seat.connect(seat.lobby.host!)) as WebPeer;
    expect([peer instanceof WebPeer, peer.path]).toStrictEqual([true, "direct"]);
    await connected(page);
    await send(page, 10, 3);
    await hears(page, "10,3,3");

    const paths: (string | null)[] = [];
    peer.on("path", ({ path }) => paths.push(path));
    await page.evaluate("dispatchEvent(new Event('online'))");
    await eventually(
      () => Promise.resolve(paths.at(-1)),
      (path) => path === "direct",
    );
    expect(paths).toStrictEqual([null, "direct"]);
    await page.waitForFunction(
      "peers[0].path !== null && peers[0].send(new Uint8Array(1), { reliable: true, channel: 6 })",
    );
    await hears(page, "1,6,0");
  });

  test("a native guest is refused by a browser's lobby before it takes a seat, with a code and a sentence", async () => {
    const page = await pages.newPage();
    const lobby = await enter(page, null);
    const guest = await nativeOnly();
    const attempt = guest.join({ id: lobby });
    await expect(attempt).rejects.toMatchObject({ code: "no_common_path", status: 409 });
    await expect(attempt).rejects.toThrow("one speaks only UDP and the other only WebRTC");
    const view = await guest.hub.request<{ member_count: number; paths: string[] }>("GET", `/lobbies/${lobby}`);
    expect([view.member_count, view.paths]).toStrictEqual([1, ["webrtc"]]);
    expect(await page.evaluate("seat.others.length")).toBe(0);
    await expect(guest.join({ filter: {} })).rejects.toMatchObject({ code: "no_open_lobby" });
  });

  test("a lobby that hides addresses is relayed by coturn, and no signal of Node holds an address", async () => {
    const host = await bothKinds();
    const seat = await host.host({ name: "Nice", seats: 4, relay: "always" });
    echo(seat);
    const page = await pages.newPage();
    await page.evaluate(RECORD_SIGNALS);
    await enter(page, seat.lobby.id);
    await connected(page);
    expect([(await peerOf(seat)).path, await page.evaluate("peers[0].path")]).toStrictEqual(["relay", "relay"]);
    await send(page, 100, 1);
    await hears(page, "100,1,1");
    const signals = (await page.evaluate<string[]>("signals")).join("\n");
    expect(signals).toMatch(/ typ relay raddr 0\.0\.0\.0 rport 0/);
    expect(signals).not.toMatch(/ typ (host|srflx|prflx)/);
    expect(turn.lines.join("\n")).toContain(`:${host.id}>`);
  });

  test("a correctly signed description or candidate with an address is refused where the lobby hides addresses", async () => {
    const host = await bothKinds();
    const seat = await host.host({ name: "Nice", seats: 4, relay: "always" });
    const page = await pages.newPage();
    await enter(page, seat.lobby.id);
    await connected(page);
    const attacker = await WebAttacker.join(stack.url, seat.lobby.id);
    try {
      const { sendSignal } = await attacker.meet(host.id);
      const victim = seat.peers.find((peer): peer is WebPeer => peer instanceof WebPeer && peer.path === null);
      const refused: string[] = [];
      victim!.on("refused", (why) => refused.push(why));
      await sendSignal({ description: { type: "offer", sdp: `${OFFER}a=${HOST_CANDIDATE}\r\n` } });
      await sendSignal({ candidates: [{ candidate: HOST_CANDIDATE, sdpMid: "0" }] });
      await eventually(
        () => Promise.resolve(refused.length),
        (count) => count === 2,
      );
      expect([refused, victim!.refusedSignals]).toStrictEqual([
        ["address", "address"],
        { malformed: 0, forged: 0, replayed: 0, address: 2 },
      ]);
      const pageId = await page.evaluate<string>("player.id");
      const meeting = await attacker.meet(pageId);
      await meeting.sendSignal({ candidates: [{ candidate: HOST_CANDIDATE, sdpMid: "0" }] });
      await page.waitForFunction("seat.peers.some((peer) => peer.refusedSignals.address === 1)");
      expect([victim!.path, await page.evaluate("peers.length")]).toStrictEqual([null, 1]);
    } finally {
      attacker.close();
    }
  });

  test("descriptions that no library understands are refused, and the program goes on", async () => {
    const host = await bothKinds();
    const seat = await host.host({ name: "Nice", seats: 4 });
    const attacker = await WebAttacker.join(stack.url, seat.lobby.id);
    try {
      const { sendSignal } = await attacker.meet(host.id);
      const victim = seat.peers[0] as WebPeer;
      for (const sdp of HOSTILE) await sendSignal({ description: { type: "offer", sdp } });
      await eventually(
        () => Promise.resolve(victim.refusedSignals.malformed),
        (count) => count === HOSTILE.length,
      );
      expect(victim.path).toBeNull();
    } finally {
      attacker.close();
    }
  });
});

const HOST_CANDIDATE = "candidate:1 1 UDP 2122252543 192.0.2.7 50000 typ host";
const OFFER = [
  "v=0",
  "o=- 1 2 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "c=IN IP4 0.0.0.0",
  "a=mid:0",
  "a=ice-ufrag:abcd",
  "a=ice-pwd:abcdefghijklmnopqrstuvwx",
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => "AB").join(":")}`,
  "a=setup:actpass",
  "a=sctp-port:5000",
  "",
].join("\r\n");
const HOSTILE = [
  "",
  "v=0",
  "\0".repeat(100),
  OFFER.replace(/a=fingerprint.*\r\n/, ""),
  OFFER.replace(/AB:AB/, "ZZ:ZZ"),
  OFFER.replace(/a=ice-pwd.*\r\n/, ""),
  OFFER.replace("m=application 9", "m=application 99999999999999999999"),
  `${OFFER}a=candidate:x\r\n`,
];

/** Runs in the page: `signals` gets every signal that the page sends or receives. */
const RECORD_SIGNALS = `
  globalThis.signals = [];
  const { send, addEventListener: add } = WebSocket.prototype;
  WebSocket.prototype.send = function (text) {
    if (text.includes('"type":"signal"')) signals.push(text);
    send.call(this, text);
  };
  const Socket = WebSocket;
  globalThis.WebSocket = class extends Socket {
    constructor(...setup) {
      super(...setup);
      this.addEventListener("message", ({ data }) => data.includes('"type":"signal"') && signals.push(data));
    }
  };
`;
