/** Messages in frames of data channels. */
import { expect, test } from "vitest";
import { FrameReader, FrameWriter } from "../../src/webrtc/frames.ts";
import { FRAME_BYTES_MAX, MESSAGE_BYTES_MAX } from "../../src/webrtc/limits.ts";

const message = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => at % 251);

const writer = new FrameWriter();
function framesOf(bytes: Uint8Array, channel: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  writer.write(bytes, channel, (frame) => void frames.push(frame.slice()));
  return frames;
}

// The longest first: the writer's buffer then has bytes of earlier messages.
test.each([MESSAGE_BYTES_MAX, FRAME_BYTES_MAX, FRAME_BYTES_MAX - 1, 1, 0])(
  "%i bytes arrive as they were sent",
  (length) => {
    const reader = new FrameReader();
    const frames = framesOf(message(length), 127);
    expect(frames).toHaveLength(Math.max(1, Math.ceil(length / (FRAME_BYTES_MAX - 1))));
    expect(Math.max(...frames.map((frame) => frame.length))).toBeLessThanOrEqual(FRAME_BYTES_MAX);
    const read = frames.map((frame) => reader.read(frame));
    expect(read.slice(0, -1).every((one) => one === null)).toBe(true);
    expect(read.at(-1)).toStrictEqual({ bytes: message(length), channel: 127 });
  },
);

test("a message that is too long is dropped and counted, and the next one arrives", () => {
  const reader = new FrameReader();
  const frames = framesOf(message(MESSAGE_BYTES_MAX + 1), 0);
  expect(frames.map((frame) => reader.read(frame)).every((one) => one === null)).toBe(true);
  expect(reader.read(new Uint8Array())).toBeNull();
  expect(reader.refused).toBe(2);
  expect(framesOf(message(3), 1).map((frame) => reader.read(frame))).toStrictEqual([{ bytes: message(3), channel: 1 }]);
});
