/** fast-check, which tries the same in every run; `FC_SEED=7 npx vitest run --project node` tries something else. */
import { configureGlobal } from "fast-check";

configureGlobal({ seed: Number(process.env["FC_SEED"] ?? 20_261_126) });

export * from "fast-check";
