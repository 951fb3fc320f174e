/** Inputs that once made a decoder fail. They are files in this folder, and every test run replays them. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { diceOf } from "../support/dice.ts";
import type { Target } from "./targets.ts";

const FOLDER = join(import.meta.dirname, "findings");
/** A decoder that takes longer for one input is a finding, too. */
export const SLOW_MS = 1_000;

export type Finding = { readonly input: Buffer; readonly error: unknown };

/** Runs a decoder with `count` inputs, or until the time is over. Returns the first finding, or null. */
export function fuzz(target: Target, seed: number, until: { count: number } | { ms: number }): Finding | number {
  const dice = diceOf(seed);
  const handle = target.open();
  const end = "ms" in until ? performance.now() + until.ms : Infinity;
  const count = "count" in until ? until.count : Infinity;
  let inputs = 0;
  for (; inputs < count && (inputs % 100 > 0 || performance.now() < end); inputs++) {
    const input = target.generate(dice);
    const began = performance.now();
    try {
      handle(input, dice);
    } catch (error) {
      return { input, error };
    }
    const took_ms = performance.now() - began;
    if (took_ms > SLOW_MS) return { input, error: new Error(`took ${Math.round(took_ms)} ms`) };
  }
  return inputs;
}

/** Stores a finding and returns its path. */
export function saveFinding(target: string, input: Buffer): string {
  const folder = join(FOLDER, target);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, createHash("sha256").update(input).digest("hex").slice(0, 16));
  writeFileSync(path, input);
  return path;
}

export function findingsOf(target: string): Buffer[] {
  try {
    return readdirSync(join(FOLDER, target)).map((name) => readFileSync(join(FOLDER, target, name)));
  } catch {
    // A target without findings has no folder.
    return [];
  }
}
