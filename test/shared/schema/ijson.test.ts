import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { faultOf } from "#shared/schema/ijson.ts";

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
  ])("%s: %s", (json, fault) => {
    JSON.parse(json);
    expect(faultOf(json, 4)).toBe(fault);
  });

  test("output of JSON.stringify has no fault except depth", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
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
