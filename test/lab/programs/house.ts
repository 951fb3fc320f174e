/**
 * Hub and sidecar on one host: `house.ts BUNDLE FOLDER ADDRESS`. Says `{ ready: true }` when they are linked. The rows
 * are in the folder; the sidecar listens on the address alone, on the ports of its documentation, one for each wire.
 */
import { endHub, startHub } from "../../../tools/hub.ts";
import { end, startSidecar, untilAnswers } from "../../../tools/processes.ts";
import { defaults } from "../../../udp-sidecar/config.ts";
import { listen, say } from "./stage.ts";

const HUB_PORT = 8_787;
const KEY = "key-of-the-house";

const [bundle, state, address] = process.argv.slice(2) as [string, string, string];
const url = `http://127.0.0.1:${HUB_PORT}`;
const hub = await startHub({ bundle, state, port: HUB_PORT, keys: KEY });
await untilAnswers(`${url}/healthz`, (body) => body["ok"] === true, hub);
const sidecar = startSidecar({
  PARLEY_HUB: url,
  PARLEY_KEY: KEY,
  PARLEY_LISTEN: address,
  PARLEY_LOG: "warn",
  PARLEY_DTLS: "on",
  PARLEY_STATE: state,
});
await untilAnswers(`http://${defaults().get("PARLEY_STATUS")!}/healthz`, (body) => body["hub"] === "linked", sidecar);
listen(
  () => {},
  // The sidecar first: it says goodbye to the hub.
  () => end(sidecar).then(() => endHub(hub)),
);
say({ ready: true });
