/** What a browser loads: the contents and the size of the bundle. */
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { bundleClient } from "../support/game-page.ts";

/** Lobbies and WebRTC together. */
const COMPRESSED_BYTES_MAX = 25_000;

test("the client for browsers has no part of Node, and at most 25 KB compressed", async () => {
  const { outputFiles, metafile } = await bundleClient();
  const parts = Object.keys(metafile.inputs).map((path) => path.replace(/^.*clients\/typescript\/src\//, ""));
  const folders = [...new Set(parts.map((path) => path.split("/", 1)[0]!))].toSorted((a, b) => a.localeCompare(b));
  expect(folders).toStrictEqual(["api", "browser.ts", "connect", "lobby", "util", "web", "webrtc"]);
  expect(parts.filter((path) => path.startsWith("connect/"))).toStrictEqual(["connect/limits.ts"]);
  expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toStrictEqual([]);
  const compressed = gzipSync(outputFiles[0]!.contents).length;
  if (process.env["PARLEY_TABLE"]) console.log(`${parts.join("\n")}\n${compressed} bytes compressed`);
  expect(compressed).toBeLessThanOrEqual(COMPRESSED_BYTES_MAX);
});
