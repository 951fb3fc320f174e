/** noray over TCP: registration, lookups, and invalid input. */
import { describe, expect, test } from "vitest";
import { NORAY_PENDING_MAX } from "#shared/limits.ts";
import { endpointOf, Rig } from "../../support/exchange.ts";
import { NORAY_TCP } from "../../support/commands.ts";
import { registered, registeredApart, norayScript } from "../support/noray-script.ts";

describe("register-host", () => {
  test("is answered at once, OID first, before any hub knows the host", () => {
    const lonely = new Rig({ wire: "noray", sidecars: [] });
    lonely.startUnlinked("north");
    const told = norayScript(lonely).run(`
      A/8890> register-host
      A/8890< set-oid A
      A/8890< set-pid *A
    `);
    expect(told.id("A")).toMatch(/^[A-Za-z0-9_-]{21}$/);
    expect(told.id("*A")).toMatch(/^[A-Za-z0-9_-]{128}$/);
    expect(lonely.sidecar().reports).toStrictEqual([]);
  });

  test("issues words if the operator wants that, and every client can look them up", () => {
    const rig = new Rig({ wire: "noray" });
    Object.assign(rig.sidecar().commands.limits, { oid: { length: 6, alphabet: "", words: true } });
    const { id } = registered("AB", rig).run(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
    for (const player of ["A", "B"]) expect(id(player)).toMatch(/^([A-Z][aeio][a-z][aeio]){3}$/);
    expect(id("A")).not.toBe(id("B"));
  });

  test("ignores data after the command", () => {
    norayScript().run(`
      A/8890> register-host and more
      A/8890< set-oid A
      A/8890< set-pid *A
    `);
  });

  test("twice over one connection makes two hosts; lookups are sent for the first", () => {
    registered("AB").run(`
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

  test("ends with the connection, for both hosts", () => {
    const { rig, run: tell } = registered("AB").run(`
      A/8890> register-host
      A/8890< set-oid A2
      A/8890< set-pid *A2
      A'> *A2
      A'< OK
    `);
    expect(rig.hub.directory.size).toBe(3);
    rig.closeNorayConnection("A");
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
    expect(rig.sidecar().commands.registry).toMatchObject({ hosts: 1, connections: 1 });
  });

  test("appears in no list, and no list has the ids", () => {
    const { rig } = registered("A");
    expect(rig.hub.listed("noray")).toStrictEqual([]);
    expect(rig.hub.directory.size).toBe(1);
  });

  test("beyond the rate limit of a source is refused", () => {
    const told = norayScript(new Rig({ wire: "noray", limits: { lobbies_per_source_max: 2 } }));
    told.run(`
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

  test("never reveals a PID", () => {
    const { rig, id } = registered("AB").run(`
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
  test("sends each the other's observed endpoint, at every request", () => {
    const { rig } = registered("AB").run(`
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
      B/8890> connect A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
    `);
    expect(rig.hub.directory.size).toBe(2);
  });

  test("repeated while it waits for the hub is answered once", () => {
    const { rig, id } = registered("AB");
    const lines = rig.sendTogether(() => {
      for (let round = 0; round < 3; round++) rig.send("B", `connect ${id("A")}`, { via: 8_890 });
    });
    expect(lines.map(({ to }) => to.port)).toStrictEqual([5_001, 5_002]);
  });

  test("to itself works, over one connection", () => {
    registered("A").run(`
      A/8890> connect A
      A/8890< connect 192.0.2.1:5001 (x2)
    `);
  });

  test("works between peers of two sidecars", () => {
    registeredApart().run(`
      B/south/8890> connect A
      B/south/8890< connect 192.0.2.1:5001
      A/8890< connect 192.0.2.2:5002
      A/8890> connect B
      A/8890< connect 192.0.2.2:5002
      B/south/8890< connect 192.0.2.1:5001
    `);
  });

  test("before the registrar has observed the client is refused without asking the hub", () => {
    const { rig } = registered("A").run(`
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

  test("to an unknown or unobserved host is refused with a line that no client reads as an address", () => {
    registered("A").run(`
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
  ])("an OID with %s is different, and unknown", (_, line) => {
    const { rig, id } = registered("AB");
    const sent = rig.send("B", line(id("A")), { via: 8_890 });
    expect(sent.map(({ bytes }) => Buffer.from(bytes).toString())).toStrictEqual(["error unknown-oid"]);
  });

  test("right after the host's first datagram succeeds, before the hub has answered", () => {
    const { rig, id } = registered("B").run(`
      A/8890> register-host
      A/8890< set-oid A
      A/8890< set-pid *A
    `);
    const sent = rig.sendTogether(() => {
      rig.send("A", id("*A"));
      rig.send("B", `connect ${id("A")}`, { via: 8_890 });
    });
    expect(sent.map(({ bytes }) => Buffer.from(bytes).toString())).toStrictEqual([
      "OK",
      "connect 192.0.2.2:5002",
      "connect 192.0.2.1:5001",
    ]);
  });
});

describe("an unknown command", () => {
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
  ])("%j: is ignored, and counted without its name", (line) => {
    const { rig } = registered("A");
    expect(rig.send("A", line, { via: 8_890 })).toStrictEqual([]);
    expect([...rig.sidecar().counters.entries("commands")]).toStrictEqual([
      ["register-host", 1],
      ["unknown", 1],
    ]);
  });

  test("an empty line is ignored", () => {
    const { rig } = registered("A");
    expect(rig.send("A", "", { via: 8_890 })).toStrictEqual([]);
    expect(rig.sidecar().counters.get("commands", "unknown")).toBe(0);
  });
});

describe("limits", () => {
  test("a source has a rate limit of lookups, valid or not", () => {
    const { rig, id } = registered("AB");
    const ask = (oid: string): string =>
      rig
        .send("B", `connect ${oid}`, { via: 8_890 })
        .filter(({ to }) => to.port === endpointOf("B").port)
        .map(({ bytes }) => Buffer.from(bytes).toString())
        .join();
    const answers = Array.from({ length: 40 }, (_, index) => ask(`guess-${index}`));
    expect(answers.filter((answer) => answer === "error unknown-oid")).toHaveLength(30);
    expect(answers.slice(30)).toStrictEqual(Array<string>(10).fill("error busy"));
    expect(ask(id("A"))).toBe("error busy");
    rig.advance(200);
    expect(ask(id("A"))).toBe("connect 192.0.2.1:5001");
    expect(ask(id("A"))).toBe("error busy");
  });

  test("a connection has a maximum of pending lookups", () => {
    const { rig } = registered("A");
    const sent = rig.sendTogether(() => {
      for (let index = 0; index < NORAY_PENDING_MAX + 3; index++) {
        rig.send("A", `connect guess-${index}`, { via: 8_890 });
      }
    });
    const answers = sent.map(({ bytes }) => Buffer.from(bytes).toString());
    expect(answers.filter((answer) => answer === "error busy")).toHaveLength(3);
    expect(answers.filter((answer) => answer === "error unknown-oid")).toHaveLength(NORAY_PENDING_MAX);
  });

  test("a source has a maximum of connections, and so has the sidecar", () => {
    const { rig } = norayScript();
    const { commands } = rig.sidecar();
    Object.assign(commands.limits, { connections_per_source_max: 2, connections_max: 3 });
    const from = (player: string, port: number): boolean => commands.open({ ...endpointOf(player), port }) !== null;
    for (const player of ["A", "B"]) rig.send(player, "register-host", { via: 8_890 });
    // The last free place goes to a source that holds none.
    expect([from("A", 1), from("C", 1)]).toStrictEqual([false, true]);
    rig.send({ ...endpointOf("C"), port: 1 }, "register-host", { via: 8_890 });
    expect([from("D", 1), from("A", 4)]).toStrictEqual([false, false]);
    commands.close({ ...endpointOf("C"), port: 1 });
    expect([from("D", 1), from("A", 4)]).toStrictEqual([true, false]);
  });

  test("a connection that registers no host is closed after 15 s, and one that did stays", () => {
    const { rig } = norayScript();
    const { commands } = rig.sidecar();
    commands.open({ ...endpointOf("A"), port: 1 });
    rig.send("B", "register-host", { via: 8_890 });
    rig.advance(14_900);
    expect(commands.registry.connections).toBe(2);
    rig.advance(200);
    expect(commands.registry.connections).toBe(1);
    expect(commands.registry.hosts).toBe(1);
  });

  test("silent connections make room for one that registers", () => {
    const { rig } = norayScript();
    const { commands } = rig.sidecar();
    Object.assign(commands.limits, { connections_per_source_max: 100, connections_max: 8 });
    const silent = [1, 2, 3, 4, 5, 6, 7, 8].map((port) => commands.open({ address: `20.0.${port}.1`, port }) !== null);
    expect(silent).toStrictEqual(silent.map(() => true));
    expect(commands.open(endpointOf("B"))).not.toBeNull();
    expect(commands.registry.connections).toBe(8);
    expect(rig.sidecar().counters.get("connections", "idle")).toBe(1);
  });

  test("20,000 closed connections leave no state", () => {
    const { rig, id } = registered("A", new Rig({ wire: "noray", limits: { stranger: { per_s: 1e6, burst: 1e6 } } }));
    const { commands, exchange } = rig.sidecar();
    Object.assign(commands.limits, { lookup: { per_s: 1e6, burst: 1e6 } });
    for (let round = 0; round < 20_000; round++) {
      const [oid, pid] = rig.send("B", "register-host", { via: 8_890 }).map(({ bytes }) => bytes.toString().slice(8));
      expect(oid).not.toBe(pid);
      rig.send("B", pid!);
      rig.send("B", `connect ${id("A")}`, { via: 8_890 });
      rig.closeNorayConnection("B");
      rig.sent.length = 0;
      rig.sidecar().reports.length = 0;
    }
    expect([commands.registry.hosts, commands.registry.connections, exchange.contacts.size]).toStrictEqual([1, 1, 1]);
    expect(rig.hub.directory.size).toBe(1);
    expect(rig.sidecar().outbox.size).toBe(0);
    expect(rig.sidecar().outbox.pendingFrom(endpointOf("B").address)).toStrictEqual({ lobbies: 0, memberships: 0 });
  });
});

describe("the newer form of a command", () => {
  test("has an id that only an error names, and may quote its data; the stock form is unchanged", () => {
    const { rig, run, id } = registered("AB");
    run(`
      B/8890> connect?q1 A
      A/8890< connect 192.0.2.2:5002
      B/8890< connect 192.0.2.1:5001
      B/8890> connect?q2 unknown
      B/8890< !q2 unknown-oid
      B/8890> connect-relay?q3 unknown
      B/8890< !q3 unknown-oid
      B/8890> connect? unknown
      B/8890< ! unknown-oid
      B/8890> connect unknown
      B/8890< error unknown-oid
      C/8890> connect?q4 A
      C/8890< !q4 not-registered
    `);
    const answers = rig
      .send("B", `connect "${id("A")}"`, { via: NORAY_TCP })
      .map(({ bytes }) => Buffer.from(bytes).toString());
    expect(answers).toStrictEqual(["connect 192.0.2.2:5002", "connect 192.0.2.1:5001"]);
  });
});
