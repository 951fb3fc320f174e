/** Parses request bodies: I-JSON (RFC 7493) of the schema that the route expects. app.ts limits their size. */
import type { Decoder } from "#shared/schema/decode.ts";
import { decodeStrictly, parseJson } from "#shared/schema/strict.ts";
import { BODY_BYTES_MAX, BODY_DEPTH_MAX } from "#shared/limits.ts";
import { deniedNamesOf } from "../env.ts";
import type { Ctx } from "./context.ts";
import { isDenied, namesIn } from "#shared/settings/denied-names.ts";
import { malformed, problem } from "../problem.ts";

export const INCOMPLETE_BODY = "body: it ended early";

/** Every PATCH takes a merge patch, so plain JSON is accepted for it too. */
const TYPES = /^application\/(merge-patch\+)?json$/i;

/** Parses the body, or returns the refusal. An empty body counts as `{}`. */
export async function parseBody<T>(c: Ctx, decoder: Decoder<T>): Promise<{ readonly value: T } | Response> {
  const bytes = await readBody(c);
  if (bytes instanceof Response) return bytes;
  const type = (c.req.header("content-type") ?? "").split(";", 1)[0]!.trim();
  if (bytes.length > 0 && !TYPES.test(type)) {
    const headers: Record<string, string> = c.req.method === "PATCH" ? { "accept-patch": PATCH_TYPE } : {};
    return problem("unsupported_media_type", undefined, headers);
  }
  const text = decodeUtf8(bytes);
  if (text === null) return problem("invalid_request", "body: UTF-8 expected");
  c.set("body", text);
  const json = text === "" ? "{}" : text;
  const parsed = parseJson(json, BODY_BYTES_MAX);
  if ("errors" in parsed) return malformed(parsed.errors);
  const decoded = decodeStrictly(json, parsed.value, decoder, BODY_DEPTH_MAX);
  if ("errors" in decoded) return malformed(decoded.errors);
  const denied = deniedNamesOf(c.env);
  // An operator names the lobbies of others.
  const isDeniedName = c.var.operator === undefined && namesIn(decoded.value).some((name) => isDenied(name, denied));
  return isDeniedName ? problem("name_denied") : decoded;
}

/** The bytes of the body. Reading fails if the client closed its connection or sent an invalid chunk. */
export const readBody = (c: Ctx): Promise<Uint8Array<ArrayBuffer> | Response> =>
  c.req.arrayBuffer().then(
    (buffer) => new Uint8Array(buffer),
    () => problem("invalid_request", INCOMPLETE_BODY),
  );

const PATCH_TYPE = "application/merge-patch+json";

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    // The exception has no detail worth returning.
    return null;
  }
}
