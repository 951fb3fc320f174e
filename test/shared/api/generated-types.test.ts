import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { openapi } from "#shared/api/openapi.ts";
import { generateTypes } from "../../../tools/generate/types.ts";

test("the client's types are those of the API (npm run openapi updates them)", () => {
  const written = readFileSync(`${import.meta.dirname}/../../../clients/typescript/src/api/types.ts`, "utf8");
  expect(written).toBe(generateTypes(JSON.parse(JSON.stringify(openapi()))));
});

test("generated types match their schemas", () => {
  const schemas = {
    Pair: { prefixItems: [{ type: "integer" }, { $ref: "#/components/schemas/Word" }] },
    Word: { enum: ["a", "b"] },
    Things: {
      type: "object",
      required: ["all"],
      properties: {
        all: { type: "array", items: { anyOf: [{ type: "string" }, { type: "null" }] } },
        by: { type: "object", additionalProperties: { type: "boolean" } },
      },
    },
  };
  expect(generateTypes({ components: { schemas } }).split("\n").slice(2).join("\n"))
    .toBe(`export type Pair = readonly [number, Word];

export type Word = "a" | "b";

export type Things = {
  readonly all: readonly (string | null)[];
  readonly by?: { readonly [key: string]: boolean };
};
`);
});
