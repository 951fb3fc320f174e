/**
 * Keepalives that were decoded before. A client sends the same bytes from the same socket for as long as its lobby exists,
 * so they are compared instead of parsed, hashed and looked up again. Only the latest one of each place in the table is
 * remembered; the rules for renewals are the exchange's.
 */
import { RENEWALS_REMEMBERED } from "#shared/limits.ts";
import { type Endpoint, sameEndpoint } from "#shared/net/endpoint.ts";
import { ownBytes } from "#shared/net/own-bytes.ts";
import type { Action, Datagram } from "../../protocols/wire.ts";

type Renew = Action & { readonly do: "renew" };
type Known = {
  readonly bytes: Uint8Array;
  readonly endpoint: Endpoint;
  readonly via: number;
  readonly action: Renew;
  /** Of the contact: it was not changed or removed since. */
  readonly revision: number;
};

export class RepeatedRenewals {
  readonly #known = Array.from<Known | null>({ length: RENEWALS_REMEMBERED }).fill(null);

  /** What the same datagram was last time, or null if it must be decoded. */
  find({ bytes, endpoint, via }: Datagram): Renew | null {
    const known = this.#known[placeOf(endpoint)]!;
    if (known === null || known.via !== via || !sameEndpoint(known.endpoint, endpoint)) return null;
    const { contact } = known.action;
    if (contact.revision !== known.revision || !isSame(known.bytes, bytes)) return null;
    return known.action;
  }

  /** A wire decoded this datagram. At another port than the contact's, a wire may have observed more than a renewal. */
  add({ bytes, endpoint, via }: Datagram, action: Renew): void {
    const { contact } = action;
    if (via !== contact.via || bytes.length > RENEWAL_BYTES_MAX) return;
    this.#known[placeOf(endpoint)] = { bytes: ownBytes(bytes), endpoint, via, action, revision: contact.revision };
  }
}

/** Longer keepalives are not remembered, which bounds the memory. */
const RENEWAL_BYTES_MAX = 512;
const MASK = RENEWALS_REMEMBERED - 1;

/** Ports differ between players behind one address, and the last digits of addresses between others. */
const placeOf = ({ address, port }: Endpoint): number =>
  (port ^ (address.charCodeAt(address.length - 1) << 8) ^ (address.charCodeAt(address.length - 2) << 4)) & MASK;

function isSame(known: Uint8Array, bytes: Uint8Array): boolean {
  if (known.length !== bytes.length) return false;
  for (let at = 0; at < known.length; at++) if (known[at] !== bytes[at]) return false;
  return true;
}
