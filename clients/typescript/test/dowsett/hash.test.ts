/** The hash: five known vectors, and every packet recorded from the original server and script. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { hashOf, isHash } from "../../src/dowsett/wire/hash.ts";
import { decode } from "../../src/dowsett/wire/packet.ts";
import type { JsonObject } from "../../src/util/bounded-json.ts";
import { recorded, SERVER } from "../support/dowsett-recorded.ts";

const TO = { "__destination-address": ["127.0.0.1", 5160], "__destination-name": "_HANDSHAKE_SERVER" };

describe("the hash", () => {
  test.each<[string, JsonObject, string, string]>([
    [
      "of a registration",
      {
        ...TO,
        "__sender-name": "game1",
        __type: "registering-server",
        "local-address": ["127.0.0.1", 1],
        "password-required": false,
        "seconds-before-expiry": 60,
      },
      "qUks5KzRDY",
      "795fe5c6de6f68d97768f2f888f03bfd5c2845d39e2826697396c03af2244903",
    ],
    [
      "of a join",
      {
        ...TO,
        "__sender-name": "bob",
        __type: "requesting-to-join-server",
        "local-address": ["127.0.0.1", 1],
        "server-name": "game1",
      },
      "HX5P2Rur3b",
      "74df23c1934126822e4fd83817558a7c56579c0f203a6884b1e6ddd5ed3e1b31",
    ],
    [
      "of a list request without a sender",
      { ...TO, "__sender-name": null, __type: "requesting-server-list" },
      "0uAUdq0y69",
      "bf51328d18bed2f15f81b1f47e745124e58d3fcbcf0d78253066354527ae9166",
    ],
    [
      "of a reply",
      { ...TO, "__destination-name": "g1", "__sender-name": null, __type: "confirming-registration" },
      "pppppppppp",
      "35ca4a00b8550925a14bf2cc39595b70a06721c35bca18ec38590f17a406fb10",
    ],
    [
      "of characters beyond U+FFFF, which sort by code point",
      { ...TO, "__destination-name": "\uff5e\u{1f600}", "__sender-name": null, __type: "confirming-registration" },
      "\u{1f600}x",
      "1d79dae58bf91a1540ad651a852f2ba03262545e9f817a8bba792373926fdc3e",
    ],
  ])("%s", (_, says, password, wanted) => {
    expect(hashOf(says, password)).toBe(wanted);
    expect(hashOf({ ...says, "__hash-string": "ignored", password: "replaced" }, password)).toBe(wanted);
    expect(isHash(wanted, says, password)).toBe(true);
    expect(isHash(wanted, says, `${password}!`)).toBe(false);
    expect(isHash(wanted.toUpperCase(), says, password)).toBe(false);
    expect(isHash("", says, password)).toBe(false);
  });

  test("the hash covers strings whole and sorts by code point, unlike JavaScript", () => {
    const wanted = createHash("sha256").update("abpassword").update("\uff5e\u{1f600}").digest("hex");
    expect(["\u{1f600}", "\uff5e"].toSorted()).toStrictEqual(["\u{1f600}", "\uff5e"]);
    expect(hashOf({ a: "\u{1f600}", b: 1 }, "\uff5e")).toBe(wanted);
  });

  test("the hash covers no number, boolean, null, array or object, as documented", () => {
    const says = { __type: "x", n: 1, yes: true, none: null, list: ["a"], inner: { b: "c" } };
    expect(hashOf({ ...says, n: 2, yes: false, none: 3, list: [], inner: {} }, "p")).toBe(hashOf(says, "p"));
    expect(hashOf({ ...says, __type: "y" }, "p")).not.toBe(hashOf(says, "p"));
    expect(hashOf({ ...says, more: 1 }, "p")).not.toBe(hashOf(says, "p"));
  });

  test("the hash matches every recorded packet", () => {
    const handshakePasswords = new Map<string, string>();
    let between = 0;
    for (const { from, to, text } of recorded) {
      const received = decode(Buffer.from(text));
      expect(received, text).not.toBeNull();
      const { says, sender, destination, hash } = received!;
      const { password: made } = says;
      if (to === SERVER && typeof made === "string") handshakePasswords.set(from, made);
      const withServer = to === SERVER || from === SERVER;
      if (!withServer) between++;
      const password = withServer
        ? handshakePasswords.get(to === SERVER ? from : to)
        : sessionPassword(sender!, destination!);
      expect(hashOf(says, password ?? "?"), text).toBe(hash);
    }
    expect(recorded.length).toBe(155);
    expect(between).toBe(90);
  });
});

function sessionPassword(sender: string, destination: string): string {
  const server = [sender, destination].find((name) => !/^[uü]sr/.test(name)) ?? "?";
  if (server !== "srvYqY7db") return server;
  return sender === "usr0vZyBH" ? "wrong" : "right";
}
