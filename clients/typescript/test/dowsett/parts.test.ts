/** Bounded JSON, the outbox, the emitter, and addresses. */
import { describe, expect, test } from "vitest";
import { parseObject, stringify } from "../../src/util/bounded-json.ts";
import { type Address, isReachable, readAddress } from "../../src/dowsett/wire/address.ts";
import { Emitter } from "../../src/util/emitter.ts";
import { RECEIVED_IDS_MAX } from "../../src/dowsett/limits.ts";
import { Outbox, type PendingPacket } from "../../src/dowsett/outbox.ts";
import { Peer } from "../../src/dowsett/roster.ts";

const BOUNDS = { bytes_max: 100, nesting_max: 3 };

describe("JSON with bounds", () => {
  test.each([
    ["as deep as allowed", '{"a":[[1]]}', true],
    ["one deeper", '{"a":[[[1]]]}', false],
    ["brackets in a text are no nesting", '{"a":"[[[[{{{{"}', true],
    ["an escaped quote does not end a text", String.raw`{"a":"\"[[[["}`, true],
    ["an escaped backslash does not escape the quote", String.raw`{"a":"\\","b":[[[1]]]}`, false],
    ["side by side is not deep", '{"a":[],"b":[],"c":[]}', true],
    ["as long as allowed", `{"a":"${"x".repeat(92)}"}`, true],
    ["one byte longer", `{"a":"${"x".repeat(93)}"}`, false],
    ["a list", "[]", false],
    ["null", "null", false],
    ["something after the end", "{} {}", false],
  ])("reads %s", (_, text, isRead) => {
    expect(parseObject(Buffer.from(text), BOUNDS) !== null).toBe(isRead);
  });

  test("stringify accepts values within the bounds, and names the fault of others", () => {
    const circle: unknown[] = [];
    circle.push(circle);
    expect(stringify({ a: [1, null, "x", undefined] }, BOUNDS)).toBe('{"a":[1,null,"x",null]}');
    for (const value of [undefined, () => 1, Symbol("x"), 1n, circle]) {
      expect(() => stringify(value, BOUNDS)).toThrow(TypeError);
    }
    expect(() => stringify("é".repeat(50), BOUNDS)).toThrow(RangeError);
    expect(() => stringify([[[[]]]], BOUNDS)).toThrow(RangeError);
  });
});

describe("the outbox", () => {
  const pending = (id: number, period_ms: number | null = null): PendingPacket => ({
    type: "t",
    peer: "p",
    id,
    says: {},
    bytes: Buffer.alloc(10),
    to: ["10.0.0.1", 1],
    period_ms,
    ticket: null,
  });
  const popAll = (outbox: Outbox, now: number): string[] => {
    const due: string[] = [];
    for (let next = outbox.pop(now); next !== null; next = outbox.pop(now)) due.push(`${next.what} ${next.pending.id}`);
    return due;
  };

  test("a packet is resent after each wait and expires after the last attempt", () => {
    const outbox = new Outbox(1_000, 3);
    outbox.await(pending(1), 0);
    outbox.await(pending(2), 500);
    expect(outbox.next).toBe(1_000);
    expect(popAll(outbox, 999)).toStrictEqual([]);
    expect(popAll(outbox, 1_000)).toStrictEqual(["send 1"]);
    expect(outbox.next).toBe(1_500);
    expect(popAll(outbox, 2_000)).toStrictEqual(["send 2", "send 1"]);
    expect(outbox.sends("t", "p", 1)).toBe(3);
    expect(popAll(outbox, 10_000)).toStrictEqual(["send 2", "expire 1"]);
  });

  test("a periodic packet pauses after a reply, and is sent again a period later", () => {
    const outbox = new Outbox(1_000, 2);
    outbox.schedule(pending(1, 15_000), 0);
    expect(outbox.answer("t", "p", 1, 5)).toBeNull();
    expect(popAll(outbox, 15_000)).toStrictEqual(["send 1"]);
    expect(outbox.answer("t", "p", 1, 15_100)).not.toBeNull();
    expect(outbox.next).toBe(30_100);
    expect(popAll(outbox, 30_100)).toStrictEqual(["send 1"]);
    expect(popAll(outbox, 31_100)).toStrictEqual(["send 1"]);
    expect(popAll(outbox, 32_100)).toStrictEqual(["expire 1"]);
    expect([outbox.size, outbox.bytes, outbox.next]).toStrictEqual([0, 0, null]);
  });

  test("the outbox counts its bytes, also after a replacement or removal", () => {
    const outbox = new Outbox(1_000, 2);
    outbox.await(pending(1), 0);
    outbox.await(pending(1), 1);
    outbox.schedule(pending(2, 5), 1);
    expect([outbox.size, outbox.bytes]).toStrictEqual([2, 20]);
    expect(outbox.removePeer("q")).toStrictEqual([]);
    expect(outbox.removePeer("p")).toHaveLength(2);
    expect([outbox.size, outbox.bytes]).toStrictEqual([0, 0]);
  });
});

test("message ids of a peer are kept up to a bound, the newest longest", () => {
  const peer = new Peer("x", ["10.0.0.1", 1], ["10.0.0.1", 1], 0);
  for (let id = 0; id < RECEIVED_IDS_MAX; id++) expect(peer.recordMessageId(id)).toBe(true);
  expect(peer.recordMessageId(0)).toBe(false);
  expect(peer.recordMessageId(RECEIVED_IDS_MAX)).toBe(true);
  expect(peer.recordMessageId(RECEIVED_IDS_MAX)).toBe(false);
  expect(peer.recordMessageId(0)).toBe(true);
});

test("addresses on the wire", () => {
  expect(readAddress(["1.2.3.4", 3334])).toStrictEqual(["1.2.3.4", 3334]);
  for (const wrong of [
    ["01.2.3.4", 1],
    ["1.2.3", 1],
    ["1.2.3.256", 1],
    ["::1", 1],
    ["1.2.3.4", "1"],
    ["1.2.3.4", 65_536],
    ["1.2.3.4"],
  ]) {
    expect(readAddress(wrong)).toBeNull();
  }
  const reachable: readonly (readonly [Address, boolean])[] = [
    [["10.0.0.1", 1], true],
    [["127.0.0.1", 65_535], true],
    [["0.0.0.0", 1], false],
    [["224.0.0.1", 1], false],
    [["255.255.255.255", 1], false],
    [["10.0.0.1", 0], false],
    [["example.org", 1], false],
  ];
  for (const [address, isIt] of reachable) expect([address, isReachable(address)]).toStrictEqual([address, isIt]);
});

describe("the emitter", () => {
  class Bell extends Emitter<{ ring: [times: number]; error: [message: string] }> {
    ring(times: number): void {
      this.emit("ring", [times]);
    }
    fail(): void {
      this.emit("error", ["unheard"]);
    }
  }

  test("on, once and off work in order, and an error without a listener is ignored", () => {
    const received: string[] = [];
    const always = (times: number): void => void received.push(`on ${times}`);
    const bell = new Bell()
      .once("ring", (times) => void received.push(`once ${times}`))
      .on("ring", always)
      .on("ring", always);
    bell.ring(1);
    bell.ring(2);
    bell.off("ring", always).ring(3);
    bell.fail();
    expect(received).toStrictEqual(["once 1", "on 1", "on 2"]);
  });
});
