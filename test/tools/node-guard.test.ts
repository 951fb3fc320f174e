/** The Node guard runs before every npm script and explains which Node is required. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const GUARD = join(ROOT, "tools/node-guard.cjs");
const { satisfies, explain } = createRequire(import.meta.url)(GUARD) as {
  satisfies: (version: string, range: string) => boolean;
  explain: (version: string) => string;
};
const { scripts, engines } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
  engines: { node: string };
};

test("every npm script runs it first", () => {
  const without = Object.entries(scripts).filter(([, script]) => !script.startsWith("node tools/node-guard.cjs && "));
  expect(without).toStrictEqual([]);
});

test.each([
  ["12.22.12", false],
  ["20.20.2", false],
  ["22.17.1", false],
  ["22.18.0", true],
  ["22.30.0", true],
  ["23.11.1", false],
  ["24.1.0", false],
  ["24.2.0", true],
  ["25.0.0", true],
])("Node %s: supported is %s", (version, isSupported) => {
  expect(satisfies(version, engines.node)).toBe(isSupported);
});

test("this Node passes without output", () => {
  expect(execFileSync(process.execPath, [GUARD], { encoding: "utf8" })).toBe("");
});

test("an old Node gets the required version, its own version and the next step", () => {
  expect(explain("18.0.0")).toMatch(/^Parley needs Node .+; this is Node 18\.0\.0\.\n(Run `npm ci`|Install Node 24)/);
});

test("the guard refuses before the script runs, in the syntax of old versions", () => {
  const text = readFileSync(GUARD, "utf8");
  expect(text).not.toMatch(/=>|\?\?|\?\.|`\$|\bconst\b|\blet\b|\bimport\b|node:/);
  const pretend = "Object.defineProperty(process.versions, 'node', { value: '12.22.12' });";
  const script = `${pretend} require('module').runMain = null; process.argv[1] = ${JSON.stringify(GUARD)}; require('module')._load(process.argv[1], null, true);`;
  const { status, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
  expect([status, stderr]).toStrictEqual([1, explain("12.22.12")]);
});
