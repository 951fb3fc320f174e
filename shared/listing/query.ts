/**
 * The query of a list: filter, order and cursor, parsed from URL parameters. A query is plain data, so that it can be sent
 * to every hub of a game and stored with a subscriber's socket.
 *
 *     member_count[gte]=2&data[map]=forest      predicates: field, operator (default `eq`), value
 *     near=skill:1200                      the nearest first, by the number of a data key
 *     order=-updated_at,name               then by these fields (`-`: descending); the id breaks ties
 *     include=full,in_game,closed          lobbies that lists omit by default
 *
 * Values are compared by type: numbers as numbers, times as times, texts by UTF-16 units. A missing value matches only
 * `ne`.
 */
import {
  DATA_KEY_PATTERN,
  NEAR_MAX,
  OPERAND_LENGTH_MAX,
  OPERANDS_MAX,
  ORDER_KEYS_MAX,
  PAGE_DEFAULT,
  PREDICATES_MAX,
} from "../limits.ts";
import { isReservedKey } from "../schema/faults.ts";
import { type Fact, FIELDS, SUMMARY_FIELDS } from "./listing.ts";
import { type Near, NEWEST_FIRST, type Order, orderText, type SortKey } from "./order.ts";
import { parseCursor, parseLimit } from "./pagination.ts";

export const OPERATORS = ["eq", "ne", "lt", "lte", "gt", "gte", "in", "contains"] as const;
export type Operator = (typeof OPERATORS)[number];

/** `field` is a name of `FIELDS`, or `data[key]`. Operands of `contains` are lower case. */
export type Predicate = { readonly field: string; readonly op: Operator; readonly values: readonly Fact[] };
/** Filters a list, a list subscription and a quick join. */
export type Filter = {
  readonly predicates: readonly Predicate[];
  readonly include: { readonly full: boolean; readonly closed: boolean; readonly in_game: boolean };
};

export type Query = Filter & {
  readonly near: readonly Near[];
  readonly order: readonly Order[];
  readonly limit: number;
  /** The sort key of the last lobby of the previous page. */
  readonly after: SortKey | null;
  /** Whether the number of all matching lobbies is returned. */
  readonly count: boolean;
  /** Fields of a summary to return, or null for all. */
  readonly fields: readonly string[] | null;
};

export type Parameters = Iterable<readonly [string, string]>;
export type InvalidParameter = { readonly invalid: string };

/** The query of a URL, or the name of the invalid parameter. Parameters that start with `x_` are ignored. */
export function parseQuery(parameters: Parameters): Query | InvalidParameter {
  const grouped = groupParameters(parameters);
  if ("invalid" in grouped) return grouped;
  const filter = parseFilter(grouped.filters, grouped.single.get("include"));
  if ("invalid" in filter) return filter;
  const near = grouped.near.map(parseNear);
  if (near.length > NEAR_MAX || near.includes(null)) return { invalid: "near" };
  const order = parseOrder(grouped.single.get("order"));
  if (order === null) return { invalid: "order" };
  const limit = parseLimit(grouped.single.get("limit") ?? String(PAGE_DEFAULT));
  if (limit === null) return { invalid: "limit" };
  const count = grouped.single.get("count") ?? "false";
  if (count !== "true" && count !== "false") return { invalid: "count" };
  const fields = parseFields(grouped.single.get("fields"));
  if (fields === undefined) return { invalid: "fields" };
  const sorting = { near: near as Near[], order };
  const cursor = grouped.single.get("cursor");
  const after = cursor === undefined ? null : parseCursor(cursor, sorting);
  if (cursor !== undefined && after === null) return { invalid: "cursor" };
  return { ...filter, ...sorting, limit, after, count: count === "true", fields };
}

/** The same for a filter alone: predicates and `include`. Other list parameters are invalid. */
export function parseFilterParameters(parameters: Parameters): Filter | InvalidParameter {
  const grouped = groupParameters(parameters);
  if ("invalid" in grouped) return grouped;
  for (const name of grouped.single.keys()) if (name !== "include") return { invalid: name };
  return grouped.near.length > 0 ? { invalid: "near" } : parseFilter(grouped.filters, grouped.single.get("include"));
}

/** The cache key of a query: equal queries have equal texts. */
export const queryText = (query: Query): string =>
  JSON.stringify([
    query.predicates.map((one) => JSON.stringify([one.field, one.op, one.values])).toSorted(),
    [query.include.full, query.include.closed, query.include.in_game],
    query.near.map(({ field, value }) => [field, value]),
    orderText(query.order),
    query.limit,
    query.after,
    query.count,
    query.fields,
  ]);

// --- parsing ---------------------------------------------------------------------------------------------------

const SINGLE = new Set(["limit", "cursor", "include", "order", "count", "fields"]);

type GroupedParameters = {
  readonly single: Map<string, string>;
  readonly near: string[];
  readonly filters: [name: string, value: string][];
};

function groupParameters(parameters: Parameters): GroupedParameters | InvalidParameter {
  const grouped: GroupedParameters = { single: new Map(), near: [], filters: [] };
  for (const [name, value] of parameters) {
    if (name === "near") grouped.near.push(value);
    else if (SINGLE.has(name)) {
      if (grouped.single.has(name)) return { invalid: name };
      grouped.single.set(name, value);
    } else if (Object.hasOwn(FIELDS, name) || name.includes("[")) grouped.filters.push([name, value]);
    // An arbitrary name is not repeated in the refusal.
    else if (!isReservedKey(name)) return { invalid: /^\w{1,32}$/.test(name) ? name : "query" };
  }
  return grouped;
}

function parseFilter(filters: readonly (readonly [string, string])[], included = ""): Filter | InvalidParameter {
  const predicates: Predicate[] = [];
  for (const [name, value] of filters) {
    const predicate = predicates.length === PREDICATES_MAX ? null : parsePredicate(name, value);
    // An arbitrary name is not repeated in the refusal.
    if (predicate === null) return { invalid: /^[\w.[\]-]{1,100}$/.test(name) ? name : "filter" };
    predicates.push(predicate);
  }
  const words = new Set(included.split(",").filter((word) => word !== ""));
  for (const word of words)
    if (word !== "full" && word !== "closed" && word !== "in_game") return { invalid: "include" };
  const include = { full: words.has("full"), closed: words.has("closed"), in_game: words.has("in_game") };
  return { predicates, include };
}

function parsePredicate(name: string, value: string): Predicate | null {
  const parts = /^([a-z_]+(?:(?<=^data)\[[^[\]]+\])?)(?:\[([a-z]+)\])?$/.exec(name);
  const field = parts?.[1] ?? "";
  const op = OPERATORS.find((word) => word === (parts?.[2] ?? "eq"));
  if (op === undefined || !isField(field)) return null;
  if (op === "contains") {
    const fits = field === "name" && value !== "" && value.length <= OPERAND_LENGTH_MAX;
    return fits ? { field, op, values: [value.toLowerCase()] } : null;
  }
  const texts = op === "in" ? value.split(",") : [value];
  if (texts.length > OPERANDS_MAX) return null;
  const values = texts.map((text) => parseOperand(field, text));
  return values.includes(null) ? null : { field, op, values };
}

const isField = (field: string): boolean => Object.hasOwn(FIELDS, field) || dataKey(field) !== null;

function dataKey(field: string): string | null {
  const key = field.startsWith("data[") && field.endsWith("]") ? field.slice(5, -1) : "";
  return DATA_KEY_PATTERN.test(key) ? key : null;
}

/** The operand as a value of the field's type, or null. */
function parseOperand(field: string, text: string): Fact {
  if (text.length > OPERAND_LENGTH_MAX) return null;
  const type = Object.hasOwn(FIELDS, field) ? FIELDS[field]!.type : "data";
  if (typeof type === "object") return type.includes(text) ? text : null;
  switch (type) {
    case "number":
      return parseDecimal(text);
    case "time": {
      const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
      return Number.isNaN(at) ? null : new Date(at).toISOString();
    }
    case "flag":
      return text === "true" ? true : text === "false" ? false : null;
    default:
      return text;
  }
}

/** A decimal number without exponent, or null. */
export const parseDecimal = (text: string): number | null =>
  /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : null;

function parseNear(text: string): Near | null {
  const at = text.lastIndexOf(":");
  const field = `data[${text.slice(0, Math.max(at, 0))}]`;
  const value = parseDecimal(text.slice(at + 1));
  return value === null || dataKey(field) === null ? null : { field, value };
}

function parseOrder(text: string | undefined): readonly Order[] | null {
  if (text === undefined) return NEWEST_FIRST;
  const order = text.split(",").map((word) => {
    const descending = word.startsWith("-");
    return { field: descending ? word.slice(1) : word, descending };
  });
  const fields = new Set(order.map(({ field }) => field));
  const fits =
    order.length <= ORDER_KEYS_MAX && fields.size === order.length && order.every((one) => isField(one.field));
  return fits ? order : null;
}

function parseFields(text: string | undefined): readonly string[] | null | undefined {
  if (text === undefined) return null;
  const wanted = new Set(text.split(","));
  const known = SUMMARY_FIELDS.filter((name) => wanted.has(name));
  return known.length === wanted.size ? known : undefined;
}
