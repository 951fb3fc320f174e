/**
 * Pagination: the limit of a page, and the opaque cursor that continues after its last lobby. The page itself is cut by
 * sorted-index.ts.
 */
import { CURSOR_LENGTH_MAX, PAGE_MAX } from "../limits.ts";
import type { Fact } from "./listing.ts";
import { orderText, type SortKey, type Sorting } from "./order.ts";

/** A limit above the maximum counts as the maximum, so that the maximum may change. */
export function parseLimit(digits: string): number | null {
  const limit = /^[0-9]{1,9}$/.test(digits) ? Number(digits) : 0;
  return limit < 1 ? null : Math.min(limit, PAGE_MAX);
}

/** The opaque cursor of the next page: a fingerprint of the order, and the sort key to continue after. */
export const cursorAfter = (key: SortKey, sorting: Sorting): string =>
  [fingerprint(sorting), ...key.map((fact) => TAGS[typeof fact]! + escapeFact(fact))].join("~");

const TAGS: Readonly<Record<string, string>> = { number: "n", string: "s", boolean: "b", object: "z" };

/** The sort key of a cursor, or null for a cursor of another list. */
export function parseCursor(cursor: string, sorting: Sorting): SortKey | null {
  if (cursor.length > CURSOR_LENGTH_MAX) return null;
  const [print, ...parts] = cursor.split("~");
  if (print !== fingerprint(sorting) || parts.length !== sorting.near.length + sorting.order.length + 1) return null;
  const key = parts.map(decodeFact);
  const id = key.at(-1);
  return key.includes(undefined) || typeof id !== "string" ? null : (key as SortKey);
}

/** Identifies the order, because a cursor of another order is invalid. FNV-1a, 32 bits. */
function fingerprint({ near, order }: Sorting): string {
  let hash = 0x811c9dc5;
  const text = JSON.stringify([near.map(({ field, value }) => [field, value]), orderText(order)]);
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(36);
}

/** Letters, digits and hyphens unchanged, every other UTF-16 unit as `_` and four hex digits. */
const escapeFact = (fact: Fact): string =>
  String(fact ?? "").replaceAll(/[^0-9A-Za-z-]/g, (unit) => `_${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

function decodeFact(part: string): Fact | undefined {
  if (!/^[nsbz](?:[0-9A-Za-z-]|_[0-9a-f]{4})*$/.test(part)) return undefined;
  const text = part
    .slice(1)
    .replaceAll(/_([0-9a-f]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  if (part.startsWith("s")) return text;
  if (part.startsWith("z")) return text === "" ? null : undefined;
  if (part.startsWith("b")) return text === "true" ? true : text === "false" ? false : undefined;
  const number = text === "" ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : undefined;
}
