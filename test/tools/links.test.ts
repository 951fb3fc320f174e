/** The link check finds dead files and dead anchors, and nothing else. */
import { expect, test } from "vitest";
import { anchorsOf, deadLinks } from "../../tools/checks/links.ts";

const PAGES: Record<string, string> = {
  "README.md": "# Parley\n\n## Ports",
  "docs/guide.md": "# Guide\n\n## Two words, `code` & more\n\n## Same\n\n## Same\n\n```\n## Not a heading\n```\n",
  "tools/check.ts": "",
};
const read = (path: string): string | null => PAGES[path] ?? null;
const dead = (text: string): string[] => deadLinks("docs/page.md", text, read);

test.each([
  "[guide](guide.md)",
  "[up](../README.md#ports)",
  "[code](guide.md#two-words-code--more)",
  "[second](guide.md#same-1)",
  "[source](../tools/check.ts)",
  "[web](https://example.com/nothing.md)",
  "[mail](mailto:a@example.com)",
  "# Here\n\n[here](#here)",
  "`[code](missing.md)`",
  "```\n[fenced](missing.md)\n```",
])("a good link is not reported: %s", (text) => {
  expect(dead(text)).toStrictEqual([]);
});

test.each([
  ["a missing file", "one\n[x](missing.md)", "docs/page.md:2: missing.md: no such file"],
  ["a missing heading", "[x](guide.md#gone)", "docs/page.md:1: guide.md#gone: no such heading"],
  ["a heading in code", "[x](guide.md#not-a-heading)", "docs/page.md:1: guide.md#not-a-heading: no such heading"],
  ["a missing heading of the page", "[x](#gone)", "docs/page.md:1: #gone: no such heading"],
  ["a missing definition", "[x]: missing.md", "docs/page.md:1: missing.md: no such file"],
])("%s is reported", (_, text, line) => {
  expect(dead(text)).toStrictEqual([line]);
});

test("anchors are those of GitHub", () => {
  expect([...anchorsOf("# A [link](b.md)\n## Größe: 1 / 2\n### `--help`")]).toStrictEqual([
    "a-link",
    "größe-1--2",
    "--help",
  ]);
});
