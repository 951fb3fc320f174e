/** `npm run hub`: the hub in plain workerd, for operators without a Cloudflare account. Its help text has the settings. */
import { copyFileSync, existsSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { canonicalAddress } from "#shared/net/endpoint.ts";
import { settingFaults } from "#shared/settings/hub-settings.ts";
import { parseCommandLine } from "../command-line.ts";
import { BUNDLE, currentBundle } from "./bundle.ts";
import { inFolder } from "./folder.ts";
import { openFront } from "./front/front.ts";
import { hostOf, stopHub, startHub } from "./hub.ts";
import { takenPorts } from "./ports.ts";
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
if (isBuild) {
  await currentBundle();
  process.exit(0);
}

const { env } = process;
const [, listen = "", port = ""] = /^(.+):([0-9]{1,5})$/.exec(env["HUB_LISTEN"] || "127.0.0.1:8787") ?? [];
const address = canonicalAddress(listen.replace(/^\[|\]$/g, "")) ?? "";
const keys = env["SIDECAR_KEYS"] ?? "";
const tokenKeys = env["TOKEN_KEYS"] ?? "";
const shards = env["HUB_SHARDS"] || "1";
const problems = [
  ...(address === "" || Number(port) > 65_535 ? ["HUB_LISTEN: IP_ADDRESS:PORT expected, like 127.0.0.1:8787"] : []),
  ...(env["HUB_STATE"] === "" ? ["HUB_STATE: a folder expected"] : []),
  ...settingFaults(env),
];
if (problems.length === 0)
  problems.push(...(await takenPorts([{ kind: "tcp", port: Number(port), purpose: "HUB_LISTEN", address }])));
if (problems.length > 0) refuse([...problems, "See `npm run hub -- --help`."], 2);
if (!existsSync(join(BUNDLE, "index.js"))) await currentBundle();

const state = resolve(env["HUB_STATE"] ?? ".parley-hub");
// workerd's configuration is written beside the bundle, and the program's folder may be read-only.
const bundle = join(state, "bundle");
try {
  inFolder("HUB_STATE", bundle, () => copyFileSync(join(BUNDLE, "index.js"), join(bundle, "index.js")));
} catch (error) {
  refuse([(error as Error).message], 1);
}
// The path of a Unix socket has at most 107 bytes, so it is not in the folder of the state.
const sockets = await mkdtemp(join(tmpdir(), "parley-"));
process.once("exit", () => rmSync(sockets, { recursive: true, force: true }));
const socketPath = join(sockets, "hub");
const hub = await startHub({
  bundle,
  state: join(state, "rows"),
  address,
  port: Number(port),
  socketPath,
  keys,
  tokenKeys,
  shards,
  settings: env,
});
const front = await openFront(address, Number(port), socketPath).catch((error: Error) =>
  refuse([`HUB_LISTEN: ${error.message}`], 1),
);
let isStopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    isStopping = true;
    front.close();
    void stopHub(hub);
  });
}
await waitForJson(`http://${hostOf(address)}:${port}/readyz`, (body) => body["ok"] === true, hub);
process.stdout.write(`hub http://${address}:${port}, rows ${join(state, "rows")}\n`);
const code = await exitCodeOf(hub);
process.exit(isStopping ? 0 : (code ?? 1));

function refuse(lines: readonly string[], exitCode: number): never {
  process.stderr.write(`${lines.join("\n")}\n`);
  process.exit(exitCode);
}
