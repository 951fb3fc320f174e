/** The peer's own NAT in words, from the receipts of sidecars. Nothing is stored, and no hub is called. */
import type { NatView } from "#shared/api/reads.ts";
import type { VerifiedReach } from "#shared/connect/introduction.ts";
import { classify } from "#shared/connect/nat.ts";
import { describeNat } from "#shared/connect/nat-text.ts";
import { reach as reachOf } from "#shared/connect/schema.ts";
import { BODY_BYTES_MAX, BODY_DEPTH_MAX } from "#shared/limits.ts";
import { isIPv4 } from "#shared/net/endpoint.ts";
import { decodeStrictly, parseJson } from "#shared/schema/strict.ts";
import { verifyReach } from "../../../auth/verified-reach.ts";
import { malformed, problem } from "../../../problem.ts";
import { limitSource } from "../../access/source-limits.ts";
import { rateLimitKey } from "../../access/source.ts";
import type { Handler } from "../../context.ts";
import { refusalResponse } from "../../hub-client.ts";
import { peerId } from "../lobby-responses.ts";

export const describeOwnNat: Handler = async (c) => {
  const crowded = limitSource(c.env, { ...rateLimitKey(c), cost: "read", idempotency: null });
  if (crowded !== null) return refusalResponse(c, crowded);
  const text = c.req.query("reach") ?? "";
  const parsed = parseJson(text, BODY_BYTES_MAX);
  const decoded = "errors" in parsed ? parsed : decodeStrictly(text, parsed.value, reachOf, BODY_DEPTH_MAX);
  if ("errors" in decoded)
    return malformed(decoded.errors.map(({ pointer, message }) => ({ pointer: `?reach${pointer}`, message })));
  const verified = await verifyReach(c.env, { game: c.var.game, peer: peerId(c) }, decoded.value, Date.now());
  if ("refused" in verified) return problem(verified.refused, verified.detail);
  return c.json({ ipv4: natOf(verified, true), ipv6: natOf(verified, false) } satisfies NatView);
};

/** Without a receipt of a family it is unknown whether the network has it at all. */
function natOf({ samples, local_endpoints, filtering, hairpin }: VerifiedReach, over_ipv4: boolean): NatView["ipv4"] {
  const of_family = samples.filter(({ via }) => isIPv4(via.address) === over_ipv4);
  if (of_family.length === 0) return null;
  const hosts = local_endpoints.map(({ address }) => address);
  const nat = classify(of_family, hosts, {
    ...(filtering && { filtering }),
    ...(hairpin !== undefined && { hairpin }),
  });
  return {
    ...describeNat(nat),
    mapping: nat.mapping,
    filtering: nat.filtering,
    port_allocation: nat.allocation?.kind ?? null,
  };
}
