/** Misspells the keys of what a client sends, in every object at every depth, as the schema of a decoder describes it. */
import type { Schema } from "#shared/schema/decode.ts";

type Rules = {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Rules[];
  readonly items?: Rules;
  readonly properties?: Readonly<Record<string, Rules>>;
  readonly additionalProperties?: Rules;
};

/** A value with one misspelt key, and the JSON pointer of that key. */
export type Misspelt = { readonly value: unknown; readonly pointer: string };

/** For each field of each object: the value with one more key, which is nearly that field's name. */
export function* misspellings(schema: Schema, dice: () => number): Generator<Misspelt> {
  for (const path of objectsIn(schema as Rules)) {
    const fields = Object.keys(ruleAt(schema as Rules, path).properties!);
    for (const field of fields) {
      const wrong = misspell(field, fields, dice);
      const value = sample(schema as Rules);
      const target = path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], value);
      (target as Record<string, unknown>)[wrong] = 1;
      yield { value, pointer: ["", ...path, wrong].join("/") };
    }
  }
}

/** The word with two letters swapped, one left out, or one doubled, and never another word of the object. */
export function misspell(word: string, taken: readonly string[], dice: () => number): string {
  for (;;) {
    const at = Math.floor(dice() * (word.length - 1));
    const swapped = word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2);
    const way = Math.floor(dice() * 3);
    const next = way === 0 ? swapped : word.slice(0, at + 1) + word.slice(way === 1 ? at + 2 : at);
    if (next !== word && next !== "" && !taken.includes(next) && !next.startsWith("x_")) return next;
  }
}

/** The paths of all objects with named fields. */
function* objectsIn(rules: Rules, path: readonly string[] = []): Generator<readonly string[]> {
  if (structured(rules).properties !== undefined) yield path;
  for (const [key, next] of inner(rules)) yield* objectsIn(next, [...path, key]);
}

const ruleAt = (rules: Rules, path: readonly string[]): Rules =>
  path.reduce((at, key) => inner(at).get(key)!, structured(rules));

/** A value with every field, one item in each list, and one key in each map. Its texts and numbers may be wrong. */
function sample(rules: Rules): unknown {
  const parts = [...inner(rules)].map(([key, next]) => [key, sample(next)] as const);
  const { type, enum: words } = structured(rules);
  if (type === "object") return Object.fromEntries(parts);
  return type === "array" ? parts.map(([, value]) => value) : (words?.[0] ?? 1);
}

/** What a value of this shape contains, by key or index. */
function inner(rules: Rules): Map<string, Rules> {
  const { items, properties, additionalProperties } = structured(rules);
  return new Map([
    ...Object.entries(properties ?? {}).map(([key, next]) => [key, structured(next)] as const),
    ...(items === undefined ? [] : [["0", structured(items)] as const]),
    ...(additionalProperties === undefined ? [] : [["a", structured(additionalProperties)] as const]),
  ]);
}

/** Of several alternatives the object or list. */
const structured = (rules: Rules): Rules =>
  rules.anyOf?.map(structured).find(({ type }) => type === "object" || type === "array") ?? rules.anyOf?.[0] ?? rules;
