/**
 * Contacts that have not renewed yet, the oldest first. Anyone can forge the source of a registration, so these have a
 * share of the table, and a new one takes the place of the oldest. Members of wires with TCP or DTLS have proved
 * themselves, and those that the hub restored may have renewed before: neither is in this list.
 */
import { UNRENEWED_CONTACTS_MIN, UNRENEWED_CONTACTS_SHARE } from "#shared/limits.ts";
import { isDtls } from "#shared/net/local-port.ts";
import type { Contact } from "../../protocols/wire.ts";

export class UnrenewedContacts {
  readonly #size_max: number;
  readonly #all = new Set<Contact>();

  constructor(contacts_max: number) {
    this.#size_max = Math.max(UNRENEWED_CONTACTS_MIN, Math.floor(contacts_max * UNRENEWED_CONTACTS_SHARE));
  }

  /** Adds a new contact. If another one must leave for it, calls `evict` with that; it may have left before. */
  add(contact: Contact, evict: (oldest: Contact) => void): void {
    if (contact.lease_ms === null || isDtls(contact.via)) return;
    this.#all.add(contact);
    const [oldest] = this.#all;
    if (this.#all.size <= this.#size_max || oldest === undefined) return;
    this.#all.delete(oldest);
    evict(oldest);
  }

  remove(contact: Contact): void {
    this.#all.delete(contact);
  }
}
