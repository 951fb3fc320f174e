/** Builds the hub's bundle once per run, as it would be deployed, in a temporary folder. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { bundleHub } from "../../tools/run/bundle.ts";

declare module "vitest" {
  interface ProvidedContext {
    bundle: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "parley-bundle-"));
  project.provide("bundle", await bundleHub(folder));
  return () => rm(folder, { recursive: true, force: true });
}
