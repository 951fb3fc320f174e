/** Encodes Godot's Variants without objects, as `var2bytes` (Godot 3) and `var_to_bytes` (Godot 4) do. */
import {
  ABSOLUTE,
  FLAG_64,
  GodotFloat,
  GodotValue,
  NESTING_MAX,
  NEW_NODE_PATH,
  PACKED,
  SHAPES,
  TYPES,
  type TypeName,
  type Variant,
} from "./types.ts";

/**
 * Throws a TypeError for a value without a type in that Godot, and a RangeError for one that is too deep or too large.
 */
export function varToBytes(value: Variant, godot: 3 | 4): Uint8Array {
  const writer = new Writer(godot);
  writer.value(value, 0);
  return Buffer.concat(writer.parts);
}

const INT32 = 2 ** 31;
const INT64 = 2n ** 63n;

class Writer {
  readonly parts: Uint8Array[] = [];
  readonly #types: readonly TypeName[];

  constructor(godot: 3 | 4) {
    this.#types = TYPES[godot];
  }

  value(value: Variant, nesting: number): void {
    if (nesting > NESTING_MAX) throw new RangeError(`a value nested deeper than ${NESTING_MAX} cannot be encoded`);
    if (value === null) this.#head("nil");
    else if (typeof value === "boolean") this.#word("bool", value ? 1 : 0);
    else if (typeof value === "string") this.#string("String", value);
    else if (typeof value === "bigint") this.#int(value);
    else if (typeof value === "number") {
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#int(BigInt(value));
      else this.#float(value);
    } else if (value instanceof GodotFloat) this.#float(value.value);
    else if (value instanceof GodotValue) this.#typed(value);
    else if (value instanceof Uint8Array) this.#bytes("PackedByteArray", value.length, value);
    else if (value instanceof Int32Array) this.#numbers("PackedInt32Array", [...value], "i4");
    else if (value instanceof Float32Array) this.#numbers("PackedFloat32Array", [...value], "f4");
    else if (value instanceof Float64Array) this.#numbers("PackedFloat64Array", [...value], "f8");
    else if (value instanceof BigInt64Array) this.#longs(value);
    else if (Array.isArray(value)) {
      this.#word("Array", value.length);
      for (const one of value as readonly Variant[]) this.value(one, nesting + 1);
    } else this.#dictionary(value as ReadonlyMap<Variant, Variant> | { readonly [key: string]: Variant }, nesting);
  }

  #dictionary(value: ReadonlyMap<Variant, Variant> | { readonly [key: string]: Variant }, nesting: number): void {
    if (typeof value !== "object") throw new TypeError(`${typeof value} has no Godot type`);
    const isPlain = Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null;
    if (!(value instanceof Map) && !isPlain) throw new TypeError("a class instance has no Godot type");
    const entries: readonly (readonly [Variant, Variant])[] =
      value instanceof Map ? [...(value as ReadonlyMap<Variant, Variant>)] : Object.entries(value);
    this.#word("Dictionary", entries.length);
    for (const [key, one] of entries) {
      this.value(key, nesting + 1);
      this.value(one, nesting + 1);
    }
  }

  #typed({ type, parts }: GodotValue): void {
    if (type === "NodePath") return this.#nodePath(String(parts[0] ?? ""));
    if (type === "StringName") return this.#string(type, String(parts[0] ?? ""));
    if (type === "PackedStringArray") {
      this.#word(type, parts.length);
      // A string in an array ends with a NUL; other strings do not.
      for (const one of parts) this.#text(`${one}\0`);
      return;
    }
    const numbers = parts as readonly number[];
    if (type in PACKED) {
      const each = PACKED[type as keyof typeof PACKED];
      if (numbers.length % each !== 0) throw new RangeError(`${type} needs a multiple of ${each} numbers`);
      this.#word(type, numbers.length / each);
      this.parts.push(bytesOf(numbers, "f4"));
      return;
    }
    const shape: { numbers: number; isWhole?: boolean } = SHAPES[type as keyof typeof SHAPES];
    if (numbers.length !== shape.numbers) throw new RangeError(`${type} needs ${shape.numbers} numbers`);
    this.#head(type);
    this.parts.push(bytesOf(numbers, shape.isWhole === true ? "i4" : "f4"));
  }

  /** `/root/Main:position:x`: names, then subnames after the colons. */
  #nodePath(path: string): void {
    const isAbsolute = path.startsWith("/");
    const [names = "", ...subnames] = (isAbsolute ? path.slice(1) : path).split(":");
    const all = names === "" ? [] : names.split("/");
    this.#head("NodePath");
    this.parts.push(bytesOf([(NEW_NODE_PATH | all.length) >>> 0, subnames.length, isAbsolute ? ABSOLUTE : 0], "u4"));
    for (const one of [...all, ...subnames]) this.#text(one);
  }

  #int(value: bigint): void {
    if (value < -INT64 || value >= INT64) throw new RangeError(`${value} is longer than 64 bits`);
    if (value >= -INT32 && value < INT32) {
      this.#head("int");
      this.parts.push(bytesOf([Number(value)], "i4"));
      return;
    }
    this.#head("int", FLAG_64);
    const out = Buffer.alloc(8);
    out.writeBigInt64LE(value);
    this.parts.push(out);
  }

  #float(value: number): void {
    const isShort = Object.is(Math.fround(value), value);
    this.#head("float", isShort ? 0 : FLAG_64);
    this.parts.push(bytesOf([value], isShort ? "f4" : "f8"));
  }

  #string(type: TypeName, value: string): void {
    this.#head(type);
    this.#text(value);
  }

  #text(value: string): void {
    const bytes = Buffer.from(value);
    this.parts.push(bytesOf([bytes.length], "u4"));
    this.#padded(bytes);
  }

  #bytes(type: TypeName, count: number, bytes: Uint8Array): void {
    this.#word(type, count);
    this.#padded(bytes);
  }

  #numbers(type: TypeName, values: readonly number[], how: How): void {
    this.#bytes(type, values.length, bytesOf(values, how));
  }

  #longs(values: BigInt64Array): void {
    const out = Buffer.alloc(8 * values.length);
    for (const [at, value] of values.entries()) out.writeBigInt64LE(value, 8 * at);
    this.#bytes("PackedInt64Array", values.length, out);
  }

  #padded(bytes: Uint8Array): void {
    this.parts.push(bytes, new Uint8Array((4 - (bytes.length % 4)) % 4));
  }

  #word(type: TypeName, word: number): void {
    this.#head(type);
    this.parts.push(bytesOf([word], "u4"));
  }

  #head(type: TypeName, flags = 0): void {
    const number = this.#types.indexOf(type);
    if (number < 0) throw new TypeError(`this Godot has no ${type}`);
    this.parts.push(bytesOf([number | flags], "u4"));
  }
}

type How = "i4" | "u4" | "f4" | "f8";

function bytesOf(values: readonly number[], how: How): Buffer {
  const size = how === "f8" ? 8 : 4;
  const out = Buffer.alloc(values.length * size);
  for (const [at, value] of values.entries()) {
    if (how === "f8") out.writeDoubleLE(value, at * size);
    else if (how === "f4") out.writeFloatLE(value, at * size);
    else if (how === "i4") out.writeInt32LE(value, at * size);
    else out.writeUInt32LE(value, at * size);
  }
  return out;
}
