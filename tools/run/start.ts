/**
 * `npm start`: the whole house on this machine. Hub in workerd, sidecar, lobby page; no account, no network.
 *
 *     npm start                 rows are kept in .parley (or in the folder that PARLEY_STATE names)
 *     npm start -- --fresh      throws them away first
 *     npm start -- --demo       two bots host, meet and start over, so that there is something to see
 *
 * A half that dies is started again. Ctrl-C or SIGTERM ends everything.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dtls } from "#shared/link/messages.ts";
import { defaults } from "../../udp-sidecar/config/config.ts";
import { DTLS_SETTINGS } from "../../udp-sidecar/config/dtls.ts";
import { saidOf } from "../../udp-sidecar/config/settings.ts";
import { gdscript } from "../../udp-sidecar/sockets/dtls/certificate.ts";
import { playDemo } from "./demo.ts";
import { bundleHub, endHub, randomKey, startHub } from "./hub.ts";
import { takenPorts, type Wanted } from "./ports.ts";
import { end, ended, startSidecar, untilAnswers } from "./processes.ts";

const HUB_PORT = 8787;
const RABID_PORT = 57_775;
/** A half that keeps dying is not started again more often than this. */
const RESTART_AFTER_MS = 500;

/** How soon we notice that npm is gone. */
const PARENT_LOOK_MS = 200;

const options = flags();
const state = resolve(process.env["PARLEY_STATE"] ?? ".parley");
const hubUrl = `http://127.0.0.1:${HUB_PORT}`;
const statusAt = defaults().get("PARLEY_STATUS")!;
const noray = tcpPort("PARLEY_NORAY");
const tunnel = tcpPort("PARLEY_TUNNEL");
const stopping = new AbortController();
const running: { hub?: ChildProcess; sidecar?: ChildProcess } = {};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort());
if (process.env["npm_lifecycle_event"] === "start") stopWithParent();

try {
  await open();
} catch (error) {
  if (!stopping.signal.aborted) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
stopping.abort();
// The sidecar first: it says goodbye to the hub.
if (running.sidecar !== undefined) await end(running.sidecar);
if (running.hub !== undefined) await endHub(running.hub);
process.exit();

async function open(): Promise<void> {
  const taken = await takenPorts(wantedPorts());
  if (taken.length > 0) throw new Error([...taken, "Is another house running?"].join("\n"));
  const hubState = join(state, "hub");
  if (options.fresh) await rm(hubState, { recursive: true, force: true });
  await mkdir(state, { recursive: true });
  const bundle = await bundleHub();
  const keys = process.env["SIDECAR_KEYS"] ?? (await keptKey("sidecar-key"));
  const tokenKeys = process.env["TOKEN_KEYS"] ?? (await keptKey("token-key"));
  const hub = keep(
    "hub",
    () => startHub({ bundle, state: hubState, port: HUB_PORT, keys, tokenKeys, settings: process.env }),
    `${hubUrl}/healthz`,
    () => true,
  );
  const sidecar = keep(
    "sidecar",
    () => Promise.resolve(startSidecar({ ...ownSettings(), PARLEY_KEY: keys.split(",")[0]! })),
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
  if (options.demo) void playDemo(RABID_PORT, stopping.signal);
  await once(stopping.signal, "abort");
}

/** Starts a half, and starts it again whenever it dies, until we are told to stop. Resolves when it first answers. */
function keep(
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
      await untilAnswers(url, (body) => body["ok"] === true && healthy(body), child).then(readied, (error: Error) => {
        if (first) failed(error);
      });
      await ended(child);
      delete running[name];
      // Ctrl-C reaches the halves as well as us, and they may be faster.
      await sleep(RESTART_AFTER_MS, undefined, { signal: stopping.signal }).catch(() => {});
      if (!stopping.signal.aborted) process.stderr.write(`The ${name} has died; starting it again.\n`);
    }
  })();
  return ready;
}

/** How to trust the sidecar, if it speaks DTLS: what the hub serves to games, and what they do with it. */
async function dtlsLines(): Promise<string[]> {
  const { PARLEY_DTLS, PARLEY_GAME } = { ...Object.fromEntries(defaults()), ...process.env };
  if (PARLEY_DTLS === "off") return [];
  const response = await fetch(`${hubUrl}/v1/games/${PARLEY_GAME}/sidecars`);
  const { sidecars = [] } = (await response.json()) as { sidecars?: { dtls?: Dtls }[] };
  const dtls = sidecars.find((sidecar) => sidecar.dtls !== undefined)?.dtls;
  if (dtls === undefined) return [];
  const file = saidOf(DTLS_SETTINGS.dtls_cert, process.env) || relative(process.cwd(), join(state, "dtls.crt"));
  const { godot3, godot4 } = gdscript(dtls);
  return [
    `  DTLS         SHA-256 ${dtls.fingerprint}`,
    `               pin ${file} under the name ${dtls.name}`,
    `      Godot 3  ${godot3}`,
    `      Godot 4  ${godot4}`,
  ];
}

/** npm hands a SIGTERM to the shell between us, which dies of it without a word to us. */
function stopWithParent(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) stopping.abort();
  }, PARENT_LOOK_MS).unref();
}

/** A key of this house: made once, readable by its owner alone. A second sidecar may show the same one. */
async function keptKey(name: "sidecar-key" | "token-key"): Promise<string> {
  const file = join(state, name);
  const known = await readFile(file, "utf8").catch(() => "");
  if (known !== "") return known;
  const key = randomKey();
  await writeFile(file, key, { mode: 0o600 });
  return key;
}

/** Settings of the sidecar that the person gave in the environment; the rest are its defaults, and it is quiet. */
function ownSettings(): Record<string, string> {
  const given = Object.entries(process.env).filter(
    ([name, value]) => name.startsWith("PARLEY_") && value !== undefined,
  );
  const settings = Object.fromEntries(given) as Record<string, string>;
  // Players on this machine are relayed too.
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

/** The TCP port that a setting opens, or null. */
function tcpPort(setting: "PARLEY_NORAY" | "PARLEY_TUNNEL"): number | null {
  const given = process.env[setting] ?? defaults().get(setting)!;
  const port = /(?:^|:)([0-9]+)(?:@.*)?$/.exec(given)?.[1];
  return port === undefined ? null : Number(port);
}

function wantedPorts(): Wanted[] {
  const udp = ports().map((port) => ({ kind: "udp", port, what: "sidecar" }) as const);
  const status = Number(statusAt.split(":")[1]);
  const tcp: Wanted[] = [
    { kind: "tcp", port: HUB_PORT, what: "hub" },
    { kind: "tcp", port: status, what: "sidecar status" },
  ];
  if (noray !== null) tcp.push({ kind: "tcp", port: noray, what: "noray" });
  if (tunnel !== null) tcp.push({ kind: "tcp", port: tunnel, what: "tunnels" });
  return [...tcp, ...udp];
}

function flags(): { fresh: boolean; demo: boolean } {
  try {
    const { values } = parseArgs({ options: { fresh: { type: "boolean" }, demo: { type: "boolean" } } });
    return { fresh: values.fresh ?? false, demo: values.demo ?? false };
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nUsage: npm start -- [--fresh] [--demo]\n`);
    process.exit(2);
  }
}
