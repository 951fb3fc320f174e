/**
 * Serves the lobby page and the API reference where no platform does: plain workerd serves files without content types.
 */
import type { Env } from "../env.ts";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/**
 * Only the page's own files and its own hub are allowed, because lobbies carry text of strangers. Must match
 * site/_headers.
 */
const SELF = ["script-src", "style-src", "connect-src", "img-src", "form-action"].map((what) => `${what} 'self'`);
const POLICY = ["default-src 'none'", ...SELF, "base-uri 'none'", "frame-ancestors 'none'"].join("; ");
const HEADERS = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "public, max-age=60",
  vary: "accept-encoding",
};

export async function serveSite(request: Request, env: Env): Promise<Response | null> {
  const path = new URL(request.url).pathname;
  const file = path.endsWith("/") ? `${path}index.html` : path;
  const match = /^\/(?:[a-z-]+\/)?[a-z-]+\.([a-z]+)$/.exec(file);
  const type = match === null ? undefined : TYPES[match[1]!];
  if (env.ASSETS === undefined || type === undefined) return null;
  const found = await env.ASSETS.fetch(new Request(new URL(file, request.url)));
  if (found.status !== 200) return null;
  const accepts_gzip = /\bgzip\b/.test(request.headers.get("accept-encoding") ?? "");
  const headers = { "content-type": type, ...HEADERS, ...(accepts_gzip && { "content-encoding": "gzip" }) };
  return new Response(found.body, { headers });
}
