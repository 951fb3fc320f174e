/**
 * `.env.example` is the reference that operators copy. Each setting is there once, with its help text in a comment
 * above it: `PARLEY_X=value`, or `# PARLEY_X=` if the default is computed.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { defaults, helpText, parseConfig } from "../../../udp-sidecar/config/config.ts";

const KEY = { PARLEY_KEY: "sidecar-key-1" };

describe(".env.example", () => {
  const lines = readFileSync(`${import.meta.dirname}/../../../.env.example`, "utf8").split("\n");
  const settings = lines.flatMap((line, index) => {
    const match = /^(# )?(PARLEY_[A-Z_]*)=(.*)$/.exec(line);
    return match === null
      ? []
      : [{ commented: match[1] !== undefined, name: match[2]!, value: match[3]!, above: lines[index - 1] }];
  });

  test("lists every setting once, in the order of `--help`, and no other", () => {
    expect(settings.map(({ name }) => name)).toStrictEqual([...defaults().keys()]);
  });

  test("shows the defaults; the key is empty and the name is commented out", () => {
    const shown = settings.map(({ commented, name, value }) => `${commented ? "# " : ""}${name}=${value}`);
    const wanted = [...defaults()].map(([name, value]) => {
      return name === "PARLEY_NAME" ? "# PARLEY_NAME=" : `${name}=${value}`;
    });
    expect(shown).toStrictEqual(wanted);
    expect(defaults().get("PARLEY_KEY")).toBe("");
  });

  test("describes each setting with its help text", () => {
    const says = new Map<string, string>();
    for (const [, name, words] of helpText().matchAll(/, (PARLEY_[A-Z_]+)=VALUE\n +(.+?)(?: \(default .*\))?$/gm)) {
      says.set(name!, `# ${words}`);
    }
    expect(settings.map(({ name, above }) => [name, above])).toStrictEqual([...says]);
  });

  test("has the same configuration as the defaults once the key is set", () => {
    const env = Object.fromEntries(
      settings.filter(({ commented }) => !commented).map(({ name, value }) => [name, value]),
    );
    expect(parseConfig([], { ...env, ...KEY })).toStrictEqual(parseConfig([], KEY));
  });

  test("has only settings and comments", () => {
    expect(lines.filter((line) => !/^(#.*|PARLEY_[A-Z_]+=.*|)$/.test(line))).toStrictEqual([]);
  });
});
