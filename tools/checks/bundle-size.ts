/**
 * Builds the hub's bundle as `wrangler deploy` does, and checks its compressed size.
 *
 * Cloudflare's free plan allows 3 MB. The limit here is far below, because a large bundle starts slowly.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bundleHub } from "../run/bundle.ts";

/** 1.5 times the current size: an accidentally bundled library exceeds it. */
const COMPRESSED_BYTES_MAX = 250_000;

const folder = await mkdtemp(join(tmpdir(), "parley-size-"));
try {
  await bundleHub(folder);
  const bundle = await readFile(join(folder, "index.js"));
  const compressed = gzipSync(bundle).length;
  process.stdout.write(`${bundle.length} bytes, ${compressed} compressed, limit ${COMPRESSED_BYTES_MAX}\n`);
  process.exitCode = compressed <= COMPRESSED_BYTES_MAX ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
