/** Ways into a lobby whose id one does not know: by its code, or whichever is like this. */
import { joiningByCode, type QuickJoining, quickJoining, type Summary } from "#shared/api/lobbies.ts";
import { QUICK_JOIN_LINES, QUICK_JOIN_TRIES } from "#shared/limits.ts";
import { parseQuery } from "#shared/listing/query.ts";
import { canonicalCode, shardOfCode, shardOfId } from "#shared/lobby/ids.ts";
import { askHub } from "../ask.ts";
import { bodyOf } from "../body.ts";
import type { Ctx, Handler } from "../context.ts";
import { entering } from "../lobby-events.ts";
import { shardsOf } from "../../env.ts";
import { payerOf } from "../middleware.ts";
import { pageOf } from "./list-lobbies.ts";
import type { Entry } from "../../hub/lobby-commands.ts";
import { onceOf } from "../hub-client.ts";
import { problem } from "../../problem.ts";
import { host } from "./lobbies.ts";
import { actOn, entered, homeOf, peerOf } from "./lobby-responses.ts";

export const joinByCode: Handler = async (c) => {
  const body = await bodyOf(c, joiningByCode);
  if (body instanceof Response) return body;
  const code = canonicalCode(body.value.code);
  if (code === null) return problem("code_invalid");
  const shard = shardOfCode(code, shardsOf(c.env));
  // Its id salts the password; whether there is one is for the hub to say, which counts guesses.
  const salted = body.value.password !== undefined;
  const id = salted ? await askHub(c.env, c.var.game, shard, (hub) => hub.find({ code })) : null;
  const event = await entering(peerOf(c), body.value, id ?? "");
  if (event === "data_limit") return problem(event);
  const entry = await actOn(c, shard, "join", { code }, event);
  return entry instanceof Response ? entry : entered(c, entry);
};

/** Asks several questions of several hubs, so that it is answered again by the one where the peer is at home. */
export const quickJoin: Handler = async (c) => {
  const body = await bodyOf(c, quickJoining);
  if (body instanceof Response) return body;
  const once = await onceOf(c);
  if (once instanceof Response) return once;
  if (once === null) {
    const entry = await quick(c, body.value);
    return entry instanceof Response ? entry : entered(c, entry);
  }
  const { outcome } = await askHub(c.env, c.var.game, homeOf(c), (hub) => hub.recall(once));
  if (outcome !== null) {
    c.set("replayed", !("refused" in outcome));
    return "refused" in outcome ? problem(outcome.refused) : entered(c, outcome.value);
  }
  const entry = await quick(c, body.value);
  if (entry instanceof Response) return entry;
  const pass = { ...payerOf(c), toll: null, once };
  await askHub(c.env, c.var.game, homeOf(c), (hub) => hub.remember(pass, entry));
  return entered(c, entry);
};

async function quick(c: Ctx, said: QuickJoining): Promise<Entry | Response> {
  const filter = Object.entries({ ...said.filter, locked: "false", approval: "false" });
  const query = parseQuery(new URLSearchParams([["limit", String(QUICK_JOIN_LINES)], ...filter]));
  if ("wrong" in query) return problem("invalid_request", `filter.${query.wrong}: not a value this parameter takes`);
  const page = await pageOf(c, "join", query);
  if (page instanceof Response) return page;
  const lines = page.lines.map(({ json }) => JSON.parse(json) as Summary);
  const event = await entering(peerOf(c), said, "");
  if (event === "data_limit") return problem(event);
  const fitting = lines.filter(({ wire, version }) => wire === "native" && (version ?? said.version) === said.version);
  for (const { id } of fitting.slice(0, QUICK_JOIN_TRIES)) {
    // Somebody may be faster, or the peer be barred there: then the next one.
    const entry = await actOn(c, shardOfId(id)!, null, { id }, event, false);
    if (!(entry instanceof Response)) return entry;
  }
  return said.create_if_none === undefined ? problem("no_open_lobby") : host(c, said.create_if_none, false);
}
