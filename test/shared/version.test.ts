/** One version, said in three places that cannot read each other. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { VERSION } from "#shared/version.ts";

const ROOT = `${import.meta.dirname}/../../`;

test("is the package's, and the newest of the change log", () => {
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as { version: string };
  expect(VERSION).toBe(version);
  expect(/^## ([0-9.]+)/m.exec(readFileSync(`${ROOT}CHANGELOG.md`, "utf8"))?.[1]).toBe(version);
});
