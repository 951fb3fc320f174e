/**
 * Another sidecar: `sidecar.ts HUB ADDRESS FOLDER`. Prints `{ ready: true }` when it is linked.
 */
import { stopProcess, startSidecar, waitForJson } from "../../../tools/run/processes.ts";
import { defaults } from "../../../udp-sidecar/config/config.ts";
import { sidecarSettings } from "../sidecar.ts";
import { onLine, sendLine } from "./json-lines.ts";

const [hub, address, folder] = process.argv.slice(2) as [string, string, string];
const sidecar = startSidecar(sidecarSettings(hub, address, folder));
await waitForJson(`http://${defaults().get("PARLEY_STATUS")!}/healthz`, (body) => body["hub"] === "linked", sidecar);
onLine(
  () => {},
  () => stopProcess(sidecar),
);
sendLine({ ready: true });
