/** The TypeScript client with a real hub, a real sidecar and real sockets on one machine: lobbies, paths, attackers. */
import { spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Peer } from "../../clients/typescript/src/connect/peer.ts";
import { HubRefusal } from "../../clients/typescript/src/api/hub-client.ts";
import { type LobbyMembership, ParleyClient } from "../../clients/typescript/src/node/client.ts";
import type { NewLobby } from "../../clients/typescript/src/api/types.ts";
import { freePort } from "../../tools/run/ports.ts";
import { TestStack, eventually as until } from "../support/test-stack.ts";

const CLIENT = join(import.meta.dirname, "../../clients/typescript");

let stack: TestStack;
const players: ParleyClient[] = [];
const sockets: Socket[] = [];
beforeAll(async () => {
  const ports = [await freePort("udp"), await freePort("udp")].map((port) => `${port}=native`);
  stack = await TestStack.open({ settings: { PARLEY_PORTS: ports.join() } });
});
afterEach(async () => {
  await Promise.all(players.splice(0).map((player) => player.close()));
  for (const socket of sockets.splice(0)) socket.close();
});
afterAll(() => stack?.close());

async function playerOf(): Promise<ParleyClient> {
  const player = await ParleyClient.open({ url: stack.url });
  players.push(player);
  return player;
}

type Pair = {
  readonly a: ParleyClient;
  readonly b: ParleyClient;
  readonly seatA: LobbyMembership;
  readonly seatB: LobbyMembership;
};

/** Two members of one lobby. */
async function two(said: Partial<NewLobby> = {}): Promise<Pair> {
  const [a, b] = [await playerOf(), await playerOf()];
  const seatA = await a.host({ name: "Nice", seats: 4, ...said });
  const seatB = await b.join({ id: seatA.lobby.id });
  return { a, b, seatA, seatB };
}

/** The two ends of one connection, and the datagrams that each received. */
async function met(pair: Pair): Promise<{ ofA: Peer; ofB: Peer; heardByA: string[]; heardByB: string[] }> {
  const [heardByA, heardByB]: [string[], string[]] = [[], []];
  const other = new Promise<Peer>((done) => pair.seatB.once("peer", done));
  pair.seatB.once("peer", (peer) => peer.on("datagram", (bytes) => heardByB.push(textOf(bytes))));
  const ofA = await pair.seatA.connect(pair.b.id);
  ofA.on("datagram", (bytes) => heardByA.push(textOf(bytes)));
  return { ofA, ofB: await other, heardByA, heardByB };
}

const eventually = (look: () => void): Promise<void> => vi.waitFor(look, { timeout: 60_000, interval: 20 });

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

test("lists mark the lobby of a host whose datagrams arrive as reachable over UDP", async () => {
  const host = await playerOf();
  const { lobby } = await host.host({ name: "Near", seats: 4 });
  const listed = () => host.hub.listLobbies({ reachability: "udp" });
  await until(listed, ({ lobbies }) => lobbies.some(({ id }) => id === lobby.id));
});

describe("two players", () => {
  test("connect directly, exchange datagrams and learn their path and its reason", async () => {
    const { ofA, ofB, heardByA, heardByB } = await met(await two());
    await eventually(() => expect([ofA.path, ofB.path]).toStrictEqual(["direct", "direct"]));
    expect(ofA.why).toMatch(/^This path was opened\. .+\.$/);
    ofA.send(Buffer.from("ping"));
    await eventually(() => expect(heardByB).toStrictEqual(["ping"]));
    ofB.send(Buffer.from("pong"));
    await eventually(() => expect(heardByA).toStrictEqual(["pong"]));
    expect(ofA.rtt_ms).toBeLessThan(1_000);
    expect(ofA.send(new Uint8Array(1_208))).toBe(false);
    expect(ofA.send(new Uint8Array(1_207))).toBe(true);
  });

  test("shows the figures of its path, and what its network can do", async () => {
    const pair = await two();
    const { ofA, ofB, heardByB } = await met(pair);
    const none = { rtt_ms: null, jitter_ms: null, loss: null, bytes_sent: 0, bytes_received: 0 };
    await vi.waitFor(() => {
      ofA.send(Buffer.from("hello"));
      expect(heardByB.length).toBeGreaterThan(0);
      expect(ofB.stats()).toMatchObject({ path: "direct", endpoint: { port: expect.any(Number) } });
    });
    const [atA, atB] = [ofA.stats(), ofB.stats()];
    expect(atA.bytes_sent % 5).toBe(0);
    expect(atB.bytes_received).toBeGreaterThanOrEqual(5);
    expect(atA.rtt_ms).toBeGreaterThanOrEqual(0);
    expect(atA.jitter_ms).toBeGreaterThanOrEqual(0);
    ofA.close();
    expect(ofA.stats()).toStrictEqual({ path: null, endpoint: null, ...none });
    const lines = (await pair.a.diagnose()).split("\n");
    expect(lines.slice(0, 3)).toStrictEqual([
      `The lobby server ${stack.url} answers.`,
      "UDP gets out over IPv4: 2 of the sidecars' endpoints answered.",
      "The router uses one port for every destination: direct connections are possible.",
    ]);
    expect(lines.at(-1)).toMatch(/^Own addresses: .+\.$/);
  });

  test("closing a member's connection is reported to its peer when the member leaves", async () => {
    const pair = await two();
    const { ofB } = await met(pair);
    const closed = new Promise<string>((done) => ofB.once("closed", done));
    await pair.a.close();
    expect(await closed).toBe("The peer has left the lobby.");
    expect(ofB.send(Buffer.from("still?"))).toBe(false);
  });

  test("two simultaneous connection requests give one connection", async () => {
    const { a, b, seatA, seatB } = await two();
    const [ofA, ofB] = await Promise.all([seatA.connect(b.id), seatB.connect(a.id)]);
    const heard = new Promise((done) => ofB.once("datagram", (bytes) => done(textOf(bytes))));
    ofA.send(Buffer.from("one"));
    expect(await heard).toBe("one");
    expect([seatA.peers.length, seatB.peers.length]).toStrictEqual([1, 1]);
  });

  test("a game with another transport receives the punched sockets", async () => {
    const { ofA, ofB } = await met(await two());
    await eventually(() => expect([ofA.path, ofB.path]).toStrictEqual(["direct", "direct"]));
    const [rawA, rawB] = [ofA.detach()!, ofB.detach()!];
    sockets.push(rawA.socket, rawB.socket);
    const events = ["message", "error", "close"];
    for (const { socket } of [rawA, rawB])
      expect(events.map((event) => socket.listenerCount(event))).toEqual([0, 0, 0]);
    expect(rawA.to.port).toBe(rawB.socket.address().port);
    const heard = new Promise<string>((done) =>
      rawB.socket.on("message", (bytes) => {
        // The last punch message may arrive late.
        if (bytes[0] !== 0xd6) done(bytes.toString());
      }),
    );
    rawA.socket.send("enet", rawA.to.port, rawA.to.address);
    expect(await heard).toBe("enet");
    expect([ofA.isClosed, ofB.isClosed]).toStrictEqual([true, true]);
  });
});

describe("a peer that requires consent", () => {
  test("denies a request, which the requester learns, then accepts the next one", async () => {
    const { a, b, seatA, seatB } = await two({ consent: "ask" });
    seatB.once("request", ({ peer_id, deny }) => {
      expect(peer_id).toBe(a.id);
      deny();
    });
    await expect(seatA.connect(b.id)).rejects.toThrow(/remote_denied/);
    // The peer that denied a request may send one.
    seatA.once("request", ({ accept }) => accept());
    const peer = await seatB.connect(a.id);
    await eventually(() => expect(peer.path).toBe("direct"));
  });
});

describe("the hub", () => {
  test("refuses with the codes of the API", async () => {
    const player = await playerOf();
    const refused = await player.join({ id: `0-${"a".repeat(26)}` }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(HubRefusal);
    expect(refused).toMatchObject({ code: "lobby_not_found", status: 404 });
    const nobody = await ParleyClient.open({ url: `http://127.0.0.1:${await freePort("tcp")}` }).catch(
      (error: unknown) => error,
    );
    expect(nobody).toMatchObject({ code: "unreachable", status: 0 });
  });

  test("sends lobby events and chat messages", async () => {
    const { a, b, seatA, seatB } = await two();
    await eventually(() => expect(seatA.others).toStrictEqual([b.id]));
    const chat = new Promise((done) => seatB.once("chat", (...said) => done(said)));
    const signal = new Promise((done) => seatA.once("signal", (...said) => done(said)));
    await seatA.chat("hello all");
    await seatB.signal(a.id, "hello you");
    expect(await chat).toStrictEqual([a.id, "hello all"]);
    expect(await signal).toStrictEqual([b.id, "hello you"]);
    await seatA.updateLobby({ name: "Nicer" });
    await eventually(() => expect(seatB.lobby.name).toBe("Nicer"));
  });
});

describe("an attacker that knows both endpoints", () => {
  test("cannot forge, replay or reflect datagrams, and receives no answer", async () => {
    const { ofA, ofB, heardByA, heardByB } = await met(await two());
    await eventually(() => expect([ofA.path, ofB.path]).toStrictEqual(["direct", "direct"]));
    const said: Uint8Array[] = [];
    const send = ofA.sockets.send.bind(ofA.sockets);
    ofA.sockets.send = (socket, to, bytes, hops) => {
      said.push(Buffer.from(bytes));
      send(socket, to, bytes, hops);
    };
    for (let number = 0; number < 5; number++) ofA.send(Buffer.from(`true ${number}`));
    await eventually(() => expect(heardByB).toHaveLength(5));
    const [portA, portB] = [ofA, ofB].map(({ sockets, socket }) => sockets.port(socket, "127.0.0.1")!);
    const stranger = createSocket("udp4");
    sockets.push(stranger);
    const answers: Uint8Array[] = [];
    stranger.on("message", (bytes, { port }) => {
      if (port === portA || port === portB) answers.push(bytes);
    });
    for (const bytes of said.slice()) {
      const forged = Buffer.from(bytes);
      forged[forged.length - 1]! ^= 1;
      // Changed, replayed, reflected to its sender.
      for (const [one, port] of [
        [forged, portB],
        [bytes, portB],
        [bytes, portA],
      ] as const) {
        stranger.send(one, port, "127.0.0.1");
      }
    }
    for (let number = 0; number < 200; number++)
      stranger.send(Buffer.from([0xd6, ...said[0]!.subarray(1, 8), number, ...said[0]!]), portB, "127.0.0.1");
    // Only the datagram sent after all of these arrives.
    ofA.send(Buffer.from("end"));
    await eventually(() => expect(heardByB.at(-1)).toBe("end"));
    ofB.send(Buffer.from("end"));
    await eventually(() => expect(heardByA).toStrictEqual(["end"]));
    expect(heardByB).toStrictEqual([0, 1, 2, 3, 4].map((number) => `true ${number}`).concat("end"));
    expect(answers).toStrictEqual([]);
    await eventually(() => expect([ofA.path, ofB.path]).toStrictEqual(["direct", "direct"]));
  });
});

test("a client with a storage keeps its identity and gets its seats back", async () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
  const open = async (): Promise<ParleyClient> => {
    const player = await ParleyClient.open({ url: stack.url, storage });
    players.push(player);
    return player;
  };
  const before = await open();
  const hosted = await before.host({ name: "Kept", seats: 2, visibility: "private", password: "sesame" });
  const after = await open();
  expect(after.id).toBe(before.id);
  const [resumed] = await after.resume();
  expect([resumed!.lobby.id, resumed!.lobby.host]).toStrictEqual([hosted.lobby.id, after.id]);
  expect(await after.resume()).toStrictEqual([]);
  kept.set([...kept.keys()][0]!, "peer.of.another.hub");
  expect((await open()).id).not.toBe(before.id);
});

test("the lobby examples print what their page shows", async () => {
  const run = (file: string, ...args: string[]) =>
    spawn(process.execPath, [`examples/${file}`, stack.url, ...args], {
      cwd: CLIENT,
      stdio: ["ignore", "pipe", "inherit"],
    });
  const host = run("lobby-host.ts", "Nice");
  try {
    const lines: string[] = [];
    createInterface({ input: host.stdout }).on("line", (line) => lines.push(line));
    await eventually(() => expect(lines[0]).toMatch(/^hosting /));
    const guest = run("lobby-join.ts", lines[0]!.slice("hosting ".length), "hello");
    const said: string[] = [];
    createInterface({ input: guest.stdout }).on("line", (line) => said.push(line));
    expect(await once(guest, "exit")).toStrictEqual([0, null]);
    expect(said).toStrictEqual([
      expect.stringMatching(/^connected to the host, direct: /),
      expect.stringMatching(/^echo: "hello", \d+ ms$/),
    ]);
    await eventually(() => expect(lines.at(-1)).toBe("gone: The peer has left the lobby."));
  } finally {
    const over = once(host, "exit");
    host.kill("SIGINT");
    await over;
  }
});
