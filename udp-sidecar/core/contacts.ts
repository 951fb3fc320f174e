/**
 * Contacts: for each member this sidecar speaks with, where to answer and what was last said. The table has a
 * maximum and a share per source; who finds it full meets silence.
 */
import { sameEndpoint } from "#shared/net/endpoint.ts";
import type { Place } from "#shared/link/messages.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";
import { TimerQueue } from "./timer-queue.ts";
import type { Contact, ContactLookup as View } from "../protocols/wire.ts";
import { type SourceUsage, SourceQuota } from "./source-quota.ts";

export type ContactLimits = {
  readonly contacts_max: number;
  readonly lobbies_per_source_max: number;
  readonly memberships_per_source_max: number;
};

type LeaseCheck = { readonly contact: Contact; readonly at: number };

export class Contacts implements View {
  readonly #limits: ContactLimits;
  readonly #all = new Map<string, Contact>();
  readonly #quota = new SourceQuota();
  readonly #checks = new TimerQueue<LeaseCheck>();
  /** The one look that counts for each contact; an older one in the heap was overtaken. */
  readonly #nextCheck = new WeakMap<Contact, LeaseCheck>();
  /** The lease that the hub gave last; a renewal may have asked for another since. */
  readonly #hubLease = new WeakMap<Contact, number | null>();

  constructor(limits: ContactLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#all.size;
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

  /** Whether a source that waits for so much already may host one more lobby, or take one more place. */
  hasRoom(address: string, kind: keyof SourceUsage, waiting?: Readonly<SourceUsage>): boolean {
    const { contacts_max, lobbies_per_source_max, memberships_per_source_max } = this.#limits;
    const most = kind === "lobbies" ? lobbies_per_source_max : memberships_per_source_max;
    return this.#all.size < contacts_max && this.#quota.of(address)[kind] + (waiting?.[kind] ?? 0) < most;
  }

  /** Makes or updates the contact of a place that the hub gave. */
  put(place: Place, now: number): Contact {
    const known = this.find(place.wire, place.name, place.peer);
    if (known !== undefined) {
      this.#count(known, -1);
      const { via, endpoint, host, lease_ms, memory } = place;
      const moved = !sameEndpoint(known.endpoint, endpoint);
      Object.assign(known, { via, endpoint, host, memory });
      if (moved) Object.assign(known, { heard_at: now, renewed: false });
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
    };
    this.#all.set(key(contact.wire, contact.name, contact.peer), contact);
    this.#count(contact, 1);
    this.#hubLease.set(contact, contact.lease_ms);
    this.setLease(contact, contact.lease_ms);
    return contact;
  }

  /** Gives a contact another lease, from when he was last heard, or takes it away. */
  setLease(contact: Contact, lease_ms: number | null): void {
    contact.lease_ms = lease_ms;
    const due = contact.last_seen_at + (lease_ms ?? Infinity);
    // A look that comes early finds nothing and looks again; one that would come late is overtaken.
    if (due < (this.#nextCheck.get(contact)?.at ?? Infinity)) this.#scheduleCheck(contact, due);
  }

  remove(contact: Contact): void {
    if (this.#all.delete(key(contact.wire, contact.name, contact.peer))) this.#count(contact, -1);
  }

  /**
   * Contacts that have been silent for longer than their lease. Each is looked at once a lease, not at every call;
   * one that is reported comes again after another lease, for the hub may not have heard the report.
   */
  *silent(now: number): Generator<Contact> {
    for (let look = this.#checks.pop(now); look !== undefined; look = this.#checks.pop(now)) {
      const { contact } = look;
      if (this.#nextCheck.get(contact) !== look) continue;
      this.#nextCheck.delete(contact);
      if (!this.holds(contact) || contact.lease_ms === null) continue;
      const due = contact.last_seen_at + contact.lease_ms;
      this.#scheduleCheck(contact, due > now ? due : now + contact.lease_ms);
      if (due <= now) yield contact;
    }
  }

  #scheduleCheck(contact: Contact, at: number): void {
    const look = { contact, at };
    this.#nextCheck.set(contact, look);
    this.#checks.push(at, look);
  }

  #count({ endpoint, host }: Contact, by: 1 | -1): void {
    this.#quota.count(endpoint.address, host, by);
  }
}

const key = (wire: WireName, name: string, peer: string): string => `${wire}\n${name}\n${peer}`;
