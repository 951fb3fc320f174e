/**
 * Endpoints by the socket name that the kernel wrote, so that a known sender costs no text and no object. A table of fixed
 * size with one place for each hash: another sender with the same hash takes the place, and is as right but slower.
 */
import { canonicalAddress, type Endpoint } from "#shared/net/endpoint.ts";
import { UDP_ENDPOINTS_REMEMBERED } from "#shared/limits.ts";
import { ADDRESS_AT, PORT_AT } from "./socket-names.ts";

const MASK = UDP_ENDPOINTS_REMEMBERED - 1;
/** 2^32 divided by the golden ratio spreads neighbouring numbers over all bits. */
const SPREAD = 0x9e37_79b1;

export class KnownEndpoints {
  readonly #family: 4 | 6;
  readonly #address_at: number;
  /** 32-bit words of an address. */
  readonly #length: 1 | 4;
  readonly #words: Int32Array;
  readonly #endpoints = Array.from<Endpoint | null>({ length: UDP_ENDPOINTS_REMEMBERED }).fill(null);

  constructor(family: 4 | 6) {
    this.#family = family;
    this.#address_at = ADDRESS_AT[family];
    this.#length = family === 4 ? 1 : 4;
    this.#words = new Int32Array(UDP_ENDPOINTS_REMEMBERED * this.#length);
  }

  /** The endpoint of the name at this place; its port may be 0. The same object is returned again and must not change. */
  read(view: DataView, name: number): Endpoint {
    const port = view.getUint16(name + PORT_AT);
    const from = name + this.#address_at;
    let hash = port;
    for (let word = 0; word < this.#length; word++) {
      hash = Math.imul(hash ^ view.getInt32(from + 4 * word), SPREAD);
      hash ^= hash >>> 15;
    }
    const place = hash & MASK;
    const known = this.#endpoints[place]!;
    return known !== null && known.port === port && this.#isAt(place, view, from)
      ? known
      : this.#remember(place, view, from, port);
  }

  #isAt(place: number, view: DataView, from: number): boolean {
    const first = place * this.#length;
    for (let word = 0; word < this.#length; word++)
      if (this.#words[first + word] !== view.getInt32(from + 4 * word)) return false;
    return true;
  }

  #remember(place: number, view: DataView, from: number, port: number): Endpoint {
    for (let word = 0; word < this.#length; word++)
      this.#words[place * this.#length + word] = view.getInt32(from + 4 * word);
    const text = this.#family === 4 ? dotted(view.getUint32(from)) : canonicalAddress(groups(view, from))!;
    return (this.#endpoints[place] = { address: text, port });
  }
}

const dotted = (bits: number): string => `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
const groups = (view: DataView, from: number): string =>
  Array.from({ length: 8 }, (_, group) => view.getUint16(from + 2 * group).toString(16)).join(":");
