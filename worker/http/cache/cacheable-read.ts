/**
 * Which URLs may be answered from a cache, and under which key: requests that ask the same have the same key, whatever the
 * order of their parameters.
 */
import { READ_ENTRIES_MAX } from "#shared/limits.ts";
import { parseQuery, queryText } from "#shared/listing/query.ts";
import { isReservedKey } from "#shared/schema/faults.ts";

export type CacheableRead = {
  readonly game: string;
  /** A URL: what the Cache API has as its key. */
  readonly key: string;
  /** The URL to ask for, in the spelling that does not depend on the client. */
  readonly url: string;
};

/** A game's list with any query, or one lobby without one. Any other spelling is left to the router. */
const READ_URL = /^https?:\/\/[^/]+\/v1\/games\/([a-z0-9-]+)\/lobbies(?:(?:\?.*)?|\/[a-z0-9-]+)$/;

export class CacheableReads {
  /** A URL is parsed once. */
  readonly #known = new Map<string, CacheableRead | null>();

  /** Null if the URL is no read, or an invalid one. */
  parse(text: string): CacheableRead | null {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const game = READ_URL.exec(text)?.[1];
    if (game === undefined) return null;
    const read = parseRead(text, game);
    if (this.#known.size >= READ_ENTRIES_MAX) this.#known.clear();
    this.#known.set(text, read);
    return read;
  }
}

function parseRead(text: string, game: string): CacheableRead | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (!url.pathname.endsWith("/lobbies")) return { game, key: url.href, url: url.href };
  const query = parseQuery(url.searchParams);
  if ("invalid" in query) return null;
  for (const name of [...url.searchParams.keys()].filter(isReservedKey)) url.searchParams.delete(name);
  url.searchParams.sort();
  const key = new URL(url.origin + url.pathname);
  key.searchParams.set("query", queryText(query));
  return { game, key: key.href, url: url.href };
}
