/**
 * DTLS cookies (RFC 6347 section 4.2.1): proof that a client receives at the address that it sends from. They need no
 * memory: each is a keyed digest of the address. The key rotates, and the previous one stays valid for one more period.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { DTLS_COOKIE_BYTES, DTLS_COOKIE_MS } from "#shared/limits.ts";
import type { Cookies } from "./engine.ts";

export class CookieSigner {
  #keys: [now: Buffer, previous: Buffer] = [randomBytes(32), randomBytes(32)];
  #since: number;

  constructor(now: number) {
    this.#since = now;
  }

  for(place: string, now: number): Cookies {
    // A clock that was set back rotates the key early, which costs a client one round trip.
    if (now - this.#since >= DTLS_COOKIE_MS || now < this.#since) {
      this.#keys = [randomBytes(32), this.#keys[0]];
      this.#since = now;
    }
    const keys = this.#keys;
    return {
      make: () => digest(keys[0], place),
      accepts: (received) =>
        received.length === DTLS_COOKIE_BYTES && keys.some((key) => timingSafeEqual(received, digest(key, place))),
    };
  }
}

const digest = (key: Buffer, place: string): Uint8Array =>
  createHmac("sha256", key).update(place).digest().subarray(0, DTLS_COOKIE_BYTES);
