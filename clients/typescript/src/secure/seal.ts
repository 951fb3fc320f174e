/**
 * Sealed datagrams between two peers: only the two can read, create or change one, and a relay carries them unread.
 *
 *     0        1        2                 4                                   8            n-16
 *     | 0xD6   | epoch  | route (16)      | counter, lower 32 bits            | sealed ... | tag |
 *
 * AES-256-GCM authenticates the header too. The hub issues the same 32 bytes to both over TLS, with the role `a` or
 * `b`. HKDF-SHA-256 (RFC 5869) derives per direction: a key, the nonce's mask (XORed with the whole 64-bit counter, as
 * in RFC 8446 section 5.3), and the route. So a datagram that is reflected to its sender does not open.
 *
 * `route` lets a socket with many peers find the key to try; it authenticates nothing. `epoch` counts the keys that the
 * hub issued to the pair. After a resumption there is a new key, and both are accepted for a while.
 *
 * No other protocol on the socket has this first byte: STUN uses 0 to 3, DTLS 20 to 63, TURN channels 64 to 79, QUIC
 * and text 64 to 127, RTP 128 to 191 (RFC 7983, RFC 9443). ENet has 0 to 3 or 8 to 11 in the upper four bits, 12 to 15
 * with compression, and then a 6 in the lower four only for the peers 1,536 to 1,791 of a host.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";
import * as limits from "./limits.ts";
import { ReplayWindow } from "./replay.ts";

export type PairKey = {
  /** 32 secret bytes. */
  readonly key: Uint8Array;
  /** 0 to 255: one more with each key of the pair, 0 after 255. */
  readonly epoch: number;
  readonly role: "a" | "b";
};

/** Decodes `{ key: base64url, epoch, role }`, or returns null. */
export function readPairKey(json: unknown): PairKey | null {
  if (typeof json !== "object" || json === null) return null;
  const { key: text, epoch, role } = json as Record<string, unknown>;
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]{43}$/.test(text)) return null;
  if (!Number.isInteger(epoch) || (epoch as number) < 0 || (epoch as number) > 255) return null;
  if (role !== "a" && role !== "b") return null;
  return { key: Buffer.from(text, "base64url"), epoch: epoch as number, role };
}

/** Datagrams that did not open. */
export type RejectedCounts = {
  /** Another first byte, route or epoch, or too short. */
  stray: number;
  /** The tag does not match. */
  forged: number;
  /** Received before, or older than the replay window. */
  replayed: number;
};

export class Seal {
  readonly refused: RejectedCounts = { stray: 0, forged: 0, replayed: 0 };
  #sending: Epoch;
  /** The accepted epochs, the newest last. */
  #epochs: Epoch[];
  #switchAt = Infinity;
  #dropAt = Infinity;

  constructor(key: PairKey) {
    this.#sending = new Epoch(key);
    this.#epochs = [this.#sending];
  }

  /** The routes of this pair's incoming datagrams. */
  get routes(): readonly number[] {
    return this.#epochs.map(({ incoming }) => incoming.route);
  }

  get epoch(): number {
    return this.#sending.number;
  }

  /** Sets a key of the hub. A key that is not newer is ignored. */
  renew(key: PairKey, now: number): void {
    const newest = this.#epochs.at(-1)!;
    const ahead = (key.epoch - newest.number + 256) % 256;
    if (ahead === 0 || ahead > 127) return;
    this.#epochs = [newest, new Epoch(key)];
    this.#sending = newest;
    this.#switchAt = now + limits.EPOCH_SWITCH_MS;
    this.#dropAt = Infinity;
  }

  /** Seals `body` into a datagram. */
  seal(body: Uint8Array, now: number): Uint8Array {
    if (now >= this.#switchAt) this.#switch(now);
    return this.#sending.seal(body);
  }

  /**
   * The same with the newest key, for probes of the punch that came with it. Two peers that kept different older keys, such
   * as after a restart of one, would not understand each other's otherwise.
   */
  sealNewest(body: Uint8Array): Uint8Array {
    return this.#epochs.at(-1)!.seal(body);
  }

  /** Opens a datagram, or returns null. Never throws. */
  open(bytes: Uint8Array, now: number): Uint8Array | null {
    if (now >= this.#dropAt) this.#epochs = [this.#sending];
    const epoch = this.#epochOf(bytes);
    if (epoch === null) return this.#refuse("stray");
    const opened = epoch.open(bytes);
    if (typeof opened === "string") return this.#refuse(opened);
    if (epoch !== this.#sending && epoch === this.#epochs.at(-1)) this.#switch(now);
    return opened;
  }

  #epochOf(bytes: Uint8Array): Epoch | null {
    for (const epoch of this.#epochs) if (epoch.matches(bytes)) return epoch;
    return null;
  }

  #switch(now: number): void {
    this.#sending = this.#epochs.at(-1)!;
    this.#switchAt = Infinity;
    this.#dropAt = now + limits.EPOCH_GRACE_MS;
  }

  #refuse(why: keyof RejectedCounts): null {
    this.refused[why]++;
    return null;
  }
}

/** The route of a sealed datagram, or null if it is none. */
export function routeOf(bytes: Uint8Array): number | null {
  if (bytes.length < limits.SEAL_BYTES || bytes[0] !== limits.FIRST_BYTE) return null;
  return (bytes[2]! << 8) | bytes[3]!;
}

// --- one epoch -------------------------------------------------------------------------------------------------

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const OPTIONS = { authTagLength: limits.TAG_BYTES };

/**
 * The keys of one direction, and the nonce and header of the datagram at hand. The cipher copies both, so that they need
 * not be allocated for each datagram.
 */
type Direction = {
  readonly key: KeyObject;
  readonly mask: Buffer;
  readonly route: number;
  readonly nonce: Buffer;
  readonly header: Buffer;
};

class Epoch {
  readonly number: number;
  readonly incoming: Direction;
  readonly #outgoing: Direction;
  readonly #window = new ReplayWindow();
  #counter = 0;

  constructor({ key, epoch, role }: PairKey) {
    if (key.length !== limits.PAIR_KEY_BYTES)
      throw new RangeError(`a pair key must have ${limits.PAIR_KEY_BYTES} bytes`);
    this.number = epoch & 0xff;
    this.#outgoing = directionOf(key, this.number, role);
    this.incoming = directionOf(key, this.number, role === "a" ? "b" : "a");
  }

  matches(bytes: Uint8Array): boolean {
    return routeOf(bytes) === this.incoming.route && bytes[1] === this.number;
  }

  seal(body: Uint8Array): Uint8Array {
    const direction = this.#outgoing;
    const counter = this.#counter++;
    if (counter >= limits.COUNTER_MAX) throw new RangeError("the key has sealed its maximum number of datagrams");
    setCounter(direction, counter);
    const cipher = createCipheriv(CIPHER, direction.key, direction.nonce, OPTIONS);
    cipher.setAAD(direction.header);
    const out = Buffer.allocUnsafe(limits.SEAL_BYTES + body.length);
    out.set(direction.header);
    out.set(cipher.update(body), limits.HEADER_BYTES);
    cipher.final();
    out.set(cipher.getAuthTag(), limits.HEADER_BYTES + body.length);
    return out;
  }

  open(bytes: Uint8Array): Uint8Array | "forged" | "replayed" {
    const low = ((bytes[4]! << 24) | (bytes[5]! << 16) | (bytes[6]! << 8) | bytes[7]!) >>> 0;
    const counter = this.#window.widen(low);
    if (!this.#window.isNew(counter)) return "replayed";
    const { incoming } = this;
    // `matches` has compared the rest of the header.
    setCounter(incoming, counter);
    const end = bytes.length - limits.TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, incoming.key, incoming.nonce, OPTIONS);
    decipher.setAAD(incoming.header);
    decipher.setAuthTag(bytes.subarray(end));
    const body = decipher.update(bytes.subarray(limits.HEADER_BYTES, end));
    try {
      decipher.final();
    } catch {
      // The tag does not match, so the decrypted bytes are discarded.
      return "forged";
    }
    this.#window.record(counter);
    return body;
  }
}

function directionOf(secret: Uint8Array, epoch: number, sender: "a" | "b"): Direction {
  const info = `parley pair v1 from ${sender} epoch ${epoch}`;
  const made = Buffer.from(hkdfSync("sha256", secret, "", info, 32 + NONCE_BYTES + 2));
  const mask = made.subarray(32, 32 + NONCE_BYTES);
  const route = made.readUInt16BE(32 + NONCE_BYTES);
  const header = Buffer.from([limits.FIRST_BYTE, epoch, route >> 8, route & 0xff, 0, 0, 0, 0]);
  return { key: createSecretKey(made.subarray(0, 32)), mask, route, nonce: Buffer.from(mask), header };
}

function setCounter({ nonce, mask, header }: Direction, counter: number): void {
  const low = counter % 2 ** 32;
  nonce.writeUInt32BE((mask.readUInt32BE(4) ^ Math.floor(counter / 2 ** 32)) >>> 0, 4);
  nonce.writeUInt32BE((mask.readUInt32BE(8) ^ low) >>> 0, 8);
  header.writeUInt32BE(low, 4);
}
