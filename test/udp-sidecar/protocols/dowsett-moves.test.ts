/** Identity on the Dowsett wire: ports that a NAT changes, several sidecars, restarts and outages. */
import { describe, expect, test } from "vitest";
import { endpointOf, type Rig, textOf } from "../../support/exchange.ts";
import { dowsettRig, on, runDowsettScript, hostedServer } from "../support/dowsett-script.ts";
import { recordFigure } from "../../support/attack-figures.ts";

const hostEndpoint = (rig: Rig) => rig.hub.lobby("Nice", "dowsett")?.members[0]?.source?.endpoint;

describe("a port that the NAT has changed", () => {
  test("is adopted by a refresh with the right password, and joiners get it", () => {
    const rig = on(hostedServer())(`
      A'> refresh Nice
      A'< refreshed Nice
      B> join Nice as Bob
      A'< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:6001 or 10.0.0.1:5001 (x3)
      A'> refresh Nice
      A'< refreshed Nice
    `);
    expect(hostEndpoint(rig)).toStrictEqual(endpointOf("A'"));
  });

  test("gives the server a new lease, and can change back", () => {
    on(hostedServer())(`
      @+50s
      A'> refresh Nice
      A'< refreshed Nice
      @+50s
      A> refresh Nice
      A< refreshed Nice
      @+50s
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
  });

  test("is not adopted with another password, nor by register or join", () => {
    const rig = on(hostedServer())(`
      A'> refresh Nice password other
      A'> register Nice
      A'< error: server already exists
      A'> join Nice as Nice
      A< meet Nice at 192.0.2.1:6001 or 10.0.0.1:5001 (x3)
      A'< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
    expect(hostEndpoint(rig)).toStrictEqual(endpointOf("A"));
  });

  test("a forged registration from the host's endpoint changes nothing while the host refreshes", ({ task }) => {
    const rig = hostedServer();
    for (let round = 0; round < 4; round++) {
      on(rig)(`
        A> register Nice locked password other
        A> refresh Nice password other
        A> drop Nice password other
        @+15s
        A> refresh Nice
        A< refreshed Nice
      `);
    }
    on(rig)(`
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
    expect(rig.sidecar().counters.get("dropped", "other_password")).toBe(4);
    recordFigure(task, {
      order: 80,
      attack: "forged registrations and `drop-me` from a Dowsett host's endpoint",
      before: "they replace the host's data or end its lobby",
      after: "4 of 4 are dropped, the lobby continues",
    });
  });

  test("a restarted game registers again with a new password after a missed refresh", () => {
    const rig = hostedServer();
    on(rig)(`
      @+20s
      A> register Nice password other
      A< confirmed Nice password other
    `);
  });

  test("is not adopted from another address, with any password", () => {
    const rig = on(hostedServer())(`
      B> refresh Nice password AAAAAAAAAA
      @+1s
      A> refresh Nice
      A< refreshed Nice
    `);
    expect(hostEndpoint(rig)).toStrictEqual(endpointOf("A"));
  });

  test("that changes during an outage gets no reply, and is adopted afterwards", () => {
    const rig = hostedServer();
    rig.disconnect("north");
    on(rig)(`
      A'> refresh Nice
    `);
    rig.reconnect("north");
    on(rig)(`
      A'> refresh Nice
      A'< refreshed Nice
    `);
  });
});

describe("a restarted sidecar", () => {
  test("answers the next refresh, which has no password, and introduces guests to the host", () => {
    const rig = hostedServer();
    expect(rig.restart("north")).toStrictEqual([]);
    on(rig)(`
      @+15s
      A> refresh Nice
      A< refreshed Nice
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      @+10min, every 15s: A> refresh Nice
      A< refreshed Nice (x40)
    `);
  });

  test("introduces guests to a host that has not sent since", () => {
    const rig = hostedServer();
    rig.restart("north");
    on(rig)(`
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
  });

  test("still checks the password, and still adopts a changed port", () => {
    const rig = hostedServer();
    rig.restart("north");
    on(rig)(`
      A> refresh Nice password other
      B> refresh Nice password AAAAAAAAAA
      A'> refresh Nice password other
      A'> drop Nice password other
      A'> refresh Nice
      A'< refreshed Nice
      A'> drop Nice
      B> join Nice as Bob
      B< error: Nice not found
    `);
  });

  test("sends nothing until it has reached its hub, not even that a server is missing", () => {
    const rig = hostedServer();
    rig.disconnect("north");
    rig.startUnlinked("north");
    on(rig)(`
      A> refresh Nice
      B> join Nice as Bob
      C> register Other
      @+4s
    `);
    expect(rig.reconnect("north")).toStrictEqual([]);
    on(rig)(`
      A> refresh Nice
      A< refreshed Nice
    `);
  });

  test("removes a member that sends nothing for a lease", () => {
    const rig = hostedServer();
    rig.restart("north");
    on(rig)(`
      @+59900ms
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      @+200ms
      B> join Nice as Bob
      B< error: Nice not found
    `);
  });
});

describe("a hub that cannot be reached", () => {
  test("does not affect games: refreshes are answered throughout", () => {
    const rig = hostedServer();
    rig.disconnect("north");
    on(rig)(`
      @+9s, every 1s: A> refresh Nice
      A< refreshed Nice (x9)
    `);
    expect(rig.reconnect("north")).toStrictEqual([]);
    on(rig)(`
      A> refresh Nice
      A< refreshed Nice
    `);
  });

  test("for half a second only delays a reply", () => {
    const rig = dowsettRig();
    rig.disconnect("north");
    on(rig)(`
      A> register Nice
      @+500ms
    `);
    rig.reconnect("north");
    on(rig)(`
      A> register Nice
      A< confirmed Nice
    `);
  });

  test.each([1_500, 3_500, 5_000, 60_000])("for %i ms: an earlier registration is not confirmed late", (gone_ms) => {
    const rig = dowsettRig();
    rig.disconnect("north");
    on(rig)(`
      A> register Nice
    `);
    rig.advance(gone_ms);
    rig.reconnect("north");
    // Nothing is due until the client asks again.
    expect(rig.sent.map(textOf)).toStrictEqual([]);
    expect(rig.advance(60_000).map(textOf)).toStrictEqual([]);
  });

  test.each([1_500, 3_500, 5_000, 60_000])("for %i ms: an earlier join brings no late introduction", (gone_ms) => {
    const rig = hostedServer();
    rig.disconnect("north");
    on(rig)(`
      B> join Nice as Bob
    `);
    rig.advance(gone_ms);
    const from = rig.sent.length;
    rig.reconnect("north");
    expect(rig.sent.slice(from).map(textOf)).toStrictEqual([]);
  });

  test("after five requests meanwhile, it introduces a client that still asks once", () => {
    const rig = hostedServer();
    rig.disconnect("north");
    on(rig)(`
      @+3s, every 1s: B> join Nice as Bob
    `);
    rig.reconnect("north");
    const from = rig.sent.findIndex(({ to }) => to.port === endpointOf("B").port);
    expect(rig.sent.slice(from === -1 ? rig.sent.length : from).length).toBeLessThanOrEqual(6);
    on(rig)(`
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
  });
});

describe("two sidecars", () => {
  test("the host at one and the guest at the other are each notified by their own", () => {
    on(hostedServer())(`
      B/south> join Nice as Bob
      B/south< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      C/south> register Nice
      C/south< error: server already exists
      C/south> join Nope as Carol
      C/south< error: Nope not found
    `);
  });

  test("a host that registers at the other is answered there, and removed here", () => {
    const rig = on(hostedServer())(`
      A/south> register Nice
      A/south< confirmed Nice
      B> join Nice as Bob
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      A/south< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      A/south> refresh Nice
      A/south< refreshed Nice
      A> refresh Nice
    `);
    expect(rig.sidecar("north").exchange.contacts.size).toBe(0);
  });

  test("a refresh at the other, which has no password, gets no reply and moves nothing", () => {
    const rig = on(hostedServer())(`
      A/south> refresh Nice
      A/south> refresh Nice password other
      B/south> refresh Nice password AAAAAAAAAA
    `);
    expect(rig.hub.lobby("Nice", "dowsett")?.members[0]?.source?.sidecar).toBe("north");
  });

  test("a guest gets nothing while the host is unreachable, because it would stop asking", () => {
    const rig = hostedServer();
    rig.disconnect("north");
    on(rig)(`
      B/south> join Nice as Bob
    `);
    rig.reconnect("north");
    on(rig)(`
      B/south> join Nice as Bob
      B/south< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
    `);
  });

  test("a drop-me at the other, which does not know the host, gets no reply", () => {
    runDowsettScript(
      `
      A/south> drop Nice
      A> refresh Nice
      A< refreshed Nice
    `,
      hostedServer(),
    );
  });
});
