/** Keepalives that are recognised by their bytes, and when they must be decoded again. */
import { expect, test } from "vitest";
import type { MemberPlace } from "#shared/link/messages.ts";
import { Contacts } from "../../../udp-sidecar/core/contacts.ts";
import { RepeatedRenewals } from "../../../udp-sidecar/core/renewals/repeated-renewals.ts";
import type { Datagram } from "../../../udp-sidecar/protocols/wire.ts";

const PLACE: MemberPlace = {
  wire: "dowsett",
  name: "Nice",
  peer: "Nice",
  host: true,
  via: 5_160,
  endpoint: { address: "192.0.2.1", port: 5_001 },
  lease_ms: 60_000,
  memory: "first password",
};
const DATAGRAM: Datagram = { bytes: Buffer.from("refresh"), endpoint: PLACE.endpoint, via: 5_160, exclusive: true };
const LIMITS = { contacts_max: 9, lobbies_per_source_max: 9, memberships_per_source_max: 9 };

function renewed(datagram = DATAGRAM) {
  const contacts = new Contacts(LIMITS);
  const contact = contacts.put(PLACE, 0);
  const repeated = new RepeatedRenewals();
  repeated.add(datagram, { do: "renew", contact, lease_ms: 30_000 });
  return { contacts, contact, repeated };
}

test("the same datagram means the same again", () => {
  const { repeated, contact } = renewed();
  const again = { ...DATAGRAM, bytes: Buffer.from("refresh"), endpoint: { ...PLACE.endpoint } };
  expect(repeated.find(again)).toStrictEqual({ do: "renew", contact, lease_ms: 30_000 });
});

test.each<[string, Partial<Datagram>]>([
  ["one other byte", { bytes: Buffer.from("refreSh") }],
  ["one byte more", { bytes: Buffer.from("refresh ") }],
  ["no bytes", { bytes: Buffer.alloc(0) }],
  ["another source port", { endpoint: { address: "192.0.2.1", port: 5_002 } }],
  ["another source address", { endpoint: { address: "192.1.2.1", port: 5_001 } }],
  ["another local port", { via: 3_478 }],
])("a datagram with %s is decoded", (_, other) => {
  expect(renewed().repeated.find({ ...DATAGRAM, ...other })).toBe(null);
});

test("a datagram is decoded after the hub has sent the member again, because its password may differ", () => {
  const { contacts, repeated } = renewed();
  contacts.put({ ...PLACE, memory: "second password" }, 1);
  expect(repeated.find(DATAGRAM)).toBe(null);
});

test("a datagram is decoded after the member was removed, also if it is back", () => {
  const { contacts, contact, repeated } = renewed();
  contacts.remove(contact);
  expect(repeated.find(DATAGRAM)).toBe(null);
  contacts.put(PLACE, 1);
  expect(repeated.find(DATAGRAM)).toBe(null);
});

test("a renewal at another port than the contact's is not remembered", () => {
  const elsewhere = { ...DATAGRAM, via: 3_478 };
  expect(renewed(elsewhere).repeated.find(elsewhere)).toBe(null);
});
