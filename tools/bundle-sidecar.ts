/**
 * The sidecar as one file, sidecar.mjs, with its source map and the licences of what it contains. koffi stays outside,
 * because it is a native library.
 */
import { readFile, writeFile } from "node:fs/promises";
import { readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { build } from "esbuild";

export const SIDECAR_BUNDLE = "sidecar.mjs";
const LICENSES = "THIRD-PARTY-LICENSES.txt";
/** The oldest Node that the sidecar runs on. */
const TARGET = "node22.18";
/** Packages in the older module format call `require` for Node's own modules. */
const REQUIRE = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

/** Bundles the sources in `root` into `folder`. */
export async function bundleSidecar(root: string, folder: string): Promise<void> {
  const outfile = join(folder, SIDECAR_BUNDLE);
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ["udp-sidecar/packaged/main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: TARGET,
    external: ["koffi"],
    banner: { js: REQUIRE },
    // A debugger finds the map by itself. Names of functions stay as they are.
    sourcemap: "linked",
    sourcesContent: false,
    legalComments: "none",
    metafile: true,
    logLevel: "error",
  });
  const map = JSON.parse(await readFile(`${outfile}.map`, "utf8")) as { sources: string[] };
  map.sources = map.sources.map((source) => relative(root, resolve(folder, source)));
  await writeFile(`${outfile}.map`, JSON.stringify(map));
  await writeFile(join(folder, LICENSES), await licensesOf(root, Object.keys(metafile.inputs)));
}

/** The licence texts of the packages that these files belong to. */
async function licensesOf(root: string, files: readonly string[]): Promise<string> {
  const folders = new Set(files.flatMap((file) => packageFolder(file) ?? []));
  const texts: string[] = [];
  for (const folder of [...folders].toSorted()) {
    const name = readdirSync(join(root, folder)).find((file) => /^licen[cs]e/i.test(file));
    if (name === undefined) throw new Error(`${folder} has no licence file`);
    const text = await readFile(join(root, folder, name), "utf8");
    texts.push(`${folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length)}\n\n${text.trim()}\n`);
  }
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

/** node_modules/NAME or node_modules/@SCOPE/NAME; null for a file of the sidecar itself. */
const packageFolder = (file: string): string | null => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? null;
