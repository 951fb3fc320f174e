/** Which peers get a player's local address and handshake password: as few as possible. */
import { describe, expect, test } from "vitest";
import { lobbyView } from "#shared/api/views.ts";
import { toSummary } from "#shared/listing/summary.ts";
import { type Rig, textOf } from "../../support/exchange.ts";
import { joining, listing, read, registering, sign } from "../../support/dowsett.ts";
import { dowsettRig, on, passwordOf, runDowsettScript, hostedServer } from "../support/dowsett-script.ts";

describe("the local address", () => {
  test("is sent to the other peer of an introduction, and in no other datagram", async () => {
    const rig = runDowsettScript(`
      A> register Nice
      A< confirmed Nice
      A> refresh Nice
      A< refreshed Nice
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      C> register Nice
      C< error: server already exists
      C> join Nope as Carol
      C< error: Nope not found
      A'> refresh Nice
      A'< refreshed Nice
      @+61s
    `);
    rig.send("A", sign(registering("Nice"), passwordOf("A")));
    rig.send("C", sign(listing(), passwordOf("C")));
    await new Promise((done) => setImmediate(done));
    expect(rig.sent.some((sent) => textOf(sent).includes("providing-server-list"))).toBe(true);
    for (const sent of rig.sent) {
      const toBob = sent.to.address === "192.0.2.2";
      expect(textOf(sent).includes("10.0.0.1")).toBe(toBob);
      const aboutBob = textOf(sent).includes('"peer-name":"Bob"');
      expect(textOf(sent).includes("10.0.0.2")).toBe(aboutBob);
    }
  });

  test("and the password are in no list, and not in the public lobby", () => {
    const rig = hostedServer();
    const lobby = rig.hub.lobby("Nice", "dowsett")!;
    expect(lobby.members[0]).toMatchObject({ memory: "AAAAAAAAAA", local: { address: "10.0.0.1" } });
    for (const shown of [toSummary(lobby), lobbyView(lobby, null), rig.hub.listed("dowsett")]) {
      expect(JSON.stringify(shown)).not.toMatch(/10\.0\.0\.1|192\.0\.2\.|AAAAAAAAAA/);
    }
  });

  test.each(["203.0.113.9", "255.255.255.255", "224.0.0.1", "2001:db8::9"])(
    "cannot be another's, at which all its peers would send handshakes: %s",
    (victim) => {
      const rig = dowsettRig();
      rig.send("A", sign(registering("Nice", { "local-address": [victim, 53] }), passwordOf("A")));
      rig.send("B", sign(joining("Nice", "Bob", { "local-address": [victim, 53] }), passwordOf("B")));
      const named = rig.sent.map(({ bytes }) => read(bytes)["local-address"]).filter((local) => local !== undefined);
      expect(new Set(named.map(String))).toStrictEqual(new Set(["192.0.2.1,5001", "192.0.2.2,5002"]));
    },
  );

  test("can be the public one of a machine without NAT, at another port", () => {
    const rig = dowsettRig();
    rig.send("A", sign(registering("Nice", { "local-address": ["192.0.2.1", 6_001] }), passwordOf("A")));
    const meetings = rig.send("B", sign(joining("Nice", "Bob"), passwordOf("B")));
    expect(meetings.map(({ bytes }) => String(read(bytes)["local-address"]))).toContain("192.0.2.1,6001");
  });

  test("of a joiner is not stored", () => {
    const rig = on(hostedServer())(`
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
    expect(JSON.stringify(rig.hub.directory.all())).not.toMatch(/10\.0\.0\.2|192\.0\.2\.2|Bob|BBBBBBBBBB/);
  });
});

describe("if local addresses are limited to the same network", () => {
  const apart = (): Rig =>
    on(dowsettRig({ sharesLocal: false }))(`
      A> register Nice
      A< confirmed Nice
    `);

  test("peers with different public addresses get the public one in both fields", () => {
    on(apart())(`
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 192.0.2.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 192.0.2.1:5001 (x3)
    `);
  });

  test("peers with the same public address get the local one", () => {
    on(apart())(`
      A'> join Nice as Bob local 10.0.0.77:7
      A< meet Bob at 192.0.2.1:6001 or 10.0.0.77:7 (x3)
      A'< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
  });
});

describe("the handshake password", () => {
  test("is never sent to any peer", () => {
    const rig = on(hostedServer())(`
      A> refresh Nice
      A< refreshed Nice
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      C> join Nope as Carol
      C< error: Nope not found
    `);
    for (const { bytes } of rig.sent) {
      expect(read(bytes)).not.toHaveProperty("password");
      expect(Buffer.from(bytes).toString()).not.toMatch(/A{10}|B{10}|C{10}/);
    }
  });

  test("of one peer does not sign the other's introduction", () => {
    const rig = hostedServer();
    const sent = rig.send("B", sign(joining("Nice", "Bob"), passwordOf("B")));
    const hashes = sent.map(({ bytes }) => read(bytes)["__hash-string"]);
    expect(new Set(hashes.slice(0, 3)).size).toBe(1);
    expect(new Set(hashes.slice(3)).size).toBe(1);
    expect(hashes[0]).not.toBe(hashes[3]);
  });
});
