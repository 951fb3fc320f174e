/** noray over TCP: registering, asking for a host, and everything that may be wrong with it. */
import { describe, expect, test } from "vitest";
import { NORAY_PENDING_MAX } from "#shared/limits.ts";
import { at, Rig } from "../../support/exchange.ts";
import { registered, registeredApart, tale } from "../support/noray-script.ts";

describe("registering", () => {
  test("is answered at once, oid first, before any hub hears of it", () => {
    const lonely = new Rig({ wire: "noray", sidecars: [] });
    lonely.begin("north");
    const told = tale(lonely).tell(`
      A/8890> register-host
      A/8890< set-oid A
      A/8890< set-pid *A
    `);
    expect(told.id("A")).toMatch(/^[A-Za-z0-9_-]{21}$/);
    expect(told.id("*A")).toMatch(/^[A-Za-z0-9_-]{128}$/);
    expect(lonely.sidecar().reports).toStrictEqual([]);
  });

  test("whatever stands behind the command", () => {
    tale().tell(`
      A/8890> register-host and more
      A/8890< set-oid A
      A/8890< set-pid *A
    `);
  });

  test("twice over one connection makes two hosts; it is the first that asks", () => {
    registered("AB").tell(`
      A/8890> register-host
      A/8890< set-oid A2
      A/8890< set-pid *A2
      A'> *A2
      A'< OK
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
      B/8890> connect A2
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:6001
      A/8890> connect B
      B/8890< connect 192.0.2.1:5001
      A/8890< connect 192.0.2.2:5002
    `);
  });

  test("ends with the connection, for both of them", () => {
    const { rig, tell } = registered("AB").tell(`
      A/8890> register-host
      A/8890< set-oid A2
      A/8890< set-pid *A2
      A'> *A2
      A'< OK
    `);
    expect(rig.hub.directory.size).toBe(3);
    rig.hangUp("A");
    expect(rig.hub.directory.size).toBe(1);
    tell(`
      A> *A
      A'> *A2
      B/8890> connect A
      B/8890< error unknown-oid
      B/8890> connect A2
      B/8890< error unknown-oid
    `);
    expect(rig.sidecar().exchange.contacts.size).toBe(1);
    expect(rig.sidecar().commands.board).toMatchObject({ hosts: 1, connections: 1 });
  });

  test("is not listed, and no list knows the ids", () => {
    const { rig } = registered("A");
    expect(rig.hub.listed("noray")).toStrictEqual([]);
    expect(rig.hub.directory.size).toBe(1);
  });

  test("more often than a source may is refused in words", () => {
    const told = tale(new Rig({ wire: "noray", limits: { lobbies_per_source_max: 2 } }));
    told.tell(`
      A/8890> register-host
      A/8890< set-oid A
      A/8890< set-pid *A
      A'/8890> register-host
      A'/8890< set-oid A2
      A'/8890< set-pid *A2
      A/8890> register-host
      A/8890< error busy
      B/8890> register-host
      B/8890< set-oid B
      B/8890< set-pid *B
    `);
  });

  test("never puts a pid where anybody could find it", () => {
    const { rig, id } = registered("AB").tell(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
    const seen = JSON.stringify([
      rig.hub.directory.all(),
      rig.sidecar().reports,
      [...rig.sidecar().exchange.contacts.all()],
    ]);
    expect(seen).toContain(id("A"));
    for (const pid of ["*A", "*B"]) expect(seen).not.toContain(id(pid));
  });
});

describe("connect", () => {
  test("tells each where the other was seen, as often as it is asked", () => {
    const { rig } = registered("AB").tell(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
    expect(rig.hub.directory.size).toBe(2);
  });

  test("while it waits for the hub already is answered once", () => {
    const { rig, id } = registered("AB");
    const lines = rig.atOnce(() => {
      for (let round = 0; round < 3; round++) rig.say("B", `connect ${id("A")}`, { via: 8_890 });
    });
    expect(lines.map(({ to }) => to.port)).toStrictEqual([5_001, 5_002]);
  });

  test("to oneself works, over the one connection", () => {
    registered("A").tell(`
      A/8890> connect A
      A/8890< connect 192.0.2.1:5001 (x2)
    `);
  });

  test("works between peers of two sidecars, who do not know of each other", () => {
    registeredApart().tell(`
      B/south/8890> connect A
      B/south/8890< connect 192.0.2.1:5001
      A/8890< connect 192.0.2.2:5002
      A/8890> connect B
      A/8890< connect 192.0.2.2:5002
      B/south/8890< connect 192.0.2.1:5001
    `);
  });

  test("from whom the registrar has not seen is refused without asking anybody", () => {
    const { rig } = registered("A").tell(`
      B/8890> connect A
      B/8890< error not-registered
      B/8890> register-host
      B/8890< set-oid B
      B/8890< set-pid *B
      B/8890> connect A
      B/8890< error not-registered
      B/8890> connect-relay A
      B/8890< error not-registered
      B> *B
      B< OK
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
    expect(rig.sidecar().reports.filter(({ kind }) => kind === "join")).toHaveLength(1);
  });

  test("to whom nobody knows, or the registrar has not seen, is refused in words that no client takes for an address", () => {
    registered("A").tell(`
      A/8890> connect no-such-oid
      A/8890< error unknown-oid
      A/8890> connect
      A/8890< error unknown-oid
      A/8890> connect 
      A/8890< error unknown-oid
      B/8890> register-host
      B/8890< set-oid B
      B/8890< set-pid *B
      A/8890> connect B
      A/8890< error unknown-oid
    `);
  });

  test.each([
    ["a space behind it", (oid: string) => `connect ${oid} `],
    ["two spaces before it", (oid: string) => `connect  ${oid}`],
    ["a word behind it", (oid: string) => `connect ${oid} please`],
    ["letters beyond ASCII", () => "connect \u00fc\u2028"],
    ["control characters", () => "connect \u0000\u0001"],
    ["4,000 letters", () => `connect ${"a".repeat(4_000)}`],
  ])("an oid with %s is another one, and unknown", (_, line) => {
    const { rig, id } = registered("AB");
    const sent = rig.say("B", line(id("A")), { via: 8_890 });
    expect(sent.map(({ bytes }) => Buffer.from(bytes).toString())).toStrictEqual(["error unknown-oid"]);
  });

  test("right behind the host's first sign of life does not fail, though the hub has heard nothing yet", () => {
    const { rig, id } = registered("B").tell(`
      A/8890> register-host
      A/8890< set-oid A
      A/8890< set-pid *A
    `);
    const sent = rig.atOnce(() => {
      rig.say("A", id("*A"));
      rig.say("B", `connect ${id("A")}`, { via: 8_890 });
    });
    expect(sent.map(({ bytes }) => Buffer.from(bytes).toString())).toStrictEqual([
      "OK",
      "connect 192.0.2.2:5002",
      "connect 192.0.2.1:5001",
    ]);
  });
});

describe("what is no command", () => {
  test.each([
    "REGISTER-HOST",
    " register-host",
    "register-host\t",
    "register",
    "echo hello",
    "connect\u2028A",
    "\u0000\u0001\u00ff",
    "constructor",
    "__proto__ x",
  ])("%j: is left alone, and counted without its name", (line) => {
    const { rig } = registered("A");
    expect(rig.say("A", line, { via: 8_890 })).toStrictEqual([]);
    expect([...rig.sidecar().counters.entries("commands")]).toStrictEqual([
      ["register-host", 1],
      ["unknown", 1],
    ]);
  });

  test("an empty line is nothing at all", () => {
    const { rig } = registered("A");
    expect(rig.say("A", "", { via: 8_890 })).toStrictEqual([]);
    expect(rig.sidecar().counters.get("commands", "unknown")).toBe(0);
  });
});

describe("limits", () => {
  test("a source looks up so many hosts, and then no more for a while, with right ids or wrong ones", () => {
    const { rig, id } = registered("AB");
    const ask = (oid: string): string =>
      rig
        .say("B", `connect ${oid}`, { via: 8_890 })
        .filter(({ to }) => to.port === at("B").port)
        .map(({ bytes }) => Buffer.from(bytes).toString())
        .join();
    const answers = Array.from({ length: 40 }, (_, index) => ask(`guess-${index}`));
    expect(answers.filter((answer) => answer === "error unknown-oid")).toHaveLength(30);
    expect(answers.slice(30)).toStrictEqual(Array<string>(10).fill("error busy"));
    expect(ask(id("A"))).toBe("error busy");
    rig.pass(200);
    expect(ask(id("A"))).toBe("connect 192.0.2.1:5001");
    expect(ask(id("A"))).toBe("error busy");
  });

  test("so many questions of one connection wait at once", () => {
    const { rig } = registered("A");
    const sent = rig.atOnce(() => {
      for (let index = 0; index < NORAY_PENDING_MAX + 3; index++) {
        rig.say("A", `connect guess-${index}`, { via: 8_890 });
      }
    });
    const answers = sent.map(({ bytes }) => Buffer.from(bytes).toString());
    expect(answers.filter((answer) => answer === "error busy")).toHaveLength(3);
    expect(answers.filter((answer) => answer === "error unknown-oid")).toHaveLength(NORAY_PENDING_MAX);
  });

  test("a source holds so many connections, and everybody together so many", () => {
    const { rig } = tale();
    const { commands } = rig.sidecar();
    Object.assign(commands.limits, { connections_per_source_max: 2, connections_max: 3 });
    const from = (player: string, port: number): boolean => commands.open({ ...at(player), port }) !== null;
    expect([from("A", 1), from("A", 2), from("A", 3), from("B", 1), from("C", 1)]).toStrictEqual([
      true,
      true,
      false,
      true,
      false,
    ]);
    commands.close({ ...at("A"), port: 1 });
    expect([from("C", 1), from("A", 4)]).toStrictEqual([true, false]);
    expect(rig.sidecar().counters.get("connections", "refused")).toBe(3);
  });

  test("20,000 who come and go leave nothing behind", () => {
    const { rig, id } = registered("A", new Rig({ wire: "noray", limits: { stranger: { per_s: 1e6, burst: 1e6 } } }));
    const { commands, exchange } = rig.sidecar();
    Object.assign(commands.limits, { lookup: { per_s: 1e6, burst: 1e6 } });
    for (let round = 0; round < 20_000; round++) {
      const [oid, pid] = rig.say("B", "register-host", { via: 8_890 }).map(({ bytes }) => bytes.toString().slice(8));
      expect(oid).not.toBe(pid);
      rig.say("B", pid!);
      rig.say("B", `connect ${id("A")}`, { via: 8_890 });
      rig.hangUp("B");
      rig.sent.length = 0;
      rig.sidecar().reports.length = 0;
    }
    expect([commands.board.hosts, commands.board.connections, exchange.contacts.size]).toStrictEqual([1, 1, 1]);
    expect(rig.hub.directory.size).toBe(1);
    expect(rig.sidecar().outbox.size).toBe(0);
    expect(rig.sidecar().outbox.pendingFrom(at("B").address)).toStrictEqual({ lobbies: 0, memberships: 0 });
  });
});
