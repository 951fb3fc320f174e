import { Hono } from "hono";
import { expect, test } from "vitest";
import { describe as describeOperation, OPERATIONS } from "#shared/api/openapi.ts";
import type { Deprecation } from "#shared/api/operations/operation.ts";
import type { Api } from "../../../worker/http/context.ts";
import { announceDeprecation } from "../../../worker/http/middleware.ts";

const ENDING: Deprecation = { since: "2027-01-31", sunset: "2027-12-31", link: "https://docs.example/replacement" };

async function ask(deprecated: Deprecation, status = 200): Promise<Headers> {
  const app = new Hono<Api>();
  app.get("/", announceDeprecation(deprecated), (c) => c.json({}, status as 200, { link: '</next>; rel="next"' }));
  return (await app.request("/")).headers;
}

test("a deprecated operation says since when, until when, and what replaces it, also in refusals", async () => {
  for (const status of [200, 404]) {
    const headers = await ask(ENDING, status);
    // RFC 9745: a structured date. RFC 8594: an HTTP date.
    expect(headers.get("deprecation")).toBe("@1801353600");
    expect(headers.get("sunset")).toBe("Fri, 31 Dec 2027 00:00:00 GMT");
    expect(headers.get("link")).toBe(
      '</next>; rel="next", <https://docs.example/replacement>; rel="deprecation"; type="text/html"',
    );
  }
});

test("an operation without an end has no Sunset", async () => {
  const headers = await ask({ since: "2027-01-31", link: "https://docs.example/replacement" });
  expect([headers.has("deprecation"), headers.has("sunset")]).toStrictEqual([true, false]);
});

test("the OpenAPI document marks it", () => {
  const operation = { ...OPERATIONS["/v1/games/{game}/lobbies/{id}"]!.get!, deprecated: ENDING };
  const described = describeOperation("/v1/games/{game}/lobbies/{id}", "get", operation);
  expect(described).toMatchObject({ deprecated: true, "x-sunset": "2027-12-31" });
  expect(described["responses"]).toMatchObject({ 200: { headers: { Deprecation: {}, Sunset: {} } } });
});
