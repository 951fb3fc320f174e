/**
 * `.env.example` is the reference that is copied. Each setting stands there once, its help in a comment right above
 * it: `PARLEY_X=value`, or `# PARLEY_X=` where leaving it out means something that no value can say.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { defaults, helpText, parseConfig } from "../../../udp-sidecar/config/config.ts";

const KEY = { PARLEY_KEY: "key-of-the-house" };

describe(".env.example", () => {
  const lines = readFileSync(`${import.meta.dirname}/../../../.env.example`, "utf8").split("\n");
  const settings = lines.flatMap((line, index) => {
    const match = /^(# )?(PARLEY_[A-Z_]*)=(.*)$/.exec(line);
    return match === null
      ? []
      : [{ commented: match[1] !== undefined, name: match[2]!, value: match[3]!, above: lines[index - 1] }];
  });

  test("shows every setting once, in the order of the reference, and no other", () => {
    expect(settings.map(({ name }) => name)).toStrictEqual([...defaults().keys()]);
  });

  test("says exactly the defaults; the key is left to be filled in, the name to be taken from the host", () => {
    const shown = settings.map(({ commented, name, value }) => `${commented ? "# " : ""}${name}=${value}`);
    const wanted = [...defaults()].map(([name, value]) => {
      return name === "PARLEY_NAME" ? "# PARLEY_NAME=" : `${name}=${value}`;
    });
    expect(shown).toStrictEqual(wanted);
    expect(defaults().get("PARLEY_KEY")).toBe("");
  });

  test("explains each in the words of the reference", () => {
    const says = new Map<string, string>();
    for (const [, name, words] of helpText().matchAll(/, (PARLEY_[A-Z_]+)=VALUE\n +(.+?)(?: \(default .*\))?$/gm)) {
      says.set(name!, `# ${words}`);
    }
    expect(settings.map(({ name, above }) => [name, above])).toStrictEqual([...says]);
  });

  test("once the key is filled in, changes nothing", () => {
    const env = Object.fromEntries(
      settings.filter(({ commented }) => !commented).map(({ name, value }) => [name, value]),
    );
    expect(parseConfig([], { ...env, ...KEY })).toStrictEqual(parseConfig([], KEY));
  });

  test("holds nothing else but comments", () => {
    expect(lines.filter((line) => !/^(#.*|PARLEY_[A-Z_]+=.*|)$/.test(line))).toStrictEqual([]);
  });
});
