/** Checks the relative links of all Markdown files: the target must exist, and so must the anchor of a heading. */
import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { listFiles, ROOT } from "./files.ts";

/** One line for each dead link of a page. `read` returns the text of another page, or null if it does not exist. */
export function deadLinks(path: string, text: string, read: (path: string) => string | null): string[] {
  return linksOf(text).flatMap(({ target, line }) => {
    const [file = "", anchor] = target.split("#");
    const to = file === "" ? path : posix.join(posix.dirname(path), decodeURI(file));
    const page = to === path ? text : read(to);
    if (page === null) return [`${path}:${line}: ${target}: no such file`];
    const isMissing = anchor !== undefined && to.endsWith(".md") && !anchorsOf(page).has(anchor);
    return isMissing ? [`${path}:${line}: ${target}: no such heading`] : [];
  });
}

/** Relative links outside of code, with their line numbers. */
function linksOf(text: string): { target: string; line: number }[] {
  return withoutCode(text)
    .split("\n")
    .flatMap((content, at) =>
      Array.from(content.matchAll(/\]\(([^()\s]+)\)|^\[[^\]]+\]:\s*(\S+)/g), ([, inline, definition]) => ({
        target: (inline ?? definition)!,
        line: at + 1,
      })),
    )
    .filter(({ target }) => !/^[a-z][a-z0-9+.-]*:/i.test(target));
}

/** The anchors that GitHub makes of headings; a repeated heading gets a number. */
export function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of withoutFences(page).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const slug = heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replaceAll(/[`*]/g, "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  for (const [, id] of page.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id!);
  return anchors;
}

const blank = (text: string): string => text.replaceAll(/[^\n]/g, " ");
const withoutFences = (text: string): string => text.replaceAll(/^ *(```+|~~~+)[\s\S]*?^ *\1/gm, blank);
const withoutCode = (text: string): string => withoutFences(text).replaceAll(/(`+)[^`\n]+\1/g, blank);

/** The text of a page; "" for another file or a folder; null if it does not exist. */
function readPage(path: string): string | null {
  const file = join(ROOT, path);
  if (!existsSync(file)) return null;
  return path.endsWith(".md") ? readFileSync(file, "utf8") : "";
}

if (import.meta.main) {
  const found = listFiles([".md"]).flatMap((path) => deadLinks(path, readPage(path)!, readPage));
  for (const line of found) process.stdout.write(`${line}\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
