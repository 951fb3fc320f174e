import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { ADMIN_KEYS, SIDECAR_KEYS, TOKEN_KEYS } from "./test/support/keys.ts";

/** Only what hangs runs into these: a machine may be busy with something else for a long while. */
const PATIENCE = { testTimeout: 120_000, hookTimeout: 120_000 };
/** Journeys wait up to a minute for each thing, several in a row. */
const LONG_PATIENCE = { testTimeout: 240_000, hookTimeout: 240_000 };

function hub(test: object, settings: Record<string, string>): object {
  const keys = { SIDECAR_KEYS: SIDECAR_KEYS.join(), TOKEN_KEYS: TOKEN_KEYS.join(), ADMIN_KEYS: ADMIN_KEYS.join() };
  const bindings = { ...keys, ...settings };
  const plugins = [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { bindings } })];
  return { plugins, test: { setupFiles: ["test/worker/support/response-contract.ts"], ...PATIENCE, ...test } };
}

/** `hub` and `hubs` run inside workerd, with one hub a game and with two; `node` on its own; `journeys` start whole houses and take the machine one at a time. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...PATIENCE,
          name: "node",
          include: [
            "test/*.test.ts",
            "test/shared/**/*.test.ts",
            "test/udp-sidecar/**/*.test.ts",
            "test/virtual/**/*.test.ts",
            "test/deploy/**/*.test.ts",
            "clients/typescript/test/**/*.test.ts",
          ],
        },
      },
      hub({ name: "hub", include: ["test/worker/**/*.test.ts"], exclude: ["test/worker/**/*.hubs.test.ts"] }, {}),
      hub({ name: "hubs", include: ["test/worker/**/*.hubs.test.ts"] }, { HUB_SHARDS: "2" }),
      {
        test: {
          name: "journeys",
          include: ["test/journeys/**/*.test.ts"],
          fileParallelism: false,
          ...LONG_PATIENCE,
          // Leases, graces and the players' own patience are real seconds: over a machine that stands still for longer,
          // as shared ones do, a player is truly lost. What is wrong with the house itself fails each time.
          retry: 2,
          globalSetup: ["test/support/bundle.ts"],
        },
      },
    ],
  },
});
