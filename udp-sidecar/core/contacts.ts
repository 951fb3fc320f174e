/**
 * The table of contacts: for each member that this sidecar exchanges datagrams with, its endpoint, its lease and its
 * last reply. The table has a maximum size and a quota per source; requests beyond either are dropped.
 */
import { sameEndpoint } from "#shared/net/endpoint.ts";
import type { MemberPlace } from "#shared/link/messages.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";
import { TimerQueue } from "./timer-queue.ts";
import type { Contact, ContactLookup as View } from "../protocols/wire.ts";
import { type SourceUsage, SourceQuota } from "./source-quota.ts";

export type ContactLimits = {
  readonly contacts_max: number;
  readonly lobbies_per_source_max: number;
  readonly memberships_per_source_max: number;
};

/** Superseded checks, and those of removed contacts, that may wait beside the valid ones. */
const CHECKS_SPARE = 1_024;

type LeaseCheck = { readonly contact: Contact; readonly at: number };

export class Contacts implements View {
  readonly #limits: ContactLimits;
  readonly #all = new Map<string, Contact>();
  readonly #quota = new SourceQuota();
  readonly #checks = new TimerQueue<LeaseCheck>();
  /** The valid check of each contact; an older one in the queue was superseded. */
  readonly #nextCheck = new WeakMap<Contact, LeaseCheck>();
  /** The lease that the hub set last; a renewal may have changed it since. */
  readonly #hubLease = new WeakMap<Contact, number | null>();

  constructor(limits: ContactLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Scheduled lease checks, valid or not. */
  get checks(): number {
    return this.#checks.size;
  }

  all(): Iterable<Contact> {
    return this.#all.values();
  }

  find(wire: WireName, name: string, peer: string): Contact | undefined {
    return this.#all.get(key(wire, name, peer));
  }

  holds(contact: Contact): boolean {
    return this.find(contact.wire, contact.name, contact.peer) === contact;
  }

  /** Another contact has taken its place; a repetition to the old one would reach the new one. */
  isSuperseded(contact: Contact): boolean {
    return (this.find(contact.wire, contact.name, contact.peer) ?? contact) !== contact;
  }

  /** Whether a source with so many pending requests may host another lobby, or hold another membership. */
  hasRoom(address: string, kind: keyof SourceUsage, waiting?: Readonly<SourceUsage>): boolean {
    const { contacts_max, lobbies_per_source_max, memberships_per_source_max } = this.#limits;
    const quota = {
      size_max: contacts_max,
      per_source_max: kind === "lobbies" ? lobbies_per_source_max : memberships_per_source_max,
    };
    return this.#all.size < contacts_max && this.#quota.hasRoom(address, kind, quota, waiting?.[kind] ?? 0);
  }

  /** Creates or updates the contact for a place that the hub sent. */
  put(place: MemberPlace, now: number): Contact {
    const known = this.find(place.wire, place.name, place.peer);
    if (known !== undefined) {
      this.#count(known, -1);
      const { via, endpoint, host, lease_ms, memory } = place;
      const moved = !sameEndpoint(known.endpoint, endpoint);
      Object.assign(known, { via, endpoint, host, memory });
      known.revision++;
      if (moved) Object.assign(known, { last_seen_at: now, renewed: false });
      if (this.#hubLease.get(known) !== lease_ms) this.setLease(known, lease_ms);
      this.#hubLease.set(known, lease_ms);
      this.#count(known, 1);
      return known;
    }
    const contact: Contact = {
      ...place,
      last_seen_at: now,
      restored: false,
      renewed: false,
      introduced: false,
      confirmed: false,
      renewal_reply: [],
      credit_terms: {},
      replied_at: 0,
      revision: 0,
    };
    this.#all.set(key(contact.wire, contact.name, contact.peer), contact);
    this.#count(contact, 1);
    this.#hubLease.set(contact, contact.lease_ms);
    this.setLease(contact, contact.lease_ms);
    return contact;
  }

  /** Sets a contact's lease, which starts at its last datagram; null removes it. */
  setLease(contact: Contact, lease_ms: number | null): void {
    contact.lease_ms = lease_ms;
    const due = contact.last_seen_at + (lease_ms ?? Infinity);
    // An early check finds nothing due and schedules the next one; a check that would be late is superseded.
    if (due < (this.#nextCheck.get(contact)?.at ?? Infinity)) this.#scheduleCheck(contact, due);
  }

  remove(contact: Contact): void {
    contact.revision++;
    if (this.#all.delete(key(contact.wire, contact.name, contact.peer))) this.#count(contact, -1);
  }

  /**
   * Contacts that were silent longer than their lease. Each contact is checked once a lease, not at every call. A
   * returned contact comes again after another lease, because the hub may not have received the report.
   */
  *silent(now: number): Generator<Contact> {
    for (let check = this.#checks.pop(now); check !== undefined; check = this.#checks.pop(now)) {
      const { contact } = check;
      if (!this.#isValid(check)) continue;
      this.#nextCheck.delete(contact);
      if (contact.lease_ms === null) continue;
      const due = contact.last_seen_at + contact.lease_ms;
      this.#scheduleCheck(contact, due > now ? due : now + contact.lease_ms);
      if (due <= now) yield contact;
    }
  }

  #scheduleCheck(contact: Contact, at: number): void {
    const check = { contact, at };
    this.#nextCheck.set(contact, check);
    this.#checks.push(at, check);
    // Otherwise contacts that come and go would stay in memory until their leases were over.
    if (this.#checks.size > 2 * this.#all.size + CHECKS_SPARE) this.#checks.retain((other) => this.#isValid(other));
  }

  #isValid(check: LeaseCheck): boolean {
    return this.#nextCheck.get(check.contact) === check && this.holds(check.contact);
  }

  #count({ endpoint, host }: Contact, by: 1 | -1): void {
    this.#quota.count(endpoint.address, host, by);
  }
}

const key = (wire: WireName, name: string, peer: string): string => `${wire}\n${name}\n${peer}`;
