/** The lobby page where no platform serves it for us: plain workerd gives files without saying what they are. */
import type { Env } from "./env.ts";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

export async function serveSite(request: Request, env: Env): Promise<Response | null> {
  const path = new URL(request.url).pathname;
  const file = path === "/" ? "/index.html" : path;
  const match = /^\/[a-z]+\.([a-z]+)$/.exec(file);
  const type = match === null ? undefined : TYPES[match[1]!];
  if (env.ASSETS === undefined || type === undefined) return null;
  const found = await env.ASSETS.fetch(new Request(new URL(file, request.url)));
  if (found.status !== 200) return null;
  return new Response(found.body, { headers: { "content-type": type, "cache-control": "public, max-age=60" } });
}
