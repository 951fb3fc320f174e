/** The packaged sidecar: one file, whose stack traces name the sources. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundleSidecar } from "../../tools/bundle-sidecar.ts";
import { packageSidecar } from "../../tools/package.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-package-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("the package is one program with its map and licences, and koffi beside it", async () => {
  const made = await packageSidecar(join(folder, "package"));
  const files = await readdir(made);
  expect(files.filter((name) => /\.(mjs|map|txt)$/.test(name)).toSorted()).toStrictEqual([
    "THIRD-PARTY-LICENSES.txt",
    "sidecar.mjs",
    "sidecar.mjs.map",
  ]);
  expect((await readdir(join(made, "node_modules"))).filter((name) => !/koffi|koromix/.test(name))).toStrictEqual([]);
  const licenses = await readFile(join(made, "THIRD-PARTY-LICENSES.txt"), "utf8");
  for (const name of ["pino", "prom-client", "ws"]) expect(licenses).toMatch(new RegExp(`^${name}\\n\\n`, "m"));
  const map = JSON.parse(await readFile(join(made, "sidecar.mjs.map"), "utf8")) as { sources: string[] };
  expect(map.sources).toContain("udp-sidecar/core/exchange.ts");
  expect(map.sources.filter((source) => /^(\/|\.\.)/.test(source))).toStrictEqual([]);
  const { stdout } = await run(process.execPath, [join(made, "sidecar.mjs"), "--help"]);
  expect(stdout).toContain("PARLEY_HUB=VALUE");
});

test("an error of the packaged program names function, source, line and column", async () => {
  const sources = join(folder, "sources");
  await mkdir(join(sources, "udp-sidecar"), { recursive: true });
  await cp(join(ROOT, "udp-sidecar/packaged"), join(sources, "udp-sidecar/packaged"), { recursive: true });
  await cp(join(ROOT, "package.json"), join(sources, "package.json"));
  await symlink(join(ROOT, "node_modules"), join(sources, "node_modules"));
  const program = 'type Unused = string;\n\nfunction fails(): never {\n  throw new TypeError("no");\n}\nfails();\n';
  await writeFile(join(sources, "udp-sidecar/main.ts"), program);
  await bundleSidecar(sources, join(folder, "failing"));
  const failed = run(process.execPath, [join(folder, "failing/sidecar.mjs")]);
  await expect(failed).rejects.toThrow("TypeError: no\n    at fails (udp-sidecar/main.ts:4:9)");
  await rm(join(folder, "failing/sidecar.mjs.map"));
  const unmapped = run(process.execPath, [join(folder, "failing/sidecar.mjs")]);
  await expect(unmapped).rejects.toThrow(/TypeError: no\n {4}at fails \(file:.*sidecar\.mjs:/);
});
