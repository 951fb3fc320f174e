import * as fc from "../../support/fc.ts";
import { describe, expect, test } from "vitest";
import { type Ban, Bans, canonicalPrefix } from "#shared/auth/bans.ts";
import { T0 } from "../support/lobbies.ts";

const ban = (parts: Partial<Ban>): Ban => ({
  id: "ban-1",
  ip_prefix: null,
  peer_id: null,
  created_at: T0,
  expires_at: null,
  reason: "aimbot",
  reason_hidden: false,
  moderator: "mo",
  ...parts,
});
const at = (address: string) => ({ peer: null, address });

describe("a prefix", () => {
  test.each([
    ["198.51.100.7", "198.51.100.7/32"],
    ["198.51.100.7/24", "198.51.100.0/24"],
    ["198.51.100.255/31", "198.51.100.254/31"],
    ["10.1.2.3/9", "10.0.0.0/9"],
    ["2001:DB8:1:2::7/64", "2001:db8:1:2:0:0:0:0/64"],
    ["2001:db8::7", "2001:db8:0:0:0:0:0:7/128"],
    ["2001:db8:ffff::/33", "2001:db8:8000:0:0:0:0:0/33"],
  ])("%s becomes %s", (text, canonical) => {
    expect(canonicalPrefix(text)).toBe(canonical);
  });

  test.each([
    "",
    "/",
    "/24",
    "198.51.100",
    "198.51.100.7/33",
    "198.51.100.7/0",
    "198.51.100.7/08",
    "198.51.100.7/-1",
    "198.51.100.7/24/24",
    "::/0",
    "2001:db8::/129",
    "::ffff:192.0.2.0/120",
    "example.org/24",
    "1.2.3.4/ 8",
  ])("%j is refused", (text) => {
    expect(canonicalPrefix(text)).toBe(null);
  });
});

describe("a ban", () => {
  test("by prefix applies to every address in it and to no other", () => {
    const bans = new Bans([
      ban({ ip_prefix: "198.51.100.0/24" }),
      ban({ id: "ban-2", ip_prefix: "2001:db8:1:2:0:0:0:0/64" }),
    ]);
    expect(["198.51.100.0", "198.51.100.255"].map((address) => bans.find(at(address), T0)?.id)).toEqual([
      "ban-1",
      "ban-1",
    ]);
    expect(bans.find(at("2001:db8:1:2:ffff::1"), T0)?.id).toBe("ban-2");
    for (const address of ["198.51.101.0", "198.51.99.255", "2001:db8:1:3::1", "::1", "no address"]) {
      expect([address, bans.find(at(address), T0)]).toStrictEqual([address, null]);
    }
  });

  test("by peer applies at any address", () => {
    const bans = new Bans([ban({ peer_id: "mallory" })]);
    expect(bans.find({ peer: "mallory", address: "192.0.2.1" }, T0)?.id).toBe("ban-1");
    expect(bans.find({ peer: "alice", address: "192.0.2.1" }, T0)).toBe(null);
    expect(bans.find({ peer: null, address: null }, T0)).toBe(null);
  });

  test("ends exactly at its expiry", () => {
    const bans = new Bans([ban({ ip_prefix: "192.0.2.1/32", expires_at: T0 + 1_000 })]);
    expect([bans.find(at("192.0.2.1"), T0 + 999)?.id, bans.find(at("192.0.2.1"), T0 + 1_000)]).toStrictEqual([
      "ban-1",
      null,
    ]);
    expect([bans.deadline(), new Bans([]).deadline()]).toStrictEqual([T0 + 1_000, Infinity]);
    expect([bans.expired(T0 + 999).length, bans.expired(T0 + 1_000).length]).toStrictEqual([0, 1]);
  });

  test("of a wider prefix applies after a narrower one expired", () => {
    const bans = new Bans([
      ban({ ip_prefix: "192.0.2.1/32", expires_at: T0 }),
      ban({ id: "ban-2", ip_prefix: "192.0.0.0/16" }),
    ]);
    expect(bans.find(at("192.0.2.1"), T0)?.id).toBe("ban-2");
  });

  test("replaces an older one of the same target", () => {
    const bans = new Bans([ban({ peer_id: "mallory" })]);
    expect(bans.add(ban({ id: "ban-2", peer_id: "mallory" }))?.id).toBe("ban-1");
    expect(bans.all().map(({ id }) => id)).toStrictEqual(["ban-2"]);
  });

  test("is gone after it was removed", () => {
    const bans = new Bans([ban({ ip_prefix: "192.0.2.0/24" }), ban({ id: "ban-2", peer_id: "mallory" })]);
    expect([bans.remove("ban-1"), bans.remove("ban-1"), bans.remove("ban-2")]).toStrictEqual([true, false, true]);
    expect([bans.find({ peer: "mallory", address: "192.0.2.1" }, T0), bans.size]).toStrictEqual([null, 0]);
  });

  test("an address is banned exactly if its first bits equal the prefix", () => {
    const octet = fc.nat({ max: 255 });
    const address = fc.tuple(octet, octet, octet, octet);
    fc.assert(
      fc.property(address, address, fc.integer({ min: 1, max: 32 }), (a, b, length) => {
        const prefix = canonicalPrefix(`${a.join(".")}/${length}`)!;
        const bits = (bytes: number[]): string => bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("");
        const inside = bits(a).slice(0, length) === bits(b).slice(0, length);
        return (new Bans([ban({ ip_prefix: prefix })]).find(at(b.join(".")), T0) !== null) === inside;
      }),
    );
  });
});
