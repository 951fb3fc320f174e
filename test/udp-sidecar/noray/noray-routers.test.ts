/** Pairs that cannot punch get the relay's address at once, as far as the sidecar knows or measures their routers. */
import { describe, expect, test } from "vitest";
import {
  NORAY_MEASURE_MS,
  PUNCH_FAILED_WITHIN_MS,
  REGISTRARS_WITHIN_MS,
  ROUTER_KNOWN_MS,
  ROUTERS_ALIKE,
} from "#shared/limits.ts";
import { endpointOf, letterOf, type Rig } from "../../support/exchange.ts";
import type { Relay } from "../../../udp-sidecar/relay/relay.ts";
import { relayAt } from "../support/noray-relays.ts";
import { norayScript, type NorayScript, registered, registeredApart } from "../support/noray-script.ts";

/** The lines that a datagram causes that a player sends to a port of the relay. A' is A behind another port. */
function heard(rig: Rig, relay: Relay, player: string, port: number): string[] {
  const { address, port: from } = endpointOf(player);
  const sent = rig.collectSent(() => void relay.route(port, address, from, 4, rig.now));
  return sent.map(({ to, bytes }) => `${letterOf(to)}< ${bytes.toString()}`);
}

/** A and B have registered, and each of these players' routers is known to use one port for all destinations. */
function known(players: string, all = "AB"): NorayScript & { readonly relay: Relay } {
  const script = registered(all);
  for (const player of players) {
    script.run(`
      ${player}/3478> *${player}
      ${player}/3478< OK
    `);
  }
  return { ...script, relay: relayAt(script.rig) };
}

describe("a host whose router is not known", () => {
  /** B asks for A, whose game is to send to the relay's second port. */
  function measuring(players = "AB") {
    const script = registered(players);
    const relay = relayAt(script.rig);
    script.run(`
      B/8890> connect A
      A/8890< connect 198.51.100.7:49153
    `);
    return { ...script, relay };
  }

  test("is measured: from the registered port both are introduced", () => {
    const { rig, relay } = measuring();
    expect(heard(rig, relay, "A", 49_153)).toStrictEqual(["A< connect 192.0.2.2:5002", "B< connect 192.0.2.1:5001"]);
  });

  test("is measured: from another port both get the relay, and so do all later clients", () => {
    const { rig, run, relay } = measuring("ABC");
    expect(heard(rig, relay, "A'", 49_153)).toStrictEqual([
      "B< connect 198.51.100.7:49154",
      "A< connect 198.51.100.7:49155",
    ]);
    run(`
      C/8890> connect A
      C/8890< connect 198.51.100.7:49156
      A/8890< connect 198.51.100.7:49157
    `);
  });

  test("is measured once for all clients that ask meanwhile, also for one that asks twice", () => {
    const { rig, run, relay } = measuring("ABC");
    run(`
      C/8890> connect A
      C/8890> connect A
    `);
    expect(heard(rig, relay, "A", 49_153)).toStrictEqual([
      "A< connect 192.0.2.2:5002",
      "B< connect 192.0.2.1:5001",
      "A< connect 192.0.2.3:5003",
      "C< connect 192.0.2.1:5001",
    ]);
  });

  test("that does not react is introduced a moment later, and not measured again", () => {
    const { rig, run } = measuring("ABC");
    expect(rig.advance(NORAY_MEASURE_MS - 100)).toStrictEqual([]);
    run(`
      @+200ms
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
      C/8890> connect A
      A/8890< connect 192.0.2.3:5003
      C/8890< connect 192.0.2.1:5001
    `);
  });

  test("forwards nothing of the measurement, and strangers do not decide it", () => {
    const { rig, relay } = measuring("ABC");
    expect(heard(rig, relay, "C", 49_153)).toStrictEqual([]);
    const { address, port } = endpointOf("A");
    expect(relay.route(49_153, address, port, 4, rig.now)).toBeNull();
    expect(relay.packets).toBe(0);
  });

  test("a client or host that leaves meanwhile gets nothing more", () => {
    const left = measuring();
    left.rig.closeNorayConnection("B");
    expect(heard(left.rig, left.relay, "A", 49_153)).toStrictEqual([]);
    const lost = measuring();
    lost.rig.closeNorayConnection("A");
    lost.run(`
      @+600ms
      B/8890< error unknown-oid
    `);
  });

  test("a link that returns meanwhile does not introduce them twice", () => {
    const { rig, relay } = measuring();
    rig.disconnect("north");
    expect(rig.reconnect("north")).toStrictEqual([]);
    expect(heard(rig, relay, "A", 49_153)).toHaveLength(2);
  });

  test.each<[string, (script: NorayScript) => void]>([
    ["if no relay is free", ({ rig }) => void relayAt(rig, "north", { ports: 0 })],
    ["if the sidecar does not know its address", ({ rig }) => void relayAt(rig, "north", { address: null })],
    ["if the sidecar has no relay", () => {}],
  ])("is not measured %s", (_, prepare) => {
    const script = registered("AB");
    prepare(script);
    script.run(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
  });

  test("is not measured for a client behind the same router, which may reach it inside", () => {
    const script = norayScript();
    for (const player of ["A", "A'"]) {
      const letter = player[0]!;
      const count = player === "A" ? letter : `${letter}2`;
      script.run(`
        ${player}/8890> register-host
        ${player}/8890< set-oid ${count}
        ${player}/8890< set-pid *${count}
        ${player}> *${count}
        ${player}< OK
      `);
    }
    relayAt(script.rig);
    script.run(`
      A'/8890> connect A
      A/8890< connect 192.0.2.1:6001
      A'/8890< connect 192.0.2.1:5001
    `);
  });
});

describe("a pid that is also sent to a second registrar port", () => {
  test.each(["A", "B"])("shows that the router of %s maps per destination: the first meeting is relayed", (player) => {
    const { rig, run } = registered("AB");
    relayAt(rig);
    run(`
      ${player}'/3478> *${player}
      ${player}'/3478< OK
      B/8890> connect A
      B/8890< connect 198.51.100.7:49152
      A/8890< connect 198.51.100.7:49153
    `);
  });

  test("from the same endpoint shows that it does not", () => {
    known("AB").run(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
  });

  test("shows nothing long after the first", () => {
    const { rig, run } = known("A");
    rig.advance(REGISTRARS_WITHIN_MS);
    run(`
      B'/3478> *B
      B'/3478< OK
      B/8890> connect A
      A/8890< connect 192.0.2.2:6002
      B/8890< connect 192.0.2.1:5001
    `);
  });
});

describe("a client whose router maps per destination", () => {
  /** B could not punch and got the relay; it reaches the relay from another port. */
  function relayed() {
    const script = known("AC", "ABC");
    script.run(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
      @+8s
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
    `);
    heard(script.rig, script.relay, "B'", 49_152);
    return script;
  }

  test("waits for its punch once: then every host is relayed to it at once", () => {
    relayed().run(`
      B/8890> connect C
      B/8890< connect 198.51.100.7:49154
      C/8890< connect 198.51.100.7:49155
    `);
  });

  test("tells of unknown ones of its network, once there are three", () => {
    const { rig, run, relay } = known("", "ABCDE");
    const others = ["B", "C", "D"];
    expect(others).toHaveLength(ROUTERS_ALIKE);
    for (const [at, player] of others.entries()) {
      const port = 49_152 + 2 * at;
      run(`
        ${player}/8890> connect-relay A
        ${player}/8890< connect-relay ${port}
        A/8890< connect-relay ${port + 1}
      `);
      heard(rig, relay, `${player}'`, port);
    }
    run(`
      E/8890> connect A
      E/8890< connect 198.51.100.7:49158
      A/8890< connect 198.51.100.7:49159
    `);
  });
});

test("pids with a forged source tell nothing about the router of that source", () => {
  const { run } = known("A", "ABC");
  run(`
    B> *C
    B< OK
    B'/3478> *C
    B'/3478< OK
    B/8890> connect A
    A/8890< connect 192.0.2.2:5002
    B/8890< connect 192.0.2.1:5001
  `);
});

describe("a pair that could not punch", () => {
  /** B asked for A, could not punch, and got the relay. */
  function afterFailure(players = "AB") {
    const script = known("A", players);
    return script.run(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
      @+8s
      B/8890> connect-relay A
      B/8890< connect-relay 49152
      A/8890< connect-relay 49153
    `);
  }

  test("gets the relay's address at once the next time, whichever side asks", () => {
    afterFailure().run(`
      B/8890> connect A
      B/8890< connect 198.51.100.7:49152
      A/8890< connect 198.51.100.7:49153
      A/8890> connect B
      A/8890< connect 198.51.100.7:49153
      B/8890< connect 198.51.100.7:49152
    `);
  });

  test("is introduced again after a day", () => {
    const { rig, run } = afterFailure();
    rig.advance(ROUTER_KNOWN_MS);
    run(`
      B/8890> connect A
      A/8890< connect 198.51.100.7:49155
      @+600ms
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
  });

  test("is introduced if no relay is free", () => {
    const { rig, run } = afterFailure();
    Object.assign(rig.sidecar().commands.out, { allocateRelay: () => null });
    run(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
  });

  test("tells nothing of others", () => {
    afterFailure("ABC").run(`
      C/8890> connect A
      A/8890< connect 192.0.2.3:5003
      C/8890< connect 192.0.2.1:5001
    `);
  });
});

test("a relay long after the introduction proves nothing", () => {
  const { rig, run } = known("A");
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
