/** `npm run hub`: the hub in plain workerd, for operators without a Cloudflare account. Its help text has the settings. */
import { existsSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { settingFaults } from "#shared/settings/hub-settings.ts";
import { parseCommandLine } from "../command-line.ts";
import { BUNDLE, currentBundle } from "./bundle.ts";
import { stopHub, startHub } from "./hub.ts";
import { exitCodeOf, waitForJson } from "./processes.ts";

const HELP = `
Usage: SIDECAR_KEYS=... TOKEN_KEYS=... npm run hub [-- --build]

Runs the hub in plain workerd. Put a TLS proxy in front of it.

  --build                         builds the bundle and exits; without it the bundle is built only if it is missing

Environment variables, named as in wrangler.toml:
  SIDECAR_KEYS                    the keys that sidecars show; one, or two separated by a comma while rotating
  TOKEN_KEYS                      the keys that sign tokens, likewise; \`openssl rand -hex 32\` makes one
  ADMIN_KEYS GAMES HUB_SHARDS SOURCE_HEADER RATE_LIMITS TURN_URLS TURN_SECRET
  HUB_LISTEN=127.0.0.1:8787       the listening address
  HUB_STATE=.parley-hub           the folder of the rows
`;

const isBuild = parseCommandLine(
  HELP,
  { options: { build: { type: "boolean" } } },
  ({ values }) => values.build ?? false,
);
if (isBuild || !existsSync(join(BUNDLE, "index.js"))) await currentBundle();
if (isBuild) process.exit(0);

const { env } = process;
const [, address = "", port = ""] = /^(.+):([0-9]{1,5})$/.exec(env["HUB_LISTEN"] ?? "127.0.0.1:8787") ?? [];
const keys = env["SIDECAR_KEYS"] ?? "";
const tokenKeys = env["TOKEN_KEYS"] ?? "";
const shards = Number(env["HUB_SHARDS"] ?? "1");
const problems = [...(address === "" ? ["HUB_LISTEN: ADDRESS:PORT expected"] : []), ...settingFaults(env)];
if (problems.length > 0) {
  process.stderr.write(`${problems.join("\n")}\n`);
  process.exit(2);
}

const state = resolve(env["HUB_STATE"] ?? ".parley-hub");
// workerd's configuration is written beside the bundle, and the program's folder may be read-only.
const bundle = join(state, "bundle");
await mkdir(bundle, { recursive: true });
await cp(join(BUNDLE, "index.js"), join(bundle, "index.js"));
const hub = await startHub({
  bundle,
  state: join(state, "rows"),
  address,
  port: Number(port),
  keys,
  tokenKeys,
  shards,
  settings: env,
});
let isStopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    isStopping = true;
    void stopHub(hub);
  });
}
await waitForJson(`http://${address}:${port}/readyz`, (body) => body["ok"] === true, hub);
process.stdout.write(`hub http://${address}:${port}, rows ${join(state, "rows")}\n`);
const code = await exitCodeOf(hub);
process.exit(isStopping ? 0 : (code ?? 1));
