/**
 * Sends UDP datagrams from the addresses of other hosts: `forger.ts ADDRESS...`. Replies go to those hosts.
 *
 *     prints { ready: true }
 *     reads  { from: { address, port }, to: { address, port }, say: BASE64 }
 *     prints { sent: BYTES }
 */
import { execFileSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { writeFileSync } from "node:fs";
import type { Endpoint } from "#shared/net/endpoint.ts";
import { onLine, sendLine } from "./json-lines.ts";

// Without this the machine would answer ARP for the forged addresses and receive the replies itself.
writeFileSync("/proc/sys/net/ipv4/conf/all/arp_ignore", "1");
for (const address of process.argv.slice(2)) execFileSync("ip", ["addr", "add", `${address}/32`, "dev", "lo"]);

const sockets = new Map<string, Promise<Socket>>();

function bound({ address, port }: Endpoint): Promise<Socket> {
  const key = `${address} ${port}`;
  let socket = sockets.get(key);
  if (socket === undefined) {
    const opened = createSocket("udp4");
    socket = new Promise((done) => opened.bind(port, address, () => done(opened)));
    sockets.set(key, socket);
  }
  return socket;
}

onLine((line) => {
  const { from, to, say } = line as { from: Endpoint; to: Endpoint; say: string };
  const bytes = Buffer.from(say, "base64");
  void bound(from).then((socket) => socket.send(bytes, to.port, to.address, () => sendLine({ sent: bytes.length })));
});
sendLine({ ready: true });
