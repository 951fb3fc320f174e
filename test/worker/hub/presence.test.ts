/** The hub's failure detector for HTTP members, asleep and awake. */
import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { APPLICANT_MS, SEAT_HELD_MS, SILENT_AWAY_MS, SILENT_MS, VACANT_MS } from "#shared/limits.ts";
import { alarmOf, hubFor, inside, lobbyRows, timePasses } from "../support/hub-inspector.ts";
import { freeOfCharge, type Player, players, rosterOf } from "../support/player.ts";
import { newGame, ORIGIN, worker } from "../support/sidecar.ts";

let game = "";
let ann: Player;
let bob: Player;
beforeEach(async () => {
  game = newGame();
  freeOfCharge();
  vi.useFakeTimers({ toFake: ["Date"] });
  [ann, bob] = (await players(game, 2)) as [Player, Player];
});

const listed = async (): Promise<number> => {
  const list = await worker(new Request(`${ORIGIN}/v1/games/${game}/lobbies?include=full,closed,in_game`));
  return (await list.json<{ lobbies: unknown[] }>()).lobbies.length;
};

/** Both members give signs of life, in small steps. */
async function live(id: string, ms: number, ...who: Player[]): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10_000) {
    await timePasses(game, 10_000);
    for (const player of who) await player.beats(id);
  }
}

describe("a silent host", () => {
  test("a silent host is unlisted and closed to joiners after 30 s, returns when heard, and is removed after 60 s", async () => {
    const { id } = await ann.hosts();
    await timePasses(game, SILENT_MS - 1);
    expect(await listed()).toBe(1);
    await timePasses(game, 1);
    expect([await listed(), rosterOf(await ann.sees(id))]).toStrictEqual([0, [`${ann.id} away`]]);
    expect(await bob.refused("POST", `lobbies/${id}/members`)).toBe("lobby_closed");
    await ann.beats(id);
    expect(await listed()).toBe(1);
    await timePasses(game, SILENT_MS + SILENT_AWAY_MS);
    expect([await listed(), await lobbyRows(game), await alarmOf(game)]).toStrictEqual([0, [], null]);
  });

  test("a silent host loses the lobby to the next member that is heard", async () => {
    const { id } = await ann.hosts();
    await bob.enters(id);
    await live(id, SILENT_MS + SILENT_AWAY_MS + 10_000, bob);
    expect(await bob.sees(id)).toMatchObject({ host: bob.id, term: 2, member_count: 1 });
    expect(await ann.refused("PATCH", `lobbies/${id}`, { body: { name: "Mine" } })).toBe("stale_term");
  });

  test("a silent host may lose the lobby earlier to a member that claims it", async () => {
    const { id } = await ann.hosts({ host_policy: "manual" });
    await bob.enters(id);
    await live(id, SILENT_MS + 10_000, bob);
    const claim = { body: { peer_id: bob.id, expected_term: 1 } };
    expect((await bob.ask("PUT", `lobbies/${id}/host`, claim)).status).toBe(200);
    await ann.beats(id);
    expect(await bob.sees(id)).toMatchObject({ host: bob.id, member_count: 2 });
  });

  test("every request of a host is a sign of life, not only heartbeats", async () => {
    const { id } = await ann.hosts();
    for (let times = 0; times < 6; times++) {
      await timePasses(game, 20_000);
      await ann.patches(id, { name: `Nice ${times}` });
    }
    expect(await listed()).toBe(1);
  });
});

describe("silent members", () => {
  test("a joiner that is not heard for 15 s loses its place", async () => {
    const { id } = await ann.hosts({ seats: 2 });
    await bob.joins(id);
    await timePasses(game, SEAT_HELD_MS);
    expect(rosterOf(await ann.sees(id))).toStrictEqual([`${ann.id} present`]);
    expect(await bob.refused("POST", `lobbies/${id}/heartbeat`)).toBe("not_member");
  });

  test("a member gets its own place back within a minute, also if the lobby is full, locked and has a password", async () => {
    const { id } = await ann.hosts({ seats: 2, password: "hunter2" });
    await bob.enters(id, { password: "hunter2" });
    await ann.patches(id, { joinable: false });
    await live(id, 50_000, ann);
    expect(rosterOf(await ann.sees(id))).toStrictEqual([`${ann.id} present`, `${bob.id} away`]);
    expect((await bob.ask("POST", `lobbies/${id}/members`)).status).toBe(200);
    expect(rosterOf(await ann.sees(id))).toStrictEqual([`${ann.id} present`, `${bob.id} present`]);
    await live(id, 80_000, ann);
    expect(rosterOf(await ann.sees(id))).toStrictEqual([`${ann.id} present`]);
  });

  test("an applicant is removed after a minute", async () => {
    const { id } = await ann.hosts({ approval: true });
    await bob.applies(id);
    await live(id, APPLICANT_MS, ann);
    expect((await ann.sees(id)).applicants).toStrictEqual([]);
  });
});

test("a lobby that no member claims ends", async () => {
  const { id } = await ann.hosts({ host_policy: "manual" });
  await bob.enters(id);
  await ann.ask("DELETE", `lobbies/${id}/members/${ann.id}`);
  await live(id, VACANT_MS - 10_000, bob);
  expect(await bob.sees(id)).toMatchObject({ host: null });
  await timePasses(game, 10_000);
  expect(await bob.refused("GET", `lobbies/${id}`)).toBe("lobby_not_found");
});

describe("a hub that sleeps between any two requests", () => {
  const sleep = () => evictDurableObject(hubFor(game));

  test("a sleeping hub keeps the lobby of a host that is heard, and detects one that is not", async () => {
    const { id } = await ann.hosts();
    const { id: left } = await bob.hosts();
    const revision = (await ann.sees(id)).revision;
    for (let passed = 0; passed < 120_000; passed += 10_000) {
      await sleep();
      await timePasses(game, 10_000);
      await sleep();
      await ann.beats(id);
    }
    expect(await ann.sees(id)).toMatchObject({ revision, members: [{ state: "present" }] });
    expect(await ann.refused("GET", `lobbies/${left}`)).toBe("lobby_not_found");
  });

  test("a sleeping hub gives members that were heard before it slept time to be heard again", async () => {
    const { id } = await ann.hosts();
    await timePasses(game, SILENT_MS - 5_000);
    await ann.beats(id);
    await sleep();
    await timePasses(game, 10_000);
    expect(rosterOf(await ann.sees(id))).toStrictEqual([`${ann.id} present`]);
  });

  test("a sleeping hub keeps a held place no longer than it would awake", async () => {
    const { id } = await ann.hosts();
    await bob.joins(id);
    await sleep();
    await timePasses(game, SEAT_HELD_MS);
    expect(rosterOf(await ann.sees(id))).toStrictEqual([`${ann.id} present`]);
  });

  test("a sleeping hub leaves no rows when all members are gone", async () => {
    await ann.hosts();
    await sleep();
    await timePasses(game, 10 * SILENT_MS);
    expect([await lobbyRows(game), await alarmOf(game)]).toStrictEqual([[], null]);
    const notes = await inside(game, ({ storage }) => storage.sql.exec("SELECT json FROM notes").toArray());
    expect(notes).toStrictEqual([{ json: "{}" }]);
  });
});
