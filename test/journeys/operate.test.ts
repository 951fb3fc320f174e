/** The operator's page and the alert rules name exactly the metrics that exist. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestStack } from "../support/test-stack.ts";

const read = (file: string): string => readFileSync(join(import.meta.dirname, "../..", file), "utf8");
/** The metrics library's own, about any Node process; the page names them as a group. */
const OF_NODE = /^parley_(process|nodejs)_/;

let stack: TestStack;
beforeAll(async () => {
  stack = await TestStack.open();
});
afterAll(() => stack?.close());

const page = read("docs/operate/operate.md");
const firstCells = Array.from(page.matchAll(/^\|([^|]+)/gm), ([, cell]) => cell!).join();
const documented = new Set(Array.from(firstCells.matchAll(/`(parley_\w+)/g), ([, name]) => name!));
const ofHub = Array.from(read("worker/http/routes/metrics.ts").matchAll(/^ {2}(parley_\w+):/gm), ([, name]) => name!);

test("every metric is on the page, with the value that needs attention", async () => {
  const served = Array.from((await stack.metrics()).matchAll(/^# TYPE (\w+)/gm), ([, name]) => name!);
  const ofSidecar = served.filter((name) => !OF_NODE.test(name));
  expect(ofSidecar.length).toBeGreaterThan(20);
  expect([...documented].toSorted()).toStrictEqual([...ofSidecar, ...ofHub].toSorted());
});

test("alerts use existing metrics", async () => {
  const served = await stack.metrics();
  const named = new Set(read("deploy/observe/alerts.yml").match(/parley_\w+/g));
  expect(named.size).toBeGreaterThan(8);
  for (const name of named) expect([name, served.includes(name) || ofHub.includes(name)]).toStrictEqual([name, true]);
});
