/** The relay on real sockets of this machine. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Allocated, RelayNotice } from "../../../udp-sidecar/relay/allocation.ts";
import { parseConfig } from "../../../udp-sidecar/config/config.ts";
import { createRelayPorts, type RelayPorts } from "../../../udp-sidecar/sockets/relay-ports.ts";
import type { UdpBackend } from "../../../udp-sidecar/sockets/udp/udp-socket.ts";
import { UDP_BACKENDS } from "../support/udp-backends.ts";
import { Counters } from "../../../udp-sidecar/core/counters.ts";
import { Clock } from "../../../udp-sidecar/time/clock.ts";
import { takenPorts } from "../../../tools/run/ports.ts";
import { eventually } from "../../support/test-stack.ts";
import { collectGarbage } from "../../support/memory.ts";
import { canSendFromPortZero, sendFromPortZero } from "../../support/port-zero.ts";
import { recordFigure } from "../../support/attack-figures.ts";

/** Below the kernel's ephemeral ports. */
const RANGE = { first: 29_000, last: 29_019 };
/** The tolerated growth of the runtime's caches. A leaked pair would take 1 kB. */
const GROWTH_BYTES_MAX = 2 * 1_048_576;

const clock = new Clock();
let counters: Counters;
let ports: RelayPorts;
let players: Player[] = [];
let backend: UdpBackend;

describe.each(UDP_BACKENDS)("relay ports on $name sockets", (udp) => {
  beforeEach(() => void (backend = udp));
  beforeEach(() => {
    counters = new Counters();
    ports = open();
  });
  afterEach(async () => {
    await ports.stop(0);
    await Promise.all(players.splice(0).map((player) => player.close()));
  });

  describe("two players", () => {
    test("reach each other through a pair of ports, each by its own port", async () => {
      const [alice, bob] = await meet();
      alice.say("hello");
      expect(await bob.receives("hello")).toStrictEqual(bob.relay);
      bob.say("hello yourself");
      expect(await alice.receives("hello yourself")).toStrictEqual(alice.relay);
      expect([ports.used, ports.free]).toStrictEqual([2, 18]);
    });

    test("can send datagrams of any length, from none to 65,507 bytes", async () => {
      const [alice, bob] = await meet();
      const longest = "x".repeat(65_507);
      for (const text of ["", "\0", longest]) {
        alice.say(text);
        await bob.receives(text);
      }
      expect(alice.notices).toStrictEqual([]);
    });

    test("can send 24 kB in 100 ms, as many small datagrams or few large ones", async () => {
      for (const length of [100, 1_200]) {
        const [alice, bob] = await meet([`alice ${length}`, `bob ${length}`]);
        for (let sent = 0; sent < 24_000; sent += length) alice.say("x".repeat(length));
        await eventually(
          () => Promise.resolve(bob.received.filter(({ text }) => text.length === length).length),
          (received) => received === 24_000 / length,
        );
        expect(alice.notices).toStrictEqual([]);
      }
    });

    test("can use IPv4 and IPv6", async () => {
      const [alice, bob] = await meet(["alice", "bob"], ["127.0.0.1", "::1"]);
      alice.say("hello");
      expect(await bob.receives("hello")).toStrictEqual(bob.relay);
      bob.say("hello yourself");
      expect(await alice.receives("hello yourself")).toStrictEqual(alice.relay);
    });
  });

  describe("a limit", () => {
    test("drops and notifies once, and later datagrams pass", async () => {
      ports = await reopen({ PARLEY_RELAY_SIDE_RATE: "200000/65536" });
      const [alice, bob] = await meet();
      const dropped = (): number => counters.get("relay_dropped", "rate");
      await eventually(
        async () => {
          for (let sent = 0; sent < 100; sent++) alice.say("x".repeat(1_000));
          await alice.echo(bob);
          return dropped();
        },
        (times) => times > 200,
      );
      expect(alice.notices).toStrictEqual([{ kind: "limited", reason: "rate" }]);
      await alice.reaches(bob, "later");
    });

    test("of a pair's lifetime ends it and frees its ports", async () => {
      ports = await reopen({ PARLEY_RELAY_LIFETIME_S: "1" });
      const [alice] = await meet();
      await eventually(
        () => {
          ports.relay.expire(clock.now());
          return Promise.resolve(ports.used);
        },
        (used) => used === 0,
      );
      expect(alice.notices).toStrictEqual([
        { kind: "limited", reason: "lifetime" },
        { kind: "ended", why: "lifetime" },
      ]);
    });
  });

  describe("datagrams of others", () => {
    test("from 2,000 strangers at one port are dropped, and no state is kept", async () => {
      const [alice, bob] = await meet();
      const before = [ports.relay.size, ports.relay.budgets, ports.used, ports.free];
      const memory = await settled();
      for (let round = 1; round <= 20; round++) {
        const strangers = await Promise.all(
          Array.from({ length: 100 }, (_, at) => Player.open(`127.1.${round}.${at + 1}`)),
        );
        for (const stranger of strangers) stranger.say("let me in", alice.relay);
        await eventually(
          () => Promise.resolve(counters.get("relay_dropped", "stranger")),
          (dropped) => dropped === round * 100,
        );
        await Promise.all(strangers.map((stranger) => stranger.close()));
        players = players.filter((player) => !strangers.includes(player));
      }
      expect([ports.relay.size, ports.relay.budgets, ports.used, ports.free]).toStrictEqual(before);
      expect((await settled()) - memory).toBeLessThan(GROWTH_BYTES_MAX);
      expect(bob.received.filter(({ text }) => text === "let me in")).toStrictEqual([]);
      await alice.echo(bob);
    });

    test.skipIf(!canSendFromPortZero)(
      "a datagram from source port 0 is dropped, and nothing else happens",
      async () => {
        const [alice, bob] = await meet();
        sendFromPortZero(alice.relay.port, "zero");
        await eventually(
          () => Promise.resolve(counters.get("relay_dropped", "source_port_0")),
          (dropped) => dropped === 1,
        );
        await alice.echo(bob);
      },
    );

    test("to a closed player do not disturb others, although the kernel reports its port as unreachable", async () => {
      const [alice, bob] = await meet();
      await bob.close();
      players = players.filter((player) => player !== bob);
      for (let sent = 0; sent < 100; sent++) alice.say("anybody?");
      await eventually(
        () => Promise.resolve(ports.relay.packets),
        (packets) => packets >= 100,
      );
      const [carol, dave] = await meet(["carol", "dave"]);
      await carol.echo(dave);
      expect([...counters.entries("socket_errors")]).toStrictEqual([]);
    });
  });

  describe("the ports", () => {
    test("are opened on demand, and closed afterwards", async () => {
      expect(ports.used).toBe(0);
      const [alice] = await meet();
      expect(await isFree(alice.relay.port)).toBe(false);
      await ports.stop(0);
      expect(await isFree(alice.relay.port)).toBe(true);
      expect([ports.used, ports.free]).toStrictEqual([0, 20]);
    });

    test("when all are used, requests are refused until a pair ends", async () => {
      const [alice, bob] = await meet();
      const notices: RelayNotice[] = [];
      const pairs = Array.from({ length: 9 }, (_, at) => allocated([`a${at}`, `b${at}`], [alice, bob], notices));
      expect([ports.used, ports.free]).toStrictEqual([20, 0]);
      await alice.uses(pairs, notices);
      expect(ask(["carol", "dave"], [alice.local, bob.local])).toStrictEqual({ none: "exhausted" });
      await alice.echo(bob);
      ports.relay.release(pairs[0]!.allocation);
      expect(ask(["carol", "dave"], [alice.local, bob.local])).not.toHaveProperty("none");
      expect(counters.get("relay_refused", "exhausted")).toBe(1);
    });

    test("when all are used, the oldest pair without a datagram makes room, and no other pair", async () => {
      const [alice, bob] = await meet();
      const used: RelayNotice[] = [];
      const unused: RelayNotice[] = [];
      const pairs = Array.from({ length: 7 }, (_, at) => allocated([`a${at}`, `b${at}`], [alice, bob], used));
      const oldest = allocated(["erin", "frank"], [alice, bob], unused);
      allocated(["grace", "heidi"], [alice, bob], used);
      await alice.uses(pairs, used);
      used.length = 0;
      const next = allocated(["carol", "dave"], [alice, bob], used);
      expect(new Set(next.ports)).toStrictEqual(new Set(oldest.ports));
      expect([unused, used, alice.notices]).toStrictEqual([[{ kind: "ended", why: "evicted" }], [], []]);
      await alice.echo(bob);
    });

    test("of other programs are skipped and counted", async () => {
      const others = [];
      for (let port = RANGE.first; port <= RANGE.last - 2; port++) {
        const other = createSocket("udp4");
        await new Promise<void>((done) => other.bind(port, "127.0.0.1", done));
        others.push(other);
      }
      const [alice, bob] = await meet();
      await alice.echo(bob);
      expect(new Set([alice.relay.port, bob.relay.port])).toStrictEqual(new Set([RANGE.last - 1, RANGE.last]));
      expect(ask(["carol", "dave"], [alice.local, bob.local])).toStrictEqual({ none: "exhausted" });
      expect(counters.get("socket_errors", "relay_port_taken")).toBeGreaterThanOrEqual(18);
      await Promise.all(others.map((other) => new Promise<void>((done) => other.close(done))));
      expect(ask(["carol", "dave"], [alice.local, bob.local])).not.toHaveProperty("none");
    });

    test("20,000 pairs come and go, and memory stays the same", async () => {
      const [alice, bob] = await meet();
      const comeAndGo = async (times: number): Promise<void> => {
        for (let time = 0; time < times; time++) {
          const result = ask([`a${time}`, `b${time}`], [alice.local, bob.local]);
          if ("none" in result) throw new Error(`${result.none} after ${time}`);
          ports.relay.release(result.allocation);
          // Closed sockets are released between two turns of the event loop.
          if (time % 50 === 0) await new Promise((done) => setImmediate(done));
        }
      };
      await comeAndGo(1_000);
      const memory = await settled();
      await comeAndGo(20_000);
      expect((await settled()) - memory).toBeLessThan(GROWTH_BYTES_MAX);
      expect([ports.relay.size, ports.relay.budgets, ports.used]).toStrictEqual([1, 2, 2]);
      await alice.echo(bob);
    });

    test("a stopping sidecar refuses new pairs, notifies the existing ones, and lets them finish", async () => {
      const [alice, bob] = await meet();
      const stopped = ports.stop(60_000);
      expect(alice.notices).toStrictEqual([{ kind: "closing" }]);
      expect(ask(["carol", "dave"], [alice.local, bob.local])).toStrictEqual({ none: "closing" });
      await alice.echo(bob);
      const again = ask(["alice", "bob"], [alice.local, bob.local]);
      if ("allocation" in again) ports.relay.release(again.allocation);
      await stopped;
      expect(ports.used).toBe(0);
    });

    test("a sidecar without a drain time ends them after it has notified them", async () => {
      const [alice] = await meet();
      await ports.stop(0);
      expect(alice.notices).toStrictEqual([{ kind: "closing" }, { kind: "ended", why: "closed" }]);
    });
  });

  describe("a player on the sidecar's machine", () => {
    test("may use every port of the range that the relay has not opened", async ({ task }) => {
      await meet();
      const bob = { address: "45.2.2.2", port: 2_222 };
      const refused: unknown[] = [];
      for (let port = RANGE.first; port <= RANGE.last; port++) {
        const result = ask([`near ${port}`, `far ${port}`], [{ address: "127.0.0.1", port }, bob]);
        if ("none" in result) refused.push(result.none);
        else ports.relay.release(result.allocation);
      }
      expect(refused).toStrictEqual(["loop", "loop"]);
      const all = RANGE.last - RANGE.first + 1;
      recordFigure(task, {
        order: 140,
        attack: "a player on the sidecar's machine uses a port of the relay's range",
        before: "7 to 12.5 % of all ports are refused, silently",
        after: `${refused.length} of ${all} are refused: the ports that are open, with a reason`,
      });
    });
  });

  describe("other sidecars", () => {
    const seen = [
      { address: "127.0.0.2", port: 5_000 },
      { address: "127.0.0.1", port: 5_000 },
    ];

    test("get nothing at any port of their addresses, and this machine's players are relayed", () => {
      ports.setOtherSidecars("chess", ["127.0.0.1", "::ffff:127.0.0.2"]);
      expect(ask(["alice", "bob"], seen)).toStrictEqual({ none: "loop" });
      expect(ask(["alice", "bob"], [seen[1]!, seen[1]!])).not.toHaveProperty("none");
      ports.setOtherSidecars("chess", []);
      expect(ask(["alice", "carol"], seen)).not.toHaveProperty("none");
    });

    test("of another deployment end a loop by themselves, after a few thousand datagrams", async ({ task }) => {
      const other = open({ PARLEY_RELAY_PORTS: `${RANGE.last + 1}-${RANGE.last + 2}` });
      const at = (port: number): Endpoint => ({ address: "127.0.0.1", port });
      const pair = (relay: RelayPorts, near: Endpoint, far: Endpoint): [number, number] => {
        const parties = [
          { peer: "alice", observed: near },
          { peer: "bob", observed: far },
        ] as const;
        const result = relay.relay.allocate({ game: "default", parties, onNotice: () => {} }, clock.now());
        if ("none" in result) throw new Error(result.none);
        return [result.ports[0], result.ports[1]];
      };
      const [c, d] = pair(other, at(1), at(2));
      const [a, b] = pair(ports, at(c), at(d));
      for (const [peer, port] of [["alice", a] as const, ["bob", b] as const])
        other.relay.peerMoved("default", { peer, observed: at(port) }, clock.now());
      // What one forged datagram to each of the four ports does.
      for (const [relay, port, from] of [
        [ports, a, c],
        [ports, b, d],
        [other, c, a],
        [other, d, b],
      ] as const) {
        const hop = relay.relay.route(port, "127.0.0.1", from, 2, clock.now());
        if (hop !== null) relay.forward(hop, Buffer.alloc(2));
      }
      const carried = (): number => ports.relay.packets + other.relay.packets;
      let before = -1;
      await eventually(
        async () => {
          [before] = [carried()];
          await new Promise((done) => setTimeout(done, 100));
          return carried();
        },
        (now) => now === before,
      );
      expect(carried()).toBeGreaterThan(2);
      expect(carried()).toBeLessThan(4_000);
      recordFigure(task, {
        order: 71,
        attack: "8 forged bytes make the relays of two deployments forward to each other",
        before: "25,000 datagrams a second, up to 4 GiB",
        after: `${carried()} datagrams, and then none`,
      });
      await other.stop(0);
    });
  });
});

// ---------------------------------------------------------------------------------------------------------------

function open(settings: Record<string, string> = {}): RelayPorts {
  const base = { PARLEY_KEY: "key", PARLEY_LISTEN: "127.0.0.1,::1", PARLEY_RELAY_PEERS: "any" };
  const parsed = parseConfig([], { ...base, PARLEY_RELAY_PORTS: `${RANGE.first}-${RANGE.last}`, ...settings });
  if ("problems" in parsed) throw new Error(parsed.problems.join());
  return createRelayPorts(parsed.config, counters, clock, backend)!;
}

async function reopen(settings: Record<string, string>): Promise<RelayPorts> {
  await ports.stop(0);
  return open(settings);
}

function ask(peers: readonly string[], seen: readonly Endpoint[], notices: RelayNotice[] = []) {
  // As players whose TCP connection and datagrams have one address.
  const parties = [
    { peer: peers[0]!, observed: seen[0]!, proved: true },
    { peer: peers[1]!, observed: seen[1]!, proved: true },
  ] as const;
  return ports.relay.allocate({ game: "default", parties, onNotice: (notice) => notices.push(notice) }, clock.now());
}

/** The same; throws on a refusal. */
function allocated(peers: readonly string[], players: readonly Player[], notices: RelayNotice[] = []): Allocated {
  const result = ask(
    peers,
    players.map(({ local }) => local),
    notices,
  );
  if ("none" in result) throw new Error(result.none);
  return result;
}

/** Two players that reach each other. Their relay has reported the first datagram of each, and nothing else. */
async function meet(names = ["alice", "bob"], addresses = ["127.0.0.1", "127.0.0.1"]): Promise<[Player, Player]> {
  const [alice, bob] = [await Player.open(addresses[0]), await Player.open(addresses[1])];
  const notices: RelayNotice[] = [];
  const result = ask(names, [alice.local, bob.local], notices);
  if ("none" in result) throw new Error(result.none);
  for (const [at, player] of [alice, bob].entries()) {
    player.relay = { address: addresses[at]!, port: result.ports[at]! };
    player.notices = notices;
  }
  await alice.reaches(bob, "greeting");
  await bob.reaches(alice, "greeting");
  const latched = notices.splice(0).toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
  expect(latched).toStrictEqual(names.map((peer) => ({ kind: "latched", peer, moved: false })));
  return [alice, bob];
}

/** Whether this port is free now. */
function isFree(port: number): Promise<boolean> {
  return takenPorts([{ kind: "udp", port, purpose: "relay" }]).then((taken) => taken.length === 0);
}

/** Bytes in use inside and outside the heap, after garbage collection. */
async function settled(): Promise<number> {
  for (let times = 0; times < 3; times++) {
    await new Promise((done) => setImmediate(done));
    collectGarbage();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

let words = 0;

class Player {
  readonly received: { readonly text: string; readonly from: Endpoint }[] = [];
  readonly local: Endpoint;
  readonly socket: Socket;
  relay: Endpoint = { address: "", port: 0 };
  notices: RelayNotice[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    const { address, port } = socket.address();
    this.local = { address, port };
    socket.on("message", (bytes, from) => {
      this.received.push({ text: bytes.toString("latin1"), from: { address: from.address, port: from.port } });
    });
  }

  static async open(address = "127.0.0.1"): Promise<Player> {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.bind(0, address);
    await once(socket, "listening");
    socket.setRecvBufferSize(1_048_576);
    const player = new Player(socket);
    players.push(player);
    return player;
  }

  say(text: string, to = this.relay): void {
    this.socket.send(Buffer.from(text, "latin1"), to.port, to.address);
  }

  /** The sender's endpoint. */
  async receives(text: string): Promise<Endpoint> {
    const found = await eventually(
      () => Promise.resolve(this.received.find((one) => one.text === text)),
      (one) => one !== undefined,
    );
    return found!.from;
  }

  /** Repeats the text until the other player has received it, which also opens that player's side. */
  async reaches(other: Player, text: string): Promise<void> {
    const saying = setInterval(() => {
      this.say(text);
      other.say("opened");
    }, 20);
    await other.receives(text).finally(() => clearInterval(saying));
  }

  /** A new text goes there, and one comes back. */
  async echo(other: Player): Promise<void> {
    await this.reaches(other, `word ${++words}`);
    await other.reaches(this, `word ${++words}`);
  }

  /** Sends to the first port of each pair until the relay has reported a datagram for each. */
  async uses(pairs: readonly Allocated[], notices: readonly RelayNotice[]): Promise<void> {
    await eventually(
      () => {
        for (const { ports: own } of pairs) this.say("used", { address: this.relay.address, port: own[0] });
        return Promise.resolve(notices.filter(({ kind }) => kind === "latched").length);
      },
      (latched) => latched === pairs.length,
    );
  }

  close(): Promise<void> {
    return new Promise((done) => this.socket.close(() => done()));
  }
}
