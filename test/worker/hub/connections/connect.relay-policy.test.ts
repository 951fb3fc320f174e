/** `relay: never`: of the lobby, of one member, and against `always`. */
import { beforeEach, describe, expect, test } from "vitest";
import { SUBSCRIBER_PING_S } from "#shared/limits.ts";
import { timePasses } from "../../support/hub-inspector.ts";
import {
  accepts,
  asksFor,
  courseOf,
  meet,
  membersOfOneLobby,
  reachOf,
  reads,
  watching,
  type Pair,
} from "../../support/introduction.ts";
import type { Player } from "../../support/player.ts";
import { Sidecar } from "../../support/sidecar.ts";
import { type EventsClient } from "../../support/subscriber.ts";

const ANN = { address: "20.0.1.1" };
const BOB = { address: "20.0.2.1" };
const RANDOM = { nat: "random" } as const;

let pair: Pair & { readonly game: string };
let ann: Player;
let bob: Player;
let at: EventsClient;
let to: EventsClient;
let north: Sidecar;
beforeEach(async () => {
  pair = await membersOfOneLobby();
  ({ ann, bob } = pair);
  [at, to] = [await watching(ann, pair.lobby), await watching(bob, pair.lobby)];
  north = await Sidecar.open(pair.game);
  await north.hello({ relay: { addresses: ["198.51.100.9"], pairs: 100 } });
});

const lobbySays = (relay: string): Promise<Response> => ann.ask("PATCH", `lobbies/${pair.lobby}`, { body: { relay } });
const says = (who: Player, relay: string): Promise<Response> =>
  who.ask("PATCH", `lobbies/${pair.lobby}/members/${who.id}`, { body: { relay } });
const refusedRelay = (connection_id: string): Promise<string> =>
  ann.refused("POST", `lobbies/${pair.lobby}/relays`, { body: { connection_id } });

/** What the hub orders of the sidecar. */
const ordered = async (): Promise<string[]> =>
  (await north.rest()).flatMap(({ t }) => (t === "allocate" || t === "release" ? [t] : []));

describe("relays that are never used", () => {
  test.each([
    ["the lobby", () => lobbySays("never")],
    ["the requesting member", () => says(ann, "never")],
    ["the requested member", () => says(bob, "never")],
  ])("%s: a pair without a direct path fails, and no relay is allocated", async (_, forbid) => {
    expect((await forbid()).status).toBe(200);
    const id = await meet(pair, { ...ANN, ...RANDOM }, { ...BOB, ...RANDOM });
    for (const each of [at, to]) {
      const { data } = await each.next("connect.failed");
      expect(data).toMatchObject({ connection_id: id, reason: "misc_nat_firewall", state: "introduced" });
    }
    expect(courseOf(await reads(bob, id)).at(-1)).toBe("failed");
    expect(await refusedRelay(id)).toBe("connection_over");
    expect(await ordered()).toStrictEqual([]);
  });

  test.each([
    ["the lobby", () => lobbySays("never")],
    ["one member", () => says(bob, "never")],
  ])("%s: a pair with a direct path gets no relay beside it, not even on request", async (_, forbid) => {
    await forbid();
    const reach = await reachOf(ann, ANN);
    const { connection_id: id } = await asksFor(ann, pair.lobby, { peer_id: bob.id, reach, with_relay: true });
    await accepts(bob, id, await reachOf(bob, BOB));
    expect((await at.next("connect.punch")).data).toMatchObject({ connection_id: id, verdict: "direct" });
    expect(await refusedRelay(id)).toBe("relay_forbidden");
    await timePasses(pair.game, SUBSCRIBER_PING_S * 1_000);
    expect(await ordered()).toStrictEqual([]);
    expect((await reads(bob, id)).relay).toBe(undefined);
  });

  test("a member that reveals no address and one that uses no relay cannot be connected", async () => {
    await says(ann, "always");
    await says(bob, "never");
    const id = await meet(pair, ANN, BOB);
    expect((await at.next("connect.failed")).data).toMatchObject({ reason: "misc_nat_firewall" });
    expect(JSON.stringify([await reads(ann, id), await reads(bob, id)])).not.toMatch(/20\.0\.[12]\.1/);
    expect(await ordered()).toStrictEqual([]);
  });

  test("the next introduction follows the policy of then", async () => {
    await lobbySays("never");
    await meet(pair, { ...ANN, ...RANDOM }, { ...BOB, ...RANDOM });
    await at.next("connect.failed");
    await lobbySays("auto");
    const id = await meet(pair, { ...ANN, ...RANDOM }, { ...BOB, ...RANDOM });
    expect(await north.next("allocate")).toMatchObject({ relay: id });
  });
});
