/** Bodies of requests: bounded, I-JSON (RFC 7493), and of the shape that the route takes. */
import { decode, type Decoder } from "#shared/schema/decode.ts";
import { faultOf } from "#shared/schema/ijson.ts";
import { BODY_BYTES_MAX, BODY_DEPTH_MAX } from "#shared/limits.ts";
import type { Ctx } from "./context.ts";
import { problem } from "../problem.ts";

/** There is but one kind of patch here, so that it may also be called by its family's name. */
const TYPES = /^application\/(merge-patch\+)?json$/i;

/** What the body says, or why it says nothing. No body at all says `{}`. */
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
  const said = text === "" ? "{}" : text;
  const decoded = decode(said, decoder, BODY_BYTES_MAX);
  if (!decoded.ok) return problem("invalid_request", decoded.why);
  const fault = faultOf(said, BODY_DEPTH_MAX);
  return fault === null ? { value: decoded.value } : problem("invalid_request", `body: ${fault}`);
}

const PATCH_TYPE = "application/merge-patch+json";

/** All of it, or null as soon as it is too long: no more is read than is kept. */
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
    // What it throws says no more than this.
    return null;
  }
}
