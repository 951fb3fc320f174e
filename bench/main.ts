/**
 * `npm run bench`: throughput and latency of the whole system, in one run on this machine.
 *
 * Absolute figures depend on the machine: compare ratios, and runs on the same machine.
 */
import { createSocket } from "node:dgram";
import { resolve } from "node:path";
import { DtlsClientFactory } from "../test/support/dtls.ts";
import { parseCommandLine, UsageError } from "../tools/command-line.ts";
import { measureHandshakes, memoryPerSession, DtlsPeer, dtlsFlood } from "./dtls.ts";
import { startBenchStack } from "./bench-stack.ts";
import { benchLobbies } from "./lobbies.ts";
import { benchWake } from "./hub/wake.ts";
import { benchNoray } from "./noray.ts";
import { CIPHERS, measureSeal, SIZES } from "./seal.ts";
import { benchSealedEcho } from "./sealed-echo.ts";
import { benchMemory } from "./udp/memory.ts";
import { benchMessages } from "./messages-table.ts";
import { benchPairs, benchPaths } from "./paths/paths.ts";
import { benchNorayRouters, type Router, ROUTERS } from "./noray-routers.ts";
import { benchRelays } from "./relay.ts";
import { list, observationRequest, refresh, registration, STUN, text } from "./udp/requests.ts";
import { benchPeers } from "./peers/compare.ts";
import { benchWebMessages } from "./web/messages.ts";
import { benchWebPaths } from "./web/paths.ts";
import { sendRequest, flood, measureSteps, printTable, formatInteger } from "./measure.ts";

const HELP = `
Usage: npm run bench [-- --paths | --web | --noray-routers [--routers LIST] | --peers DIR | --memory MINUTES]

Measures these parts in about three minutes and prints a table for each:

  observations   native peers and ICE agents ask for their endpoint, with a ticket and without
  renewals       UDP in, contact, UDP out: compared with a bare echo server, per second of CPU
  requests       the same through the hub; the CPU is the sidecar's
  DTLS           pings under DTLS compared with plain ones, handshakes, memory of a session
  steps          UDP -> sidecar -> hub (rows written) -> sidecar -> UDP: rate and latency
  noray          registrations over TCP, the registrar with 0 and 10,000 idle hosts, memory of a host
  lobbies        lists over HTTP, lobby lifecycles, and a change sent to a thousand subscribers
  wake           the first answer of a hub that starts with up to 34,000 lobbies
  seal           datagrams encrypted and decrypted by the client, in this process, and round trips through a peer
  messages       reliable and unreliable messages between two peers, compared with plain UDP
  NAT pairs      native peers behind every pair of NATs, in network namespaces: path and time to connect
  relay          UDP in, UDP out to the other peer, compared with noray's implementation

--paths  only native peers behind every pair of NATs, in further networks (one carrier, IPv6, UDP blocked), with loss on every link,
         and while something fails, in about 20 minutes; writes the tables of docs/internals/nat.md
--web    only browsers: messages beside bare data channels, and times to a path in network namespaces, in about four minutes
--noray-routers  only games with netfox's addon behind every pair of routers: handshakes and time to connect, in about eight minutes
--peers DIR  only the wires beside other servers, interleaved, in about five minutes. DIR may have rabid/main.py (needs Twisted),
             dowsett/godot-server.py (Twisted, port 5160), noray/ (after npm install) and parley/, an earlier version; coturn is
             found on PATH, and a compiler for the limit: an echo in C. The figures are kept in .parley/bench and compared with those of the last run on this machine
--memory MINUTES  only one sidecar with every UDP wire saturated for so long: the slope of its memory, the delay of its event loop
--routers LIST  of these kinds only, joined by commas: ${ROUTERS.join(", ")}
`;

const options = {
  paths: { type: "boolean" },
  web: { type: "boolean" },
  "noray-routers": { type: "boolean" },
  routers: { type: "string", default: ROUTERS.join() },
  peers: { type: "string" },
  memory: { type: "string" },
} as const;
const { paths, web, isNorayRouters, routers, peers, memory } = parseCommandLine(HELP, { options }, ({ values }) => ({
  paths: values.paths,
  web: values.web,
  isNorayRouters: values["noray-routers"],
  routers: values.routers.split(",").map(toRouter),
  peers: values.peers,
  memory: values.memory === undefined ? null : toMinutes(values.memory),
}));
if (memory !== null) {
  await benchMemory(memory);
  process.exit(0);
}
if (peers !== undefined) {
  await benchPeers(resolve(peers));
  process.exit(0);
}
if (paths === true) {
  await benchPaths();
  process.exit(0);
}
if (web === true) {
  await benchWebMessages();
  await benchWebPaths();
  process.exit(0);
}
if (isNorayRouters === true) {
  await benchNorayRouters(routers);
  process.exit(0);
}

const SOCKETS = 64;
/** Open DTLS sessions while the server's memory is measured. */
const SESSIONS_OPEN = 1_000;

const stack = await startBenchStack();
try {
  const sockets = Array.from({ length: SOCKETS }, () => createSocket("udp4"));
  await Promise.all(sockets.map((socket, at) => sendRequest(socket, stack.port, text(`h:Bench${at}:Alice:4`))));
  await Promise.all(sockets.map((socket, at) => sendRequest(socket, stack.port, registration(`bench ${at}`))));

  const pings = sockets.map((_, at) => text(`p:Bench${at}:Alice`));
  const refreshes = sockets.map((_, at) => refresh(`bench ${at}`));
  const listRequest = list();
  const observation = await observationRequest(stack.hubUrl);
  let names = 0;
  const echo = await flood(sockets, stack.echoPort, stack.echo, (at) => pings[at]!);
  const rows = [
    ["Rabid pings", await flood(sockets, stack.port, stack.sidecar, (at) => pings[at]!)],
    ["Dowsett refreshes", await flood(sockets, stack.port, stack.sidecar, (at) => refreshes[at]!)],
    ["Dowsett lists of 64", await flood(sockets, stack.port, stack.sidecar, () => listRequest)],
    ["Dowsett registrations", await flood(sockets, stack.port, stack.sidecar, () => registration(`new ${names++}`))],
    ["observations with a ticket", await flood(sockets, stack.port, stack.sidecar, () => observation)],
    ["STUN bindings", await flood(sockets, stack.port, stack.sidecar, () => STUN)],
  ] as const;
  printTable([
    ["", "per second", "per CPU-second", "ratio to echo"],
    ["bare UDP echo", formatInteger(echo.per_s), formatInteger(echo.per_cpu_s), "1.00"],
    ...rows.map(([what, { per_s, per_cpu_s }]) => [
      what,
      formatInteger(per_s),
      formatInteger(per_cpu_s),
      (per_cpu_s / echo.per_cpu_s).toFixed(2),
    ]),
  ]);
  for (const socket of sockets) socket.close();

  const clients = await DtlsClientFactory.load();
  const peers = Array.from({ length: SOCKETS }, () => new DtlsPeer(clients, stack.port));
  for (const peer of peers) await peer.connect();
  for (const [at, peer] of peers.entries()) peer.send([peer.client.encrypt(`h:Sealed${at}:Alice:4`)]);
  const [, plain] = rows[0];
  const encrypted = await dtlsFlood(peers, stack.sidecar, (at) => `p:Sealed${at}:Alice`);
  const handshakes = await measureHandshakes(clients, stack.port, stack.sidecar, 16);
  for (const peer of peers) peer.close();
  printTable([
    ["", "per second", "per CPU-second", "ratio to plain"],
    ["plain Rabid pings", formatInteger(plain.per_s), formatInteger(plain.per_cpu_s), "1.00"],
    [
      "Rabid pings under DTLS",
      formatInteger(encrypted.per_s),
      formatInteger(encrypted.per_cpu_s),
      (encrypted.per_cpu_s / plain.per_cpu_s).toFixed(2),
    ],
    ["DTLS handshakes", formatInteger(handshakes.per_s), formatInteger(handshakes.per_cpu_s), ""],
  ]);
  const bytes = await memoryPerSession(clients, stack.port, stack.sidecar, SESSIONS_OPEN);
  printTable([
    ["open DTLS sessions", "KB each"],
    [formatInteger(SESSIONS_OPEN), (bytes / 1_024).toFixed(1)],
  ]);

  let sessions = 0;
  const host = (): Uint8Array => text(`h:S${sessions++}:Alice:4`);
  const single = await measureSteps(1, stack.port, host);
  const concurrent = await measureSteps(64, stack.port, host);
  printTable([
    ["", "per second", "p50 ms", "p99 ms"],
    ["steps, one at a time", formatInteger(single.per_s), single.p50.toFixed(2), single.p99.toFixed(2)],
    ["steps, 64 at once", formatInteger(concurrent.per_s), concurrent.p50.toFixed(2), concurrent.p99.toFixed(2)],
  ]);

  await benchNoray(stack);
} finally {
  await stack.close();
}
await benchRelays();

await benchLobbies();
await benchWake();

printTable([
  ["per CPU-second", ...SIZES.map((size) => `${size} bytes`)],
  ...CIPHERS.map(([name, cipher]) => [name, ...SIZES.map((size) => formatInteger(cipher(size)))]),
  ["encrypted and decrypted by Seal", ...SIZES.map((size) => formatInteger(measureSeal(size)))],
]);

await benchSealedEcho(null);

await benchMessages();

await benchPairs();

function toMinutes(word: string): number {
  const minutes = Number(word);
  if (!(minutes > 0)) throw new UsageError("--memory: a number of minutes is expected");
  return minutes;
}

function toRouter(word: string): Router {
  const found = ROUTERS.find((kind) => kind === word);
  if (found === undefined) throw new UsageError(`--routers: ${word} is not a kind of router`);
  return found;
}
