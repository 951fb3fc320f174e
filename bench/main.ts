/**
 * `npm run bench`: what the house carries, in one run on this machine, in about three minutes.
 *
 *     observed    our own peers and ICE agents, told where they are seen: two HMACs a question, and none
 *     renewals    UDP in, contact, UDP out: beside a bare echo server of the same runtime, per second of its CPU
 *     requests    the same for what goes through the hub; the CPU is the sidecar's alone
 *     DTLS        pings under DTLS beside those in clear, handshakes, and what a session that is held costs
 *     steps       UDP -> sidecar -> hub (rows written) -> sidecar -> UDP: per second, and how long one takes
 *     noray       registrations over TCP, the registrar with 0 and with 10,000 idle hosts, and what one of those weighs
 *     lobbies     lists over HTTP, lives of lobbies, and a change that a thousand watchers are told, at a hub of its own
 *     sealed      datagrams between two peers of ours: sealed and opened by the client, in this process alone
 *     messages    reliable and unreliable ones between two peers, beside plain UDP, and how long one takes beside a level
 *     pairs       our own peers behind every pair of routers, in network namespaces: the path, and how long until it is there
 *     relay       UDP in, UDP out to the other side: beside noray's way of doing it
 *
 * Absolute figures belong to the machine; compare ratios, and runs on the same machine.
 */
import { createSocket } from "node:dgram";
import { NATIVE_REQUEST_BYTES_MIN } from "#shared/limits.ts";
import { Clients } from "../test/support/dtls.ts";
import { packetHash } from "../udp-sidecar/protocols/dowsett.ts";
import { measureHandshakes, memoryPerSession, DtlsPeer, dtlsFlood } from "./dtls.ts";
import { startBenchStack } from "./bench-stack.ts";
import { benchLobbies } from "./lobbies.ts";
import { benchNoray } from "./noray.ts";
import { CIPHERS, measureSeal, SIZES } from "./seal.ts";
import { benchMessages } from "./messages-table.ts";
import { benchNatPairs } from "./nat-pairs.ts";
import { benchRelays } from "./relay.ts";
import { sendRequest, flood, measureSteps, printTable, formatInteger } from "./measure.ts";

const SOCKETS = 64;
/** Sessions that are held while the server's memory is looked at. */
const HELD = 1_000;
const PASSWORD = "abcdefghij";
const STUN = Buffer.from("000100002112a442".padEnd(40, "a"), "hex");

const house = await startBenchStack();
try {
  const sockets = Array.from({ length: SOCKETS }, () => createSocket("udp4"));
  await Promise.all(sockets.map((socket, at) => sendRequest(socket, house.port, text(`h:Bench${at}:Alice:4`))));
  await Promise.all(sockets.map((socket, at) => sendRequest(socket, house.port, registration(`bench ${at}`))));

  const pings = sockets.map((_, at) => text(`p:Bench${at}:Alice`));
  const refreshes = sockets.map((_, at) => refresh(`bench ${at}`));
  const question = list();
  const observed = await observation(house.hubUrl);
  let names = 0;
  const echo = await flood(sockets, house.echoPort, house.echo, (at) => pings[at]!);
  const rows = [
    ["Rabid pings", await flood(sockets, house.port, house.sidecar, (at) => pings[at]!)],
    ["Dowsett refreshes", await flood(sockets, house.port, house.sidecar, (at) => refreshes[at]!)],
    ["Dowsett lists of 64", await flood(sockets, house.port, house.sidecar, () => question)],
    ["Dowsett registrations", await flood(sockets, house.port, house.sidecar, () => registration(`new ${names++}`))],
    ["observations with a ticket", await flood(sockets, house.port, house.sidecar, () => observed)],
    ["STUN bindings", await flood(sockets, house.port, house.sidecar, () => STUN)],
  ] as const;
  printTable([
    ["", "per second", "per CPU-second", "beside echo"],
    ["bare UDP echo", formatInteger(echo.per_s), formatInteger(echo.per_cpu_s), "1.00"],
    ...rows.map(([what, { per_s, per_cpu_s }]) => [
      what,
      formatInteger(per_s),
      formatInteger(per_cpu_s),
      (per_cpu_s / echo.per_cpu_s).toFixed(2),
    ]),
  ]);
  for (const socket of sockets) socket.close();

  const clients = await Clients.load();
  const sealed = Array.from({ length: SOCKETS }, () => new DtlsPeer(clients, house.port));
  for (const one of sealed) await one.connect();
  for (const [at, one] of sealed.entries()) one.send([one.client.say(`h:Sealed${at}:Alice:4`)]);
  const [, inClear] = rows[0];
  const under = await dtlsFlood(sealed, house.sidecar, (at) => `p:Sealed${at}:Alice`);
  const shaken = await measureHandshakes(clients, house.port, house.sidecar, 16);
  for (const one of sealed) one.close();
  printTable([
    ["", "per second", "per CPU-second", "beside clear"],
    ["Rabid pings in clear", formatInteger(inClear.per_s), formatInteger(inClear.per_cpu_s), "1.00"],
    [
      "Rabid pings under DTLS",
      formatInteger(under.per_s),
      formatInteger(under.per_cpu_s),
      (under.per_cpu_s / inClear.per_cpu_s).toFixed(2),
    ],
    ["DTLS handshakes", formatInteger(shaken.per_s), formatInteger(shaken.per_cpu_s), ""],
  ]);
  const bytes = await memoryPerSession(clients, house.port, house.sidecar, HELD);
  printTable([
    ["DTLS sessions held", "KB each"],
    [formatInteger(HELD), (bytes / 1_024).toFixed(1)],
  ]);

  let sessions = 0;
  const host = (): Uint8Array => text(`h:S${sessions++}:Alice:4`);
  const alone = await measureSteps(1, house.port, host);
  const crowded = await measureSteps(64, house.port, host);
  printTable([
    ["", "per second", "p50 ms", "p99 ms"],
    ["steps, one at a time", formatInteger(alone.per_s), alone.p50.toFixed(2), alone.p99.toFixed(2)],
    ["steps, 64 at once", formatInteger(crowded.per_s), crowded.p50.toFixed(2), crowded.p99.toFixed(2)],
  ]);

  await benchNoray(house);
} finally {
  await house.close();
}
await benchRelays();

await benchLobbies();

printTable([
  ["per CPU-second", ...SIZES.map((size) => `${size} bytes`)],
  ...CIPHERS.map(([name, cipher]) => [name, ...SIZES.map((size) => formatInteger(cipher(size)))]),
  ["sealed by one, opened by the other", ...SIZES.map((size) => formatInteger(measureSeal(size)))],
]);

await benchMessages();

await benchNatPairs();

/** What a peer of ours asks, with a ticket of this hub. */
async function observation(hub: string): Promise<Uint8Array> {
  const response = await fetch(`${hub}/v1/games/default/peers`, { method: "POST" });
  const { udp_token } = (await response.json()) as { udp_token: string };
  return text(`see ${udp_token}`.padEnd(NATIVE_REQUEST_BYTES_MIN));
}

function text(what: string): Uint8Array {
  return Buffer.from(what);
}

function registration(name: string): Uint8Array {
  const local = { "local-address": ["192.168.0.2", 4_242], "password-required": false };
  const says = { __type: "registering-server", "seconds-before-expiry": 60, password: PASSWORD, ...local };
  return signed(name, says);
}

function refresh(name: string): Uint8Array {
  return signed(name, { __type: "refreshing-server-registration", "seconds-before-expiry": 60 });
}

function list(): Uint8Array {
  return signed(null, { __type: "requesting-server-list", password: PASSWORD });
}

function signed(sender: string | null, says: Record<string, unknown>): Uint8Array {
  const all = { ...says, "__sender-name": sender, "__destination-name": "_HANDSHAKE_SERVER" };
  return Buffer.from(JSON.stringify({ ...all, "__hash-string": packetHash(all, PASSWORD) }));
}
