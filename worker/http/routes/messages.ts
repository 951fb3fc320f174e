/** What members say: that they live, a line to all, a signal to one. */
import { chatLine, signalling } from "#shared/api/lobbies.ts";
import { bodyOf } from "../body.ts";
import type { Handler } from "../context.ts";
import { act, peerOf } from "./lobby-responses.ts";

/** For whoever has no WebSocket, whose pings say the same. */
export const beat: Handler = async (c) => {
  const entry = await act(c, "beat", { kind: "heard", peer: peerOf(c), source: null });
  return entry instanceof Response ? entry : c.body(null, 204);
};

export const sayLine: Handler = async (c) => {
  const body = await bodyOf(c, chatLine);
  if (body instanceof Response) return body;
  const entry = await act(c, "chat", { kind: "chat", by: peerOf(c), text: body.value.text });
  return entry instanceof Response ? entry : c.body(null, 202);
};

export const sendSignal: Handler = async (c) => {
  const body = await bodyOf(c, signalling);
  if (body instanceof Response) return body;
  const { to, body: text } = body.value;
  const entry = await act(c, "signal", { kind: "signal", by: peerOf(c), peer: to, body: text });
  return entry instanceof Response ? entry : c.body(null, 202);
};
