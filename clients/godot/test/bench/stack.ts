/** The deployment of the addon's benches: a hub without rate limits and one sidecar, on loopback. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleHub } from "../../../../tools/run/bundle.ts";
import { startHub, stopHub } from "../../../../tools/run/hub.ts";
import { freePort } from "../../../../tools/run/ports.ts";
import { startSidecar, stopProcess, waitForJson } from "../../../../tools/run/processes.ts";

const KEY = "key-of-the-bench";

/** `folder` is removed by `close`. */
export type Stack = {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  readonly close: () => Promise<void>;
};

export async function openStack(): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  const [port, udp, status] = [await freePort("tcp"), await freePort("udp"), await freePort("tcp")];
  const url = `http://127.0.0.1:${port}`;
  const bundle = await bundleHub(join(folder, "bundle"));
  const hub = await startHub({ bundle, state: join(folder, "hub"), port, keys: KEY, settings: { RATE_LIMITS: "off" } });
  await waitForJson(`${url}/healthz`, (body) => body["ok"] === true, hub);
  const sidecar = startSidecar({
    PARLEY_HUB: url,
    PARLEY_KEY: KEY,
    PARLEY_NAME: "one",
    PARLEY_LISTEN: "127.0.0.1",
    PARLEY_ADDRESSES: "127.0.0.1",
    PARLEY_PORTS: `${udp}=native`,
    PARLEY_STATUS: `127.0.0.1:${status}`,
    PARLEY_LOG: "error",
    PARLEY_TUNNEL: "off",
  });
  await waitForJson(`http://127.0.0.1:${status}/healthz`, (body) => body["hub"] === "linked", sidecar);
  const close = async (): Promise<void> => {
    await stopProcess(sidecar);
    await stopHub(hub);
    rmSync(folder, { recursive: true, force: true });
  };
  return { url, port, folder, close };
}
