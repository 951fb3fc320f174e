/** Introductions of browsers, which find their paths by WebRTC. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { CONNECTION_EVENTS } from "#shared/connect/schema.ts";
import { STATS_SAMPLES_MIN } from "#shared/limits.ts";
import { decode } from "#shared/schema/decode.ts";
import { newGame } from "../../support/sidecar.ts";
import { accepts, asksFor, membersOfOneLobby, reachOf, reads, reports, watching } from "../../support/introduction.ts";
import { freeOfCharge, Player } from "../../support/player.ts";
import { told } from "../../support/subscriber.ts";

const BROWSER = { looks: [], local_endpoints: [], now_ms: 0, rtt_ms: 40, web: true };

let ann: Player;
let bob: Player;
let lobby = "";
beforeEach(async () => {
  ({ ann, bob, lobby } = await membersOfOneLobby());
});
afterEach(() => {
  const events = told.splice(0).filter((one) => one.includes('"connect.webrtc"'));
  for (const text of events)
    expect(decode(text, CONNECTION_EVENTS["connect.webrtc"], text.length)).toMatchObject({ ok: true });
});

/** Introduces two browsers; returns the connection's id. */
async function meet(): Promise<string> {
  const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id, reach: BROWSER });
  await accepts(bob, connection_id, BROWSER);
  return connection_id;
}

test("two browsers get one key with opposite roles, and no address", async () => {
  const [at, to] = [await watching(ann, lobby), await watching(bob, lobby)];
  const id = await meet();
  const [mine, theirs] = [(await at.next("connect.webrtc")).data, (await to.next("connect.webrtc")).data];
  const common = { connection_id: id, verdict: "direct", nat_pair: "webrtc", relay: "auto" };
  expect(mine).toMatchObject({ ...common, peer_id: bob.id, pair_key: { role: "a", epoch: 0 } });
  expect(theirs).toMatchObject({ ...common, peer_id: ann.id, pair_key: { role: "b", epoch: 0 } });
  expect((mine["pair_key"] as { key: string }).key).toBe((theirs["pair_key"] as { key: string }).key);
  expect((await reads(ann, id)).webrtc).toMatchObject({ relay: "auto", pair_key: mine["pair_key"] });
});

test("a browser's request that arrives twice has no second effect; one of a page that was loaded again has", async () => {
  const at = await watching(bob, lobby);
  const first = { ...BROWSER, now_ms: 60_000 };
  const { connection_id: id } = await asksFor(ann, lobby, { peer_id: bob.id, reach: first });
  await accepts(bob, id, { ...BROWSER, now_ms: 90_000 });
  expect((await asksFor(ann, lobby, { peer_id: bob.id, reach: first })).connection_id).toBe(id);
  // It was under way while bob accepted.
  const crossing = { ...BROWSER, now_ms: 89_900 };
  expect((await asksFor(bob, lobby, { peer_id: ann.id, reach: crossing })).connection_id).toBe(id);
  const later = { ...BROWSER, now_ms: 60_001 };
  expect((await asksFor(ann, lobby, { peer_id: bob.id, reach: later })).connection_id).not.toBe(id);
  const again = await meet();
  const loaded = { ...BROWSER, now_ms: 300, epoch: 0 };
  await asksFor(ann, lobby, { peer_id: bob.id, reach: loaded });
  await at.next("connect.requested");
  expect(again).not.toBe(id);
});

test.each(["always", "never"] as const)("the lobby's relay policy %s reaches both browsers", async (relay) => {
  await ann.ask("PATCH", `lobbies/${lobby}`, { body: { relay } });
  const id = await meet();
  const verdict = relay === "always" ? "relay" : "direct";
  for (const player of [ann, bob]) expect((await reads(player, id)).webrtc).toMatchObject({ relay, verdict });
});

test("a browser and a UDP peer learn that they have no path in common", async () => {
  const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id, reach: BROWSER });
  const view = await accepts(bob, connection_id, await reachOf(bob, { address: "20.0.2.1" }));
  expect(view.failure).toMatchObject({ reason: "misc_no_common_path", code: 5_010 });
  expect((await reads(ann, connection_id)).failure).toMatchObject({ reason: "misc_no_common_path" });
});

test("outcomes of browsers are counted under their own label, and a pair contributes a few", async () => {
  const game = newGame();
  freeOfCharge();
  for (let pair = 0; pair < STATS_SAMPLES_MIN / 4; pair++) {
    [ann, bob] = [await Player.of(game), await Player.of(game)];
    ({ id: lobby } = await ann.hosts());
    await bob.enters(lobby);
    for (let time = 0; time < 5; time++) {
      const id = await meet();
      await reports(ann, id, { path: "direct" });
      await reports(bob, id, { path: time === 0 ? "relay" : "direct" });
    }
  }
  const { connections } = (await (await ann.ask("GET", "stats")).json()) as { connections: object[] };
  const tries = STATS_SAMPLES_MIN;
  expect(connections).toMatchObject([{ nat_pair: "webrtc", introductions: tries, tries, direct: (tries * 3) / 4 }]);
});
