/**
 * The lobby list of a game: one page of every hub, merged into one. Hubs return lines as JSON text, so that the Worker
 * only joins them. The parameters are defined in shared/listing/query.ts.
 */
import { LIST_MAX_AGE_S, LIST_STALE_S } from "#shared/limits.ts";
import { parseQuery, type Query } from "#shared/listing/query.ts";
import { cursorAfter } from "#shared/listing/pagination.ts";
import { mergePages, type Page } from "#shared/listing/sorted-index.ts";
import type { RateLimitClass } from "#shared/rate-limit/rate-limiter.ts";
import type { Ctx } from "../context.ts";
import { callAllHubs } from "../hub-client.ts";
import { malformed } from "../../problem.ts";
import { cachedJson } from "../etag.ts";

export const LIST_CACHE = `public, max-age=${LIST_MAX_AGE_S}, stale-while-revalidate=${LIST_STALE_S}`;

/** One page of all hubs. */
export async function pageOf(c: Ctx, cost: RateLimitClass, query: Query): Promise<Page | Response> {
  const pages = await callAllHubs(c, cost, (hub, meta) => hub.listLobbies(meta, query));
  return pages instanceof Response ? pages : mergePages(pages, query);
}

export async function listLobbies(c: Ctx): Promise<Response> {
  const url = new URL(c.req.url);
  const query = parseQuery(url.searchParams);
  if ("invalid" in query)
    return malformed([{ pointer: `?${query.invalid}`, message: "not a value this parameter takes" }]);
  const page = await pageOf(c, "list", query);
  if (page instanceof Response) return page;
  const { items: lines, more, count } = page;
  const last = more ? lines.at(-1) : undefined;
  const next = last === undefined ? null : cursorAfter(last.key, query);
  const body = [
    `"lobbies":[${lines.map(({ json }) => json).join()}]`,
    `"next_cursor":${JSON.stringify(next)}`,
    ...(count === null ? [] : [`"count":${count}`]),
  ];
  const headers: Record<string, string> = {};
  if (next !== null) {
    url.searchParams.set("cursor", next);
    headers["link"] = `<${url.pathname}${url.search}>; rel="next"`;
  }
  return cachedJson(c, `{${body.join()}}`, LIST_CACHE, headers);
}
