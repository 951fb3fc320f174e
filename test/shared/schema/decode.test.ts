import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { canonicalEndpoint, decode, type Decoded, type Decoder, flag, integer, list } from "#shared/schema/decode.ts";
import { nullable, oneOf, optional, pair, record, text, union } from "#shared/schema/decode.ts";
import { fromHub, fromSidecar } from "#shared/link/decoders.ts";

describe("a decoder", () => {
  test("carries the JSON Schema of its values", () => {
    const decoder = record<{ name: string; seats?: number | undefined; tags: readonly string[]; open: boolean | null }>(
      {
        name: text(64, /^[a-z]+$/),
        seats: optional(integer(2, 128)),
        tags: list(oneOf("a", "b"), 3),
        open: nullable(flag),
      },
    );
    expect(decoder.schema).toStrictEqual({
      type: "object",
      required: ["name", "tags", "open"],
      properties: {
        name: { type: "string", maxLength: 64, pattern: "^[a-z]+$" },
        seats: { type: "integer", minimum: 2, maximum: 128 },
        tags: { type: "array", items: { enum: ["a", "b"] }, maxItems: 3 },
        open: { anyOf: [{ type: "boolean" }, { type: "null" }] },
      },
    });
  });

  test("of a union carries the schemas of all kinds, and one without a schema accepts everything", () => {
    const one = record<{ t: string }>({ t: oneOf("one") });
    expect(union("t", { one }).schema).toStrictEqual({ oneOf: [one.schema], discriminator: { propertyName: "t" } });
    expect(list((value) => value, 1).schema).toStrictEqual({ type: "array", items: true, maxItems: 1 });
  });
});

describe("decoding", () => {
  test("returns the decoded value", () => {
    expect(decoded("[1,2]", list(integer(1, 2), 2))).toStrictEqual({ ok: true, value: [1, 2] });
  });

  test("accepts text up to the allowed length", () => {
    expect(decode("true", flag, 4).ok).toBe(true);
    expect(decode("true ", flag, 4)).toMatchObject({ ok: false, why: expect.stringContaining("4") });
  });

  test("reports the path of a fault and the expected value", () => {
    const at = record({ items: list(record({ port: integer(1, 9) }), 3) });
    expect(decoded('{"items":[{"port":1},{"port":10}]}', at)).toStrictEqual({
      ok: false,
      why: "items[1].port: an integer from 1 to 9 expected",
      fault: { pointer: "/items/1/port", message: "an integer from 1 to 9 expected" },
    });
  });

  test.each([
    ["something that is not quoted", '{"lock":hunter2}'],
    ["something that is", '{"lock":"hunter2"x}'],
    ["something cut off", '{"lock":"hunter2'],
    ["a value of another kind", '{"lock":["hunter2"]}'],
    ["a key of another name", '{"hunter2":"hunter2"}'],
  ])("never repeats the input, which may be secret: %s", (_, sent) => {
    const { ok, why = "" } = decoded(sent, record({ lock: text(3) })) as { ok: boolean; why?: string };
    expect(ok).toBe(false);
    expect(why).not.toContain("hunter");
  });

  test("rethrows errors of a decoder itself", () => {
    expect(() => decoded("1", broken)).toThrow("ours");
  });

  test.each([
    ["nothing", ""],
    ["blanks", " "],
    ["half of an object", '{"t":"bye"'],
    ["two values", "{}{}"],
    ["a comment", '{"t":"bye"}//'],
    ["a number of another notation", "0x10"],
    ["what JavaScript has and JSON has not", "undefined"],
    ["a value that is none", "NaN"],
    ["a byte order mark", '\ufeff{"t":"bye"}'],
  ])("refuses %s", (_, sent) => {
    expect(decoded(sent, fromSidecar).ok).toBe(false);
  });

  test("accepts any nesting depth", () => {
    for (const [open, close] of [
      ["[", "]"],
      ['{"t":', "}"],
      ['{"t":"reports","seq":1,"items":[', "]}"],
    ] as const) {
      const deep = `${open.repeat(30_000)}1${close.repeat(30_000)}`;
      expect(decoded(deep, fromSidecar).ok).toBe(false);
      expect(decoded(deep, fromHub).ok).toBe(false);
    }
  });

  test("never throws and returns short reasons for any JSON", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json({ maxDepth: 6 }), nearlyMessages()), (sent) => {
        for (const decoder of [fromSidecar, fromHub]) expect(shortReason(decoded<unknown>(sent, decoder))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test("never throws and returns short reasons for any text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" })), (sent) => {
        for (const decoder of [fromSidecar, fromHub]) expect(shortReason(decoded<unknown>(sent, decoder))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a decoder", () => {
  test("of text checks length and pattern", () => {
    takes(text(3), "", "abc");
    refuses(text(3), "abcd", 1, null, ["a"], { length: 1 });
    takes(text(3, /^a+$/), "a", "aaa");
    refuses(text(3, /^a+$/), "", "b", "aaaa");
  });

  test("of integers checks both bounds", () => {
    takes(integer(-1, 3), -1, 0, 3);
    refuses(integer(-1, 3), -2, 4, 1.5, "1", true, null, [1]);
    expect(decoded("1e999", integer(0, Number.MAX_VALUE)).ok).toBe(false);
  });

  test("of booleans accepts only booleans", () => {
    takes(flag, true, false);
    refuses(flag, 0, 1, "true", null);
  });

  test("of an enumeration accepts only its values", () => {
    takes(oneOf("a", "b"), "a", "b");
    refuses(oneOf("a", "b"), "c", "", "A", ["a"], null, "constructor");
  });

  test("of a nullable value accepts null but not absence", () => {
    takes(nullable(flag), null, true);
    refuses(nullable(flag), 0, "null");
    refuses(record({ a: nullable(flag) }), {});
  });

  test("of lists checks the length", () => {
    takes(list(flag, 2), [], [true, false]);
    takes(pair(flag), [true, false]);
    refuses(pair(flag), [], [true], [true, false, true], [true, 1], null);
    refuses(list(flag, 2), [true, true, true], [1], { length: 1, 0: true }, "", null);
  });

  test("of records returns known keys, drops others, and ignores the prototype", () => {
    expect(decoded('{"a":1,"b":2,"__proto__":{"c":3}}', record({ a: integer(1, 1) }))).toStrictEqual({
      ok: true,
      value: { a: 1 },
    });
    refuses(record({ toString: flag }), {});
    refuses(record({}), [], null, "x", 1);
    expect(decoded('{"__proto__":{"a":1}}', record({ a: integer(1, 1) })).ok).toBe(false);
  });

  test("of unions accepts only its own kinds", () => {
    const either = union<{ t: string }>("t", { a: record({ t: oneOf("a") }) });
    takes(either, { t: "a" });
    refuses(either, { t: "b" }, { t: "constructor" }, { t: "__proto__" }, { t: ["a"] }, { t: null }, {}, [], null, "a");
  });

  test("of canonical endpoints refuses other forms", () => {
    takes(canonicalEndpoint, { address: "192.0.2.1", port: 1 }, { address: "2001:db8::1", port: 65_535 });
    refuses(
      canonicalEndpoint,
      ...["::ffff:192.0.2.1", "2001:DB8::1", "2001:db8:0::1", "fe80::1%eth0", "host", ""].map((address) => ({
        address,
        port: 1,
      })),
      ...[0, 65_536, 1.5, "1", null].map((port) => ({ address: "192.0.2.1", port })),
      { address: "192.0.2.1" },
      "192.0.2.1:1",
    );
  });
});

// --- makers ----------------------------------------------------------------------------------------------------

const decoded = <T>(sent: string, decoder: Decoder<T>): Decoded<T> => decode(sent, decoder, 2_000_000);

function takes(decoder: Decoder<unknown>, ...values: unknown[]): void {
  for (const value of values) expect(decoded(JSON.stringify(value), decoder)).toStrictEqual({ ok: true, value });
}

function refuses(decoder: Decoder<unknown>, ...values: unknown[]): void {
  for (const value of values) expect([value, decoded(JSON.stringify(value), decoder).ok]).toStrictEqual([value, false]);
}

const broken: Decoder<never> = () => {
  throw new TypeError("ours");
};

/** It must fit a log line, and, shortened, the close frame of a WebSocket. */
const shortReason = (outcome: Decoded<unknown>): boolean => outcome.ok || outcome.why.length < 300;

/** Objects with the keys and kinds of the link in wrong places, which pass more checks than arbitrary JSON. */
function nearlyMessages(): fc.Arbitrary<string> {
  const keys = ["t", "seq", "items", "kind", "wire", "name", "endpoint", "ref", "to", "notice", "peers", "__proto__"];
  const words = [
    "hello",
    "reports",
    "told",
    "members",
    "welcome",
    "join",
    "rabid",
    "roster",
    "constructor",
    "192.0.2.1",
  ];
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 5, withCrossShrink: true }, tie("leaf"), tie("object"), tie("array")),
    leaf: fc.oneof(fc.constantFrom(...words), fc.integer(), fc.constant(null), fc.boolean()),
    array: fc.array(tie("tree"), { maxLength: 3 }),
    object: fc
      .uniqueArray(fc.tuple(fc.constantFrom(...keys), tie("tree")), { selector: ([key]) => key, maxLength: 6 })
      .map((entries) => Object.fromEntries(entries)),
  }));
  return fc
    .tuple(fc.constantFrom("hello", "reports", "bye", "welcome", "members", "told"), tree)
    .map(([t, value]) => JSON.stringify(typeof value === "object" ? { ...value, t } : { t, items: [value], seq: 1 }));
}
