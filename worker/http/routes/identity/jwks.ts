/** The public keys with which hosts verify members offline. */
import { JWKS_MAX_AGE_S } from "#shared/limits.ts";
import { publicKeys } from "../../../auth/proofs.ts";
import type { Handler } from "../../context.ts";

export const jwks: Handler = async (c) =>
  c.json({ keys: await publicKeys(c.env) }, 200, {
    "cache-control": `public, max-age=${JWKS_MAX_AGE_S}`,
    "access-control-allow-origin": "*",
  });
