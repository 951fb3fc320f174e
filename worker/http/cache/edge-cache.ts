/**
 * The cache of a Cloudflare location, shared by its isolates. It can lose an entry at any time, and does nothing at
 * *.workers.dev and in plain workerd. Entries carry their age, because the Cache API has no stale-while-revalidate.
 */
import { READ_STALE_MS } from "#shared/limits.ts";
import type { StoredRead } from "./stored-read.ts";

/** The header of an entry with all that is not its body, because the platform changes the headers of entries. */
const ENTRY = "parley-entry";
type Entry = Pick<StoredRead, "at" | "version" | "etag"> & {
  /** The isolate that asked the hub. */
  readonly by: string;
  readonly headers: [name: string, value: string][];
};

/** `isolate`: the name of the calling isolate. */
export async function readEdge(key: string, game: string, isolate: string): Promise<StoredRead | null> {
  const found = await ignoringFailures(caches.default.match(urlOf(key)));
  const text = found?.headers.get(ENTRY);
  if (found === undefined || text === undefined || text === null) return null;
  const { at, by, version, etag, headers } = JSON.parse(text) as Entry;
  const body = await found.arrayBuffer();
  return { game, at, version: by === isolate ? version : null, etag, body, headers: new Headers(headers) };
}

export async function writeEdge(key: string, read: StoredRead, isolate: string): Promise<void> {
  const { at, version, etag } = read;
  const entry: Entry = { at, by: isolate, version, etag, headers: [...read.headers] };
  const headers = {
    "cache-control": `public, max-age=${Math.ceil(READ_STALE_MS / 1_000)}`,
    [ENTRY]: JSON.stringify(entry),
  };
  await ignoringFailures(caches.default.put(urlOf(key), new Response(read.body, { headers })));
}

/** The Cache API needs URLs. The query of a key is JSON. */
function urlOf(key: string): string {
  const [path, query] = [key.split("?", 1)[0]!, key.indexOf("?")];
  return query < 0 ? path : `${path}?${encodeURIComponent(key.slice(query + 1))}`;
}

/** Without the cache, hubs are asked more often, and nothing else changes. */
const ignoringFailures = <T>(work: Promise<T>): Promise<T | undefined> => work.catch(() => undefined);
