/** Child processes: start, wait for readiness, stop. Used by `npm start`, the journey tests and the benchmark. */
import { type ChildProcess, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const ROOT = resolve(import.meta.dirname, "../..");
const POLL_MS = 25;

/**
 * Starts a program, and beside it a shell that reads from a pipe of this process. If the pipe ends without a line, this
 * process was killed, and the shell kills the program. The program keeps the first shell's pid.
 */
const WATCHED = `exec 3<&0 </dev/null
{ read -r line <&3 || kill -KILL $$; } >/dev/null 2>&1 &
exec "$@" 3<&-`;

/**
 * Starts a program with only this environment and PATH. It is killed when this process exits, however it exits.
 */
export function startProcess(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const child = spawn("/bin/sh", ["-c", WATCHED, "sh", program, ...args], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["pipe", "inherit", "inherit"],
  });
  // The watching shell may have been killed.
  child.stdin.on("error", () => {});
  const kill = (): boolean => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => {
    process.off("exit", kill);
    child.stdin.end("the program has exited\n");
  });
  return child;
}

export const startSidecar = (settings: Readonly<Record<string, string>>): ChildProcess =>
  startProcess(process.execPath, [join(ROOT, "udp-sidecar/main.ts")], settings);

/** Resolves when the process has exited, with its exit code, or null after a signal. */
export function exitCodeOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once("exit", (code) => resolve(code)));
}

/** Sends SIGTERM, and SIGKILL if the process has not exited after `timeout_ms`. */
export async function stopProcess(child: ChildProcess, timeout_ms = 5_000): Promise<void> {
  const exited = exitCodeOf(child);
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), timeout_ms);
  await exited;
  clearTimeout(timer);
}

/** Polls `url` until `accepts` returns true for its JSON. Rejects if the process exits or `timeout_ms` is over. */
export async function waitForJson(
  url: string,
  accepts: (body: Record<string, unknown>) => boolean,
  child: ChildProcess,
  timeout_ms = 60_000,
): Promise<void> {
  const deadline = Date.now() + timeout_ms;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the process behind ${url} has exited`);
    const body = await fetch(url, { signal: AbortSignal.timeout(1_000) }).then(
      (response) => response.json() as Promise<Record<string, unknown>>,
      // Connection refused is normal until the process listens.
      () => ({}),
    );
    if (accepts(body)) return;
    await sleep(POLL_MS);
  }
  throw new Error(`${url} was not ready within ${timeout_ms} ms`);
}
