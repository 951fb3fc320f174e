/** A minimal DER encoder (X.690), enough to write a certificate: tag, length, content. */

type Part = Uint8Array;

const tagged = (tag: number, ...parts: readonly Part[]): Part => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Uint8Array.of(tag, ...head), content]);
};

export const sequence = (...parts: readonly Part[]): Part => tagged(0x30, ...parts);
export const set = (...parts: readonly Part[]): Part => tagged(0x31, ...parts);
/** A non-negative integer. */
export const integer = (bytes: Part): Part =>
  tagged(0x02, bytes[0]! >= 128 ? Uint8Array.of(0) : Uint8Array.of(), bytes);
export const bits = (bytes: Part, unused = 0): Part => tagged(0x03, Uint8Array.of(unused), bytes);
export const octets = (bytes: Part): Part => tagged(0x04, bytes);
export const utf8 = (text: string): Part => tagged(0x0c, Buffer.from(text));
/** YYMMDDhhmmssZ, which means 1950 to 2049. */
export const utcTime = (text: string): Part => tagged(0x17, Buffer.from(text));
export const yes = Uint8Array.of(0x01, 0x01, 0xff);
/** `[number]` around a tagged value, or instead of its tag. */
export const explicit = (number: number, ...parts: readonly Part[]): Part => tagged(0xa0 | number, ...parts);
export const implicit = (number: number, bytes: Part): Part => tagged(0x80 | number, bytes);

/** An object identifier, like `2.5.4.3`. */
export function oid(dotted: string): Part {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const groups = rest.flatMap((arc) => {
    const base128 = [arc & 127];
    for (let left = arc >>> 7; left > 0; left >>>= 7) base128.unshift((left & 127) | 128);
    return base128;
  });
  return tagged(0x06, Uint8Array.of(first * 40 + second, ...groups));
}
