/** DowsettPeer over real sockets on loopback: no sidecar, no sleeping. */
import { createSocket } from "node:dgram";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Address, DowsettPeer, type DowsettEventName, type DowsettEvents } from "../../src/index.ts";

const ANY: Address = ["127.0.0.1", 0];
const open: DowsettPeer[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(open.splice(0).map((peer) => peer.close()));
});

describe("on real sockets", () => {
  test("list, join, messages, broadcast and leave work", async () => {
    const { host, at, bob, cleo } = await trio();
    expect(await peer().requestServerList(at)).toStrictEqual({
      servers: [{ name: "Alice", passwordIsRequired: false }],
      handshakeAddress: at,
    });
    expect([host.iAmServer(), bob.iAmServer()]).toStrictEqual([true, false]);
    expect([host.isConnected(), bob.isConnected()]).toStrictEqual([true, true]);
    expect([host.getUserName(), bob.getUserName(), bob.getServerName()]).toStrictEqual(["Alice", "Bob", "Alice"]);
    expect([bob.getPassword(), bob.getServerAddress(), bob.getHandshakeServerAddress()]).toStrictEqual([
      "Alice",
      at,
      at,
    ]);
    expect(bob.getPeerInfo("Alice")).toStrictEqual({ name: "Alice", address: at });
    expect(bob.getPeerInfo("Zoe")).toBeNull();
    expect(bob.getPeers().toSorted()).toStrictEqual(["Alice", "Cleo"]);

    const received = next(cleo, "receivedReliableMessageFromPeer");
    const confirmed = await bob.sendReliableMessageToPeer("Cleo", { at: [1, 2], name: "Zoë 😀" });
    expect(confirmed).toStrictEqual({
      from: "Bob",
      to: "Cleo",
      message: { at: [1, 2], name: "Zoë 😀" },
      isBroadcast: false,
      messageId: 0,
    });
    expect(await received).toStrictEqual([confirmed]);

    const unreliable = next(host, "receivedUnreliableMessageFromPeer");
    expect(bob.sendUnreliableMessageToPeer("Alice", "hi")).toBe(true);
    expect(await unreliable).toStrictEqual([{ from: "Bob", to: "Alice", message: "hi", isBroadcast: false }]);

    const delivery = await host.broadcastReliableMessage("all");
    expect({ ...delivery, delivered: delivery.delivered.toSorted() }).toStrictEqual({
      delivered: ["Bob", "Cleo"],
      failed: [],
    });
    const both = [next(bob, "receivedUnreliableMessageFromPeer"), next(cleo, "receivedUnreliableMessageFromPeer")];
    host.broadcastUnreliableMessage("all");
    expect((await Promise.all(both)).map(([{ to }]) => to)).toStrictEqual(["Bob", "Cleo"]);

    const over = [next(bob, "sessionTerminated"), next(cleo, "sessionTerminated")];
    expect(host.quitConnection()).toStrictEqual({
      iAmServer: true,
      serverAddress: at,
      userName: "Alice",
      myAddress: at,
    });
    await Promise.all(over);
    expect([bob.getPeers(), bob.getUserName(), bob.iAmServer(), bob.isConnected(), bob.port]).toStrictEqual([
      [],
      null,
      null,
      false,
      null,
    ]);
  });

  test("the largest message arrives and is confirmed", async () => {
    const { host, bob } = await trio();
    const large = "x".repeat(59_998);
    const received = next(host, "receivedReliableMessageFromPeer");
    await bob.sendReliableMessageToPeer("Alice", large);
    expect((await received)[0].message).toBe(large);
  });

  test("a value that is not JSON, too large or too deep is refused, and nothing is sent", async () => {
    const { bob } = await trio();
    let sent = 0;
    bob.on("packetSent", () => sent++);
    await expect(bob.sendReliableMessageToPeer("Alice", undefined)).rejects.toThrow(TypeError);
    await expect(bob.sendReliableMessageToPeer("Alice", "x".repeat(59_999))).rejects.toThrow(RangeError);
    await expect(bob.broadcastReliableMessage(1n)).rejects.toThrow(TypeError);
    let deep: unknown = 0;
    for (let at = 0; at < 64; at++) deep = [deep];
    expect(() => bob.sendUnreliableMessageToPeer("Alice", deep)).toThrow(RangeError);
    expect(() => bob.broadcastUnreliableMessage(() => 1)).toThrow(TypeError);
    expect(sent).toBe(0);
  });

  test("the host drops a guest", async () => {
    const { host, bob, cleo } = await trio();
    const gone = next(bob, "peerDropped");
    const over = next(cleo, "sessionTerminated");
    expect(host.dropPeer("Cleo")).toBe(true);
    expect(await gone).toStrictEqual(["Cleo"]);
    await over;
    expect(host.getPeers()).toStrictEqual(["Bob"]);
    await expect(bob.sendReliableMessageToPeer("Cleo", 1)).rejects.toThrow('no peer named "Cleo"');
  });

  test("a wrong password and an unknown host give different errors", async () => {
    const { at } = await trio({ password: "sesame" });
    const guest = peer();
    const join = (serverName: string, password: string) =>
      guest.initClient({ handshakeAddress: at, localAddress: ANY, userName: "Dora", serverName, password });
    await expect(join("Alice", "barley")).rejects.toThrow("hash mismatch");
    await expect(join("Zoe", "sesame")).rejects.toThrow("Zoe not found");
    await expect(join("Alice", "sesame")).resolves.toStrictEqual(at);
  });

  test("a silent handshake server is given up, and the port is freed", async () => {
    const { port: silent, close } = await deaf();
    const guest = peer({ secsToAwaitReply: 0.02 });
    const terminated = next(guest, "sessionTerminated");
    const init = { handshakeAddress: ["127.0.0.1", silent] as const, localAddress: ANY };
    await expect(guest.initServer({ ...init, serverName: "Bob" })).rejects.toThrow("unable to communicate");
    await terminated;
    expect(guest.port).toBeNull();
    await expect(guest.requestServerList(["127.0.0.1", silent])).rejects.toThrow("failed to get list");
    expect(guest.port).toBeNull();
    await close();
  });

  test("a port in use is an error with a reason, and the peer can try another", async () => {
    const { host } = await trio();
    const second = peer();
    const errors: string[] = [];
    second.on("error", (message) => errors.push(message));
    const taken: Address = ["127.0.0.1", host.port!];
    const init = { handshakeAddress: taken, localAddress: taken, serverName: "Zoe" };
    await expect(second.initServer(init)).rejects.toThrow(`invalid listener port: ${host.port} (EADDRINUSE)`);
    expect(errors).toHaveLength(1);
    await second.initServer({ handshakeAddress: ANY, localAddress: ANY, serverName: "Zoe" });
    expect(second.isConnected()).toBe(true);
  });

  test("of two sessions begun at once the later one remains", async () => {
    const host = peer();
    const init = { handshakeAddress: ANY, localAddress: ANY };
    const first = host.initServer({ ...init, serverName: "First" });
    const second = host.initServer({ ...init, serverName: "Second" });
    await expect(first).rejects.toThrow("another one was begun");
    await second;
    expect(host.getServerName()).toBe("Second");
  });

  test("a session that is quit before its port is open never begins", async () => {
    const host = peer();
    const begun = host.initServer({ handshakeAddress: ANY, localAddress: ANY, serverName: "Alice" });
    host.quitConnection();
    await expect(begun).rejects.toThrow("the session was ended");
    expect([host.port, host.isConnected()]).toStrictEqual([null, false]);
  });

  test("a port is free once the peer is closed", async () => {
    const host = peer();
    await host.initServer({ handshakeAddress: ANY, localAddress: ANY, serverName: "Alice" });
    const at: Address = ["127.0.0.1", host.port!];
    await host.close();
    const other = peer();
    await other.initServer({ handshakeAddress: at, localAddress: at, serverName: "Alice" });
    expect(other.port).toBe(at[1]);
  });

  test("an ignored promise and the timers do not keep or end the process", async () => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    const { host, bob } = await trio();
    const failed = next(host, "error");
    void host.sendReliableMessageToPeer("Zoe", "nobody");
    await failed;
    await bob.sendReliableMessageToPeer("Alice", 1);
    const made = timers.mock.results.map(({ value }) => value as NodeJS.Timeout);
    expect(made.length).toBeGreaterThan(0);
    expect(made.filter((timer) => timer.hasRef())).toStrictEqual([]);
  });

  test("an exception in a listener affects neither other listeners nor the session", async () => {
    const { host, bob } = await trio();
    const surfaced = vi.spyOn(globalThis, "queueMicrotask").mockImplementation(() => {});
    bob.on("receivedReliableMessageFromPeer", () => {
      throw new Error("a bug of the game");
    });
    const received = next(bob, "receivedReliableMessageFromPeer");
    await host.sendReliableMessageToPeer("Bob", 1);
    expect((await received)[0].message).toBe(1);
    expect(surfaced).toHaveBeenCalledTimes(1);
    await host.sendReliableMessageToPeer("Bob", 2);
  });

  test("events caused by a listener follow earlier events", async () => {
    const { at } = await trio();
    const guest = peer();
    const order: string[] = [];
    guest.on("confirmedAsClient", () => guest.quitConnection());
    for (const name of ["confirmedAsClient", "peerJoined", "sessionTerminated"] as const) {
      guest.on(name, () => order.push(name));
    }
    const over = next(guest, "sessionTerminated");
    await guest.initClient({ handshakeAddress: at, localAddress: ANY, serverName: "Alice", userName: "Dora" });
    await over;
    expect(order).toStrictEqual(["confirmedAsClient", "peerJoined", "sessionTerminated"]);
  });

  test("a stranger's garbage is blocked", async () => {
    const { host } = await trio();
    const stranger = createSocket("udp4");
    const blocked = next(host, "packetBlocked");
    const bound = new Promise<void>((done) => stranger.bind(0, "127.0.0.1", done));
    await bound;
    stranger.send(Buffer.alloc(60_000, "["), host.port!, "127.0.0.1");
    expect(await blocked).toStrictEqual([["127.0.0.1", stranger.address().port]]);
    stranger.close();
    expect(host.getPeers()).toHaveLength(2);
  });
});

function peer(options = {}): DowsettPeer {
  const made = new DowsettPeer(options);
  open.push(made);
  return made;
}

function next<K extends DowsettEventName>(of: DowsettPeer, name: K): Promise<DowsettEvents[K]> {
  return new Promise((done) => of.once(name, (...carries) => done(carries)));
}

/** A host in LAN mode with two guests that are connected to each other. */
async function trio({ password }: { password?: string } = {}) {
  const host = peer();
  const bob = peer();
  const cleo = peer();
  const secret = password === undefined ? {} : { password };
  const at = await host.initServer({ handshakeAddress: ANY, localAddress: ANY, serverName: "Alice", ...secret });
  const init = { handshakeAddress: at, localAddress: ANY, serverName: "Alice", ...secret };
  await bob.initClient({ ...init, userName: "Bob" });
  const met = [bob, cleo].map((of) => known(of, 2));
  await cleo.initClient({ ...init, userName: "Cleo" });
  await Promise.all([...met, known(host, 2)]);
  return { host, at, bob, cleo };
}

/** Resolves once a peer has so many others. */
function known(of: DowsettPeer, count: number): Promise<void> {
  return new Promise((done) => {
    const look = (): void => {
      if (of.getPeers().length === count) done();
    };
    look();
    of.on("peerJoined", look);
  });
}

async function deaf(): Promise<{ port: number; close: () => Promise<void> }> {
  const socket = createSocket("udp4");
  await new Promise<void>((done) => socket.bind(0, "127.0.0.1", done));
  return { port: socket.address().port, close: () => new Promise((done) => socket.close(done)) };
}
