/** Every tool prints its help, and refuses a wrong option with the same text. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const TOOLS = [
  "tools/attack.ts",
  "tools/check.ts",
  "tools/generate/openapi.ts",
  "tools/generate/reference.ts",
  "tools/godot4.ts",
  "tools/package.ts",
  "tools/package-godot.ts",
  "tools/send.ts",
  "tools/doctor/main.ts",
  "tools/generate/nat.ts",
  "tools/release/main.ts",
  "tools/run/serve-hub.ts",
  "tools/run/start.ts",
  "bench/main.ts",
  "test/fuzz/main.ts",
];

const run = (tool: string, option: string): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(ROOT, tool), option], { encoding: "utf8", timeout: 60_000 });

test.each(TOOLS)("%s --help prints its usage", (tool) => {
  const { status, stdout } = run(tool, "--help");
  expect([status, stdout]).toStrictEqual([0, expect.stringMatching(/^Usage: /)]);
});

test("tools/test.ts --help prints its usage; other options are vitest's", () => {
  const { status, stdout } = run("tools/test.ts", "--help");
  expect([status, stdout]).toStrictEqual([0, expect.stringMatching(/^Usage: /)]);
});

test.each(TOOLS)("%s refuses an unknown option without a stack trace", (tool) => {
  const { status, stdout, stderr } = run(tool, "--no-such-option");
  expect([status, stdout]).toStrictEqual([2, ""]);
  expect(stderr).toMatch(/--no-such-option[\s\S]*\nUsage: /);
  expect(stderr).not.toMatch(/^\s+at /m);
});
