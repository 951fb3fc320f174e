/** How lists of lobbies are asked for, ordered and cut into pages. What they show of each is in views.ts. */
import type { Summary } from "./api.ts";
import { PAGE_DEFAULT, PAGE_MAX } from "./limits.ts";
import { type Lobby, type Wire, WIRES } from "./lobby.ts";
import { summarise } from "./views.ts";

export type Query = {
  readonly limit: number;
  /** The last line of the page before: created_at in ms and id. */
  readonly after: { readonly created_at: number; readonly id: string } | null;
  /** Lobbies of this wire only, or null for all. */
  readonly wire: Wire | null;
  readonly include: { readonly full: boolean; readonly in_game: boolean };
};

/** Lines ready to be merged with another shard's: sort keys beside them. */
export type Page = { readonly lobbies: readonly Summary[]; readonly more: boolean };

/** Lists show a lobby while its host can be reached; by id it is shown as long as it lives. */
export const isListed = (lobby: Lobby, query: Query): boolean =>
  lobby.policy.listed &&
  lobby.visibility === "public" &&
  lobby.joinable &&
  lobby.members.some((m) => m.peer === lobby.host && m.away_since === null) &&
  (query.include.in_game || (lobby.state === "open" && !lobby.in_game)) &&
  (query.wire === null || query.wire === lobby.wire) &&
  (query.include.full || lobby.state === "started" || lobby.members.length < (lobby.seats ?? Infinity));

type Placed = { readonly created_at: number; readonly id: string };

/** Newest first; the id breaks ties, so that pages neither repeat nor skip. */
export const newestFirst = (a: Placed, b: Placed): number =>
  b.created_at - a.created_at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/** One page of lobbies that are already in order (`newestFirst`). */
export function page(ordered: Iterable<Lobby>, query: Query): Page {
  const lobbies: Summary[] = [];
  for (const lobby of ordered) {
    if (query.after !== null && newestFirst(lobby, query.after) <= 0) continue;
    if (!isListed(lobby, query)) continue;
    if (lobbies.length === query.limit) return { lobbies, more: true };
    lobbies.push(summarise(lobby));
  }
  return { lobbies, more: false };
}

/** One page out of the pages of several shards. */
export function mergePages(pages: readonly Page[], limit: number): Page {
  const all = pages.flatMap((p) => p.lobbies.map((summary) => ({ summary, ...placeOf(summary) })));
  all.sort(newestFirst);
  const more = all.length > limit || pages.some((p) => p.more);
  return { lobbies: all.slice(0, limit).map((entry) => entry.summary), more };
}

/** The query of a URL, or the name of the parameter that is wrong. Unknown parameters are left alone. */
export function parseQuery(parameters: ReadonlyMap<string, string>): Query | { wrong: string } {
  const digits = parameters.get("limit") ?? String(PAGE_DEFAULT);
  const limit = /^[0-9]{1,3}$/.test(digits) ? Number(digits) : 0;
  if (limit < 1 || limit > PAGE_MAX) return { wrong: "limit" };
  const cursor = parameters.get("cursor");
  const after = cursor === undefined ? null : parseCursor(cursor);
  if (cursor !== undefined && after === null) return { wrong: "cursor" };
  const wire = WIRES.find((name) => name === parameters.get("wire")) ?? null;
  if (wire === null && parameters.has("wire")) return { wrong: "wire" };
  const wanted = new Set((parameters.get("include") ?? "").split(",").filter((word) => word !== ""));
  for (const word of wanted) if (word !== "full" && word !== "in_game") return { wrong: "include" };
  return { limit, after, wire, include: { full: wanted.has("full"), in_game: wanted.has("in_game") } };
}

/** The same query always has the same text: caches and ETags hang on it. */
export const queryText = (query: Query): string =>
  JSON.stringify([query.limit, query.after, query.wire, query.include.full, query.include.in_game]);

/** Opaque to clients: where the next page begins. */
export const cursorAfter = (last: Summary): string => {
  const { created_at, id } = placeOf(last);
  return `${created_at.toString(36)}.${id}`;
};

function parseCursor(text: string): Placed | null {
  const match = /^([0-9a-z]{1,11})\.([0-9a-z-]{1,64})$/.exec(text);
  const created_at = match === null ? Number.NaN : Number.parseInt(match[1]!, 36);
  return Number.isSafeInteger(created_at) ? { created_at, id: match![2]! } : null;
}

const placeOf = (summary: Summary): Placed => ({ created_at: Date.parse(summary.created_at), id: summary.id });
