/**
 * Counts the UDP payload that arrives at several addresses of this host: `victim.ts FIRST-LAST ADDRESS...`, on these
 * ports.
 *
 *     prints { ready: true }
 *     reads  { count: ID }
 *     prints { count: ID, bytes: { ADDRESS: BYTES } }
 */
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { onLine, sendLine } from "./json-lines.ts";

const [range, ...addresses] = process.argv.slice(2) as [string, ...string[]];
const [first, last] = range.split("-").map(Number) as [number, number];
const bytes: Record<string, number> = {};
for (const address of addresses) {
  execFileSync("ip", ["addr", "add", `${address}/32`, "dev", "eth0"]);
  bytes[address] = 0;
  for (let port = first; port <= last; port++) {
    const socket = createSocket("udp4");
    socket.on("message", (message) => (bytes[address]! += message.length));
    await new Promise<void>((done) => socket.bind(port, address, done));
  }
}
onLine((line) => sendLine({ count: line["count"], bytes }));
sendLine({ ready: true });
