/**
 * `npm run say WIRE TEXT [TEXT ...]`: speaks a wire by hand, from one socket, and prints what comes back.
 *
 *     npm run say rabid h:Nice:Alice:4                        one datagram
 *     npm run say rabid h:Nice:Alice:4 p:Nice:Alice           one after the other
 *     npm run say -- --to 203.0.113.5:3478 rabid p:Nice:Bob   somewhere else
 *
 * It listens until nothing has come for a second.
 */
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { defaults } from "../udp-sidecar/config.ts";

const QUIET_MS = 1_000;

const { values, positionals } = parseArgs({ options: { to: { type: "string" } }, allowPositionals: true });
const [wire, ...texts] = positionals;
const ports = defaults().get("PARLEY_PORTS")!.split(",");
const bound = ports.find((item) => item.endsWith(`=${wire}`)) ?? "";
const to = /^(.+):([0-9]+)$/.exec(values.to ?? `127.0.0.1:${Number.parseInt(bound, 10)}`);
if (to === null || texts.length === 0) {
  process.stderr.write("Usage: npm run say -- [--to HOST:PORT] WIRE TEXT [TEXT ...]\n");
  process.exit(2);
}

const { address, family } = await lookup(to[1]!);
const port = Number(to[2]);
const socket = createSocket(family === 6 ? "udp6" : "udp4");
let heard = 0;
socket.on("message", (bytes, from) => {
  heard++;
  process.stdout.write(`${from.address}:${from.port} -> ${bytes.toString("utf8")}\n`);
});

for (const text of texts) {
  process.stdout.write(`${address}:${port} <- ${text}\n`);
  socket.send(text, port, address);
  await datagram();
}
while (await datagram());
socket.close();
if (heard === 0) {
  process.stderr.write("Nothing came back.\n");
  process.exitCode = 1;
}

/** Whether another datagram comes before it has been quiet for long enough. */
function datagram(): Promise<boolean> {
  const signal = AbortSignal.timeout(QUIET_MS);
  return once(socket, "message", { signal }).then(
    () => true,
    () => false,
  );
}
