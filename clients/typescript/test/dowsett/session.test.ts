/** Sessions with each other in virtual time: joining, peer lists, leaving, addresses. No sidecar, no socket. */
import { describe, expect, test } from "vitest";
import { MESSAGE_ID_MAX, PEERS_UNCONFIRMED_MAX } from "../../src/dowsett/limits.ts";
import { encode } from "../../src/dowsett/wire/packet.ts";
import { Session } from "../../src/dowsett/session.ts";
import { A, B, C, D, lan, Net, Server } from "../support/dowsett.ts";

const SERVER_AT = ["192.0.2.1", 5160] as const;

describe("in LAN mode", () => {
  test("the host is registered with itself at once, and lists itself", () => {
    const net = new Net();
    const [host] = lan(net, []);
    expect(host.ending(1)).toStrictEqual({ value: A });
    expect(host.eventsNamed("confirmedAsServer")).toStrictEqual([["confirmedAsServer", A]]);
    const asker = net.node("Bob", { address: B });
    asker.do((now) => asker.session.requestServerList(A, 7, now));
    net.run(100);
    const value = { servers: [{ name: "Alice", passwordIsRequired: false }], handshakeAddress: A };
    expect(asker.ending(7)).toStrictEqual({ value });
    expect(net.wire).toHaveLength(2);
  });

  test("a host with a password sets the flag in the list", () => {
    const net = new Net();
    const host = net.node("Alice", { address: A });
    host.host(A, "open sesame");
    const asker = net.node("Bob", { address: B });
    asker.do((now) => asker.session.requestServerList(A, 7, now));
    net.run(100);
    expect(asker.ending(7)).toMatchObject({ value: { servers: [{ name: "Alice", passwordIsRequired: true }] } });
  });

  test("a guest joins with the default password", () => {
    const [host, guest] = lan(new Net(), [["Bob", B]]);
    expect(guest!.ending(1)).toStrictEqual({ value: A });
    expect(guest!.eventsNamed("confirmedAsClient")).toStrictEqual([["confirmedAsClient", A]]);
    expect([host.peers(), guest!.peers()]).toStrictEqual([["Bob"], ["Alice"]]);
    expect(guest!.session.active).toMatchObject({ confirmed: true, globalAddress: B, serverAddress: A });
  });

  test.each([
    ["the right password", "sesame", true],
    ["a wrong password", "barley", false],
    ["no password", undefined, false],
  ])("a guest with %s", (_, password, isLetIn) => {
    const net = new Net();
    const host = net.node("Alice", { address: A });
    host.host(A, "sesame");
    const guest = net.node("Bob", { address: B });
    guest.join(A, "Alice", password);
    net.run(20_000);
    expect(host.peers()).toStrictEqual(isLetIn ? ["Bob"] : []);
    expect(guest.peers()).toStrictEqual(isLetIn ? ["Alice"] : []);
    const failure = "packet has incorrect password (hash mismatch)";
    expect(guest.ending(1)).toStrictEqual(isLetIn ? { value: A } : { failure });
    expect(guest.eventsNamed("sessionTerminated")).toHaveLength(isLetIn ? 0 : 1);
    expect(host.session.active?.peers.size).toBe(isLetIn ? 1 : 0);
    expect(net.wire.some(({ text }) => text.includes("sesame") || text.includes("barley"))).toBe(false);
  });

  test("a guest that requests an unknown host gets the error not found", () => {
    const net = new Net();
    lan(net, []);
    const guest = net.node("Bob", { address: B });
    guest.join(A, "Zoe");
    net.run(100);
    expect(guest.ending(1)).toStrictEqual({ failure: "Zoe not found" });
  });

  test("a guest cannot use the name of the host or of another guest", () => {
    const net = new Net();
    const [host, bob] = lan(net, [["Bob", B]]);
    const alice = net.node("Alice", { address: C });
    alice.join(A, "Alice");
    const other = net.node("Bob", { address: D });
    other.join(A, "Alice");
    net.run(10_000);
    expect(alice.ending(1)).toStrictEqual({ failure: 'attempted connection with invalid peer name: "Alice"' });
    expect(other.ending(1)).toStrictEqual({ failure: "unable to communicate with handshake server" });
    expect(host.session.active?.peers.get("Bob")?.address).toStrictEqual(B);
    expect(bob!.peers()).toStrictEqual(["Alice"]);
  });

  test("strangers cannot fill the host: inquiries in progress are bounded and expire", () => {
    const net = new Net();
    const [host] = lan(net, []);
    for (let at = 0; at < 40; at++) {
      const from = ["10.9.9.9", 1_000 + at] as const;
      const envelope = { sender: `x${at}`, destination: "_HANDSHAKE_SERVER", to: A, password: "p" };
      const body = { "local-address": from, "server-name": "Alice" };
      const { bytes } = encode("requesting-to-join-server", { ...body, password: "p" }, envelope);
      host.take(bytes, from);
    }
    expect(host.session.active?.peers.size).toBe(PEERS_UNCONFIRMED_MAX);
    net.run(6_000);
    expect(host.session.active?.peers.size).toBe(0);
    expect(host.eventsNamed("peerDropped")).toStrictEqual([]);
  });
});

describe("three peers", () => {
  const mesh = () => {
    const net = new Net();
    const [host, bob, cleo] = lan(net, [
      ["Bob", B],
      ["Cleo", C],
    ]);
    net.run(100);
    return { net, host, bob: bob!, cleo: cleo! };
  };

  test("three peers connect and exchange messages", () => {
    const { net, host, bob, cleo } = mesh();
    expect([host.peers(), bob.peers(), cleo.peers()].map((names) => names.toSorted())).toStrictEqual([
      ["Bob", "Cleo"],
      ["Alice", "Cleo"],
      ["Alice", "Bob"],
    ]);
    bob.do((now) => bob.session.sendReliable("Cleo", "psst", 9, now));
    net.run(100);
    const message = { from: "Bob", to: "Cleo", message: "psst", isBroadcast: false, messageId: 0 };
    expect(cleo.eventsNamed("receivedReliableMessageFromPeer")).toStrictEqual([
      ["receivedReliableMessageFromPeer", message],
    ]);
    expect(bob.ending(9)).toStrictEqual({ value: message });
    expect(host.eventsNamed("receivedReliableMessageFromPeer")).toStrictEqual([]);
  });

  test("a broadcast reaches all peers", () => {
    const { net, host, bob, cleo } = mesh();
    host.do((now) => host.session.broadcast({ go: true }, null, now));
    bob.do((now) => bob.session.broadcast([1, 2], () => 5, now));
    net.run(100);
    const fromAlice = { from: "Alice", message: { go: true }, isBroadcast: true };
    expect(bob.eventsNamed("receivedUnreliableMessageFromPeer")[0]?.[1]).toMatchObject({ ...fromAlice, to: "Bob" });
    expect(cleo.eventsNamed("receivedUnreliableMessageFromPeer")[0]?.[1]).toMatchObject({ ...fromAlice, to: "Cleo" });
    expect(cleo.eventsNamed("receivedReliableMessageFromPeer")[0]?.[1]).toMatchObject({
      from: "Bob",
      isBroadcast: true,
    });
    expect(bob.outcomes.filter(({ ticket }) => ticket === 5)).toHaveLength(2);
  });

  test("a dropped guest ends at once, and the others remove it", () => {
    const { net, host, bob, cleo } = mesh();
    expect(host.do((now) => host.session.dropPeer("Cleo", now))).toBe(true);
    net.run(100);
    expect(cleo.eventsNamed("error")).toStrictEqual([["error", "server peer disconnected"]]);
    expect(cleo.eventsNamed("sessionTerminated")).toHaveLength(1);
    expect([host.peers(), bob.peers()]).toStrictEqual([["Bob"], ["Alice"]]);
    expect(host.eventsNamed("peerDropped")).toStrictEqual([["peerDropped", "Cleo"]]);
    expect(bob.eventsNamed("peerDropped")).toStrictEqual([["peerDropped", "Cleo"]]);
  });

  test("only the host drops, and only connected peers", () => {
    const { host, bob } = mesh();
    expect(bob.do((now) => bob.session.dropPeer("Cleo", now))).toBe(false);
    expect(host.do((now) => host.session.dropPeer("Zoe", now))).toBe(false);
    expect(bob.eventsNamed("error")).toStrictEqual([["error", "only server can drop peers"]]);
    expect(host.eventsNamed("error")).toStrictEqual([["error", "no peer named Zoe"]]);
  });

  test("when a guest leaves, the host notifies the others", () => {
    const { net, host, bob, cleo } = mesh();
    cleo.do((now) => cleo.session.quit(now));
    net.run(100);
    expect([host.peers(), bob.peers()]).toStrictEqual([["Bob"], ["Alice"]]);
    expect(bob.session.active).not.toBeNull();
  });

  test("a guest cannot drop another guest", () => {
    const { net, host, bob } = mesh();
    const envelope = { sender: "Bob", destination: "Alice", to: A, password: "Alice" };
    net.send(bob, encode("drop-me", { name: "Cleo" }, envelope).bytes, A);
    net.run(100);
    expect(host.peers()).toStrictEqual(["Bob", "Cleo"]);
    expect(host.eventsNamed("packetBlocked")).not.toStrictEqual([]);
  });

  test("a guest cannot change another guest's list", () => {
    const { net, bob, cleo } = mesh();
    const envelope = { sender: "Bob", destination: "Cleo", to: C, password: "Alice" };
    const info = { "global-address": D, "local-address": D, "use-global": true };
    net.send(bob, encode("update-peer-list", { action: "add", "peer-infos": { Eve: info } }, envelope).bytes, C);
    net.send(bob, encode("update-peer-list", { action: "remove", "peer-infos": { Bob: info } }, envelope).bytes, C);
    net.run(100);
    expect(cleo.peers()).toStrictEqual(["Alice", "Bob"]);
  });

  test("when the host quits, every session ends", () => {
    const { net, host, bob, cleo } = mesh();
    const farewell = host.do((now) => host.session.quit(now));
    expect(farewell).toStrictEqual({ iAmServer: true, serverAddress: A, userName: "Alice", myAddress: A });
    net.run(100);
    for (const node of [host, bob, cleo]) {
      expect(node.session.active).toBeNull();
      expect(node.eventsNamed("sessionTerminated")).toHaveLength(1);
      expect(node.session.deadline).toBeNull();
    }
    expect(bob.eventsNamed("error")).toStrictEqual([["error", "server peer disconnected"]]);
  });

  test("guests notice a silent host by their checks, within twenty seconds", () => {
    const { net, host, bob } = mesh();
    net.nodes.splice(net.nodes.indexOf(host), 1);
    const since = net.now;
    net.run(25_000);
    expect(bob.eventsNamed("error")).toStrictEqual([["error", "lost connection with server peer"]]);
    const { at } = bob.told.find(({ event }) => event[0] === "sessionTerminated")!;
    expect(at - since).toBeLessThanOrEqual(20_000);
  });

  test("the host drops a silent guest and notifies the others", () => {
    const { net, host, bob, cleo } = mesh();
    net.nodes.splice(net.nodes.indexOf(cleo), 1);
    net.run(25_000);
    expect(host.eventsNamed("error")).toStrictEqual([["error", "lost connection with client peer: Cleo"]]);
    expect([host.peers(), bob.peers()]).toStrictEqual([["Bob"], ["Alice"]]);
    expect(bob.session.active).not.toBeNull();
  });

  test("a guest that crashes and returns at its address is a new peer for all", () => {
    const { net, host, bob, cleo } = mesh();
    for (const to of ["Alice", "Cleo"]) bob.do((now) => bob.session.sendReliable(to, "before", null, now));
    net.run(100);
    net.nodes.splice(net.nodes.indexOf(bob), 1);
    const again = net.node("Bob", { address: B });
    again.join(A, "Alice");
    net.run(5_000);
    expect(again.peers().toSorted()).toStrictEqual(["Alice", "Cleo"]);
    expect([host.peers().toSorted(), cleo.peers().toSorted()]).toStrictEqual([
      ["Bob", "Cleo"],
      ["Alice", "Bob"],
    ]);
    // The peer's ids restart at 0. Its messages must not count as duplicates.
    for (const to of ["Alice", "Cleo"]) again.do((now) => again.session.sendReliable(to, "after", null, now));
    net.run(100);
    for (const node of [host, cleo]) {
      const messages = node.eventsNamed("receivedReliableMessageFromPeer").map(([, { message }]) => message);
      expect(messages).toStrictEqual(["before", "after"]);
    }
  });

  test("a repeated introduction of a connected guest changes nothing", () => {
    const { net, host, bob } = mesh();
    const envelope = { sender: "Bob", destination: "_HANDSHAKE_SERVER", to: A, password: "Bob-0" };
    const body = { "local-address": B, "server-name": "Alice", password: "Bob-0" };
    net.send(bob, encode("requesting-to-join-server", body, envelope).bytes, A);
    net.run(5_000);
    expect(host.eventsNamed("peerJoined")).toHaveLength(2);
    expect(host.eventsNamed("peerDropped")).toStrictEqual([]);
  });
});

describe("addresses", () => {
  test("a changed address is not followed: its packets are blocked, and both sides notice", () => {
    const net = new Net();
    const [host, bob] = lan(net, [["Bob", B]]);
    bob!.where.global = D;
    bob!.where.local = D;
    bob!.do((now) => bob!.session.sendReliable("Alice", "from elsewhere", 9, now));
    net.run(6_000);
    expect(host.eventsNamed("receivedReliableMessageFromPeer")).toStrictEqual([]);
    expect(host.eventsNamed("packetBlocked")).toContainEqual(["packetBlocked", D]);
    expect(bob!.ending(9)).toStrictEqual({ failure: '"Alice" did not confirm the message' });
    net.run(20_000);
    expect(host.peers()).toStrictEqual([]);
    expect(bob!.session.active).toBeNull();
    bob!.join(A, "Alice");
    net.run(100);
    expect(host.session.active?.peers.get("Bob")?.address).toStrictEqual(D);
  });

  const world = (lans: { host: string; bob: string; cleo: string }) => {
    const net = new Net();
    const server = new Server(net, SERVER_AT);
    const host = net.node("Alice", {
      address: A,
      global: ["198.51.100.1", 5000],
      local: ["192.168.0.1", 5160],
      lan: lans.host,
    });
    const bob = net.node("Bob", {
      address: B,
      global: ["198.51.100.2", 6000],
      local: ["192.168.0.2", 4002],
      lan: lans.bob,
    });
    const cleo = net.node("Cleo", {
      address: C,
      global: ["198.51.100.3", 7000],
      local: ["192.168.0.3", 4003],
      lan: lans.cleo,
    });
    host.host(SERVER_AT);
    net.run(100);
    for (const guest of [bob, cleo]) {
      guest.join(SERVER_AT, "Alice");
      net.run(100);
    }
    net.run(5_000);
    const seen = (of: typeof host, name: string) => of.session.active?.peers.get(name)?.address;
    return { net, server, host, bob, cleo, seen };
  };

  test("remote peers use the global address, peers in one network the local one", () => {
    const { host, bob, cleo, seen } = world({ host: "home", bob: "home", cleo: "away" });
    expect(seen(host, "Bob")).toStrictEqual(["192.168.0.2", 4002]);
    expect(seen(bob, "Alice")).toStrictEqual(["192.168.0.1", 5160]);
    expect(seen(host, "Cleo")).toStrictEqual(["198.51.100.3", 7000]);
    expect(seen(cleo, "Alice")).toStrictEqual(["198.51.100.1", 5000]);
    expect(cleo.ending(1)).toStrictEqual({ value: ["198.51.100.1", 5000] });
  });

  test("guests use the address that works between them, whichever the host uses", () => {
    const { net, bob, cleo, seen } = world({ host: "home", bob: "home", cleo: "away" });
    // The host reaches Bob at the local address. Cleo, which got that address, switches to the global one.
    expect(seen(cleo, "Bob")).toStrictEqual(["198.51.100.2", 6000]);
    expect(seen(bob, "Cleo")).toStrictEqual(["198.51.100.3", 7000]);
    cleo.do((now) => cleo.session.sendReliable("Bob", "hello", 9, now));
    net.run(100);
    expect(cleo.ending(9)).toMatchObject({ value: { message: "hello" } });
  });

  test("guests in one network switch to local addresses although the host is elsewhere", () => {
    const { bob, cleo, seen } = world({ host: "away", bob: "home", cleo: "home" });
    expect(seen(cleo, "Bob")).toStrictEqual(["192.168.0.2", 4002]);
    expect(seen(bob, "Cleo")).toStrictEqual(["192.168.0.3", 4003]);
  });

  test("the source of an answer counts, not its content", () => {
    const net = new Net();
    const server = new Server(net, SERVER_AT);
    const host = net.node("Alice", { address: A });
    host.host(SERVER_AT);
    net.run(100);
    const [global, local] = [
      ["198.51.100.2", 6000],
      ["192.168.0.2", 4002],
    ] as const;
    const info = { "peer-name": "Bob", "global-address": global, "local-address": local };
    server.send("providing-peer-handshake-info", info, "Alice", A, "Alice-0");
    net.run(10);
    // The router supports hairpinning and leaves the source unchanged.
    const envelope = { sender: "Bob", destination: "Alice", to: A, password: "Alice" };
    host.take(encode("address-inquiry-response", { "used-global": true }, envelope).bytes, local);
    expect(host.session.active?.peers.get("Bob")?.address).toStrictEqual(local);
  });

  test("guests that cannot reach each other keep trying, and lose nothing else", () => {
    const net = new Net();
    const server = new Server(net, SERVER_AT);
    const host = net.node("Alice", { address: A });
    host.host(server.where.global);
    net.run(10);
    // Two guests behind one router without hairpinning, each with a local address that leads nowhere.
    const guests = (
      [
        ["Bob", 1],
        ["Cleo", 2],
      ] as const
    ).map(([name, last]) => {
      const nowhere = { local: ["0.0.0.0", 4000] as const, lan: "home" };
      const guest = net.node(name, { address: A, global: ["198.51.100.1", 6000 + last], ...nowhere });
      guest.join(SERVER_AT, "Alice");
      net.run(100);
      return guest;
    });
    net.run(70_000);
    const checks = net.wire.filter(({ text }) =>
      text.includes('"peer-check","__sender-name":"Bob","__destination-name":"Cleo"'),
    );
    expect(checks.length).toBeGreaterThan(10);
    expect(guests.map((guest) => guest.peers())).toStrictEqual([
      ["Alice", "Cleo"],
      ["Alice", "Bob"],
    ]);
  });

  test("nothing is sent to a dummy local address", () => {
    const net = new Net();
    const server = new Server(net, SERVER_AT);
    const host = net.node("Alice", { address: A, global: A, local: ["0.0.0.0", 5160], lan: "a" });
    const bob = net.node("Bob", { address: B, global: B, local: ["0.0.0.0", 4002], lan: "b" });
    host.host(server.where.global);
    net.run(10);
    bob.join(server.where.global, "Alice");
    net.run(5_000);
    expect(bob.peers()).toStrictEqual(["Alice"]);
    expect(net.wire.filter(({ to }) => to[0] === "0.0.0.0")).toStrictEqual([]);
  });
});

describe("with a handshake server", () => {
  const registered = () => {
    const net = new Net();
    const server = new Server(net, SERVER_AT);
    const host = net.node("Alice", { address: A });
    host.host(SERVER_AT);
    net.run(100);
    return { net, server, host };
  };

  test("a host is registered and refreshes every fifteen seconds", () => {
    const { net, server, host } = registered();
    expect(host.ending(1)).toStrictEqual({ value: SERVER_AT });
    net.run(60_000);
    const refreshes = server.requests.filter(({ __type }) => __type === "refreshing-server-registration");
    expect(refreshes).toHaveLength(4);
    expect(refreshes[0]).toMatchObject({ "seconds-before-expiry": 60 });
  });

  test("an outage under four seconds is not noticed; a longer one ends the session", () => {
    const { net, server, host } = registered();
    net.run(14_800);
    server.silent = true;
    net.run(4_000);
    server.silent = false;
    net.run(20_000);
    expect(host.session.active).not.toBeNull();
    server.silent = true;
    net.run(21_000);
    expect(host.session.active).toBeNull();
    expect(host.eventsNamed("error")).toStrictEqual([["error", "unable to communicate with handshake server"]]);
  });

  test("after its connection is dropped, server packets are blocked, and the session goes on", () => {
    const { net, server, host } = registered();
    const bob = net.node("Bob", { address: B });
    bob.join(SERVER_AT, "Alice");
    net.run(100);
    host.do((now) => host.session.dropConnectionWithHandshakeServer(now));
    expect(net.wire.at(-1)?.text).toContain('"__type":"drop-me"');
    server.send("server-error", { message: "die" }, "Alice", A, "Alice-0");
    server.silent = true;
    net.run(120_000);
    expect(host.eventsNamed("packetBlocked")).toContainEqual(["packetBlocked", SERVER_AT]);
    expect([host.peers(), bob.peers()]).toStrictEqual([["Bob"], ["Alice"]]);
  });

  test("dropping the server before its answer ends the session", () => {
    const net = new Net();
    const host = net.node("Alice", { address: A });
    host.host(SERVER_AT);
    host.do((now) => host.session.dropConnectionWithHandshakeServer(now));
    expect(host.session.active).toBeNull();
    expect(host.ending(1)).toStrictEqual({ failure: "the connection with the handshake server was dropped" });
  });

  test("a list of another server does not affect the session's server", () => {
    const { net, server, host } = registered();
    host.do((now) => host.session.requestServerList(["203.0.113.9", 5160], 8, now));
    net.run(40_000);
    expect(host.ending(8)).toStrictEqual({ failure: "failed to get list from server" });
    expect(host.session.active?.handshake?.address).toStrictEqual(SERVER_AT);
    host.do((now) => host.session.requestServerList(SERVER_AT, 9, now));
    net.run(100);
    expect(host.ending(9)).toMatchObject({ value: { servers: [{ name: "Alice" }] } });
    expect(server.requests.at(-1)).toMatchObject({ "__sender-name": "Alice" });
  });
});

describe("commands", () => {
  test.each<[string, string, readonly [string, number], readonly [string, number]]>([
    ["an empty name", "", SERVER_AT, A],
    ["the handshake server's name", "_HANDSHAKE_SERVER", SERVER_AT, A],
    ["a name with a line break", "a\nb", SERVER_AT, A],
    ["a name with half a character", "a\ud800", SERVER_AT, A],
    ["a name of 65 characters", "x".repeat(65), SERVER_AT, A],
    ["a host name as handshake address", "Alice", ["example.org", 5160], A],
    ["a port that is none", "Alice", ["192.0.2.1", 0], A],
    ["a local address that is none", "Alice", SERVER_AT, ["10.0.0.256", 1]],
  ])("refuse %s", (_, serverName, handshakeAddress, localAddress) => {
    const session = new Session({}, { makePassword: () => "p" });
    session.initServer({ handshakeAddress, localAddress, serverName }, 1, 0);
    const { datagrams, events, outcomes } = session.drain();
    expect(datagrams).toStrictEqual([]);
    expect(events).toHaveLength(1);
    expect(events[0]?.[0]).toBe("error");
    expect(outcomes).toHaveLength(1);
    expect(session.active).toBeNull();
  });

  test("options out of range are refused", () => {
    for (const options of [
      { secsToAwaitReply: 0 },
      { secsBetweenPeerChecks: Number.NaN },
      { attemptsBeforeExpiration: 1.5 },
      { attemptsBeforeExpiration: 0 },
    ]) {
      expect(() => new Session(options, { makePassword: () => "p" })).toThrow(RangeError);
    }
  });

  test("the constants are options", () => {
    const net = new Net();
    const options = { secsToAwaitReply: 0.5, attemptsBeforeExpiration: 3, secsRegValid: 30 };
    const host = net.node("Alice", { address: A }, options);
    host.host(SERVER_AT);
    net.run(10_000);
    const sent = net.wire.filter(({ text }) => text.includes("registering-server"));
    expect(sent.map(({ at }) => at)).toStrictEqual([0, 500, 1_000]);
    expect(sent[0]?.text).toContain('"seconds-before-expiry":30');
  });

  test("a new session ends the previous one", () => {
    const net = new Net();
    const [host, bob] = lan(net, [["Bob", B]]);
    host.host(A, "new");
    net.run(100);
    expect(host.eventsNamed("sessionTerminated")).toHaveLength(1);
    expect(bob!.session.active).toBeNull();
    expect(host.session.active?.password).toBe("new");
  });

  test("messages to an unknown peer are refused with a reason", () => {
    const net = new Net();
    const [host] = lan(net, []);
    host.do((now) => host.session.sendReliable("Zoe", 1, 4, now));
    expect(host.ending(4)).toStrictEqual({ failure: 'no peer named "Zoe"' });
    expect(host.do((now) => host.session.sendUnreliable("Zoe", 1, now))).toBe(false);
    host.do((now) => host.session.quit(now));
    host.do((now) => host.session.sendReliable("Zoe", 1, 5, now));
    expect(host.ending(5)).toStrictEqual({ failure: "there is no session" });
  });

  test("message ids count up and restart at 0", () => {
    const net = new Net();
    const session = new Session({}, { makePassword: () => "p", firstMessageId: MESSAGE_ID_MAX - 1 });
    const [host] = lan(net, []);
    const bob = net.node("Bob", { address: B });
    Object.assign(bob, { session });
    bob.join(A, "Alice");
    net.run(100);
    for (const text of ["a", "b", "c", "d"]) bob.do((now) => session.sendReliable("Alice", text, null, now));
    net.run(100);
    const got = host
      .eventsNamed("receivedReliableMessageFromPeer")
      .map(([, { message, messageId }]) => [message, messageId]);
    expect(got).toStrictEqual([
      ["a", MESSAGE_ID_MAX - 1],
      ["b", MESSAGE_ID_MAX],
      ["c", 0],
      ["d", 1],
    ]);
  });
});
