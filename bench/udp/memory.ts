/**
 * Keeps every UDP wire of a sidecar saturated for minutes, and prints how its resident memory and the delay of its event
 * loop develop. Memory that grows with the number of datagrams shows as a slope.
 */
import type { ChildProcess } from "node:child_process";
import { setTimeout as passes } from "node:timers/promises";
import { DtlsClientFactory } from "../../test/support/dtls.ts";
import { freePort } from "../../tools/run/ports.ts";
import { chooseUdpBackend } from "../../udp-sidecar/sockets/udp/udp-backend.ts";
import { type BenchStack, startBenchStack } from "../bench-stack.ts";
import { DtlsPeer } from "../dtls.ts";
import { formatInteger, printTable, quantile, residentBytes } from "../measure.ts";
import { connect, register } from "../noray.ts";
import { LoadSocket } from "../peers/load.ts";
import { observationRequest, refresh, registration, STUN, text } from "./requests.ts";

const SAMPLE_MS = 1_000;
/** Tables fill and code is compiled in this part of the time. */
const WARM_UP_SHARE = 0.2;
/** Sockets of each wire, and requests in flight of each socket. */
const [SOCKETS, WINDOW] = [4, 16];
const PROBE = new URL("../../test/fuzz/probe.ts", import.meta.url).href;

/** A client that sends again with every response, which `answered` counts. `restart` opens its window again after its datagrams were lost. */
type Client = { readonly wire: string; responses: number; readonly answered: () => void; readonly restart: () => void };
type Sample = { readonly minute: number; readonly bytes: number };
type Probe = { readonly delays: readonly (readonly [late: number, own: number])[]; readonly heap: number };

export async function benchMemory(minutes: number): Promise<void> {
  const probe = await freePort("tcp");
  const stack = await startBenchStack(undefined, {
    NODE_OPTIONS: `--expose-gc --import ${PROBE}`,
    FUZZ_PROBE_PORT: String(probe),
  });
  try {
    const clients = [...(await plainClients(stack)), ...(await dtlsClients(stack))];
    for (const { restart } of clients) restart();
    const { samples, late, heaps } = await sample(minutes, stack.sidecar, clients, `http://127.0.0.1:${probe}/`);
    const wires = [...new Set(clients.map(({ wire }) => wire))];
    printTable([
      ["responses in the whole time", ""],
      ...wires.map((wire) => [
        wire,
        formatInteger(clients.reduce((sum, one) => sum + (one.wire === wire ? one.responses : 0), 0)),
      ]),
    ]);
    const steady = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
    printTable([
      ["resident memory of the sidecar", "MB"],
      ["after the warm-up", mb(steady.at(0)!.bytes)],
      ["least, afterwards", mb(Math.min(...steady.map(({ bytes }) => bytes)))],
      ["most, afterwards", mb(Math.max(...steady.map(({ bytes }) => bytes)))],
      ["slope per minute", (slope(steady) / 1e6).toFixed(3)],
      ["in use after a collection, after the warm-up", mb(heaps[0])],
      ["in use after a collection, at the end", mb(heaps[1])],
    ]);
    printTable([
      ["event-loop delay of the sidecar by its own work", "ms"],
      ["p50", quantile(late, 0.5).toFixed(1)],
      ["p99", quantile(late, 0.99).toFixed(1)],
    ]);
  } finally {
    await stack.close();
  }
}

async function plainClients({ port, noray, hubUrl }: BenchStack): Promise<Client[]> {
  const { backend } = await chooseUdpBackend("auto");
  const observation = await observationRequest(hubUrl);
  const registrar = async (): Promise<Uint8Array> => text((await register(await connect(noray))).pid);
  const wires: readonly [string, (at: number) => Promise<readonly [first: Uint8Array, again: Uint8Array]>][] = [
    ["Rabid pings", async (at) => [text(`h:Memory${at}:Alice:4`), text(`p:Memory${at}:Alice`)]],
    ["Dowsett refreshes", async (at) => [registration(`memory ${at}`), refresh(`memory ${at}`)]],
    ["noray's registrar", async () => registrar().then((pid) => [pid, pid])],
    ["observations", async () => [observation, observation]],
    ["STUN bindings", async () => [STUN, STUN]],
  ];
  const clients: Client[] = [];
  for (const [wire, requests] of wires) {
    for (let at = 0; at < SOCKETS; at++) {
      const socket = new LoadSocket(backend, port);
      const [first, again] = await requests(at);
      await socket.ask(first);
      const client = clientOf(wire, () => socket.send(again));
      socket.onDatagram = client.answered;
      clients.push(client);
    }
  }
  return clients;
}

async function dtlsClients({ port }: BenchStack): Promise<Client[]> {
  const factory = await DtlsClientFactory.load();
  const clients: Client[] = [];
  for (let at = 0; at < SOCKETS; at++) {
    const peer = new DtlsPeer(factory, port);
    await peer.connect();
    peer.send([peer.client.encrypt(`h:Sealed${at}:Alice:4`)]);
    // The sidecar ends the session when it stops.
    const send = (): void => {
      if (peer.client.state === "open") peer.send([peer.client.encrypt(`p:Sealed${at}:Alice`)]);
    };
    const client = clientOf("Rabid pings under DTLS", send);
    peer.onDatagram = () => {
      peer.client.received.length = 0;
      client.answered();
    };
    clients.push(client);
  }
  return clients;
}

function clientOf(wire: string, send: () => void): Client {
  const client: Client = {
    wire,
    responses: 0,
    answered: () => {
      client.responses++;
      send();
    },
    restart: () => {
      for (let sent = 0; sent < WINDOW; sent++) send();
    },
  };
  return client;
}

async function sample(
  minutes: number,
  sidecar: ChildProcess,
  clients: readonly Client[],
  probe: string,
): Promise<{ readonly samples: Sample[]; readonly late: number[]; readonly heaps: [number, number] }> {
  const samples: Sample[] = [];
  const late: number[] = [];
  const before = clients.map(() => 0);
  const read = async (query = ""): Promise<Probe> => (await fetch(`${probe}${query}`)).json() as Promise<Probe>;
  let warm = 0;
  for (const began = performance.now(); performance.now() - began < minutes * 60_000;) {
    await passes(SAMPLE_MS);
    samples.push({ minute: (performance.now() - began) / 60_000, bytes: residentBytes(sidecar) });
    for (const [, own] of (await read()).delays) late.push(own);
    if (warm === 0 && performance.now() - began > WARM_UP_SHARE * minutes * 60_000) {
      warm = (await read("?gc")).heap;
      // The delay of this collection is not the product's.
      await read();
    }
    for (const [at, client] of clients.entries()) {
      if (client.responses === before[at]) client.restart();
      before[at] = client.responses;
    }
  }
  return { samples, late, heaps: [warm, (await read("?gc")).heap] };
}

const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** Bytes per minute, by least squares. */
function slope(samples: readonly Sample[]): number {
  const mean = (read: (one: Sample) => number): number =>
    samples.reduce((sum, one) => sum + read(one), 0) / samples.length;
  const [minute, bytes] = [mean((one) => one.minute), mean((one) => one.bytes)];
  const spread = mean((one) => (one.minute - minute) ** 2);
  return mean((one) => (one.minute - minute) * (one.bytes - bytes)) / spread;
}
