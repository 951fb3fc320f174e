/** Native peers at a real sidecar with tickets of a real hub: observation, filtering tests, keepalives and STUN. */
import { execFile } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Joined, LobbyView } from "#shared/api/lobbies.ts";
import type { ConnectionView, Reach } from "#shared/connect/schema.ts";
import { NATIVE_REQUEST_BYTES_MIN } from "#shared/limits.ts";
import { decodeReceipt, RECEIPT_PATTERN } from "#shared/auth/receipts.ts";
import { freePort } from "../../tools/run/ports.ts";
import { eventually, TestStack } from "../support/test-stack.ts";
import { godot3, hasGodot3 } from "../support/programs.ts";

let stack: TestStack;
/** All wires; native only; Rabid only. */
let ports: readonly [number, number, number];
const sockets: Socket[] = [];

beforeAll(async () => {
  ports = [await freePort("udp"), await freePort("udp"), await freePort("udp")];
  const settings = { PARLEY_PORTS: `${ports[0]},${ports[1]}=native,${ports[2]}=rabid`, PARLEY_NORAY: "off" };
  stack = await TestStack.open({ shards: 2, settings });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});
afterAll(() => stack?.close());

test("a peer is observed through two ports and gets receipts in its name", async () => {
  const { peer_id, udp_token } = await newPeer();
  const peer = await Peer.open();
  for (const port of [ports[0], ports[1]]) {
    const [verb, endpoint, receipt, word] = await peer.asks(port, "see", udp_token, "w1");
    expect([verb, endpoint, word]).toStrictEqual(["seen", `127.0.0.1:${peer.port}`, "w1"]);
    const shown = decodeReceipt(receipt!, "default", peer_id);
    expect(shown?.observed).toMatchObject({ peer: peer_id, endpoint: { address: "127.0.0.1", port: peer.port } });
    expect(Math.abs(shown!.observed.at_ms - Date.now())).toBeLessThan(60_000);
  }
});

test("a knock arrives at the observed endpoint from an address that the peer never sent to", async () => {
  const { udp_token } = await newPeer();
  const [peer, other] = [await Peer.open(), await Peer.open()];
  const [, , receipt] = await peer.asks(ports[0], "see", udp_token);
  const knocked = peer.hears((text) => text === "knocked k1");
  other.says(ports[1], "knock", udp_token, receipt!, "k1");
  expect((await knocked).port).toBe(ports[1]);
  expect(other.heard).toStrictEqual([]);
});

test("a ticket of another peer or game, or without a valid signature, gets no answer", async () => {
  const [mine, theirs] = [await newPeer(), await newPeer()];
  const stranger = await newPeer("chess");
  const peer = await Peer.open();
  const [, , receipt] = await peer.asks(ports[0], "see", mine.udp_token);
  peer.says(ports[0], "see", stranger.udp_token);
  peer.says(ports[0], "see", mine.peer_token);
  peer.says(ports[0], "see", `${mine.udp_token.slice(0, -1)}!`);
  peer.says(ports[0], "knock", theirs.udp_token, receipt!);
  peer.says(ports[0], "knock", stranger.udp_token, receipt!);
  const before = peer.heard.length;
  await peer.asks(ports[0], "see", mine.udp_token, "last");
  expect(peer.heard.slice(before).map(({ text }) => text.split(" ").at(-1))).toStrictEqual(["last"]);
});

test("a session ticket sent over UDP confirms the membership at the lobby's shard, also by its key", async () => {
  for (const path of ["lobbies", "lobbies/by-key/friday-night"]) {
    const host = await newPeer();
    const guest = await newPeer();
    const made = await api<Joined>(
      path,
      host.peer_token,
      { name: "Nice", seats: 4 },
      path === "lobbies" ? "POST" : "PUT",
    );
    const { id } = made.lobby;
    const joined = await api<Joined>(`lobbies/${id}/members`, guest.peer_token, {});
    const state = async (): Promise<string | undefined> => {
      const lobby = await api<LobbyView>(`lobbies/${id}`, guest.peer_token);
      return lobby.members.find(({ peer_id }) => peer_id === guest.peer_id)?.state;
    };
    expect(joined.member.state).toBe("held");
    const peer = await Peer.open();
    await peer.asks(ports[1], "see", joined.session_ticket!, "here");
    expect(await eventually(state, (now) => now === "present")).toBe("present");
  }
});

test("two peers that show their receipts get each other's endpoint and the wait time from the hub", async () => {
  const [ann, bob] = [await newPeer(), await newPeer()];
  const { lobby } = await api<Joined>("lobbies", ann.peer_token, { name: "Nice", seats: 2 });
  await api<Joined>(`lobbies/${lobby.id}/members`, bob.peer_token, {});
  const [at, to] = [await Peer.open(), await Peer.open()];
  const reachOf = async (peer: Peer, { udp_token }: Identity): Promise<Reach> => {
    const looks = [ports[0], ports[1]].map(async (port, at_ms) => {
      const [, , receipt] = await peer.asks(port, "see", udp_token, `look${at_ms}`);
      return { socket: 0, local_port: peer.port, via: { address: "127.0.0.1", port }, at_ms, receipt: receipt! };
    });
    return { looks: await Promise.all(looks), local_endpoints: [], now_ms: 1, rtt_ms: 2 };
  };
  const asked = { peer_id: bob.peer_id, reach: await reachOf(at, ann) };
  const { connection_id } = await api<ConnectionView>(`lobbies/${lobby.id}/connections`, ann.peer_token, asked);
  const accepted = { reach: await reachOf(to, bob) };
  const theirs = await api<ConnectionView>(`connections/${connection_id}/accept`, bob.peer_token, accepted);
  const mine = await api<ConnectionView>(`connections/${connection_id}`, ann.peer_token);
  expect(mine.punch?.plan.targets).toStrictEqual([{ kind: "reflexive", address: "127.0.0.1", port: to.port }]);
  expect(theirs.punch?.plan.targets).toStrictEqual([{ kind: "reflexive", address: "127.0.0.1", port: at.port }]);
  expect(mine.punch?.pair_key.key).toBe(theirs.punch?.pair_key.key);
  expect(mine.punch!.start_in_ms).toBeLessThanOrEqual(theirs.punch!.start_in_ms);
  // Ann's receipt is not valid for another peer.
  const lent = { peer_id: ann.peer_id, reach: asked.reach };
  const refused = await api<Problem>(`lobbies/${lobby.id}/connections`, bob.peer_token, lent);
  expect(refused.code).toBe("invalid_request");
});

test("every port answers an ICE agent, even one that serves only Rabid", async () => {
  const agent = await Peer.open();
  for (const port of ports) {
    const answered = agent.hears((_, bytes) => bytes.readUInt16BE(0) === 0x0101);
    agent.socket.send(Buffer.from("000100002112a442".padEnd(40, "a"), "hex"), port, "127.0.0.1");
    const { bytes, port: from } = await answered;
    expect(from).toBe(port);
    expect(bytes.readUInt16BE(26) ^ 0x2112).toBe(agent.port);
  }
});

test.skipIf(!hasGodot3)("three lines of GDScript observe an endpoint", async () => {
  const { udp_token } = await newPeer();
  const home = await mkdtemp(join(tmpdir(), "parley-godot-"));
  const script = join(import.meta.dirname, "../support/godot/observer.gd");
  const env = { PATH: process.env["PATH"], HOME: home, PORT: String(ports[0]), TICKET: udp_token };
  const { stdout } = await promisify(execFile)(godot3, ["-s", script], { cwd: home, env, timeout: 60_000 });
  await rm(home, { recursive: true, force: true });
  const line = stdout.split("\n").find((text) => text.startsWith("["));
  expect(JSON.parse(line ?? "null")).toStrictEqual([
    "seen",
    expect.stringMatching(/^127\.0\.0\.1:[0-9]+$/),
    expect.stringMatching(RECEIPT_PATTERN),
    "1",
  ]);
});

test("observation continues while the hub is down", async () => {
  const { udp_token } = await newPeer();
  await stack.killHub();
  const peer = await Peer.open();
  expect((await peer.asks(ports[0], "see", udp_token))[0]).toBe("seen");
  await stack.startHub();
  await stack.waitUntilLinked();
});

// ---------------------------------------------------------------------------------------------------------------

type Problem = { readonly code: string };
type Identity = { readonly peer_id: string; readonly peer_token: string; readonly udp_token: string };

const newPeer = async (game = "default"): Promise<Identity> =>
  (await (await fetch(`${stack.url}/v1/games/${game}/peers`, { method: "POST" })).json()) as Identity;

async function api<T>(
  path: string,
  token: string,
  body?: object,
  method = body === undefined ? "GET" : "POST",
): Promise<T> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  return (await (await fetch(`${stack.url}/v1/games/default/${path}`, init)).json()) as T;
}

type Heard = { readonly text: string; readonly bytes: Buffer; readonly port: number };

class Peer {
  readonly socket: Socket;
  readonly heard: Heard[] = [];
  readonly port: number;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.port = socket.address().port;
    socket.on("message", (bytes, { port }) => this.heard.push({ text: bytes.toString("latin1"), bytes, port }));
  }

  static async open(): Promise<Peer> {
    const socket = createSocket("udp4");
    sockets.push(socket);
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return new Peer(socket);
  }

  says(port: number, ...words: string[]): void {
    this.socket.send(Buffer.from(words.join(" ").padEnd(NATIVE_REQUEST_BYTES_MIN)), port, "127.0.0.1");
  }

  /** The fields of the next answer to this request. */
  async asks(port: number, ...words: string[]): Promise<string[]> {
    const from = this.heard.length;
    this.says(port, ...words);
    const answers = (): Promise<Heard | undefined> =>
      Promise.resolve(this.heard.slice(from).find((one) => one.port === port));
    return (await eventually(answers, (answer) => answer !== undefined))!.text.split(" ");
  }

  async hears(matches: (text: string, bytes: Buffer) => boolean): Promise<Heard> {
    const from = this.heard.length;
    const found = (): Promise<Heard | undefined> =>
      Promise.resolve(this.heard.slice(from).find(({ text, bytes }) => matches(text, bytes)));
    return (await eventually(found, (one) => one !== undefined))!;
  }
}
