import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { faultOf } from "#shared/schema/ijson.ts";
import { recordFigure } from "../../support/attack-figures.ts";

describe("I-JSON", () => {
  test.each([
    ["{}", null],
    ['{"a":1,"b":{"a":1}}', null],
    ['[{"a":1},{"a":1}]', null],
    ['{"a":"\\"a\\":1,","b":"{\\\\","c":["a","a"]}', null],
    ['{"a":1,"a":1}', "names that differ expected"],
    ['{"a":1,"\\u0061":1}', "names that differ expected"],
    ['{"a":{"b":[{"c":1,"c":2}]}}', "names that differ expected"],
    ['{"a":[[[[1]]]]}', "at most 4 levels expected"],
    ["[[[[1]]]]", null],
    ['{"a":9007199254740991,"b":-9007199254740991,"c":1e300,"d":0.1234567890123456789}', null],
    ['{"data":{"steam":76561198000000001}}', "steam: an integer within ±(2^53 - 1), or text, expected"],
    ['{"a":[-9007199254740993]}', "a: an integer within ±(2^53 - 1), or text, expected"],
    ['{"a":"76561198000000001"}', null],
  ])("%s: %s", (json, fault) => {
    JSON.parse(json);
    expect(faultOf(json, 4)).toBe(fault);
  });

  test("a Steam id as a number is refused with its field's name", ({ task }) => {
    const fault = faultOf('{"data":{"steam":76561198000000001}}', 4);
    expect(fault).toMatch(/^steam: an integer within/);
    recordFigure(task, {
      order: 120,
      attack: "an integer beyond 2^53 in `data`",
      before: "it is rounded, silently",
      after: `400 with \`${fault}\``,
    });
  });

  test("output of JSON.stringify has no fault except depth", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!/[0-9]{16}/.test(JSON.stringify(value)));
        expect(faultOf(JSON.stringify(value), 1_000)).toBeNull();
      }),
    );
  });

  test("hostile input costs no more time per character", () => {
    const long = `"${"\\\\".repeat(8_000)}"`;
    expect(faultOf(`{"a":${long}}`, 4)).toBeNull();
    expect(faultOf(`[${'"\\"'.repeat(5_000)}`, 4)).toBeNull();
  });
});
