import { crc32 } from "node:zlib";
import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { canonicalAddress, type Endpoint, endpoint } from "#shared/net/endpoint.ts";
import { STUN_BYTES_MAX } from "#shared/limits.ts";
import { StunResponder } from "../../../udp-sidecar/core/stun-responder.ts";
import { dowsett } from "../../../udp-sidecar/protocols/dowsett.ts";
import { native } from "../../../udp-sidecar/protocols/native.ts";
import { rabid } from "../../../udp-sidecar/protocols/rabid.ts";
import { bindingResponse, isStun } from "../../../udp-sidecar/protocols/stun.ts";
import { isDtlsRecord } from "../../../udp-sidecar/sockets/dtls/records.ts";
import { SendCredit } from "../../../udp-sidecar/core/send-credit.ts";
import { Counters } from "../../../udp-sidecar/core/counters.ts";
import { createVerifier } from "../../support/tickets.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

/** RFC 5769: its transaction id, its request (2.1), and the addresses in its responses (2.2, 2.3). */
const TRANSACTION = "b7e7a701 bc34d686 fa87dfae";
const RFC_REQUEST = hex(`
  00010058 2112a442 ${TRANSACTION}
  80220010 5354554e 20746573 7420636c 69656e74
  00240004 6e0001ff
  80290008 932ff9b1 51263b36
  00060009 6576746a 3a683676 59202020
  00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2
  80280004 e57a3bcf`);
const RFC_IPV4 = "00200008 0001a147 e112a643";
const RFC_IPV6 = "00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9";
const V4 = endpoint("192.0.2.1", 32_853)!;
const V6 = endpoint("2001:db8:1234:5678:11:2233:4455:6677", 32_853)!;

/** A request with these attributes, in hexadecimal with padding. */
function request(attributes = "", type = "0001"): Buffer {
  const body = hex(attributes);
  return Buffer.concat([hex(`${type} ${body.length.toString(16).padStart(4, "0")} 2112a442 ${TRANSACTION}`), body]);
}

/** The message with a FINGERPRINT by RFC 8489 section 14.7. */
function printed(message: Buffer): Buffer {
  const longer = Buffer.from(message);
  longer.writeUInt16BE(message.length - 20 + 8, 2);
  const print = Buffer.alloc(8);
  print.writeUInt32BE(0x8028_0004, 0);
  print.writeUInt32BE((crc32(longer) ^ 0x5354_554e) >>> 0, 4);
  return Buffer.concat([longer, print]);
}

const said = (bytes: Uint8Array, from: Endpoint = V4): Uint8Array => {
  const given = bindingResponse(bytes, from);
  if ("drop" in given) throw new Error(given.drop);
  return Uint8Array.from(given);
};
const dropped = (bytes: Uint8Array): string | null => {
  const given = bindingResponse(bytes, V4);
  return "drop" in given ? given.drop : null;
};

describe("the RFC's own messages", () => {
  test("the response has the address in the exact bytes of RFC 5769, over IPv4 and IPv6", () => {
    expect(said(request(), V4)).toStrictEqual(Uint8Array.from(hex(`0101000c 2112a442 ${TRANSACTION} ${RFC_IPV4}`)));
    expect(said(request(), V6)).toStrictEqual(Uint8Array.from(hex(`01010018 2112a442 ${TRANSACTION} ${RFC_IPV6}`)));
  });

  test("its request is valid, and gets error 420 for PRIORITY", () => {
    expect(isStun(RFC_REQUEST)).toBe(true);
    const wanted = printed(hex(`01110010 2112a442 ${TRANSACTION} 00090004 00000414 000a0002 00240000`));
    expect(said(RFC_REQUEST)).toStrictEqual(Uint8Array.from(wanted));
  });

  test("with any bit changed it gets no response, because the fingerprint covers it", () => {
    const said = [
      [8, 20],
      [24, 40],
      [44, 48],
      [52, 60],
      [64, 76],
      [80, 100],
      [104, 108],
    ] as const;
    for (const [from, to] of said) {
      for (let bit = 8 * from; bit < 8 * to; bit++) {
        const damaged = Uint8Array.from(RFC_REQUEST);
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        expect([bit, dropped(damaged)]).toStrictEqual([bit, "stun_fingerprint"]);
      }
    }
  });
});

describe("a request", () => {
  test("with a fingerprint gets one in the response, and with a wrong one gets none", () => {
    expect(said(printed(request()))).toStrictEqual(
      Uint8Array.from(printed(hex(`0101000c 2112a442 ${TRANSACTION} ${RFC_IPV4}`))),
    );
    const wrong = printed(request());
    wrong[wrong.length - 1]! ^= 1;
    expect(dropped(wrong)).toBe("stun_fingerprint");
  });

  test("can have any optional attributes, and those of authentication", () => {
    const software = "80220005 68656c6c 6f000000";
    const username = "00060004 75736572";
    const integrity = `00080014 ${"00".repeat(20)}`;
    expect(said(request(software + username + integrity))).toStrictEqual(said(request()));
  });

  test("for another server address gets error 420: CHANGE-REQUEST", () => {
    const given = Buffer.from(said(request("00030004 00000006")));
    expect(given.subarray(0, 2).toString("hex")).toBe("0111");
    expect(given.subarray(20).toString("hex")).toBe(hex("00090004 00000414 000a0002 00030000").toString("hex"));
  });

  test("gets at most four of the unknown attributes, each once", () => {
    const many = ["7001", "7001", "7002", "7003", "7004", "7005"].map((type) => `${type}0000`).join("");
    const given = Buffer.from(said(request(many)));
    expect(given.subarray(28).toString("hex")).toBe("000a00087001700270037004");
  });

  test.each([
    ["an answer", request("", "0101")],
    ["an indication", request("", "0011")],
    ["another method", request("", "0003")],
    ["an attribute that ends after its message", request("80220008 00000000")],
    ["something behind the fingerprint", Buffer.concat([printed(request()), hex("80220000")])],
    ["too long", request(`8022${(STUN_BYTES_MAX - 20).toString(16).padStart(4, "0")}`.padEnd(2 * STUN_BYTES_MAX, "0"))],
  ])("that is %s gets no response", (_, bytes) => {
    bytes.writeUInt16BE(bytes.length - 20, 2);
    expect(dropped(bytes)).not.toBe(null);
  });

  test("of random bytes is handled, and no response exceeds it by more than 24 bytes, or 32 for an error", () => {
    const attribute = fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.uint8Array({ maxLength: 40 }));
    const address = fc.oneof(fc.ipV4(), fc.ipV6()).map(canonicalAddress);
    fc.assert(
      fc.property(fc.array(attribute, { maxLength: 8 }), address, fc.boolean(), (attributes, from, prints) => {
        const body = attributes.map(([type, value]) => {
          const head = Buffer.from([type >> 8, type & 255, value.length >> 8, value.length & 255]);
          return Buffer.concat([head, value, Buffer.alloc(-value.length & 3)]).toString("hex");
        });
        const bytes = prints ? printed(request(body.join(""))) : request(body.join(""));
        const given = bindingResponse(bytes, endpoint(from!, 1)!);
        if ("drop" in given) return;
        expect(given.length - bytes.length).toBeLessThanOrEqual(24);
        expect(isStun(given)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

test("no wire claims a STUN message, and STUN claims no message of a wire", () => {
  const wires = [native(createVerifier()), rabid, dowsett({ sharesLocal: true })];
  for (const bytes of [request(), RFC_REQUEST, printed(request())]) {
    expect([isDtlsRecord(bytes), ...wires.map((wire) => wire.claims(bytes))]).toStrictEqual([
      false,
      false,
      false,
      false,
    ]);
  }
  for (const text of ["h:Nice:Alice:4", '{"__type":"x"}', "see udp.x", "A".repeat(128)]) {
    expect(isStun(Buffer.from(text))).toBe(false);
  }
});

describe("the responder", () => {
  const limits = { source: { per_s: 10, burst: 40 }, all: { per_s: 100, burst: 60 }, sources_max: 1_000 };
  const asked = (mirror: StunResponder, times: number, from: Endpoint, now = 0): number =>
    Array.from({ length: times }, () => mirror.handleMessage(request(), from, now)).filter((bytes) => bytes !== null)
      .length;

  test("has a rate limit per address, over all ports, and others are answered", () => {
    const mirror = new StunResponder(limits, new SendCredit(), new Counters());
    expect(asked(mirror, 100, V4)).toBe(40);
    expect(asked(mirror, 10, { ...V4, port: 1 })).toBe(0);
    expect(asked(mirror, 10, V6)).toBe(10);
    expect(asked(mirror, 100, V4, 1_000)).toBe(10);
  });

  test("has a rate limit over all addresses", () => {
    const counters = new Counters();
    const mirror = new StunResponder(limits, new SendCredit(), counters);
    const answered = Array.from({ length: 500 }, (_, at) => asked(mirror, 1, endpoint(`192.0.2.${at % 250}`, 1)!));
    expect(answered.reduce((sum, one) => sum + one)).toBe(60);
    expect(counters.get("dropped", "stun_rate_of_all")).toBe(440);
    expect(counters.get("datagrams", "mirrored")).toBe(60);
  });
});
