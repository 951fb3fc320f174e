/** A response that a cache keeps: whether it may still be used, and the response that a client gets from it. */
import { READ_STALE_MS } from "#shared/limits.ts";
import { lastChange } from "../../lists/game-changes.ts";
import { isKnown } from "../../lists/if-none-match.ts";
import { acceptedRequestId } from "../request-id.ts";

export type StoredRead = {
  readonly game: string;
  /** When the hub was asked (ms). */
  readonly at: number;
  /** The game's version in the isolate that asked; null if that was another isolate. */
  readonly version: number | null;
  readonly etag: string;
  readonly body: ArrayBuffer;
  readonly headers: Headers;
};

/** They describe the request that was answered, not the resource. */
const OF_ONE_REQUEST = ["ratelimit", "ratelimit-policy", "x-request-id"];

export const isUsable = ({ game, at, version }: StoredRead, now: number): boolean => {
  if (now < at || now - at > READ_STALE_MS) return false;
  const change = lastChange(game);
  return version === null ? at > change.at : version === change.version;
};

/** What is kept of the response to an anonymous request; null if it is an error, or for one client only. */
export async function storedReadOf(
  response: Response,
  from: Pick<StoredRead, "game" | "at" | "version">,
): Promise<StoredRead | null> {
  const etag = response.headers.get("etag");
  const isPublic = response.headers.get("cache-control")?.startsWith("public") === true;
  if (response.status !== 200 || etag === null || !isPublic) return null;
  const headers = new Headers(response.headers);
  for (const name of OF_ONE_REQUEST) headers.delete(name);
  return { ...from, etag, body: await response.arrayBuffer(), headers };
}

/** `Age` is what RFC 9111 section 5.1 asks of a cache, so that the client's own cache counts from then. */
export function responseFromCache(read: StoredRead, request: Request, now: number): Response {
  const response = responseTo(request, read, read.headers);
  response.headers.set("age", String(Math.floor((now - read.at) / 1_000)));
  response.headers.set("x-request-id", acceptedRequestId(request.headers.get("x-request-id")));
  return response;
}

/** The response to a `GET` or `HEAD`. A 304 has the headers of the 200, except those of its body (RFC 9110 section 13.1.2). */
export function responseTo(
  request: Request,
  { etag, body }: Pick<StoredRead, "etag" | "body">,
  headers: Headers,
): Response {
  if (!isKnown(request.headers.get("if-none-match"), etag))
    return new Response(request.method === "HEAD" ? null : body, { headers });
  const without = new Headers(headers);
  without.delete("content-type");
  return new Response(null, { status: 304, headers: without });
}
