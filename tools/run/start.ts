/**
 * `npm start`: a whole deployment on this machine: the hub in workerd with the lobby page, and a sidecar.
 *
 * It needs no account and no network, so that a developer can try Parley within a minute.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseCommandLine } from "../command-line.ts";
import { currentBundle } from "./bundle.ts";
import { runDemo } from "./demo.ts";
import { stopHub, startHub } from "./hub.ts";
import { Instance } from "./instance.ts";
import { parseListen, planFrom, requiredPorts } from "./plan.ts";
import { takenPorts } from "./ports.ts";
import { processInfo } from "./process-info.ts";
import { stopProcess, exitCodeOf, startSidecar, waitForJson } from "./processes.ts";
import { summary } from "./summary.ts";

/** The pause before a process that has exited is started again. */
const RESTART_AFTER_MS = 500;
/** How often to check that npm still runs. */
const PARENT_CHECK_MS = 200;

const HELP = `
Usage: npm start [-- --listen ADDRESS] [--port PORT] [--fresh] [--demo]

Runs the hub, a sidecar and the lobby page until Ctrl-C. Without --listen only this machine reaches them.

  --listen ADDRESS  the IP address where both listen (127.0.0.1); with 0.0.0.0 phones and other PCs can join
  --port PORT       the TCP port of the hub and the lobby page (8787)
  --fresh           deletes the rows of the last run first
  --demo            two bots host, join and connect in a loop

Environment variables:
  PARLEY_STATE=.parley    the folder of rows and keys
  PARLEY_...              settings of the sidecar and its ports: npx node udp-sidecar/main.ts --help
`;

const options = parseCommandLine(
  HELP,
  {
    options: {
      listen: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "8787" },
      fresh: { type: "boolean", default: false },
      demo: { type: "boolean", default: false },
    },
  },
  ({ values: { listen, port, fresh, demo } }) => ({ hub: parseListen(listen, port), fresh, demo }),
);
const planned = planFrom(options.hub, process.env);
if ("problems" in planned) {
  process.stderr.write(`${planned.problems.join("\n")}\n`);
  process.stderr.write("See `npm start -- --help`, and `npx node udp-sidecar/main.ts --help` for the sidecar.\n");
  process.exit(2);
}
const plan = planned;
const state = resolve(plan.config.state);
const stopping = new AbortController();
const running: { hub?: ChildProcess; sidecar?: ChildProcess } = {};
let instance: Instance | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort());
if (process.env["npm_lifecycle_event"] === "start") stopWithNpm();

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
instance?.release();
process.exit();

async function run(): Promise<void> {
  const claimed = await Instance.claim(state, print);
  instance = claimed;
  const taken = await takenPorts(requiredPorts(plan));
  if (taken.length > 0) {
    const next = "Stop that program, or choose other ports: `npm start -- --help` names the options and settings.";
    throw new Error([...taken, next].join("\n"));
  }
  const rows = join(state, "hub");
  if (options.fresh) await rm(rows, { recursive: true, force: true });
  const bundle = await currentBundle(() => print("Building the hub; the next start reuses it ..."));
  const keys = process.env["SIDECAR_KEYS"] || claimed.key("sidecar-key");
  const tokenKeys = process.env["TOKEN_KEYS"] || claimed.key("token-key");
  const hub = supervise(
    claimed,
    "hub",
    () => startHub({ ...plan.hub, bundle, state: rows, keys, tokenKeys, settings: process.env }),
    `${plan.url}/healthz`,
    () => true,
  );
  const sidecar = supervise(
    claimed,
    "sidecar",
    () => Promise.resolve(startSidecar({ ...plan.settings, PARLEY_KEY: keys.split(",")[0]! })),
    `${plan.status}/healthz`,
    (body) => body["hub"] === "linked",
  );
  await Promise.race([Promise.all([hub, sidecar]), once(stopping.signal, "abort")]);
  if (stopping.signal.aborted) return;
  print(await summary(plan, relative(process.cwd(), rows)));
  const rabid = plan.config.ports.findLast(({ wires }) => wires.includes("rabid"));
  if (options.demo && rabid !== undefined) void runDemo(rabid.port, stopping.signal);
  await once(stopping.signal, "abort");
}

/** Starts a process, and restarts it when it exits, until this tool stops. Resolves when it is first ready. */
function supervise(
  claimed: Instance,
  name: "hub" | "sidecar",
  start: () => Promise<ChildProcess>,
  url: string,
  healthy: (body: Record<string, unknown>) => boolean,
): Promise<void> {
  const { promise: ready, resolve: readied, reject: failed } = Promise.withResolvers<void>();
  const runOnce = async (isFirst: boolean): Promise<void> => {
    const child = await start();
    running[name] = child;
    claimed.add(name, child.pid);
    await waitForJson(url, (body) => body["ok"] === true && healthy(body), child).then(readied, (error: Error) => {
      if (isFirst) failed(error);
    });
    await exitCodeOf(child);
    delete running[name];
  };
  void (async () => {
    for (let isFirst = true; !stopping.signal.aborted; isFirst = false) {
      await runOnce(isFirst).catch((error: Error) =>
        isFirst ? failed(error) : process.stderr.write(`${error.message}\n`),
      );
      // Ctrl-C reaches the child processes, too; they may exit before this process is notified.
      await sleep(RESTART_AFTER_MS, undefined, { signal: stopping.signal }).catch(() => {});
      if (!stopping.signal.aborted) process.stderr.write(`The ${name} has exited; restarting it.\n`);
    }
  })();
  return ready;
}

/**
 * npm sends SIGTERM only to the shell between npm and this process, and a killed npm sends nothing. So both are polled.
 */
function stopWithNpm(): void {
  const shell = process.ppid;
  const info = processInfo(shell);
  // Some shells replace themselves by their last command. Then the parent is npm itself.
  const npm = info?.command.includes("tools/run/start.ts") === true ? info.parent : shell;
  const started = processInfo(npm)?.started;
  setInterval(() => {
    if (process.ppid !== shell || processInfo(npm)?.started !== started) stopping.abort();
  }, PARENT_CHECK_MS).unref();
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
