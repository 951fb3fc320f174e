/** The layers of `shared`: a file imports only from its own folder and from folders below it. */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { expect, test } from "vitest";

const ROOT = `${import.meta.dirname}/../../`;

/** From the lowest to the highest. */
const LAYERS = [
  ["limits", "refusals", "version"],
  ["net"],
  ["text"],
  ["schema"],
  ["rate-limit"],
  ["lobby"],
  ["auth"],
  ["settings"],
  ["listing"],
  ["connect"],
  ["api"],
  ["subscriptions"],
  ["link"],
];

const files = readdirSync(`${ROOT}shared`, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => `shared/${file}`);
const imports = new Map(files.map((file) => [file, importsOf(file)]));

test("every file of shared belongs to a layer", () => {
  expect(files.length).toBeGreaterThan(50);
  expect(files.filter((file) => layerOf(file) === -1)).toStrictEqual([]);
});

test("no file of shared imports from a higher layer", () => {
  const upward = files.flatMap((file) =>
    imports
      .get(file)!
      .filter((target) => layerOf(target) > layerOf(file))
      .map((target) => `${file} -> ${target}`),
  );
  expect(upward).toStrictEqual([]);
});

test("no files of shared import each other in a circle", () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    if (path.includes(file) || done.has(file)) return;
    for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toStrictEqual([]);
});

/** The folder below `shared`, or the name of a file directly in it. */
function layerOf(file: string): number {
  const name = file.split("/")[1]!.replace(/\.ts$/, "");
  return LAYERS.findIndex((names) => names.includes(name));
}

function importsOf(file: string): string[] {
  const text = readFileSync(ROOT + file, "utf8");
  const specifiers = Array.from(text.matchAll(/\bfrom "(\.[^"]+)"/g), ([, specifier]) => specifier!);
  return specifiers.map((specifier) => posix.join(posix.dirname(file), specifier));
}
