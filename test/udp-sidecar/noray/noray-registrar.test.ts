/** noray over UDP: the registrar, where it is told where a host is, and what happens when halves of the house are away. */
import { describe, expect, test } from "vitest";
import { AWAY_MS, NORAY_ANSWER_MS, SIDECAR_GRACE_MS } from "#shared/limits.ts";
import { at, Rig, SHARED_PORT } from "../../support/exchange.ts";
import { pidDigest, generateId, noray } from "../../../udp-sidecar/protocols/noray.ts";
import { NO_HOSTS } from "../../../udp-sidecar/noray/sessions.ts";
import { NORAY_PID } from "../../support/commands.ts";
import { diceOf } from "../../support/dice.ts";
import { registered, registeredApart, tale } from "../support/noray-script.ts";

describe("the registrar", () => {
  test("answers a pid with OK, again and again, and through every port that speaks all wires", () => {
    registered("A").tell(`
      A> *A
      A< OK
      A/3478> *A
      A/3478< OK
    `);
  });

  test("says OK when the hub knows, so that whoever asks from then on is told", () => {
    const { rig, id } = tale().tell(`
      A/8890> register-host
      A/8890< set-oid A
      A/8890< set-pid *A
    `);
    rig.cut("north");
    expect(rig.say("A", id("*A"))).toStrictEqual([]);
    expect(rig.mend("north").map(({ bytes }) => bytes.toString())).toStrictEqual(["OK"]);
    expect(rig.hub.lobby(id("A"), "noray")?.members[0]?.memory).toBe(pidDigest(id("*A")));
  });

  test("asks the hub once, however often the pid comes", () => {
    const { rig, id } = registered("A");
    for (let round = 0; round < 80; round++) {
      rig.say("A", id("*A"));
      rig.pass(100);
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
    ["a pid that nobody has", () => "a".repeat(128)],
    ["a command", () => "register-host\n"],
  ])("meets %s with silence, and reflects nothing", (_, words) => {
    const { rig, id } = registered("A");
    const said = words({ oid: id("A"), pid: id("*A") });
    for (const via of [57_775, SHARED_PORT]) expect(rig.say("B", said, { via })).toStrictEqual([]);
    expect(rig.sidecar().reports).toHaveLength(1);
  });

  test("meets IPv6 with silence: no client of this wire could use it", () => {
    const { rig, id } = registered("A");
    expect(rig.say("A6", id("*A"))).toStrictEqual([]);
    expect(rig.sidecar().counters.get("dropped", "not_ipv4")).toBe(1);
  });

  test("claims pids and nothing that other wires say on a shared port", () => {
    const wire = noray(NORAY_PID, NO_HOSTS);
    const pid = generateId(NORAY_PID, () => Uint8Array.of(1, 2, 3));
    expect(wire.claims(Buffer.from(pid))).toBe(true);
    for (const other of [pid.slice(1), `${pid}x`, `h:${pid.slice(2)}`, `{${pid.slice(1)}`, `${pid.slice(1)}\n`]) {
      expect([other, wire.claims(Buffer.from(other))]).toStrictEqual([other, false]);
    }
  });

  test("answers a flood of pids only so far, and goes on answering others", () => {
    const rig = new Rig({ wire: "noray", limits: { renewal: { per_s: 2, burst: 5 } } });
    const { id } = registered("AB", rig);
    rig.pass(5_000);
    const answers = Array.from({ length: 50 }, () => rig.say("A", id("*A")).length);
    expect(answers.filter((count) => count === 1)).toHaveLength(5);
    expect(rig.say("B", id("*B"))).toHaveLength(1);
  });
});

describe("a pid from elsewhere", () => {
  test("moves the host, to whichever address, and is answered there", () => {
    registered("AB").tell(`
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

  test("is believed while it waits, and then the connection's end ends it where it is", () => {
    const { rig, id } = registered("AB");
    rig.atOnce(() => {
      rig.say("C", id("*A"));
      rig.hangUp("A");
    });
    expect(rig.hub.lobby(id("A"), "noray")).toBeUndefined();
    expect(rig.sidecar().exchange.contacts.size).toBe(1);
  });
});

describe("a connection that ends before the hub has answered", () => {
  test("leaves no host behind", () => {
    const { rig, id } = tale().tell(`
      A/8890> register-host
      A/8890< set-oid A
      A/8890< set-pid *A
    `);
    const sent = rig.atOnce(() => {
      rig.say("A", id("*A"));
      rig.hangUp("A");
    });
    expect(sent).toStrictEqual([]);
    expect([rig.hub.directory.size, rig.sidecar().exchange.contacts.size]).toStrictEqual([0, 0]);
  });

  test("half: what waits is answered first", () => {
    const { rig, id } = registered("AB");
    const { commands } = rig.sidecar();
    const sent = rig.atOnce(() => {
      rig.say("B", `connect ${id("A")}`, { via: 8_890 });
      commands.end(at("B"));
      expect(commands.board.connections).toBe(2);
    });
    expect(sent.map(({ to }) => to.port)).toStrictEqual([5_001, 5_002]);
    expect(commands.board.connections).toBe(1);
  });
});

describe("while the hub is away", () => {
  test("a question waits, and is answered when the hub is back", () => {
    const { rig, id } = registered("AB");
    rig.cut("north");
    expect(rig.say("B", `connect ${id("A")}`, { via: 8_890 })).toStrictEqual([]);
    rig.pass(5_000);
    expect(rig.mend("north").map(({ bytes }) => bytes.toString())).toStrictEqual([
      "connect 192.0.2.2:5002",
      "connect 192.0.2.1:5001",
    ]);
  });

  test("it is given up in words when clients have given up", () => {
    const { rig, id } = registered("AB");
    rig.cut("north");
    rig.say("B", `connect ${id("A")}`, { via: 8_890 });
    expect(rig.pass(NORAY_ANSWER_MS - 200)).toStrictEqual([]);
    expect(rig.pass(400).map(({ bytes }) => bytes.toString())).toStrictEqual(["error hub-unavailable"]);
    rig.mend("north");
    expect(rig.sent.at(-1)?.bytes.toString()).toBe("error hub-unavailable");
  });

  test("hosts are answered, and are known again afterwards, however long it takes", () => {
    const { rig, id, tell } = registered("AB");
    rig.cut("north");
    tell(`
      A> *A
      A< OK
    `);
    rig.pass(SIDECAR_GRACE_MS + AWAY_MS + 5_000);
    expect(rig.hub.directory.size).toBe(0);
    rig.mend("north");
    expect(rig.hub.lobby(id("A"), "noray")?.members[0]?.source?.endpoint).toStrictEqual(at("A"));
    tell(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
  });

  test("a host of another sidecar that cannot be told is unreachable, in words", () => {
    const { rig, tell } = registeredApart();
    rig.cut("north");
    tell(`
      B/south/8890> connect A
      B/south/8890< error host-unreachable
      B/south/8890> connect-relay A
      B/south/8890< error host-unreachable
    `);
    rig.mend("north");
    tell(`
      B/south/8890> connect A
      B/south/8890< connect 192.0.2.1:5001
      A/8890< connect 192.0.2.2:5002
    `);
  });

  test("for a sidecar that lost its hosts with its process: they are gone from the hub at once when it is back", () => {
    const { rig, id } = registered("AB");
    expect(rig.hub.directory.size).toBe(2);
    rig.restart("north");
    expect([rig.hub.directory.size, rig.sidecar().exchange.contacts.size]).toStrictEqual([0, 0]);
    expect(rig.say("A", id("*A"))).toStrictEqual([]);
  });
});

describe("ids", () => {
  const dice = diceOf(1);
  const random = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, () => dice(256));

  test("are made of their letters alone, each as often as the others", () => {
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

  test("that are short never come twice at one sidecar", () => {
    const { rig } = tale(new Rig({ wire: "noray", limits: { stranger: { per_s: 1e6, burst: 1e6 } } }));
    Object.assign(rig.sidecar().commands.limits, { oid: { length: 2, alphabet: "ab" } });
    const oids = Array.from({ length: 4 }, () => rig.say("A", "register-host", { via: 8_890 })[0]!.bytes.toString());
    expect(new Set(oids).size).toBe(4);
  });

  test("that another sidecar has minted too are refused by silence and a word, and the first keeps his", () => {
    const { rig, id, tell } = registered("A");
    const south = rig.sidecar("south");
    let minted = 0;
    const ids = [id("A"), "b".repeat(128)];
    Object.assign(south.commands.out, {
      // Letters of the ids to come, by their places in the alphabet.
      random: () => Uint8Array.from(ids[minted++]!, (letter) => NORAY_PID.alphabet.indexOf(letter)),
    });
    const [first, second] = rig.say("B", "register-host", { sidecar: "south", via: 8_890 });
    expect(first?.bytes.toString()).toBe(`set-oid ${id("A")}`);
    const pid = second!.bytes.toString().slice("set-pid ".length);
    expect(rig.say("B", pid, { sidecar: "south" }).map(({ bytes }) => bytes.toString())).toStrictEqual([
      "error oid-taken",
    ]);
    tell(`
      A> *A
      A< OK
    `);
    rig.hangUp("B", "south");
    expect(rig.hub.lobby(id("A"), "noray")).toBeDefined();
  });
});
