import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { lobby as lobbyShape } from "#shared/api/lobbies.ts";
import { decode } from "#shared/schema/decode.ts";
import { COALESCE_MS, SEAT_HELD_MS, SILENT_MS, SUBSCRIBER_SILENCE_MS } from "#shared/limits.ts";
import { hubFor, inside, timePasses } from "../../support/hub-inspector.ts";
import { freeOfCharge, Player } from "../../support/player.ts";
import { newGame } from "../../support/sidecar.ts";
import { type Frame, told, EventsClient } from "../../support/subscriber.ts";

let game = "";
let alice: Player;
let bob: Player;
beforeEach(async () => {
  game = newGame();
  vi.useFakeTimers({ toFake: ["Date"] });
  freeOfCharge();
  [alice, bob] = [await Player.of(game), await Player.of(game)];
});

describe("a member's subscription", () => {
  test("a member gets a snapshot and every join, change and leave", async () => {
    const { id } = await alice.hosts({
      data: { seed: 7, map: "forest" },
      data_rules: { seed: { visibility: "private" } },
    });
    const [host, snapshot] = await watches(alice, id);
    expect(snapshot.data["lobby"]).toStrictEqual(await alice.sees(id));
    expect(viewIn(snapshot)).toMatchObject({ data: { seed: 7 }, join: { code: expect.any(String) } });

    await bob.joins(id, { member_name: "Bobby", member_data: { hero: "mage" } });
    expect((await host.next("member.joined")).data).toMatchObject({
      lobby_id: id,
      member: { peer_id: bob.id, name: "Bobby", state: "held", data: { hero: "mage" } },
    });
    expect(viewIn(await host.next("lobby.updated"))).toMatchObject({ member_count: 2 });
    const [guest, seen] = await watches(bob, id);
    expect(JSON.stringify(seen)).not.toContain("seed");
    expect((await host.next("member.updated")).data).toMatchObject({ member: { peer_id: bob.id, state: "present" } });

    await bob.ask("PATCH", `lobbies/${id}/members/${bob.id}`, { body: { data: { hero: "thief" } } });
    for (const each of [host, guest]) {
      expect(
        (await each.next(({ type, data }) => type === "member.updated" && JSON.stringify(data).includes("thief"))).data,
      ).toMatchObject({ lobby_id: id });
    }
    await timePasses(game, COALESCE_MS);
    await alice.patches(id, { name: "Nicer", data: { seed: 8 } });
    await timePasses(game, COALESCE_MS);
    const [mine, theirs] = [await last(host, "lobby.updated"), await last(guest, "lobby.updated")];
    expect(viewIn(mine)).toMatchObject({ name: "Nicer", data: { seed: 8 } });
    expect(viewIn(theirs)).toMatchObject({ name: "Nicer" });
    expect(JSON.stringify(theirs)).not.toContain("seed");

    await bob.ask("DELETE", `lobbies/${id}/members/${bob.id}`);
    const left = { lobby_id: id, peer_id: bob.id, name: "Bobby", cause: "left", removed_by: bob.id };
    expect((await host.next("member.left")).data).toStrictEqual(left);
    expect((await guest.next("member.left")).data).toStrictEqual(left);
    expect((await guest.next("lobby.removed")).data).toStrictEqual({ lobby_id: id, cause: "left", removed_by: bob.id });
    await alice.patches(id, { name: "Nicest" });
    expect(await guest.rest()).toStrictEqual([]);
  });

  test("the reason of a kick is sent to the members, not to others", async () => {
    const eve = await Player.of(game);
    const { id } = await alice.hosts();
    await bob.enters(id);
    const [[host], [guest], [stranger]] = [await watches(alice, id), await watches(bob, id), await watches(eve, id)];

    for (const said of ["", "a\nb", "\u202Etxt", "x".repeat(201)]) {
      const refused = await alice.refused("POST", `lobbies/${id}/kicks`, { body: { peer_id: bob.id, message: said } });
      expect([said, refused]).toStrictEqual([said, "invalid_request"]);
    }
    const message = "We said: no walls there 🧱";
    await alice.ask("POST", `lobbies/${id}/bans`, { body: { peer_id: bob.id, message } });
    expect((await host.next("member.left")).data).toMatchObject({ cause: "banned", removed_by: alice.id, message });
    expect((await guest.next("lobby.removed")).data).toStrictEqual({
      lobby_id: id,
      cause: "banned",
      removed_by: alice.id,
      message,
    });
    expect((await stranger.next("member.left")).data).not.toHaveProperty("message");
  });

  test("a kicked member gets the peer that kicked it", async () => {
    const { id } = await alice.hosts();
    await bob.enters(id);
    const [[host], [guest]] = [await watches(alice, id), await watches(bob, id)];
    await alice.ask("POST", `lobbies/${id}/bans`, { body: { peer_id: bob.id } });
    for (const subscriber of [host, guest]) {
      expect((await subscriber.next("member.left")).data).toMatchObject({
        peer_id: bob.id,
        cause: "banned",
        removed_by: alice.id,
      });
    }
    expect((await guest.next("lobby.removed")).data).toStrictEqual({
      lobby_id: id,
      cause: "banned",
      removed_by: alice.id,
    });
  });

  test("members are notified of a new host and the reason", async () => {
    const { id } = await alice.hosts();
    await bob.enters(id);
    const [guest] = await watches(bob, id);
    await alice.ask("PUT", `lobbies/${id}/host`, { body: { peer_id: bob.id, expected_term: 1 } });
    expect((await guest.next("lobby.host_changed")).data).toStrictEqual({
      lobby_id: id,
      host: bob.id,
      term: 2,
      cause: "transferred",
      snapshot_revision: null,
    });
    await bob.ask("PUT", `lobbies/${id}/host`, { body: { peer_id: alice.id, expected_term: 2 } });
    expect((await guest.next("lobby.host_changed")).data).toMatchObject({
      host: alice.id,
      term: 3,
      cause: "transferred",
    });
    await alice.ask("DELETE", `lobbies/${id}/members/${alice.id}`);
    expect((await guest.next("lobby.host_changed")).data).toMatchObject({ host: bob.id, term: 4, cause: "left" });
    await bob.ask("DELETE", `lobbies/${id}`);
    const removed = await guest.next("lobby.removed");
    expect(removed.data).toStrictEqual({ lobby_id: id, cause: "closed", removed_by: bob.id });
    for (const { seq } of await guest.rest()) expect(seq).toBeLessThanOrEqual(removed.seq!);
  });

  test("members get chat from HTTP and sockets, and only the addressee gets a signal", async () => {
    const { id } = await alice.hosts();
    const carol = await Player.of(game);
    for (const each of [bob, carol]) await each.enters(id);
    const [[a], [b], [c]] = [await watches(alice, id), await watches(bob, id), await watches(carol, id)];
    expect(await a.ask("chat", { lobby_id: id, text: "hello 🎮" })).toMatchObject({ type: "ok" });
    await bob.ask("POST", `lobbies/${id}/chat`, { body: { text: "hi" } });
    for (const subscriber of [a, b, c]) {
      expect((await subscriber.next("chat")).data).toStrictEqual({ lobby_id: id, from: alice.id, text: "hello 🎮" });
      expect((await subscriber.next("chat")).data).toStrictEqual({ lobby_id: id, from: bob.id, text: "hi" });
    }
    expect(await a.ask("signal", { lobby_id: id, to: bob.id, body: '{"sdp":1}' })).toMatchObject({ type: "ok" });
    await carol.ask("POST", `lobbies/${id}/signals`, { body: { to: bob.id, body: "x".repeat(8_192) } });
    expect((await b.next("signal")).data).toStrictEqual({ lobby_id: id, from: alice.id, body: '{"sdp":1}' });
    expect((await b.next("signal")).data).toMatchObject({ from: carol.id, body: "x".repeat(8_192) });
    for (const subscriber of [a, c]) expect(await subscriber.rest()).toStrictEqual([]);
  });

  test("a host with approval gets applications, and the applicant gets the decision", async () => {
    const { id } = await alice.hosts({ approval: true });
    const [host] = await watches(alice, id);
    const [waiting, snapshot] = await watches(bob, id);
    expect(viewIn(snapshot)).not.toHaveProperty("join.code");
    await bob.applies(id);
    expect((await host.next("member.applied")).data).toStrictEqual({ lobby_id: id, peer_id: bob.id });
    await alice.ask("POST", `lobbies/${id}/applicants/${bob.id}/admit`);
    expect((await waiting.next("member.admitted")).data).toStrictEqual({ lobby_id: id });
    // The peer has an open socket, so its place is confirmed at once.
    expect((await host.next("member.joined")).data).toMatchObject({ member: { peer_id: bob.id } });
    expect((await host.next("member.updated")).data).toMatchObject({ member: { peer_id: bob.id, state: "present" } });
    const carol = await Player.of(game);
    const [hoping] = await watches(carol, id);
    await carol.applies(id);
    await alice.ask("POST", `lobbies/${id}/applicants/${carol.id}/deny`);
    expect((await hoping.next("member.denied")).data).toStrictEqual({ lobby_id: id });
  });

  test("updates of a lobby are merged to one per second, those of members are sent at once", async () => {
    const { id } = await alice.hosts({ seats: 8 });
    const [host] = await watches(alice, id);
    for (let at = 0; at < 4; at++) await (await Player.of(game)).joins(id);
    const frames = await host.rest();
    expect(frames.filter(({ type }) => type === "member.joined")).toHaveLength(4);
    expect(frames.filter(({ type }) => type === "lobby.updated")).toHaveLength(1);
    await timePasses(game, COALESCE_MS);
    const [update, ...rest] = await host.rest();
    expect([update!.type, viewIn(update!)["member_count"], rest]).toStrictEqual(["lobby.updated", 5, []]);
  });
});

describe("a non-member's subscription", () => {
  test("a non-member gets public fields only", async () => {
    const { id } = await alice.hosts({ data: { plan: "SECRET" }, data_rules: { plan: { visibility: "member" } } });
    const stranger = await EventsClient.greet(game);
    const snapshot = await stranger.ask("subscribe", { topic: "lobby", lobby_id: id });
    await bob.enters(id, { member_data: { hero: "SECRET" } });
    await bob.ask("POST", `lobbies/${id}/chat`, { body: { text: "SECRET" } });
    await timePasses(game, COALESCE_MS);
    await alice.patches(id, { data: { plan: "SECRET too" } });
    await timePasses(game, COALESCE_MS);
    const frames = [snapshot, ...(await stranger.rest())];
    expect(frames.map(({ type }) => type)).toStrictEqual([
      "snapshot",
      "member.joined",
      "lobby.updated",
      "member.updated",
      "lobby.updated",
      "lobby.updated",
    ]);
    expect(JSON.stringify(frames)).not.toContain("SECRET");
  });

  test("a private lobby is not found, and one that becomes private is removed", async () => {
    const { id } = await alice.hosts({ visibility: "private" });
    const stranger = await EventsClient.greet(game);
    expect((await stranger.ask("subscribe", { topic: "lobby", lobby_id: id })).data).toMatchObject({
      problem: { code: "lobby_not_found" },
    });
    const open = await alice.hosts();
    await stranger.ask("subscribe", { topic: "lobby", lobby_id: open.id });
    await alice.patches(open.id, { visibility: "private" });
    expect((await stranger.next("lobby.removed")).data).toStrictEqual({
      lobby_id: open.id,
      cause: "filtered",
      removed_by: null,
    });
    await alice.patches(open.id, { name: "Ours" });
    expect(await stranger.rest()).toStrictEqual([]);
  });

  test("a non-member cannot send messages", async () => {
    const { id } = await alice.hosts();
    const [outsider] = await watches(bob, id);
    expect((await outsider.ask("chat", { lobby_id: id, text: "hi" })).data).toMatchObject({
      problem: { code: "not_member", status: 403 },
    });
    expect((await outsider.ask("signal", { lobby_id: id, to: alice.id, body: "x" })).data).toMatchObject({
      problem: { code: "not_member" },
    });
    const [host] = await watches(alice, id);
    expect((await host.ask("signal", { lobby_id: id, to: bob.id, body: "x" })).data).toMatchObject({
      problem: { code: "member_not_found" },
    });
  });
});

describe("an open socket", () => {
  test("an open socket is a sign of life: it confirms the place and replaces heartbeats, while the hub sleeps", async () => {
    const { id } = await alice.hosts();
    await bob.joins(id);
    const [[a], [b]] = [await watches(alice, id), await watches(bob, id)];
    const pings = await pingsOf(game);
    for (let passed = 0; passed < 5 * SILENT_MS; passed += SUBSCRIBER_SILENCE_MS / 2) {
      await evictDurableObject(hubFor(game));
      await timePasses(game, SUBSCRIBER_SILENCE_MS / 2);
      await pings.all();
    }
    expect((await alice.sees(id)).members.map(({ state }) => state)).toStrictEqual(["present", "present"]);
    expect((await a.ask("chat", { lobby_id: id, text: "still here" })).type).toBe("ok");
    expect((await b.next("chat")).data).toMatchObject({ text: "still here" });
  });

  test("a peer that says hello before it joins confirms its place at once", async () => {
    const { id } = await alice.hosts();
    await EventsClient.greet(game, bob.token);
    await bob.joins(id);
    await timePasses(game, SEAT_HELD_MS / 2);
    expect((await alice.sees(id)).members[1]).toMatchObject({ state: "present" });
  });
});

describe("resuming a lobby", () => {
  test("a resumed member gets everything that it missed, once", async () => {
    const { id } = await alice.hosts();
    await bob.enters(id);
    vi.setSystemTime(Date.now() + 10);
    const [first, { seq }] = await watches(bob, id);
    first.close();
    await alice.ask("POST", `lobbies/${id}/chat`, { body: { text: "one" } });
    await (await Player.of(game)).joins(id);
    await alice.ask("POST", `lobbies/${id}/signals`, { body: { to: bob.id, body: "two" } });
    const back = await EventsClient.greet(game, bob.token);
    expect((await back.ask("subscribe", { topic: "lobby", lobby_id: id, since: seq })).type).toBe("resumed");
    expect((await back.rest()).map(({ type }) => type)).toStrictEqual([
      "chat",
      "member.joined",
      "lobby.updated",
      "signal",
    ]);
  });

  test("a peer that was no member gets a snapshot and none of the earlier messages", async () => {
    const { id } = await alice.hosts();
    const [outside, { seq }] = await watches(bob, id);
    vi.setSystemTime(Date.now() + 10);
    await alice.ask("POST", `lobbies/${id}/chat`, { body: { text: "SECRET" } });
    await bob.joins(id);
    expect((await outside.ask("subscribe", { topic: "lobby", lobby_id: id, since: seq })).type).toBe("snapshot");
    expect(JSON.stringify(await outside.rest())).not.toContain("SECRET");
  });
});

test("every view sent over a socket matches the HTTP schema", () => {
  const views = told
    .map((text) => JSON.parse(text) as Frame)
    .flatMap(({ topic, data }) => (topic === "lobby" && data["lobby"] ? [data["lobby"]] : []));
  expect(views.length).toBeGreaterThan(20);
  for (const view of views) {
    const decoded = decode(JSON.stringify(view), lobbyShape, 1_000_000);
    expect(decoded).toStrictEqual({ ok: true, value: view });
  }
});

test("no event contains a token", () => {
  expect(told.filter((text) => /peer\.[A-Za-z0-9_-]+|parley-source/.test(text))).toStrictEqual([]);
});

// --- helpers ---------------------------------------------------------------------------------------------------

async function watches(player: Player, id: string): Promise<[EventsClient, Frame]> {
  const subscriber = await EventsClient.greet(player.game, player.token, { lobby: id });
  const snapshot = await subscriber.ask("subscribe", { topic: "lobby", lobby_id: id });
  expect(snapshot).toMatchObject({ type: "snapshot", topic: "lobby" });
  return [subscriber, snapshot];
}

const viewIn = ({ data }: Frame): Record<string, unknown> => data["lobby"] as Record<string, unknown>;

async function last(subscriber: EventsClient, type: string): Promise<Frame> {
  const frames = (await subscriber.rest()).filter((frame) => frame.type === type);
  return frames.at(-1)!;
}

/** The platform records pings by a clock that tests cannot change. */
async function pingsOf(of: string): Promise<{ all: () => Promise<void> }> {
  let stamp: Date | null = null;
  const prototype = await inside(of, (state) => Object.getPrototypeOf(state) as DurableObjectState);
  vi.spyOn(prototype, "getWebSocketAutoResponseTimestamp").mockImplementation(() => stamp);
  return { all: async () => void (stamp = new Date()) };
}
