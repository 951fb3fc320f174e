/** The banned-word check finds what it bans, in prose only. */
import { describe, expect, test } from "vitest";
import { findBannedWords } from "../../tools/checks/language.ts";
import { RULES } from "../../tools/checks/language-rules.ts";
import { proseOf } from "../../tools/checks/prose.ts";

const words = (path: string, text: string): string[] =>
  findBannedWords(path, text).map((line) => /: "(.+?)": /.exec(line)![1]!);

/** One example for each rule, in the order of the list. */
const EXAMPLES = [
  "The list is for whoever asks.",
  "Somebody asks for it.",
  "The host lets the peer in, and he joins.",
  "The bundle is made anew.",
  "The port whence it came.",
  "The joiner would punch in vain.",
  "The socket stays open for ever.",
  "Two at the most.",
  "The queue is empty but for the hello.",
  "A socket of its own.",
  "The host thought better of it.",
  "The lobby is listed as far as it is known.",
  "Fields, values and the like.",
  "The peer is told its address.",
  "The whole house restarts.",
  "The cost is borne by the hub.",
  "The NAT may hold a grudge.",
  "The list is empty where nobody hosts.",
];

test("every rule finds its example, and only that rule does", () => {
  expect(EXAMPLES).toHaveLength(RULES.length);
  for (const [at, example] of EXAMPLES.entries()) {
    const matching = RULES.filter(({ pattern }) => example.search(pattern) >= 0);
    expect([example, matching]).toStrictEqual([example, [RULES[at]]]);
  }
});

test.each([
  "The hub sends the list to each subscriber.",
  "Use your own keys, not for the hub but for the sidecar.",
  "The client retries as far back as 30 s.",
  "It runs forever. The client told its age. Her, the, then, this, history, warehouse, anewarray.",
])("plain English is not reported: %s", (text) => {
  expect(words("docs/page.md", text)).toStrictEqual([]);
});

describe("in a source file", () => {
  test.each([
    ["a line comment", "const a = 1; // made anew"],
    ["a block comment", "/**\n * Made anew.\n */\nconst a = 1;"],
    ["a string", 'throw new Error("made anew");'],
    ["a template", "const text = `made ${count} anew`;"],
    ["the end of a template with braces", "const text = `made ${{ a: `${b}` }.a} anew`;"],
    ["a comment behind a regular expression", "const quote = /[\"'`/]/; // made anew"],
    ["a comment behind a division", "const half = a / 2; // made anew / again"],
  ])("%s is checked", (_, source) => {
    expect(words("tools/a.ts", source)).toStrictEqual(["anew"]);
  });

  test.each(["const anew = house.told;", "const text = `${anew}`;", "const match = /anew/.exec(text);"])(
    "code is not checked: %s",
    (source) => {
      expect(words("tools/a.ts", source)).toStrictEqual([]);
    },
  );

  test("the line of a finding is the line of the file", () => {
    const source = "const a = `\n${b}\n`;\n\n// made anew\n";
    expect(findBannedWords("tools/a.ts", source)).toStrictEqual([expect.stringContaining("tools/a.ts:5: ")]);
    expect(proseOf(source).split("\n")).toHaveLength(source.split("\n").length);
  });
});
