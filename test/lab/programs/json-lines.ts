/** The protocol of all programs of the laboratory: JSON lines on stdout and stdin, and the end with the end of stdin. */
import { createInterface } from "node:readline";

export function sendLine(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Calls `handle` for every line; at the end of stdin calls `close` and exits. */
export function onLine(
  handle: (line: Record<string, unknown>) => void,
  close: () => Promise<void> | void = () => {},
): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => handle(JSON.parse(line) as Record<string, unknown>));
  lines.once("close", () => void Promise.resolve(close()).finally(() => process.exit()));
}
