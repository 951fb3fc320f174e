/** Ways into a lobby whose id one does not know: by its code, or whichever is like this. */
import { joinByCodeRequest, type QuickJoinRequest, quickJoinRequest, type Summary } from "#shared/api/lobbies.ts";
import { QUICK_JOIN_CANDIDATES, QUICK_JOIN_TRIES } from "#shared/limits.ts";
import { parseQuery } from "#shared/listing/query.ts";
import { canonicalCode, shardOfCode, shardOfId } from "#shared/lobby/ids.ts";
import { callHub } from "../hub-client.ts";
import { parseBody } from "../body.ts";
import type { Ctx, Handler } from "../context.ts";
import { joinEvent } from "../lobby-events.ts";
import { shardCount } from "../../env.ts";
import { rateLimitKey } from "../middleware.ts";
import { pageOf } from "./list-lobbies.ts";
import { parseIdempotencyKey } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { hostLobby } from "./lobbies.ts";
import { applyEvent, joinResponse, homeShard, peerId } from "./lobby-responses.ts";
import type { LobbyResult } from "../../rpc.ts";

export const joinByCode: Handler = async (c) => {
  const body = await parseBody(c, joinByCodeRequest);
  if (body instanceof Response) return body;
  const code = canonicalCode(body.value.code);
  if (code === null) return problem("code_invalid");
  const shard = shardOfCode(code, shardCount(c.env));
  // Its id salts the password; whether there is one is for the hub to say, which counts guesses.
  const salted = body.value.password !== undefined;
  const id = salted ? await callHub(c.env, c.var.game, shard, (hub) => hub.findLobbyId({ code })) : null;
  const event = await joinEvent(peerId(c), body.value, id ?? "");
  if (event === "data_limit") return problem(event);
  const entry = await applyEvent(c, shard, "join", { code }, event);
  return entry instanceof Response ? entry : joinResponse(c, entry);
};

/** Asks several questions of several hubs, so that it is answered again by the one where the peer is at home. */
export const quickJoin: Handler = async (c) => {
  const body = await parseBody(c, quickJoinRequest);
  if (body instanceof Response) return body;
  const once = await parseIdempotencyKey(c);
  if (once instanceof Response) return once;
  if (once === null) {
    const entry = await findOrCreate(c, body.value);
    return entry instanceof Response ? entry : joinResponse(c, entry);
  }
  const { outcome } = await callHub(c.env, c.var.game, homeShard(c), (hub) => hub.getCached(once));
  if (outcome !== null) {
    c.set("replayed", !("refused" in outcome));
    return "refused" in outcome ? problem(outcome.refused) : joinResponse(c, outcome.value);
  }
  const entry = await findOrCreate(c, body.value);
  if (entry instanceof Response) return entry;
  const pass = { ...rateLimitKey(c), cost: null, idempotency: once };
  await callHub(c.env, c.var.game, homeShard(c), (hub) => hub.putCached(pass, entry));
  return joinResponse(c, entry);
};

async function findOrCreate(c: Ctx, said: QuickJoinRequest): Promise<LobbyResult | Response> {
  const filter = Object.entries({ ...said.filter, locked: "false", approval: "false" });
  const query = parseQuery(new URLSearchParams([["limit", String(QUICK_JOIN_CANDIDATES)], ...filter]));
  if ("invalid" in query)
    return problem("invalid_request", `filter.${query.invalid}: not a value this parameter takes`);
  const page = await pageOf(c, "join", query);
  if (page instanceof Response) return page;
  const lines = page.items.map(({ json }) => JSON.parse(json) as Summary);
  const event = await joinEvent(peerId(c), said, "");
  if (event === "data_limit") return problem(event);
  const fitting = lines.filter(({ wire, version }) => wire === "native" && (version ?? said.version) === said.version);
  for (const { id } of fitting.slice(0, QUICK_JOIN_TRIES)) {
    // Somebody may be faster, or the peer be barred there: then the next one.
    const entry = await applyEvent(c, shardOfId(id)!, null, { id }, event, false);
    if (!(entry instanceof Response)) return entry;
  }
  return said.create_if_none === undefined ? problem("no_open_lobby") : hostLobby(c, said.create_if_none, false);
}
