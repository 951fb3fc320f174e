/** Weak keys are refused by their setting's name, and the key is not shown. */
import { expect, test } from "vitest";
import { KEY_SETTINGS, splitKeys, weakness } from "#shared/auth/keys.ts";
import { recordFigure } from "../../support/attack-figures.ts";

test.each(
  KEY_SETTINGS.flatMap((name) =>
    ["k", "short-key", "change-me-to-what-openssl-rand-hex-32-prints"].map((key) => [name, key] as const),
  ),
)("%s=%s is refused by name, without the key", (name, key) => {
  expect(weakness(name, key)).toMatch(new RegExp(`^${name}: a key `));
  expect(weakness(name, key)).not.toContain(key.length > 1 ? key : "=k");
});

test("examples and short keys are refused for all settings", ({ task }) => {
  const weak = ["k", "short-key", "change-me-to-what-openssl-rand-hex-32-prints", "a".repeat(64)];
  const accepted = KEY_SETTINGS.flatMap((name) => weak.filter((key) => weakness(name, key) === null));
  expect(accepted).toStrictEqual([]);
  recordFigure(task, {
    order: 100,
    attack: `short and example keys for ${KEY_SETTINGS.join(", ")}`,
    before: "the hub starts with them",
    after: `${accepted.length} of ${KEY_SETTINGS.length * weak.length} are accepted; the refusal names the setting`,
  });
});

test.each(KEY_SETTINGS)("%s: one character repeated is an example", (name) => {
  expect(weakness(name, "a".repeat(64))).toContain("example");
});

test.each(KEY_SETTINGS)("%s accepts random keys, and several of them", (name) => {
  const setting = " 0d53d05c44c5ee5b53dbc4e6a29b6f3e24c0a17d8e0c1f0a , L8r4mQwXz0pTn5vBk2sYh7cJd9fGa3eUi6oR1tNq ";
  expect(splitKeys(setting).map((key) => weakness(name, key))).toStrictEqual([null, null]);
});
