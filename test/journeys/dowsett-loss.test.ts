/** The Dowsett client over a lossy or changing path, introduced by a real sidecar and a real hub. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type DowsettOptions, DowsettPeer, type ReliableMessage } from "../../clients/typescript/src/index.ts";
import { seeded } from "../support/dice.ts";
import { eventually, TestStack } from "../support/test-stack.ts";
import { LossySockets } from "../support/lossy-socket.ts";

const STORM = { loss: 0.3, duplicates: 0.2, delay_ms: 60 };
/** Short intervals and many attempts, because the script's own 5 s for a lost packet would make the tests slow. */
const STUBBORN: DowsettOptions = { secsToAwaitReply: 0.2, attemptsBeforeExpiration: 30 };
const MESSAGES = 40;

let stack: TestStack;
let weather: LossySockets;
const peers: DowsettPeer[] = [];
beforeAll(async () => {
  stack = await TestStack.open({ settings: { PARLEY_PORTS: "PORT=dowsett" } });
});
beforeEach(() => {
  weather = new LossySockets(seeded(20_261_125));
});
afterEach(async () => {
  weather.restore();
  await Promise.all(peers.splice(0).map((peer) => peer.close()));
});
afterAll(() => stack?.close());

test("all peers connect and each message arrives once with 30 % loss, duplicates and reordering", async () => {
  weather.setConditions(STORM);
  const [host, bob, carol] = await session("Storm", ["Bob", "Carol"], STUBBORN);
  const all = [host!, bob!, carol!];
  const heard = all.map((peer) => reliable(peer));
  const sent = Array.from({ length: MESSAGES }, (_, at) => at);
  await Promise.all(
    sent.flatMap((at) => [
      host!.sendReliableMessageToPeer("Bob", at),
      bob!.sendReliableMessageToPeer("Carol", at),
      carol!.sendReliableMessageToPeer("Storm", at),
    ]),
  );
  for (const [at, from] of ["Carol", "Storm", "Bob"].entries()) {
    expect(new Set(heard[at]!.map((message) => message.from))).toEqual(new Set([from]));
    expect(heard[at]!.map(({ message }) => Number(message)).toSorted((a, b) => a - b)).toEqual(sent);
  }
});

test("an undeliverable message expires, is reported once and does not affect later ones", async () => {
  const [host, bob] = await session("Silence", ["Bob"], { secsToAwaitReply: 0.1, attemptsBeforeExpiration: 5 });
  const [expired, heard] = [[] as ReliableMessage[], reliable(host!)];
  bob!.on("reliableMessageTimeout", (message) => expired.push(message));
  weather.setConditions({ loss: 1 });
  await expect(bob!.sendReliableMessageToPeer("Silence", "lost")).rejects.toThrow();
  weather.setConditions({});
  await bob!.sendReliableMessageToPeer("Silence", "heard");
  expect(expired.map(({ message }) => message)).toEqual(["lost"]);
  expect(heard.map(({ message }) => message)).toEqual(["heard"]);
});

test("a dropped peer and the end of the session are reported to all peers, and the server is no longer listed", async () => {
  const [host, bob, carol] = await session("Court", ["Bob", "Carol"]);
  const over = [bob!, carol!].map((peer) => new Promise<void>((done) => void peer.once("sessionTerminated", done)));
  const gone = new Promise<string>((done) => void bob!.once("peerDropped", done));
  expect(host!.dropPeer("Carol")).toBe(true);
  await over[1];
  expect(await gone).toBe("Carol");
  expect(host!.getPeers()).toEqual(["Bob"]);
  host!.quitConnection();
  await over[0];
  await eventually(
    () => stack.lobbies(),
    (lobbies) => lobbies.every(({ name }) => name !== "Court"),
  );
});

test("a guest with a new NAT port times out on both ends, joins again and is received", async () => {
  const quick = { secsBetweenPeerChecks: 0.3, secsToAwaitReply: 0.2, attemptsBeforeExpiration: 5 };
  const [host, bob] = await session("Moving", ["Bob"], quick);
  const over = new Promise<void>((done) => void bob!.once("sessionTerminated", done));
  const gone = new Promise<string>((done) => void host!.once("peerDropped", done));
  await weather.movePort(bob!.port!);
  await over;
  expect(await gone).toBe("Bob");
  await bob!.initClient({ ...here(), serverName: "Moving", userName: "Bob" });
  const heard = reliable(host!);
  await bob!.sendReliableMessageToPeer("Moving", "back");
  expect(heard.map(({ message }) => message)).toEqual(["back"]);
});

/** A host of this name and its guests, once all know each other. */
async function session(serverName: string, guests: readonly string[], options: DowsettOptions = {}) {
  const all = [serverName, ...guests].map(() => new DowsettPeer(options));
  peers.push(...all);
  await all[0]!.initServer({ ...here(), serverName });
  for (const [at, userName] of guests.entries()) await all[at + 1]!.initClient({ ...here(), serverName, userName });
  await eventually(
    () => Promise.resolve(all.map((peer) => peer.getPeers().length)),
    (counts) => counts.every((count) => count === guests.length),
  );
  return all;
}

function here() {
  return { handshakeAddress: ["127.0.0.1", stack.udpPort()], localAddress: ["127.0.0.1", 0] } as const;
}

function reliable(peer: DowsettPeer): ReliableMessage[] {
  const heard: ReliableMessage[] = [];
  peer.on("receivedReliableMessageFromPeer", (message) => heard.push(message));
  return heard;
}
