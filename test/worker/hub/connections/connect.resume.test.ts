/** Events of connections for a member whose event stream broke: it resumes with `since` and gets what is still true. */
import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { hubFor, timePasses } from "../../support/hub-inspector.ts";
import {
  accepts,
  asksFor,
  isMeeting,
  meet,
  membersOfOneLobby,
  reachOf,
  reads,
  watching,
  type Pair,
} from "../../support/introduction.ts";
import type { Player } from "../../support/player.ts";
import { Sidecar } from "../../support/sidecar.ts";
import { EventsClient, type Frame } from "../../support/subscriber.ts";

const ANN = { address: "20.0.1.1" };
const BOB = { address: "20.0.2.1" };

let pair: Pair & { readonly game: string };
let ann: Player;
let bob: Player;
beforeEach(async () => {
  pair = await membersOfOneLobby();
  ({ ann, bob } = pair);
});

/** The number of the last event that a subscriber may have received. */
async function seqOf(subscriber: EventsClient): Promise<number> {
  const { seq } = await subscriber.ask("subscribe", { topic: "lobby", lobby_id: pair.lobby });
  return seq!;
}

/** The connection events that a member gets which resumes after `since`. */
async function resumes(who: Player, since: number): Promise<Frame[]> {
  const subscriber = await EventsClient.greet(pair.game, who.token, { lobby: pair.lobby });
  const answer = await subscriber.ask("subscribe", { topic: "lobby", lobby_id: pair.lobby, since });
  expect(answer.type).toBe("resumed");
  return (await subscriber.rest()).filter(isMeeting);
}

describe("a member that resumes gets", () => {
  test("a request that still waits, with the time that is left", async () => {
    await bob.ask("PATCH", `lobbies/${pair.lobby}/members/${bob.id}`, { body: { consent: "ask" } });
    const before = await watching(bob, pair.lobby);
    const since = await seqOf(before);
    before.close();
    const { connection_id, expires_in_ms } = await asksFor(ann, pair.lobby, { peer_id: bob.id });
    await timePasses(pair.game, 2_000);
    const [event, ...more] = await resumes(bob, since);
    expect(more).toStrictEqual([]);
    expect(event).toMatchObject({ type: "connect.requested", topic: "lobby", data: { connection_id, consent: "ask" } });
    expect(event!.data).toMatchObject({ lobby_id: pair.lobby, peer_id: ann.id, expires_in_ms: expires_in_ms - 2_000 });
    expect(event!.seq).toBeGreaterThan(since);
    // Once: what was received is not sent again.
    expect(await resumes(bob, event!.seq!)).toStrictEqual([]);
  });

  test("the instructions of a punch that is under way, as the connection has them", async () => {
    const before = await watching(bob, pair.lobby);
    const since = await seqOf(before);
    const id = await meet(pair, ANN, BOB);
    const sent = (await before.next("connect.punch")).data as { pair_key: object; start_in_ms: number };
    before.close();
    await timePasses(pair.game, 100);
    const events = await resumes(bob, since);
    const punch = events.find(({ type }) => type === "connect.punch")!;
    const { punch: current, lobby_id, peer_id } = await reads(bob, id);
    expect(punch.data).toStrictEqual({ connection_id: id, lobby_id, peer_id, ...current });
    expect(punch.data).toMatchObject({ pair_key: sent.pair_key });
    // What was asked for and accepted meanwhile is over.
    expect(events.map(({ type }) => type)).toStrictEqual(["connect.punch"]);
    expect((await resumes(ann, since)).map(({ data }) => data["peer_id"])).toStrictEqual([bob.id]);
  });

  test("its end of a relay that was allocated meanwhile", async () => {
    const north = await Sidecar.open(pair.game);
    await north.hello({ relay: { addresses: ["198.51.100.9"], pairs: 100 } });
    const before = await watching(bob, pair.lobby);
    const since = await seqOf(before);
    before.close();
    const id = await meet(pair, { ...ANN, nat: "random" }, { ...BOB, nat: "random" });
    await north.next("allocate");

    const ends = [30_000, 30_001].map((port) => ({ address: "198.51.100.9", port }));
    north.say({ t: "allocated", relay: id, ends, lifetime_ms: 3_600_000, bytes_max: 1_000_000 });
    await vi.waitFor(async () => expect((await reads(bob, id)).relay).toBeDefined());
    const events = await resumes(bob, since);
    expect(events.map(({ type }) => type)).toStrictEqual(["connect.relay"]);
    expect(events[0]!.data).toMatchObject({ connection_id: id, relay: { port: 30_001 }, pair_key: { role: "b" } });
  });

  test("only the failure of a request that was withdrawn meanwhile, and nothing of a connection that ended", async () => {
    await bob.ask("PATCH", `lobbies/${pair.lobby}/members/${bob.id}`, { body: { consent: "ask" } });
    const before = await watching(bob, pair.lobby);
    const since = await seqOf(before);
    before.close();
    const reach = await reachOf(ann, ANN);
    const withdraws = (id: string) => ann.ask("POST", `connections/${id}/withdraw`);
    const { connection_id: waiting } = await asksFor(ann, pair.lobby, { peer_id: bob.id, reach });
    await withdraws(waiting);
    const events = await resumes(bob, since);
    expect(events).toMatchObject([
      { type: "connect.failed", data: { connection_id: waiting, peer_id: ann.id, reason: "remote_withdrew" } },
    ]);
    const { connection_id: ended } = await asksFor(ann, pair.lobby, { peer_id: bob.id, reach });
    await accepts(bob, ended, await reachOf(bob, BOB));
    await withdraws(ended);
    expect(await resumes(bob, events[0]!.seq!)).toStrictEqual([]);
  });

  test("a snapshot instead, if the hub slept: then it reads its connections", async () => {
    const before = await watching(bob, pair.lobby);
    const since = await seqOf(before);
    before.close();
    await bob.ask("PATCH", `lobbies/${pair.lobby}/members/${bob.id}`, { body: { consent: "ask" } });
    const { connection_id } = await asksFor(ann, pair.lobby, { peer_id: bob.id });
    await evictDurableObject(hubFor(pair.game));
    vi.setSystemTime(Date.now() + 1);
    const subscriber = await EventsClient.greet(pair.game, bob.token, { lobby: pair.lobby });
    const answer = await subscriber.ask("subscribe", { topic: "lobby", lobby_id: pair.lobby, since });
    expect(answer.type).toBe("snapshot");
    const { connections } = await (
      await bob.ask("GET", `lobbies/${pair.lobby}/connections`)
    ).json<{
      connections: { connection_id: string; state: string }[];
    }>();
    expect(connections).toMatchObject([{ connection_id, state: "waiting" }]);
  });
});
