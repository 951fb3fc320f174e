import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { connectionList, invitation, CONNECTION_EVENTS } from "#shared/connect/schema.ts";
import { decode } from "#shared/schema/decode.ts";
import {
  COALESCE_MS,
  CONNECTION_KEPT_MS,
  CONSENT_PROMPT_MS,
  CONSENT_AUTOMATIC_MS,
  GATHER_MS,
  POLL_START_MS,
  REACH_FRESH_MS,
  START_MARGIN_MS,
} from "#shared/limits.ts";
import { timePasses } from "../../support/hub-inspector.ts";
import {
  accepts,
  asksFor,
  courseOf,
  meetings,
  reachOf,
  reads,
  reports,
  watching,
  membersOfOneLobby,
  meet as introduces,
} from "../../support/introduction.ts";
import { fits, Player } from "../../support/player.ts";
import { told, EventsClient } from "../../support/subscriber.ts";

const ANN = { address: "20.0.1.1" };
const BOB = { address: "20.0.2.1", local: "192.168.1.20" };

let ann: Player;
let bob: Player;
let game = "";
let lobby = "";
beforeEach(async () => {
  ({ game, ann, bob, lobby } = await membersOfOneLobby());
});
afterEach(() => {
  // Every event of a connection matches its schema.
  for (const text of told.splice(0).filter((one) => one.includes('"connect.'))) {
    const shape = CONNECTION_EVENTS[JSON.parse(text).type as keyof typeof CONNECTION_EVENTS];
    expect(decode(text, shape as (typeof CONNECTION_EVENTS)["connect.punch"], text.length)).toStrictEqual({
      ok: true,
      value: JSON.parse(text),
    });
  }
});

describe("two members", () => {
  test("two members get each other's endpoints at once, with one key and opposite roles, and start together", async () => {
    const [at, to] = [await watching(ann, lobby), await watching(bob, lobby)];
    const { connection_id, ...view } = await asksFor(ann, lobby, {
      peer_id: bob.id,
      reach: await reachOf(ann, { ...ANN, rtt_ms: 200 }),
    });
    expect(view).toMatchObject({ lobby_id: lobby, peer_id: bob.id, asked: true, state: "waiting", wants_reach: false });
    const requested = await to.next("connect.requested");
    expect(requested).toStrictEqual({
      type: "connect.requested",
      topic: "lobby",
      seq: expect.any(Number),
      data: {
        connection_id,
        lobby_id: lobby,
        peer_id: ann.id,
        consent: "automatic",
        expires_in_ms: CONSENT_AUTOMATIC_MS,
      },
    });
    const reach = await reachOf(bob, { ...BOB, rtt_ms: 50 });
    expect((await to.ask("accept", { connection_id, reach })).type).toBe("ok");

    const [mine, theirs] = [(await at.next("connect.punch")).data, (await to.next("connect.punch")).data];
    expect(mine).toMatchObject({ peer_id: bob.id, verdict: "direct", nat_pair: "cone/cone", pair_key: { role: "a" } });
    expect(mine).toMatchObject({ plan: { targets: [{ kind: "reflexive", address: "20.0.2.1", port: 50_000 }] } });
    expect(theirs).toMatchObject({ peer_id: ann.id, pair_key: { role: "b" } });
    expect(theirs).toMatchObject({ plan: { targets: [{ kind: "reflexive", address: "20.0.1.1", port: 50_000 }] } });
    expect(keyOf(mine)).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(keyOf(theirs)).toBe(keyOf(mine));
    // The delay to Ann is 100 ms and to Bob 25 ms: both start 120 ms after the hub's event.
    expect([mine["start_in_ms"], theirs["start_in_ms"]]).toStrictEqual([START_MARGIN_MS, START_MARGIN_MS + 75]);
    expect(await meetings(at)).toStrictEqual([]);

    await reports(ann, connection_id, { path: "direct", elapsed_ms: 40, rtt_ms: 31 });
    await reports(bob, connection_id, { path: "direct" });
    const end = await reads(ann, connection_id);
    expect(courseOf(end)).toStrictEqual("asked looked accepted looked introduced outcome outcome".split(" "));
    expect(end).toMatchObject({
      state: "over",
      timeline: expect.arrayContaining([{ event: "outcome", by: bob.id, detail: "direct", at: expect.any(String) }]),
    });
    expect(end).not.toHaveProperty("punch");
  });

  test("two members connect over their WebSockets: one message of each, and two to each", async () => {
    const [at, to] = [await watching(ann, lobby), await watching(bob, lobby)];
    const reply = at.ask("connect", { lobby_id: lobby, peer_id: bob.id, reach: await reachOf(ann, ANN) });
    const { connection_id } = (await to.next("connect.requested")).data;
    expect((await reply).data).toStrictEqual({ connection_id });
    await to.ask("accept", { connection_id, reach: await reachOf(bob, BOB) });
    expect((await at.next("connect.punch")).data).toMatchObject({ connection_id, peer_id: bob.id });
    expect((await to.next("connect.punch")).data).toMatchObject({ connection_id, peer_id: ann.id });
    const refused = await at.ask("connect", { lobby_id: lobby, peer_id: ann.id });
    expect(refused).toMatchObject({ type: "error", data: { problem: { code: "invalid_request" } } });
  });

  test("two members without a WebSocket are introduced by polling, and start a second later", async () => {
    const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id, reach: await reachOf(ann, ANN) });
    const [waiting, ...others] = (await listOf(bob)).connections;
    expect(others).toStrictEqual([]);
    expect(waiting).toMatchObject({
      connection_id,
      peer_id: ann.id,
      asked: false,
      state: "waiting",
      wants_reach: true,
    });
    const mine = await accepts(bob, connection_id, await reachOf(bob, BOB));
    expect(mine).toMatchObject({ state: "introduced", punch: { start_in_ms: POLL_START_MS + START_MARGIN_MS } });
    vi.setSystemTime(Date.now() + 400);
    const theirs = await reads(ann, connection_id);
    expect(theirs).toMatchObject({
      state: "introduced",
      punch: { start_in_ms: POLL_START_MS + START_MARGIN_MS - 400 },
    });
    expect(theirs.punch?.pair_key.key).toBe(mine.punch?.pair_key.key);
    // Accepting twice has no further effect.
    expect(await accepts(bob, connection_id)).toMatchObject({ state: "introduced", punch: mine.punch && {} });
  });

  test("two members that request each other at once have one connection", async () => {
    const [first, second] = [
      await asksFor(ann, lobby, { peer_id: bob.id, reach: await reachOf(ann, ANN) }),
      await asksFor(bob, lobby, { peer_id: ann.id, reach: await reachOf(bob, BOB) }),
    ];
    expect(second).toMatchObject({ connection_id: first.connection_id, state: "introduced", asked: false });
  });

  test("two members reconnect after a failure with the next key and attempt", async () => {
    const first = await meet({}, {});
    await reports(ann, first, { path: "none", message: "no answer" });
    const second = await meet({ attempt: 1, epoch: 255 }, { attempt: 1, epoch: 254 });
    expect(second).not.toBe(first);
    const { punch } = await reads(ann, second);
    expect(punch).toMatchObject({ pair_key: { epoch: 0 }, plan: { first_hops: 2 } });
    expect(await ann.refused("GET", `connections/${first}`)).toBe("connection_not_found");
  });

  test("two members behind one public address get each other's local addresses", async () => {
    const id = await meet({}, { address: ANN.address });
    const { punch } = await reads(ann, id);
    expect(punch?.plan).toMatchObject({ same_network: true, targets: [{ kind: "host", address: "192.168.1.20" }, {}] });
  });
});

test("no third peer, list subscriber or statistic learns of a connection", async () => {
  const carl = await Player.of(game);
  await carl.enters(lobby);
  const third = await watching(carl, lobby);
  const [stranger] = await EventsClient.list(game);
  await third.rest();
  await stranger.rest();
  const id = await meet({}, {});
  const { punch } = await reads(ann, id);
  await reports(ann, id, { path: "direct" });
  await timePasses(game, COALESCE_MS);
  expect([await third.rest(), await stranger.rest()]).toStrictEqual([[], []]);
  const answers = ["stats", "lobbies", "sidecars", `lobbies/${lobby}`, `lobbies/${lobby}/connections`].map(
    async (path) => (await carl.ask("GET", path)).text(),
  );
  const seen = (await Promise.all(answers)).join();
  for (const secret of [punch!.pair_key.key, id, ANN.address, BOB.address, BOB.local]) {
    expect([secret, seen.includes(secret)]).toStrictEqual([secret, false]);
  }
});

describe("reach", () => {
  test("a missing reach is requested as soon as both accept", async () => {
    const [at, to] = [await watching(ann, lobby), await watching(bob, lobby)];
    const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id });
    await to.ask("accept", { connection_id });
    const accepted = { connection_id, lobby_id: lobby };
    expect((await at.next("connect.accepted")).data).toStrictEqual({ ...accepted, peer_id: bob.id });
    expect((await to.next("connect.accepted")).data).toStrictEqual({ ...accepted, peer_id: ann.id });
    await at.ask("accept", { connection_id, reach: await reachOf(ann, ANN) });
    expect(await reads(bob, connection_id)).toMatchObject({ state: "gathering", wants_reach: true });
    await to.ask("accept", { connection_id, reach: await reachOf(bob, BOB) });
    expect(await at.next("connect.punch")).toMatchObject({ data: { connection_id } });
  });

  test("an old reach is requested again", async () => {
    const at = await watching(ann, lobby);
    const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id, reach: await reachOf(ann, ANN) });
    vi.setSystemTime(Date.now() + REACH_FRESH_MS + 1);
    expect(await accepts(bob, connection_id, await reachOf(bob, BOB))).toMatchObject({ state: "gathering" });
    expect((await at.next("connect.accepted")).data).toMatchObject({ connection_id });
    await at.ask("accept", { connection_id, reach: await reachOf(ann, ANN) });
    expect((await at.next("connect.punch")).data).toMatchObject({ connection_id });
  });

  test("a reach that does not come in time fails the connection for both", async () => {
    const at = await watching(ann, lobby);
    const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id });
    await accepts(bob, connection_id, await reachOf(bob, BOB));
    await at.next("connect.accepted");
    await timePasses(game, GATHER_MS + 1_000);
    const failed = { reason: "remote_timeout", code: 4_001, state: "gathering" };
    expect((await at.next("connect.failed")).data).toMatchObject({ connection_id, peer_id: bob.id, ...failed });
    expect(await reads(bob, connection_id)).toMatchObject({ state: "over", failure: failed });
  });
});

describe("consent", () => {
  test("a member that wants to be asked decides in time", async () => {
    const [at, to] = [await watching(ann, lobby), await watching(bob, lobby)];
    await ann.patches(lobby, { consent: "ask" });
    const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id, reach: await reachOf(ann, ANN) });
    expect((await to.next("connect.requested")).data).toMatchObject({
      consent: "ask",
      expires_in_ms: CONSENT_PROMPT_MS,
    });
    // Neither is revealed before both accept.
    expect(await meetings(at)).toStrictEqual([]);
    await timePasses(game, CONSENT_PROMPT_MS - 2_000);
    await to.ask("accept", { connection_id, reach: await reachOf(bob, BOB) });
    await at.next("connect.accepted");
    await at.ask("accept", { connection_id, reach: await reachOf(ann, ANN) });
    expect((await to.next("connect.punch")).data).toMatchObject({ connection_id });
  });

  test("a member's own consent setting overrides the lobby's", async () => {
    await bob.ask("PATCH", `lobbies/${lobby}/members/${bob.id}`, { body: { consent: "ask" } });
    expect(await asksFor(ann, lobby, { peer_id: bob.id })).toMatchObject({ consent: "ask" });
    expect(await ann.sees(lobby)).toMatchObject({ consent: "automatic", members: [{}, { consent: "ask" }] });
  });

  test("a peer that was denied must wait a minute before it asks again", async () => {
    const [at, to] = [await watching(ann, lobby), await watching(bob, lobby)];
    const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id, reach: await reachOf(ann, ANN) });
    expect((await to.ask("deny", { connection_id })).type).toBe("ok");
    const failed = { reason: "remote_denied", code: 4_100, state: "waiting" };
    expect((await at.next("connect.failed")).data).toMatchObject({ connection_id, peer_id: bob.id, ...failed });
    expect(await meetings(to)).toStrictEqual(["connect.requested"]);
    const again = await ann.ask("POST", `lobbies/${lobby}/connections`, { body: { peer_id: bob.id } });
    expect([again.status, again.headers.get("retry-after")]).toStrictEqual([403, "60"]);
    // Bob can still withdraw.
    expect(await asksFor(bob, lobby, { peer_id: ann.id })).toMatchObject({ asked: true, state: "waiting" });
    vi.setSystemTime(Date.now() + CONNECTION_KEPT_MS);
    expect(await asksFor(ann, lobby, { peer_id: bob.id })).toMatchObject({ asked: true, state: "waiting" });
  });

  test("a member is notified when a request is withdrawn or expires, or the other peer leaves", async () => {
    const to = await watching(bob, lobby);
    const first = await asksFor(ann, lobby, { peer_id: bob.id });
    expect((await ann.ask("POST", `connections/${first.connection_id}/withdraw`)).status).toBe(204);
    expect((await to.next("connect.failed")).data).toMatchObject({ reason: "remote_withdrew", code: 4_101 });
    await asksFor(ann, lobby, { peer_id: bob.id });
    await ann.beats(lobby);
    await timePasses(game, CONSENT_AUTOMATIC_MS + 1_000);
    expect((await to.next("connect.failed")).data).toMatchObject({ reason: "remote_timeout", code: 4_001 });
    await asksFor(ann, lobby, { peer_id: bob.id });
    await ann.ask("DELETE", `lobbies/${lobby}/members/${ann.id}`);
    expect((await to.next("connect.failed")).data).toMatchObject({ reason: "remote_left", code: 4_102 });
  });

  test("a member with consent by ticket is connected with its ticket and refuses all others", async () => {
    await bob.ask("PATCH", `lobbies/${lobby}/members/${bob.id}`, { body: { consent: "ticket" } });
    const path = `lobbies/${lobby}/connections`;
    expect(await ann.refused("POST", path, { body: { peer_id: bob.id } })).toBe("ticket_invalid");
    const { ticket } = await fits(await bob.ask("POST", `lobbies/${lobby}/invitations`), 200, invitation);
    expect(await asksFor(ann, lobby, { peer_id: bob.id, ticket })).toMatchObject({ consent: "ticket" });
    // Bob requests without a ticket.
    const [carl, dora] = [await Player.of(game), await Player.of(game)];
    await carl.enters(lobby);
    await dora.enters(lobby);
    expect(await asksFor(bob, lobby, { peer_id: dora.id })).toMatchObject({ consent: "automatic" });
    // A ticket of another peer, lobby or purpose is refused.
    const other = (await bob.hosts()).id;
    await ann.enters(other);
    const elsewhere = await fits(await bob.ask("POST", `lobbies/${other}/invitations`), 200, invitation);
    const annes = await fits(await ann.ask("POST", `lobbies/${lobby}/invitations`), 200, invitation);
    const { session_ticket } = await fitsJoined(carl);
    for (const wrong of [elsewhere.ticket, annes.ticket, session_ticket!, carl.token, "no.ticket"]) {
      expect(await carl.refused("POST", path, { body: { peer_id: bob.id, ticket: wrong } })).toBe("ticket_invalid");
    }
    vi.setSystemTime(Date.now() + 4 * 3_600_000);
    expect(await carl.refused("POST", path, { body: { peer_id: bob.id, ticket } })).toMatch(
      /ticket_invalid|not_member/,
    );
  });
});

const meet = (a: object, b: object): Promise<string> =>
  introduces({ ann, bob, lobby }, { ...ANN, ...a }, { ...BOB, ...b });

const keyOf = (data: Record<string, unknown>): string => (data["pair_key"] as { key: string }).key;

const listOf = async (player: Player) =>
  fits(await player.ask("GET", `lobbies/${lobby}/connections`), 200, connectionList);

async function fitsJoined(player: Player): Promise<{ session_ticket?: string }> {
  return (await player.ask("POST", `lobbies/${lobby}/members`, { body: {} })).json();
}
