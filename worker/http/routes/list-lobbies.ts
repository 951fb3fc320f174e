/**
 * The list of a game's lobbies: every hub says its page, and here they become one. The lines come as JSON and are only
 * strung together; what is asked of them is shared/listing/query.ts.
 */
import { LIST_MAX_AGE_S, LIST_STALE_S } from "#shared/limits.ts";
import { cursorAfter, parseQuery, type Query } from "#shared/listing/query.ts";
import { mergePages, type Page } from "#shared/listing/sorted-index.ts";
import type { Toll } from "#shared/rate-limit/rate-limiter.ts";
import type { Ctx } from "../context.ts";
import { throughAll } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { tagged } from "../etag.ts";

export const LIST_CACHE = `public, max-age=${LIST_MAX_AGE_S}, stale-while-revalidate=${LIST_STALE_S}`;

/** One page of all hubs. */
export async function pageOf(c: Ctx, toll: Toll, query: Query): Promise<Page | Response> {
  const pages = await throughAll(c, toll, (hub, pass) => hub.list(pass, query));
  return pages instanceof Response ? pages : mergePages(pages, query);
}

export async function list(c: Ctx): Promise<Response> {
  const url = new URL(c.req.url);
  const query = parseQuery(url.searchParams);
  if ("wrong" in query) return problem("invalid_request", `${query.wrong}: not a value this parameter takes`);
  const page = await pageOf(c, "list", query);
  if (page instanceof Response) return page;
  const { lines, more, count } = page;
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
  return tagged(c, `{${body.join()}}`, LIST_CACHE, headers);
}
