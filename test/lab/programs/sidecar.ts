/**
 * Another sidecar: `sidecar.ts HUB ADDRESS FOLDER STATUS SETTINGS`. Prints `{ ready: true }` when it is linked. SETTINGS
 * is JSON.
 */
import { stopProcess, startSidecar, waitForJson } from "../../../tools/run/processes.ts";
import { sidecarSettings } from "../sidecar.ts";
import { onLine, sendLine } from "./json-lines.ts";

const [hub, address, folder, status, settings] = process.argv.slice(2) as [string, string, string, string, string];
const own = JSON.parse(settings) as Record<string, string>;
const sidecar = startSidecar({ ...sidecarSettings(hub, address, folder), PARLEY_STATUS: status, ...own });
await waitForJson(`http://${status}/healthz`, (body) => body["hub"] === "linked", sidecar);
onLine(
  () => {},
  () => stopProcess(sidecar),
);
sendLine({ ready: true });
