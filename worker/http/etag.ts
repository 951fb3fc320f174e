/** Answers that a client may have already: a strong ETag of their own bytes, or 304 for who shows it. */
import type { Ctx } from "./context.ts";

/** `cache` is what caches may do with it; what a token opened is for its peer alone. */
export async function jsonWithEtag(
  c: Ctx,
  body: string,
  cache: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body)));
  const etag = `"${Array.from(hash.subarray(0, 12), (byte) => byte.toString(16).padStart(2, "0")).join("")}"`;
  const tags = (c.req.header("if-none-match") ?? "").split(",");
  const known = new Set(tags.map((tag) => tag.trim().replace(/^W\//, "")));
  const kept = { "cache-control": c.var.peer === null ? cache : "private, no-cache", vary: "authorization" };
  if (known.has(etag) || known.has("*")) return c.body(null, 304, { etag, ...kept, ...headers });
  return c.body(body, 200, { "content-type": "application/json", etag, ...kept, ...headers });
}
