/**
 * Checks every response of every Worker test against the OpenAPI document, and responses and events for leaked secrets.
 * Faults are reported after each file.
 */
import { decodeTicket } from "#shared/auth/tickets.ts";
import { afterAll, expect } from "vitest";
import { app } from "../../../worker/http/app.ts";
import { breach } from "./contract.ts";
import { Secrets } from "./secrets.ts";

const secrets = new Secrets();
const faults: string[] = [];

type Fetch = (request: Request, ...rest: unknown[]) => Response | Promise<Response>;
const worker = app as unknown as { fetch: Fetch };
const answer = worker.fetch;
worker.fetch = async (request, ...rest) => {
  const upgrades = request.headers.has("upgrade");
  const said = upgrades || request.body === null ? "" : await request.clone().text();
  secrets.plant(said, request.headers.get("cf-connecting-ip"));
  const response = await answer(request, ...rest);
  if (response.status === 101) return response;
  const body = new TextDecoder().decode(await response.clone().arrayBuffer());
  const where = `${request.method} ${new URL(request.url).pathname} ${response.status}`;
  const wrong = breach(request, response, body);
  if (wrong !== null) faults.push(`${where}: ${wrong}`);
  for (const [, code] of body.matchAll(/"join":\{[^}]*"code":"([^"]+)"/g)) secrets.learn(code!);
  const text = `${JSON.stringify([...response.headers])}\n${body}`;
  listen(where, { path: new URL(request.url).pathname, peer: peerOf(request), text });
  return response;
};

const socket = WebSocket.prototype as { send: (this: WebSocket, message: string | ArrayBuffer) => void };
const send = socket.send;
socket.send = function (this: WebSocket, message) {
  const kept = attachmentOf(this);
  if (kept?.watcher === true && typeof message === "string") {
    listen(`event ${message.slice(0, 40)}`, { path: "event", peer: kept.peer, text: message });
  }
  send.call(this, message);
};

afterAll(() => {
  expect(faults.splice(0).slice(0, 20)).toStrictEqual([]);
});

function listen(where: string, told: Parameters<Secrets["betrayed"]>[0]): void {
  for (const secret of secrets.betrayed(told)) faults.push(`${where}: tells ${secret}`);
}

/** The peer of the token, valid or not. */
function peerOf(request: Request): string | null {
  const [, token = ""] = (request.headers.get("authorization") ?? "").split(" ");
  return decodeTicket(token)?.ticket.peer ?? null;
}

/** From the attachment of a hub's socket, which names its peer. */
function attachmentOf(socket: WebSocket): { watcher?: boolean; peer: string | null } | null {
  try {
    return socket.deserializeAttachment() as { watcher?: boolean; peer: string | null } | null;
  } catch {
    // A client's end has no attachment.
    return null;
  }
}
