/**
 * Reports breaking changes of the HTTP API: `docs/openapi.json` against `docs/openapi.released.json`.
 *
 * The second file is a copy that `npm run release` makes. A copy works in archives and shallow clones, which have no
 * tags. Without it nothing has been released, so nothing can break. The known libraries for this task either do not
 * support OpenAPI 3.1 or are not maintained.
 *
 * A request may only become more permissive, a response may only gain members. New values of an enum in a response are
 * not reported: clients must ignore unknown values.
 */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

type Json = { readonly [key: string]: unknown };
type Direction = "request" | "response";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/** Constraints that narrow a request if they become smaller, or larger. */
const UPPER_BOUNDS = ["maximum", "maxLength", "maxItems", "maxProperties"];
const LOWER_BOUNDS = ["minimum", "minLength", "minItems", "minProperties"];

/** One line for each breaking change from `before` to `after`, both OpenAPI 3.1 documents. */
export function breakingChanges(before: Json, after: Json): string[] {
  const comparison = new Comparison(before, after);
  comparison.comparePaths();
  return [...new Set(comparison.changes)];
}

class Comparison {
  readonly changes: string[] = [];
  readonly #before: Json;
  readonly #after: Json;
  /** Pairs of references under comparison: schemas may refer to themselves. */
  readonly #open = new Set<string>();

  constructor(before: Json, after: Json) {
    this.#before = before;
    this.#after = after;
  }

  comparePaths(): void {
    const after = member(this.#after, "paths");
    for (const [path, item] of Object.entries(member(this.#before, "paths"))) {
      if (after[path] === undefined) this.#report(path, "the path was removed");
      else this.#compareOperations(path, item as Json, after[path] as Json);
    }
  }

  #compareOperations(path: string, before: Json, after: Json): void {
    for (const method of METHODS.filter((name) => before[name] !== undefined)) {
      const at = `${method.toUpperCase()} ${path}`;
      if (after[method] === undefined) {
        this.#report(at, "the operation was removed");
        continue;
      }
      const [old, current] = [member(before, method), member(after, method)];
      this.#compareParameters(
        at,
        this.#parametersOf(this.#before, before, old),
        this.#parametersOf(this.#after, after, current),
      );
      this.#compareRequestBody(at, old, current);
      this.#compareResponses(at, member(old, "responses"), member(current, "responses"));
    }
  }

  #parametersOf(document: Json, item: Json, operation: Json): Map<string, Json> {
    const parameters = [...list(item["parameters"]), ...list(operation["parameters"])];
    return new Map(
      parameters
        .map((parameter) => dereference(document, parameter))
        .map((parameter) => [`${String(parameter["in"])} parameter ${String(parameter["name"])}`, parameter]),
    );
  }

  #compareParameters(at: string, before: Map<string, Json>, after: Map<string, Json>): void {
    for (const [name, parameter] of before) {
      const current = after.get(name);
      if (current === undefined) this.#report(at, `the ${name} was removed`);
      else this.#compareSchemas(`${at} ${name}`, parameter["schema"], current["schema"], "request");
    }
    for (const [name, parameter] of after) {
      const isNewlyRequired = parameter["required"] === true && before.get(name)?.["required"] !== true;
      if (isNewlyRequired) this.#report(at, `the ${name} is required now`);
    }
  }

  #compareRequestBody(at: string, before: Json, after: Json): void {
    const [old, current] = [
      dereference(this.#before, before["requestBody"]),
      dereference(this.#after, after["requestBody"]),
    ];
    if (current["required"] === true && old["required"] !== true) this.#report(at, "a request body is required now");
    this.#compareContent(`${at} request`, old, current, "request");
  }

  #compareResponses(at: string, before: Json, after: Json): void {
    for (const [status, response] of Object.entries(before)) {
      if (after[status] === undefined) {
        this.#report(at, `the response ${status} was removed`);
        continue;
      }
      const [old, current] = [dereference(this.#before, response), dereference(this.#after, after[status])];
      const headers = member(current, "headers");
      for (const header of Object.keys(member(old, "headers"))) {
        if (headers[header] === undefined) this.#report(at, `the response header ${header} of ${status} was removed`);
      }
      this.#compareContent(`${at} response ${status}`, old, current, "response");
    }
  }

  #compareContent(at: string, before: Json, after: Json, direction: Direction): void {
    const current = member(after, "content");
    for (const [type, media] of Object.entries(member(before, "content"))) {
      if (current[type] === undefined) this.#report(at, `the media type ${type} was removed`);
      else this.#compareSchemas(at, (media as Json)["schema"], (current[type] as Json)["schema"], direction);
    }
  }

  #compareSchemas(at: string, before: unknown, after: unknown, direction: Direction): void {
    const key = `${direction} ${String((before as Json | undefined)?.["$ref"])} ${String((after as Json | undefined)?.["$ref"])}`;
    const isReference = !key.includes("undefined");
    if (isReference && this.#open.has(key)) return;
    if (isReference) this.#open.add(key);
    const [old, current] = [dereference(this.#before, before), dereference(this.#after, after)];
    if (old["anyOf"] !== undefined || current["anyOf"] !== undefined) {
      this.#compareVariants(at, variantsOf(old), variantsOf(current), direction);
    } else {
      this.#compareTypes(at, old, current, direction);
      this.#compareProperties(at, old, current, direction);
      if (old["items"] !== undefined) this.#compareSchemas(`${at}[]`, old["items"], current["items"], direction);
      if (direction === "request") this.#compareConstraints(at, old, current);
    }
    this.#open.delete(key);
  }

  /** Every variant of before must have a compatible one after. */
  #compareVariants(at: string, before: readonly unknown[], after: readonly unknown[], direction: Direction): void {
    for (const variant of before) {
      const attempts = after.map((candidate) => {
        const comparison = new Comparison(this.#before, this.#after);
        for (const key of this.#open) comparison.#open.add(key);
        comparison.#compareSchemas(at, variant, candidate, direction);
        return comparison.changes;
      });
      if (attempts.some((changes) => changes.length === 0)) continue;
      const closest = attempts.toSorted((a, b) => a.length - b.length)[0] ?? [];
      // With a single variant on both sides its own changes say more.
      if (before.length === 1 && after.length === 1) this.changes.push(...closest);
      else this.#report(at, `a variant was removed or narrowed: ${closest[0] ?? "no variant is left"}`);
    }
  }

  #compareTypes(at: string, before: Json, after: Json, direction: Direction): void {
    const [old, current] = [typesOf(before), typesOf(after)];
    const isCompatible =
      direction === "request" ? isSubset(old, current) : isSubset(current, old) || current.length === 0;
    if (current.length > 0 && !isCompatible) {
      this.#report(at, `the type ${old.join(" or ") || "any"} became ${current.join(" or ")}`);
    }
    const [values, currentValues] = [valuesOf(before), valuesOf(after)];
    if (currentValues === null) return;
    const removed = (values ?? []).filter((value) => !currentValues.includes(value));
    if (values === null && direction === "request")
      this.#report(at, `only ${currentValues.join(", ")} are allowed now`);
    if (removed.length > 0) this.#report(at, `the enum lost ${removed.join(", ")}`);
  }

  #compareProperties(at: string, before: Json, after: Json, direction: Direction): void {
    const [old, current] = [member(before, "properties"), member(after, "properties")];
    const [wasRequired, isRequired] = [list(before["required"]), list(after["required"])];
    for (const [name, schema] of Object.entries(old)) {
      if (current[name] === undefined) this.#report(at, `the ${direction} field ${name} was removed`);
      else this.#compareSchemas(`${at} ${name}`, schema, current[name], direction);
    }
    if (direction === "request") {
      for (const name of isRequired.filter((each) => !wasRequired.includes(each))) {
        this.#report(at, `the request field ${String(name)} is required now`);
      }
      return;
    }
    for (const name of wasRequired.filter(
      (each) => !isRequired.includes(each) && current[String(each)] !== undefined,
    )) {
      this.#report(at, `the response field ${String(name)} may be missing now`);
    }
  }

  #compareConstraints(at: string, before: Json, after: Json): void {
    for (const bound of [...UPPER_BOUNDS, ...LOWER_BOUNDS]) {
      const [old, current] = [before[bound], after[bound]];
      if (typeof current !== "number") continue;
      const loosest = UPPER_BOUNDS.includes(bound) ? Infinity : -Infinity;
      const limit = typeof old === "number" ? old : loosest;
      const isNarrower = UPPER_BOUNDS.includes(bound) ? current < limit : current > limit;
      if (isNarrower) this.#report(at, `${bound} was narrowed to ${current}`);
    }
    const pattern = after["pattern"];
    if (pattern !== undefined && pattern !== before["pattern"])
      this.#report(at, `the pattern became ${JSON.stringify(pattern)}`);
  }

  #report(at: string, change: string): void {
    this.changes.push(`${at}: ${change}`);
  }
}

function member(object: Json, name: string): Json {
  return (object[name] ?? {}) as Json;
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function dereference(document: Json, value: unknown): Json {
  const object = (value ?? {}) as Json;
  const reference = object["$ref"];
  if (typeof reference !== "string") return object;
  const target = reference
    .replace(/^#\//, "")
    .split("/")
    .reduce<Json>((part, name) => member(part, name.replaceAll("~1", "/").replaceAll("~0", "~")), document);
  return dereference(document, target);
}

const variantsOf = (schema: Json): readonly unknown[] =>
  schema["anyOf"] === undefined ? [schema] : list(schema["anyOf"]);

const typesOf = (schema: Json): readonly unknown[] =>
  typeof schema["type"] === "string" ? [schema["type"]] : list(schema["type"]);

function valuesOf(schema: Json): readonly string[] | null {
  if ("const" in schema) return [JSON.stringify(schema["const"])];
  return schema["enum"] === undefined ? null : list(schema["enum"]).map((value) => JSON.stringify(value));
}

/** An empty list of types means any type; every integer is a number. */
const isSubset = (types: readonly unknown[], others: readonly unknown[]): boolean =>
  others.length === 0 ||
  (types.length > 0 &&
    types.every((type) => others.includes(type) || (type === "integer" && others.includes("number"))));

if (import.meta.main) {
  const docs = resolve(import.meta.dirname, "../../docs");
  const [released, current] = [`${docs}/openapi.released.json`, `${docs}/openapi.json`];
  if (existsSync(released)) {
    const read = (file: string): Json => JSON.parse(readFileSync(file, "utf8")) as Json;
    const changes = breakingChanges(read(released), read(current));
    for (const change of changes) process.stdout.write(`${change}\n`);
    if (changes.length > 0) process.stdout.write("The HTTP API must stay compatible with the last release.\n");
    process.exitCode = changes.length === 0 ? 0 : 1;
  }
}
