/** Lists the project's own files. It reads folders instead of asking git, because archives have no repository. */
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");

/** Folders of tools and of results. */
const SKIPPED = new Set(["node_modules", "dist", "play", ".git", ".wrangler", ".parley", ".parley-hub", "coverage"]);

/** Paths relative to the root, of the files whose names end with one of the extensions. */
export function listFiles(extensions: readonly string[], root = ROOT, folder = ""): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => !SKIPPED.has(name))
    .flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return listFiles(extensions, root, path);
      return extensions.some((extension) => path.endsWith(extension)) ? [path] : [];
    })
    .toSorted();
}
