/**
 * Hub and sidecar on one host: `stack.ts BUNDLE FOLDER ADDRESS ADDRESSES SETTINGS`. Prints `{ ready: true }` when they are
 * linked. FOLDER is the storage. The hub listens on ADDRESS only, the sidecar on ADDRESSES, on the documented port of each
 * wire. SETTINGS are further ones of the hub, as JSON.
 *
 *     reads  { kill: "hub" | "sidecar" }   kills it
 *     reads  { start: "hub" }              starts it again with its storage
 *     prints { killed, started }
 */
import type { ChildProcess } from "node:child_process";
import { type HubOptions, stopHub, startHub } from "../../../tools/run/hub.ts";
import { stopProcess, exitCodeOf, startSidecar, waitForJson } from "../../../tools/run/processes.ts";
import { defaults } from "../../../udp-sidecar/config/config.ts";
import { HUB_PORT, KEY, sidecarSettings } from "../sidecar.ts";
import { onLine, sendLine } from "./json-lines.ts";

const TOKEN_KEY = "token-key-of-the-stack-of-the-laboratory";

const [bundle, state, address, addresses, more] = process.argv.slice(2) as [string, string, string, string, string];
const settings = JSON.parse(more) as NonNullable<HubOptions["settings"]>;
const url = `http://${address}:${HUB_PORT}`;
let hub = await openHub();
const sidecar = startSidecar(sidecarSettings(url, addresses, state));
await waitForJson(`http://${defaults().get("PARLEY_STATUS")!}/healthz`, (body) => body["hub"] === "linked", sidecar);
onLine(
  ({ kill, start }) => {
    if (kill === "hub") void killed(hub).then(() => sendLine({ killed: kill }));
    if (kill === "sidecar") void killed(sidecar).then(() => sendLine({ killed: kill }));
    if (start === "hub") void openHub().then((opened) => ((hub = opened), sendLine({ started: start })));
  },
  // The sidecar first, because it reports its end to the hub.
  () => stopProcess(sidecar).then(() => stopHub(hub)),
);
sendLine({ ready: true });

async function openHub(): Promise<ChildProcess> {
  const opened = await startHub({ bundle, state, address, port: HUB_PORT, keys: KEY, tokenKeys: TOKEN_KEY, settings });
  await waitForJson(`${url}/healthz`, (body) => body["ok"] === true, opened);
  return opened;
}

async function killed(child: ChildProcess): Promise<void> {
  const over = exitCodeOf(child);
  child.kill("SIGKILL");
  await over;
}
