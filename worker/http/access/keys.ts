/** Compares the key that a request shows with the configured ones, and counts wrong keys per source. */
import { CODE_RETRY_AFTER_S } from "#shared/limits.ts";
import { problem, problemDocument, toResponse } from "../../problem.ts";
import type { Ctx } from "../context.ts";
import { rateLimitKey } from "./source.ts";
import { countWrongKey, type KeyKind, mayShowKey } from "./source-limits.ts";

/** The configured key that was shown, with the first 8 hexadecimal digits of its SHA-256, by which logs name it. */
export type ShownKey<T> = { readonly key: T; readonly id: string };

/** The key, or the response: `wrong` for a wrong key, 429 without a comparison after too many wrong keys of the source. */
export async function checkKey<T extends { readonly key: string }>(
  c: Ctx,
  kind: KeyKind,
  keys: readonly T[],
  wrong: () => Response,
): Promise<ShownKey<T> | Response> {
  const { source } = rateLimitKey(c);
  if (!mayShowKey(c.env, kind, source)) return tooManyKeys();
  const found = await findKey(c.req.raw, keys);
  if (found !== null) return found;
  if (c.req.header("authorization") !== undefined) countWrongKey(c.env, kind, source);
  return wrong();
}

export const keyRequired = (whose: string, realm: string): Response =>
  problem("unauthorized", `${whose} key is required`, { "www-authenticate": `Bearer realm="${realm}"` });

const tooManyKeys = (): Response =>
  toResponse(problemDocument("rate_limited", "too many wrong keys", CODE_RETRY_AFTER_S));

/** The credential of RFC 6750 section 2.1. The scheme is case-insensitive. */
export function bearer(header: string | null): string | null {
  return /^Bearer ([\x21-\x7e]{1,512})$/i.exec(header ?? "")?.[1] ?? null;
}

/** Compares digests, and always with every key, so that the duration reveals nothing. */
async function findKey<T extends { readonly key: string }>(
  request: Request,
  keys: readonly T[],
): Promise<ShownKey<T> | null> {
  const shown = bearer(request.headers.get("authorization"));
  if (shown === null) return null;
  const digest_shown = await digest(shown);
  let found: T | null = null;
  for (const one of keys) if (crypto.subtle.timingSafeEqual(digest_shown, await digest(one.key))) found = one;
  return found === null ? null : { key: found, id: hex(digest_shown).slice(0, 8) };
}

const digest = (text: string): Promise<ArrayBuffer> => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));

const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
