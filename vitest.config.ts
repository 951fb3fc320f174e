import { availableParallelism } from "node:os";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { COVERAGE_FLOORS, COVERAGE_FOLDER } from "./test/support/kinds-reporter.ts";
import { ADMIN_KEYS, SIDECAR_KEYS, TOKEN_KEYS } from "./test/support/keys.ts";

/** Only a test that hangs reaches these: a machine may be busy with other work. */
const TIMEOUTS = { testTimeout: 120_000, hookTimeout: 120_000 };
/** Journeys wait up to a minute for each of several events. */
const JOURNEY_TIMEOUTS = { testTimeout: 240_000, hookTimeout: 240_000 };
/** Test files at once. Most files wait more than they compute, and Vitest's own default on two cores is one. */
const WORKERS = Math.max(3, availableParallelism());
/** Each journey starts several processes, so their number does not grow with the machine. */
const JOURNEY_WORKERS = 3;

function hub(test: object, settings: Record<string, string>): object {
  const keys = { SIDECAR_KEYS: SIDECAR_KEYS.join(), TOKEN_KEYS: TOKEN_KEYS.join(), ADMIN_KEYS: ADMIN_KEYS.join() };
  const reports = { REPORTS_WEBHOOK: "https://ops.example/reports", REPORTS_KEY: "reports-key-of-the-tests" };
  const bindings = { ...keys, ...reports, NAMES_DENIED: "boese", ...settings };
  const plugins = [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { bindings } })];
  return {
    plugins,
    test: {
      setupFiles: ["test/worker/support/response-contract.ts", "test/worker/support/cleanup.ts"],
      ...TIMEOUTS,
      ...test,
    },
  };
}

/**
 * `hub` and `hubs` run inside workerd, with one hub per game and with two. `node` runs in Node. `journeys` start whole
 * deployments: they run after the others, because their leases and timeouts are real seconds.
 */
export default defineConfig({
  test: {
    maxWorkers: WORKERS,
    reporters: ["default", "./test/support/kinds-reporter.ts"],
    coverage: {
      // The only provider that works inside workerd. Code in separate processes is not counted.
      provider: "istanbul",
      include: Object.keys(COVERAGE_FLOORS).map((room) => `${room}/**/*.ts`),
      reporter: ["json-summary"],
      reportOnFailure: true,
      reportsDirectory: COVERAGE_FOLDER,
      thresholds: Object.fromEntries(
        Object.entries(COVERAGE_FLOORS).map(([room, lines]) => [`${room}/**/*.ts`, { lines }]),
      ),
    },
    projects: [
      {
        test: {
          ...TIMEOUTS,
          name: "node",
          // A process per file would cost more than most files take. No test changes globals or mocks modules.
          isolate: false,
          include: [
            "test/*.test.ts",
            "test/shared/**/*.test.ts",
            "test/udp-sidecar/**/*.test.ts",
            "test/virtual/**/*.test.ts",
            "test/deploy/**/*.test.ts",
            "test/fuzz/**/*.test.ts",
            "test/tools/**/*.test.ts",
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
          maxWorkers: JOURNEY_WORKERS,
          ...JOURNEY_TIMEOUTS,
          sequence: { groupOrder: 1 },
          globalSetup: ["test/support/bundle.ts"],
        },
      },
    ],
  },
});
