/**
 * Checks the prose of this project against the list of language-rules.ts.
 *
 * It reads comments, texts and test names of the sources, the docs, scripts and settings, and new commit subjects.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { listFiles, ROOT } from "./files.ts";
import { RULES, SUBJECTS_SINCE } from "./language-rules.ts";
import { proseOf } from "./prose.ts";

const CODE = [".ts", ".js", ".cjs", ".mjs"];
const TEXT = [".md", ".html", ".css", ".sh", ".yml", ".toml", ".service", ".conf", ".gd", "Dockerfile", "Caddyfile"];
/** Files that must quote banned words: the list, its test, and the list of former identifiers. */
const EXEMPT = new Set([
  "tools/checks/language-rules.ts",
  "test/tools/language.test.ts",
  "test/support/structure-rules.ts",
]);

/** One line for each banned word in a text, with its line number. */
export function findBannedWords(path: string, text: string): string[] {
  const prose = CODE.includes(extname(path)) ? proseOf(text) : text;
  return prose
    .split("\n")
    .flatMap((line, at) =>
      RULES.flatMap(({ pattern, instead }) =>
        Array.from(line.matchAll(pattern), ([word]) => `${path}:${at + 1}: "${word}": ${instead}`),
      ),
    );
}

/** The subjects of new commits; none in a checkout without a repository. */
function newSubjects(): string[] {
  try {
    const args = ["log", "--no-merges", `--since=${SUBJECTS_SINCE}`, "--format=%h %s"];
    const output = execFileSync("git", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return output.split("\n").filter((line) => line !== "");
  } catch {
    return [];
  }
}

if (import.meta.main) {
  const files = listFiles([...CODE, ...TEXT]).filter((path) => !EXEMPT.has(path));
  const found = [
    ...files.flatMap((path) => findBannedWords(path, readFileSync(join(ROOT, path), "utf8"))),
    ...newSubjects().flatMap((subject) => findBannedWords(`commit ${subject.split(" ")[0]}`, subject)),
  ];
  for (const line of found) process.stdout.write(`${line}\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
