/**
 * Verifies what a peer reports about its reachability: each observed endpoint must carry a recent receipt of a sidecar.
 */
import type { Reach } from "#shared/connect/schema.ts";
import type { VerifiedReach } from "#shared/connect/introduction.ts";
import { RECEIPT_MS, ROUND_TRIP_MS_MAX } from "#shared/limits.ts";
import type { Sample } from "#shared/connect/nat.ts";
import type { Env } from "../env.ts";
import { verifyReceipt } from "./tokens.ts";
import type { Refused } from "../rpc.ts";

type ReachOwner = { readonly game: string; readonly peer: string };

export async function verifyReach(
  env: Env,
  { game, peer }: ReachOwner,
  { looks, now_ms, ...rest }: Reach,
  now: number,
): Promise<VerifiedReach | Refused> {
  let untimely_ms: number | null = null;
  const samples = await Promise.all(
    looks.map(async ({ receipt, ...look }): Promise<Sample | null> => {
      const seen = await verifyReceipt(env, game, peer, receipt);
      if (seen === null) return null;
      if (Math.abs(now - seen.at_ms) > RECEIPT_MS) untimely_ms = now - seen.at_ms;
      return { ...look, seen: seen.endpoint };
    }),
  );
  const verified = samples.filter((sample) => sample !== null);
  if (verified.length < samples.length) {
    return {
      refused: "invalid_request",
      detail: "reach.looks: valid receipts of this peer expected",
    };
  }
  if (untimely_ms !== null) return { refused: "receipt_expired", detail: untimelyText(untimely_ms) };
  const newest = Math.max(...verified.map(({ at_ms }) => at_ms));
  const age_ms = verified.length === 0 ? 0 : Math.min(Math.max(0, now_ms - newest), ROUND_TRIP_MS_MAX);
  return { ...rest, samples: verified, age_ms, sent_ms: now_ms };
}

/** An old receipt and a wrong clock look alike, except that no receipt is from the future. */
function untimelyText(age_ms: number): string {
  const seconds = Math.round(Math.abs(age_ms) / 1_000);
  return age_ms < 0
    ? `reach.looks: a receipt is ${seconds} s ahead of the hub's clock: the clock of the sidecar or of the hub is wrong`
    : `reach.looks: a receipt is ${seconds} s old: observe again; if this repeats, the clock of the sidecar or of the hub is wrong`;
}
