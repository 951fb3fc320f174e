/**
 * Makes the bundle as `wrangler deploy` would, without an account, and says how large it is. It may not grow past what
 * Cloudflare starts in a moment: the free plan takes 3 MB compressed, and we stay far below.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bundleHub } from "../run/hub.ts";

/** Half as much again as it is: a library that came along by mistake is more. */
const COMPRESSED_BYTES_MAX = 160_000;

const folder = await mkdtemp(join(tmpdir(), "parley-size-"));
try {
  await bundleHub(folder);
  const bundle = await readFile(join(folder, "index.js"));
  const compressed = gzipSync(bundle).length;
  process.stdout.write(`${bundle.length} bytes, ${compressed} compressed, of at most ${COMPRESSED_BYTES_MAX}\n`);
  process.exitCode = compressed <= COMPRESSED_BYTES_MAX ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
