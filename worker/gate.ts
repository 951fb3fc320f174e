/** Who may open a link: a sidecar that shows one of the keys. Checked in the Worker, before a hub is woken. */
import { type Env, keysOf } from "./env.ts";

/** Compares digests, and all of them, so that the time taken tells nothing. */
export async function showsSidecarKey(request: Request, env: Env): Promise<boolean> {
  const match = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.get("authorization") ?? "");
  const keys = keysOf(env);
  if (keys.length === 0) console.error({ message: "SIDECAR_KEYS is not set: no sidecar can connect" });
  if (match === null) return false;
  const given = await digest(match[1]!);
  let found = false;
  for (const key of keys) {
    if (crypto.subtle.timingSafeEqual(given, await digest(key))) found = true;
  }
  return found;
}

const digest = (text: string): Promise<ArrayBuffer> => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
