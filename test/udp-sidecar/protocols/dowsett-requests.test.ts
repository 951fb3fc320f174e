/** Requests and replies of the Dowsett wire: register, refresh, join, drop-me. */
import { describe, expect, test } from "vitest";
import { PASSWORD_CHECKED_BY_PEERS } from "#shared/lobby/lobby.ts";
import { endpointOf, type Rig, SHARED_PORT } from "../../support/exchange.ts";
import { dowsettRig, on, runDowsettScript, hostedServer } from "../support/dowsett-script.ts";

const server = (rig: Rig, name = "Nice") => rig.hub.lobby(name, "dowsett");

describe("registering", () => {
  test("is confirmed to the host; the server has no seat limit, and its password is stored", () => {
    const rig = hostedServer();
    expect(server(rig)).toMatchObject({
      name: "Nice",
      seats: null,
      password_digest: null,
      host: "Nice",
      state: "open",
    });
    expect(server(rig)?.members).toMatchObject([
      {
        peer: "Nice",
        memory: "AAAAAAAAAA",
        local: { address: "10.0.0.1", port: 5_001 },
        source: { endpoint: endpointOf("A") },
      },
    ]);
  });

  test("with a required password locks the server, and joiners are introduced: the peers check it", () => {
    const rig = runDowsettScript(`
      A> register Nice locked
      A< confirmed Nice
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
    expect(server(rig)?.password_digest).toBe(PASSWORD_CHECKED_BY_PEERS);
  });

  test("a name that is taken is an error, signed with the requester's password", () => {
    on(hostedServer())(`
      B> register Nice
      B< error: server already exists
      # nor may the same address take it from another port: it may be another program there
      A'> register Nice
      A'< error: server already exists
      A'> register Nice password other
      A'< error: server already exists password other
      A> refresh Nice
      A< refreshed Nice
      C> join Nice as Carol
      A< meet Carol at 192.0.2.3:5003 or 10.0.0.3:5003 (x3)
      C< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
  });

  test("names differ by every character", () => {
    on(hostedServer())(`
      B> register nice
      B< confirmed nice
      B> register Nicé
      B< confirmed Nicé
      B> register Nice😀
      B< confirmed Nice😀
    `);
  });

  test("again from the same source after a missed refresh overwrites password, local address and lock", () => {
    const rig = on(hostedServer())(`
      @+20s
      A> register Nice locked local 10.9.9.9:9 password other
      A< confirmed Nice password other
      # what was true before is true no more
      A> refresh Nice
      A> refresh Nice password other
      A< refreshed Nice password other
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 password other (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.9.9.9:9 (x3)
      A> drop Nice
      A> refresh Nice password other
      A< refreshed Nice password other
    `);
    expect(server(rig)?.password_digest).toBe(PASSWORD_CHECKED_BY_PEERS);
    on(rig)(`
      @+20s
      A> register Nice
      A< confirmed Nice
    `);
    expect(server(rig)?.password_digest).toBeNull();
  });

  test("again without a change is confirmed each time", () => {
    const rig = hostedServer();
    const before = server(rig);
    on(rig)(`
      @+970ms
      A> register Nice
      A< confirmed Nice
      @+3s, every 1s: A> register Nice
      A< confirmed Nice (x3)
    `);
    expect(server(rig)).toBe(before);
    expect(rig.sidecar().exchange.contacts.size).toBe(1);
  });

  test("a source has a maximum of servers; a join does not count", () => {
    on(dowsettRig({ limits: { lobbies_per_source_max: 2, memberships_per_source_max: 3 } }))(`
      A> register One
      A< confirmed One
      A> register Two
      A< confirmed Two
      A> register Three
      A'> register Three
      A> register Two
      A< confirmed Two
      B> join One as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet One at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      A> drop One
      A> register Three
      A< confirmed Three
    `);
  });
});

describe("refreshing", () => {
  test("is answered from memory, with the stored password, every time", () => {
    const rig = hostedServer();
    const reports = rig.sidecar().reports.length;
    on(rig)(`
      @+10min, every 15s: A> refresh Nice
      A< refreshed Nice (x40)
    `);
    expect(rig.sidecar().reports).toHaveLength(reports);
  });

  test("of an unknown server gets no reply", () => {
    const rig = on(hostedServer())(`
      A> refresh Other
      B> refresh Other
    `);
    expect(rig.hub.directory.size).toBe(1);
  });

  test("with another password than the stored one gets no reply", () => {
    on(hostedServer())(`
      A> refresh Nice password other
      B> refresh Nice
      A> refresh Nice
      A< refreshed Nice
    `);
  });

  test("from another address gets no reply and no report, although the password is right", () => {
    const rig = hostedServer();
    const reports = rig.sidecar().reports.length;
    on(rig)(`
      B> refresh Nice password AAAAAAAAAA
      A6> refresh Nice password AAAAAAAAAA
      B> drop Nice password AAAAAAAAAA
      A'> drop Nice
    `);
    expect(rig.sidecar().reports).toHaveLength(reports);
  });
});

describe("joining", () => {
  test("introduces each to the other, the host first, three times each and never again", () => {
    on(hostedServer())(`
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      @+59s
    `);
  });

  test("again introduces both again, and stores nothing", () => {
    const rig = hostedServer();
    const before = server(rig);
    on(rig)(`
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      @+4s, every 1s: B> join Nice as Bob
      # the send credit allows two copies for each
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x8)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x8)
    `);
    expect(server(rig)).toBe(before);
    expect(rig.sidecar().exchange.contacts.size).toBe(1);
  });

  test("a missing or removed server is an error with its name", () => {
    on(hostedServer())(`
      B> join nobodyhere as Bob
      B< error: nobodyhere not found
      A> drop Nice
      B> join Nice as Bob
      B< error: Nice not found
      B> join Zoë漢😀 as Bob
      B< error: Zoë漢😀 not found
    `);
  });

  test("a server whose lease has expired is an error, too", () => {
    on(hostedServer())(`
      @+59s
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      @+1100ms
      B> join Nice as Bob
      B< error: Nice not found
    `);
  });

  test("with the same name from two endpoints gets two separate answers", () => {
    on(hostedServer())(`
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      C> join Nice as Bob
      A< meet Bob at 192.0.2.3:5003 or 10.0.0.3:5003 (x3)
      C< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
  });

  test("replies leave from the port that got the request", () => {
    on(hostedServer())(`
      B/3478> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B/3478< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      C/${SHARED_PORT}> join Nope as Carol
      C/${SHARED_PORT}< error: Nope not found
      A/3478> register Nice
      A/3478< confirmed Nice
      B> join Nice as Bob
      A/3478< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      A/3478> refresh Nice
      A/3478< refreshed Nice
    `);
  });
});

describe("drop-me", () => {
  test("ends the registration without a reply; nothing more is sent to that host", () => {
    const rig = on(hostedServer())(`
      A> drop Nice
      A> drop Nice
      A> refresh Nice
      B> join Nice as Bob
      B< error: Nice not found
      @+2min
      B> register Nice
      B< confirmed Nice
    `);
    expect(server(rig)?.members).toMatchObject([{ source: { endpoint: endpointOf("B") } }]);
  });

  test("of a joiner does not affect the server", () => {
    on(hostedServer())(`
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      B> drop Bob
      A> refresh Nice
      A< refreshed Nice
    `);
  });

  test("with another password or from another endpoint keeps the server", () => {
    on(hostedServer())(`
      A> drop Nice password other
      B> drop Nice
      B> drop Nice password AAAAAAAAAA
      A6> drop Nice password AAAAAAAAAA
      # not even the same address, unless it has moved there by a refresh
      A'> drop Nice
      A> refresh Nice
      A< refreshed Nice
      A'> refresh Nice
      A'< refreshed Nice
      A'> drop Nice
      B> join Nice as Bob
      B< error: Nice not found
    `);
  });
});
