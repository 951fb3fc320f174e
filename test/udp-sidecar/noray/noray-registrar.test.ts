/** noray over UDP: the registrar, which observes where a host is, and outages of the link or the sidecar. */
import { describe, expect, test } from "vitest";
import { AWAY_MS, NORAY_ANSWER_MS, SIDECAR_GRACE_MS } from "#shared/limits.ts";
import { endpointOf, Rig, SHARED_PORT } from "../../support/exchange.ts";
import { NO_HOSTS, pidDigest, generateId, noray } from "../../../udp-sidecar/protocols/noray.ts";
import { NORAY_PID } from "../../support/commands.ts";
import { diceOf } from "../../support/dice.ts";
import { registered, registeredApart, norayScript } from "../support/noray-script.ts";

describe("the registrar", () => {
  test("answers a PID with OK every time, at every port that accepts all wires", () => {
    registered("A").run(`
      A> *A
      A< OK
      A/3478> *A
      A/3478< OK
    `);
  });

  test("sends OK when the hub knows the host, so that later lookups succeed", () => {
    const { rig, id } = norayScript().run(`
      A/8890> register-host
      A/8890< set-oid A
      A/8890< set-pid *A
    `);
    rig.disconnect("north");
    expect(rig.send("A", id("*A"))).toStrictEqual([]);
    expect(rig.reconnect("north").map(({ bytes }) => bytes.toString())).toStrictEqual(["OK"]);
    expect(rig.hub.lobby(id("A"), "noray")?.members[0]?.memory).toBe(pidDigest(id("*A")));
  });

  test("reports to the hub once for repeated PIDs", () => {
    const { rig, id } = registered("A");
    for (let round = 0; round < 80; round++) {
      rig.send("A", id("*A"));
      rig.advance(100);
    }
    expect(rig.sidecar().reports).toHaveLength(1);
  });

  test.each([
    ["the oid", ({ oid }: { oid: string }) => oid],
    ["nothing", () => ""],
    ["a pid with a line end", ({ pid }: { pid: string }) => `${pid}\n`],
    ["a pid with a byte less", ({ pid }: { pid: string }) => pid.slice(1)],
    ["a pid with a byte more", ({ pid }: { pid: string }) => `${pid}a`],
    ["a pid with another letter", ({ pid }: { pid: string }) => (pid.startsWith("a") ? "b" : "a") + pid.slice(1)],
    ["an unknown PID", () => "a".repeat(128)],
    ["a command", () => "register-host\n"],
  ])("does not answer %s", (_, words) => {
    const { rig, id } = registered("A");
    const said = words({ oid: id("A"), pid: id("*A") });
    for (const via of [57_775, SHARED_PORT]) expect(rig.send("B", said, { via })).toStrictEqual([]);
    expect(rig.sidecar().reports).toHaveLength(1);
  });

  test("does not answer IPv6, because no client of this wire could use it", () => {
    const { rig, id } = registered("A");
    expect(rig.send("A6", id("*A"))).toStrictEqual([]);
    expect(rig.sidecar().counters.get("dropped", "not_ipv4")).toBe(1);
  });

  test("claims only PIDs on a shared port", () => {
    const wire = noray(NORAY_PID, NO_HOSTS);
    const pid = generateId(NORAY_PID, () => Uint8Array.of(1, 2, 3));
    expect(wire.claims(Buffer.from(pid))).toBe(true);
    for (const other of [pid.slice(1), `${pid}x`, `h:${pid.slice(2)}`, `{${pid.slice(1)}`, `${pid.slice(1)}\n`]) {
      expect([other, wire.claims(Buffer.from(other))]).toStrictEqual([other, false]);
    }
  });

  test("limits replies to a flood of PIDs, and still answers others", () => {
    const rig = new Rig({ wire: "noray", limits: { renewal: { per_s: 2, burst: 5 } } });
    const { id } = registered("AB", rig);
    rig.advance(5_000);
    const answers = Array.from({ length: 50 }, () => rig.send("A", id("*A")).length);
    expect(answers.filter((count) => count === 1)).toHaveLength(5);
    expect(rig.send("B", id("*B"))).toHaveLength(1);
  });
});

describe("a PID from another endpoint", () => {
  test("moves the host, to any address, and is answered there", () => {
    registered("AB").run(`
      A'> *A
      A'< OK
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:6001
      C> *A
      C< OK
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.3:5003
      C> *A
      C< OK
      A> *A
      A< OK
    `);
  });

  test("is accepted while the report waits, and the connection's end removes the host there", () => {
    const { rig, id } = registered("AB");
    rig.sendTogether(() => {
      rig.send("C", id("*A"));
      rig.closeNorayConnection("A");
    });
    expect(rig.hub.lobby(id("A"), "noray")).toBeUndefined();
    expect(rig.sidecar().exchange.contacts.size).toBe(1);
  });
});

describe("a connection that closes before the hub has answered", () => {
  test("leaves no host", () => {
    const { rig, id } = norayScript().run(`
      A/8890> register-host
      A/8890< set-oid A
      A/8890< set-pid *A
    `);
    const sent = rig.sendTogether(() => {
      rig.send("A", id("*A"));
      rig.closeNorayConnection("A");
    });
    expect(sent).toStrictEqual([]);
    expect([rig.hub.directory.size, rig.sidecar().exchange.contacts.size]).toStrictEqual([0, 0]);
  });

  test("half: pending lookups are answered first", () => {
    const { rig, id } = registered("AB");
    const { commands } = rig.sidecar();
    const sent = rig.sendTogether(() => {
      rig.send("B", `connect ${id("A")}`, { via: 8_890 });
      commands.endInput(endpointOf("B"));
      expect(commands.registry.connections).toBe(2);
    });
    expect(sent.map(({ to }) => to.port)).toStrictEqual([5_001, 5_002]);
    expect(commands.registry.connections).toBe(1);
  });
});

describe("while the link is down", () => {
  test("a lookup waits, and is answered when the link is up again", () => {
    const { rig, id } = registered("AB");
    rig.disconnect("north");
    expect(rig.send("B", `connect ${id("A")}`, { via: 8_890 })).toStrictEqual([]);
    rig.advance(5_000);
    expect(rig.reconnect("north").map(({ bytes }) => bytes.toString())).toStrictEqual([
      "connect 192.0.2.2:5002",
      "connect 192.0.2.1:5001",
    ]);
  });

  test("a lookup is refused when clients have stopped waiting", () => {
    const { rig, id } = registered("AB");
    rig.disconnect("north");
    rig.send("B", `connect ${id("A")}`, { via: 8_890 });
    expect(rig.advance(NORAY_ANSWER_MS - 200)).toStrictEqual([]);
    expect(rig.advance(400).map(({ bytes }) => bytes.toString())).toStrictEqual(["error hub-unavailable"]);
    rig.reconnect("north");
    expect(rig.sent.at(-1)?.bytes.toString()).toBe("error hub-unavailable");
  });

  test("hosts are answered, and are known again afterwards", () => {
    const { rig, id, run: tell } = registered("AB");
    rig.disconnect("north");
    tell(`
      A> *A
      A< OK
    `);
    rig.advance(SIDECAR_GRACE_MS + AWAY_MS + 5_000);
    expect(rig.hub.directory.size).toBe(0);
    rig.reconnect("north");
    expect(rig.hub.lobby(id("A"), "noray")?.members[0]?.source?.endpoint).toStrictEqual(endpointOf("A"));
    tell(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
  });

  test("a host of an unreachable sidecar is refused as unreachable", () => {
    const { rig, run: tell } = registeredApart();
    rig.disconnect("north");
    tell(`
      B/south/8890> connect A
      B/south/8890< error host-unreachable
      B/south/8890> connect-relay A
      B/south/8890< error host-unreachable
    `);
    rig.reconnect("north");
    tell(`
      B/south/8890> connect A
      B/south/8890< connect 192.0.2.1:5001
      A/8890< connect 192.0.2.2:5002
    `);
  });

  test("the hub removes the hosts of a restarted sidecar when it is back", () => {
    const { rig, id } = registered("AB");
    expect(rig.hub.directory.size).toBe(2);
    rig.restart("north");
    expect([rig.hub.directory.size, rig.sidecar().exchange.contacts.size]).toStrictEqual([0, 0]);
    expect(rig.send("A", id("*A"))).toStrictEqual([]);
  });
});

describe("ids", () => {
  const dice = diceOf(1);
  const random = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, () => dice(256));

  test("consist of the configured letters, with equal frequency", () => {
    const alphabet = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";
    const counts = new Map<string, number>();
    for (let round = 0; round < 10_000; round++) {
      const id = generateId({ length: 8, alphabet }, random);
      expect(id).toHaveLength(8);
      for (const letter of id) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    }
    expect([...counts.keys()].toSorted().join("")).toBe(alphabet);
    const wanted = 80_000 / alphabet.length;
    for (const count of counts.values()) expect(Math.abs(count - wanted)).toBeLessThan(wanted * 0.1);
  });

  test("that are short are unique at one sidecar", () => {
    const { rig } = norayScript(new Rig({ wire: "noray", limits: { stranger: { per_s: 1e6, burst: 1e6 } } }));
    Object.assign(rig.sidecar().commands.limits, { oid: { length: 2, alphabet: "ab" } });
    const oids = Array.from({ length: 4 }, () => rig.send("A", "register-host", { via: 8_890 })[0]!.bytes.toString());
    expect(new Set(oids).size).toBe(4);
  });

  test("are not refused to a client whose first pid arrives from two ports of its router at once", () => {
    const { rig, id } = registered("");
    const { run } = registered("B", rig);
    run(`
      A/8890> register-host
      A/8890< set-oid A
      A/8890< set-pid *A
    `);
    expect(id("A")).toBeUndefined();
    const pid = rig.sent.map(({ bytes }) => bytes.toString()).findLast((line) => line.startsWith("set-pid"))!;
    const sent = rig.sendTogether(() => {
      for (const player of ["A", "A'"]) rig.send(player, pid.slice("set-pid ".length));
    });
    expect(sent.map(({ bytes }) => bytes.toString())).toStrictEqual(["OK"]);
  });

  test("that two sidecars generated are refused at the second, and the first host keeps its id", () => {
    const { rig, id, run: tell } = registered("A");
    const south = rig.sidecar("south");
    let minted = 0;
    const ids = [id("A"), "b".repeat(128)];
    Object.assign(south.commands.out, {
      // The letters of the next ids, by their index in the alphabet.
      random: () => Uint8Array.from(ids[minted++]!, (letter) => NORAY_PID.alphabet.indexOf(letter)),
    });
    const [first, second] = rig.send("B", "register-host", { sidecar: "south", via: 8_890 });
    expect(first?.bytes.toString()).toBe(`set-oid ${id("A")}`);
    const pid = second!.bytes.toString().slice("set-pid ".length);
    expect(rig.send("B", pid, { sidecar: "south" }).map(({ bytes }) => bytes.toString())).toStrictEqual([
      "error oid-taken",
    ]);
    tell(`
      A> *A
      A< OK
    `);
    rig.closeNorayConnection("B", "south");
    expect(rig.hub.lobby(id("A"), "noray")).toBeDefined();
  });
});
