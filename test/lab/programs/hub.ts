/**
 * A hub as an operator runs it: workerd on the loopback address, with TLS proxies in front.
 * `hub.ts BUNDLE STORAGE ADDRESS KEYS CERTIFICATES` prints `{ ready: true }`. On `{ hub: false }` and `{ hub: true }` it stops and starts
 * the hub, and prints the same.
 *
 *     443    certificate `good`
 *     444    certificate `expired`
 *     445    certificate `good`, with a Date header ten minutes late
 *     446    certificate `good`, without WebSockets
 */
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { stopHub, startHub } from "../../../tools/run/hub.ts";
import { waitForJson } from "../../../tools/run/processes.ts";
import { onLine, sendLine } from "./json-lines.ts";

const PORT = 8_787;
const LATE_MS = 600_000;
const [bundle, state, address, keys, certificates] = process.argv.slice(2) as [string, string, string, string, string];

async function start(): Promise<ChildProcess> {
  const hub = await startHub({ bundle, state, port: PORT, keys, tokenKeys: "token-key-of-the-stack-of-the-tests" });
  await waitForJson(`http://127.0.0.1:${PORT}/healthz`, (body) => body["ok"] === true, hub);
  return hub;
}

type Break = "late" | "no upgrade" | null;

function proxy(port: number, certificate: string, broken: Break): Promise<void> {
  const read = (kind: string): Buffer => readFileSync(join(certificates, `${certificate}.${kind}`));
  const server = createServer({ cert: read("crt"), key: read("key") }, (outside) => {
    const inside = connect(PORT, "127.0.0.1");
    for (const [socket, other] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      socket.on("error", () => other.destroy());
      socket.on("close", () => other.destroy());
    }
    outside.on("data", (bytes: Buffer) => inside.write(broken === "no upgrade" ? withoutUpgrade(bytes) : bytes));
    inside.on("data", (bytes: Buffer) => outside.write(broken === "late" ? lateAnswer(bytes) : bytes));
  });
  return new Promise((done) => server.listen(port, address, done));
}

const withoutUpgrade = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.toString("latin1").replace(/^upgrade: websocket\r\n/im, ""), "latin1");

function lateAnswer(bytes: Buffer): Buffer {
  const shift = (_: string, name: string, date: string): string =>
    `${name}${new Date(Date.parse(date) - LATE_MS).toUTCString()}\r\n`;
  return Buffer.from(bytes.toString("latin1").replace(/^(date: )(.+)\r\n/im, shift), "latin1");
}

let hub = await start();
await proxy(443, "good", null);
await proxy(444, "expired", null);
await proxy(445, "good", "late");
await proxy(446, "good", "no upgrade");
onLine(
  ({ hub: wanted }) =>
    void (async () => {
      if (wanted === true) hub = await start();
      else await stopHub(hub);
      sendLine({ hub: wanted });
    })(),
  () => stopHub(hub),
);
sendLine({ ready: true });
