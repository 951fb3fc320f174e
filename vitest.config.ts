import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { ADMIN_KEYS, SIDECAR_KEYS, TOKEN_KEYS } from "./test/support/keys.ts";

function hub(test: object, settings: Record<string, string>): object {
  const keys = { SIDECAR_KEYS: SIDECAR_KEYS.join(), TOKEN_KEYS: TOKEN_KEYS.join(), ADMIN_KEYS: ADMIN_KEYS.join() };
  const bindings = { ...keys, ...settings };
  const plugins = [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { bindings } })];
  return { plugins, test: { setupFiles: ["test/worker/witness.ts"], testTimeout: 30_000, ...test } };
}

/** `hub` and `hubs` run inside workerd, with one hub a game and with two; `node` on its own; `journeys` start whole houses and take the machine one at a time. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "node",
          include: [
            "test/*.test.ts",
            "test/shared/**/*.test.ts",
            "test/udp-sidecar/**/*.test.ts",
            "test/virtual/**/*.test.ts",
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
          testTimeout: 60_000,
          hookTimeout: 60_000,
          globalSetup: ["test/support/bundle.ts"],
        },
      },
    ],
  },
});
