/** HMACs from two plain digests, compared with Node's. */
import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { HmacKey } from "../../../udp-sidecar/link/hmac-key.ts";

test.each([0, 1, 43, 64, 65, 200])("a key of %i bytes signs as Node does, texts of any length", (length) => {
  const key = "k".repeat(length);
  const signer = new HmacKey(key);
  for (const text of ["a".repeat(170), "", "short", "a".repeat(171), "\u20ac".repeat(170), "a".repeat(5_000), "b"])
    expect(signer.sign(text)).toBe(createHmac("sha256", key).update(text).digest("base64url"));
});
