/** The version of this house: what `/healthz` and sidecars say, so that an operator sees which half is behind. */
export const VERSION = "0.1.0";
