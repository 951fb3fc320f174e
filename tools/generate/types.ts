/**
 * Generates TypeScript types from the OpenAPI document, for clients that cannot import the shared types. `npm run openapi`
 * writes clients/typescript/src/api/types.ts, and a test compares the two.
 */

type Schema = {
  readonly $ref?: string;
  readonly type?: "string" | "number" | "integer" | "boolean" | "null" | "object" | "array";
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
};

/** One exported type per named schema. */
export function generateTypes(document: unknown): string {
  const { components } = document as { readonly components: { readonly schemas: Readonly<Record<string, Schema>> } };
  const types = Object.entries(components.schemas).map(
    ([name, schema]) => `export type ${name} = ${typeOf(schema, "")};`,
  );
  return `/** The types of the HTTP API. Generated from docs/openapi.json by \`npm run openapi\`; do not edit. */\n\n${types.join("\n\n")}\n`;
}

function typeOf(schema: Schema, indent: string): string {
  const { $ref, anyOf, items, prefixItems, properties, additionalProperties } = schema;
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf("/") + 1);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (anyOf !== undefined) return anyOf.map((one) => typeOf(one, indent)).join(" | ");
  if (prefixItems !== undefined) return `readonly [${prefixItems.map((one) => typeOf(one, indent)).join(", ")}]`;
  if (items !== undefined) return `readonly ${bracketed(items, indent)}[]`;
  if (properties !== undefined) return membersOf(properties, new Set(schema.required), indent);
  if (typeof additionalProperties === "object")
    return `{ readonly [key: string]: ${typeOf(additionalProperties, indent)} }`;
  return schema.type === "integer" ? "number" : (schema.type ?? "unknown");
}

function membersOf(
  properties: Readonly<Record<string, Schema>>,
  required: ReadonlySet<string>,
  indent: string,
): string {
  const inner = `${indent}  `;
  const members = Object.entries(properties).map(
    ([name, schema]) => `${inner}readonly ${name}${required.has(name) ? "" : "?"}: ${typeOf(schema, inner)};\n`,
  );
  return members.length === 0 ? "Readonly<Record<string, never>>" : `{\n${members.join("")}${indent}}`;
}

function bracketed(items: Schema, indent: string): string {
  const type = typeOf(items, indent);
  return /^[A-Za-z]+$/.test(type) || type.startsWith("{") ? type : `(${type})`;
}
