/** Leases and repetitions on the Dowsett wire: requested leases, refreshes, and the five sends of the script. */
import { describe, expect, test } from "vitest";
import { endpointOf, type Rig } from "../../support/exchange.ts";
import { refreshing, registering, sign } from "../../support/dowsett.ts";
import { dowsettRig, on, passwordOf, runDowsettScript, hostedServer, encodeLine } from "../support/dowsett-script.ts";

const stands = (rig: Rig): boolean => rig.hub.lobby("Nice", "dowsett") !== undefined;
const SECONDS = "seconds-before-expiry";

describe("a registration lasts as long as it requests", () => {
  test.each([
    [5, 5],
    [30, 30],
    [60, 60],
    [7.5, 7.5],
    // at the minimum, and at the maximum before the first refresh
    [4, 5],
    [0, 5],
    [-1e9, 5],
    [600, 60],
    [1e300, 60],
  ])("%f s: removed after %f s of silence, not before, and without a datagram", (asked_s, lasts_s) => {
    const rig = dowsettRig();
    rig.send("A", sign(registering("Nice", { [SECONDS]: asked_s }), passwordOf("A")));
    expect(rig.advance(lasts_s * 1_000 - 100)).toStrictEqual([]);
    expect(stands(rig)).toBe(true);
    expect(rig.advance(200)).toStrictEqual([]);
    expect(stands(rig)).toBe(false);
    expect(rig.sidecar().exchange.contacts.size).toBe(0);
  });

  test.each([
    [600, 600],
    [601, 600],
    [1e300, 600],
  ])("%f s, after a refresh: removed after %f s of silence", (asked_s, lasts_s) => {
    const rig = dowsettRig();
    rig.send("A", sign(registering("Nice", { [SECONDS]: asked_s }), passwordOf("A")));
    rig.send("A", sign(refreshing("Nice", { [SECONDS]: asked_s }), passwordOf("A")));
    rig.advance(lasts_s * 1_000 - 100);
    expect(stands(rig)).toBe(true);
    rig.advance(200);
    expect(stands(rig)).toBe(false);
  });

  test("registering again starts a new lease", () => {
    const rig = on(hostedServer())(`
      @+50s
      A> register Nice
      A< confirmed Nice
      @+59900ms
    `);
    expect(stands(rig)).toBe(true);
    rig.advance(200);
    expect(stands(rig)).toBe(false);
  });

  test.each([
    ["longer", 20, 60],
    ["shorter", 600, 10],
  ])("registering again can request a %s one", (_, first_s, then_s) => {
    const rig = runDowsettScript(`
      A> register Nice for ${first_s}s
      A< confirmed Nice
      A> register Nice for ${then_s}s
      A< confirmed Nice
      @+${then_s * 1_000 - 100}ms
    `);
    expect(stands(rig)).toBe(true);
    rig.advance(200);
    expect(stands(rig)).toBe(false);
  });
});

describe("a refresh", () => {
  test("starts a new lease", () => {
    const rig = on(hostedServer())(`
      @+59s
      A> refresh Nice
      A< refreshed Nice
      @+59900ms
    `);
    expect(stands(rig)).toBe(true);
    rig.advance(200);
    expect(stands(rig)).toBe(false);
  });

  test.each([
    ["longer", 20, 100],
    ["shorter", 600, 10],
  ])("can request a %s one", (_, first_s, then_s) => {
    const rig = runDowsettScript(`
      A> register Nice for ${first_s}s
      A< confirmed Nice
      A> refresh Nice for ${then_s}s
      A< refreshed Nice
      @+${then_s * 1_000 - 100}ms
    `);
    expect(stands(rig)).toBe(true);
    rig.advance(200);
    expect(stands(rig)).toBe(false);
  });

  test("that requested a longer one is kept when a guest joins", () => {
    const rig = on(hostedServer())(`
      A> refresh Nice for 300s
      A< refreshed Nice
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      @+299s
    `);
    expect(stands(rig)).toBe(true);
  });

  test("from another port of the same address can request another one, too", () => {
    const rig = on(hostedServer())(`
      A'> refresh Nice for 300s
      A'< refreshed Nice
      @+299s
    `);
    expect(stands(rig)).toBe(true);
    rig.advance(1_200);
    expect(stands(rig)).toBe(false);
  });

  test.each([0, -5, 1, 1e12])("requests %f s: limited to the minimum and maximum", (asked_s) => {
    const rig = hostedServer();
    rig.send("A", sign(refreshing("Nice", { [SECONDS]: asked_s }), passwordOf("A")));
    rig.advance(4_900);
    expect(stands(rig)).toBe(true);
    rig.advance(600_000);
    expect(stands(rig)).toBe(false);
  });

  test.each([null, "60", "", true, [60], { s: 60 }])(
    "requests %j: not a number, so no reply and no new lease",
    (asked) => {
      const rig = hostedServer();
      rig.advance(30_000);
      expect(rig.send("A", sign(refreshing("Nice", { [SECONDS]: asked }), passwordOf("A")))).toStrictEqual([]);
      rig.advance(29_900);
      expect(stands(rig)).toBe(true);
      rig.advance(200);
      expect(stands(rig)).toBe(false);
    },
  );

  test("requests an infinite number: no reply", () => {
    const rig = hostedServer();
    const text = sign(refreshing("Nice"), passwordOf("A")).toString().replace('expiry":60', 'expiry":1e400');
    expect(text).toContain("1e400");
    expect(rig.send("A", Buffer.from(text))).toStrictEqual([]);
  });

  test("a stranger's refresh, or one with a wrong hash, renews nothing", () => {
    const rig = on(hostedServer())(`
      @+59900ms, every 5s: B> refresh Nice password AAAAAAAAAA, A> refresh Nice password other, A'> refresh Nice password x
      @+200ms
    `);
    expect(stands(rig)).toBe(false);
  });

  test("beyond the rate limit is not answered, and still renews the lease", () => {
    const rig = dowsettRig({ limits: { renewal: { per_s: 1, burst: 2 } } });
    on(rig)(`
      A> register Nice
      A< confirmed Nice
      A> refresh Nice
      A< refreshed Nice
      A> refresh Nice
      A< refreshed Nice
      A> refresh Nice
    `);
    expect(rig.sidecar().counters.get("dropped", "renewal_rate")).toBe(1);
  });
});

describe("five sends, the second within a second, then one each second", () => {
  const FIVE_MS = [0, 970, 1_000, 1_000, 1_000];

  test.each([
    ["register Nice", "A"],
    ["refresh Nice", "A"],
    ["join Nice as Bob", "B"],
    ["drop Nice", "A"],
  ])("%s change the state once", (words, player) => {
    const rig = words.startsWith("register") ? dowsettRig() : hostedServer();
    const states: unknown[] = [];
    for (const wait_ms of FIVE_MS) {
      rig.advance(wait_ms);
      rig.send(player, encodeLine(words, player));
      states.push(rig.hub.lobby("Nice", "dowsett"));
    }
    expect(new Set(states).size).toBe(1);
    expect(rig.sidecar().exchange.contacts.size).toBe(words.startsWith("drop") ? 0 : 1);
  });

  test("an error is sent for each request, and stays the same", () => {
    on(hostedServer())(`
      @+4s, every 1s: B> register Nice, C> join Nope as Carol
      B< error: server already exists (x4)
      C< error: Nope not found (x4)
    `);
  });

  test("all five at once are one report and one reply", () => {
    const rig = dowsettRig();
    const sent = rig.sendTogether(() => {
      for (let round = 0; round < 5; round++) rig.send("A", sign(registering("Nice"), passwordOf("A")));
    });
    expect(sent).toHaveLength(1);
    expect(sent[0]!.to).toStrictEqual(endpointOf("A"));
  });
});
