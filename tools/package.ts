/**
 * `npm run package`: the sidecar as a folder, dist/sidecar, and as an archive, dist/parley-sidecar-VERSION.tar.gz. Its
 * sources as they are, the packages that they import, and what installs it; any Linux with Node 22.18 or newer runs it.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";

const ROOT = resolve(import.meta.dirname, "..");
/** Packages that the sidecar imports; koffi alone is for DTLS, with a prebuilt program for this kind of machine. */
const IMPORTED = ["pino", "prom-client", "ws", "koffi"];
/** What a package of npm brings that no running program reads. */
const IDLE = /\/(test|tests|docs?|src|vendor|benchmarks|examples|\.github)$|\.(md|map|d\.ts|d\.mts|d\.cts|lock)$/;

type Lock = {
  readonly packages: Readonly<Record<string, { dependencies?: object; optionalDependencies?: object }>>;
};

export async function packageSidecar(folder: string): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const { version, license, imports } = JSON.parse(await text("package.json")) as Record<string, unknown>;
  const manifest = { name: "parley-sidecar", version, private: true, license, type: "module", imports };
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const room of ["shared", "udp-sidecar"]) {
    await cp(join(ROOT, room), join(folder, room), { recursive: true, filter: sources });
  }
  await cp(join(ROOT, "deploy/sidecar"), folder, { recursive: true });
  for (const file of [".env.example", "LICENSE", "docs/operate/operate.md", "docs/operate/security.md"]) {
    await cp(join(ROOT, file), join(folder, file));
  }
  for (const name of needed(JSON.parse(await text("package-lock.json")) as Lock)) {
    const from = join(ROOT, "node_modules", name);
    const filter = (path: string): boolean => name === "koffi" || !IDLE.test(path.slice(from.length));
    await cp(from, join(folder, "node_modules", name), { recursive: true, filter });
  }
  return folder;
}

const sources = (path: string): boolean => !path.endsWith("tsconfig.json");

/** The packages imported and those that they need, as far as they are installed here. */
function needed({ packages }: Lock): Set<string> {
  const all = new Set<string>();
  const visit = (name: string): void => {
    if (all.has(name) || !existsSync(join(ROOT, "node_modules", name))) return;
    all.add(name);
    const { dependencies = {}, optionalDependencies = {} } = packages[`node_modules/${name}`] ?? {};
    for (const other of Object.keys({ ...dependencies, ...optionalDependencies })) visit(other);
  };
  for (const name of IMPORTED) visit(name);
  return all;
}

const text = (file: string): Promise<string> => readFile(join(ROOT, file), "utf8");

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: "string", default: join(ROOT, "dist/sidecar") } } });
  const folder = await packageSidecar(resolve(values.out));
  const { version } = JSON.parse(await text("package.json")) as { version: string };
  const archive = join(folder, `../parley-sidecar-${version}.tar.gz`);
  // Nothing of who made it, nor when: the same sources make the same archive.
  const still = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
  const name = `s,^\\.,parley-sidecar-${version},`;
  await promisify(execFile)("tar", [...still, "--transform", name, "-czf", archive, "-C", folder, "."]);
  process.stdout.write(`${folder}\n${archive}\n`);
}
