/**
 * `npm run say WIRE TEXT [TEXT ...]`: speaks a wire by hand, from one socket, and prints what comes back.
 *
 *     npm run say rabid h:Nice:Alice:4                        one datagram
 *     npm run say rabid h:Nice:Alice:4 p:Nice:Alice           one after the other
 *     npm run say -- --to 203.0.113.5:3478 rabid p:Nice:Bob   somewhere else
 *     npm run say noray register-host                         a line over TCP; a pid is a datagram
 *
 * It listens until nothing has come for a second.
 */
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { createConnection } from "node:net";
import { parseArgs } from "node:util";
import { defaults } from "../udp-sidecar/config/config.ts";

const QUIET_MS = 1_000;

/** A way to say something and to hear of whatever comes back; `heard` is called for each line or datagram. */
type Voice = { say(text: string): void; close(): void };

const { values, positionals } = parseArgs({ options: { to: { type: "string" } }, allowPositionals: true });
const [wire = "", ...texts] = positionals;
const overTcp = wire === "noray" && texts.every((text) => /^(register-host|connect)/.test(text));
const to = /^(.+):([0-9]+)$/.exec(values.to ?? `127.0.0.1:${documentedPort()}`);
if (to === null || texts.length === 0) {
  process.stderr.write(
    "Usage: npm run say -- [--to HOST:PORT] WIRE TEXT [TEXT ...], with a wire of rabid, dowsett, noray\n",
  );
  process.exit(2);
}

const { address, family } = await lookup(to[1]!);
const port = Number(to[2]);
const arrivals = new EventTarget();
let heard = 0;
const voice = await (overTcp ? connection() : datagrams());

for (const text of texts) {
  process.stdout.write(`${address}:${port} <- ${text}\n`);
  voice.say(text);
  await arrival();
}
while (await arrival());
voice.close();
if (heard === 0) {
  process.stderr.write("Nothing came back.\n");
  process.exitCode = 1;
}

function hear(from: string, text: string): void {
  heard++;
  process.stdout.write(`${from} -> ${text}\n`);
  arrivals.dispatchEvent(new Event("arrival"));
}

function datagrams(): Promise<Voice> {
  const socket = createSocket(family === 6 ? "udp6" : "udp4");
  socket.on("message", (bytes, from) => hear(`${from.address}:${from.port}`, bytes.toString("utf8")));
  return Promise.resolve({ say: (text) => socket.send(text, port, address), close: () => socket.close() });
}

async function connection(): Promise<Voice> {
  const socket = createConnection({ host: address, port });
  socket.on("data", (bytes) => {
    for (const line of bytes.toString("utf8").split("\n").slice(0, -1)) hear(`${address}:${port}`, line);
  });
  await once(socket, "connect");
  return { say: (text) => void socket.write(`${text}\n`), close: () => socket.destroy() };
}

/** Where `npm start` speaks this wire, and this wire alone. */
function documentedPort(): number {
  if (overTcp) return Number(defaults().get("PARLEY_NORAY"));
  const ports = defaults().get("PARLEY_PORTS")!.split(",");
  return Number.parseInt(ports.find((item) => item.endsWith(`=${wire}`)) ?? "", 10);
}

/** Whether something more comes before it has been quiet for long enough. */
function arrival(): Promise<boolean> {
  const signal = AbortSignal.timeout(QUIET_MS);
  return once(arrivals, "arrival", { signal }).then(
    () => true,
    () => false,
  );
}
