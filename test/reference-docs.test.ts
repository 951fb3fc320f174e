/** The reference pages that are generated from code, and the tables that repeat it. They must not drift. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RATE_LIMIT_BUDGETS } from "#shared/limits.ts";
import { limitsPage, settingsPage } from "../tools/generate/reference.ts";

const read = (file: string): string => readFileSync(join(import.meta.dirname, "..", file), "utf8");

test("docs/reference/limits.md is what tools/generate/reference.ts writes", () => {
  expect(read("docs/reference/limits.md")).toBe(limitsPage());
});

test("docs/reference/settings.md is what tools/generate/reference.ts writes", () => {
  expect(read("docs/reference/settings.md")).toBe(settingsPage());
});

test("the settings page has every variable and secret of wrangler.toml", () => {
  const toml = read("wrangler.toml");
  const variables = Array.from(toml.matchAll(/^([A-Z_]+) = /gm), ([, name]) => name);
  const secrets = Array.from(/required = \[(.*)\]/.exec(toml)![1]!.matchAll(/"(\w+)"/g), ([, name]) => name);
  expect(variables.length + secrets.length).toBeGreaterThan(5);
  const page = settingsPage();
  for (const name of [...variables, ...secrets, "ADMIN_KEYS"]) expect(page).toContain(`| \`${name}\` |`);
});

test("docs/reference/http.md has every rate limit with its budget", () => {
  const page = read("docs/reference/http.md");
  for (const [name, { burst }] of Object.entries(RATE_LIMIT_BUDGETS)) {
    expect(page).toContain(`| \`${name}\` | ${burst} at once, `);
  }
});
