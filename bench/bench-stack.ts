/** The system under test: a hub and a sidecar without rate limits, and a bare UDP echo server for comparison. */
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentBundle } from "../tools/run/bundle.ts";
import { stopHub, startHub } from "../tools/run/hub.ts";
import { freePort } from "../tools/run/ports.ts";
import { stopProcess, startProcess, waitForJson } from "../tools/run/processes.ts";

const UNLIMITED = "1000000";

export type BenchStack = {
  readonly sidecar: ChildProcess;
  readonly hubUrl: string;
  /** The UDP port of all wires. */
  readonly port: number;
  /** The TCP port of noray's commands. */
  readonly noray: number;
  readonly echo: ChildProcess;
  readonly echoPort: number;
  readonly close: () => Promise<void>;
};

/** `root`: the clone whose sidecar is measured, beside the hub of this one. `settings`: more of the sidecar's environment. */
export async function startBenchStack(
  root = join(import.meta.dirname, ".."),
  settings: Readonly<Record<string, string>> = {},
): Promise<BenchStack> {
  const state = await mkdtemp(join(tmpdir(), "parley-bench-"));
  const [hubPort, status, noray] = [await freePort("tcp"), await freePort("tcp"), await freePort("tcp")];
  const [port, echoPort] = [await freePort("udp"), await freePort("udp")];
  const hub = await startHub({ bundle: await currentBundle(), state, port: hubPort, keys: "key-of-the-bench" });
  const sidecar = startProcess(process.execPath, [join(root, "udp-sidecar/main.ts")], {
    PARLEY_HUB: `http://127.0.0.1:${hubPort}`,
    PARLEY_KEY: "key-of-the-bench",
    PARLEY_NAME: "bench",
    PARLEY_LISTEN: "127.0.0.1",
    PARLEY_PORTS: String(port),
    PARLEY_STATUS: `127.0.0.1:${status}`,
    PARLEY_LOG: "error",
    PARLEY_NORAY: String(noray),
    PARLEY_TUNNEL: "off",
    PARLEY_NOHUB: "off",
    PARLEY_STUN_RATE: `${UNLIMITED}/${UNLIMITED}`,
    PARLEY_STUN_ALL_RATE: `${UNLIMITED}/${UNLIMITED}`,
    PARLEY_NORAY_CONNECTIONS: `${UNLIMITED}/${UNLIMITED}`,
    PARLEY_NORAY_LOOKUP_RATE: `${UNLIMITED}/${UNLIMITED}`,
    PARLEY_RELAY_PEERS: "any",
    PARLEY_CONTACTS_MAX: UNLIMITED,
    PARLEY_LOBBIES_PER_SOURCE_MAX: UNLIMITED,
    PARLEY_MEMBERSHIPS_PER_SOURCE_MAX: UNLIMITED,
    PARLEY_STRANGER_RATE: `${UNLIMITED}/${UNLIMITED}`,
    PARLEY_RENEWAL_RATE: `${UNLIMITED}/${UNLIMITED}`,
    PARLEY_LIST_RATE: `${UNLIMITED}/${UNLIMITED}`,
    PARLEY_STATE: state,
    PARLEY_DTLS: "on",
    PARLEY_DTLS_SESSIONS_MAX: UNLIMITED,
    PARLEY_DTLS_PER_SOURCE_MAX: UNLIMITED,
    PARLEY_DTLS_HANDSHAKE_RATE: `${UNLIMITED}/${UNLIMITED}`,
    ...settings,
  });
  const echo = startProcess(process.execPath, [join(import.meta.dirname, "programs", "echo.ts"), String(echoPort)], {});
  const close = async (): Promise<void> => {
    await Promise.all([stopProcess(echo), stopProcess(sidecar)]);
    await stopHub(hub);
    await rm(state, { recursive: true, force: true });
  };
  const hubUrl = `http://127.0.0.1:${hubPort}`;
  await waitForJson(`${hubUrl}/healthz`, (body) => body["ok"] === true, hub);
  await waitForJson(`http://127.0.0.1:${status}/healthz`, (body) => body["hub"] === "linked", sidecar);
  return { sidecar, hubUrl, port, noray, echo, echoPort, close };
}
