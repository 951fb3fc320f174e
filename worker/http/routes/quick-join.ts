/** Joins a lobby whose id the client does not know: by join code, or any that matches a filter. */
import { joinByCodeRequest, type QuickJoinRequest, quickJoinRequest } from "#shared/api/lobbies.ts";
import { type Summary } from "#shared/listing/summary.ts";
import { QUICK_JOIN_CANDIDATES, QUICK_JOIN_TRIES } from "#shared/limits.ts";
import { parseQuery } from "#shared/listing/query.ts";
import { canonicalCode, shardOfCode, shardOfId } from "#shared/lobby/ids.ts";
import { mayMeet } from "#shared/lobby/paths.ts";
import { callHub } from "../hub-client.ts";
import { parseBody } from "../body.ts";
import type { Ctx, Handler } from "../context.ts";
import { joinEvent } from "../lobby-events.ts";
import { callHolder } from "../former-shards.ts";
import { rateLimitKey } from "../access/source.ts";
import { pageOf } from "./list-lobbies.ts";
import { parseIdempotencyKey } from "../hub-client.ts";
import { malformed, problem } from "../../problem.ts";
import { hostLobby } from "./lobbies.ts";
import { applyEvent, applyWithPassword, joinResponse, homeShard, peerId } from "./lobby-responses.ts";
import type { LobbyResult } from "../../rpc.ts";

export const joinByCode: Handler = async (c) => {
  const body = await parseBody(c, joinByCodeRequest);
  if (body instanceof Response) return body;
  const code = canonicalCode(body.value.code);
  if (code === null) return problem("code_invalid");
  const event = joinEvent(peerId(c), body.value);
  if (event === "data_limit") return problem(event);
  const at = (shards: number): number => shardOfCode(code, shards);
  const result = await callHolder<LobbyResult>(c, at, "code_invalid", (shard) =>
    applyWithPassword(c, { shard, cost: "join", target: { code } }, event, body.value.password),
  );
  return result instanceof Response ? result : joinResponse(c, result);
};

/** Calls several hubs, so the response is stored by the hub that holds the peer's own lobbies. */
export const quickJoin: Handler = async (c) => {
  const body = await parseBody(c, quickJoinRequest);
  if (body instanceof Response) return body;
  const idempotency = await parseIdempotencyKey(c);
  if (idempotency instanceof Response) return idempotency;
  if (idempotency === null) {
    const result = await findOrCreate(c, body.value);
    return result instanceof Response ? result : joinResponse(c, result);
  }
  const { outcome } = await callHub(c.env, c.var.game, homeShard(c), (hub) => hub.getCached(idempotency));
  if (outcome !== null) {
    c.set("replayed", !("refused" in outcome));
    return "refused" in outcome ? problem(outcome.refused) : joinResponse(c, outcome.value);
  }
  const result = await findOrCreate(c, body.value);
  if (result instanceof Response) return result;
  const meta = { ...rateLimitKey(c), cost: null, idempotency };
  await callHub(c.env, c.var.game, homeShard(c), (hub) => hub.putCached(meta, result));
  return joinResponse(c, result);
};

async function findOrCreate(c: Ctx, request: QuickJoinRequest): Promise<LobbyResult | Response> {
  const filter = Object.entries({ ...request.filter, has_password: "false", approval: "false" });
  const query = parseQuery(new URLSearchParams([["limit", String(QUICK_JOIN_CANDIDATES)], ...filter]));
  if ("invalid" in query)
    return malformed([{ pointer: `/filter/${query.invalid}`, message: "not a value this parameter takes" }]);
  const page = await pageOf(c, "join", query);
  if (page instanceof Response) return page;
  const lines = page.items.map(({ json }) => JSON.parse(json) as Summary);
  const event = joinEvent(peerId(c), request);
  if (event === "data_limit") return problem(event);
  const candidates = lines.filter(
    (line) => line.wire === "native" && (line.version ?? request.version) === request.version && mayMeet(line, event),
  );
  let tries = 0;
  for (const { id } of candidates) {
    const to = { shard: shardOfId(id)!, cost: null, target: { id }, replayable: false };
    const result = await applyEvent(c, to, { ...event, immediate: true });
    // The lobby may be full by now, or the peer banned from it: try the next one.
    if (result instanceof Response && ++tries === QUICK_JOIN_TRIES) break;
    // A peer that hosts a lobby looks for another one.
    if (!(result instanceof Response) && result.view?.host !== peerId(c)) return result;
  }
  return request.create_if_none === undefined ? problem("no_open_lobby") : hostLobby(c, request.create_if_none, false);
}
