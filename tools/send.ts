/** `npm run send`: sends datagrams or lines of a wire by hand and prints the responses. Its help text has examples. */
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { createConnection } from "node:net";
import { defaults } from "../udp-sidecar/config/config.ts";
import { parseCommandLine, UsageError } from "./command-line.ts";

const HELP = `
Usage: npm run send -- [--to HOST:PORT] WIRE TEXT [TEXT ...]

Sends each text from one socket and prints the responses. Ends after a second without one.
WIRE is rabid, dowsett or noray.

  npm run send rabid h:Nice:Alice:4                        one datagram
  npm run send rabid h:Nice:Alice:4 p:Nice:Alice           two datagrams
  npm run send -- --to 203.0.113.5:3478 rabid p:Nice:Bob   to another sidecar
  npm run send noray register-host                         a line over TCP; a pid is sent as a datagram
`;

const IDLE_MS = 1_000;

/** A TCP connection or a UDP socket; `printResponse` is called for each line or datagram. */
type Sender = { send(text: string): void; close(): void };

const { isTcp, texts, host, port } = parseCommandLine(
  HELP,
  { options: { to: { type: "string" } }, allowPositionals: true },
  ({ values, positionals: [wire = "", ...texts] }) => {
    if (!["rabid", "dowsett", "noray"].includes(wire)) throw new UsageError("WIRE must be rabid, dowsett or noray.");
    if (texts.length === 0) throw new UsageError("TEXT is missing.");
    const isTcp = wire === "noray" && texts.every((text) => /^(register-host|connect)/.test(text));
    const to = /^(.+):([0-9]+)$/.exec(values.to ?? `127.0.0.1:${defaultPort(wire, isTcp)}`);
    if (to === null) throw new UsageError("--to must be HOST:PORT.");
    return { isTcp, texts, host: to[1]!, port: Number(to[2]) };
  },
);

const { address, family } = await lookup(host);
const events = new EventTarget();
let responses = 0;
const sender = await (isTcp ? openConnection() : openSocket());

for (const text of texts) {
  process.stdout.write(`${address}:${port} <- ${text}\n`);
  sender.send(text);
  await waitForResponse();
}
while (await waitForResponse());
sender.close();
if (responses === 0) {
  process.stderr.write("No response.\n");
  process.exitCode = 1;
}

function printResponse(from: string, text: string): void {
  responses++;
  process.stdout.write(`${from} -> ${text}\n`);
  events.dispatchEvent(new Event("response"));
}

function openSocket(): Promise<Sender> {
  const socket = createSocket(family === 6 ? "udp6" : "udp4");
  socket.on("message", (bytes, from) => printResponse(`${from.address}:${from.port}`, bytes.toString("utf8")));
  return Promise.resolve({ send: (text) => socket.send(text, port, address), close: () => socket.close() });
}

async function openConnection(): Promise<Sender> {
  const socket = createConnection({ host: address, port });
  socket.on("data", (bytes) => {
    for (const line of bytes.toString("utf8").split("\n").slice(0, -1)) printResponse(`${address}:${port}`, line);
  });
  await once(socket, "connect");
  return { send: (text) => void socket.write(`${text}\n`), close: () => socket.destroy() };
}

/** The port that the default configuration opens for this wire alone. */
function defaultPort(wire: string, isTcp: boolean): number {
  if (isTcp) return Number(defaults().get("PARLEY_NORAY"));
  const ports = defaults().get("PARLEY_PORTS")!.split(",");
  return Number.parseInt(ports.find((item) => item.endsWith(`=${wire}`)) ?? "", 10);
}

/** Whether a response arrives before the idle time is over. */
function waitForResponse(): Promise<boolean> {
  return once(events, "response", { signal: AbortSignal.timeout(IDLE_MS) }).then(
    () => true,
    () => false,
  );
}
