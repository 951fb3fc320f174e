/** The grace of a member whose last WebSocket closed, with a hub that sleeps, and what it costs. */
import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { GRACE_DEFAULT_S, SILENT_AWAY_MS, SILENT_MS } from "#shared/limits.ts";
import type { NewLobby } from "#shared/api/lobbies.ts";
import { alarmOf, hubFor, inside, timePasses } from "../support/hub-inspector.ts";
import { meter } from "../support/meter.ts";
import { freeOfCharge, type Player, players, rosterOf } from "../support/player.ts";
import { newGame, ORIGIN, worker } from "../support/sidecar.ts";
import { EventsClient } from "../support/subscriber.ts";

const GRACE_MS = GRACE_DEFAULT_S * 1_000;

let game = "";
let ann: Player;
let bob: Player;
let cleo: Player;
let dan: Player;
beforeEach(async () => {
  game = newGame();
  freeOfCharge();
  vi.useFakeTimers({ toFake: ["Date"] });
  [ann, bob, cleo, dan] = (await players(game, 4)) as [Player, Player, Player, Player];
});

/** A lobby of these players, each with an open socket. The first hosts. */
async function party(parts: Partial<NewLobby>, ...members: Player[]): Promise<{ id: string; sockets: EventsClient[] }> {
  const { id } = await members[0]!.hosts(parts);
  for (const member of members.slice(1)) await member.joins(id);
  const sockets = await Promise.all(members.map((member) => follows(member, id)));
  return { id, sockets };
}

async function follows(member: Player, id: string): Promise<EventsClient> {
  const socket = await EventsClient.greet(game, member.token, { lobby: id });
  await socket.ask("subscribe", { topic: "lobby", lobby_id: id });
  return socket;
}

/** Closes a socket, and waits until the hub has handled that. */
async function closes(socket: EventsClient): Promise<void> {
  const before = await graces();
  socket.close();
  await vi.waitFor(async () => expect(await graces()).not.toBe(before));
}

const graces = (): Promise<string> =>
  inside(game, ({ storage }) =>
    storage.sql
      .exec<{ json: string }>("SELECT json FROM notes WHERE id = 'graces'")
      .toArray()
      .map(({ json }) => json)
      .join(""),
  );

const listed = async (): Promise<number> => {
  const list = await worker(new Request(`${ORIGIN}/v1/games/${game}/lobbies?include=full,closed,in_game`));
  return (await list.json<{ lobbies: unknown[] }>()).lobbies.length;
};

const sleep = (): Promise<void> => evictDurableObject(hubFor(game));

describe("a host whose socket closed", () => {
  test("a host among four is replaced after its grace, although the hub sleeps before and after", async () => {
    const { id, sockets } = await party({}, ann, bob, cleo, dan);
    await sleep();
    await closes(sockets[0]!);
    const closed_at = Date.now();
    await sleep();
    expect(await alarmOf(game)).toBe(closed_at + GRACE_MS);
    await timePasses(game, GRACE_MS - 1);
    expect(await bob.sees(id)).toMatchObject({ host: ann.id, term: 1 });
    await timePasses(game, 1);
    expect((await sockets[1]!.next("lobby.host_changed")).data).toMatchObject({ host: bob.id, term: 2, cause: "left" });
    expect((await sockets[3]!.next("member.left")).data).toMatchObject({ peer_id: ann.id, cause: "timed_out" });
    expect(await listed()).toBe(1);
    expect(await bob.sees(id)).toMatchObject({ host: bob.id, term: 2 });
  });

  test("a lobby whose only member is gone leaves the list after the grace", async () => {
    const { id, sockets } = await party({}, ann);
    await closes(sockets[0]!);
    await timePasses(game, GRACE_MS);
    expect(await listed()).toBe(0);
    expect(await ann.refused("GET", `lobbies/${id}`)).toBe("lobby_not_found");
  });

  test("with the host policy close the lobby ends, and with manual a member may claim it", async () => {
    const ends = await party({ host_policy: "close" }, ann, bob);
    await closes(ends.sockets[0]!);
    await timePasses(game, GRACE_MS);
    expect((await ends.sockets[1]!.next("lobby.removed")).data).toMatchObject({ lobby_id: ends.id, cause: "closed" });
    const vacant = await party({ host_policy: "manual" }, cleo, dan);
    await closes(vacant.sockets[0]!);
    await timePasses(game, GRACE_MS);
    expect(await dan.sees(vacant.id)).toMatchObject({ host: null });
    expect(
      (await dan.ask("PUT", `lobbies/${vacant.id}/host`, { body: { peer_id: dan.id, expected_term: 2 } })).status,
    ).toBe(200);
  });

  test("the next host is a member with a socket, also if one that arrived earlier is in its own grace", async () => {
    const { id, sockets } = await party({ member_grace_s: 60 }, ann, bob, cleo);
    await closes(sockets[1]!);
    await closes(sockets[0]!);
    await timePasses(game, GRACE_MS);
    expect(await cleo.sees(id)).toMatchObject({ host: cleo.id });
    expect(rosterOf(await cleo.sees(id))).toStrictEqual([`${bob.id} present`, `${cleo.id} present`]);
  });

  test("host and members that lose their sockets together cause one change of the host", async () => {
    const { id, sockets } = await party({}, ann, bob, cleo);
    await closes(sockets[0]!);
    await closes(sockets[1]!);
    await timePasses(game, GRACE_MS);
    expect(await cleo.sees(id)).toMatchObject({ host: cleo.id, term: 2 });
  });
});

describe("a reload", () => {
  test("a host that reconnects within its grace changes nothing", async () => {
    const { id, sockets } = await party({}, ann, bob);
    const before = await bob.sees(id);
    await sockets[1]!.rest();
    await closes(sockets[0]!);
    await sleep();
    await timePasses(game, GRACE_MS - 1);
    await follows(ann, id);
    await timePasses(game, 2 * GRACE_MS);
    expect(await bob.sees(id)).toStrictEqual(before);
    expect(await sockets[1]!.rest()).toStrictEqual([]);
  });

  test("a heartbeat within the grace keeps the seat for the heartbeat's own interval", async () => {
    const { id, sockets } = await party({}, ann, bob);
    await closes(sockets[0]!);
    await timePasses(game, GRACE_MS - 1);
    await ann.beats(id);
    await timePasses(game, SILENT_MS - 1);
    expect(await bob.sees(id)).toMatchObject({ host: ann.id });
    expect(rosterOf(await bob.sees(id))[0]).toBe(`${ann.id} present`);
  });

  test("a second open socket of the peer keeps its seat without a grace", async () => {
    const { id, sockets } = await party({}, ann, bob);
    const second = await follows(ann, id);
    sockets[0]!.close();
    await sockets[0]!.closed;
    await timePasses(game, 2 * GRACE_MS);
    expect(await bob.sees(id)).toMatchObject({ host: ann.id });
    expect((await second.ask("chat", { lobby_id: id, text: "still here" })).type).toBe("ok");
  });
});

describe("settings and the member's own view", () => {
  test("host and members have their own graces, which the host changes", async () => {
    const { id, sockets } = await party({ host_grace_s: 2, member_grace_s: 20 }, ann, bob, cleo);
    expect(await bob.sees(id)).toMatchObject({ host_grace_s: 2, member_grace_s: 20 });
    await ann.patches(id, { member_grace_s: 10 });
    await closes(sockets[2]!);
    await timePasses(game, 9_999);
    expect((await ann.sees(id)).seat_expires_at).toBeUndefined();
    expect(rosterOf(await ann.sees(id))).toHaveLength(3);
    await timePasses(game, 1);
    expect(rosterOf(await ann.sees(id))).toHaveLength(2);
    await closes(sockets[0]!);
    await timePasses(game, 2_000);
    expect(await bob.sees(id)).toMatchObject({ host: bob.id });
  });

  test.each([1, 61, 2.5, "5", null])("a grace of %s is refused", async (host_grace_s) => {
    const body = { name: "Nice", seats: 4, host_grace_s };
    expect(await ann.refused("POST", "lobbies", { body })).toBe("invalid_request");
  });

  test("a member sees when it loses its seat, and other readers do not", async () => {
    const { id, sockets } = await party({}, ann, bob);
    await closes(sockets[1]!);
    const ends_at = new Date(Date.now() + GRACE_MS).toISOString();
    await timePasses(game, 1_000);
    expect((await bob.sees(id)).seat_expires_at).toBe(ends_at);
    expect((await ann.sees(id)).seat_expires_at).toBeUndefined();
    expect((await cleo.sees(id)).seat_expires_at).toBeUndefined();
    await bob.beats(id);
    const silent_at = new Date(Date.now() + SILENT_MS + SILENT_AWAY_MS).toISOString();
    expect((await bob.sees(id)).seat_expires_at).toBe(silent_at);
  });
});

describe("costs", () => {
  test("a closed socket writes 2 (row, alarm), a reconnect 1, a heartbeat 0, the loss of a host 2 (lobby, row)", async () => {
    const { id, sockets } = await party({}, ann, bob, cleo, dan);
    await timePasses(game, 1_500);
    const cost = await meter(game);
    await closes(sockets[0]!);
    expect(cost()).toStrictEqual({ rows: 1, alarms: 1, transactions: 1 });
    const back = await follows(ann, id);
    expect(cost()).toStrictEqual({ rows: 1, alarms: 0, transactions: 1 });
    for (let times = 0; times < 10; times++) await bob.beats(id);
    expect(cost()).toMatchObject({ rows: 0, transactions: 0 });
    await timePasses(game, GRACE_MS);
    await closes(back);
    cost();
    await timePasses(game, GRACE_MS);
    expect(cost()).toMatchObject({ rows: 2, transactions: 1 });
  });

  test("a hub with a grace is not kept awake: between the close and the alarm nothing runs", async () => {
    const { sockets } = await party({}, ann, bob);
    await closes(sockets[0]!);
    await sleep();
    const at = await alarmOf(game);
    await timePasses(game, GRACE_MS);
    expect(at).toBe(Date.now());
    expect(await alarmOf(game)).toBeGreaterThan(Date.now() + GRACE_MS);
  });
});
