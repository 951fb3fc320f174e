/**
 * What comes with every question to a hub, and how it is answered: who asks, what it costs him, and whether he has
 * asked this before. The hub checks all of it in memory (gatekeeper.ts), so that a question is one request.
 */
import type { RefusalCode } from "#shared/refusals.ts";
import type { Payer, Receipt, Toll } from "#shared/rate-limit/rate-limiter.ts";
import { askHub, type HubStub } from "./ask.ts";
import type { Ctx } from "./context.ts";
import { shardsOf } from "../env.ts";
import { payerOf } from "./middleware.ts";
import { problem } from "../problem.ts";

/** A request that may be repeated: its key, which is its peer's own, and the hash of what it asks. */
export type Once = { readonly key: string; readonly hash: string };

export type Pass = Payer & {
  /** Null for whoever need not pay: a sidecar with its key, an operator with his. */
  readonly toll: Toll | null;
  readonly once: Once | null;
};

export type Refused = {
  readonly refused: RefusalCode;
  readonly detail?: string;
  /** When it is worth asking again, where that is known. */
  readonly retry_after_s?: number | undefined;
};
export type Outcome<T> = { readonly value: T } | Refused;
export type Answered<T> = Outcome<T> & { readonly receipt: Receipt | null; readonly replayed: boolean };

/** Asks one hub for whoever sends this request; gives the answer, or the refusal as a response. */
export async function through<T>(
  c: Ctx,
  shard: number,
  toll: Toll | null,
  question: (hub: HubStub, pass: Pass) => Promise<Answered<T>>,
  // Where one request asks several questions, only the answer to all of them may be given again.
  repeatable = true,
): Promise<T | Response> {
  const once = repeatable ? await onceOf(c) : null;
  if (once instanceof Response) return once;
  const pass: Pass = { ...payerOf(c), toll: c.var.trusted ? null : toll, once };
  const answered = await askHub(c.env, c.var.game, shard, (hub) => question(hub, pass));
  if (answered.receipt !== null) c.set("receipt", answered.receipt);
  c.set("replayed", answered.replayed);
  if (!("refused" in answered)) return answered.value;
  const { refused, detail, receipt } = answered;
  const wait = receipt?.paid === false ? receipt.wait_s : answered.retry_after_s;
  return problem(refused, detail, wait === undefined ? {} : { "retry-after": String(wait) });
}

/** Asks all hubs of the game at once; the first one is paid. Their answers in order, or the first refusal. */
export async function throughAll<T>(
  c: Ctx,
  toll: Toll,
  question: (hub: HubStub, pass: Pass) => Promise<Answered<T>>,
): Promise<T[] | Response> {
  const shards = Array.from({ length: shardsOf(c.env) }, (_, shard) => shard);
  const answers = await Promise.all(
    shards.map((shard) => through(c, shard, shard === 0 ? toll : null, question, false)),
  );
  const refused = answers.find((answer) => answer instanceof Response);
  return refused ?? (answers as T[]);
}

/**
 * The `Idempotency-Key` of a POST (draft-ietf-httpapi-idempotency-key-header-07): a text in quotes, or bare as most
 * clients write it. Without a peer there is nobody whose key it could be.
 */
export async function onceOf(c: Ctx): Promise<Once | null | Response> {
  const header = c.req.method === "POST" ? c.req.header("idempotency-key") : undefined;
  const { peer } = c.var;
  if (header === undefined || peer === null) return null;
  const key = /^"?([\x21\x23-\x7e]{1,128})"?$/.exec(header)?.[1];
  if (key === undefined) return problem("invalid_request", "Idempotency-Key: 1 to 128 visible characters expected");
  const asked = new TextEncoder().encode(`${c.req.path}\n${c.var.body}`);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", asked));
  return { key: `${peer} ${key}`, hash: btoa(String.fromCharCode(...hash)) };
}
