/** `connect-relay`: which ports the peers get, at one sidecar and across two, and the refusals. */
import { describe, expect, test } from "vitest";
import * as numbers from "#shared/limits.ts";
import { endpointOf } from "../../support/exchange.ts";
import { PUBLIC, relayAt } from "../support/noray-relays.ts";
import { registered, registeredApart } from "../support/noray-script.ts";

/** A's router uses one port for all destinations, so it need not be measured. */
const ONE_PORT = `
  A/3478> *A
  A/3478< OK
`;

describe("at one sidecar", () => {
  test("each peer gets its own port, the requester first; a repeated request gets the same ports", () => {
    const { rig, run: tell } = registered("AB");
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

  test("a datagram at one port is forwarded to the other peer, from any port of the sender's address", () => {
    const { rig, run: tell } = registered("AB");
    const relay = relayAt(rig);
    tell(`
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
    `);
    // Symmetric NATs: neither sends from the endpoint that the registrar observed.
    expect(relay.route(49_152, endpointOf("B").address, 1_111, 4, rig.now)).toBeNull();
    expect(relay.route(49_153, endpointOf("A").address, 2_222, 4, rig.now)).toMatchObject({
      port: 49_152,
      endpoint: { address: endpointOf("B").address, port: 1_111 },
    });
    expect(relay.route(49_152, endpointOf("B").address, 1_111, 4, rig.now)).toMatchObject({
      port: 49_153,
      endpoint: { address: endpointOf("A").address, port: 2_222 },
    });
    expect(relay.route(49_152, endpointOf("S").address, 1_111, 4, rig.now)).toBeNull();
  });

  test("connect and connect-relay in one segment are both answered, in order", () => {
    const { rig, run, id } = registered("AB");
    run(ONE_PORT);
    relayAt(rig);
    const sent = rig.sendTogether(() => {
      for (const command of ["connect-relay", "connect"]) rig.send("B", `${command} ${id("A")}`, { via: 8_890 });
    });
    const lines = sent.filter(({ to }) => to.port === endpointOf("B").port).map(({ bytes }) => bytes.toString());
    expect(lines).toStrictEqual(["connect-relay 49152", "connect 192.0.2.1:5001"]);
  });

  test("a second host that the registrar has not observed is relayed at the endpoint of the first", () => {
    const { rig, run: tell } = registered("AB").run(`
      A/8890> register-host
      A/8890< set-oid A2
      A/8890< set-pid *A2
    `);
    const relay = relayAt(rig);
    tell(`
      B/8890> connect A2
      B/8890< error unknown-oid
      B/8890> connect-relay A2
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
    `);
    expect(relay.size).toBe(1);
  });

  test("to itself gives two ports, over one connection", () => {
    const { rig, run: tell } = registered("A");
    relayAt(rig);
    tell(`
      A/8890> connect-relay A
      A/8890< connect-relay 49152
      A/8890< connect-relay 49153
    `);
  });

  test("continues when both connections have closed", () => {
    const { rig, run: tell } = registered("AB");
    const relay = relayAt(rig);
    tell(`
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
    `);
    rig.closeNorayConnection("A");
    rig.closeNorayConnection("B");
    relay.route(49_153, endpointOf("A").address, 1, 4, rig.now);
    relay.route(49_152, endpointOf("B").address, 1, 4, rig.now);
    expect(relay.route(49_153, endpointOf("A").address, 1, 4, rig.now)).not.toBeNull();
    rig.advance(numbers.RELAY_IDLE_S * 1_000);
    relay.expire(rig.now);
    expect(relay.size).toBe(0);
  });

  test("a host that registers from another endpoint is relayed from there", () => {
    const { rig, run: tell } = registered("AB");
    const relay = relayAt(rig);
    tell(`
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
      C> *A
      C< OK
    `);
    relay.route(49_152, endpointOf("B").address, 1, 4, rig.now);
    expect(relay.route(49_153, endpointOf("C").address, 1, 4, rig.now)).not.toBeNull();
  });

  test("both peers are notified of a limit once, by its name", () => {
    const { rig, run: tell } = registered("AB");
    const relay = relayAt(rig, "north", { side: { per_s: 1_000, burst: 1_000 } });
    tell(`
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
    `);
    const from = rig.sent.length;
    relay.route(49_152, endpointOf("B").address, 1, 4, rig.now);
    for (let round = 0; round < 20; round++) relay.route(49_153, endpointOf("A").address, 1, 900, rig.now);
    const lines = rig.sent.slice(from).map(({ to, bytes }) => [to.port, bytes.toString()]);
    expect(lines).toStrictEqual([
      [5_002, "relay-limited rate"],
      [5_001, "relay-limited rate"],
    ]);
  });

  test("without a free port or a relay it is refused, and the host gets nothing", () => {
    const { rig, run: tell } = registered("ABC");
    tell(`
      B/8890> connect-relay A
      B/8890< error no-relay
    `);
    const relay = relayAt(rig, "north", { ports: 2 });
    tell(`
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
    `);
    // A pair that no peer uses would make room.
    const { address, port } = endpointOf("B");
    relay.route(49_152, address, port, 10, rig.now);
    tell(`
      C/8890> connect-relay A
      C/8890< error no-relay
      C/8890> connect-relay nobody
      C/8890< error unknown-oid
    `);
  });
});

describe("a client that waits for the hub", () => {
  test("does not register twice, and gets one answer each to connect and connect-relay", () => {
    const { rig, run: tell } = registered("AB");
    tell(ONE_PORT);
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
    // Both are registered here, so the relay needs no hub.
    expect(asked()).toBe(before + 1);
  });
});

describe("across two sidecars", () => {
  test("both ports belong to the requester's sidecar; the host gets its port as the client's endpoint", () => {
    const { rig, run: tell } = registeredApart();
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
    relay.route(49_152, endpointOf("B").address, 7, 4, rig.now);
    expect(relay.route(49_153, endpointOf("A").address, 8, 4, rig.now)).toMatchObject({
      port: 49_152,
      endpoint: { address: endpointOf("B").address, port: 7 },
    });
  });

  test("without a public address of the requester's sidecar it is refused, and the host gets nothing", () => {
    const { rig, run: tell } = registeredApart();
    const relay = relayAt(rig, "south", { address: null });
    tell(`
      B/south/8890> connect-relay A
      B/south/8890< error no-relay
    `);
    expect(relay.size).toBe(0);
  });
});
