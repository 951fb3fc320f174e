/** The messages of the Rabid wire, encoded and decoded byte for byte, and bytes that are none. */
import { describe, expect, test } from "vitest";
import { isPublicIPv4, isUnicast } from "../../src/util/addresses.ts";
import { SERVER_ERRORS } from "../../src/rabid/events.ts";
import {
  isRabidMessage,
  type PeerMessage,
  readPeerMessage,
  readServerLine,
  type ServerLine,
  encodeMessage,
} from "../../src/rabid/messages.ts";
import { seeded } from "../../../../test/support/dice.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

describe("server lines", () => {
  const bob = { name: "Bob", endpoint: { address: "192.0.2.7", port: 5_002 } };
  const carol = { name: "Carol", endpoint: { address: "192.0.2.8", port: 65_535 } };
  test.each<[string, ServerLine]>([
    ["i:Alice", { kind: "roster", players: ["Alice"] }],
    ["i:Alice:Bob:Carol", { kind: "roster", players: ["Alice", "Bob", "Carol"] }],
    ["s:5001:Bob:192.0.2.7:5002", { kind: "start", ownPort: 5_001, others: [bob] }],
    ["s:5001:Bob:192.0.2.7:5002;Carol:192.0.2.8:65535", { kind: "start", ownPort: 5_001, others: [bob, carol] }],
    ["s:5001:", { kind: "start", ownPort: 5_001, others: [] }],
    ["error:session_full", { kind: "error", code: "session_full", serverText: "error:session_full" }],
    ["error:brand_new", { kind: "error", code: "unknown_error", serverText: "error:brand_new" }],
    ["errors\u0007", { kind: "error", code: "unknown_error", serverText: "errors?" }],
  ])("%j", (text, line) => {
    expect(readServerLine(bytes(text))).toEqual(line);
  });

  test("every error of the original server is known by its name", () => {
    for (const code of SERVER_ERRORS) expect(readServerLine(bytes(`error:${code}`))).toMatchObject({ code });
    expect(SERVER_ERRORS).toHaveLength(14);
  });

  test.each([
    "",
    "i",
    "i:",
    "i:Alice:",
    "i:Alice:Alice",
    "i:Alice:Bob\n",
    "I:Alice",
    `i:${Array.from({ length: 13 }, (_, at) => `P${at}`).join(":")}`,
    "i:ABCDEFGHIJKLM",
    "s:",
    "s:3",
    "s:0:Bob:192.0.2.7:5002",
    "s:65536:Bob:192.0.2.7:5002",
    "s:5001:Bob:192.0.2.7",
    "s:5001:Bob:192.0.2.7:5002;",
    "s:5001:Bob:192.0.2.7:0",
    "s:5001:Bob:192.0.2.7:5002:6",
    "s:5001:Bob:192.0.2.256:5002",
    "s:5001:Bob:example.org:5002",
    "s:5001:Bob:::1:5002",
    "s:5001:Bob:192.0.2.7:5002;Bob:192.0.2.8:5003",
    `i:${"A".repeat(2_000)}`,
  ])("%j is refused", (text) => {
    expect(readServerLine(bytes(text))).toBeNull();
  });
});

describe("peer messages", () => {
  test.each<[string, PeerMessage]>([
    ["g:Alice:54922:47622", { kind: "greeting", name: "Alice", tried: 47_622 }],
    ["c:Alice:54922", { kind: "confirmation", name: "Alice" }],
    ["s:3", { kind: "start", seconds: 3 }],
    ["y:Bob:47622", { kind: "heard_start", name: "Bob" }],
    ["r:Bob:2", { kind: "step", name: "Bob", step: 2 }],
    ["r:Bob:2:later", { kind: "step", name: "Bob", step: 2 }],
  ])("%j", (text, sent) => {
    expect(readPeerMessage(bytes(text))).toEqual(sent);
  });

  test.each([
    "",
    "g",
    "g:",
    "g:Alice",
    "g:Alice:1",
    "g:Alice:1:0",
    "g:Alice:1:65536",
    "g:Alice:1:-1",
    "g:Alice:1:1e3",
    "c:Alice:",
    "c::1",
    "c:Al ice:1",
    "s:",
    "s:-1",
    "s:99999",
    "y:Bob",
    "r:Bob:0",
    "r:Bob:4",
    "z:Bob:1",
    `g:Alice:1:${"1".repeat(80)}`,
  ])("%j is refused", (text) => {
    expect(readPeerMessage(bytes(text))).toBeNull();
  });

  test("peer messages are encoded like the plugin's", () => {
    expect(Buffer.from(encodeMessage("g", "Alice", 54_922, 47_622)).toString()).toBe("g:Alice:54922:47622");
    expect(Buffer.from(encodeMessage("h", "Nice", "Alice", 4, undefined)).toString()).toBe("h:Nice:Alice:4");
    expect(Buffer.from(encodeMessage("c", "Nice", "Bob", undefined, "Pw12")).toString()).toBe("c:Nice:Bob:Pw12");
  });
});

test("100,000 mutated datagrams never throw", () => {
  const dice = seeded(20_261_120);
  const good = ["s:5001:Bob:192.0.2.7:5002;Carol:192.0.2.8:5003", "i:Alice:Bob", "g:Alice:1:2", "error:session_full"];
  for (let turn = 0; turn < 100_000; turn++) {
    const mangled = Buffer.from(good[turn % good.length]!);
    for (let times = Math.floor(dice() * 4); times >= 0; times--) {
      mangled[Math.floor(dice() * mangled.length)] = Math.floor(dice() * 256);
    }
    expect(typeof isRabidMessage(mangled.subarray(0, Math.floor(dice() * (mangled.length + 1))))).toBe("boolean");
  }
});

describe("addresses", () => {
  test.each(["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"])(
    "%s is not unicast",
    (address) => {
      expect([isUnicast(address), isPublicIPv4(address)]).toEqual([false, false]);
    },
  );
  test.each(["10.0.0.1", "127.0.0.1", "169.254.1.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "203.0.113.1"])(
    "%s is special, and sent to only if the server lists it",
    (address) => {
      expect([isUnicast(address), isPublicIPv4(address)]).toEqual([true, false]);
    },
  );
  test.each(["8.8.8.8", "100.128.0.1", "172.32.0.1", "223.255.255.255"])("%s is public", (address) => {
    expect([isUnicast(address), isPublicIPv4(address)]).toEqual([true, true]);
  });
});
