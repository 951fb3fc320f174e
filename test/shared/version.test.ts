/** The version is in several files that cannot import each other; `npm run release` sets all of them. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { VERSION } from "#shared/version.ts";

const ROOT = `${import.meta.dirname}/../../`;

test("the software's version is the package's and that of the newest release in the changelog", () => {
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8")) as { version: string };
  expect(VERSION).toBe(version);
  const changelog = readFileSync(`${ROOT}CHANGELOG.md`, "utf8");
  // Before the first release there is only the Unreleased section.
  const sections = Array.from(changelog.matchAll(/^## (.+)$/gm), ([, title]) => title!);
  expect(sections[0]).toBe("Unreleased");
  expect(sections[1]?.split(" ")[0] ?? version).toBe(version);
});
