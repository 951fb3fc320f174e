import { expect, test } from "vitest";
import { openapi, OPERATIONS } from "#shared/api/openapi.ts";
import { HANDLERS } from "../../../worker/http/handlers.ts";
import { ORIGIN, worker } from "../support/sidecar.ts";

test("every operation has one handler, and every handler an operation", () => {
  const ids = Object.values(OPERATIONS).flatMap((methods) => Object.values(methods).map(({ id }) => id));
  expect(Object.keys(HANDLERS).toSorted()).toStrictEqual(ids.toSorted());
});

test("the document is served to every origin", async () => {
  const response = await worker(new Request(`${ORIGIN}/openapi.json`));
  expect(await response.json()).toStrictEqual(JSON.parse(JSON.stringify(openapi())));
  expect(response.headers.get("access-control-allow-origin")).toBe("*");
  expect(response.headers.get("cache-control")).toBe("public, max-age=3600");
});

test("the API reference loads nothing and contains every operation and schema", async () => {
  const response = await worker(new Request(`${ORIGIN}/docs`));
  expect(response.headers.get("content-type")).toMatch(/^text\/html/);
  expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
  const html = await response.text();
  expect(html).not.toMatch(/<script|<link|src=|https?:/);
  const operations = Object.values(OPERATIONS).flatMap((methods) => Object.values(methods));
  for (const { id } of operations) expect(html).toContain(`<details id="${id}">`);
  const targets = new Set(Array.from(html.matchAll(/ id="([^"]+)"/g), ([, id]) => id));
  const links = Array.from(html.matchAll(/href="#([^"]+)"/g), ([, id]) => id);
  expect(links.filter((id) => !targets.has(id))).toStrictEqual([]);
  // Text between tags contains no tags, whatever the schemas' patterns contain.
  expect(html.replaceAll(/<\/?[a-z][^<>]*>|<!doctype html>/g, "")).not.toMatch(/<(?!td|th|tr|li)/);
});
