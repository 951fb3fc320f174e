import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Validator as JsonValidator } from "@cfworker/json-schema";
import { describe, expect, test } from "vitest";
import { openapi, OPERATIONS, refusalsOf } from "#shared/api/openapi.ts";
import type { Method } from "#shared/api/operations/operation.ts";
import { REFUSALS } from "#shared/refusals.ts";

const document = openapi();
const all = Object.entries(OPERATIONS).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method as Method, operation })),
);

describe("examples", () => {
  type Content = Record<string, { schema: object; example?: unknown }>;
  type Described = {
    readonly operationId: string;
    readonly parameters?: readonly { name: string; schema: object; example?: unknown }[];
    readonly requestBody?: { readonly content: Content };
    readonly responses: Readonly<Record<string, { content?: Content; $ref?: string }>>;
  };
  const described = Object.values(document["paths"] as Record<string, Record<string, Described>>).flatMap((methods) =>
    Object.entries(methods).flatMap(([method, operation]) => (method === "parameters" ? [] : [operation])),
  );
  const { schemas } = document["components"] as Record<string, object>;
  const mismatch = (schema: object, value: unknown): string[] => {
    const rooted = { ...schema, components: { schemas } };
    return new JsonValidator(rooted, "2020-12", false).validate(value).errors.map(({ error }) => error);
  };

  test.each(described)("$operationId has valid ones for its parameters and bodies", (operation) => {
    for (const { name, schema, example } of operation.parameters ?? []) {
      if (name !== "Idempotency-Key") expect([name, mismatch(schema, example)]).toStrictEqual([name, []]);
    }
    const bodies = [operation.requestBody, ...Object.values(operation.responses)];
    for (const [type, { schema, example }] of bodies.flatMap((body) => Object.entries(body?.content ?? {}))) {
      if (!type.endsWith("json") || type.startsWith("application/problem")) continue;
      expect([type, example === undefined, mismatch(schema, example)]).toStrictEqual([type, false, []]);
    }
  });
});

describe("the document", () => {
  test("is OpenAPI 3.1", async () => {
    expect(await new Validator().validate(structuredClone(document) as never)).toMatchObject({ valid: true });
  });

  test("equals docs/openapi.json (npm run openapi updates it)", () => {
    const written: unknown = JSON.parse(readFileSync(`${import.meta.dirname}/../../../docs/openapi.json`, "utf8"));
    expect(JSON.parse(JSON.stringify(document))).toStrictEqual(written);
  });

  test("has exactly the components that it references", () => {
    const text = JSON.stringify(document);
    const referred = new Set(
      Array.from(text.matchAll(/"#\/components\/([a-zA-Z]+\/[A-Za-z_-]+)"/g), ([, name]) => name!),
    );
    const { schemas, parameters, headers, responses } = document["components"] as Record<string, object>;
    const groups = Object.entries({ schemas, parameters, headers, responses });
    const held = groups.flatMap(([group, items]) => Object.keys(items!).map((name) => `${group}/${name}`));
    expect([...referred].toSorted()).toStrictEqual(held.toSorted());
  });

  test("has no schema that accepts everything", () => {
    expect(JSON.stringify(document)).not.toMatch(
      /"(schema|items|additionalProperties)":true|"properties":\{[^}]*":true/,
    );
  });

  test("has unique operation ids", () => {
    const ids = all.map(({ operation }) => operation.id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

test("every 201 and 202 says where the resource is", () => {
  const silent = all.filter(({ operation: { responses } }) =>
    [201, 202].some((status) => status in responses && responses[status]!.headers?.includes("Location") !== true),
  );
  expect(silent.map(({ operation }) => operation.id)).toStrictEqual([]);
});

test("every refusal for which a retry is the answer says when", () => {
  const codes = Object.entries(REFUSALS).filter(([, { status }]) => [429, 500, 503].includes(status));
  expect(codes.filter(([, { retry_after_s }]) => retry_after_s === undefined)).toStrictEqual([]);
});

test("every refusal code belongs to an operation, except those of wires and events", () => {
  const named = new Set(all.flatMap(({ path, method, operation }) => refusalsOf(path, method, operation)));
  const unnamed = Object.keys(REFUSALS).filter((code) => !named.has(code as keyof typeof REFUSALS));
  // What no operation can be refused for: a path or a method without one, events over WebSocket, and the wires' own.
  expect(unnamed.toSorted()).toStrictEqual([
    "host_unreachable",
    "lobby_exists",
    "lobby_timeout",
    "method_not_allowed",
    "misdirected",
    "no_relay",
    "not_started",
    "too_few_players",
  ]);
});
