/** `connect-relay`: whose ports are told to whom, at one sidecar and over two, and what is said where there are none. */
import { describe, expect, test } from "vitest";
import type { Budget } from "#shared/rate-limit/token-bucket.ts";
import * as numbers from "#shared/limits.ts";
import { Relay } from "../../../udp-sidecar/relay/relay.ts";
import { at, type Rig } from "../../support/exchange.ts";
import { registered, registeredApart } from "../support/noray-script.ts";

const FAST = { per_s: 1e6, burst: 1e6 };
const PUBLIC = "198.51.100.7";

/** A real relay table behind a sidecar's switchboard; its ports are counted from 49,152 on. */
function relayAt(
  rig: Rig,
  sidecar = "north",
  { ports = 100, address = PUBLIC, side = FAST }: { ports?: number; address?: string | null; side?: Budget } = {},
): Relay {
  const free = Array.from({ length: ports }, (_, index) => 49_152 + index);
  const pool = { acquire: () => free.shift() ?? null, release: (port: number) => void free.push(port) };
  const limits = {
    side,
    source: FAST,
    game: FAST,
    slots_per_source_max: 100,
    bytes_max: 1e9,
    lifetime_ms: 1e9,
    idle_ms: numbers.RELAY_IDLE_S * 1_000,
    relatch_ms: numbers.RELAY_RELATCH_MS,
    special: true,
  };
  const relay = new Relay(limits, pool, () => false, rig.sidecar(sidecar).counters);
  Object.assign(rig.sidecar(sidecar).commands.out, {
    relay_address: address,
    peerMoved: (peer: string, seen: ReturnType<typeof at>) => relay.peerMoved("game", peer, seen, rig.now),
    allocateRelay: (parties: Parameters<Relay["allocate"]>[0]["parties"], limited: (reason: string) => void) => {
      const told: Parameters<Relay["allocate"]>[0]["onNotice"] = (notice) => {
        if (notice.kind === "limited") limited(notice.reason);
      };
      const made = relay.allocate({ game: "game", parties, onNotice: told }, rig.now);
      return "ports" in made ? made.ports : null;
    },
  });
  return relay;
}

describe("at one sidecar", () => {
  test("each is told a port of his own, the requester first; asked again, the same ones", () => {
    const { rig, tell } = registered("AB");
    const relay = relayAt(rig);
    tell(`
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
      A/8890> connect-relay B
      A/8890< connect-relay 49153
      B/8890< connect-relay 49152
    `);
    expect(relay.size).toBe(1);
  });

  test("what comes to one port goes to the other's peer, from wherever at his address he sends", () => {
    const { rig, tell } = registered("AB");
    const relay = relayAt(rig);
    tell(`
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
    `);
    // Symmetric NATs: neither sends from where the registrar saw him.
    expect(relay.route(49_152, at("B").address, 1_111, 4, rig.now)).toBeNull();
    expect(relay.route(49_153, at("A").address, 2_222, 4, rig.now)).toMatchObject({
      port: 49_152,
      endpoint: { address: at("B").address, port: 1_111 },
    });
    expect(relay.route(49_152, at("B").address, 1_111, 4, rig.now)).toMatchObject({
      port: 49_153,
      endpoint: { address: at("A").address, port: 2_222 },
    });
    expect(relay.route(49_152, at("S").address, 1_111, 4, rig.now)).toBeNull();
  });

  test("connect and connect-relay in one breath are both answered, in order", () => {
    const { rig, id } = registered("AB");
    relayAt(rig);
    const sent = rig.atOnce(() => {
      for (const command of ["connect-relay", "connect"]) rig.say("B", `${command} ${id("A")}`, { via: 8_890 });
    });
    const lines = sent.filter(({ to }) => to.port === at("B").port).map(({ bytes }) => bytes.toString());
    expect(lines).toStrictEqual(["connect-relay 49152", "connect 192.0.2.1:5001"]);
  });

  test("to oneself gives two ports, over the one connection", () => {
    const { rig, tell } = registered("A");
    relayAt(rig);
    tell(`
      A/8890> connect-relay A
      A/8890< connect-relay 49152
      A/8890< connect-relay 49153
    `);
  });

  test("goes on when both connections are gone: whoever plays does not need them", () => {
    const { rig, tell } = registered("AB");
    const relay = relayAt(rig);
    tell(`
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
    `);
    rig.hangUp("A");
    rig.hangUp("B");
    relay.route(49_153, at("A").address, 1, 4, rig.now);
    relay.route(49_152, at("B").address, 1, 4, rig.now);
    expect(relay.route(49_153, at("A").address, 1, 4, rig.now)).not.toBeNull();
    rig.pass(numbers.RELAY_IDLE_S * 1_000);
    relay.expire(rig.now);
    expect(relay.size).toBe(0);
  });

  test("a host who registers from elsewhere is relayed from there", () => {
    const { rig, tell } = registered("AB");
    const relay = relayAt(rig);
    tell(`
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
      C> *A
      C< OK
    `);
    relay.route(49_152, at("B").address, 1, 4, rig.now);
    expect(relay.route(49_153, at("C").address, 1, 4, rig.now)).not.toBeNull();
  });

  test("a limit is told to both, once, by its name", () => {
    const { rig, tell } = registered("AB");
    const relay = relayAt(rig, "north", { side: { per_s: 1_000, burst: 1_000 } });
    tell(`
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
    `);
    const from = rig.sent.length;
    relay.route(49_152, at("B").address, 1, 4, rig.now);
    for (let round = 0; round < 20; round++) relay.route(49_153, at("A").address, 1, 900, rig.now);
    const lines = rig.sent.slice(from).map(({ to, bytes }) => [to.port, bytes.toString()]);
    expect(lines).toStrictEqual([
      [5_002, "relay-limited rate"],
      [5_001, "relay-limited rate"],
    ]);
  });

  test("without a port to be had, or without a relay at all, is refused in words, and the host hears nothing", () => {
    const { rig, tell } = registered("ABC");
    tell(`
      B/8890> connect-relay A
      B/8890< error no-relay
    `);
    relayAt(rig, "north", { ports: 2 });
    tell(`
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
      C/8890> connect-relay A
      C/8890< error no-relay
      C/8890> connect-relay nobody
      C/8890< error unknown-oid
    `);
  });
});

describe("who waits for the hub", () => {
  test("registering for nothing, connect and connect-relay for one answer each", () => {
    const { rig, tell } = registered("AB");
    relayAt(rig);
    const asked = (): number => rig.sidecar().reports.length;
    const before = asked();
    tell(`
      C/8890> register-host
      C/8890< set-oid C
      C/8890< set-pid *C
    `);
    expect(asked()).toBe(before);
    tell(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
    expect(asked()).toBe(before + 1);
    tell(`
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
    `);
    expect(asked()).toBe(before + 2);
  });
});

describe("over two sidecars", () => {
  test("both ports are the requester's sidecar's; the host is told his as if the client were there", () => {
    const { rig, tell } = registeredApart();
    const relay = relayAt(rig, "south");
    tell(`
      B/south/8890> connect-relay A
      B/south/8890< connect-relay 49152
      A/8890< connect ${PUBLIC}:49153
      B/south/8890> connect-relay A
      B/south/8890< connect-relay 49152
      A/8890< connect ${PUBLIC}:49153
    `);
    expect(relay.size).toBe(1);
    relay.route(49_152, at("B").address, 7, 4, rig.now);
    expect(relay.route(49_153, at("A").address, 8, 4, rig.now)).toMatchObject({
      port: 49_152,
      endpoint: { address: at("B").address, port: 7 },
    });
  });

  test("where the requester's sidecar does not know its public address there is none, and the host hears nothing", () => {
    const { rig, tell } = registeredApart();
    const relay = relayAt(rig, "south", { address: null });
    tell(`
      B/south/8890> connect-relay A
      B/south/8890< error no-relay
    `);
    expect(relay.size).toBe(0);
  });
});
