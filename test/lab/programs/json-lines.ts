/** What all programs of the laboratory do alike: they say JSON lines, hear JSON lines, and end when their stdin does. */
import { createInterface } from "node:readline";

export function sendLine(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Calls `hear` for every line; at the end of stdin calls `leave`, and ends. */
export function onLine(
  hear: (line: Record<string, unknown>) => void,
  leave: () => Promise<void> | void = () => {},
): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => hear(JSON.parse(line) as Record<string, unknown>));
  lines.once("close", () => void Promise.resolve(leave()).finally(() => process.exit()));
}
