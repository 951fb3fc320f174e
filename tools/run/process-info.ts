/** What Linux says about processes (proc(5), ss(8)). On other systems every answer is null. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export type ProcessInfo = {
  readonly parent: number;
  /** Together with the pid it identifies a process, because pids are reused. It does not depend on the wall clock. */
  readonly started: string;
  readonly command: string;
};

/** Null if no such process runs. */
export function processInfo(pid: number): ProcessInfo | null {
  try {
    // The name in parentheses may contain spaces and parentheses; field 3 follows it.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
    const [state, parent, threads, ticks] = [fields[0], Number(fields[1]), Number(fields[17]), fields[19]];
    // A main thread that has ended keeps the process while other threads run.
    if (state === "Z" && threads <= 1) return null;
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
    return { parent, started: `${boot} ${ticks}`, command };
  } catch {
    return null;
  }
}

/** The process that holds a local port, like `workerd (process 12)`. Null for one that this user may not see. */
export function portHolder(kind: "udp" | "tcp", port: number): string | null {
  try {
    const options = ["-Hlnp", kind === "udp" ? "-u" : "-t", `sport = :${port}`];
    const listed = execFileSync("ss", options, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const [, name, pid] = /users:\(\("([^"]*)",pid=(\d+)/.exec(listed) ?? [];
    return name === undefined ? null : `${name} (process ${pid})`;
  } catch {
    return null;
  }
}
