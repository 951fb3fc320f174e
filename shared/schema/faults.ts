/**
 * All faults of a request's JSON by the schema that its decoder carries, in words and with a JSON pointer (RFC 6901)
 * each. A decoder stops at the first fault and ignores unknown keys, as the link needs; a person who calls the API needs
 * every fault at once, and a misspelt key must not be ignored. Keys that start with `x_` are reserved for games.
 */
import type { Fault, Schema } from "./decode.ts";

/** More are not reported. */
export const FAULTS_MAX = 32;

type Rules = {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly discriminator?: { readonly propertyName: string };
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema;
  readonly propertyNames?: { readonly pattern?: string };
  readonly maxProperties?: number;
};

export const faultsOf = (value: unknown, schema: Schema | undefined): readonly Fault[] =>
  [...walk(value, schema ?? true, "")].slice(0, FAULTS_MAX);

/** Whether a key is reserved for games: the hub neither reads nor refuses it. */
export const isReservedKey = (key: string): boolean => key.startsWith("x_");

function* walk(value: unknown, schema: Schema, pointer: string): Generator<Fault> {
  if (schema === true) return;
  const rules = schema as Rules;
  if (rules.anyOf !== undefined) yield* walkAny(value, rules.anyOf, pointer);
  else if (rules.oneOf !== undefined) yield* walkKind(value, rules, pointer);
  else if (rules.enum !== undefined) {
    if (!rules.enum.includes(value)) yield { pointer, message: `one of ${rules.enum.join(", ")} expected` };
  } else if (rules.type === "object") yield* walkObject(value, rules, pointer);
  else if (rules.type === "array") yield* walkList(value, rules, pointer);
  else {
    const expected = isScalar(value, rules) ? null : describe(rules);
    if (expected !== null) yield { pointer, message: `${expected} expected` };
  }
}

/** The faults by the alternative that fits best: one of the same type, if there is one. */
function* walkAny(value: unknown, alternatives: readonly Schema[], pointer: string): Generator<Fault> {
  const all = alternatives.map((schema) => ({ schema, faults: [...walk(value, schema, pointer)] }));
  if (all.some(({ faults }) => faults.length === 0)) return;
  const nested = all.find(({ schema }) => schema !== true && (schema as Rules).type === typeOf(value));
  if (nested !== undefined) yield* nested.faults;
  else yield { pointer, message: `${alternatives.map((schema) => describe(schema as Rules)).join(", or ")} expected` };
}

/** The faults by the kind that the value names. */
function* walkKind(value: unknown, { oneOf, discriminator }: Rules, pointer: string): Generator<Fault> {
  if (typeOf(value) !== "object") return yield { pointer, message: "an object expected" };
  const key = discriminator!.propertyName;
  const kinds = new Map(oneOf!.map((schema) => [wordsOf(schema, key)[0], schema]));
  const kind = kinds.get((value as Readonly<Record<string, unknown>>)[key]);
  if (kind === undefined)
    yield { pointer: `${pointer}/${key}`, message: `one of ${[...kinds.keys()].join(", ")} expected` };
  else yield* walk(value, kind, pointer);
}

const wordsOf = (schema: Schema, key: string): readonly unknown[] =>
  ((schema as Rules).properties?.[key] as Rules | undefined)?.enum ?? [];

function* walkObject(value: unknown, rules: Rules, pointer: string): Generator<Fault> {
  if (typeOf(value) !== "object") return yield { pointer, message: "an object expected" };
  const source = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(source);
  if (keys.length > (rules.maxProperties ?? Infinity))
    yield { pointer, message: `at most ${rules.maxProperties} keys expected` };
  const known = rules.properties ?? {};
  for (const key of rules.required ?? [])
    if (!Object.hasOwn(source, key)) yield { pointer: `${pointer}/${key}`, message: "this field is required" };
  const names = rules.propertyNames?.pattern === undefined ? null : compiled(rules.propertyNames.pattern);
  for (const key of keys) {
    const at = PLAIN_KEY.test(key) ? `${pointer}/${key}` : pointer;
    if (Object.hasOwn(known, key)) yield* walk(source[key], known[key]!, at);
    else if (rules.additionalProperties === undefined) {
      if (!isReservedKey(key)) yield { pointer: at, message: unknownKey(key, Object.keys(known)) };
    } else if (names?.test(key) === false) yield { pointer: at, message: "a key of this form is not allowed here" };
    else yield* walk(source[key], rules.additionalProperties, at);
  }
}

function* walkList(value: unknown, rules: Rules, pointer: string): Generator<Fault> {
  if (!Array.isArray(value)) return yield { pointer, message: "a list expected" };
  if (value.length > (rules.maxItems ?? Infinity) || value.length < (rules.minItems ?? 0))
    yield {
      pointer,
      message: `a list of ${rules.minItems ?? 0} to ${rules.maxItems ?? "any number of"} items expected`,
    };
  for (const [at, item] of value.entries()) yield* walk(item, rules.items ?? true, `${pointer}/${at}`);
}

function isScalar(value: unknown, { type, maxLength = Infinity, pattern, minimum, maximum }: Rules): boolean {
  switch (type) {
    case "string":
      if (typeof value !== "string" || value.length > maxLength) return false;
      return pattern === undefined || compiled(pattern).test(value);
    case "integer":
    case "number": {
      const isNumber = typeof value === "number" && (type === "number" || Number.isInteger(value));
      return isNumber && value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity);
    }
    case "boolean":
      return typeof value === "boolean";
    case "null":
      return value === null;
    default:
      return true;
  }
}

function describe({ type, enum: words, maxLength, pattern, minimum, maximum }: Rules): string {
  if (words !== undefined) return `one of ${words.join(", ")}`;
  switch (type) {
    case "string": {
      const length = maxLength === undefined ? "text" : `text of at most ${maxLength} characters`;
      return pattern === undefined ? length : `${length}, all of them allowed here`;
    }
    case "integer":
      return `an integer from ${minimum} to ${maximum}`;
    case "number":
      return "a number";
    case "boolean":
      return "true or false";
    case "null":
      return "null";
    case "array":
      return "a list";
    default:
      return "an object";
  }
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** Patterns with `\\p{}` were written with the flag `u`, which some others do not allow. */
const compiled = (pattern: string): RegExp => new RegExp(pattern, pattern.includes(String.raw`\p{`) ? "u" : "");

/** Other keys may hold anything, so a refusal does not repeat them. */
const PLAIN_KEY = /^[A-Za-z0-9_.-]{1,64}$/;

function unknownKey(key: string, known: readonly string[]): string {
  const near = known.find((name) => isNear(key.toLowerCase(), name));
  return near === undefined ? "this field is unknown" : `this field is unknown; did you mean ${near}?`;
}

/** Whether two words differ by one letter, or by two neighbours that were swapped. */
function isNear(a: string, b: string): boolean {
  if (a === b) return true;
  if (Math.abs(a.length - b.length) > 1) return false;
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const [rest_a, rest_b] = [a.slice(at), b.slice(at)];
  if (rest_a.slice(1) === rest_b.slice(1) || rest_a.slice(1) === rest_b || rest_a === rest_b.slice(1)) return true;
  return rest_a[0] === rest_b[1] && rest_a[1] === rest_b[0] && rest_a.slice(2) === rest_b.slice(2);
}
