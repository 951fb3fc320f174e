/** A hub that wakes reads the heads of its rows. Everything that it answers must be as before it slept. */
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { SILENT_MS } from "#shared/limits.ts";
import { LobbyRows } from "../../../worker/hub/storage/lobby-rows.ts";
import { alarmOf, hubFor, inside, lobbyRows, timePasses } from "../support/hub-inspector.ts";
import { freeOfCharge, type Player, players } from "../support/player.ts";
import { hosts, joins, leaves, newGame, Sidecar, starts } from "../support/sidecar.ts";

/** More than two blocks of rows. */
const COUNT = 150;
const QUERIES = [
  "",
  "limit=3",
  "name[contains]=7",
  "name=Lobby 77",
  "wire=rabid&limit=5&count=true",
  "order=name&limit=20",
  "order=-updated_at,name",
  "fields=id,name,seats&limit=7",
  "seats[gt]=900",
  "include=full,closed,in_game&limit=100",
];

let game = "";
let [ann, bob, eve] = [] as unknown as [Player, Player, Player];
beforeEach(async () => {
  freeOfCharge();
  game = newGame();
  [ann, bob, eve] = (await players(game, 3)) as [Player, Player, Player];
});

const sleep = (): Promise<void> => evictDurableObject(hubFor(game));

/** With a token, so that no cache answers. */
async function list(query: string): Promise<unknown> {
  const response = await ann.ask("GET", `lobbies?${query}`);
  expect([query, response.status]).toStrictEqual([query, 200]);
  return [response.headers.get("etag"), await response.json()];
}

async function fill(): Promise<Sidecar> {
  const north = await Sidecar.link(game);
  const names = Array.from({ length: COUNT }, (_, at) => `Lobby ${at}`);
  for (let at = 0; at < COUNT; at += 50)
    await north.report(...names.slice(at, at + 50).map((name) => hosts(name, `Host of ${name}`)));
  return north;
}

const spies = () => {
  const read = vi.spyOn(LobbyRows.prototype, "read");
  const readBlock = vi.spyOn(LobbyRows.prototype, "readBlock");
  return (): number[] => [read.mock.calls.length, readBlock.mock.calls.length];
};

describe("a hub that wakes", () => {
  test("answers every list as before, whichever is asked first", async () => {
    await fill();
    await list("");
    const before = await Promise.all(QUERIES.map(list));
    for (const [at, query] of QUERIES.entries()) {
      await sleep();
      expect(await list(query)).toStrictEqual(before[at]);
    }
    expect(await Promise.all(QUERIES.map(list))).toStrictEqual(before);
  });

  test("reads one lobby for one, and one block for the first page", async () => {
    const north = await fill();
    await sleep();
    const reads = spies();
    await north.report(joins("Lobby 7", "Bob"));
    expect(reads()).toStrictEqual([1, 0]);
    await list("limit=3");
    expect(reads()[0]).toBe(1);
    expect(reads()[1]).toBeLessThanOrEqual(2);
  });

  test("keeps what changed since in lists and by name", async () => {
    const north = await fill();
    await sleep();
    await list("limit=1");
    await north.report(leaves("Lobby 3", "Host of Lobby 3"), joins("Lobby 4", "Bob"), hosts("Lobby 500", "Ann"));
    const changed = await list("name[contains]=Lobby&limit=100&order=name");
    const rows = await lobbyRows(game);
    await sleep();
    expect(await list("name[contains]=Lobby&limit=100&order=name")).toStrictEqual(changed);
    expect(await lobbyRows(game)).toStrictEqual(rows);
    expect(rows).toHaveLength(COUNT);
    expect(await list("name=Lobby 4")).toMatchObject([{}, { lobbies: [{ member_count: 2 }] }]);
    expect(await list("name=Lobby 3")).toMatchObject([{}, { lobbies: [] }]);
  });

  test("finds lobbies by id, code and member, and ends members that stay silent", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const home = await ann.hosts({ name: "Home", visibility: "private" });
    await ann.hosts({ name: "Quiet" });
    await bob.enters(home.id, { code: home.join.code });
    await sleep();
    expect(await eve.refused("GET", `lobbies/${home.id}`)).toBe("lobby_not_found");
    await sleep();
    expect(await (await bob.ask("GET", "peers/me")).json()).toMatchObject({ seats: [{ lobby_id: home.id }] });
    await sleep();
    expect((await eve.joins(home.id, { code: home.join.code })).lobby.members).toHaveLength(3);
    await sleep();
    // Nobody gives a sign of life; the hub sleeps between its alarms.
    for (let alarms = 0; alarms < 8 && (await lobbyRows(game)).length > 0; alarms++) {
      await sleep();
      await timePasses(game, SILENT_MS);
    }
    expect(await lobbyRows(game)).toStrictEqual([]);
  });

  test("reads no lobby at an alarm that concerns none", async () => {
    await fill();
    await sleep();
    await inside(game, ({ storage }) => storage.setAlarm(Date.now() + 60_000));
    const reads = spies();
    expect(await runDurableObjectAlarm(hubFor(game))).toBe(true);
    expect(reads()).toStrictEqual([0, 0]);
    expect(await alarmOf(game)).toBeGreaterThan(Date.now());
  });

  test("knows rows that a version without heads wrote or changed", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"), hosts("Other", "Alice"), hosts("Third", "Alice"));
    await inside(game, ({ storage }) => {
      storage.sql.exec(`INSERT INTO lobbies (n, json)
        SELECT 100, replace(replace(json, 'Third', 'Fourth'), json ->> 'id', '0-aaaaaaaaaaaaaaaaaaaaaaaaaa')
        FROM lobbies WHERE json ->> 'name' = 'Third'`);
      storage.sql.exec(`INSERT INTO lobbies (n, json) SELECT n, replace(json, 'Nice', 'Renamed') FROM lobbies
        WHERE json ->> 'name' = 'Nice' ON CONFLICT (n) DO UPDATE SET json = excluded.json`);
      const heads = storage.sql.exec<{ head: string | null }>(`SELECT head FROM lobbies ORDER BY n`).toArray();
      expect(heads.map(({ head }) => head === null)).toStrictEqual([true, false, false, true]);
    });
    await sleep();
    const names = (found: unknown): string[] =>
      (found as [string, { lobbies: { name: string }[] }])[1].lobbies.map(({ name }) => name).toSorted();
    expect(names(await list(""))).toStrictEqual(["Fourth", "Other", "Renamed", "Third"]);
    await north.report(joins("Renamed", "Bob"), joins("Fourth", "Bob"), leaves("Other", "Alice"));
    await north.report(starts("Renamed", "Alice"));
    await sleep();
    expect(names(await list("include=in_game,full"))).toStrictEqual(["Fourth", "Renamed", "Third"]);
    expect((await lobbyRows(game)).map(({ name, members }) => [name, members.length])).toStrictEqual([
      ["Fourth", 2],
      ["Renamed", 2],
      ["Third", 1],
    ]);
  });
});
