/** Code blocks of a documentation page, as they are written there: what tests run. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");

/** Blocks of this language, in order. */
export function blocksOf(page: string, language: string): string[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  const blocks = text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"));
  return Array.from(blocks, ([, code = ""]) => code);
}

/** The block whose first line is a comment with this file name. */
export function fileBlock(page: string, language: string, file: string, wanted = ""): string {
  const block = blocksOf(page, language).find(
    (code) => /^(#|\/\/) (\S+)\n/.exec(code)?.[2] === file && code.includes(wanted),
  );
  if (block === undefined) throw new Error(`${page} has no block ${file}`);
  return block;
}

/** Replaces a text that must be there, such as the hub's address. */
export function substitute(code: string, text: string, by: string): string {
  if (!code.includes(text)) throw new Error(`no ${text} in ${code.slice(0, 80)}`);
  return code.replaceAll(text, by);
}
