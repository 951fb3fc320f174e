/** Breaking changes of the HTTP API are named, compatible ones are not. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { breakingChanges } from "../../tools/checks/openapi-breaking.ts";

type Parts = { request?: object; response?: object; parameters?: object[]; body?: object; paths?: object };

/** A document with one operation, POST /lobbies. */
function documentWith({ request = {}, response = {}, parameters = [], body = {}, paths = {} }: Parts): {
  readonly [key: string]: unknown;
} {
  const content = { "application/json": { schema: { $ref: "#/components/schemas/Request" } } };
  const responses = { 200: { content: { "application/json": { schema: { $ref: "#/components/schemas/Response" } } } } };
  const post = { parameters, requestBody: { required: true, content, ...body }, responses };
  return {
    openapi: "3.1.0",
    paths: { "/lobbies": { post, get: { responses: {} } }, ...paths },
    components: {
      schemas: {
        Request: {
          type: "object",
          properties: { name: { type: "string", maxLength: 64 }, mode: { enum: ["open", "closed"] } },
          required: ["name"],
          ...request,
        },
        Response: {
          type: "object",
          properties: { id: { type: "string" }, seats: { anyOf: [{ type: "integer" }, { type: "null" }] } },
          required: ["id"],
          ...response,
        },
      },
    },
  };
}

const base = documentWith({});
const limit = { in: "query", name: "limit", schema: { type: "integer", maximum: 100 } };

describe("a breaking change is named:", () => {
  test.each<[string, Parts, Parts, string]>([
    ["a removed path", { paths: { "/old": {} } }, {}, "/old: the path was removed"],
    ["a removed operation", {}, { paths: { "/lobbies": {} } }, "POST /lobbies: the operation was removed"],
    ["a removed parameter", { parameters: [limit] }, {}, "the query parameter limit was removed"],
    [
      "a required parameter",
      {},
      { parameters: [{ ...limit, required: true }] },
      "the query parameter limit is required now",
    ],
    [
      "a narrower parameter",
      { parameters: [limit] },
      { parameters: [{ ...limit, schema: { type: "integer", maximum: 50 } }] },
      "query parameter limit: maximum was narrowed to 50",
    ],
    [
      "a required request field",
      {},
      { request: { required: ["name", "mode"] } },
      "the request field mode is required now",
    ],
    [
      "a removed request field",
      {},
      { request: { properties: { name: { type: "string" } } } },
      "the request field mode was removed",
    ],
    [
      "a narrowed enum",
      {},
      { request: { properties: { name: { type: "string", maxLength: 64 }, mode: { enum: ["open"] } } } },
      'mode: the enum lost "closed"',
    ],
    [
      "a changed type",
      {},
      { request: { properties: { name: { type: "integer" }, mode: { enum: ["open", "closed"] } } } },
      "name: the type string became integer",
    ],
    [
      "a removed response field",
      {},
      { response: { properties: { id: { type: "string" } } } },
      "the response field seats was removed",
    ],
    [
      "a response field that may be missing",
      {},
      { response: { required: [] } },
      "the response field id may be missing now",
    ],
    [
      "a removed variant of a response",
      {},
      { response: { properties: { id: { type: "string" }, seats: { type: "integer" } } } },
      "seats: a variant was removed or narrowed",
    ],
    ["a removed media type", {}, { body: { content: {} } }, "the media type application/json was removed"],
  ])("%s", (_, before, after, change) => {
    const changes = breakingChanges(documentWith(before), documentWith(after));
    expect(
      changes.some((line) => line.includes(change)),
      changes.join("\n"),
    ).toBe(true);
  });
});

test("compatible changes are not reported", () => {
  const after = documentWith({
    parameters: [limit],
    paths: { "/new": { get: { responses: {} } } },
    request: {
      properties: {
        name: { type: "string", maxLength: 128 },
        mode: { enum: ["open", "closed", "friends"] },
        data: { type: "object" },
      },
      required: [],
    },
    response: {
      properties: {
        id: { type: "string" },
        seats: { anyOf: [{ type: "integer" }, { type: "null" }] },
        version: { type: "string" },
      },
      required: ["id", "version"],
    },
  });
  expect(breakingChanges(base, after)).toStrictEqual([]);
});

test("the project's own document is compatible with itself, and removing any operation is noticed", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/openapi.json"), "utf8");
  const document = JSON.parse(text) as { paths: Record<string, Record<string, unknown>> };
  expect(breakingChanges(document, document)).toStrictEqual([]);
  for (const path of Object.keys(document.paths)) {
    const { [path]: _, ...paths } = document.paths;
    expect(breakingChanges(document, { ...document, paths })).toStrictEqual([`${path}: the path was removed`]);
  }
});
