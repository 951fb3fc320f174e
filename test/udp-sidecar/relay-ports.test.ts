/** The relay on real sockets of this machine. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Endpoint } from "#shared/endpoint.ts";
import type { RelayNotice } from "../../udp-sidecar/allocation.ts";
import { parseConfig } from "../../udp-sidecar/config.ts";
import { RelayPorts } from "../../udp-sidecar/sockets/relay-ports.ts";
import { Tally } from "../../udp-sidecar/tally.ts";
import { eventually } from "../support/house.ts";

const RANGE = { first: 52_000, last: 52_019 };

let tally: Tally;
let ports: RelayPorts;
let players: Player[] = [];

beforeEach(() => {
  tally = new Tally();
  ports = open();
});
afterEach(async () => {
  await ports.stop(0);
  await Promise.all(players.splice(0).map((player) => player.close()));
});

describe("two players", () => {
  test("hear each other through a pair of ports, each by the port that he speaks with", async () => {
    const [alice, bob] = await meet();
    alice.say("hello");
    expect(await bob.hears("hello")).toStrictEqual(bob.relay);
    bob.say("hello yourself");
    expect(await alice.hears("hello yourself")).toStrictEqual(alice.relay);
    expect([ports.relay.packets > 0, ports.relay.bytes > 0, ports.used, ports.free]).toStrictEqual([true, true, 2, 18]);
  });
});

// ---------------------------------------------------------------------------------------------------------------

function open(settings: Record<string, string> = {}, range = RANGE): RelayPorts {
  const env = { PARLEY_KEY: "key", PARLEY_LISTEN: "127.0.0.1,::1", PARLEY_RELAY_PEERS: "any", ...settings };
  const parsed = parseConfig([], env);
  if ("problems" in parsed) throw new Error(parsed.problems.join());
  return new RelayPorts(range, parsed.config, tally);
}

/** Two players who hear each other. */
async function meet(names = ["alice", "bob"], address = "127.0.0.1"): Promise<[Player, Player]> {
  const [alice, bob] = [await Player.open(address), await Player.open(address)];
  const told: RelayNotice[] = [];
  const parties = [
    { peer: names[0]!, seen: alice.local },
    { peer: names[1]!, seen: bob.local },
  ] as const;
  const asked = ports.relay.allocate({ game: "default", parties, told: (notice) => told.push(notice) }, Date.now());
  if ("none" in asked) throw new Error(asked.none);
  for (const [at, player] of [alice, bob].entries()) {
    player.relay = { address, port: asked.ports[at]! };
    player.told = told;
  }
  await alice.reaches(bob, "greeting");
  await bob.reaches(alice, "greeting");
  return [alice, bob];
}

class Player {
  readonly heard: { readonly text: string; readonly from: Endpoint }[] = [];
  readonly local: Endpoint;
  readonly socket: Socket;
  relay: Endpoint = { address: "", port: 0 };
  told: RelayNotice[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    const { address, port } = socket.address();
    this.local = { address, port };
    socket.on("message", (bytes, from) => {
      this.heard.push({ text: bytes.toString("latin1"), from: { address: from.address, port: from.port } });
    });
  }

  static async open(address = "127.0.0.1"): Promise<Player> {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.bind(0, address);
    await once(socket, "listening");
    const player = new Player(socket);
    players.push(player);
    return player;
  }

  say(text: string, to = this.relay): void {
    this.socket.send(Buffer.from(text, "latin1"), to.port, to.address);
  }

  /** Where it came from. */
  async hears(text: string): Promise<Endpoint> {
    const found = (): { readonly from: Endpoint } | undefined => this.heard.find((one) => one.text === text);
    return (await eventually(
      () => Promise.resolve(found()),
      (one) => one !== undefined,
    ))!.from;
  }

  /** Says it until the other has heard it. */
  async reaches(other: Player, text: string): Promise<void> {
    const again = setInterval(() => this.say(text), 20);
    // The other opens his side, too.
    const opened = setInterval(() => other.say("opened"), 20);
    await other.hears(text).finally(() => [again, opened].forEach(clearInterval));
  }

  close(): Promise<void> {
    return new Promise((done) => this.socket.close(() => done()));
  }
}
