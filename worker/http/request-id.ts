/**
 * The id of a request, by which an operator finds the log lines of a response that a player reports. It is in the header
 * `X-Request-Id` of every response, in every problem, and in every log line about the request.
 */
import { PROBLEM_TYPE } from "#shared/refusals.ts";
import { randomId } from "../auth/random.ts";
import type { Ctx, Middleware } from "./context.ts";

/** A client or a proxy may choose the id. Other forms are replaced, so that none can forge a log line. */
const ACCEPTED = /^[A-Za-z0-9_-]{8,64}$/;

/** The id that the client sent, or a new one. */
export const acceptedRequestId = (sent: string | null | undefined): string =>
  sent && ACCEPTED.test(sent) ? sent : randomId();

export const requestId: Middleware = async (c, next) => {
  c.set("requestId", acceptedRequestId(c.req.header("x-request-id")));
  await next();
  // The response to an upgrade cannot be changed.
  if (c.res.status === 101) return;
  if (c.res.headers.get("content-type") === PROBLEM_TYPE) c.res = await withRequestId(c);
  c.res.headers.set("x-request-id", c.var.requestId);
};

async function withRequestId({ res, var: { requestId: request_id } }: Ctx): Promise<Response> {
  const document = await res.json<object>();
  return new Response(JSON.stringify({ ...document, request_id }), { status: res.status, headers: res.headers });
}
