/**
 * One rule for the names that people read, on every wire: no control characters, no line breaks, no marks that change the
 * writing direction of what follows, no lone surrogates, and at least one visible character.
 */
import { replaceLookalikes } from "./confusables.ts";

/** Invisible: default-ignorable characters (U+00AD, U+200B, U+3164, tags, variation selectors), spaces, U+2800. */
const VISIBLE = String.raw`(?=.*[^\p{Default_Ignorable_Code_Point}\p{Z}\p{Cc}\p{Cf}\p{Cs}\u2800])`;
const FORBIDDEN = String.raw`\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069`;

/** A displayed name. It has no space at either end. */
export const DISPLAY_NAME_PATTERN = new RegExp(`^(?!\\s)${VISIBLE}[^${FORBIDDEN}]+(?<!\\s)$`, "u");

/** The same for wires whose clients may send spaces at the ends. */
export const READABLE_PATTERN = new RegExp(`^${VISIBLE}[^${FORBIDDEN}]+$`, "u");

/** Whether two displayed names look the same, with or without regard to case. */
export const looksLike = (a: string, b: string): boolean =>
  skeleton(a) === skeleton(b) || replaceLookalikes(visible(a)) === replaceLookalikes(visible(b));

/** A name as it looks, for comparisons: without case, and with lookalikes of other alphabets replaced. */
export const skeleton = (name: string): string => replaceLookalikes(visible(name).toLowerCase()).toLowerCase();

/** Without compatibility forms and invisible characters. */
const visible = (name: string): string =>
  name
    .normalize("NFKC")
    .replaceAll(/[\p{Default_Ignorable_Code_Point}\u2800]/gu, "")
    .replaceAll(/\p{Z}+/gu, " ")
    .trim();

/**
 * Whether a word has ASCII letters and letters of other alphabets that look like them, as no language writes: "Ni\u0441e"
 * with a Cyrillic letter can imitate another name.
 */
export const mixesAlphabets = (name: string): boolean =>
  /[^\p{ASCII}]/u.test(name) &&
  name
    .normalize("NFKC")
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .some((word) => /[A-Za-z]/.test(word) && Array.from(word).some(isLookalike));

const isLookalike = (character: string): boolean =>
  character.codePointAt(0)! > 0x7f && /^[A-Za-z]+$/.test(replaceLookalikes(character));
