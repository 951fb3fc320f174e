/**
 * Finding a lobby while the number of shards changes: by code or name it is at one of two hubs, that of the new number or
 * that of the former one. Both count a wrong join code.
 */
import { PROBLEM_TYPE, type RefusalCode } from "#shared/refusals.ts";
import { placesOf } from "#shared/settings/shards.ts";
import { shardsOf } from "../env.ts";
import type { Ctx } from "./context.ts";

/**
 * Calls the hub of a lobby. While the call is refused with `unknown`, it is made at the next hub that may hold it. `at`
 * computes the shard from the number of shards.
 */
export async function callHolder<T>(
  c: Ctx,
  at: (shards: number) => number,
  unknown: RefusalCode,
  call: (shard: number) => Promise<T | Response>,
): Promise<T | Response> {
  const places = placesOf(shardsOf(c.env), at);
  for (const shard of places.slice(0, -1)) {
    const result = await call(shard);
    if (!(result instanceof Response) || (await codeOf(result)) !== unknown) return result;
  }
  return call(places.at(-1)!);
}

/** The code of a problem document; undefined for a response that is none. */
async function codeOf(response: Response): Promise<unknown> {
  if (response.headers.get("content-type")?.startsWith(PROBLEM_TYPE) !== true) return undefined;
  return (await response.clone().json<{ code?: unknown }>()).code;
}
