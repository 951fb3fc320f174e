/** Which packets and names the Dowsett wire accepts; it does not answer others. */
import { describe, expect, test } from "vitest";
import type { Report } from "#shared/link/messages.ts";
import { REFUSALS, type RefusalCode } from "#shared/refusals.ts";
import { dowsett } from "../../../udp-sidecar/protocols/dowsett.ts";
import { endpointOf, HOME, type Rig, SHARED_PORT, textOf } from "../../support/exchange.ts";
import {
  dropping,
  joining,
  listing,
  type Packet,
  read,
  refreshing,
  registering,
  SERVER,
  sign,
} from "../../support/dowsett.ts";
import { dowsettRig, passwordOf, runDowsettScript, hostedServer } from "../support/dowsett-script.ts";

const PASSWORD = passwordOf("A");

/** The replies to a packet from the host of Nice, lists included. */
async function heard(rig: Rig, packet: Packet, password = PASSWORD): Promise<string[]> {
  const from = rig.sent.length;
  rig.send("A", sign(packet, password));
  await new Promise((done) => setImmediate(done));
  return rig.sent.slice(from).map(textOf);
}

const EACH: Readonly<Record<string, (parts?: Packet) => Packet>> = {
  register: (parts) => registering("Nice", parts),
  refresh: (parts) => refreshing("Nice", parts),
  join: (parts) => joining("Nice", "Bob", parts),
  list: (parts) => listing("Bob", parts),
  "drop-me": (parts) => dropping("Nice", parts),
};

const OTHER_KINDS = [undefined, null, true, 7, "", [], {}, ["Nice"], { name: "Nice" }];
const NO_ADDRESSES = [
  ...OTHER_KINDS,
  "10.0.0.1:5001",
  ["10.0.0.1"],
  [5_001, "10.0.0.1"],
  ["10.0.0.1", "5001"],
  ["10.0.0.1", null],
  ["10.0.0.1", 0],
  ["10.0.0.1", -1],
  ["10.0.0.1", 1.5],
  ["10.0.0.1", 65_536],
  ["10.0.0.1", 5_001, 1],
  ["10.0.0.256", 1],
  ["example.org", 1],
  ["", 1],
  [["10.0.0.1"], 1],
  { 0: "10.0.0.1", 1: 1, length: 2 },
];

describe("a missing field or one of another type gets no reply and changes nothing", () => {
  const fields: [string, string, readonly unknown[]][] = [
    ["register", "__type", OTHER_KINDS],
    ["register", "__sender-name", OTHER_KINDS],
    ["register", "password", OTHER_KINDS],
    ["register", "password-required", [...OTHER_KINDS.filter((value) => value !== true), 0, 1, "true", "false"]],
    ["register", "seconds-before-expiry", [...OTHER_KINDS.filter((value) => value !== 7), "60"]],
    ["register", "local-address", NO_ADDRESSES],
    ["refresh", "__sender-name", OTHER_KINDS],
    ["refresh", "seconds-before-expiry", [...OTHER_KINDS.filter((value) => value !== 7), "60"]],
    ["join", "__sender-name", OTHER_KINDS],
    ["join", "server-name", OTHER_KINDS],
    ["join", "password", OTHER_KINDS],
    ["join", "local-address", NO_ADDRESSES],
    ["list", "__sender-name", OTHER_KINDS.filter((value) => value !== null)],
    ["list", "password", OTHER_KINDS],
    ["drop-me", "__sender-name", OTHER_KINDS],
    ["drop-me", "name", [...OTHER_KINDS, "Other"]],
  ];

  test.each(fields)("%s: %s", async (kind, field, values) => {
    for (const value of values) {
      const rig = hostedServer();
      const before = rig.hub.lobby("Nice", "dowsett");
      expect(await heard(rig, EACH[kind]!({ [field]: value })), JSON.stringify(value)).toStrictEqual([]);
      expect(rig.hub.lobby("Nice", "dowsett")).toBe(before);
      expect(rig.sidecar().exchange.contacts.size).toBe(1);
      // The same packet without the fault is accepted.
      if (kind !== "drop-me") expect((await heard(rig, EACH[kind]!())).length).toBeGreaterThan(0);
    }
  });

  test.each(Object.keys(EACH))("%s: the hash", (kind) => {
    const rig = hostedServer();
    const before = rig.hub.lobby("Nice", "dowsett");
    const { "__hash-string": good, ...rest } = read(sign(EACH[kind]!(), PASSWORD)) as { "__hash-string": string };
    const wrong = [...OTHER_KINDS, good.toUpperCase(), good.slice(1), `${good}0`, ` ${good}`, [good], "0".repeat(64)];
    for (const value of wrong) {
      expect(rig.send("A", Buffer.from(JSON.stringify({ ...rest, "__hash-string": value })))).toStrictEqual([]);
    }
    expect(rig.hub.lobby("Nice", "dowsett")).toBe(before);
  });
});

describe("a password", () => {
  test.each(["", "\0", "two\nlines", "\uD800", "x".repeat(65)])("%j is invalid", (password) => {
    const rig = dowsettRig();
    expect(rig.send("A", sign(registering("Nice", { password }), password))).toStrictEqual([]);
    expect(rig.hub.directory.size).toBe(0);
  });

  test.each(["x", "x".repeat(64), "😀".repeat(64), "with space", "ü漢"])("%j is valid", (password) => {
    const rig = dowsettRig();
    expect(rig.send("A", sign(registering("Nice"), password))).toHaveLength(1);
    expect(rig.send("A", sign(refreshing("Nice"), password))).toHaveLength(1);
  });

  test("in a refresh or a drop-me proves nothing, for any hash", async () => {
    const rig = hostedServer();
    for (const packet of [refreshing("Nice", { password: "mine" }), dropping("Nice", { password: "mine" })]) {
      expect(await heard(rig, packet, "mine")).toStrictEqual([]);
    }
    expect(rig.hub.lobby("Nice", "dowsett")).toBeDefined();
    // The stored password counts, whether or not the packet has it.
    expect(await heard(rig, refreshing("Nice", { password: PASSWORD }))).toHaveLength(1);
  });

  test("of another registration removes no server", async () => {
    const rig = hostedServer();
    rig.send("B", sign(registering("Other"), passwordOf("B")));
    rig.send("B", sign(dropping("Other", { name: "Nice" }), passwordOf("B")));
    rig.send("B", sign(dropping("Nice", { "__sender-name": "Other" }), passwordOf("B")));
    expect(await heard(rig, refreshing("Nice"))).toHaveLength(1);
  });
});

describe("a name", () => {
  const BAD: [string, unknown][] = [
    ["null", null],
    ["empty", ""],
    ["the server's own", SERVER],
    ["a zero byte", "Ni\0ce"],
    ["a line feed", "Nice\n"],
    ["an escape", "\u001B[2J"],
    ["delete", "Nice\u007F"],
    ["a C1 control", "Nice\u0085"],
    ["half a character", "Nice\uD83D"],
    ["the other half", "\uDE00Nice"],
    ["65 letters", "x".repeat(65)],
    ["65 characters of two units", "😀".repeat(65)],
  ];

  test.each(BAD)("is invalid: %s", async (_, name) => {
    const rig = hostedServer();
    const before = rig.hub.lobby("Nice", "dowsett");
    for (const packet of [registering(name), refreshing(name), joining(name, "Bob"), joining("Nice", name)]) {
      expect(await heard(rig, packet)).toStrictEqual([]);
    }
    expect(await heard(rig, dropping(name))).toStrictEqual([]);
    if (name !== null) expect(await heard(rig, listing(name))).toStrictEqual([]);
    expect(rig.hub.directory.all()).toStrictEqual([before]);
  });

  test.each([
    "x",
    "x".repeat(64),
    "😀".repeat(64),
    "\u{10FFFD}",
    "Zoë漢😀",
    "عربي",
    "with spaces in it ",
    '"quotes" and \\',
    "<b>&amp;</b>",
    "__proto__",
    "constructor",
    "toString",
    "_handshake_server",
    "null",
  ])("is valid: %s", (name) => {
    const rig = dowsettRig();
    const answers = [
      ...rig.send("A", sign(registering(name), PASSWORD)),
      ...rig.send("A", sign(refreshing(name), PASSWORD)),
      ...rig.send("B", sign(joining(name, name), PASSWORD)),
      ...rig.send("B", sign(joining(`${name.slice(2)}!`, "Bob"), PASSWORD)),
      ...rig.send("B", sign(registering(name), PASSWORD)),
    ];
    expect(answers).toHaveLength(10);
    for (const { bytes } of answers.slice(0, 8)) expect(read(bytes)["__destination-name"]).toBe(name);
    rig.send("A", sign(dropping(name), PASSWORD));
    expect(rig.hub.directory.size).toBe(0);
  });

  test("is sent as raw UTF-8, which the script needs for surrogate pairs", () => {
    const name = "Zoë漢😀";
    const rig = runDowsettScript(`
      A> register ${name}
      A< confirmed ${name}
      B> join ${name} as ${name}
      A< meet ${name} at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet ${name} at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
    for (const { bytes } of rig.sent) {
      const text = Buffer.from(bytes).toString("utf8");
      expect(text).toContain(name);
      expect(text).not.toContain("\\u");
    }
  });

  test("can be escaped and is the same name", () => {
    const rig = dowsettRig();
    const escaped = sign(registering("Zoë😀"), PASSWORD)
      .toString()
      .replaceAll(/[^\0-\x7F]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    expect(escaped).toContain("\\ud83d\\ude00");
    expect(rig.send("A", Buffer.from(escaped))).toHaveLength(1);
    expect(rig.send("A", sign(refreshing("Zoë😀"), PASSWORD))).toHaveLength(1);
  });
});

describe("an ignored part", () => {
  test.each([
    ["the destination", { "__destination-name": "Other" }],
    ["where it goes", { "__destination-address": null }],
    ["neither", { "__destination-name": undefined, "__destination-address": undefined }],
    ["keys of later scripts", { version: "2", extra: { deep: [1, 2, { deeper: null }] } }],
  ])("can be anything: %s", async (_, parts) => {
    const rig = hostedServer();
    for (const kind of ["register", "refresh", "join", "list"]) {
      expect((await heard(rig, EACH[kind]!(parts))).length).toBeGreaterThan(0);
    }
  });

  test("spacing, order and number formats of Godot are accepted", () => {
    const { "local-address": _, ...rest } = read(sign(registering("Nice"), PASSWORD));
    const text = JSON.stringify(rest, null, 2).replace(/\}$/, ', "local-address": ["10.0.0.1", 5001.0]}');
    const rig = dowsettRig();
    expect(rig.send("A", Buffer.from(text))).toHaveLength(1);
    expect(rig.hub.lobby("Nice", "dowsett")?.members[0]?.local).toStrictEqual({ address: "10.0.0.1", port: 5_001 });
  });
});

test("packets are recognized on a port of all wires", () => {
  const rig = dowsettRig();
  expect(rig.send("A", sign(registering("Nice"), PASSWORD), { via: SHARED_PORT })).toHaveLength(1);
  expect(rig.send("B", "h:Nice:Bob:4", { via: SHARED_PORT }).map(textOf)).toStrictEqual(["i:Bob"]);
  expect(rig.hub.lobby("Nice", "dowsett")?.members[0]?.source?.endpoint).toStrictEqual(endpointOf("A"));
});

test("a datagram that does not begin like an object belongs to another wire", () => {
  const wire = dowsett({ sharesLocal: true });
  for (const other of ["", "h:Nice:Alice:4", "[{}]", " {}", "\0{", "\uFEFF{}"])
    expect(wire.claims(Buffer.from(other))).toBe(false);
  expect(wire.claims(Buffer.from("{"))).toBe(true);
});

describe("a refusal of the hub", () => {
  const report: Report = {
    kind: "ask",
    wire: "dowsett",
    name: "Nice",
    peer: "Bob",
    via: HOME.via,
    endpoint: endpointOf("B"),
  };
  const join: Report = { ...report, kind: "join", lock: null, memory: PASSWORD, reclaims: false };
  const messageTo = (report: Report, code: RefusalCode): unknown[] =>
    dowsett({ sharesLocal: true })
      .encodeAnswer({ kind: "refused", code }, report)
      .map((bytes) => read(bytes)["message"]);

  test("is sent if it is final, because any error ends the client's session", () => {
    const final: Partial<Record<RefusalCode, string[]>> = {
      lobby_exists: ["server already exists"],
      lobby_not_found: ["Nice not found"],
    };
    for (const code of Object.keys(REFUSALS) as RefusalCode[]) {
      expect(messageTo(join, code), code).toStrictEqual(final[code] ?? []);
    }
  });

  test("of a refresh or a drop-me is never sent", () => {
    for (const kind of ["ask", "leave", "moved", "lost", "heard"] as const) {
      expect(messageTo({ ...report, kind }, "lobby_not_found")).toStrictEqual([]);
    }
  });
});
