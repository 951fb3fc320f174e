/**
 * The lobby list of a game: one page of every hub, merged into one. Hubs return lines as JSON text, so that the Worker
 * only joins them. The parameters are defined in shared/listing/query.ts.
 */
import { LIST_MAX_AGE_S, LIST_STALE_S } from "#shared/limits.ts";
import { parseQuery, type Query } from "#shared/listing/query.ts";
import { mergePages, type Page } from "#shared/listing/sorted-index.ts";
import type { RateLimitClass } from "#shared/rate-limit/rate-limiter.ts";
import type { Ctx } from "../context.ts";
import { callAllHubs, callForRequest } from "../hub-client.ts";
import { hubCount } from "../../env.ts";
import { type ListPage, renderPage } from "../../lists/list-page.ts";
import { malformed } from "../../problem.ts";
import { cachedJson } from "../etag.ts";

export const LIST_CACHE = `public, max-age=${LIST_MAX_AGE_S}, stale-while-revalidate=${LIST_STALE_S}`;

/** One page of all hubs, each of which is asked. */
export async function pageOf(c: Ctx, cost: RateLimitClass | null, query: Query): Promise<Page | Response> {
  const pages = await callAllHubs(c, cost, (hub, meta) => hub.listLobbies(meta, query));
  return pages instanceof Response ? pages : mergePages(pages, query);
}

export async function listLobbies(c: Ctx): Promise<Response> {
  const url = new URL(c.req.url);
  const query = parseQuery(url.searchParams);
  if ("invalid" in query)
    return malformed([{ pointer: `?${query.invalid}`, message: "not a value this parameter takes" }]);
  const page = await renderedPage(c, query);
  if (page instanceof Response) return page;
  const headers: Record<string, string> = { etag: page.etag };
  if (page.next !== null) {
    url.searchParams.set("cursor", page.next);
    headers["link"] = `<${url.pathname}${url.search}>; rel="next"`;
  }
  return cachedJson(c, page.body, LIST_CACHE, headers);
}

/**
 * The first hub renders the page of all hubs itself, and sends nothing to a client that has it. Changes of other hubs
 * arrive there a moment later, so every hub is asked for a client with a token, who may look for its own change.
 */
async function renderedPage(c: Ctx, query: Query): Promise<ListPage | Response> {
  const known = c.req.header("if-none-match") ?? null;
  const hubs = hubCount(c.env);
  const asks_first = hubs === 1 || c.var.peer === null;
  const list = asks_first
    ? await callForRequest(c, 0, "list", (hub, meta) => hub.renderList(meta, query, known, hubs), false)
    : null;
  if (list !== null) return list;
  // The first hub has counted the request.
  const page = await pageOf(c, asks_first ? null : "list", query);
  return page instanceof Response ? page : renderPage(page, query, known);
}
