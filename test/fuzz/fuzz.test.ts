/** Replays the findings of `npm run fuzz`, and runs every target for a moment. */
import { describe, expect, test } from "vitest";
import { clientMessage } from "#shared/api/events.ts";
import { fromHub, fromSidecar } from "#shared/link/decoders.ts";
import { decode, type Decoder } from "#shared/schema/decode.ts";
import { diceOf } from "../support/dice.ts";
import { findingsOf, fuzz } from "./findings.ts";
import * as seeds from "./seeds.ts";
import { TARGETS } from "./targets.ts";

const INPUTS = 2_000;

describe.each(Object.entries(TARGETS))("%s", (name, target) => {
  test("handles its findings and new inputs", () => {
    for (const input of findingsOf(name)) target.open()(input, diceOf(1));
    expect(fuzz(target, 1, { count: INPUTS })).toBe(INPUTS);
  });
});

test.each<readonly [string, Decoder<unknown>, readonly unknown[]]>([
  ["messages of clients", clientMessage, seeds.CLIENT_MESSAGES],
  ["messages of sidecars", fromSidecar, seeds.FROM_SIDECAR],
  ["messages of hubs", fromHub, seeds.FROM_HUB],
])("the seeds are valid %s", (_, decoder, values) => {
  const faults = values.map((value) => decode(JSON.stringify(value), decoder, 10_000)).filter(({ ok }) => !ok);
  expect(faults).toStrictEqual([]);
});

test("the recordings have seeds for every wire", () => {
  const counts = [seeds.RABID, seeds.DOWSETT, seeds.NORAY_PIDS, seeds.NORAY_LINES, seeds.NOHUB_LINES];
  expect(Math.min(...counts.map(({ length }) => length))).toBeGreaterThan(2);
});

test("a decoder that throws is a finding, with its input", () => {
  const broken = {
    transport: null,
    counted: null,
    generate: () => Buffer.from("input"),
    open: () => () => {
      throw new Error("broken");
    },
  };
  expect(fuzz(broken, 1, { count: 1 })).toMatchObject({ input: Buffer.from("input"), error: new Error("broken") });
});
