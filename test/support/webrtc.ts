/** The optional package that gives Node WebRTC. */
import { createRequire } from "node:module";

/** If the optional package is not installed, prints the reason and returns true; in CI it throws. */
export function isWebrtcMissing(): boolean {
  try {
    createRequire(import.meta.url).resolve("node-datachannel");
    return false;
  } catch (error) {
    if (process.env["CI"]) throw error;
    console.warn("The journeys of Node and browsers are skipped: node-datachannel is not installed; run npm ci.");
    return true;
  }
}
