/**
 * `npm run package`: packs the sidecar into a folder and an archive that any Linux machine with Node can run.
 *
 * The package contains the sidecar as one file, koffi and the install script, so that the VPS needs no npm.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { bundleSidecar } from "./bundle-sidecar.ts";
import { parseCommandLine } from "./command-line.ts";

const ROOT = resolve(import.meta.dirname, "..");
/** Packages beside the bundle. koffi contains a native library for this machine's platform. */
const BESIDE = ["koffi"];

const HELP = `
Usage: npm run package [-- --out DIR]

Packs the sidecar as one file with its source map and install script into DIR (dist/sidecar), and into the archive
parley-sidecar-VERSION.tar.gz beside it.
`;

type Lock = {
  readonly packages: Readonly<Record<string, { dependencies?: object; optionalDependencies?: object }>>;
};

/** `sources`: the folder that has the sidecar's sources, and its package.json. */
export async function packageSidecar(folder: string, sources = ROOT): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const { version, license } = JSON.parse(await text("package.json")) as Record<string, unknown>;
  const manifest = { name: "parley-sidecar", version, private: true, license, type: "module" };
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  await bundleSidecar(sources, folder);
  await cp(join(ROOT, "deploy/sidecar"), folder, { recursive: true });
  for (const file of [".env.example", "LICENSE", "docs/operate/operate.md", "docs/operate/security.md"]) {
    await cp(join(ROOT, file), join(folder, file));
  }
  for (const name of requiredPackages(JSON.parse(await text("package-lock.json")) as Lock)) {
    await cp(join(ROOT, "node_modules", name), join(folder, "node_modules", name), { recursive: true });
  }
  return folder;
}

/** These packages and their dependencies, except optional ones that are not installed. */
function requiredPackages({ packages }: Lock): Set<string> {
  const all = new Set<string>();
  const visit = (name: string): void => {
    if (all.has(name) || !existsSync(join(ROOT, "node_modules", name))) return;
    all.add(name);
    const { dependencies = {}, optionalDependencies = {} } = packages[`node_modules/${name}`] ?? {};
    for (const other of Object.keys({ ...dependencies, ...optionalDependencies })) visit(other);
  };
  for (const name of BESIDE) visit(name);
  return all;
}

const text = (file: string): Promise<string> => readFile(join(ROOT, file), "utf8");

if (import.meta.main) {
  const options = { out: { type: "string", default: join(ROOT, "dist/sidecar") } } as const;
  const out = parseCommandLine(HELP, { options }, ({ values }) => resolve(values.out));
  const folder = await packageSidecar(out);
  const { version } = JSON.parse(await text("package.json")) as { version: string };
  const archive = join(folder, `../parley-sidecar-${version}.tar.gz`);
  // No owner and no time: the same sources make the same archive.
  const reproducible = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
  const name = `s,^\\.,parley-sidecar-${version},`;
  await promisify(execFile)("tar", [...reproducible, "--transform", name, "-czf", archive, "-C", folder, "."]);
  process.stdout.write(`${folder}\n${archive}\n`);
}
