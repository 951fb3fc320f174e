/**
 * Runs the hub here: the very bundle that is deployed, in plain workerd, its rows in a folder.
 * No account and no network; one process, whose death takes nothing with it but itself.
 */
import { type ChildProcess, execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { end, start } from "./processes.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** Without these wrangler asks the network for three things that nobody needs. */
const OFFLINE = { WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_HIDE_BANNER: "true" };

/** Makes the bundle as `wrangler deploy` would, and returns its folder. */
export async function bundleHub(folder = join(ROOT, "dist/hub")): Promise<string> {
  const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  const args = [wrangler, "deploy", "--dry-run", "--outdir", folder];
  await promisify(execFile)(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...OFFLINE } });
  return folder;
}

export type HubOptions = {
  readonly bundle: string;
  /** Folder of the rows; made if it is not there. */
  readonly state: string;
  readonly port: number;
  /** This machine alone, unless said. */
  readonly address?: string;
  /** What sidecars show: one key or two, comma-separated. */
  readonly keys: string;
  /** What signs tokens, likewise; without one they last as long as this hub. */
  readonly tokenKeys?: string;
  readonly shards?: number;
  /** Further settings, by the names that wrangler.toml gives them. */
  readonly settings?: { readonly [name in Setting]?: string | undefined };
};

/** A setting that is not given is empty, and has its default. */
const SETTINGS = ["ADMIN_KEYS", "RATE_LIMITS", "SOURCE_HEADER"] as const;
export type Setting = (typeof SETTINGS)[number];

/** Starts workerd. Its output goes to ours; who waits for it asks `/healthz`. */
export async function startHub(options: HubOptions): Promise<ChildProcess> {
  const { bundle, state, port, address = "127.0.0.1", keys, tokenKeys = randomKey(), shards = 1 } = options;
  const settings = SETTINGS.map((name) => [name, options.settings?.[name] ?? ""] as const);
  await mkdir(state, { recursive: true });
  const config = join(bundle, `workerd-${port}.capnp`);
  const date = /^compatibility_date = "(.+)"$/m.exec(await readFile(join(ROOT, "wrangler.toml"), "utf8"))?.[1];
  await writeFile(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "rows", disk = (path = ${JSON.stringify(resolve(state))}, writable = true)),
    (name = "site", disk = (path = ${JSON.stringify(join(ROOT, "worker/site"))})),
  ],
  sockets = [(name = "http", address = ${JSON.stringify(`${address}:${port}`)}, http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "index.js")],
  compatibilityDate = ${JSON.stringify(date)},
  bindings = [
    (name = "HUB", durableObjectNamespace = "Hub"),
    (name = "ASSETS", service = "site"),
    (name = "HUB_SHARDS", text = "${shards}"),
${["SIDECAR_KEYS", "TOKEN_KEYS", ...SETTINGS].map((name) => `    (name = "${name}", fromEnvironment = "${name}"),`).join("\n")}
  ],
  durableObjectNamespaces = [(className = "Hub", uniqueKey = "parley-hub", enableSql = true)],
  durableObjectStorage = (localDisk = "rows"),
);
`,
  );
  // Keys are in the environment alone, and in no file that others could read.
  const env = { SIDECAR_KEYS: keys, TOKEN_KEYS: tokenKeys, ...Object.fromEntries(settings) };
  return start(workerdPath(), ["serve", config], env);
}

export const randomKey = (): string => randomBytes(32).toString("base64url");

/** workerd waits for its clients to hang up, which a browser does not do; its rows are safe all the same. */
export const endHub = (hub: ChildProcess): Promise<void> => end(hub, 500);

/** The native program itself; the script beside it would be one more process to end. */
function workerdPath(): string {
  return (createRequire(join(ROOT, "package.json"))("workerd") as { default: string }).default;
}
