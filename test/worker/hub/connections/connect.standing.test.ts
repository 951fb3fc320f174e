/** Standing reaches: a member says in advance where it can be introduced, and is then not asked. */
import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test } from "vitest";
import type { Reach } from "#shared/connect/schema.ts";
import { ALARM_SLACK_MS, RELAY_LINGER_MS, REQUEST_REPEATED_MS } from "#shared/limits.ts";
import { hubFor, timePasses } from "../../support/hub-inspector.ts";
import { asksFor, meetings, membersOfOneLobby, reachOf, reads, reports, watching } from "../../support/introduction.ts";
import { meter } from "../../support/meter.ts";
import { Player } from "../../support/player.ts";
import { Sidecar } from "../../support/sidecar.ts";
import { type EventsClient } from "../../support/subscriber.ts";

const ANN = { address: "20.0.1.1" };
const BOB = { address: "20.0.2.1" };

let game = "";
let lobby = "";
let ann: Player;
let bob: Player;
let at: EventsClient;
let to: EventsClient;
beforeEach(async () => {
  ({ game, ann, bob, lobby } = await membersOfOneLobby());
  [at, to] = [await watching(ann, lobby), await watching(bob, lobby)];
});

const stands = async (reach?: Reach): Promise<Reach | undefined> => {
  expect((await to.ask("reach", { lobby_id: lobby, ...(reach && { reach }) })).type).toBe("ok");
  return reach;
};
const portOf = (reach: Reach | undefined): number => reach!.looks[0]!.local_port;
const connects = async (parts: Partial<Reach> = {}): Promise<Reach> => {
  const reach = await reachOf(ann, { ...ANN, ...parts });
  expect((await at.ask("connect", { lobby_id: lobby, peer_id: bob.id, reach })).type).toBe("ok");
  return reach;
};
const asked = ["connect.requested"];
const introduced = ["connect.punch"];

describe("a standing reach", () => {
  test("introduces its member with one message to each, which names its socket, and writes no row", async () => {
    const standing = await stands(await reachOf(bob, BOB));
    const cost = await meter(game);
    await connects();
    const [mine, theirs] = [await at.next("connect.punch"), await to.next("connect.punch")];
    expect(mine.data).toMatchObject({ peer_id: bob.id, plan: { targets: [{ address: BOB.address }] } });
    expect(mine.data).not.toHaveProperty("local_port");
    expect(theirs.data).toMatchObject({ peer_id: ann.id, local_port: portOf(standing), pair_key: { role: "b" } });
    expect([await meetings(at), await meetings(to)]).toStrictEqual([[], []]);
    expect(cost().rows).toBe(0);
  });

  test("introduces a pair without a plan by its relay, after a request by which its member learns of it", async () => {
    const north = await Sidecar.open(game);
    await north.hello({ relay: { addresses: ["198.51.100.9"], pairs: 8 } });
    await ann.patches(lobby, { relay: "always" });
    await stands(await reachOf(bob, BOB));
    await connects();
    const { relay } = (await north.next("allocate")) as unknown as { relay: string };
    const ends = [30_000, 30_001].map((port) => ({ address: "198.51.100.9", port }));
    north.say({ t: "allocated", relay, ends, lifetime_ms: 3_600_000, bytes_max: 1_000_000 });
    const { connection_id } = (await to.next("connect.requested")).data;
    expect((await to.next("connect.relay")).data).toMatchObject({ connection_id, pair_key: { role: "b" } });
    // Its acceptance comes late, and changes nothing.
    expect((await to.ask("accept", { connection_id, reach: await reachOf(bob, BOB) })).type).toBe("ok");
    expect([await meetings(at), await meetings(to)]).toStrictEqual([["connect.relay"], []]);
  });

  test("is used once, and the next request asks the member", async () => {
    await stands(await reachOf(bob, BOB));
    await connects();
    await timePasses(game, REQUEST_REPEATED_MS);
    await connects();
    expect(await meetings(to)).toStrictEqual([...introduced, ...asked]);
  });

  test.for<[string, () => Promise<unknown>, Partial<Reach>]>([
    ["if the member wants to be asked", () => ann.patches(lobby, { consent: "ask" }), {}],
    ["for an attempt after a failed one", () => Promise.resolve(), { attempt: 1 }],
    ["for a pair that has had a key", () => Promise.resolve(), { epoch: 3 }],
    ["if the member took it back", () => stands(), {}],
    [
      "if the member's router uses another port per destination",
      async () => stands(await reachOf(bob, { ...BOB, nat: "sequential" })),
      {},
    ],
    ["after the hub has slept", async () => evictDurableObject(hubFor(game)), {}],
  ])("is not used %s", async ([, change, parts]) => {
    await stands(await reachOf(bob, BOB));
    await change();
    await connects(parts);
    expect(await meetings(to)).toStrictEqual(asked);
  });

  test("is used up by its member's own request, which uses the socket", async () => {
    const carl = await Player.of(game);
    await carl.enters(lobby);
    const third = await watching(carl, lobby);
    const reach = await reachOf(bob, BOB);
    await stands(reach);
    await to.ask("connect", { lobby_id: lobby, peer_id: carl.id, reach });
    expect(await meetings(third)).toStrictEqual(asked);
    await connects();
    expect(await meetings(to)).toStrictEqual(asked);
  });

  test("is refused for a lobby that its sender is not in", async () => {
    const carl = await Player.of(game);
    const third = await watching(carl, lobby);
    const reply = await third.ask("reach", { lobby_id: lobby, reach: await reachOf(carl, BOB) });
    expect(reply).toMatchObject({ type: "error", data: { problem: { code: "not_member" } } });
  });
});

describe("a request for a socket that was just introduced", () => {
  test("is carried out once if it arrives twice, over the socket and over HTTP", async () => {
    await stands(await reachOf(bob, BOB));
    const reach = await connects();
    const { data } = await at.next("connect.punch");
    const view = await asksFor(ann, lobby, { peer_id: bob.id, reach });
    expect(view).toMatchObject({
      connection_id: data["connection_id"],
      state: "introduced",
      punch: { verdict: "direct" },
    });
    expect([await meetings(at), await meetings(to)]).toStrictEqual([[], introduced]);
  });

  test("is part of the introduction if both request each other at the same time", async () => {
    const standing = await stands(await reachOf(bob, BOB));
    await connects();
    await to.ask("connect", { lobby_id: lobby, peer_id: ann.id, reach: standing! });
    expect([await meetings(at), await meetings(to)]).toStrictEqual([introduced, introduced]);
  });

  test("starts over if its sender has the key already", async () => {
    await stands(await reachOf(bob, BOB));
    const reach = await connects();
    const { epoch } = (await at.next("connect.punch")).data["pair_key"] as { epoch: number };
    await at.ask("connect", { lobby_id: lobby, peer_id: bob.id, reach: { ...reach, epoch } });
    expect(await meetings(to)).toStrictEqual([...introduced, ...asked]);
  });
});

test("a relay that was given back is not assigned to the pair's next introduction", async () => {
  const north = await Sidecar.open(game);
  await north.hello({ relay: { addresses: ["198.51.100.9"], pairs: 8 } });
  await stands(await reachOf(bob, BOB));
  await connects();
  const { relay } = (await north.next("allocate")) as unknown as { relay: string };
  const ends = [30_000, 30_001].map((port) => ({ address: "198.51.100.9", port }));
  north.say({ t: "allocated", relay, ends, lifetime_ms: 3_600_000, bytes_max: 1_000_000 });
  const id = String((await at.next("connect.relay")).data["connection_id"]);
  for (const player of [ann, bob]) await reports(player, id, { path: "direct" });
  await timePasses(game, RELAY_LINGER_MS + ALARM_SLACK_MS);
  expect(await north.next("release")).toMatchObject({ relay });
  expect(await reads(ann, id)).not.toHaveProperty("relay");
  await connects();
  await to.ask("accept", {
    connection_id: (await to.next("connect.requested")).data["connection_id"],
    reach: await reachOf(bob, BOB),
  });
  expect(((await north.next("allocate")) as unknown as { relay: string }).relay).not.toBe(relay);
});
