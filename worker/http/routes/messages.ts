/** What members say: that they live, a line to all, a signal to one. */
import { chatMessage, signalMessage } from "#shared/api/lobbies.ts";
import { parseBody } from "../body.ts";
import type { Handler } from "../context.ts";
import { applyToLobby, peerId } from "./lobby-responses.ts";

/** For whoever has no WebSocket, whose pings say the same. */
export const heartbeat: Handler = async (c) => {
  const entry = await applyToLobby(c, "beat", { kind: "heartbeat", peer: peerId(c), source: null });
  return entry instanceof Response ? entry : c.body(null, 204);
};

export const sendChat: Handler = async (c) => {
  const body = await parseBody(c, chatMessage);
  if (body instanceof Response) return body;
  const entry = await applyToLobby(c, "chat", { kind: "chat", by: peerId(c), text: body.value.text });
  return entry instanceof Response ? entry : c.body(null, 202);
};

export const sendSignal: Handler = async (c) => {
  const body = await parseBody(c, signalMessage);
  if (body instanceof Response) return body;
  const { to, body: text } = body.value;
  const entry = await applyToLobby(c, "signal", { kind: "signal", by: peerId(c), peer: to, body: text });
  return entry instanceof Response ? entry : c.body(null, 202);
};
