/** Who is who on the Dowsett wire: ports that a NAT moves, several sidecars, restarts of either half, outages. */
import { describe, expect, test } from "vitest";
import { at, type Rig, textOf } from "../../support/exchange.ts";
import { dowsettRig, on, played, served } from "../support/dowsett-script.ts";

const endpointOf = (rig: Rig) => rig.hub.lobby("Nice", "dowsett")?.members[0]?.source?.endpoint;

describe("a port that the NAT has moved", () => {
  test("is taken over by a refresh with the right password, and joiners get the new one", () => {
    const rig = on(served())(`
      A'> refresh Nice
      A'< refreshed Nice
      B> join Nice as Bob
      A'< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:6001 or 10.0.0.1:5001 (x3)
      A'> refresh Nice
      A'< refreshed Nice
    `);
    expect(endpointOf(rig)).toStrictEqual(at("A'"));
  });

  test("gives the server a new lease, and may move back", () => {
    on(served())(`
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

  test("is not taken over with another password, nor by hosting or joining", () => {
    const rig = on(served())(`
      A'> refresh Nice password other
      A'> register Nice
      A'< error: server already exists
      A'> join Nice as Nice
      A< meet Nice at 192.0.2.1:6001 or 10.0.0.1:5001 (x3)
      A'< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
    expect(endpointOf(rig)).toStrictEqual(at("A"));
  });

  test("is not taken over from another address, whatever the password", () => {
    const rig = on(served())(`
      B> refresh Nice password AAAAAAAAAA
      @+1s
      A> refresh Nice
      A< refreshed Nice
    `);
    expect(endpointOf(rig)).toStrictEqual(at("A"));
  });

  test("that moves while the hub cannot be reached is met with silence, and follows after it", () => {
    const rig = served();
    rig.cut("north");
    on(rig)(`
      A'> refresh Nice
    `);
    rig.mend("north");
    on(rig)(`
      A'> refresh Nice
      A'< refreshed Nice
    `);
  });
});

describe("a sidecar that starts anew", () => {
  test("answers the next refresh, which carries no password, and lets guests meet the host", () => {
    const rig = served();
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

  test("lets guests meet a host whom it has not heard yet", () => {
    const rig = served();
    rig.restart("north");
    on(rig)(`
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
  });

  test("still wants the password, and still follows the port", () => {
    const rig = served();
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

  test("is silent until it has reached its hub: nobody is told that a server is not there", () => {
    const rig = served();
    rig.cut("north");
    rig.begin("north");
    on(rig)(`
      A> refresh Nice
      B> join Nice as Bob
      C> register Other
      @+4s
    `);
    expect(rig.mend("north")).toStrictEqual([]);
    on(rig)(`
      A> refresh Nice
      A< refreshed Nice
    `);
  });

  test("forgets who is silent for a lease", () => {
    const rig = served();
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
  test("is missed by no game: refreshes are answered all the time", () => {
    const rig = served();
    rig.cut("north");
    on(rig)(`
      @+9s, every 1s: A> refresh Nice
      A< refreshed Nice (x9)
    `);
    expect(rig.mend("north")).toStrictEqual([]);
    on(rig)(`
      A> refresh Nice
      A< refreshed Nice
    `);
  });

  test("for half a second delays an answer, and no more", () => {
    const rig = dowsettRig();
    rig.cut("north");
    on(rig)(`
      A> register Nice
      @+500ms
    `);
    rig.mend("north");
    on(rig)(`
      A> register Nice
      A< confirmed Nice
    `);
  });

  test.each([1_500, 3_500, 5_000, 60_000])("for %i ms: a registration made before is not confirmed late", (gone_ms) => {
    const rig = dowsettRig();
    rig.cut("north");
    on(rig)(`
      A> register Nice
    `);
    rig.pass(gone_ms);
    rig.mend("north");
    // Until somebody asks again nothing is owed.
    expect(rig.sent.map(textOf)).toStrictEqual([]);
    expect(rig.pass(60_000).map(textOf)).toStrictEqual([]);
  });

  test.each([1_500, 3_500, 5_000, 60_000])("for %i ms: a join made before brings no late introduction", (gone_ms) => {
    const rig = served();
    rig.cut("north");
    on(rig)(`
      B> join Nice as Bob
    `);
    rig.pass(gone_ms);
    const from = rig.sent.length;
    rig.mend("north");
    expect(rig.sent.slice(from).map(textOf)).toStrictEqual([]);
  });

  test("asked five times meanwhile, it introduces once, to who still asks", () => {
    const rig = served();
    rig.cut("north");
    on(rig)(`
      @+3s, every 1s: B> join Nice as Bob
    `);
    rig.mend("north");
    const from = rig.sent.findIndex(({ to }) => to.port === at("B").port);
    expect(rig.sent.slice(from === -1 ? rig.sent.length : from).length).toBeLessThanOrEqual(6);
    on(rig)(`
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
    `);
  });
});

describe("two sidecars", () => {
  test("host at one, guest at the other: each is told by his own", () => {
    on(served())(`
      B/south> join Nice as Bob
      B/south< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      C/south> register Nice
      C/south< error: server already exists
      C/south> join Nope as Carol
      C/south< error: Nope not found
    `);
  });

  test("a host who registers at the other is answered there, and forgotten here", () => {
    const rig = on(served())(`
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

  test("a refresh at the other, which does not know the password, is not answered and takes nobody along", () => {
    const rig = on(served())(`
      A/south> refresh Nice
      A/south> refresh Nice password other
      B/south> refresh Nice password AAAAAAAAAA
    `);
    expect(rig.hub.lobby("Nice", "dowsett")?.members[0]?.source?.sidecar).toBe("north");
  });

  test("a guest hears nothing while the host cannot be told: who has heard of his host asks no more", () => {
    const rig = served();
    rig.cut("north");
    on(rig)(`
      B/south> join Nice as Bob
    `);
    rig.mend("north");
    on(rig)(`
      B/south> join Nice as Bob
      B/south< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
    `);
  });

  test("a drop-me at the other, which does not know the host, is met with silence", () => {
    played(
      `
      A/south> drop Nice
      A> refresh Nice
      A< refreshed Nice
    `,
      served(),
    );
  });
});
