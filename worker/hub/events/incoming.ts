/**
 * Reads a message of a client of the event stream, as strictly as a request's body. A text that is no JSON object ends the
 * socket, because its sender is no client of this protocol. Every other fault is answered, so that a client that knows more
 * than this hub goes on.
 */
import { type ClientMessage, clientMessage } from "#shared/api/events.ts";
import { BODY_DEPTH_MAX, SUBSCRIBER_MESSAGE_LENGTH_MAX } from "#shared/limits.ts";
import type { Fault } from "#shared/schema/decode.ts";
import { decodeStrictly, parseJson } from "#shared/schema/strict.ts";

/** What an answer says about the message that it answers: its number, if it has one, and its type. */
export type MessageRef = { readonly seq?: number | undefined; readonly type: string | null };

/** `ref` null: the text is no message at all. */
export type MalformedMessage = { readonly errors: readonly Fault[]; readonly ref: MessageRef | null };
export type Incoming = { readonly command: ClientMessage } | MalformedMessage;

export function readMessage(message: string | ArrayBuffer): Incoming {
  const text = typeof message === "string" ? message : "";
  const parsed = parseJson(text, SUBSCRIBER_MESSAGE_LENGTH_MAX);
  if ("errors" in parsed) return { ...parsed, ref: null };
  const { value } = parsed;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { errors: [{ pointer: "", message: "an object expected" }], ref: null };
  const decoded = decodeStrictly(text, value, clientMessage, BODY_DEPTH_MAX);
  return "errors" in decoded ? { ...decoded, ref: refOf(value) } : { command: decoded.value };
}

/** A malformed message may still have a number and a type; texts of other forms are not repeated. */
function refOf({ seq, type }: { readonly seq?: unknown; readonly type?: unknown }): MessageRef {
  return {
    seq: Number.isSafeInteger(seq) && (seq as number) >= 0 ? (seq as number) : undefined,
    type: typeof type === "string" && /^[a-z][a-z_.]{0,31}$/.test(type) ? type : null,
  };
}
