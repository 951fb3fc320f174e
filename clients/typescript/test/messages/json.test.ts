import { expect, test } from "vitest";
import { bytesToJson, jsonToBytes } from "../../src/steam/json.ts";

test("an object survives encoding and decoding", () => {
  const state = { message: "handshake", from: "Ann", at: [1, 2.5, null] };
  expect(bytesToJson(jsonToBytes(state))).toStrictEqual(state);
});

test("bytes that are no object, not UTF-8, too deep or too long give null", () => {
  const deep = `{"a":${"[".repeat(64)}${"]".repeat(64)}}`;
  for (const text of ["", "null", "[1]", "7", '{"a":', deep, `{"a":"${"x".repeat(600_000)}"}`]) {
    expect(bytesToJson(Buffer.from(text))).toBeNull();
  }
  expect(bytesToJson(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d))).toBeNull();
});

test("a key of Object.prototype is an ordinary key", () => {
  const parsed = bytesToJson(Buffer.from('{"__proto__":{"isAdmin":true}}'))!;
  expect(Object.keys(parsed)).toStrictEqual(["__proto__"]);
  expect("isAdmin" in parsed).toBe(false);
});
