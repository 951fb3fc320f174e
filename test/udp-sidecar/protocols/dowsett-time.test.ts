/** Leases and repetitions on the Dowsett wire: what a registration asks for, what a refresh gives, what five sends do. */
import { describe, expect, test } from "vitest";
import { at, type Rig } from "../../support/exchange.ts";
import { refreshing, registering, sign } from "../../support/dowsett.ts";
import { dowsettRig, on, passwordOf, played, served, spoken } from "../support/dowsett-script.ts";

const stands = (rig: Rig): boolean => rig.hub.lobby("Nice", "dowsett") !== undefined;
const SECONDS = "seconds-before-expiry";

describe("a registration lasts as long as it asks for", () => {
  test.each([
    [5, 5],
    [30, 30],
    [60, 60],
    [600, 600],
    [7.5, 7.5],
    // at the least and at the most
    [4, 5],
    [0, 5],
    [-1e9, 5],
    [601, 600],
    [1e300, 600],
  ])("%f s: gone after %f s of silence, not before, and without a word", (asked_s, lasts_s) => {
    const rig = dowsettRig();
    rig.say("A", sign(registering("Nice", { [SECONDS]: asked_s }), passwordOf("A")));
    expect(rig.pass(lasts_s * 1_000 - 100)).toStrictEqual([]);
    expect(stands(rig)).toBe(true);
    expect(rig.pass(200)).toStrictEqual([]);
    expect(stands(rig)).toBe(false);
    expect(rig.sidecar().exchange.contacts.size).toBe(0);
  });

  test("registering again begins a new lease", () => {
    const rig = on(served())(`
      @+50s
      A> register Nice
      A< confirmed Nice
      @+59900ms
    `);
    expect(stands(rig)).toBe(true);
    rig.pass(200);
    expect(stands(rig)).toBe(false);
  });

  test.each([
    ["longer", 20, 100],
    ["shorter", 600, 10],
  ])("registering again may ask for a %s one", (_, first_s, then_s) => {
    const rig = played(`
      A> register Nice for ${first_s}s
      A< confirmed Nice
      A> register Nice for ${then_s}s
      A< confirmed Nice
      @+${then_s * 1_000 - 100}ms
    `);
    expect(stands(rig)).toBe(true);
    rig.pass(200);
    expect(stands(rig)).toBe(false);
  });
});

describe("a refresh", () => {
  test("begins a new lease", () => {
    const rig = on(served())(`
      @+59s
      A> refresh Nice
      A< refreshed Nice
      @+59900ms
    `);
    expect(stands(rig)).toBe(true);
    rig.pass(200);
    expect(stands(rig)).toBe(false);
  });

  test.each([
    ["longer", 20, 100],
    ["shorter", 600, 10],
  ])("may ask for a %s one", (_, first_s, then_s) => {
    const rig = played(`
      A> register Nice for ${first_s}s
      A< confirmed Nice
      A> refresh Nice for ${then_s}s
      A< refreshed Nice
      @+${then_s * 1_000 - 100}ms
    `);
    expect(stands(rig)).toBe(true);
    rig.pass(200);
    expect(stands(rig)).toBe(false);
  });

  test("that asked for a longer one is not forgotten when a guest comes", () => {
    const rig = on(served())(`
      A> refresh Nice for 300s
      A< refreshed Nice
      B> join Nice as Bob
      A< meet Bob at 192.0.2.2:5002 or 10.0.0.2:5002 (x3)
      B< meet Nice at 192.0.2.1:5001 or 10.0.0.1:5001 (x3)
      @+299s
    `);
    expect(stands(rig)).toBe(true);
  });

  test("from another port of the same address may ask for another one, too", () => {
    const rig = on(served())(`
      A'> refresh Nice for 300s
      A'< refreshed Nice
      @+299s
    `);
    expect(stands(rig)).toBe(true);
    rig.pass(1_200);
    expect(stands(rig)).toBe(false);
  });

  test.each([0, -5, 1, 1e12])("asks for %f s: no less than the least, no more than the most", (asked_s) => {
    const rig = served();
    rig.say("A", sign(refreshing("Nice", { [SECONDS]: asked_s }), passwordOf("A")));
    rig.pass(4_900);
    expect(stands(rig)).toBe(true);
    rig.pass(600_000);
    expect(stands(rig)).toBe(false);
  });

  test.each([null, "60", "", true, [60], { s: 60 }])("asks for %j: no number, no answer, and no new lease", (asked) => {
    const rig = served();
    rig.pass(30_000);
    expect(rig.say("A", sign(refreshing("Nice", { [SECONDS]: asked }), passwordOf("A")))).toStrictEqual([]);
    rig.pass(29_900);
    expect(stands(rig)).toBe(true);
    rig.pass(200);
    expect(stands(rig)).toBe(false);
  });

  test("asks for a number beyond all numbers: no answer", () => {
    const rig = served();
    const text = sign(refreshing("Nice"), passwordOf("A")).toString().replace('expiry":60', 'expiry":1e400');
    expect(text).toContain("1e400");
    expect(rig.say("A", Buffer.from(text))).toStrictEqual([]);
  });

  test("a stranger's refresh, or one with a wrong hash, keeps nobody alive", () => {
    const rig = on(served())(`
      @+59900ms, every 5s: B> refresh Nice password AAAAAAAAAA, A> refresh Nice password other, A'> refresh Nice password x
      @+200ms
    `);
    expect(stands(rig)).toBe(false);
  });

  test("asked too often is answered only so often, and keeps the server all the same", () => {
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

describe("five sends, the first repeated within a second, then one each second", () => {
  const FIVE_MS = [0, 970, 1_000, 1_000, 1_000];

  test.each([
    ["register Nice", "A"],
    ["refresh Nice", "A"],
    ["join Nice as Bob", "B"],
    ["drop Nice", "A"],
  ])("%s changes the state once", (words, player) => {
    const rig = words.startsWith("register") ? dowsettRig() : served();
    const states: unknown[] = [];
    for (const wait_ms of FIVE_MS) {
      rig.pass(wait_ms);
      rig.say(player, spoken(words, player));
      states.push(rig.hub.lobby("Nice", "dowsett"));
    }
    expect(new Set(states).size).toBe(1);
    expect(rig.sidecar().exchange.contacts.size).toBe(words.startsWith("drop") ? 0 : 1);
  });

  test("an error is said as often as it is asked for, and stays the same", () => {
    on(served())(`
      @+4s, every 1s: B> register Nice, C> join Nope as Carol
      B< error: server already exists (x4)
      C< error: Nope not found (x4)
    `);
  });

  test("all five at once are one report and one answer", () => {
    const rig = dowsettRig();
    const sent = rig.atOnce(() => {
      for (let round = 0; round < 5; round++) rig.say("A", sign(registering("Nice"), passwordOf("A")));
    });
    expect(sent).toHaveLength(1);
    expect(sent[0]!.to).toStrictEqual(at("A"));
  });
});
