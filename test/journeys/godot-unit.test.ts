/** Runs the addon's unit tests in the real engine, and checks that their runner can fail. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { godot4, godot4IsMissing, importProject, PROJECT } from "../support/godot4.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-unit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function runTests(...args: string[]): { status: number | null; output: string } {
  const env = { PATH: process.env["PATH"], HOME: folder };
  const command = ["--headless", "--path", PROJECT, "--script", "res://test/run.gd", "--", ...args];
  const { status, stdout, stderr } = spawnSync(godot4!, command, { env, encoding: "utf8", timeout: 110_000 });
  return { status, output: stdout + stderr };
}

describe.skipIf(godot4IsMissing())("the addon's unit tests", { timeout: 120_000 }, () => {
  beforeAll(importProject.bind(null, PROJECT));

  test("pass", () => {
    const { status, output } = runTests();
    expect(output.match(/^(FAIL|SCRIPT ERROR|ERROR|WARNING).*/gm)).toBeNull();
    expect(status).toBe(0);
    expect(output).toMatch(/^\d+ tests, 0 failed$/m);
  });

  test.for([
    ["fails", "same(1, 2)"],
    ["checks nothing", "pass"],
    ["cannot be loaded", "no_such_function()"],
  ])("a test that %s ends the runner with 1", ([, body]) => {
    const script = `extends "res://test/unit/unit_test.gd"\nfunc test_it() -> void:\n\t${body}\n`;
    writeFileSync(join(folder, "test_it.gd"), script);
    expect(runTests(folder).status).toBe(1);
  });
});
