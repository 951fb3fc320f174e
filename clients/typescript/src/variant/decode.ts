/**
 * Decodes Godot's Variants without objects, as `bytes2var` (Godot 3) and `bytes_to_var` (Godot 4) do, for untrusted
 * bytes. The result is a value or a fault. Nothing is executed, memory is bounded by the input, and objects, object
 * ids, callables, signals and RIDs are refused.
 */
import {
  ABSOLUTE,
  FLAG_64,
  GodotValue,
  NESTING_MAX,
  NEW_NODE_PATH,
  PACKED,
  SHAPES,
  TYPES,
  type TypeName,
  type Variant,
} from "./types.ts";

export type Decoded = { readonly value: Variant } | { readonly fault: string };

/** The bytes must be exactly one value. */
export function bytesToVar(bytes: Uint8Array, godot: 3 | 4): Decoded {
  const reader = new Reader(bytes, godot);
  try {
    const value = reader.value(0);
    if (reader.left > 0) return { fault: "bytes after the value" };
    return { value };
  } catch (error) {
    if (error instanceof DecodeError) return { fault: error.message };
    throw error;
  }
}

/** Caught in `bytesToVar`. */
class DecodeError extends Error {}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** The element type in a Godot 4 array's header. Scripts and classes would be objects. */
const TYPED_SHIFT = 16;
const [UNTYPED, BUILTIN] = [0, 1];
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

class Reader {
  readonly #bytes: Buffer;
  readonly #types: readonly TypeName[];
  readonly #isFour: boolean;
  #at = 0;

  constructor(bytes: Uint8Array, godot: 3 | 4) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#types = TYPES[godot];
    this.#isFour = godot === 4;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  value(nesting: number): Variant {
    if (nesting > NESTING_MAX) throw new DecodeError("nested too deeply");
    const head = this.#word();
    const type = this.#types[head & 0xff];
    const flags = (head & ~0xff) >>> 0;
    if (type === undefined) throw new DecodeError(`unknown type number ${head & 0xff}`);
    if (type === "Dictionary") return this.#dictionary(flags, nesting);
    if (type === "Array") return this.#array(flags, nesting);
    const isLong = flags === FLAG_64;
    const mayBeLong = type === "int" || type === "float" || (this.#isFour && (type in SHAPES || type in PACKED));
    if (flags !== 0 && !(isLong && mayBeLong)) throw new DecodeError(`${type} with flags`);
    return this.#plain(type, isLong);
  }

  #plain(type: TypeName, isLong: boolean): Variant {
    if (type === "nil") return null;
    if (type === "bool") return this.#bool();
    if (type === "int") return isLong ? this.#long() : this.#read(4).readInt32LE();
    if (type === "float") return isLong ? this.#read(8).readDoubleLE() : this.#read(4).readFloatLE();
    if (type === "String" || type === "StringName") return this.#text();
    if (type === "NodePath") return this.#nodePath();
    if (type === "PackedByteArray") return Uint8Array.from(this.#padded(this.#count(1)));
    if (type === "PackedInt32Array") return Int32Array.from(this.#numbers(this.#count(4), "i4"));
    if (type === "PackedFloat32Array") return Float32Array.from(this.#numbers(this.#count(4), "f4"));
    if (type === "PackedFloat64Array") return Float64Array.from(this.#numbers(this.#count(8), "f8"));
    if (type === "PackedInt64Array") {
      const bytes = this.#read(8 * this.#count(8));
      return BigInt64Array.from({ length: bytes.length / 8 }, (_, at) => bytes.readBigInt64LE(8 * at));
    }
    if (type === "PackedStringArray") {
      return new GodotValue(
        type,
        // A string in an array ends with a NUL; other strings do not.
        Array.from({ length: this.#count(4) }, () => this.#text().replace(/\0$/, "")),
      );
    }
    const how = isLong ? "f8" : "f4";
    if (type in PACKED) {
      const each = PACKED[type as keyof typeof PACKED];
      const count = this.#count(each * (isLong ? 8 : 4));
      return new GodotValue(type as keyof typeof PACKED, this.#numbers(count * each, how));
    }
    if (type in SHAPES) {
      const shape: { numbers: number; isWhole?: boolean } = SHAPES[type as keyof typeof SHAPES];
      if (isLong && shape.isWhole === true) throw new DecodeError(`${type} with flags`);
      return new GodotValue(
        type as keyof typeof SHAPES,
        this.#numbers(shape.numbers, shape.isWhole === true ? "i4" : how),
      );
    }
    throw new DecodeError(`${type} is refused`);
  }

  #dictionary(flags: number, nesting: number): Variant {
    const kinds = [(flags >>> TYPED_SHIFT) & 3, (flags >>> (TYPED_SHIFT + 2)) & 3];
    this.#typedHead(flags, 0b1111, kinds);
    const count = this.#count(8);
    const map = new Map<Variant, Variant>();
    for (let at = 0; at < count; at++) {
      const key = this.value(nesting + 1);
      map.set(key, this.value(nesting + 1));
    }
    return map;
  }

  #array(flags: number, nesting: number): Variant {
    this.#typedHead(flags, 0b11, [(flags >>> TYPED_SHIFT) & 3]);
    const count = this.#count(4);
    const array: Variant[] = [];
    for (let at = 0; at < count; at++) array.push(this.value(nesting + 1));
    return array;
  }

  /** Godot 4 states the element type; each element has its own type too. */
  #typedHead(flags: number, mask: number, kinds: readonly number[]): void {
    if (flags === 0) return;
    if (!this.#isFour || (flags & ~(mask << TYPED_SHIFT)) !== 0) throw new DecodeError("a collection with flags");
    for (const kind of kinds) {
      if (kind === UNTYPED) continue;
      const type = kind === BUILTIN ? this.#types[this.#word()] : undefined;
      if (type === undefined || type === "Object") throw new DecodeError("a collection of objects is refused");
    }
  }

  #bool(): boolean {
    const word = this.#word();
    if (word > 1) throw new DecodeError("invalid bool");
    return word === 1;
  }

  #long(): number | bigint {
    const value = this.#read(8).readBigInt64LE();
    return value > SAFE || value < -SAFE ? value : Number(value);
  }

  #text(): string {
    try {
      return UTF8.decode(this.#padded(this.#count(1)));
    } catch (error) {
      if (error instanceof DecodeError) throw error;
      throw new DecodeError("invalid UTF-8");
    }
  }

  #nodePath(): Variant {
    const [names, subnames, flags] = [this.#word(), this.#word(), this.#word()];
    if (names < NEW_NODE_PATH || flags > ABSOLUTE) throw new DecodeError("obsolete NodePath format");
    const count = names - NEW_NODE_PATH;
    if ((count + subnames) * 4 > this.left) throw new DecodeError("truncated");
    const read = (length: number): string[] => Array.from({ length }, () => this.#text());
    const path = (flags === ABSOLUTE ? "/" : "") + read(count).join("/");
    return new GodotValue("NodePath", [[path, ...read(subnames)].join(":")]);
  }

  #numbers(count: number, how: "i4" | "f4" | "f8"): number[] {
    const size = how === "f8" ? 8 : 4;
    const bytes = this.#read(count * size);
    return Array.from({ length: count }, (_, at) =>
      how === "f8" ? bytes.readDoubleLE(at * 8) : how === "f4" ? bytes.readFloatLE(at * 4) : bytes.readInt32LE(at * 4),
    );
  }

  /** Reads a count. Each element has at least `bytes_min` bytes. */
  #count(bytes_min: number): number {
    const count = this.#word();
    if (count * bytes_min > this.left) throw new DecodeError("truncated");
    return count;
  }

  #padded(length: number): Buffer {
    const bytes = this.#read(length);
    // Godot 3 leaves uninitialised bytes in the padding.
    this.#read((4 - (length % 4)) % 4);
    return bytes;
  }

  #word(): number {
    return this.#read(4).readUInt32LE();
  }

  #read(length: number): Buffer {
    if (length > this.left) throw new DecodeError("truncated");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
