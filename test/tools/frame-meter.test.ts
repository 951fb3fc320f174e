/** The front's meter against frames as RFC 6455 writes them, cut at arbitrary places. */
import * as fc from "../support/fc.ts";
import { expect, test } from "vitest";
import { FrameMeter } from "../../tools/run/front/frame-meter.ts";

const BYTES_MAX = 70_000;
const CONTINUATION = 0;
const TEXT = 1;
const PING = 9;

/** A masked frame as a client sends it. `fin`: the last frame of its message. */
function frame(opcode: number, bytes: number, fin = true): Buffer {
  const length = bytes < 126 ? [bytes] : bytes < 65_536 ? [126] : [127];
  const extended = Buffer.alloc(bytes < 126 ? 0 : bytes < 65_536 ? 2 : 8);
  if (extended.length === 2) extended.writeUInt16BE(bytes);
  if (extended.length === 8) extended.writeBigUInt64BE(BigInt(bytes));
  const head = Buffer.from([(fin ? 0x80 : 0) | opcode, 0x80 | length[0]!]);
  return Buffer.concat([head, extended, Buffer.alloc(4), Buffer.alloc(bytes, 0xff)]);
}

/** A message of these lengths, with a ping between its frames. */
const message = (lengths: readonly number[]): Buffer =>
  Buffer.concat(
    lengths.flatMap((bytes, at) => [
      frame(at === 0 ? TEXT : CONTINUATION, bytes, at === lengths.length - 1),
      ...(at < lengths.length - 1 ? [frame(PING, 5)] : []),
    ]),
  );

const lengths = fc.array(fc.oneof(fc.nat(300), fc.integer({ min: 65_000, max: 70_000 })), {
  minLength: 1,
  maxLength: 3,
});

test("messages pass in any fragmentation if they are short enough, and none is counted twice", () => {
  fc.assert(
    fc.property(fc.array(lengths, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 9_000 }), (all, cut) => {
      const meter = new FrameMeter(BYTES_MAX);
      const bytes = Buffer.concat(all.map(message));
      const isShort = all.every((parts) => parts.reduce((sum, part) => sum + part, 0) <= BYTES_MAX);
      let passed = true;
      for (let at = 0; at < bytes.length && passed; at += cut) passed = meter.push(bytes.subarray(at, at + cut));
      expect(passed).toBe(isShort);
      if (passed) expect(meter).toMatchObject({ isIncomplete: false, completed: all.length });
    }),
    { numRuns: 300 },
  );
});

test("a message that is too long is refused by its header, before its bytes arrive", () => {
  const meter = new FrameMeter(BYTES_MAX);
  expect(meter.push(frame(TEXT, BYTES_MAX + 1).subarray(0, 14))).toBe(false);
});

test("a message is incomplete from its first byte to its last", () => {
  const meter = new FrameMeter(BYTES_MAX);
  const bytes = message([200, 10]);
  for (const [at, byte] of bytes.entries()) {
    expect(meter.push(Buffer.from([byte]))).toBe(true);
    expect([at, meter.isIncomplete]).toStrictEqual([at, at < bytes.length - 1]);
  }
});

test("a control frame longer than 125 bytes is refused", () => {
  expect(new FrameMeter(BYTES_MAX).push(frame(PING, 126))).toBe(false);
});
