/**
 * Strict decoders of external data. A decoder returns the value or throws `Malformed`; `decode` and `decodeValue`, the
 * entry points, do not throw. Unknown keys are ignored, so that a newer version may send more; known keys must be valid.
 *
 * A decoder also carries its JSON Schema (2020-12), so that the documented format is the one that is decoded.
 */
import { type Endpoint, endpoint } from "../net/endpoint.ts";

/** `true` accepts everything: the schema of decoders that no document describes. */
export type Schema = true | { readonly [keyword: string]: unknown };
export type Decoder<T> = ((value: unknown, path: string) => T) & { readonly schema?: Schema };
/** A part of a JSON document, by its JSON pointer (RFC 6901), and what is wrong with it. */
export type Fault = { readonly pointer: string; readonly message: string };
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly why: string; readonly fault: Fault };

class Malformed extends Error {
  readonly fault: Fault;

  constructor(path: string, expected: string) {
    super(`${path || "message"}: ${expected} expected`);
    const pointer = path === "" ? "" : `/${path.replaceAll("]", "").replaceAll(/[.[]/g, "/")}`;
    this.fault = { pointer, message: `${expected} expected` };
  }
}

const fail = (path: string, expected: string): never => {
  throw new Malformed(path, expected);
};

const within = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);

/** Decodes JSON text of at most `length_max` characters. Never throws. */
export function decode<T>(text: string, decoder: Decoder<T>, length_max: number): Decoded<T> {
  return attempt(() => {
    if (text.length > length_max) return fail("", `at most ${length_max} characters`);
    return decoder(JSON.parse(text), "");
  });
}

/** Decodes one named value, a parameter. Never throws. */
export const decodeValue = <T>(value: unknown, name: string, decoder: Decoder<T>): Decoded<T> =>
  attempt(() => decoder(value, name));

function attempt<T>(read: () => T): Decoded<T> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, why: error.message, fault: error.fault };
    // The message of JSON.parse quotes the text, which may contain secrets. Any other error is a bug.
    if (error instanceof SyntaxError) {
      const { message: why, fault } = new Malformed("", "JSON");
      return { ok: false, why, fault };
    }
    throw error;
  }
}

/** A decoder with its schema. */
export const withSchema = <T>(schema: Schema, decoder: (value: unknown, path: string) => T): Decoder<T> =>
  Object.assign((value: unknown, path: string) => decoder(value, path), { schema });

export const text = (length_max: number, pattern?: RegExp): Decoder<string> =>
  withSchema({ type: "string", maxLength: length_max, ...(pattern && { pattern: pattern.source }) }, (value, path) =>
    typeof value === "string" && value.length <= length_max && (pattern === undefined || pattern.test(value))
      ? value
      : fail(path, `text of at most ${length_max} characters${pattern === undefined ? "" : ` like ${pattern}`}`),
  );

export const integer = (least: number, most: number): Decoder<number> =>
  withSchema({ type: "integer", minimum: least, maximum: most }, (value, path) =>
    typeof value === "number" && Number.isInteger(value) && value >= least && value <= most
      ? value
      : fail(path, `an integer from ${least} to ${most}`),
  );

/** JSON allows 1e999, which parses as Infinity. */
export const number: Decoder<number> = withSchema({ type: "number" }, (value, path) =>
  typeof value === "number" && Number.isFinite(value) ? value : fail(path, "a number"),
);

export const flag: Decoder<boolean> = withSchema({ type: "boolean" }, (value, path) =>
  typeof value === "boolean" ? value : fail(path, "true or false"),
);

export const oneOf = <const T extends string>(...words: readonly T[]): Decoder<T> =>
  withSchema(
    { enum: words },
    (value, path) => words.find((word) => word === value) ?? fail(path, `one of ${words.join(", ")}`),
  );

export const constant = <const T extends string>(word: T): Decoder<T> => oneOf(word);

/** The first decoder that accepts the value; `expected` describes them in the refusal. */
export const anyOf = <const D extends readonly Decoder<unknown>[]>(
  expected: string,
  ...decoders: D
): Decoder<Shape<D[number]>> =>
  withSchema({ anyOf: decoders.map(schemaOf) }, (value, path) => {
    for (const decoder of decoders) {
      try {
        return decoder(value, path) as Shape<D[number]>;
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
      }
    }
    return fail(path, expected);
  });

export const nullable = <T>(decoder: Decoder<T>): Decoder<T | null> =>
  withSchema({ anyOf: [schemaOf(decoder), { type: "null" }] }, (value, path) =>
    value === null ? null : decoder(value, path),
  );

/** A key that may be absent; then the value has no such key. */
export const optional = <T>(decoder: Decoder<T>): Decoder<T | undefined> & { readonly optional: true } =>
  Object.assign((value: unknown, path: string) => (value === undefined ? undefined : decoder(value, path)), {
    optional: true as const,
    schema: schemaOf(decoder),
  });

export const list = <T>(decoder: Decoder<T>, length_max: number): Decoder<readonly T[]> =>
  withSchema({ type: "array", items: schemaOf(decoder), maxItems: length_max }, (value, path) =>
    Array.isArray(value) && value.length <= length_max
      ? value.map((item, at) => decoder(item, `${path}[${at}]`))
      : fail(path, `a list of at most ${length_max}`),
  );

export const pair = <T>(decoder: Decoder<T>): Decoder<readonly [T, T]> => {
  const both = list(decoder, 2);
  return withSchema({ ...(both.schema as object), minItems: 2 }, (value, path) => {
    const [one, other, ...more] = both(value, path);
    return one === undefined || other === undefined || more.length > 0 ? fail(path, "a list of two") : [one, other];
  });
};

export const record = <T extends object>(fields: { readonly [K in keyof T]-?: Decoder<T[K]> }): Decoder<T> => {
  const keys = Object.keys(fields) as (keyof T & string)[];
  const required = keys.filter((key) => !("optional" in fields[key]));
  const properties = Object.fromEntries(keys.map((key) => [key, schemaOf(fields[key])]));
  return withSchema({ type: "object", properties, required }, (value, path) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return fail(path, "an object");
    const source = value as Record<string, unknown>;
    const out: Partial<T> = {};
    for (const key of keys) {
      const present = Object.hasOwn(source, key);
      if (present || !("optional" in fields[key]))
        out[key] = fields[key](present ? source[key] : undefined, within(path, key));
    }
    return out as T;
  });
};

/** The type of a decoder's value. */
export type Shape<D> = D extends Decoder<infer T> ? T : never;

type Fields = Readonly<Record<string, Decoder<unknown>>>;
type OptionalKeys<F> = { [K in keyof F]: F[K] extends { readonly optional: true } ? K : never }[keyof F];
type Plain<T> = { readonly [K in keyof T]: T[K] };
type Members<F> = Plain<
  { [K in Exclude<keyof F, OptionalKeys<F>>]: Shape<F[K]> } & {
    [K in OptionalKeys<F>]?: Exclude<Shape<F[K]>, undefined>;
  }
>;

/** A record whose type follows from its fields. */
export const object = <const F extends Fields>(fields: F): Decoder<Members<F>> & { readonly fields: F } =>
  Object.assign(record(fields as never) as Decoder<Members<F>>, { fields });

/** Any keys that match `pattern`, all with the same kind of value. */
export const map = <T>(
  pattern: RegExp,
  decoder: Decoder<T>,
  size_max: number,
): Decoder<Readonly<Record<string, T>>> => {
  const keys = { propertyNames: { pattern: pattern.source }, maxProperties: size_max };
  return withSchema({ type: "object", ...keys, additionalProperties: schemaOf(decoder) }, (value, path) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return fail(path, "an object");
    const entries = Object.entries(value);
    if (entries.length > size_max) return fail(path, `at most ${size_max} keys`);
    // The refusal does not repeat the key, which may be secret.
    if (!entries.every(([key]) => pattern.test(key))) return fail(path, `keys like ${pattern}`);
    return Object.fromEntries(entries.map(([key, item]) => [key, decoder(item, within(path, key))]));
  });
};

/** A union discriminated by the text under `key`, which the schema names as OpenAPI does. */
export const union = <T extends object>(key: string, kinds: Readonly<Record<string, Decoder<T>>>): Decoder<T> =>
  withSchema({ oneOf: Object.values(kinds).map(schemaOf), discriminator: { propertyName: key } }, (value, path) => {
    const word = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
    const decoder = typeof word === "string" && Object.hasOwn(kinds, word) ? kinds[word] : undefined;
    return decoder === undefined ? fail(within(path, key), Object.keys(kinds).join(", ")) : decoder(value, path);
  });

const rawEndpoint = record<Endpoint>({ address: text(64), port: integer(1, 65_535) });

/** An endpoint as `{ address, port }`, returned in canonical form. */
export const anyEndpoint: Decoder<Endpoint> = withSchema(rawEndpoint.schema!, (value, path) => {
  const { address, port } = rawEndpoint(value, path);
  return endpoint(address, port) ?? fail(path, "an endpoint");
});

/** The same, for senders that must use the canonical form. */
export const canonicalEndpoint: Decoder<Endpoint> = withSchema(rawEndpoint.schema!, (value, path) => {
  const at = anyEndpoint(value, path);
  return at.address === rawEndpoint(value, path).address ? at : fail(path, "a canonical endpoint");
});

function schemaOf({ schema }: Decoder<unknown>): Schema {
  return schema ?? true;
}
