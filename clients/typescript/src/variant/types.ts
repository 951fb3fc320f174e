/**
 * Godot's values in JavaScript, and the type numbers of its two formats (core/io/marshalls.cpp of 3.2 and 4.4).
 *
 *     null, boolean, string           the same                   Array         an array
 *     int                             a whole number, or a bigint beyond 2^53
 *     float                           any other number; `new GodotFloat(1)` for a whole one
 *     Dictionary                      a Map; a plain object can be encoded too
 *     PackedByteArray                 Uint8Array, and so on: Int32Array, BigInt64Array, Float32Array, Float64Array
 *     Vector2, Color, NodePath, ...   `new GodotValue("Vector2", [1, 2])`
 */
export type Variant =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Variant[]
  | ReadonlyMap<Variant, Variant>
  | { readonly [key: string]: Variant }
  | Uint8Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | GodotFloat
  | GodotValue;

export class GodotFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** A value of a type that JavaScript lacks: its numbers in the order of its members, or its strings. */
export class GodotValue {
  readonly type: GodotType;
  readonly parts: readonly number[] | readonly string[];

  constructor(type: GodotType, parts: readonly number[] | readonly string[]) {
    this.type = type;
    this.parts = parts;
  }
}

/** The type's name in Godot 4, the count of its numbers, and whether they are integers. */
type Shape = { readonly numbers: number; readonly isWhole?: boolean };
export const SHAPES = {
  Vector2: { numbers: 2 },
  Vector2i: { numbers: 2, isWhole: true },
  Rect2: { numbers: 4 },
  Rect2i: { numbers: 4, isWhole: true },
  Vector3: { numbers: 3 },
  Vector3i: { numbers: 3, isWhole: true },
  Transform2D: { numbers: 6 },
  Vector4: { numbers: 4 },
  Vector4i: { numbers: 4, isWhole: true },
  Plane: { numbers: 4 },
  Quaternion: { numbers: 4 },
  AABB: { numbers: 6 },
  Basis: { numbers: 9 },
  Transform3D: { numbers: 12 },
  Projection: { numbers: 16 },
  Color: { numbers: 4 },
} as const satisfies Record<string, Shape>;
/** Numbers per element of a packed array. */
export const PACKED = {
  PackedVector2Array: 2,
  PackedVector3Array: 3,
  PackedVector4Array: 4,
  PackedColorArray: 4,
} as const;

export type GodotType = keyof typeof SHAPES | keyof typeof PACKED | "PackedStringArray" | "NodePath" | "StringName";

type Basic = "nil" | "bool" | "int" | "float" | "String" | "Dictionary" | "Array";
type Bytes = "PackedByteArray" | "PackedInt32Array" | "PackedInt64Array" | "PackedFloat32Array" | "PackedFloat64Array";
export type TypeName = Basic | Bytes | GodotType | "RID" | "Object" | "Callable" | "Signal" | "none";

const list = (names: string): readonly TypeName[] => names.split(" ") as TypeName[];

/** By type number. */
export const TYPES: Readonly<Record<3 | 4, readonly TypeName[]>> = {
  3: list(
    "nil bool int float String Vector2 Rect2 Vector3 Transform2D Plane Quaternion AABB Basis Transform3D Color NodePath RID " +
      "Object Dictionary Array PackedByteArray PackedInt32Array PackedFloat32Array PackedStringArray PackedVector2Array " +
      "PackedVector3Array PackedColorArray",
  ),
  4: list(
    "nil bool int float String Vector2 Vector2i Rect2 Rect2i Vector3 Vector3i Transform2D Vector4 Vector4i Plane Quaternion " +
      "AABB Basis Transform3D Projection Color StringName NodePath RID Object Callable Signal Dictionary Array PackedByteArray " +
      "PackedInt32Array PackedInt64Array PackedFloat32Array PackedFloat64Array PackedStringArray PackedVector2Array " +
      "PackedVector3Array PackedColorArray PackedVector4Array",
  ),
};

/** In the header: 64 bits instead of 32. */
export const FLAG_64 = 1 << 16;
/** Depth of nested dictionaries and arrays. Godot itself stops at 100. */
export const NESTING_MAX = 64;
/** The NodePath begins at the root. */
export const ABSOLUTE = 1;
export const NEW_NODE_PATH = 0x8000_0000;
