/** The Rabid client with a real hub, a real sidecar and real sockets: sessions, loss, and every refusal. */
import { execFile } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Failed, type FailureCode, type Met, RabidFailure } from "../../clients/typescript/src/rabid/events.ts";
import { RabidPeer } from "../../clients/typescript/src/rabid/peer.ts";
import { PluginDouble, type PluginOptions } from "../../clients/typescript/test/support/rabid-plugin.ts";
import { seeded } from "../support/dice.ts";
import { freePort } from "../../tools/run/ports.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

const NAMES = ["Alice", "Bob", "Carol", "Dan", "Eve", "Frank", "Grace", "Heidi", "Ivan", "Judy", "Ken", "Leo"];

let stack: TestStack;
const open: { leave(): Promise<void> }[] = [];
const sockets: Socket[] = [];
beforeAll(async () => {
  stack = await TestStack.open();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((peer) => peer.leave()));
  for (const socket of sockets.splice(0)) socket.close();
});
afterAll(() => stack?.close());

describe("a meeting", () => {
  test.each([2, 3, 12])("%i peers connect to each other", async (count) => {
    const peers = await gather(`Meet${count}`, count);
    const started = await peers[0]!.start();
    expect(started).toMatchObject({ host: "Alice", ownPort: peers[0]!.localPort, players: NAMES.slice(1, count) });
    const met = await Promise.all(peers.map((peer) => peer.whenMet()));
    for (const [index, { peers: others, missing, isHost }] of met.entries()) {
      expect(missing).toEqual([]);
      expect(isHost).toBe(index === 0);
      const wanted = peers.flatMap((peer, at) => (at === index ? [] : [entry(NAMES[at]!, peer.localPort, at === 0)]));
      expect(others.toSorted(byName)).toEqual(wanted.toSorted(byName));
    }
  });

  test("the game continues with the same socket and the reported addresses", async () => {
    const peers = await gather("Game", 2);
    const ports = peers.map((peer) => peer.localPort);
    void peers[0]!.start();
    await Promise.all(peers.map((peer) => peer.whenMet()));
    const [alice, bob] = peers.map((peer) => peer.detach());
    sockets.push(alice!.socket, bob!.socket);
    for (const { socket } of [alice!, bob!]) {
      expect(["message", "error", "close"].map((event) => socket.listenerCount(event))).toEqual([0, 0, 0]);
    }
    expect([alice!, bob!].map(({ socket }) => socket.address().port)).toEqual(ports);
    const heard = new Promise<string>((done) => {
      alice!.socket.on("message", (bytes) => void (String(bytes).startsWith("move") && done(String(bytes))));
    });
    const { endpoint } = bob!.peers.find(({ isHost }) => isHost)!;
    bob!.socket.send("move e2e4", endpoint.port, endpoint.address);
    expect(await heard).toBe("move e2e4");
    expect(() => peers[0]!.detach()).toThrow("once");
  });

  test("the sidecar frees the name when all peers confirmed the start", async () => {
    const peers = await gather("Freed", 2);
    await peers[0]!.start();
    await Promise.all(peers.map((peer) => peer.whenMet()));
    await eventually(
      () => stack.lobbies(),
      (lobbies) => lobbies.every(({ name }) => name !== "Freed"),
    );
  });

  test.each([2, 3, 12])("%i peers connect with 30 % loss both ways", async (count) => {
    const dice = seeded(20_261_120 + count);
    const peers = await gather(`Lossy${count}`, count, () => lossy(() => dice() < 0.3));
    void peers[0]!.start();
    const met = await Promise.all(peers.map((peer) => peer.whenMet()));
    expect(met.flatMap(({ missing }) => missing)).toEqual([]);
  });

  test("the plugin's timing works, as guest and as host", async () => {
    const asGuest = gather("PlugGuest", 1).then(async ([alice]) => {
      const plugin = await Plugin.open({ name: "Plug", session: "PlugGuest" });
      await listed(alice!, 2);
      void alice!.start();
      return [await alice!.whenMet(), await plugin.result] as const;
    });
    const asHost = Plugin.open({ name: "Plug", session: "PlugHost", starts: 2 }).then(async (plugin) => {
      await eventually(
        () => stack.lobbies(),
        (lobbies) => lobbies.some(({ name }) => name === "PlugHost"),
      );
      const bob = track(await RabidPeer.join({ server: server(), session: "PlugHost", name: "Bob" }));
      return [await bob.whenMet(), await plugin.result] as const;
    });
    const [[hosted, guest], [joined, host]] = await Promise.all([asGuest, asHost]);
    expect([guest.what, host.what]).toEqual(["success", "success"]);
    expect(hosted).toMatchObject({ isHost: true, peers: [{ name: "Plug" }], missing: [] });
    expect(joined).toMatchObject({ isHost: false, peers: [{ name: "Plug", isHost: true }], missing: [] });
    expect(guest.host?.address).toBe("127.0.0.1");
  });
});

test("the two examples connect and exchange messages", async () => {
  const host = example("rabid-host.ts", "Example", "Alice");
  await eventually(
    () => stack.lobbies(),
    (lobbies) => lobbies.some(({ name }) => name === "Example"),
  );
  const guest = example("rabid-join.ts", "Example", "Bob");
  const [hosted, joined] = await Promise.all([host, guest]);
  expect(hosted).toMatch(/met Bob at 127\.0\.0\.1:[0-9]+\n127\.0\.0\.1:[0-9]+ says "hello, says Bob"\n/);
  expect(joined).toMatch(/met the host Alice at 127\.0\.0\.1:[0-9]+\nAlice says "welcome, says Alice"\n/);
});

describe("refusals and ends", () => {
  test("a wrong password, a name in use, a full session, a session that exists or does not", async () => {
    await hosts("Locked", { seats: 2, password: "Pw12" });
    expect(await refusal(joins("Locked", "Bob"))).toBe("password_mismatch");
    expect(await refusal(joins("Locked", "Bob", { password: "pw12" }))).toBe("password_mismatch");
    await hosts("Named", { seats: 2 });
    expect(await refusal(joins("Named", "Alice"))).toBe("player_name_in_use");
    await joins("Named", "Bob");
    expect(await refusal(joins("Named", "Carol"))).toBe("session_full");
    expect(await refusal(hosts("Named", { seats: 2 }))).toBe("session_exists");
    expect(await refusal(joins("Nowhere", "Bob"))).toBe("session_non_existent");
    const bob = await joins("Locked", "Bob", { password: "Pw12" });
    expect(bob.players).toEqual(["Alice", "Bob"]);
  });

  test("names that the wire cannot carry throw a RangeError", async () => {
    await expect(joins("Nice Room", "Bob")).rejects.toThrow(RangeError);
    await expect(joins("Nice", "Bob:1")).rejects.toThrow(RangeError);
    await expect(hosts("Nice", { seats: 13 })).rejects.toThrow(RangeError);
    await expect(joins("Nice", "Bob", { server: "::1" })).rejects.toThrow(RangeError);
  });

  test("a kicked player is notified, and the others get a roster without it", async () => {
    const alice = await hosts("Calm", { seats: 4 });
    const bob = await joins("Calm", "Bob");
    const failed = failure(bob);
    await listed(alice, 2);
    alice.kick("Bob");
    expect(await failed).toEqual({ code: "kicked_by_host", serverText: "error:kicked_by_host" });
    await expect(bob.whenMet()).rejects.toThrow("kicked_by_host");
    await listed(alice, 1);
    expect(await refusal(joins("Calm", "Bob"))).toBe("kicked_by_host");
  });

  test("the next player hosts and may start when the host leaves", async () => {
    const alice = await hosts("Heirs", { seats: 4 });
    const bob = await joins("Heirs", "Bob");
    const carol = await joins("Heirs", "Carol");
    await alice.leave();
    await listed(bob, 2);
    await expect(carol.start()).rejects.toMatchObject({ code: "non_host_player" });
    void bob.start();
    const [hosted, joined] = await Promise.all([bob.whenMet(), carol.whenMet()]);
    expect([hosted.isHost, hosted.host, joined.host]).toEqual([true, "Bob", "Bob"]);
  });

  test("a start with one player is refused, and the session continues", async () => {
    const alice = await hosts("Alone", { seats: 2 });
    await expect(alice.start()).rejects.toMatchObject({ code: "only_one_player_in_session" });
    const bob = await joins("Alone", "Bob");
    await listed(alice, 2);
    void alice.start();
    expect((await bob.whenMet()).peers.map(({ name }) => name)).toEqual(["Alice"]);
  });

  test("a silent server ends in server_timeout, a name without an address in server_not_found", async () => {
    const began = performance.now();
    const server = `127.0.0.1:${await freePort("udp")}`;
    expect(await refusal(joins("Nice", "Bob", { server }))).toBe("server_timeout");
    expect(performance.now() - began).toBeGreaterThan(14_900);
    expect(await refusal(joins("Nice", "Bob", { server: "nowhere.invalid" }))).toBe("server_not_found");
  });

  test("a socket of the game's own stays open after a failure", async () => {
    const socket = lossy(() => false);
    expect(await refusal(joins("Nowhere", "Bob", { socket }))).toBe("session_non_existent");
    expect(socket.address().port).toBeGreaterThan(0);
    expect(socket.listenerCount("message")).toBe(0);
  });

  test("closing the socket ends the session with socket_failed", async () => {
    const socket = lossy(() => false);
    const peer = await hosts("Broken", { seats: 2, socket });
    const failed = failure(peer);
    sockets.splice(sockets.indexOf(socket), 1);
    socket.close();
    expect(await failed).toEqual({ code: "socket_failed" });
  });
});

// --- helpers -----------------------------------------------------------------------------------------------------

const server = (): string => `127.0.0.1:${stack.udpPort()}`;
type Options = { server?: string; password?: string; socket?: Socket };

function track(peer: RabidPeer): RabidPeer {
  open.push(peer);
  return peer;
}
const hosts = async (session: string, options: Options & { seats: number }): Promise<RabidPeer> =>
  track(await RabidPeer.host({ server: server(), session, name: "Alice", ...options }));
const joins = async (session: string, name: string, options: Options = {}): Promise<RabidPeer> =>
  track(await RabidPeer.join({ server: server(), session, name, ...options }));

/** Alice and this many other players, all listed. */
async function gather(session: string, count: number, socket?: () => Socket): Promise<RabidPeer[]> {
  const own = (): Options => (socket === undefined ? {} : { socket: socket() });
  const peers = [await hosts(session, { seats: 12, ...own() })];
  for (const name of NAMES.slice(1, count)) peers.push(await joins(session, name, own()));
  await listed(peers[0]!, count);
  return peers;
}

const listed = (peer: RabidPeer, count: number): Promise<readonly string[]> =>
  eventually(
    () => Promise.resolve(peer.players),
    (players) => players.length === count,
  );

const failure = (peer: RabidPeer): Promise<Failed> => new Promise((done) => void peer.on("failed", done));

/** The code of the refusal; rejects when there was none. */
async function refusal(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof RabidFailure) return error.code satisfies FailureCode;
    throw error;
  }
  throw new Error("was not refused");
}

const entry = (name: string, port: number, isHost: boolean): Met["peers"][number] => ({
  name,
  endpoint: { address: "127.0.0.1", port },
  isHost,
});
const byName = (a: { name: string }, b: { name: string }): number => a.name.localeCompare(b.name);

/** The output of an example that ran to its end. */
async function example(file: string, session: string, name: string): Promise<string> {
  const path = join(import.meta.dirname, "../../clients/typescript/examples", file);
  const { stdout } = await promisify(execFile)(process.execPath, [path, server(), session, name], { timeout: 100_000 });
  return stdout;
}

/** A socket that loses datagrams both ways. */
function lossy(loses: () => boolean): Socket {
  const socket = createSocket("udp4");
  const emit = socket.emit.bind(socket) as (event: string, ...rest: unknown[]) => boolean;
  socket.emit = (event: string, ...rest: unknown[]): boolean =>
    event === "message" && loses() ? false : emit(event, ...rest);
  const send = socket.send.bind(socket) as (...all: unknown[]) => void;
  socket.send = (...all: unknown[]): void => {
    if (!loses()) send(...all);
  };
  sockets.push(socket);
  return socket;
}

/** The plugin's double on real sockets: one for the server, which it closes, and one for the other players. */
class Plugin {
  readonly result: Promise<NonNullable<PluginDouble["result"]>>;
  readonly #double: PluginDouble;
  readonly #clock: NodeJS.Timeout;
  #socket: Socket | null;

  private constructor(double: PluginDouble, socket: Socket) {
    const { promise, resolve } = Promise.withResolvers<NonNullable<PluginDouble["result"]>>();
    this.result = promise;
    this.#double = double;
    this.#socket = this.#listen(socket);
    this.#clock = setInterval(() => {
      // One step per turn even when late, so that the datagrams before the close leave the socket first.
      while ((double.deadline() ?? Infinity) <= performance.now()) this.#turn();
      if (double.result === null) return;
      clearInterval(this.#clock);
      resolve(double.result);
    }, 5);
  }

  static async open(options: Pick<PluginOptions, "name" | "session" | "starts">): Promise<Plugin> {
    const socket = createSocket("udp4");
    await new Promise<void>((done) => void socket.bind(0, "127.0.0.1", done));
    const { port } = socket.address();
    const all = { ...options, address: "127.0.0.1", port, server: { address: "127.0.0.1", port: stack.udpPort() } };
    const plugin = new Plugin(new PluginDouble(all, performance.now()), socket);
    open.push(plugin);
    return plugin;
  }

  /** Stops the double in any state. */
  leave(): Promise<void> {
    clearInterval(this.#clock);
    this.#close();
    return Promise.resolve();
  }

  #turn(): void {
    const double = this.#double;
    double.wake(performance.now());
    for (const { datagram } of double.take()) {
      this.#socket?.send(datagram.bytes, datagram.to.port, datagram.to.address);
    }
    const listens = double.listens(double.port);
    if (!listens) this.#close();
    else this.#socket ??= this.#listen(createSocket("udp4").bind(double.port, "127.0.0.1"));
  }

  #listen(socket: Socket): Socket {
    socket.on("message", (bytes, { address, port }) => this.#double.receive(bytes, { address, port }));
    return socket;
  }

  #close(): void {
    this.#socket?.close();
    this.#socket = null;
  }
}
