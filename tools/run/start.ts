/**
 * `npm start`: a whole deployment on this machine: the hub in workerd with the lobby page, and a sidecar.
 *
 * It needs no account and no network, so that a developer can try Parley within a minute.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dtls } from "#shared/link/messages.ts";
import { defaults } from "../../udp-sidecar/config/config.ts";
import { DTLS_SETTINGS } from "../../udp-sidecar/config/dtls.ts";
import { readEnvironment } from "../../udp-sidecar/config/settings.ts";
import { gdscript } from "../../udp-sidecar/sockets/dtls/certificate.ts";
import { parseCommandLine } from "../command-line.ts";
import { runDemo } from "./demo.ts";
import { bundleHub, stopHub, randomKey, startHub } from "./hub.ts";
import { takenPorts, type RequiredPort } from "./ports.ts";
import { stopProcess, exitCodeOf, startSidecar, waitForJson } from "./processes.ts";

const HUB_PORT = 8787;
const RABID_PORT = 57_775;
/** The pause before a process that has exited is started again. */
const RESTART_AFTER_MS = 500;
/** How often to check that npm still runs. */
const PARENT_CHECK_MS = 200;

const HELP = `
Usage: npm start [-- --fresh] [--demo]

Runs the hub, a sidecar and the lobby page on this machine until Ctrl-C.

  --fresh           deletes the rows of the last run first
  --demo            two bots host, join and connect in a loop

Environment variables:
  PARLEY_STATE=.parley    the folder of rows and keys
  PARLEY_...              settings of the sidecar: npx node udp-sidecar/main.ts --help
`;

const options = parseCommandLine(
  HELP,
  { options: { fresh: { type: "boolean" }, demo: { type: "boolean" } } },
  ({ values }) => values,
);
const state = resolve(process.env["PARLEY_STATE"] ?? ".parley");
const hubUrl = `http://127.0.0.1:${HUB_PORT}`;
const statusAt = defaults().get("PARLEY_STATUS")!;
const noray = tcpPort("PARLEY_NORAY");
/** The TCP ports of nohub. */
const nohub =
  (process.env["PARLEY_NOHUB"] ?? defaults().get("PARLEY_NOHUB")!).match(/[0-9]+(?=@|,|$)/g)?.map(Number) ?? [];
const tunnel = tcpPort("PARLEY_TUNNEL");
const stopping = new AbortController();
const running: { hub?: ChildProcess; sidecar?: ChildProcess } = {};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort());
if (process.env["npm_lifecycle_event"] === "start") stopWithParent();

try {
  await run();
} catch (error) {
  if (!stopping.signal.aborted) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
stopping.abort();
// The sidecar stops first, so that it can close its link properly.
if (running.sidecar !== undefined) await stopProcess(running.sidecar);
if (running.hub !== undefined) await stopHub(running.hub);
process.exit();

async function run(): Promise<void> {
  const taken = await takenPorts(wantedPorts());
  if (taken.length > 0) throw new Error([...taken, "Is another `npm start` running?"].join("\n"));
  const hubState = join(state, "hub");
  if (options.fresh === true) await rm(hubState, { recursive: true, force: true });
  await mkdir(state, { recursive: true });
  const bundle = await bundleHub();
  const keys = process.env["SIDECAR_KEYS"] ?? (await storedKey("sidecar-key"));
  const tokenKeys = process.env["TOKEN_KEYS"] ?? (await storedKey("token-key"));
  const hub = supervise(
    "hub",
    () => startHub({ bundle, state: hubState, port: HUB_PORT, keys, tokenKeys, settings: process.env }),
    `${hubUrl}/healthz`,
    () => true,
  );
  const sidecar = supervise(
    "sidecar",
    () => Promise.resolve(startSidecar({ ...sidecarSettings(), PARLEY_KEY: keys.split(",")[0]! })),
    `http://${statusAt}/healthz`,
    (body) => body["hub"] === "linked",
  );
  await Promise.race([Promise.all([hub, sidecar]), once(stopping.signal, "abort")]);
  if (stopping.signal.aborted) return;
  process.stdout.write(
    [
      "",
      `  lobby page   ${hubUrl}`,
      `  lobby list   ${hubUrl}/v1/games/default/lobbies`,
      `  sidecar      UDP ${ports().join(", ")}; http://${statusAt}/metrics`,
      ...(noray === null ? [] : [`  noray        TCP ${noray}`]),
      ...(tunnel === null ? [] : [`  tunnels      TCP ${tunnel}`]),
      `  rows         ${relative(process.cwd(), hubState)}`,
      ...(await dtlsLines()),
      "",
      `ready: hub ${hubUrl}, sidecar UDP ${ports().join(" ")}`,
      "",
    ].join("\n"),
  );
  if (options.demo === true) void runDemo(RABID_PORT, stopping.signal);
  await once(stopping.signal, "abort");
}

/** Starts a process, and restarts it when it exits, until this tool stops. Resolves when it is first ready. */
function supervise(
  name: "hub" | "sidecar",
  start: () => Promise<ChildProcess>,
  url: string,
  healthy: (body: Record<string, unknown>) => boolean,
): Promise<void> {
  const { promise: ready, resolve: readied, reject: failed } = Promise.withResolvers<void>();
  void (async () => {
    for (let first = true; !stopping.signal.aborted; first = false) {
      const child = await start();
      running[name] = child;
      await waitForJson(url, (body) => body["ok"] === true && healthy(body), child).then(readied, (error: Error) => {
        if (first) failed(error);
      });
      await exitCodeOf(child);
      delete running[name];
      // Ctrl-C reaches the child processes, too; they may exit before this process is notified.
      await sleep(RESTART_AFTER_MS, undefined, { signal: stopping.signal }).catch(() => {});
      if (!stopping.signal.aborted) process.stderr.write(`The ${name} has exited; restarting it.\n`);
    }
  })();
  return ready;
}

/** If DTLS is on: the certificate's fingerprint, and how games pin it. */
async function dtlsLines(): Promise<string[]> {
  const { PARLEY_DTLS, PARLEY_GAME } = { ...Object.fromEntries(defaults()), ...process.env };
  if (PARLEY_DTLS === "off") return [];
  const response = await fetch(`${hubUrl}/v1/games/${PARLEY_GAME}/sidecars`);
  const { sidecars = [] } = (await response.json()) as { sidecars?: { dtls?: Dtls }[] };
  const dtls = sidecars.find((sidecar) => sidecar.dtls !== undefined)?.dtls;
  if (dtls === undefined) return [];
  const file =
    readEnvironment(DTLS_SETTINGS.dtls_cert, process.env) || relative(process.cwd(), join(state, "dtls.crt"));
  const { godot3, godot4 } = gdscript(dtls);
  return [
    `  DTLS         SHA-256 ${dtls.fingerprint}`,
    `               pin ${file} under the name ${dtls.name}`,
    `      Godot 3  ${godot3}`,
    `      Godot 4  ${godot4}`,
  ];
}

/** npm sends SIGTERM only to the shell between npm and this process, so the parent's exit is polled. */
function stopWithParent(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) stopping.abort();
  }, PARENT_CHECK_MS).unref();
}

/** A key in the state folder: created once, readable only by its owner. */
async function storedKey(name: "sidecar-key" | "token-key"): Promise<string> {
  const file = join(state, name);
  const stored = await readFile(file, "utf8").catch(() => "");
  if (stored !== "") return stored;
  const key = randomKey();
  await writeFile(file, key, { mode: 0o600 });
  return key;
}

/** The sidecar's settings: those of the environment, with defaults for a quiet local deployment. */
function sidecarSettings(): Record<string, string> {
  const own = Object.entries(process.env).filter(([name, value]) => name.startsWith("PARLEY_") && value !== undefined);
  const settings = Object.fromEntries(own) as Record<string, string>;
  // PARLEY_RELAY_PEERS: players on this machine have private addresses.
  return {
    PARLEY_LOG: "warn",
    PARLEY_NAME: "local",
    PARLEY_ADDRESSES: "127.0.0.1",
    PARLEY_RELAY_PEERS: "any",
    ...settings,
    PARLEY_STATE: state,
    PARLEY_HUB: hubUrl,
    PARLEY_STATUS: statusAt,
  };
}

function ports(): number[] {
  const listed = process.env["PARLEY_PORTS"] ?? defaults().get("PARLEY_PORTS")!;
  return listed.split(",").map((item) => Number.parseInt(item, 10));
}

/** The TCP port of a setting, or null if it is off. */
function tcpPort(setting: "PARLEY_NORAY" | "PARLEY_TUNNEL"): number | null {
  const value = process.env[setting] ?? defaults().get(setting)!;
  const port = /(?:^|:)([0-9]+)(?:@.*)?$/.exec(value)?.[1];
  return port === undefined ? null : Number(port);
}

function wantedPorts(): RequiredPort[] {
  const udp = ports().map((port) => ({ kind: "udp", port, purpose: "sidecar" }) as const);
  const status = Number(statusAt.split(":")[1]);
  const tcp: RequiredPort[] = [
    { kind: "tcp", port: HUB_PORT, purpose: "hub" },
    { kind: "tcp", port: status, purpose: "sidecar status" },
  ];
  if (noray !== null) tcp.push({ kind: "tcp", port: noray, purpose: "noray" });
  for (const port of nohub) tcp.push({ kind: "tcp", port, purpose: "nohub" });
  if (tunnel !== null) tcp.push({ kind: "tcp", port: tunnel, purpose: "tunnels" });
  return [...tcp, ...udp];
}
