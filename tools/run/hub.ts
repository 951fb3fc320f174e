/**
 * Runs the hub on this machine: the bundle of `wrangler deploy` in plain workerd, with its rows in a folder.
 *
 * It needs no account and no network, and is one process, so that tests can kill it like a crash.
 */
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { stopProcess, startProcess } from "./processes.ts";

const ROOT = resolve(import.meta.dirname, "../..");
export type HubOptions = {
  readonly bundle: string;
  /** The folder of the rows; created if it is missing. */
  readonly state: string;
  readonly port: number;
  /** The listening address; loopback by default. */
  readonly address?: string;
  /** A Unix socket at which workerd listens instead, if a front has the port. */
  readonly socketPath?: string;
  /** SIDECAR_KEYS: one key, or two separated by a comma. */
  readonly keys: string;
  /** TOKEN_KEYS, likewise. By default a random key: tokens end with this process. */
  readonly tokenKeys?: string;
  /** HUB_SHARDS. */
  readonly shards?: string;
  /** For measurements: a port of the loopback interface for workerd's inspector, which has no password, and `gc()`. */
  readonly inspectorPort?: number;
  /** Further settings, by their names in wrangler.toml. */
  readonly settings?: { readonly [name in Setting]?: string | undefined };
};

/** Optional settings. The hub treats an empty one as its default. */
const SETTINGS = [
  "ADMIN_KEYS",
  "GAMES",
  "IDENTITY",
  "IDENTITY_KEY",
  "NAMES_DENIED",
  "RATE_LIMITS",
  "REPORTS_KEY",
  "REPORTS_WEBHOOK",
  "SOURCE_HEADER",
  "TURN_SECRET",
  "TURN_URLS",
] as const;
export type Setting = (typeof SETTINGS)[number];

/** Starts workerd with its output on ours. It is ready once `/healthz` responds. */
export async function startHub(options: HubOptions): Promise<ChildProcess> {
  const { bundle, state, port, address = "127.0.0.1", keys, tokenKeys = randomKey(), shards = "1" } = options;
  const settings = SETTINGS.map((name) => [name, options.settings?.[name] ?? ""] as const);
  const { inspectorPort } = options;
  const listen = options.socketPath === undefined ? `${hostOf(address)}:${port}` : `unix:${options.socketPath}`;
  await mkdir(state, { recursive: true });
  const config = join(bundle, `workerd-${port}.capnp`);
  const date = /^compatibility_date = "(.+)"$/m.exec(await readFile(join(ROOT, "wrangler.toml"), "utf8"))?.[1];
  await writeFile(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (${inspectorPort === undefined ? "" : '\n  v8Flags = ["--expose-gc"],'}
  services = [
    (name = "worker", worker = .worker),
    # Providers of identities and the webhook of reports may be on a private network.
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
    (name = "rows", disk = (path = ${JSON.stringify(resolve(state))}, writable = true)),
    (name = "site", disk = (path = ${JSON.stringify(join(ROOT, "worker/site"))})),
  ],
  sockets = [(name = "http", address = ${JSON.stringify(listen)}, http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "index.js")],
  compatibilityDate = ${JSON.stringify(date)},
  bindings = [
    (name = "HUB", durableObjectNamespace = "Hub"),
    (name = "REGISTRY", durableObjectNamespace = "GameRegistry"),
    (name = "ASSETS", service = "site"),
    (name = "HUB_SHARDS", text = "${shards}"),
${["SIDECAR_KEYS", "TOKEN_KEYS", ...SETTINGS].map((name) => `    (name = "${name}", fromEnvironment = "${name}"),`).join("\n")}
  ],
  durableObjectNamespaces = [
    (className = "Hub", uniqueKey = "parley-hub", enableSql = true),
    (className = "GameRegistry", uniqueKey = "parley-games", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "rows"),
);
`,
  );
  // Keys are passed in the environment only, because the configuration is a readable file.
  const env = { SIDECAR_KEYS: keys, TOKEN_KEYS: tokenKeys, ...Object.fromEntries(settings) };
  const inspector = inspectorPort === undefined ? [] : [`--inspector-addr=127.0.0.1:${inspectorPort}`];
  return startProcess(workerdPath(), ["serve", config, ...inspector], env);
}

/** An address as in a URL: IPv6 in brackets. */
export const hostOf = (address: string): string => (address.includes(":") ? `[${address}]` : address);

export const randomKey = (): string => randomBytes(32).toString("base64url");

/** workerd waits until its clients disconnect, which browsers do not; its rows are durable before that. */
export const stopHub = (hub: ChildProcess): Promise<void> => stopProcess(hub, 500);

/** The native program: its wrapper script would be a second process to stop. */
function workerdPath(): string {
  return (createRequire(join(ROOT, "package.json"))("workerd") as { default: string }).default;
}
