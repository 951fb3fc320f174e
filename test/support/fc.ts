/** fast-check with the same seed in every run; `FC_SEED=7 npx vitest run --project node` sets another one. */
import { configureGlobal } from "fast-check";

configureGlobal({ seed: Number(process.env["FC_SEED"] ?? 20_261_126) });

export * from "fast-check";
