/**
 * `npm run package:godot`: packs the Godot addon into a zip as Godot's asset library wants it: `addons/parley` alone.
 *
 * Packs the last commit, so that the same commit makes the same archive. `clients/godot/.gitattributes` names what stays out.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseCommandLine } from "./command-line.ts";

const ROOT = resolve(import.meta.dirname, "..");
const TREE = "HEAD:clients/godot";
const ADDON = "addons/parley/";
const NEEDED = ["LICENSE", "README.md", "CHANGELOG.md", "plugin.cfg", "plugin.gd", "icon.svg"];

const HELP = `
Usage: npm run package:godot [-- --out FILE]

Packs addons/parley of the last commit into FILE (dist/parley-godot-VERSION.zip) and checks what is in it.
`;

/** Throws an Error that names the first fault of the contents. */
export function checkContents(files: readonly string[]): void {
  const known = new Set(files);
  for (const file of files) {
    if (!file.startsWith(ADDON)) throw new Error(`${file} is outside of ${ADDON}`);
    if (file.endsWith(".gd") && !known.has(`${file}.uid`))
      throw new Error(`${file} has no .uid file: open the project once`);
    if (file.endsWith(".svg") && !known.has(`${file}.import`)) throw new Error(`${file} has no .import file`);
  }
  for (const file of NEEDED) if (!known.has(ADDON + file)) throw new Error(`${ADDON}${file} is missing`);
}

/** Writes the archive and returns its files. */
export function packageGodot(file: string): string[] {
  mkdirSync(dirname(file), { recursive: true });
  const tar = git("archive", "--format=tar", TREE);
  const list = execFileSync("tar", ["-t"], { input: tar, encoding: "utf8" });
  const files = list.split("\n").filter((path) => path !== "" && !path.endsWith("/"));
  checkContents(files);
  git("archive", "--format=zip", "-9", `--output=${file}`, TREE);
  return files;
}

const git = (...args: string[]): Buffer => execFileSync("git", args, { cwd: ROOT, maxBuffer: 64_000_000 });

if (import.meta.main) {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  const options = { out: { type: "string", default: `dist/parley-godot-${version}.zip` } } as const;
  const out = parseCommandLine(HELP, { options }, ({ values }) => resolve(ROOT, values.out));
  process.stdout.write(`${out}: ${packageGodot(out).length} files\n`);
}
