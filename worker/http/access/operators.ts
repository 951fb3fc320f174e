/**
 * Operators: their keys, roles and games, and the audit trail. Every action except reading is recorded after it was done
 * or refused. If it cannot be recorded, the response is 503, although it may have been done.
 */
import type { Operation } from "#shared/api/operations/operation.ts";
import { AUDIT_BODY_LENGTH_MAX } from "#shared/limits.ts";
import { allows } from "#shared/settings/operator-keys.ts";
import { randomId } from "../../auth/random.ts";
import { operatorKeysOf } from "../../env.ts";
import { problem } from "../../problem.ts";
import type { Ctx, Middleware } from "../context.ts";
import { callHub, openGame } from "../hub-client.ts";
import { checkKey, keyRequired } from "./keys.ts";

/** Requires an operator's key with the role of the operation. Without ADMIN_KEYS every admin route returns 401. */
export const requireOperator =
  ({ id, role = "own" }: Operation): Middleware =>
  async (c, next) => {
    const keys = operatorKeysOf(c.env);
    const checked = await checkKey(c, "key", keys, () => keyRequired("an operator's", "parley admin"));
    if (checked instanceof Response) return checked;
    c.set("trusted", true);
    c.set("operator", { ...checked.key, id: checked.id });
    const { game } = c.var;
    // The handler of an operation without a game checks the games that it is about.
    if (game !== undefined && !allows(checked.key, role, game)) c.res = problem("forbidden");
    else await next();
    if (c.req.method !== "GET" && c.req.method !== "HEAD") await record(c, id);
    return undefined;
  };

async function record(c: Ctx, operation: string): Promise<void> {
  const { id: operator, role } = c.var.operator!;
  await openGame(c);
  await callHub(c.env, c.var.game, 0, (hub) =>
    hub.addAuditEntry({
      id: randomId(),
      at: new Date().toISOString(),
      operator,
      role,
      operation,
      path: new URL(c.req.url).pathname.slice(0, AUDIT_BODY_LENGTH_MAX),
      body: c.var.body.slice(0, AUDIT_BODY_LENGTH_MAX),
      status: c.res.status,
    }),
  );
}
