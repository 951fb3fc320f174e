/**
 * `npm run hub`: the hub alone, in plain workerd, for who has no Cloudflare account. A TLS proxy stands in front of it.
 *
 *     SIDECAR_KEYS=... TOKEN_KEYS=... npm run hub
 *     npm run hub -- --build                        makes the bundle and ends; it is made anew where it is missing
 *
 * Settings are environment variables, by the names of wrangler.toml: SIDECAR_KEYS, TOKEN_KEYS, ADMIN_KEYS, HUB_SHARDS,
 * SOURCE_HEADER, RATE_LIMITS; and HUB_LISTEN (127.0.0.1:8787), HUB_STATE (.parley-hub), a folder that holds everything.
 */
import { existsSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { TOKEN_KEY_LENGTH_MIN } from "#shared/limits.ts";
import { bundleHub, endHub, startHub } from "./hub.ts";
import { ended, untilAnswers } from "./processes.ts";

const BUNDLE = join(import.meta.dirname, "../../dist/hub");

const { values } = parseArgs({ options: { build: { type: "boolean" } } });
if (values.build === true || !existsSync(join(BUNDLE, "index.js"))) await bundleHub(BUNDLE);
if (values.build === true) process.exit(0);

const { env } = process;
const [, address = "", port = ""] = /^(.+):([0-9]{1,5})$/.exec(env["HUB_LISTEN"] ?? "127.0.0.1:8787") ?? [];
const keys = env["SIDECAR_KEYS"] ?? "";
const tokenKeys = env["TOKEN_KEYS"] ?? "";
const shards = Number(env["HUB_SHARDS"] ?? "1");
const problems = [
  address === "" ? "HUB_LISTEN: ADDRESS:PORT expected" : "",
  keys === "" ? "SIDECAR_KEYS: the key that sidecars show is needed (two, comma-separated, while rotating)" : "",
  tokenKeys.split(",").some((key) => key.length < TOKEN_KEY_LENGTH_MIN)
    ? `TOKEN_KEYS: a key of ${TOKEN_KEY_LENGTH_MIN} characters or more is needed; \`openssl rand -hex 32\` makes one`
    : "",
].filter((problem) => problem !== "");
if (problems.length > 0) {
  process.stderr.write(`${problems.join("\n")}\n`);
  process.exit(2);
}

const state = resolve(env["HUB_STATE"] ?? ".parley-hub");
// A copy, because workerd's configuration is written beside it, and the program's own folder may be read-only.
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
let told = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    told = true;
    void endHub(hub);
  });
}
await untilAnswers(`http://${address}:${port}/readyz`, (body) => body["ok"] === true, hub);
process.stdout.write(`hub http://${address}:${port}, rows ${join(state, "rows")}\n`);
const code = await ended(hub);
process.exit(told ? 0 : (code ?? 1));
