/** Parsing and packing of DTLS records. */
import { describe, expect, test } from "vitest";
import { helloOf, isDtlsRecord, pack, recordsOf } from "../../../../udp-sidecar/sockets/dtls/records.ts";

const record = (type: number, epoch: number, length: number, version = 0xfefd, said = length): Uint8Array =>
  Buffer.concat([
    Uint8Array.of(type, version >> 8, version & 255, epoch >> 8, epoch & 255, 0, 0, 0, 0, 0, 1, said >> 8, said & 255),
    new Uint8Array(length).fill(7),
  ]);
const sorted = (datagram: Uint8Array) =>
  [...recordsOf(datagram)].map((one) => one && [one.type, one.epoch, one.bytes.length]);

test.each(["h:Nice:Alice:4", "{}", "p:", "\u0000\u0001", ""])("%j is not DTLS", (text) => {
  expect(isDtlsRecord(Buffer.from(text))).toBe(false);
});

test.each([20, 21, 22, 23])("a datagram that begins with %i and the version is DTLS", (type) => {
  expect([
    isDtlsRecord(record(type, 0, 1)),
    isDtlsRecord(Uint8Array.of(type)),
    isDtlsRecord(Uint8Array.of(type, 3, 3)),
  ]).toStrictEqual([true, false, false]);
});

describe("the records of a datagram", () => {
  test("are separated", () => {
    expect(sorted(Buffer.concat([record(22, 0, 80), record(20, 0, 1), record(22, 1, 40)]))).toStrictEqual([
      [22, 0, 93],
      [20, 0, 14],
      [22, 1, 53],
    ]);
  });

  test.each([
    ["cut off in its header", record(23, 1, 40).subarray(0, 12)],
    ["cut off in its body", record(23, 1, 40).subarray(0, 40)],
    ["longer than its datagram", record(23, 1, 40, 0xfefd, 41)],
    ["longer than any may be", record(23, 1, 20_000)],
    ["empty", record(22, 0, 0)],
    ["of an unknown type", record(24, 1, 40)],
    ["of an unknown version", record(23, 1, 40, 0xfefc)],
    ["of version 1.0, encrypted", record(23, 1, 40, 0xfeff)],
    ["of a third epoch", record(23, 2, 40)],
    ["of an epoch far away", record(23, 256, 40)],
    ["encrypted and too short for that", record(23, 1, 24)],
  ])("end at one that is %s", (_, bad) => {
    expect(sorted(Buffer.concat([record(23, 1, 25), bad]))).toStrictEqual([[23, 1, 38], false]);
  });
});

describe("a ClientHello", () => {
  const hello = Buffer.from(record(22, 0, 60, 0xfeff));
  hello[13] = 1;
  const of = (bytes: Uint8Array) => [...recordsOf(bytes)].map((one) => one && helloOf(one))[0];

  test("is identified by its random bytes", () => {
    const other = Buffer.from(hello);
    other[30]! ^= 1;
    expect(of(hello)).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(of(other)).not.toBe(of(hello));
  });

  test("is not an encrypted record, another message, or one that is too short", () => {
    expect([of(record(22, 1, 60)), of(record(22, 0, 60)), of(record(21, 0, 60))]).toStrictEqual([null, null, null]);
    const short = Buffer.from(record(22, 0, 40));
    short[13] = 1;
    expect(of(short)).toBeNull();
  });
});

describe("a flight", () => {
  const lengths = (most: number, ...bodies: number[]) =>
    pack(Buffer.concat(bodies.map((body) => record(22, 0, body))), most).map(({ length }) => length);

  test("is packed into as few datagrams as possible", () => {
    expect(lengths(200, 80, 80, 80, 1)).toStrictEqual([186, 107]);
    expect(lengths(93, 80, 80)).toStrictEqual([93, 93]);
    expect(lengths(1_232)).toStrictEqual([]);
  });

  test("never splits a record", () => {
    expect(lengths(100, 500, 10)).toStrictEqual([513, 23]);
  });
});
