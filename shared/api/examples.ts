/**
 * Examples for the OpenAPI document, made from the schemas, so that no operation lacks one. A field of a known name gets a
 * telling value. A test validates every example against its schema.
 */
import type { Schema } from "../schema/decode.ts";

const PEER = "7f0a1b2c3d4e5f6g7h8i9jakbl";
const OTHER = "m1n2o3p4q5r6s7t8u9v0a1b2c3";
const LOBBY = `0-${PEER}`;
const TIME = "2026-11-30T18:00:00.000Z";
const LATER = "2026-12-30T18:00:00.000Z";
const TOKEN = "peer.k3yk3yk3.arena..7f0a1b2c3d4e5f6g7h8i9jakbl.t5l2m0.c2lnbmF0dXJl";

/** Texts by the names of their fields. The first that the schema accepts is the example. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  address: ["198.51.100.7"],
  addresses: ["198.51.100.7"],
  body: ['{"sdp":"..."}'],
  code: ["K7M2XQ"],
  detail: ["seats: an integer from 2 to 128 expected"],
  expires_at: [LATER],
  game: ["arena"],
  id: [LOBBY, PEER],
  identity_providers: ["steam"],
  ip_prefix: ["198.51.100.0/24"],
  key: ["q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"],
  lobby_id: [LOBBY],
  lobby_name: ["Forest at night"],
  member_name: ["Ann"],
  membership_proof: ["a-signed-jwt"],
  message: ["Welcome"],
  moderator: ["mo"],
  name: ["Forest at night", "arena"],
  nat_pair: ["open/random"],
  path: ["/v1/admin/games/arena/bans"],
  peer_name: ["Ann"],
  pointer: ["/seats"],
  receipt: ["k3yk3yk3.c63364070d96.t5l2m0.c2lnbmF0dXJlc2lnbmF0MQ"],
  region: ["weur"],
  reporter_id: [OTHER],
  successors: [OTHER],
  text: ["Hello"],
  title: ["The request is malformed."],
  to: [OTHER],
  tunnel: ["wss://relay.example/"],
  type: ["urn:parley:problem:invalid_request"],
  urls: ["stun:turn.example:3478", "turn:turn.example:3478?transport=udp"],
  uri: ["parley://hub.example/arena/K7M2XQ"],
  v4: ["198.51.100.7"],
  v6: ["2001:db8::7"],
  version: ["1.4"],
};

/** For fields without a text of their name. */
const ANY = ["example", PEER, LOBBY, TIME, TOKEN, "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA", "198.51.100.7", "1"];
const KEYS = ["map", "arena", PEER];
/** Flags that the examples of names and texts do not have. */
const UNUSUAL = new Set(["name_mixes_alphabets"]);

/** A value that the schema accepts; `name` is the name of its field. */
export function exampleOf(schema: Schema | undefined, name = ""): unknown {
  const parts = (schema ?? {}) as Parts;
  const { type, enum: values, anyOf, oneOf, items, properties, additionalProperties, minimum } = parts;
  if ("const" in parts) return parts.const;
  if (values !== undefined) return values[0];
  const [alternative] = anyOf ?? oneOf ?? [];
  if (alternative !== undefined) return exampleOf(alternative, name);
  if (type === "boolean") return !UNUSUAL.has(name);
  if (type === "integer" || type === "number") return Math.max(minimum ?? 0, 2);
  if (type === "array") return Array.from({ length: parts.minItems ?? 1 }, () => exampleOf(items, name));
  if (type === "string") return textOf(parts, name);
  const known = Object.entries(properties ?? {}).map(([key, value]) => [key, exampleOf(value, key)] as const);
  const others =
    additionalProperties === undefined ? [] : [[keyOf(parts), exampleOf(additionalProperties, name)] as const];
  return Object.fromEntries([...known, ...others]);
}

type Parts = {
  readonly const?: unknown;
  readonly minItems?: number;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly minimum?: number;
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly propertyNames?: { readonly pattern?: string };
};

function textOf(parts: Parts, name: string): string {
  const { pattern, maxLength = Infinity } = parts;
  const accepts = (text: string): boolean =>
    text.length <= maxLength && (pattern === undefined || new RegExp(pattern, "u").test(text));
  return [...(TEXTS[name] ?? []), ...ANY].find(accepts) ?? "";
}

function keyOf({ propertyNames }: Parts): string {
  return KEYS.find((key) => new RegExp(propertyNames?.pattern ?? "", "u").test(key)) ?? "map";
}
