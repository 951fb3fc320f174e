/**
 * The steps of a release. Everything that can refuse comes before the first write.
 *
 * Versions are written by text replacement, so that the formatting of the files stays as it is.
 */
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** A reason not to release, as one line for the maintainer. */
export class ReleaseRefused extends Error {}

const run = promisify(execFile);
const VERSION_PATTERN = /^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$/;

export async function release(root: string, version: string, today: Date): Promise<void> {
  const git = async (...args: string[]): Promise<string> => (await run("git", args, { cwd: root })).stdout.trim();
  if (!VERSION_PATTERN.test(version)) throw new ReleaseRefused(`${version} is not a version: use X.Y.Z.`);
  if ((await git("status", "--porcelain")) !== "") {
    throw new ReleaseRefused("The work tree has changes: commit or remove them.");
  }
  const last = newest((await git("tag", "--list", "v*")).split("\n").map((tag) => tag.slice(1)));
  if (last !== null && compareVersions(version, last) <= 0) {
    throw new ReleaseRefused(`${version} is not newer than the last release, ${last}.`);
  }
  const changelog = datedChangelog(await readFile(join(root, "CHANGELOG.md"), "utf8"), version, today);
  await check(root);

  await writeFile(join(root, "CHANGELOG.md"), changelog);
  await writeVersions(root, version);
  await copyFile(join(root, "docs/openapi.json"), join(root, "docs/openapi.released.json"));
  await git("add", "--all");
  await git("commit", "--quiet", "--message", `release: publish version ${version}`);
  await git("tag", "--annotate", `v${version}`, "--message", `Version ${version}`);
}

/** The changelog with the notes of Unreleased moved to a dated section. */
export function datedChangelog(text: string, version: string, today: Date): string {
  const [, notes] = /^## Unreleased\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(text) ?? [];
  if (notes === undefined || !/^\s*[-*] /m.test(notes)) {
    throw new ReleaseRefused("CHANGELOG.md has no notes under `## Unreleased`: add a line for each change.");
  }
  const date = today.toISOString().slice(0, 10);
  return text.replace("## Unreleased\n", `## Unreleased\n\n## ${version} - ${date}\n`);
}

async function check(root: string): Promise<void> {
  try {
    await run("npm", ["run", "check"], { cwd: root, maxBuffer: 10_000_000 });
  } catch (error) {
    const { stdout = "" } = error as { stdout?: string };
    const failed = Array.from(stdout.matchAll(/^FAIL {2}(.+?) {2}/gm), ([, name]) => name!);
    throw new ReleaseRefused(`npm run check fails${failed.length > 0 ? `: ${failed.join(", ")}` : ""}.`);
  }
}

/** Sets the version of every package and plugin, of the software itself, and in the archive names of the docs. */
async function writeVersions(root: string, version: string): Promise<void> {
  const clients = readdirSync(join(root, "clients"));
  const manifests = ["package.json", ...clients.map((client) => `clients/${client}/package.json`)];
  for (const manifest of manifests) await replace(root, manifest, /("version": ")[^"]+/, version);
  for (const lock of manifests.map((manifest) => manifest.replace("package.json", "package-lock.json"))) {
    // The first two versions of a lock file are those of the package itself.
    await replace(root, lock, /("version": ")[^"]+/, version);
    await replace(root, lock, /("packages": \{\s+"": \{[^}]*?"version": ")[^"]+/, version);
  }
  for (const plugin of pluginsOf(root)) await replace(root, plugin, /^(version=")[^"]+/m, version);
  await replace(root, "shared/version.ts", /(VERSION = ")[^"]+/, version);
  await replace(root, "docs/operate/deploy.md", /(parley-sidecar-)[0-9]+\.[0-9]+\.[0-9]+/g, version);
}

/** The plugin.cfg files of the Godot client. */
function pluginsOf(root: string): string[] {
  const folder = "clients/godot";
  if (!existsSync(join(root, folder))) return [];
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  return files.filter((file) => file.endsWith("plugin.cfg")).map((file) => `${folder}/${file}`);
}

/** Replaces what follows the pattern's first group; does nothing if the file does not exist. */
async function replace(root: string, file: string, pattern: RegExp, version: string): Promise<void> {
  const path = join(root, file);
  if (!existsSync(path)) return;
  const text = await readFile(path, "utf8");
  if (text.search(pattern) < 0) throw new Error(`${file} has no version`);
  await writeFile(
    path,
    text.replace(pattern, (_, before: string) => `${before}${version}`),
  );
}

function newest(versions: readonly string[]): string | null {
  return (
    versions
      .filter((version) => VERSION_PATTERN.test(version))
      .toSorted(compareVersions)
      .at(-1) ?? null
  );
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split(".").map(Number), b.split(".").map(Number)];
  const at = left.findIndex((part, place) => part !== right[place]);
  return at < 0 ? 0 : left[at]! - right[at]!;
}
