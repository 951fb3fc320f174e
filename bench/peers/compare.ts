/**
 * Parley beside other servers in one run: the same load for each, in turn and twice, because a shared machine changes its
 * speed. Only the ratios mean anything elsewhere.
 */
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type BenchStack, startBenchStack } from "../bench-stack.ts";
import { type Figures, keepFigures, lastFigures } from "./history.ts";
import { connect, register } from "../noray.ts";
import { PEERS, type PeerServer } from "./programs.ts";
import { formatInteger, printTable } from "../measure.ts";
import { LoadSocket, saturate } from "./load.ts";
import { chooseUdpBackend } from "../../udp-sidecar/sockets/udp/udp-backend.ts";
import { benchSealedEcho } from "../sealed-echo.ts";
import { observationRequest, refresh, registration, STUN, text } from "../udp/requests.ts";

const SOCKETS = 8;
const ROUNDS = 2;

/** A server under load. `noray`: the TCP port of its noray commands. */
type Target = { readonly process: ChildProcess; readonly port: number; readonly noray: number };
/** Prepares the sockets at the server, and returns what each sends again and again. `run` makes names unique. */
type Load = (
  sockets: readonly LoadSocket[],
  target: Target,
  run: number,
) => Promise<{ readonly request: (at: number) => Uint8Array; readonly close?: () => void }>;

const rabid: Load = async (sockets, _, run) => {
  await Promise.all(sockets.map((socket, at) => socket.ask(text(`h:B${run}x${at}:Alice:4`))));
  const requests = sockets.map((_socket, at) => text(`p:B${run}x${at}:Alice`));
  return { request: (at) => requests[at]! };
};
const dowsett: Load = async (sockets, _, run) => {
  await Promise.all(sockets.map((socket, at) => socket.ask(registration(`bench ${run} ${at}`))));
  const requests = sockets.map((_, at) => refresh(`bench ${run} ${at}`));
  return { request: (at) => requests[at]! };
};
const registrar: Load = async (sockets, { noray }) => {
  const hosts = await Promise.all(sockets.map(async () => register(await connect(noray))));
  await Promise.all(sockets.map((socket, at) => socket.ask(text(hosts[at]!.pid))));
  const close = (): void => hosts.forEach(({ connection }) => connection.destroy());
  const requests = hosts.map(({ pid }) => text(pid));
  return { request: (at) => requests[at]!, close };
};
/** Of a middle length, as the wires' requests. */
const echo: Load = () => Promise.resolve({ request: () => ECHO });
const ECHO = Buffer.alloc(64);
const stun: Load = () => Promise.resolve({ request: () => STUN });

export async function benchPeers(folder: string): Promise<void> {
  const stack = await startBenchStack();
  const old = join(folder, "parley");
  const earlier = existsSync(old) ? await startBenchStack(old) : null;
  const request = await observationRequest(stack.hubUrl);
  const observation: Load = () => Promise.resolve({ request: () => request });
  const figures: Record<string, number> = {};
  const rows: string[][] = [];
  const last = lastFigures();
  const limit = await PEERS.limit();
  try {
    const compare = async (label: string, load: Load, peer: PeerServer | null): Promise<void> => {
      const [ours, before, theirs, most] = await measureAll(
        [targetOf(stack), load],
        [earlier === null ? null : targetOf(earlier), load],
        [peerTarget(peer), load],
        [peerTarget(limit), echo],
      );
      figures[label] = ours!;
      const ratios = [before, theirs, most, last[label]].map((other) => ratio(ours, other));
      rows.push([label, formatInteger(ours!), ...ratios]);
    };
    await withPeer(PEERS.rabid(folder), (peer) => compare("Rabid ping, original", rabid, peer));
    await withPeer(PEERS.dowsett(folder), (peer) => compare("Dowsett refresh, original", dowsett, peer));
    await withPeer(PEERS.noray(folder), async (peer) => {
      await compare("noray's registrar, noray", registrar, peer);
      // An observation with an older version needs a ticket of another hub, so only noray's registrar is beside it.
      const [ours, theirs, most] = await measureAll(
        [targetOf(stack), observation],
        [peerTarget(peer), registrar],
        [peerTarget(limit), echo],
      );
      figures["observation"] = ours!;
      const ratios = [null, theirs, most, last["observation"]].map((other) => ratio(ours, other));
      rows.push(["observation, noray's registrar", formatInteger(ours!), ...ratios]);
    });
    await withPeer(PEERS.coturn(), (peer) => compare("STUN binding, coturn", stun, peer));
  } finally {
    await stack.close();
    await earlier?.close();
    await limit?.stop();
  }
  printTable([
    ["per CPU-second of the server", "Parley", "to earlier", "to the peer", "to the limit", "to the last run"],
    ...rows,
  ]);
  await benchSealedEcho(existsSync(old) ? old : null);
  process.stdout.write(`A dash: not provided. The figures are in ${keepFigures(figures satisfies Figures)}\n`);
}

const targetOf = ({ sidecar, port, noray }: BenchStack): Target => ({ process: sidecar, port, noray });

const peerTarget = (peer: PeerServer | null): Target | null =>
  peer === null ? null : { process: peer.process, port: peer.port, noray: peer.tcp };

const ratio = (ours: number | null | undefined, theirs: number | null | undefined): string =>
  typeof ours === "number" && typeof theirs === "number" ? (ours / theirs).toFixed(2) : "-";

async function withPeer(
  starting: Promise<PeerServer | null>,
  measure: (peer: PeerServer | null) => Promise<void>,
): Promise<void> {
  const peer = await starting;
  try {
    await measure(peer);
  } finally {
    await peer?.stop();
  }
}

/** Responses per CPU-second of each target, as the mean of the rounds; null for a missing one. */
async function measureAll(...targets: readonly (readonly [Target | null, Load])[]): Promise<(number | null)[]> {
  const sums = targets.map(() => 0);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, [target, load]] of targets.entries()) {
      if (target !== null) sums[at]! += await measureOne(target, load, round * targets.length + at);
    }
  }
  return targets.map(([target], at) => (target === null ? null : sums[at]! / ROUNDS));
}

async function measureOne(target: Target, load: Load, run: number): Promise<number> {
  const { backend } = await chooseUdpBackend("auto");
  const sockets = Array.from({ length: SOCKETS }, () => new LoadSocket(backend, target.port));
  const { request, close } = await load(sockets, target, run);
  const { per_cpu_s } = await saturate(sockets, target.process, request);
  close?.();
  for (const socket of sockets) socket.close();
  return per_cpu_s;
}
