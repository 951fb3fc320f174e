/** `npm run release` in a temporary clone: it refuses with one line, or makes a commit and a tag. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const PLUGIN = "clients/godot/addons/parley/plugin.cfg";
const NOTES = "# Changes\n\n## Unreleased\n\n- Lobbies have names.\n\n## 0.0.1 - 2026-01-01\n\n- The first one.\n";

let clone: string;

/** A repository with the real tools, manifests and docs; its check passes unless a file `broken` exists. */
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), "parley-release-"));
  const copied = [
    "package.json",
    "package-lock.json",
    "tools",
    "shared/version.ts",
    "clients/typescript/package.json",
    "docs/openapi.json",
    "docs/operate/deploy.md",
  ];
  for (const path of copied) cpSync(join(ROOT, path), join(clone, path), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(clone, "node_modules"));
  write(".gitignore", "node_modules\n");
  write(PLUGIN, '[plugin]\nname="Parley"\nversion="0.0.1"\n');
  write("CHANGELOG.md", NOTES);
  const manifest = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  manifest.scripts["check"] = "test ! -e broken || { echo 'FAIL  lint  7 ms'; exit 1; }";
  write("package.json", `${JSON.stringify(manifest, null, 2)}\n`);
  git("init", "--quiet");
  git("config", "user.name", "Maintainer");
  git("config", "user.email", "maintainer@example.com");
  git("config", "commit.gpgsign", "false");
  git("config", "tag.gpgsign", "false");
  commit();
});
afterEach(() => rmSync(clone, { recursive: true }));

test("a release sets every version, dates the notes, commits and tags", () => {
  expect(release("1.2.3")).toStrictEqual([0, expect.stringContaining("Released 1.2.3."), ""]);
  for (const file of ["package.json", "clients/typescript/package.json"]) {
    expect(JSON.parse(read(file))).toMatchObject({ version: "1.2.3" });
  }
  expect(JSON.parse(read("package-lock.json"))).toMatchObject({
    version: "1.2.3",
    packages: { "": { version: "1.2.3" } },
  });
  expect(read("shared/version.ts")).toContain('VERSION = "1.2.3"');
  expect(read(PLUGIN)).toContain('version="1.2.3"');
  expect(read("docs/operate/deploy.md")).not.toMatch(/parley-sidecar-(?!1\.2\.3)[0-9]/);
  const today = new Date().toISOString().slice(0, 10);
  expect(read("CHANGELOG.md")).toBe(NOTES.replace("## Unreleased\n", `## Unreleased\n\n## 1.2.3 - ${today}\n`));
  expect(read("docs/openapi.released.json")).toBe(read("docs/openapi.json"));
  expect(git("status", "--porcelain")).toBe("");
  expect(git("describe", "--exact-match")).toBe("v1.2.3");
  expect(git("log", "-1", "--format=%s")).toBe("release: publish version 1.2.3");
});

test("the next release needs new notes and a newer version", () => {
  release("1.2.3");
  expect(refusal("1.3.0")).toMatch(/^CHANGELOG\.md has no notes under `## Unreleased`.*\n$/);
  write("CHANGELOG.md", read("CHANGELOG.md").replace("## Unreleased\n", "## Unreleased\n\n- More.\n"));
  commit();
  expect(refusal("1.2.3")).toBe("1.2.3 is not newer than the last release, 1.2.3.\n");
  expect(refusal("1.1.9")).toBe("1.1.9 is not newer than the last release, 1.2.3.\n");
  expect(release("1.10.0")[0]).toBe(0);
  expect(refusal("1.9.0")).toBe("1.9.0 is not newer than the last release, 1.10.0.\n");
});

test.each(["1.2", "v1.2.3", "1.2.3-beta", "01.2.3", "latest"])("%s is refused as a version", (version) => {
  expect(refusal(version)).toBe(`${version} is not a version: use X.Y.Z.\n`);
});

test("a work tree with changes is refused", () => {
  write("new-file", "");
  expect(refusal("1.2.3")).toBe("The work tree has changes: commit or remove them.\n");
});

test("a failing check is refused by name, and nothing is written", () => {
  write("broken", "");
  commit();
  expect(refusal("1.2.3")).toBe("npm run check fails: lint.\n");
  expect(git("status", "--porcelain")).toBe("");
  expect(existsSync(join(clone, "docs/openapi.released.json"))).toBe(false);
});

function release(version: string): [status: number | null, stdout: string, stderr: string] {
  const args = [join(clone, "tools/release/main.ts"), version];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: clone, encoding: "utf8" });
  return [status, stdout, stderr];
}

/** The message of a refused release; the refusal must leave no commit and no tag. */
function refusal(version: string): string {
  const before = git("log", "--format=%h %d");
  const [status, stdout, stderr] = release(version);
  expect([status, stdout, git("log", "--format=%h %d")]).toStrictEqual([1, "", before]);
  return stderr;
}

function git(...args: string[]): string {
  return execFileSync("git", args, { cwd: clone, encoding: "utf8" }).trim();
}

function commit(): void {
  git("add", "--all");
  git("commit", "--quiet", "--message", "test: set up");
}

function read(file: string): string {
  return readFileSync(join(clone, file), "utf8");
}

function write(file: string, text: string): void {
  mkdirSync(dirname(join(clone, file)), { recursive: true });
  writeFileSync(join(clone, file), text);
}
