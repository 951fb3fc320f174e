/** Reads request bodies: at most BODY_BYTES_MAX bytes, I-JSON (RFC 7493), and of the schema that the route expects. */
import { decode, type Decoder } from "#shared/schema/decode.ts";
import { faultOf } from "#shared/schema/ijson.ts";
import { BODY_BYTES_MAX, BODY_DEPTH_MAX } from "#shared/limits.ts";
import type { Ctx } from "./context.ts";
import { problem } from "../problem.ts";

/** Every PATCH takes a merge patch, so plain JSON is accepted for it too. */
const TYPES = /^application\/(merge-patch\+)?json$/i;

/** Parses the body, or returns the refusal. An empty body counts as `{}`. */
export async function parseBody<T>(c: Ctx, decoder: Decoder<T>): Promise<{ readonly value: T } | Response> {
  const bytes = await readBytes(c.req.raw);
  if (bytes === null) return problem("body_too_large", `at most ${BODY_BYTES_MAX} bytes expected`);
  const type = (c.req.header("content-type") ?? "").split(";", 1)[0]!.trim();
  if (bytes.length > 0 && !TYPES.test(type)) {
    const headers: Record<string, string> = c.req.method === "PATCH" ? { "accept-patch": PATCH_TYPE } : {};
    return problem("unsupported_media_type", undefined, headers);
  }
  const text = decodeUtf8(bytes);
  if (text === null) return problem("invalid_request", "body: UTF-8 expected");
  c.set("body", text);
  const json = text === "" ? "{}" : text;
  const decoded = decode(json, decoder, BODY_BYTES_MAX);
  if (!decoded.ok) return problem("invalid_request", decoded.why);
  const fault = faultOf(json, BODY_DEPTH_MAX);
  return fault === null ? { value: decoded.value } : problem("invalid_request", `body: ${fault}`);
}

const PATCH_TYPE = "application/merge-patch+json";

/** Reads the body, or returns null as soon as it is longer than BODY_BYTES_MAX. */
async function readBytes(request: Request): Promise<Uint8Array | null> {
  if (request.body === null) return new Uint8Array();
  if (Number(request.headers.get("content-length") ?? 0) > BODY_BYTES_MAX) return null;
  const bytes = new Uint8Array(BODY_BYTES_MAX);
  let length = 0;
  const reader = request.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return bytes.subarray(0, length);
    if (length + value.length > BODY_BYTES_MAX) {
      await reader.cancel();
      return null;
    }
    bytes.set(value, length);
    length += value.length;
  }
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    // The exception has no detail worth returning.
    return null;
  }
}
