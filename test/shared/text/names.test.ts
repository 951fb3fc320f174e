/** Names that people read: what is refused on every wire, and which names look the same. */
import { describe, expect, test } from "vitest";
import { DISPLAY_NAME_PATTERN, looksLike, mixesAlphabets, READABLE_PATTERN } from "#shared/text/names.ts";
import { recordFigure } from "../../support/attack-figures.ts";

const UNREADABLE = [
  ["a zero width space", "\u200B"],
  ["a Hangul filler", "\u3164"],
  ["a soft hyphen", "\u00AD"],
  ["an empty Braille cell", "\u2800"],
  ["tag characters", "\u{E0041}\u{E0042}"],
  ["a variation selector", "\uFE0F"],
  ["joiners", "\u200D\u200C"],
  ["a no-break space", "\u00A0"],
  ["a direction override", "ab\u202Ecd"],
  ["a direction isolate", "ab\u2067cd"],
  ["a direction mark", "ab\u200Fcd"],
  ["a line separator", "ab\u2028cd"],
  ["a control character", "ab\u0007cd"],
  ["a lone surrogate", "ab\uD800"],
] as const;

describe("a displayed name", () => {
  test.each(["x", "Zoë 漢", "👩‍👩‍👧", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "a\u00ADb", "عربي", "\u{10FFFD}"])("is valid: %j", (name) => {
    expect(DISPLAY_NAME_PATTERN.test(name)).toBe(true);
    expect(READABLE_PATTERN.test(name)).toBe(true);
  });

  test.each(UNREADABLE)("is refused: %s", (_, name) => {
    expect(DISPLAY_NAME_PATTERN.test(name)).toBe(false);
    expect(READABLE_PATTERN.test(name)).toBe(false);
  });
});

test("unreadable names are refused on every wire", ({ task }) => {
  const accepted = UNREADABLE.filter(([, name]) => DISPLAY_NAME_PATTERN.test(name) || READABLE_PATTERN.test(name));
  expect(accepted).toStrictEqual([]);
  recordFigure(task, {
    order: 110,
    attack: "names that are invisible or change the writing direction",
    before: "they are in the public list",
    after: `${accepted.length} of ${UNREADABLE.length} kinds are accepted`,
  });
});

test.each([
  ["Alice", "alice", true],
  ["Alice", "Ａlice", true],
  ["Alice", "A\u200Blice", true],
  ["Alice", "Alice\u2800", true],
  ["Ann Lee", "Ann\u00A0Lee", true],
  // Cyrillic, Greek, Cherokee, and lookalikes among ASCII letters and digits.
  ["Alice", "\u0410lice", true],
  ["Alice", "\u0430LICE", true],
  ["Alice", "Alic\u0435", true],
  ["AHMET", "\u0391\u0397\u039C\u0395\u03A4", true],
  ["Alice", "\u13AAlice", true],
  ["Pool", "P00l", true],
  ["Ill", "lll", true],
  ["Alice", "A1ice", true],
  ["\u0410\u043B\u0438\u0441\u0430", "Alisa", false],
  ["Alice", "Alicia", false],
  ["Zoë", "Zoe", false],
])("%j and %j look the same: %j", (a, b, same) => {
  expect(looksLike(a, b)).toBe(same);
});

test.each([
  ["Ni\u0441e", true],
  ["The \u0410rena", true],
  ["Ar\u03B5na", false],
  ["Nice", false],
  ["Zo\u00EB's \u6F22", false],
  ["\u041D\u0438\u043A\u0438\u0442\u0430", false],
  ["Team \u0430", false],
  ["Nice \u041A\u0438\u043D\u043E 2", false],
])("%j mixes alphabets in a word: %j", (name, mixes) => {
  expect(mixesAlphabets(name)).toBe(mixes);
});
