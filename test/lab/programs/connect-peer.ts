/**
 * A peer with the TypeScript client: `connect-peer.ts HUB [LOBBY]` hosts a lobby, or joins it.
 *
 *     prints { id, lobby }                              it has joined and subscribed
 *     reads  { connect: PEER, relay? }                  connects, and repeats a request until it is answered
 *     reads  { close: PEER }  prints { close: PEER }
 *     reads  { play: PEER }                             sends a number every 20 ms from now on
 *     prints { peer, path, to, after_ms, ms, why }      on each path change; `ms` since the connect command
 *     prints { flows: PEER }                            an answer arrived
 *     reads  { gaps: PEER }  prints { gaps: PEER, got, longest_ms, path }   the longest silence of this peer since the last such request
 *     reads  { counts: PEER }  prints { counts: PEER, sent, received }   datagrams of the game
 *     prints { failed: PEER, why }
 *     prints { lost: true }, { opened: true }           the subscription is lost, and restored
 */
import { ParleyClient } from "../../../clients/typescript/src/index.ts";
import type { Peer } from "../../../clients/typescript/src/connect/peer.ts";
import { onLine, sendLine } from "./json-lines.ts";

type Known = { readonly peer: Peer; times: number[]; since: number; sent: number; received: number };

const [url, lobby] = process.argv.slice(2) as [string, string?];
const player = await ParleyClient.open({ url });
const seat = lobby === undefined ? await player.host({ name: "Lab", seats: 64 }) : await player.join({ id: lobby });
const peers = new Map<string, Known>();
let toldAt = 0;
const timers = new Set<NodeJS.Timeout>();

seat.on("peer", know);
seat.on("lost", () => sendLine({ lost: true }));
seat.on("over", (why) => sendLine({ over: why }));
seat.on("opened", () => sendLine({ opened: true }));
sendLine({ id: player.id, lobby: seat.lobby.id });

onLine(
  (line) => {
    if (typeof line["connect"] === "string") void connect(line["connect"], line["relay"] === true);
    if (typeof line["close"] === "string") close(line["close"]);
    if (typeof line["play"] === "string") play(line["play"]);
    if (typeof line["gaps"] === "string") gaps(line["gaps"]);
    if (typeof line["counts"] === "string") counts(line["counts"]);
  },
  () => player.close(),
);

async function connect(id: string, relay: boolean): Promise<void> {
  toldAt = performance.now();
  try {
    const peer = await seat.connect(id, { relay });
    const asking = setInterval(() => peer.send(Buffer.from("?")), 50);
    timers.add(asking);
    peer.on("datagram", (bytes) => {
      if (bytes[0] !== "!".charCodeAt(0)) return;
      clearInterval(asking);
      if (timers.delete(asking)) sendLine({ flows: id });
    });
    peer.on("closed", () => clearInterval(asking));
  } catch (error) {
    sendLine({ failed: id, why: String(error) });
  }
}

function close(id: string): void {
  peers.get(id)?.peer.close();
  sendLine({ close: id });
}

function know(peer: Peer): void {
  const known: Known = { peer, times: [], since: performance.now(), sent: 0, received: 0 };
  peers.set(peer.id, known);
  const tell = (path: string | null, after_ms: number, why: string): void => {
    const [to, ms] = [peer.stats().endpoint?.address, Math.round(performance.now() - toldAt)];
    sendLine({ peer: peer.id, path, to, after_ms: Math.round(after_ms), ms, why });
  };
  tell(peer.path, peer.after_ms, peer.why);
  peer.on("path", ({ path, after_ms, why }) => tell(path, after_ms, why));
  peer.on("closed", (why) => sendLine({ closed: peer.id, why }));
  peer.on("datagram", (bytes) => {
    known.times.push(performance.now());
    known.received++;
    if (bytes[0] === "?".charCodeAt(0)) peer.send(Buffer.from("!"));
  });
}

function play(id: string): void {
  const known = peers.get(id);
  if (known === undefined) return;
  timers.add(setInterval(() => known.peer.send(Buffer.from(String(known.sent++))), 20));
}

function counts(id: string): void {
  const { sent, received } = peers.get(id) ?? { sent: 0, received: 0 };
  sendLine({ counts: id, sent, received });
}

function gaps(id: string): void {
  const known = peers.get(id);
  if (known === undefined) return sendLine({ gaps: id, got: 0, longest_ms: null });
  const now = performance.now();
  const times = [known.since, ...known.times, now];
  const longest_ms = Math.round(Math.max(...times.slice(1).map((at, index) => at - times[index]!)));
  sendLine({ gaps: id, got: known.times.length, longest_ms, path: known.peer.path });
  // A silence that goes on counts from its beginning, however often it is asked for.
  known.since = known.times.at(-1) ?? known.since;
  known.times = [];
}
