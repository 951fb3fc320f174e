import { describe, expect, test } from "vitest";
import type { MemberPlace } from "#shared/link/messages.ts";
import { Contacts } from "../../../udp-sidecar/core/contacts.ts";
import { endpointOf, T0 } from "../../support/exchange.ts";

const LEASE_MS = 5_000;

describe("a contact", () => {
  test("starts as last seen now, with no reply to renewals", () => {
    const contacts = tableOf();
    const contact = contacts.put(placeOf("A", { host: true, memory: "note" }), T0);
    expect(contact).toStrictEqual({
      ...placeOf("A", { host: true, memory: "note" }),
      last_seen_at: T0,
      restored: false,
      renewed: false,
      introduced: false,
      confirmed: false,
      renewal_reply: [],
      credit_terms: {},
      replied_at: 0,
      revision: 0,
    });
    expect(contacts.find("rabid", "Nice", "A")).toBe(contact);
    expect([...contacts.all()]).toStrictEqual([contact]);
  });

  test("is found by wire, lobby and peer together", () => {
    const contacts = tableOf();
    const contact = contacts.put(placeOf("A"), T0);
    expect(contacts.find("dowsett", "Nice", "A")).toBeUndefined();
    expect(contacts.find("rabid", "nice", "A")).toBeUndefined();
    expect(contacts.find("rabid", "Nice", "a")).toBeUndefined();
    // Two texts in one key must not run together.
    contacts.put(placeOf("B", { name: "N", peer: "iceA" }), T0);
    expect(contacts.find("rabid", "Nice", "A")).toBe(contact);
    expect(contacts.size).toBe(2);
  });

  test("that the hub sends again stays the same, with its state", () => {
    const contacts = tableOf();
    const contact = contacts.put(placeOf("A"), T0);
    Object.assign(contact, { renewed: true, introduced: true, answer: [new Uint8Array(1)], last_seen_at: T0 + 100 });
    const again = contacts.put(placeOf("A", { via: 3_478, host: true, lease_ms: null, memory: "note" }), T0 + 500);
    expect(again).toBe(contact);
    expect(again).toMatchObject({ via: 3_478, host: true, lease_ms: null, memory: "note" });
    expect(again).toMatchObject({
      renewed: true,
      introduced: true,
      last_seen_at: T0 + 100,
      answer: [new Uint8Array(1)],
    });
    expect(contacts.size).toBe(1);
  });

  test("at a new endpoint counts as seen now and not renewed", () => {
    for (const endpoint of [endpointOf("A'"), { ...endpointOf("A"), address: "198.51.100.1" }]) {
      const contacts = tableOf();
      contacts.put(placeOf("A"), T0).renewed = true;
      expect(contacts.put(placeOf("A", { endpoint }), T0 + 500)).toMatchObject({
        endpoint,
        last_seen_at: T0 + 500,
        renewed: false,
      });
    }
  });

  test("can be removed twice without effect on its successor", () => {
    const contacts = tableOf();
    const old = contacts.put(placeOf("A"), T0);
    contacts.remove(old);
    expect(contacts.holds(old)).toBe(false);
    contacts.remove(old);
    expect(contacts.size).toBe(0);
    const newer = contacts.put(placeOf("A"), T0 + 1);
    expect(newer).not.toBe(old);
    expect([contacts.holds(old), contacts.holds(newer)]).toStrictEqual([false, true]);
  });
});

describe("the room of a source", () => {
  test("is counted in memberships and lobbies", () => {
    const contacts = tableOf({ lobbies_per_source_max: 1, memberships_per_source_max: 2 });
    expect(roomOf(contacts)).toStrictEqual([true, true]);
    const hosting = contacts.put(placeOf("A", { host: true }), T0);
    expect(roomOf(contacts)).toStrictEqual([false, true]);
    contacts.put(placeOf("A", { name: "Other" }), T0);
    expect(roomOf(contacts)).toStrictEqual([false, false]);
    expect(roomOf(contacts, endpointOf("B").address)).toStrictEqual([true, true]);
    contacts.remove(hosting);
    expect(roomOf(contacts)).toStrictEqual([true, true]);
  });

  test("is counted by address, over all ports", () => {
    const contacts = tableOf({ memberships_per_source_max: 1 });
    contacts.put(placeOf("A'"), T0);
    expect(roomOf(contacts, endpointOf("A").address)).toStrictEqual([true, false]);
  });

  test("is shared by an IPv6 /64", () => {
    const contacts = tableOf({ memberships_per_source_max: 1 });
    contacts.put(placeOf("A6"), T0);
    expect(roomOf(contacts, "2001:db8::ffff")).toStrictEqual([true, false]);
    expect(roomOf(contacts, "2001:db8:0:1::1")).toStrictEqual([true, true]);
  });

  test("follows a member that moves, becomes host or stops being host", () => {
    const contacts = tableOf({ lobbies_per_source_max: 1, memberships_per_source_max: 1 });
    contacts.put(placeOf("A"), T0);
    contacts.put(placeOf("A", { endpoint: endpointOf("B") }), T0);
    expect(roomOf(contacts, endpointOf("A").address)).toStrictEqual([true, true]);
    expect(roomOf(contacts, endpointOf("B").address)).toStrictEqual([true, false]);
    contacts.put(placeOf("A", { endpoint: endpointOf("B"), host: true }), T0);
    expect(roomOf(contacts, endpointOf("B").address)).toStrictEqual([false, false]);
    contacts.put(placeOf("A", { endpoint: endpointOf("B") }), T0);
    expect(roomOf(contacts, endpointOf("B").address)).toStrictEqual([true, false]);
  });

  test("is none when the table is full, but contacts from the hub are kept", () => {
    const contacts = tableOf({ contacts_max: 1 });
    contacts.put(placeOf("A"), T0);
    expect(roomOf(contacts, endpointOf("B").address)).toStrictEqual([false, false]);
    contacts.put(placeOf("B"), T0);
    expect(contacts.size).toBe(2);
  });
});

describe("silence", () => {
  test("is reported when the lease has expired, not before", () => {
    const contacts = tableOf();
    const contact = contacts.put(placeOf("A"), T0);
    expect([...contacts.silent(T0 + LEASE_MS - 1)]).toStrictEqual([]);
    expect([...contacts.silent(T0 + LEASE_MS)]).toStrictEqual([contact]);
  });

  test("is counted from the last datagram", () => {
    const contacts = tableOf();
    const contact = contacts.put(placeOf("A"), T0);
    for (let now = T0; now < T0 + 60_000; now += 100) {
      if (now % 1_000 === 0) contact.last_seen_at = now;
      expect([...contacts.silent(now)]).toStrictEqual([]);
    }
    expect([...contacts.silent(T0 + 59_000 + LEASE_MS - 1)]).toStrictEqual([]);
    expect([...contacts.silent(T0 + 59_000 + LEASE_MS)]).toStrictEqual([contact]);
  });

  test("is reported again after another lease, because a report can be lost", () => {
    const contacts = tableOf();
    const contact = contacts.put(placeOf("A"), T0);
    expect([...contacts.silent(T0 + LEASE_MS)]).toStrictEqual([contact]);
    expect([...contacts.silent(T0 + 2 * LEASE_MS - 1)]).toStrictEqual([]);
    expect([...contacts.silent(T0 + 2 * LEASE_MS)]).toStrictEqual([contact]);
  });

  test("is not reported for a contact that sends again", () => {
    const contacts = tableOf();
    const contact = contacts.put(placeOf("A"), T0);
    expect([...contacts.silent(T0 + LEASE_MS)]).toStrictEqual([contact]);
    contact.last_seen_at = T0 + LEASE_MS + 10;
    expect([...contacts.silent(T0 + 2 * LEASE_MS)]).toStrictEqual([]);
    expect([...contacts.silent(T0 + 2 * LEASE_MS + 10)]).toStrictEqual([contact]);
  });

  test("is not reported without a lease, after removal, or for a namesake before its time", () => {
    const contacts = tableOf();
    contacts.put(placeOf("A", { lease_ms: null }), T0);
    contacts.put(placeOf("B"), T0);
    contacts.put(placeOf("B", { lease_ms: null }), T0 + 1);
    contacts.remove(contacts.put(placeOf("C"), T0));
    const namesake = contacts.put(placeOf("C"), T0 + 3_000);
    expect([...contacts.silent(T0 + LEASE_MS)]).toStrictEqual([]);
    expect([...contacts.silent(T0 + 3_000 + LEASE_MS)]).toStrictEqual([namesake]);
    expect([...contacts.silent(T0 + 100_000)]).toStrictEqual([namesake]);
  });

  test("is reported for a contact that gets a lease again", () => {
    const contacts = tableOf();
    const contact = contacts.put(placeOf("A"), T0);
    contacts.put(placeOf("A", { lease_ms: null }), T0);
    expect([...contacts.silent(T0 + LEASE_MS)]).toStrictEqual([]);
    contacts.put(placeOf("A"), T0 + LEASE_MS);
    expect([...contacts.silent(T0 + 3 * LEASE_MS)]).toStrictEqual([contact]);
  });

  test("of many contacts is reported in order, and completely, while they are removed", () => {
    const contacts = tableOf();
    const players = Array.from({ length: 12 }, (_, index) => String.fromCharCode(65 + index));
    for (const [index, player] of players.entries()) contacts.put(placeOf(player), T0 + index);
    const found: string[] = [];
    for (const contact of contacts.silent(T0 + LEASE_MS + 100)) {
      found.push(contact.peer);
      contacts.remove(contact);
    }
    expect(found).toStrictEqual(players);
    expect([...contacts.silent(T0 + 1_000_000)]).toStrictEqual([]);
  });
});

describe("memory", () => {
  const CHECKS_MAX = 2_048;

  test("is free again when contacts leave before their leases are over", () => {
    const contacts = tableOf();
    let most = 0;
    const staying = contacts.put(placeOf("S", { lease_ms: 600_000 }), T0);
    for (let count = 0; count < 10_000; count++) {
      contacts.remove(contacts.put(placeOf("A", { lease_ms: 600_000 }), T0 + count));
      most = Math.max(most, contacts.checks);
    }
    expect(most).toBeLessThan(CHECKS_MAX);
    expect([...contacts.silent(T0 + 600_000)]).toStrictEqual([staying]);
  });

  test("does not grow with leases that change", () => {
    const contacts = tableOf();
    const contact = contacts.put(placeOf("A"), T0);
    let [now, most, silent] = [T0, 0, 0];
    for (let count = 0; count < 10_000; count++) {
      contact.last_seen_at = now;
      contacts.setLease(contact, 600_000);
      now += LEASE_MS;
      silent += [...contacts.silent(now)].length;
      contact.last_seen_at = now;
      contacts.setLease(contact, LEASE_MS);
      most = Math.max(most, contacts.checks);
    }
    expect([most < CHECKS_MAX, silent]).toStrictEqual([true, 0]);
    expect([...contacts.silent(now + LEASE_MS)]).toStrictEqual([contact]);
  });
});

const tableOf = (shares: Partial<ConstructorParameters<typeof Contacts>[0]> = {}): Contacts =>
  new Contacts({ contacts_max: 100, lobbies_per_source_max: 10, memberships_per_source_max: 10, ...shares });

const placeOf = (player: string, parts: Partial<MemberPlace> = {}): MemberPlace => ({
  wire: "rabid",
  name: "Nice",
  peer: player,
  via: 57_775,
  endpoint: endpointOf(player),
  host: false,
  lease_ms: LEASE_MS,
  memory: null,
  ...parts,
});

/** Whether a source may host one more lobby, and hold one more membership. */
const roomOf = (contacts: Contacts, address = endpointOf("A").address): [boolean, boolean] => [
  contacts.hasRoom(address, "lobbies"),
  contacts.hasRoom(address, "memberships"),
];
