/** The hub's bundle: built by wrangler as for a deployment, and built again only if a source has changed. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

const ROOT = resolve(import.meta.dirname, "../..");
export const BUNDLE = join(ROOT, "dist/hub");
/** Everything that the bundle is made of; the lock file stands for the packages. */
const INPUTS = [
  "worker/**/*.*",
  "shared/**/*.*",
  "clients/typescript/src/**/*.*",
  "clients/typescript/examples/web/*.*",
  "wrangler.toml",
  "package.json",
  "package-lock.json",
];
/** The demo game in the site, which the build itself writes. */
const OUTPUT = "worker/site/play/**";
/** Turns off wrangler's network requests, which the bundle does not need. */
const OFFLINE = { WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_HIDE_BANNER: "true" };

/** Builds the bundle as `wrangler deploy` does, and returns its folder. */
export async function bundleHub(folder: string): Promise<string> {
  const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  const args = [wrangler, "deploy", "--dry-run", "--outdir", folder];
  await promisify(execFile)(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...OFFLINE } });
  return folder;
}

/** Makes `dist/hub` the bundle of the present sources. Calls `onBuild` first if it has to be built. */
export async function currentBundle(onBuild: () => void = () => {}): Promise<string> {
  const marker = join(BUNDLE, "inputs.sha256");
  const digest = await digestOf(INPUTS);
  if (existsSync(join(BUNDLE, "index.js")) && (await readFile(marker, "utf8").catch(() => "")) === digest)
    return BUNDLE;
  onBuild();
  // A build that is interrupted leaves the last bundle as it was, and two at once do not meet.
  await mkdir(dirname(BUNDLE), { recursive: true });
  const work = await mkdtemp(`${BUNDLE}-`);
  try {
    const built = await bundleHub(join(work, "new"));
    await writeFile(join(built, "inputs.sha256"), digest);
    await rename(BUNDLE, join(work, "old")).catch(unless("ENOENT"));
    await rename(built, BUNDLE).catch(unless("ENOTEMPTY"));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return BUNDLE;
}

/** Ignores one error: another build came first. */
const unless =
  (code: string) =>
  (error: NodeJS.ErrnoException): void => {
    if (error.code !== code) throw error;
  };

async function digestOf(patterns: readonly string[]): Promise<string> {
  const files: string[] = [];
  for await (const file of glob(patterns, { cwd: ROOT, exclude: [OUTPUT] })) files.push(file);
  const hash = createHash("sha256");
  for (const file of files.toSorted()) {
    const bytes = await readFile(join(ROOT, file));
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}
