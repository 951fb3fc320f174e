/** What a member sends through the event stream: chat, signals, and the steps of a connection. Null: it is done. */
import type { ClientMessage } from "#shared/api/events.ts";
import { type Refused, retryAfter, type RpcResult } from "../../rpc.ts";
import type { EventsHost, MemberMessage } from "./events-host.ts";
import type { Subscriber } from "./subscriber.ts";

type Command<T extends ClientMessage["type"]> = Extract<ClientMessage, { type: T }>;

const STRANGER: Refused = { refused: "unauthorized" };

export function sendMessage(
  host: EventsHost,
  { peer, source }: Subscriber,
  command: Command<"chat" | "signal">,
): Refused | null {
  if (peer === null) return STRANGER;
  const { lobby_id: lobby } = command.data;
  const event: MemberMessage =
    command.type === "chat"
      ? { kind: "chat", by: peer, text: command.data.text }
      : { kind: "signal", by: peer, peer: command.data.to, body: command.data.body };
  return refusalOf(host.sendMessage(lobby, event, { peer, source }));
}

/** Requests a connection. The events about it may precede the reply. */
export async function requestConnection(
  host: EventsHost,
  { peer, source }: Subscriber,
  command: Command<"connect">,
): Promise<Refused | { readonly connection_id: string }> {
  if (peer === null) return STRANGER;
  const { lobby_id: lobby, ...request } = command.data;
  const result = await host.requestConnection(lobby, { peer, source }, request);
  return "refused" in result ? refusalOf(result)! : { connection_id: result.value.connection_id };
}

export async function setStandingReach(
  host: EventsHost,
  { peer, source }: Subscriber,
  command: Command<"reach">,
): Promise<Refused | null> {
  if (peer === null) return STRANGER;
  const { lobby_id: lobby, reach } = command.data;
  return refusalOf(await host.setStandingReach(lobby, { peer, source }, reach));
}

/** Accepts, denies or withdraws a connection. */
export async function answerConnection(
  host: EventsHost,
  { peer, source }: Subscriber,
  command: Command<"accept" | "deny" | "withdraw">,
): Promise<Refused | null> {
  if (peer === null) return STRANGER;
  const { connection_id: id } = command.data;
  const subject = { peer, source };
  return refusalOf(
    command.type === "accept"
      ? await host.acceptConnection(id, subject, command.data.reach)
      : host.declineConnection(id, subject),
  );
}

const refusalOf = (answered: RpcResult<unknown>): Refused | null =>
  "refused" in answered ? { ...answered, retry_after_s: retryAfter(answered) } : null;
