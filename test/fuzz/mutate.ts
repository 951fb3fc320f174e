/** Structure-aware mutations of recorded inputs: of their words, of their JSON values, and sometimes of their bytes. */
import type { diceOf } from "../support/dice.ts";

export type Dice = ReturnType<typeof diceOf>;
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Words at the edges of what decoders accept. */
const WORDS = [
  ..."0 -1 1 2 00 65535 65536 4294967296 9007199254740993 1e309 NaN 0x10 null true __proto__ constructor".split(" "),
  ..."127.0.0.1 192.0.2.1:5001 [::1]:1 ::ffff:192.0.2.1 0.0.0.0:0 .. %00 %zz { [ } ] , : ? / \\ '".split(" "),
  ..."\0|\n|\r\n|\u202e|\u200b|\u3164|\u{1f600}|e\u0301|\ud800|\ufeff|\xff".split("|"),
  "",
  " ",
  '"',
  "a".repeat(65),
  "a".repeat(300),
  "a".repeat(5_000),
];
const NUMBERS = [0, -1, 0.5, 1e308, -0, 2 ** 31, 2 ** 53, 2 ** 53 + 2, 65_536, Number.MIN_VALUE];

const pick = <T>(dice: Dice, from: readonly T[]): T => from[dice(from.length)]!;

/** The text with some of its words replaced, removed, repeated or swapped. `separators` has one capturing group. */
export function mutateText(dice: Dice, text: string, separators: RegExp, others: readonly string[]): string {
  const words = text.split(separators);
  for (let edits = dice(4); edits > 0; edits--) {
    const at = dice(words.length);
    const foreign = (): string => pick(dice, pick(dice, others).split(separators));
    const edit = dice(6);
    if (edit === 0) words[at] = pick(dice, WORDS);
    else if (edit === 1) words[at] = foreign();
    else if (edit === 2) words.splice(at, 1);
    else if (edit === 3) words.splice(at, 0, words[at] ?? "");
    else if (edit === 4) words.splice(at, 0, dice(2) === 0 ? pick(dice, WORDS) : foreign());
    else words.push(...words.slice(at));
    if (words.length > 200) words.length = 200;
  }
  return words.join("");
}

/** The value with some of its parts replaced, removed, repeated or nested. */
export function mutateJson(dice: Dice, value: Json): Json {
  if (dice(8) === 0) return anyJson(dice, 0);
  if (Array.isArray(value)) {
    const items = [...(value as readonly Json[])];
    const at = dice(items.length + 1);
    if (dice(3) === 0) items.splice(at, dice(2), anyJson(dice, 0));
    else if (at < items.length) items[at] = mutateJson(dice, items[at]!);
    else if (items.length > 0) items.push(...Array.from({ length: dice(50) }, () => items[0]!));
    return items;
  }
  if (typeof value === "object" && value !== null) {
    const entries: [string, Json][] = Object.entries(value);
    const at = dice(entries.length + 1);
    const [key, part] = entries[at] ?? [pick(dice, WORDS), anyJson(dice, 0)];
    const others = entries.filter(([name]) => name !== key);
    const edit = dice(5);
    if (edit === 0) return Object.fromEntries(others);
    if (edit === 1) return Object.fromEntries([...others, [pick(dice, WORDS), part]]);
    return Object.fromEntries([...others, [key, mutateJson(dice, part)]]);
  }
  return dice(3) === 0 ? anyJson(dice, 0) : typeof value === "string" ? value + pick(dice, WORDS) : pick(dice, NUMBERS);
}

function anyJson(dice: Dice, depth: number): Json {
  const kind = dice(depth > 3 ? 4 : 7);
  if (kind < 2) return pick(dice, WORDS);
  if (kind === 2) return pick(dice, NUMBERS);
  if (kind === 3) return pick(dice, [null, true, false]);
  if (kind === 4) return Array.from({ length: dice(4) }, () => anyJson(dice, depth + 1));
  if (kind === 5) return { [pick(dice, WORDS)]: anyJson(dice, depth + 1) };
  let nested: Json = pick(dice, WORDS);
  for (let levels = dice(60); levels > 0; levels--) nested = dice(2) === 0 ? [nested] : { a: nested };
  return nested;
}

/** The bytes cut, repeated, or with some of them changed. */
export function mutateBytes(dice: Dice, bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  for (let edits = dice(6); edits > 0 && changed.length > 0; edits--) changed[dice(changed.length)] = dice(256);
  const edit = dice(4);
  if (edit === 0) return changed.subarray(0, dice(changed.length + 1));
  if (edit === 1) return Buffer.concat([changed, changed.subarray(dice(changed.length + 1))]);
  return edit === 2
    ? Buffer.concat([changed, Buffer.from(Array.from({ length: dice(64) }, () => dice(256)))])
    : changed;
}
