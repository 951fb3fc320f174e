/** Pairs that cannot punch: the first one takes the long way, and later ones get the relay's address at once. */
import { describe, test } from "vitest";
import { PUNCH_FAILED_WITHIN_MS, REGISTRARS_WITHIN_MS, ROUTER_KNOWN_MS } from "#shared/limits.ts";
import { endpointOf } from "../../support/exchange.ts";
import { relayAt } from "../support/noray-relays.ts";
import { registered, registeredApart } from "../support/noray-script.ts";

/** B asked for A, could not punch, and got the relay; both then sent from these ports. */
function afterFailure(portOfA: number, portOfB: number) {
  const script = registered("ABCD");
  const relay = relayAt(script.rig);
  script.run(`
    B/8890> connect A
    A/8890< connect 192.0.2.2:5002
    B/8890< connect 192.0.2.1:5001
    @+8s
    B/8890> connect-relay A
    B/8890< connect-relay 49152
    A/8890< connect-relay 49153
  `);
  relay.route(49_152, endpointOf("B").address, portOfB, 4, script.rig.now);
  relay.route(49_153, endpointOf("A").address, portOfA, 4, script.rig.now);
  return { ...script, relay };
}

describe("a pid that is also sent to a second registrar port", () => {
  const SECOND = `
    A'/3478> *A
    A'/3478< OK
    B'/3478> *B
    B'/3478< OK
  `;

  test("shows that a router maps per destination, so two such routers are relayed at their first meeting", () => {
    const { rig, run } = registered("AB");
    relayAt(rig);
    run(SECOND).run(`
      B/8890> connect A
      B/8890< connect 198.51.100.7:49152
      A/8890< connect 198.51.100.7:49153
    `);
  });

  test("from the same endpoint shows that it does not", () => {
    const { rig, run } = registered("AB");
    relayAt(rig);
    run(SECOND).run(`
      B/3478> *B
      B/3478< OK
      B> *B
      B< OK
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:6001
    `);
  });

  test("shows nothing long after the first", () => {
    const { rig, run } = registered("AB");
    relayAt(rig);
    rig.advance(REGISTRARS_WITHIN_MS);
    run(SECOND).run(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:6002
      B/8890< connect 192.0.2.1:6001
    `);
  });
});

describe("a pair that could not punch", () => {
  test("gets the relay's address at once the next time, whichever side asks", () => {
    const { run } = afterFailure(5_001, 9_999);
    run(`
      B/8890> connect A
      B/8890< connect 198.51.100.7:49152
      A/8890< connect 198.51.100.7:49153
      A/8890> connect B
      A/8890< connect 198.51.100.7:49153
      B/8890< connect 198.51.100.7:49152
    `);
  });

  test("is introduced again after a day", () => {
    const { rig, run } = afterFailure(5_001, 9_999);
    rig.advance(ROUTER_KNOWN_MS);
    run(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
  });

  test("is introduced if no relay is free", () => {
    const { rig, run } = afterFailure(5_001, 9_999);
    Object.assign(rig.sidecar().commands.out, { allocateRelay: () => null });
    run(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
  });

  test("teaches about its routers: another peer that maps per destination is relayed to the restricted one", () => {
    const { rig, run, relay } = afterFailure(5_001, 9_999);
    run(`
      C/8890> connect-relay D
      C/8890< connect-relay 49154
      D/8890< connect-relay 49155
    `);
    relay.route(49_154, endpointOf("C").address, 8_888, 4, rig.now);
    run(`
      C/8890> connect A
      C/8890< connect 198.51.100.7:49156
      A/8890< connect 198.51.100.7:49157
      D/8890> connect A
      A/8890< connect 192.0.2.4:5004
      D/8890< connect 192.0.2.1:5001
    `);
  });
});

test("a relay long after the introduction proves nothing", () => {
  const { rig, run } = registered("AB");
  relayAt(rig);
  run(`
    B/8890> connect A
    A/8890< connect 192.0.2.2:5002
    B/8890< connect 192.0.2.1:5001
  `);
  rig.advance(PUNCH_FAILED_WITHIN_MS);
  run(`
    B/8890> connect-relay A
    B/8890< connect-relay 49152
    A/8890< connect-relay 49153
    B/8890> connect A
    A/8890< connect 192.0.2.2:5002
    B/8890< connect 192.0.2.1:5001
  `);
});

test("a host of another sidecar gets its side of the relay too", () => {
  const { rig, run } = registeredApart();
  relayAt(rig, "south");
  run(`
    B/south/8890> connect A
    B/south/8890< connect 192.0.2.1:5001
    A/8890< connect 192.0.2.2:5002
    B/south/8890> connect-relay A
    B/south/8890< connect-relay 49152
    A/8890< connect 198.51.100.7:49153
    B/south/8890> connect A
    B/south/8890< connect 198.51.100.7:49152
    A/8890< connect 192.0.2.2:5002
    A/8890< connect 198.51.100.7:49153
  `);
});

test("while the hub cannot be reached, two clients of one sidecar still get a relay", () => {
  const { rig, run } = registered("AB");
  relayAt(rig);
  rig.disconnect("north");
  run(`
    B/8890> connect-relay A
    B/8890< connect-relay 49152
    A/8890< connect-relay 49153
  `);
});
