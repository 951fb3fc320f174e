import { expect, test } from "vitest";
import { digestOf } from "#shared/text/digest.ts";

test("texts that differ in one character, its place or their length have different digests", () => {
  const texts = ["", "a", "b", "ab", "ba", "aa", "aaa", "\u0000", "\u0000\u0000", "ä", "a\u0308"];
  for (let at = 0; at < 20_000; at++) texts.push(`{"id":"0-${at}","revision":${at % 7}}`);
  expect(new Set(texts.map(digestOf)).size).toBe(texts.length);
});

test("a digest is stable, short, and fits an ETag", () => {
  expect(digestOf("lobby")).toBe(digestOf(["lob", "by"].join("")));
  for (const text of ["", "x".repeat(100_000)]) expect(digestOf(text)).toMatch(/^[0-9a-z]{1,7}-[0-9a-z]{1,7}$/);
});
