/**
 * Dowsett's wire with a real hub and real sockets: register, list, join, and hub and sidecar killed during a running
 * game. Requests are repeated as the script does, once a second and five times, after which a game would give up.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { shardOf } from "#shared/lobby/ids.ts";
import type { RabidPlayer } from "../../tools/run/rabid-player.ts";
import {
  dropping,
  joining,
  listing,
  type Packet,
  read,
  refreshing,
  registering,
  sign,
  signedWith,
} from "../support/dowsett.ts";
import { freshness } from "../support/freshness.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

/** The script repeats a request after this interval and gives up after five attempts. */
const AGAIN_MS = 1_000;
const GIVES_UP_MS = 4_970;
const SHARDS = 2;
/** One server per shard. */
const [NEAR, FAR] = ["Nice", ...Array.from({ length: 20 }, (_, index) => `Far${index}`)].filter(
  (name, index, all) =>
    all.findIndex((other) => shardOf("dowsett", other, SHARDS) === shardOf("dowsett", name, SHARDS)) === index,
) as [string, string];

const INTRODUCTION = "providing-peer-handshake-info";

/** All clients share one address. */
const settings = { PARLEY_PORTS: "PORT=dowsett", PARLEY_LIST_RATE: "1000/1000" };
let stack: TestStack;
beforeEach(async () => {
  stack = await TestStack.open({ shards: SHARDS, settings });
});
afterEach(() => stack?.close());

describe("a meeting", () => {
  test("registers, lists over HTTP and UDP, and gives both peers each other's endpoint", async () => {
    const alice = await Client.open("aaaaaaaaaa");
    const bob = await Client.open("bbbbbbbbbb");
    await alice.registers(NEAR, { "password-required": true });
    const [listed] = await stack.lobbies("wire=dowsett");
    expect(listed).toMatchObject({
      name: NEAR,
      wire: "dowsett",
      member_count: 1,
      seats: null,
      has_password: true,
      state: "open",
    });
    const servers = await bob.asks(listing(), "providing-server-list", { servers: [NEAR] });
    expect(servers["servers"]).toStrictEqual([{ name: NEAR, "password-required": true }]);
    await bob.joins(NEAR, "Bob", alice);
    expect(JSON.stringify([listed, await stack.lobby(listed!.id)])).not.toContain("127.0.0.1");

    alice.says(dropping(NEAR));
    await eventually(
      () => stack.lobby(listed!.id),
      (lobby) => lobby === null,
    );
    const { message } = await bob.asks(joining(NEAR, "Bob"), "server-error");
    expect(message).toBe(`${NEAR} not found`);
    expect(new Set(alice.types())).toStrictEqual(new Set(["confirming-registration", INTRODUCTION]));
    expect(alice.types().filter((type) => type === INTRODUCTION).length % 3).toBe(0);
  });

  test("lists each of twelve servers in the first list after its registration, over UDP and HTTP", async () => {
    const [host, guest] = [await Client.open("aaaaaaaaaa"), await Client.open("bbbbbbbbbb")];
    const { fresh, report } = freshness("Dowsett");
    for (let count = 1; count <= 12; count++) {
      await host.registers(`Fresh${count}`);
      const { servers } = await fresh(() => guest.asks(listing(), "providing-server-list"));
      expect(servers).toContainEqual(expect.objectContaining({ name: `Fresh${count}` }));
      expect(servers).toHaveLength(count);
      expect(await stack.lobbies("wire=dowsett")).toHaveLength(count);
    }
    report();
  });

  test("keeps a taken name with its first host", async () => {
    const alice = await Client.open("aaaaaaaaaa");
    const eve = await Client.open("eeeeeeeeee");
    await alice.registers(NEAR);
    const { message } = await eve.asks(registering(NEAR), "server-error");
    expect(message).toBe("server already exists");
    eve.says(dropping(NEAR));
    eve.says(refreshing(NEAR));
    await alice.refreshes(NEAR);
    expect(new Set(eve.types())).toStrictEqual(new Set(["server-error"]));
  });

  test("works for a host at one sidecar and a guest at another", async () => {
    await stack.addSidecar("two", settings);
    const alice = await Client.open("aaaaaaaaaa", "one");
    const bob = await Client.open("bbbbbbbbbb", "two");
    await alice.registers(NEAR);
    await bob.joins(NEAR, "Bob", alice);
    // The other way round: the guest hosts and the host joins.
    await bob.registers(FAR);
    await alice.joins(FAR, "Alice", bob);
  });

  test("lists the servers of every shard over UDP", async () => {
    const alice = await Client.open("aaaaaaaaaa");
    await alice.registers(NEAR);
    await alice.registers(FAR);
    const bob = await Client.open("bbbbbbbbbb");
    const { servers } = await bob.asks(listing(), "providing-server-list", { servers: [NEAR, FAR] });
    expect(servers).toHaveLength(2);
  });
});

describe("while a game runs", () => {
  test("a restarted sidecar answers the next refresh in time, and guests still join", async () => {
    const alice = await Client.open("aaaaaaaaaa");
    const bob = await Client.open("bbbbbbbbbb");
    await alice.registers(NEAR);
    const [before] = await stack.lobbies();
    await stack.killSidecar();
    await stack.restartSidecar();
    // Listed at once: its host refreshes only every 15 s.
    const [after] = await stack.lobbies();
    await bob.joins(NEAR, "Bob", alice);
    await alice.refreshes(NEAR);
    expect(after!.id).toBe(before!.id);
    alice.says(dropping(NEAR));
    await eventually(
      () => stack.lobby(before!.id),
      (lobby) => lobby === null,
    );
    expect([...alice.types(), ...bob.types()]).not.toContain("server-error");
  });

  test("refreshes are answered while the hub is down, and guests join after its restart", async () => {
    const alice = await Client.open("aaaaaaaaaa");
    const bob = await Client.open("bbbbbbbbbb");
    await alice.registers(NEAR);
    const [before] = await stack.lobbies();
    await stack.killHub();
    for (let round = 0; round < 3; round++) await alice.refreshes(NEAR);
    bob.says(joining(NEAR, "Bob"));
    // This answer follows the guest's request, so the sidecar has ignored it.
    await alice.refreshes(NEAR);
    expect(bob.types()).toStrictEqual([]);
    await stack.startHub();
    await stack.waitUntilLinked();
    await bob.joins(NEAR, "Bob", alice);
    await alice.refreshes(NEAR);
    const [after] = await stack.lobbies();
    expect(after).toMatchObject({ id: before!.id, name: NEAR });
    expect([...alice.types(), ...bob.types()]).not.toContain("server-error");
  });

  test("after a restart of hub and sidecar the password still decides", async () => {
    const alice = await Client.open("aaaaaaaaaa");
    const bob = await Client.open("bbbbbbbbbb");
    const eve = await Client.open("eeeeeeeeee");
    await alice.registers(NEAR);
    await stack.killSidecar();
    await stack.killHub();
    await stack.startHub();
    await stack.restartSidecar();
    eve.says(dropping(NEAR));
    eve.says(refreshing(NEAR));
    await alice.refreshes(NEAR);
    await bob.joins(NEAR, "Bob", alice);
    expect(eve.types()).toStrictEqual([]);
  });

  test("a refresh from a new port moves the host, and guests receive the new endpoint", async () => {
    const alice = await Client.open("aaaaaaaaaa");
    const moved = await Client.open("aaaaaaaaaa");
    const bob = await Client.open("bbbbbbbbbb");
    await alice.registers(NEAR);
    await moved.refreshes(NEAR);
    await bob.joins(NEAR, "Bob", moved, { "local-address": ["127.0.0.1", alice.port] });
    expect(new Set(alice.types())).toStrictEqual(new Set(["confirming-registration"]));
  });
});

/** One handshake object of the script: a socket and a password. */
class Client {
  readonly #player: RabidPlayer;
  readonly #password: string;

  private constructor(player: RabidPlayer, password: string) {
    this.#player = player;
    this.#password = password;
  }

  static async open(password: string, sidecar = "one"): Promise<Client> {
    return new Client(await stack.player(sidecar), password);
  }

  get port(): number {
    return this.#player.port;
  }

  says(packet: Packet): void {
    this.#player.send(this.#sign(packet));
  }

  /** The types of the packets received so far. */
  types(): string[] {
    return this.#player.received.map((text) => String(read(Buffer.from(text))["__type"]));
  }

  /** Repeats the request as the script does until an answer of this type, signed for this peer, holds all these servers. */
  async asks(packet: Packet, type: string, { servers = [] as string[] } = {}): Promise<Packet> {
    const holds = servers.map((name) => `(?=.*"name":"${name}")`).join("");
    const wanted = new RegExp(`^${holds}.*"__type":"${type}"`);
    return this.#checked(await this.#player.request(this.#sign(packet).toString(), wanted, AGAIN_MS, GIVES_UP_MS));
  }

  async registers(name: string, parts: Packet = {}): Promise<void> {
    await this.asks(
      registering(name, { "local-address": ["127.0.0.1", this.port], ...parts }),
      "confirming-registration",
    );
  }

  async refreshes(name: string): Promise<void> {
    await this.asks(refreshing(name), "confirming-registration-refresh");
  }

  /** Joins, and expects that both peers receive each other's endpoint. */
  async joins(server: string, name: string, host: Client, about: Packet = {}): Promise<void> {
    const local = { "local-address": ["127.0.0.1", this.port] };
    const told = host.#player.waitFor(new RegExp(`"peer-name":"${name}"`), { from: host.#player.received.length });
    expect(await this.asks(joining(server, name, local), INTRODUCTION)).toMatchObject({
      "peer-name": server,
      "global-address": ["127.0.0.1", host.port],
      "local-address": ["127.0.0.1", host.port],
      ...about,
    });
    expect(host.#checked(await told)).toMatchObject({
      "peer-name": name,
      "global-address": ["127.0.0.1", this.port],
      "local-address": ["127.0.0.1", this.port],
    });
  }

  #sign(packet: Packet): Buffer {
    return sign(packet, this.#password);
  }

  #checked(text: string): Packet {
    const bytes = Buffer.from(text);
    expect(signedWith(bytes, this.#password)).toBe(true);
    const packet = read(bytes);
    expect(packet["__sender-name"]).toBeNull();
    expect(packet["__destination-address"]).toStrictEqual(["127.0.0.1", this.port]);
    return packet;
  }
}
