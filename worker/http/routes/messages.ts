/** Heartbeats, chat messages and signals of members. */
import { chatMessage, signalMessage } from "#shared/api/lobbies.ts";
import { parseBody } from "../body.ts";
import type { Handler } from "../context.ts";
import { applyToLobby, peerId } from "./lobby-responses.ts";

/** For clients without a WebSocket; a socket's pings have the same effect. */
export const heartbeat: Handler = async (c) => {
  const result = await applyToLobby(c, "beat", { kind: "heartbeat", peer: peerId(c), source: null });
  return result instanceof Response ? result : c.body(null, 204);
};

export const sendChat: Handler = async (c) => {
  const body = await parseBody(c, chatMessage);
  if (body instanceof Response) return body;
  const result = await applyToLobby(c, "chat", { kind: "chat", by: peerId(c), text: body.value.text });
  return result instanceof Response ? result : c.body(null, 204);
};

export const sendSignal: Handler = async (c) => {
  const body = await parseBody(c, signalMessage);
  if (body instanceof Response) return body;
  const { to, body: text } = body.value;
  const result = await applyToLobby(c, "signal", { kind: "signal", by: peerId(c), peer: to, body: text });
  return result instanceof Response ? result : c.body(null, 204);
};
