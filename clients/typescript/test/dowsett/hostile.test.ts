/** Packets of strangers and malicious peers: none throws, reaches the game, or ends a session that it should not. */
import { describe, expect, test } from "vitest";
import type { Address } from "../../src/dowsett/wire/address.ts";
import { DATAGRAM_BYTES_MAX } from "../../src/dowsett/limits.ts";
import { decode, encode, type Envelope } from "../../src/dowsett/wire/packet.ts";
import type { Json, JsonObject } from "../../src/util/bounded-json.ts";
import { seeded } from "../../../../test/support/dice.ts";
import { A, B, C, D, lan, Net, type Node, Server } from "../support/dowsett.ts";

const SERVER_AT: Address = ["192.0.2.1", 5160];

describe("bytes that are no packet", () => {
  const sign = (says: JsonObject): Uint8Array => encode("peer-check", says, from("Bob", "Alice", A)).bytes;
  test.each<[string, Uint8Array]>([
    ["nothing", Buffer.alloc(0)],
    ["a zero byte", Buffer.from([0])],
    ["no UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
    ["half an object", Buffer.from('{"__type":"peer-check"')],
    ["null", Buffer.from("null")],
    ["a number", Buffer.from("1e999")],
    ["a list", Buffer.from("[]")],
    ["an empty object", Buffer.from("{}")],
    ["64 KiB of open brackets", Buffer.alloc(DATAGRAM_BYTES_MAX, "[")],
    ["64 KiB of nested objects", Buffer.from('{"a":'.repeat(13_000))],
    ["deep nesting with a right hash", sign({ deep: nested(100) })],
    ["65,508 bytes", Buffer.from(`{"x":"${"x".repeat(DATAGRAM_BYTES_MAX)}"}`)],
    ["64 KiB of zeros", Buffer.alloc(DATAGRAM_BYTES_MAX)],
    ["quotes that never end", Buffer.from(`{"${'\\"'.repeat(30_000)}`)],
  ])("%s: blocked", (_, bytes) => {
    const { net, host } = session();
    host.take(bytes, B);
    expect(host.eventsNamed("packetBlocked")).toStrictEqual([["packetBlocked", B]]);
    expect(stillPlays(net, host)).toBe(true);
  });

  test("a message of 20,000 nested empty lists is delivered as a message", () => {
    const { net, host } = session();
    const message = Array.from({ length: 20_000 }, (): Json => []);
    const body = { "is-broadcast": false, from: "Bob", to: "Alice", message };
    const before = process.cpuUsage();
    host.take(encode("unreliable-peer-message", body, from("Bob", "Alice", A)).bytes, B);
    expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
    expect(host.eventsNamed("receivedUnreliableMessageFromPeer")[0]?.[1].message).toHaveLength(20_000);
    expect(stillPlays(net, host)).toBe(true);
  });

  test("2,000 random mutations of a real packet never throw", () => {
    const { net, host } = session();
    const random = seeded(7);
    const bytes = encode("peer-check", {}, from("Bob", "Alice", A)).bytes;
    for (let round = 0; round < 2_000; round++) {
      const bent = Buffer.from(bytes);
      for (let hit = 0; hit <= round % 4; hit++) bent[Math.floor(random() * bent.length)] = Math.floor(random() * 256);
      host.take(bent.subarray(0, round % 3 === 0 ? Math.floor(random() * bent.length) : bent.length), B);
    }
    expect(stillPlays(net, host)).toBe(true);
  });
});

/** Each packet of a peer, well-formed. */
const INFO = { "global-address": [...D], "local-address": [...D], "use-global": true };
const FROM_PEER: Record<string, JsonObject> = {
  "address-inquiry": { "used-global": true },
  "address-inquiry-response": { "used-global": true },
  "peer-check": {},
  "peer-check-response": {},
  "unreliable-peer-message": { "is-broadcast": false, from: "Bob", to: "Alice", message: 1 },
  "reliable-peer-message": { "is-broadcast": false, from: "Bob", to: "Alice", message: 1, "message-id": 77 },
  "reliable-peer-message-response": { "is-broadcast": false, from: "Bob", to: "Alice", message: 1, "message-id": 0 },
  "update-peer-list": { action: "add", "peer-infos": { Eve: INFO } },
  "update-peer-list-response": {},
  "drop-me": { name: "Bob" },
};
const FROM_SERVER: Record<string, JsonObject> = {
  "confirming-registration": {},
  "confirming-registration-refresh": {},
  "providing-server-list": { servers: [{ name: "x", "password-required": true }] },
  "providing-peer-handshake-info": { "peer-name": "Eve", "global-address": [...D], "local-address": [...D] },
  "server-error": { message: "x" },
};
const TO_LAN_HOST: Record<string, JsonObject> = {
  "requesting-to-join-server": { "local-address": [...D], "server-name": "Alice", password: "p" },
  "requesting-server-list": { password: "p" },
};
const WRONG: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  "",
  "x",
  "__proto__",
  "constructor",
  [],
  {},
  [null, null],
  ["10.0.0.9"],
  ["10.0.0.9", "1"],
  ["10.0.0.9", -1],
  ["10.0.0.9", 1.5],
  ["10.0.0.9", 70_000],
  ["example.org", 5160],
  [5160, "10.0.0.9"],
  ["255.255.255.255", 9],
  ["0.0.0.0", 0],
  { 0: "10.0.0.9", 1: 1, length: 2 },
  [[]],
  { a: null },
  "x".repeat(1_000),
];

describe("a wrong type in every field, with the right hash", () => {
  const cases = (all: Record<string, JsonObject>) =>
    Object.entries(all).flatMap(([type, body]) =>
      [...Object.keys(body), "none", "__destination-address"].map((key) => [type, key, body] as const),
    );

  test.each(cases(FROM_PEER))("from a guest: %s, %s", (type, key, body) => {
    for (const host of everyWrong(type, key, body, "Bob", "Alice", A, B, () => session().host)) {
      expectSane(host);
      // A guest may leave. It must not affect the host or others.
      expect(host.session.active?.confirmed).toBe(true);
      expect(host.peers()).toContain("Cleo");
    }
  });

  test.each(cases(FROM_PEER))("from the host: %s, %s", (type, key, body) => {
    const changed = {
      ...body,
      ...("from" in body ? { from: "Alice", to: "Bob" } : {}),
      ...(body["name"] === undefined ? {} : { name: "Alice" }),
    };
    for (const bob of everyWrong(type, key, changed, "Alice", "Bob", B, A, () => session().bob)) {
      expectSane(bob);
      const left = type === "drop-me" && (key === "none" || key === "__destination-address");
      expect(bob.session.active === null).toBe(left);
    }
  });

  test.each(cases(TO_LAN_HOST))("from a stranger to a host in LAN mode: %s, %s", (type, key, body) => {
    for (const host of everyWrong(type, key, body, "Eve", "_HANDSHAKE_SERVER", A, D, () => session().host, "p")) {
      expectSane(host);
      expect(host.peers()).toStrictEqual(["Bob", "Cleo"]);
    }
  });

  test.each(cases(FROM_SERVER))("from a handshake server: %s, %s", (type, key, body) => {
    const registered = (): Node => {
      const net = new Net();
      const server = new Server(net, SERVER_AT);
      const host = net.node("Alice", { address: A });
      host.host(server.where.global);
      net.run(100);
      return host;
    };
    for (const host of everyWrong(type, key, body, null, "Alice", A, SERVER_AT, registered, "Alice-0")) {
      expectSane(host);
      if (type !== "server-error") expect(host.session.active?.confirmed).toBe(true);
    }
  });

  test("an unknown type, an inherited property name, and a server packet from a peer are blocked", () => {
    for (const type of ["toString", "__proto__", "constructor", "server-error", "confirming-registration", ""]) {
      const { host } = session();
      host.take(encode(type, { message: "die" }, from("Bob", "Alice", A)).bytes, B);
      expect(host.eventsNamed("packetBlocked"), type).toHaveLength(1);
      expect(host.session.active).not.toBeNull();
    }
  });
});

describe("keys of Object.prototype", () => {
  test("prototype keys are ordinary keys of a message, and change no prototype", () => {
    const { net, host } = session();
    const message = JSON.parse('{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}') as Json;
    const body = { "is-broadcast": false, from: "Bob", to: "Alice", message };
    host.take(encode("unreliable-peer-message", body, from("Bob", "Alice", A)).bytes, B);
    const got = host.eventsNamed("receivedUnreliableMessageFromPeer")[0]![1].message as Record<string, unknown>;
    expect(Object.keys(got)).toStrictEqual(["__proto__", "constructor"]);
    expect(got["admin"]).toBeUndefined();
    expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
    expect(stillPlays(net, host)).toBe(true);
  });

  test("prototype keys do not replace missing keys", () => {
    const { host } = session();
    const text =
      '{"__proto__":{"__type":"peer-check","__sender-name":"Bob","__destination-name":"Alice"},"__hash-string":""}';
    expect(decode(Buffer.from(text))).toBeNull();
    host.take(Buffer.from(text), B);
    expect(host.eventsNamed("packetBlocked")).toHaveLength(1);
  });

  test.each(["__proto__", "constructor", "hasOwnProperty", "toString"])("%s is an ordinary name", (name) => {
    const net = new Net();
    const host = net.node("Alice", { address: A });
    host.host();
    const guests = (
      [
        [name, B],
        ["Cleo", C],
      ] as const
    ).map(([who, address]) => {
      const guest = net.node(who, { address });
      guest.join(A, "Alice");
      net.run(1_500);
      return guest;
    });
    expect(host.peers()).toStrictEqual([name, "Cleo"]);
    expect(guests[1]!.peers()).toStrictEqual(["Alice", name]);
    host.do((now) => host.session.dropPeer(name, now));
    net.run(100);
    expect(guests[1]!.peers()).toStrictEqual(["Alice"]);
  });
});

describe("a wrong hash or a wrong sender", () => {
  const check = (password: string): Uint8Array =>
    encode("peer-check", {}, { sender: "Bob", destination: "Alice", to: A, password }).bytes;

  test("a packet with a wrong hash in a connected peer's name is blocked, and the peer stays", () => {
    const { net, host } = session();
    host.take(check("guess"), B);
    expect(host.eventsNamed("packetBlocked")).toHaveLength(1);
    expect(host.peers()).toStrictEqual(["Bob", "Cleo"]);
    expect(stillPlays(net, host)).toBe(true);
  });

  test("a packet with a valid hash from another address or port is blocked without an answer", () => {
    const { net, host } = session();
    const sent = net.wire.length;
    for (const at of [D, [B[0], 1], ["10.9.9.9", B[1]]] as const) host.take(check("Alice"), at);
    expect(host.eventsNamed("packetBlocked")).toHaveLength(3);
    expect(net.wire).toHaveLength(sent);
  });

  test("a packet with a valid hash for another receiver is blocked", () => {
    const { host } = session();
    host.take(encode("peer-check", {}, from("Bob", "Cleo", A)).bytes, B);
    host.take(encode("peer-check", {}, from("Eve", "Alice", A)).bytes, B);
    expect(host.eventsNamed("packetBlocked")).toHaveLength(2);
  });

  test("a message in another peer's name is blocked, also from a connected peer", () => {
    const { host } = session();
    const body = { "is-broadcast": false, from: "Cleo", to: "Alice", message: "trust me", "message-id": 5 };
    host.take(encode("reliable-peer-message", body, from("Bob", "Alice", A)).bytes, B);
    expect(host.eventsNamed("receivedReliableMessageFromPeer")).toStrictEqual([]);
    expect(host.eventsNamed("packetBlocked")).toHaveLength(1);
  });

  test("server packets are accepted from the handshake server's address only", () => {
    const net = new Net();
    const server = new Server(net, SERVER_AT);
    const host = net.node("Alice", { address: A });
    host.host(SERVER_AT);
    net.run(100);
    const error = encode(
      "server-error",
      { message: "die" },
      { sender: null, destination: "Alice", to: A, password: "Alice-0" },
    );
    host.take(error.bytes, [SERVER_AT[0], 5161]);
    host.take(error.bytes, ["192.0.2.2", 5160]);
    expect(host.eventsNamed("packetBlocked")).toHaveLength(2);
    server.send("confirming-registration", {}, "Alice", A, "not the password");
    net.run(100);
    expect(host.eventsNamed("error")).toStrictEqual([["error", "packet has incorrect password (hash mismatch)"]]);
    expect(host.session.active).not.toBeNull();
    host.take(error.bytes, SERVER_AT);
    expect(host.session.active).toBeNull();
  });

  test("a server packet with a wrong password ends a join, but not a session", () => {
    const net = new Net();
    const server = new Server(net, SERVER_AT);
    const host = net.node("Alice", { address: A });
    const bob = net.node("Bob", { address: B });
    host.host(SERVER_AT);
    net.run(100);
    bob.join(SERVER_AT, "Alice");
    net.run(100);
    server.send("server-error", { message: "die" }, "Bob", B, "guess");
    net.run(100);
    expect(bob.peers()).toStrictEqual(["Alice"]);
    const cleo = net.node("Cleo", { address: C });
    cleo.join(["203.0.113.5", 1], "Alice");
    cleo.take(
      encode("server-error", { message: "die" }, { sender: null, destination: "Cleo", to: C, password: "guess" }).bytes,
      ["203.0.113.5", 1],
    );
    expect(cleo.ending(1)).toStrictEqual({ failure: "packet has incorrect password (hash mismatch)" });
  });

  test("an unrequested server list, and an introduction to another host, are blocked", () => {
    const { host, bob } = session();
    const list = { sender: null, destination: "Bob", to: B, password: "Bob-0" };
    bob.take(encode("providing-server-list", { servers: [] }, list).bytes, A);
    expect(bob.eventsNamed("receivedServerList")).toStrictEqual([]);
    expect(bob.eventsNamed("packetBlocked")).toHaveLength(1);
    expect(host.session.active).not.toBeNull();
  });

  test("a peer list of thousands adds no more peers than the limit", () => {
    const { bob } = session();
    const entry = { "global-address": ["10.1.1.1", 9], "local-address": ["10.1.1.1", 9], "use-global": true };
    const infos = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`n${at}`, entry]));
    bob.take(encode("update-peer-list", { action: "add", "peer-infos": infos }, from("Alice", "Bob", B)).bytes, A);
    expect(bob.session.active!.peers.size).toBe(64);
  });
});

const from = (sender: string, destination: string, to: Address): Envelope => ({
  sender,
  destination,
  to,
  password: "Alice",
});

function nested(depth: number): Json {
  let value: Json = 0;
  for (let at = 0; at < depth; at++) value = [value];
  return value;
}

function session(): { net: Net; host: Node; bob: Node; cleo: Node } {
  const net = new Net();
  const [host, bob, cleo] = lan(net, [
    ["Bob", B],
    ["Cleo", C],
  ]);
  net.run(200);
  // A pending message, so that a response can refer to it.
  net.conditions.loss = 1;
  host.do((now) => host.session.sendReliable("Bob", "waiting", null, now));
  net.conditions.loss = 0;
  for (const node of [host, bob!, cleo!]) node.told.length = 0;
  return { net, host, bob: bob!, cleo: cleo! };
}

/** One new network per wrong value, after its delivery. */
function* everyWrong(
  type: string,
  key: string,
  body: JsonObject,
  sender: string | null,
  destination: string,
  to: Address,
  at: Address,
  fresh: () => Node,
  password = "Alice",
): Generator<Node> {
  for (const wrong of WRONG) {
    // Another string is another peer's name, which has its own test.
    if (key === "name" && typeof wrong === "string") continue;
    const node = fresh();
    const envelope = { sender, destination, to: (key === "__destination-address" ? wrong : to) as Address, password };
    const signedWith = key === "password" && typeof wrong === "string" ? wrong : password;
    const bent = key === "none" || key === "__destination-address" ? body : { ...body, [key]: wrong };
    node.take(encode(type, bent, { ...envelope, password: signedWith }).bytes, at);
    yield node;
    if (key === "none") return;
  }
}

/** Every event has the documented shape. */
function expectSane(node: Node): void {
  for (const { event } of node.told) {
    if (event[0] === "receivedReliableMessageFromPeer" || event[0] === "receivedUnreliableMessageFromPeer") {
      expect(event[1].to).toBe(node.name);
      expect(["Alice", "Bob"]).toContain(event[1].from);
      expect(typeof event[1].isBroadcast).toBe("boolean");
      if ("messageId" in event[1]) expect(Number.isSafeInteger(event[1].messageId)).toBe(true);
    }
    if (event[0] === "peerJoined" || event[0] === "peerDropped" || event[0] === "error") {
      expect(typeof event[1]).toBe("string");
    }
    if (event[0] === "receivedServerList") expect(Array.isArray(event[1])).toBe(true);
  }
  for (const { global, local, name } of node.session.active?.peers.values() ?? []) {
    expect(name).not.toBe("");
    for (const [ip, port] of [global, local]) {
      expect(ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      expect(Number.isInteger(port)).toBe(true);
    }
  }
}

function stillPlays(net: Net, host: Node): boolean {
  host.do((now) => host.session.sendReliable("Cleo", "still there?", 99, now));
  net.run(100);
  return "value" in (host.ending(99) ?? {});
}
