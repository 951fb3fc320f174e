/** The framing of nohub: commands out of a byte stream, and answers as lines. */
import { describe, expect, test } from "vitest";
import { formatCommand, parseLine, TrimsockReader } from "../../../udp-sidecar/protocols/trimsock.ts";

/** A command as one text, or null for discarded bytes. */
function namesOf(reader: TrimsockReader, ...segments: (string | Uint8Array)[]): (string | null)[] {
  return segments.flatMap((segment) =>
    [...reader.read(Buffer.from(segment))].map((command) =>
      command === null ? null : [command.name, ...command.params].join(" "),
    ),
  );
}

describe("a line", () => {
  test.each([
    ["whereami", { name: "whereami", request: null, params: [], pairs: {} }],
    ["whereami?id", { name: "whereami", request: "id", params: [], pairs: {} }],
    ["lobby/list?", { name: "lobby/list", request: "", params: [], pairs: {} }],
    ["a?1 x  y ", { name: "a", request: "1", params: ["x", "y"], pairs: {} }],
    ['a?1 "x y" z', { name: "a", request: "1", params: ["x y", "z"], pairs: {} }],
    ['a k=v "k k"="v v"', { name: "a", request: null, params: [], pairs: { k: "v", "k k": "v v" } }],
    ['a "k=v"', { name: "a", request: null, params: ["k=v"], pairs: {} }],
    ["a k=v=w", { name: "a", request: null, params: [], pairs: { k: "v=w" } }],
    ["a k=1 k=2", { name: "a", request: null, params: [], pairs: { k: "2" } }],
    ['a k= l=""', { name: "a", request: null, params: [], pairs: { k: "", l: "" } }],
    [String.raw`a x\ny "\"" c\d`, { name: "a", request: null, params: ["x\ny", '"', String.raw`c\d`], pairs: {} }],
    ['a "open', { name: "a", request: null, params: ["open"], pairs: {} }],
  ])("%j is parsed", (line, expected) => {
    const { pairs, ...rest } = parseLine(line);
    expect({ ...rest, pairs: Object.fromEntries(pairs) }).toStrictEqual(expected);
  });
});

describe("a reader", () => {
  test("joins segments and splits lines, at any byte", () => {
    const bytes = Buffer.from('one 1\ntwo "a\nb" é\n\nthree\n');
    for (let at = 0; at <= bytes.length; at++) {
      const names = namesOf(new TrimsockReader(100), bytes.subarray(0, at), bytes.subarray(at));
      expect(names).toStrictEqual(["one 1", "two a\nb é", "three"]);
    }
  });

  test("discards what waits beyond the limit, and continues", () => {
    const reader = new TrimsockReader(10);
    expect(namesOf(reader, "123456", "7890", "1", "x\n", "ok\n")).toStrictEqual([null, "x", "ok"]);
    expect(namesOf(reader, "12345678901\nok\n")).toStrictEqual([null, "ok"]);
    // An open quote does not hold the stream without a limit.
    expect(namesOf(reader, '"\n\n\n', "\n\n\n\n\n\n\n", "ok\n")).toStrictEqual([null, "ok"]);
  });

  test("skips the bytes of a raw command, line feeds and quotes among them", () => {
    for (const size of [1, 3, 100]) {
      const text = '\rblob?1 6\na"\n\\bc\nnext\n';
      const segments = text.match(new RegExp(`[^]{1,${size}}`, "g"))!;
      expect(namesOf(new TrimsockReader(100), ...segments)).toStrictEqual(["blob 6", "next"]);
    }
  });
});

describe("an answer", () => {
  test.each([
    [[".1"], ".1\n"],
    [[".1", ["ok"]], ".1 ok\n"],
    [["!1", ["Name", "a b"]], '!1 Name "a b"\n'],
    [
      [
        "|",
        ["id"],
        [
          ["k", "v w"],
          ["e", "a=b"],
        ],
      ],
      '| id k="v w" e=a=b\n',
    ],
    [[".1", ["a=b"]], '.1 "a=b"\n'],
    [[".1", ['a"b\n']], String.raw`.1 a\"b\n` + "\n"],
    [[".1", ['a "\n']], '.1 "a \\"\n"\n'],
  ] as [Parameters<typeof formatCommand>, string][])("%j is one command", (parts, line) => {
    expect(formatCommand(...parts)).toBe(line);
  });

  test("never holds the reader of the next one, whatever a host wrote", () => {
    const pieces = ["\\", '"', "\n", "\r", " ", "=", "a"];
    for (let number = 0; number < 7 ** 4; number++) {
      const value = [0, 1, 2, 3].map((digit) => pieces[Math.floor(number / 7 ** digit) % 7]).join("");
      const reader = new TrimsockReader(1_000);
      const names = [...reader.read(Buffer.from(formatCommand("x", ["id"], [["k", value]]) + "next\n"))];
      expect([value, names.map((command) => command?.name)]).toStrictEqual([value, ["x", "next"]]);
    }
  });
});
