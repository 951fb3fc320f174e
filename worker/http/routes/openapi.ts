/**
 * The OpenAPI document, and an API reference generated from it. The reference is one static page without scripts, so
 * that it works offline and under a strict CSP.
 */
import { openapi } from "#shared/api/openapi.ts";
import type { Handler } from "../context.ts";

const CACHE = { "cache-control": "public, max-age=3600" };

export const openapiJson: Handler = (c) => c.json(openapi(), 200, { ...CACHE, "access-control-allow-origin": "*" });

export const openapiHtml: Handler = (c) => {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
  return c.html(page(openapi() as Document), 200, { ...CACHE, "content-security-policy": policy });
};

type Schema = Readonly<Record<string, unknown>> | boolean;
type Content = Readonly<Record<string, { readonly schema: Schema }>>;
type Described = { readonly name: string; readonly description: string; readonly schema: Schema };
type ResponseSpec = { readonly description: string; readonly content?: Content };
type Operation = {
  readonly operationId: string;
  readonly tags: readonly [string];
  readonly summary: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly Described[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, ResponseSpec | { readonly $ref: string }>>;
  readonly "x-rate-limit"?: string;
};
type Document = {
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation | readonly unknown[]>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, ResponseSpec>>;
  };
};

function page({ tags, paths, components }: Document): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(isOperation)
      .map(([method, operation]) => ({
        tag: operation.tags[0],
        html: section(path, method, operation, components.responses),
      })),
  );
  const names = tags.map(({ name }) => name);
  const sections = names.map((name) => {
    const htmls = operations.filter(({ tag }) => tag === name).map(({ html }) => html);
    return `<h2 id="${name}">${name}</h2>\n${htmls.join("\n")}`;
  });
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) => `<h3 id="${name}">${name}</h3>\n${schemaHtml(schema)}`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Parley: HTTP API</title>
<style>${STYLE}</style>
<h1>Parley: HTTP API</h1>
<p>JSON in snake_case, times in RFC 3339 UTC, ids are text. Refusals are problem documents (RFC 9457) with a stable
<code>code</code>. For machines: <a href="/openapi.json">/openapi.json</a>.</p>
<nav>${[...names, "schemas"].map((name) => `<a href="#${name}">${name}</a>`).join(" ")}</nav>
${sections.join("\n")}
<h2 id="schemas">schemas</h2>
${schemas.join("\n")}
</html>
`;
}

/** A path item also holds the parameters that its methods share. */
const isOperation = (entry: [string, Operation | readonly unknown[]]): entry is [string, Operation] =>
  entry[0] !== "parameters";

function section(
  path: string,
  method: string,
  operation: Operation,
  shared: Readonly<Record<string, ResponseSpec>>,
): string {
  const { operationId, summary, security, parameters = [], requestBody, responses } = operation;
  const schemes = security.flatMap((one) => Object.keys(one));
  const required_auth = security.length > 0 && security.every((one) => Object.keys(one).length > 0);
  const auth =
    schemes.length === 0 ? "anyone" : `${required_auth ? "" : "anyone, or "}a ${schemes.join()} with a token or key`;
  const rateLimit = operation["x-rate-limit"];
  const rows = [
    ["for", auth + (rateLimit === undefined ? "" : `; rate limit <code>${rateLimit}</code>`)],
    ...parameters.map(({ name, description, schema }) => [code(name), `${prose(description)} ${schemaHtml(schema)}`]),
    ...(requestBody === undefined ? [] : [["body", contentHtml(requestBody.content)]]),
    ...Object.entries(responses).map(([status, response]) => {
      const { description, content } = "$ref" in response ? shared[nameOf(response.$ref)]! : response;
      return [
        status,
        `${prose(description)} ${content === undefined || Number(status) >= 400 ? "" : contentHtml(content)}`,
      ];
    }),
  ];
  const lines = rows.map(([left, right]) => `<tr><th>${left}<td>${right}`).join("\n");
  const head = `${code(method.toUpperCase())} ${code(path)} ${prose(summary)}`;
  return `<details id="${operationId}"><summary>${head}</summary>\n<table>\n${lines}\n</table></details>`;
}

const contentHtml = (content: Content): string =>
  Object.values(content)
    .map(({ schema }) => schemaHtml(schema))
    .join(" or ");

function schemaHtml(schema: Schema): string {
  if (typeof schema === "boolean") return "anything";
  const { $ref, type, properties, items, anyOf, required = [], additionalProperties, ...rest } = schema;
  if (typeof $ref === "string") {
    return `<a href="#${nameOf($ref)}">${nameOf($ref)}</a>`;
  }
  if (Array.isArray(anyOf)) return anyOf.map(schemaHtml).join(" or ");
  if (Array.isArray(rest["enum"])) return rest["enum"].map((word) => code(String(word))).join(" or ");
  if (properties !== undefined) {
    const fields = Object.entries(properties as Record<string, Schema>).map(([name, field]) => {
      const optional = (required as string[]).includes(name) ? "" : "?";
      return `<li>${code(name)}${optional} ${schemaHtml(field)}`;
    });
    return `<ul>\n${fields.join("\n")}\n</ul>`;
  }
  if (items !== undefined) return `list of ${schemaHtml(items as Schema)}${limits(rest)}`;
  if (additionalProperties !== undefined)
    return `any keys, each ${schemaHtml(additionalProperties as Schema)}${limits(rest)}`;
  return escape(typeof type === "string" ? type : "anything") + limits(rest);
}

const nameOf = ($ref: string): string => $ref.slice($ref.lastIndexOf("/") + 1);

/** Bounds in short form. */
function limits(schema: Readonly<Record<string, unknown>>): string {
  const { minimum, maximum, maxLength, maxItems, maxProperties } = schema as Readonly<Record<string, number>>;
  if (minimum !== undefined) return maximum === Number.MAX_SAFE_INTEGER ? "" : ` ${minimum} to ${maximum}`;
  const most = maxLength ?? maxItems ?? maxProperties;
  return most === undefined ? "" : `, at most ${most}`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escape = (text: string): string => text.replaceAll(/[&<>"]/g, (letter) => ENTITIES[letter]!);
const code = (text: string): string => `<code>${escape(text)}</code>`;
/** Text in backticks is code. */
const prose = (text: string): string => escape(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: auto; padding: 1rem; }
nav { display: flex; flex-wrap: wrap; gap: 1rem; }
code { font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere; }
details { border-top: 1px solid #8886; padding: 0.4rem 0; }
summary { cursor: pointer; }
table { border-spacing: 1rem 0.2rem; }
th { text-align: left; vertical-align: top; font-weight: 600; min-width: 4rem; }
ul { margin: 0; padding-left: 1.2rem; }
`;
