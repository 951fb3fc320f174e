/** Godot's Variant encoding: bytes of a real Godot 3 in both directions, and untrusted bytes. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { numbersOf } from "../../../../test/support/dice.ts";
import { godot3, hasGodot3 } from "../../../../test/support/programs.ts";
import { bytesToVar } from "../../src/variant/decode.ts";
import { varToBytes } from "../../src/variant/encode.ts";
import { GodotFloat, GodotValue, type Variant } from "../../src/variant/types.ts";

const SCRIPT = join(import.meta.dirname, "../../../../test/support/godot/variants.gd");
type Line = { readonly godot: string; readonly hex: string };
/** The output of Godot 3.2.3 for `variants.gd`. If a Godot is installed, the last test runs it again. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, "variant-golden.json"), "utf8")) as readonly Line[];

const of = (type: GodotValue["type"], ...parts: number[]): GodotValue => new GodotValue(type, parts);
const texts = (type: GodotValue["type"], ...parts: string[]): GodotValue => new GodotValue(type, parts);

/** The same values in the order of the script. */
const VALUES: readonly Variant[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  2_147_483_647,
  -2_147_483_648,
  2_147_483_648,
  4_294_967_296,
  -9_007_199_254_740_993n,
  1.5,
  0.1,
  new GodotFloat(1),
  -0.5,
  "",
  "a",
  "héé, 世界",
  of("Vector2", 1, 2.5),
  of("Rect2", 1, 2, 3, 4),
  of("Vector3", 1, 2, 3),
  of("Transform2D", 1, 2, 3, 4, 5, 6),
  of("Plane", 1, 2, 3, 4),
  of("Quaternion", 1, 2, 3, 4),
  of("AABB", 1, 2, 3, 4, 5, 6),
  // By rows, as in Godot.
  of("Basis", 1, 4, 7, 2, 5, 8, 3, 6, 9),
  of("Transform3D", 1, 4, 7, 2, 5, 8, 3, 6, 9, 10, 11, 12),
  of("Color", 0.5, 0.25, 1, 0),
  texts("NodePath", "/root/Main:position"),
  texts("NodePath", "abcd/efgh"),
  new Map(),
  new Map<Variant, Variant>([
    ["message", "handshake"],
    ["from", 42],
    [3, [1.5, null]],
  ]),
  [],
  [1, [2, [3, new Map()]]],
  Uint8Array.of(1, 2, 3),
  new Uint8Array(),
  Int32Array.of(1, -2, 3),
  Float32Array.of(1.5, 2.5),
  texts("PackedStringArray", "a", "bc", "dé"),
  of("PackedVector2Array", 1, 2),
  of("PackedVector3Array", 1, 2, 3, 4, 5, 6),
  of("PackedColorArray", 1, 0, 0, 1),
];

const hexOf = (value: Variant, godot: 3 | 4): string => Buffer.from(varToBytes(value, godot)).toString("hex");
const decoded = (hex: string, godot: 3 | 4 = 3): unknown => bytesToVar(Buffer.from(hex, "hex"), godot);

describe("Godot 3", () => {
  test.each(golden.map(({ godot }, at) => [godot, at] as const))("%s is encoded and decoded", (_, at) => {
    const [{ hex }, value] = [golden[at]!, VALUES[at]!];
    expect(hexOf(value, 3)).toBe(hex);
    expect(decoded(hex)).toStrictEqual({ value: value instanceof GodotFloat ? value.value : value });
  });

  test.skipIf(!hasGodot3)(
    "Godot 3 itself confirms the golden bytes, and decodes what the client encodes",
    { timeout: 60_000 },
    async () => {
      expect(golden).toHaveLength(VALUES.length);
      const home = mkdtempSync(join(tmpdir(), "parley-godot-"));
      const env = {
        PATH: process.env["PATH"],
        HOME: home,
        PROGRAM: JSON.stringify(VALUES.map((value) => hexOf(value, 3))),
      };
      const { stdout } = await promisify(execFile)(godot3, ["-s", SCRIPT], { cwd: home, env }).finally(() =>
        rmSync(home, { recursive: true, force: true }),
      );
      const lines = stdout
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as Line);
      expect(lines.slice(0, golden.length)).toStrictEqual(golden);
      // Each encoded value is the same in Godot, which encodes it to the same bytes.
      expect(lines.slice(golden.length).map(({ godot, hex }) => ({ godot, hex }))).toStrictEqual(golden);
    },
  );
});

describe("Godot 4", () => {
  /** As in Godot 4's documentation of binary serialization. Not checked with a Godot 4. */
  const SAID: readonly (readonly [Variant, string])[] = [
    [{ a: 1 }, "1b000000010000000400000001000000610000000200000001000000"],
    [[1.5, "x"], "1c00000002000000030000000000c03f040000000100000078000000"],
    [of("Vector2", 1, 2), "050000000000803f00000040"],
    [of("Vector2i", 1, -2), "0600000001000000feffffff"],
    [of("Vector3", 1, 2, 3), "090000000000803f0000004000004040"],
    [of("Color", 1, 0, 0, 1), "140000000000803f00000000000000000000803f"],
    [texts("StringName", "hi"), "150000000200000068690000"],
    [Uint8Array.of(1, 2, 3), "1d0000000300000001020300"],
    [Int32Array.of(-1), "1e00000001000000ffffffff"],
    [BigInt64Array.of(-1n), "1f00000001000000ffffffffffffffff"],
    [Float64Array.of(1.5), "2100000001000000000000000000f83f"],
    [texts("PackedStringArray", "a"), "22000000010000000200000061000000"],
    [of("PackedVector4Array", 1, 2, 3, 4), "26000000010000000000803f000000400000404000008040"],
  ];

  test.each(SAID.map(([, hex], at) => [hex, at] as const))("%s", (hex, at) => {
    const [value] = SAID[at]!;
    expect(hexOf(value, 4)).toBe(hex);
    const isName = value instanceof GodotValue && value.type === "StringName";
    const isPlain = Object.getPrototypeOf(value) === Object.prototype;
    const comes = isName ? "hi" : isPlain ? new Map(Object.entries(value as object)) : value;
    expect(decoded(hex, 4)).toStrictEqual({ value: comes });
  });

  test("the element type of a typed collection is decoded", () => {
    // Array[int] with 1 in it, and Dictionary[String, int] with a: 1.
    expect(decoded("1c00010002000000010000000200000001000000", 4)).toStrictEqual({ value: [1] });
    const typed = "1b0005000400000002000000010000000400000001000000610000000200000001000000";
    expect(decoded(typed, 4)).toStrictEqual({ value: new Map([["a", 1]]) });
  });

  test("a double-precision build's value is decoded", () => {
    expect(decoded("05000100000000000000f03f0000000000000040", 4)).toStrictEqual({ value: of("Vector2", 1, 2) });
  });
});

describe("refused", () => {
  test.each<[string, 3 | 4, string]>([
    ["nothing", 3, ""],
    ["half a header", 3, "0400"],
    ["a type that does not exist", 3, "1b000000"],
    ["another", 4, "27000000"],
    ["an object", 3, "11000000040000004e6f646500000000"],
    ["an object's id", 3, "110001000100000000000000"],
    ["an object of Godot 4", 4, "18000000040000004e6f646500000000"],
    ["an object's id of Godot 4", 4, "180001000100000000000000"],
    ["a callable", 4, "19000000"],
    ["a signal", 4, "1a000000"],
    ["a RID", 3, "10000000"],
    ["an array of a class", 4, "1c000200040000004e6f646500000000"],
    ["an array of a script", 4, "1c000300040000004e6f646500000000"],
    ["an array of objects", 4, "1c0001001800000000000000"],
    ["an object inside", 3, "13000000010000001100000000000000"],
    ["a text truncated", 3, "04000000ffffffff61000000"],
    ["a text without its padding", 3, "040000000100000061"],
    ["invalid UTF-8", 3, "0400000001000000ff000000"],
    ["an array of four billion", 3, "13000000ffffffff"],
    ["an array of two billion", 3, "13000000ffffff7f00000000"],
    ["a dictionary of more than fit", 3, "1200000002000000000000000000000000000000"],
    ["bytes of more than there are", 3, "140000000500000001020304"],
    ["vectors of more than there are", 3, "1800000000000020" + "00".repeat(32)],
    ["invalid bool", 3, "0100000002000000"],
    ["flags where there are none", 3, "04000100010000006100000000"],
    ["something behind the value", 3, "0000000000000000"],
    ["obsolete NodePath format", 3, "0f0000000100000061000000"],
  ])("%s", (_, godot, hex) => {
    expect(decoded(hex, godot)).toStrictEqual({ fault: expect.any(String) });
  });

  test("a value nested more than 64 levels is refused, in both directions", () => {
    const nested = (depth: number): string => "1300000001000000".repeat(depth) + "00000000";
    expect(decoded(nested(64))).toHaveProperty("value");
    expect(decoded(nested(65))).toStrictEqual({ fault: "nested too deeply" });
    expect(decoded(nested(100_000))).toStrictEqual({ fault: "nested too deeply" });
    let deep: Variant = null;
    for (let depth = 0; depth < 65; depth++) deep = [deep];
    expect(() => varToBytes(deep, 3)).toThrow(RangeError);
  });

  test("random bytes never throw and use little memory", () => {
    const next = numbersOf(4);
    for (let time = 0; time < 5_000; time++) {
      const bytes = Buffer.from(
        Array.from({ length: next() % 64 }, () => (next() % 3 === 0 ? next() & 255 : next() % 3)),
      );
      if (bytes.length > 0) bytes[0] = next() % 40;
      for (const godot of [3, 4] as const) {
        const answer = bytesToVar(bytes, godot);
        expect("value" in answer || typeof answer.fault === "string").toBe(true);
      }
    }
  });

  test("a value without a type in that Godot is refused", () => {
    expect(() => varToBytes(2n ** 63n, 3)).toThrow(RangeError);
    expect(() => varToBytes(new Date(0) as unknown as Variant, 3)).toThrow(TypeError);
    expect(() => varToBytes(undefined as unknown as Variant, 3)).toThrow(TypeError);
    expect(() => varToBytes(of("Vector2i", 1, 2), 3)).toThrow(TypeError);
    expect(() => varToBytes(of("Vector2", 1), 4)).toThrow(RangeError);
  });
});

test("a dictionary may have a key of Object.prototype", () => {
  const bytes = varToBytes(new Map([["__proto__", 1]]), 3);
  expect(bytesToVar(bytes, 3)).toStrictEqual({ value: new Map([["__proto__", 1]]) });
});
