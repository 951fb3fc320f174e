import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { IDEMPOTENCY_KEPT_MS } from "#shared/limits.ts";
import { alarmOf, hubFor, inside, lobbyRows, timePasses } from "../support/hub-inspector.ts";
import { freeOfCharge, LOBBY, Player } from "../support/player.ts";
import { problemOf, withTwoShards } from "../support/http-fixture.ts";
import { newGame } from "../support/sidecar.ts";

beforeEach(freeOfCharge);
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const key = (word = '"first"') => ({ "idempotency-key": word });

type Heard = { status: number; body: string; replayed: string | null; location: string | null; etag: string | null };

async function heard(asked: Promise<Response>): Promise<Heard> {
  const response = await asked;
  const { status, headers } = response;
  const [replayed, location, etag] = ["idempotency-replayed", "location", "etag"].map((name) => headers.get(name));
  return { status, body: await response.text(), replayed: replayed!, location: location!, etag: etag! };
}

const create = (peer: Player, word?: string, body: object = LOBBY): Promise<Heard> =>
  heard(peer.ask("POST", "lobbies", { body, headers: key(word) }));

describe("a request that is sent again under its key", () => {
  test("is answered alike, headers too, and done once", async () => {
    const alice = await Player.of(newGame());
    const first = await create(alice);
    expect([first.status, first.replayed]).toStrictEqual([201, null]);
    expect(await create(alice)).toStrictEqual({ ...first, replayed: "true" });
    expect(await create(alice, "first")).toStrictEqual({ ...first, replayed: "true" });
    expect(await lobbyRows(alice.game)).toHaveLength(1);
  });

  test("is done once although both come at the same moment", async () => {
    const alice = await Player.of(newGame());
    const all = await Promise.all(Array.from({ length: 8 }, () => create(alice)));
    expect(new Set(all.map(({ body }) => body)).size).toBe(1);
    expect(all.filter(({ replayed }) => replayed === null)).toHaveLength(1);
    expect(await lobbyRows(alice.game)).toHaveLength(1);
  });

  test("is done once although the hub has slept in between", async () => {
    const alice = await Player.of(newGame());
    const first = await create(alice);
    await evictDurableObject(hubFor(alice.game));
    expect(await create(alice)).toStrictEqual({ ...first, replayed: "true" });
    expect(await lobbyRows(alice.game)).toHaveLength(1);
  });

  test("is answered alike although the lobby has changed or is over", async () => {
    const alice = await Player.of(newGame());
    const first = await create(alice);
    const { lobby } = JSON.parse(first.body) as { lobby: { id: string } };
    await alice.ask("DELETE", `lobbies/${lobby.id}`);
    expect(await create(alice)).toStrictEqual({ ...first, replayed: "true" });
    expect(await alice.refused("GET", `lobbies/${lobby.id}`)).toBe("lobby_not_found");
  });

  test("is refused alike", async () => {
    const alice = await Player.of(newGame());
    const guest = await Player.of(alice.game);
    const { id } = await alice.hosts({ password: "correct horse" });
    const join = () =>
      guest.ask("POST", `lobbies/${id}/members`, { body: { password: "wrong horse" }, headers: key() });
    const first = await heard(join());
    expect([first.status, JSON.parse(first.body)]).toMatchObject([403, { code: "password_mismatch" }]);
    expect(await heard(join())).toStrictEqual({ ...first, replayed: "true" });
  });

  test("is new again after ten minutes", async () => {
    const alice = await Player.of(newGame());
    vi.useFakeTimers({ toFake: ["Date"] });
    const first = await create(alice);
    await timePasses(alice.game, IDEMPOTENCY_KEPT_MS);
    expect(
      await inside(alice.game, ({ storage }) => storage.sql.exec("SELECT id FROM answers").toArray()),
    ).toStrictEqual([]);
    expect(await alarmOf(alice.game)).toBe(null);
    const again = await create(await Player.of(alice.game));
    expect([again.status, again.replayed, again.body === first.body]).toStrictEqual([201, null, false]);
  });
});

describe("a key", () => {
  test("is not good for another request: another body, another path", async () => {
    const alice = await Player.of(newGame());
    const { body } = await create(alice);
    const { lobby } = JSON.parse(body) as { lobby: { id: string } };
    const others = [
      alice.ask("POST", "lobbies", { body: { ...LOBBY, name: "Other" }, headers: key() }),
      alice.ask("POST", `lobbies/${lobby.id}/heartbeat`, { headers: key() }),
    ];
    for (const other of await Promise.all(others)) {
      expect(other.headers.has("idempotency-replayed")).toBe(false);
      expect(await problemOf(other)).toMatchObject({ status: 422, code: "idempotency_mismatch" });
    }
  });

  test("is its peer's own", async () => {
    const alice = await Player.of(newGame());
    const first = await create(alice);
    const other = await create(await Player.of(alice.game));
    expect([other.status, other.replayed, other.body === first.body]).toStrictEqual([201, null, false]);
  });

  test.each(["", '""', "two words", "a\tb", 'a"b', "a".repeat(129)])("cannot be %j", async (word) => {
    const alice = await Player.of(newGame());
    const response = await alice.ask("POST", "lobbies", { body: LOBBY, headers: key(word) });
    expect(await problemOf(response)).toMatchObject({ code: "invalid_request" });
  });

  test("is taken by every way in and by everything that is said", async () => {
    const alice = await Player.of(newGame());
    const guest = await Player.of(alice.game);
    const { id, join_code } = await alice.hosts();
    const asked: [Player, string, object | undefined][] = [
      [guest, `lobbies/${id}/members`, {}],
      [guest, `lobbies/${id}/heartbeat`, undefined],
      [guest, `lobbies/${id}/messages`, { text: "hello" }],
      [guest, `lobbies/${id}/signals`, { to: alice.id, body: "offer" }],
      [guest, "join-by-code", { code: join_code }],
      [guest, "quick-join", {}],
    ];
    for (const [player, path, body] of asked) {
      const ask = () => heard(player.ask("POST", path, { headers: key(path), ...(body !== undefined && { body }) }));
      const first = await ask();
      expect([path, first.status < 300, first.replayed]).toStrictEqual([path, true, null]);
      expect([path, await ask()]).toStrictEqual([path, { ...first, replayed: "true" }]);
    }
  });

  test("holds for a quick join over several hubs", async () => {
    const alice = await Player.of(newGame(), withTwoShards);
    const body = { create_if_none: { ...LOBBY, seats: 8 } };
    const quick = () => heard(alice.ask("POST", "quick-join", { body, headers: key() }));
    const first = await quick();
    expect(first.status).toBe(201);
    expect(await quick()).toStrictEqual({ ...first, replayed: "true" });
  });
});
