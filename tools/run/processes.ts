/** Child processes: start, wait until they answer, end. Used by `npm start`, the journeys and the bench. */
import { type ChildProcess, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const ROOT = resolve(import.meta.dirname, "../..");
/** How often a process that is starting is asked whether it answers. */
const ASK_EVERY_MS = 25;

/** Starts a program with this environment and none of ours; it does not outlive us, however we end by ourselves. */
export function start(program: string, args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  const child = spawn(program, args, {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const kill = (): boolean => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  return child;
}

/** The sidecar's own program with these settings. */
export const startSidecar = (settings: Readonly<Record<string, string>>): ChildProcess =>
  start(process.execPath, [join(ROOT, "udp-sidecar/main.ts")], settings);

/** Resolves with the exit code, or null where a signal ended it. */
export function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((done) => child.once("exit", (code) => done(code)));
}

/** Sends SIGTERM and waits for the end; whoever does not listen within `within_ms` is killed. */
export async function end(child: ChildProcess, within_ms = 5_000): Promise<void> {
  const over = ended(child);
  child.kill("SIGTERM");
  const killer = setTimeout(() => child.kill("SIGKILL"), within_ms);
  await over;
  clearTimeout(killer);
}

/** Waits until `url` answers JSON that `says` accepts; rejects when the process ends first or `within_ms` is over. */
export async function untilAnswers(
  url: string,
  says: (body: Record<string, unknown>) => boolean,
  child: ChildProcess,
  within_ms = 60_000,
): Promise<void> {
  const until = Date.now() + within_ms;
  while (Date.now() < until) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the process behind ${url} has ended`);
    const body = await fetch(url, { signal: AbortSignal.timeout(1_000) }).then(
      (response) => response.json() as Promise<Record<string, unknown>>,
      // Not there yet is the normal case here.
      () => ({}),
    );
    if (says(body)) return;
    await sleep(ASK_EVERY_MS);
  }
  throw new Error(`${url} did not answer within ${within_ms} ms`);
}
