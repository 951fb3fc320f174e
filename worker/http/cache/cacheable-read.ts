/**
 * Which URLs may be answered from a cache, and under which key: requests that ask the same have the same key, whatever the
 * order of their parameters.
 */
import { READ_ENTRIES_MAX } from "#shared/limits.ts";
import { parseQuery, queryText } from "#shared/listing/query.ts";
import { isReservedKey } from "#shared/schema/faults.ts";

export type CacheableRead = {
  readonly game: string;
  readonly key: string;
  /** The URL to ask for, without what the response must not depend on. */
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
    // The host comes from the client, and may be invalid.
    const read = URL.canParse(text) ? parseRead(text, game) : null;
    if (this.#known.size >= READ_ENTRIES_MAX) this.#known.clear();
    this.#known.set(text, read);
    return read;
  }
}

function parseRead(text: string, game: string): CacheableRead | null {
  const list = `/v1/games/${game}/lobbies`;
  const start = text.indexOf(list) + list.length;
  const isList = text.length === start || text[start] === "?";
  if (!isList) return { game, key: text, url: text };
  const parameters = new URLSearchParams(text.slice(start));
  const query = parseQuery(parameters);
  if ("invalid" in query) return null;
  const path = text.slice(0, start);
  const ignored = [...parameters.keys()].filter(isReservedKey);
  for (const name of ignored) parameters.delete(name);
  return {
    game,
    key: `${path}?${queryText(query)}`,
    url: ignored.length === 0 ? text : `${path}?${parameters.toString()}`,
  };
}
