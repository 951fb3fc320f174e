import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import {
  IDEMPOTENCY_KEPT_MS,
  IDEMPOTENT_RESPONSES_MAX,
  IDEMPOTENT_RESPONSES_PER_PEER_MAX,
  RATE_LIMIT_BUDGETS,
} from "#shared/limits.ts";
import { IdempotencyCache } from "../../../worker/hub/idempotency.ts";
import type { Outcome } from "../../../worker/rpc.ts";
import { alarmOf, hubFor, inside, lobbyRows, timePasses } from "../support/hub-inspector.ts";
import { freeOfCharge, LOBBY, Player } from "../support/player.ts";
import { problemOf, withTwoShards } from "../support/http-fixture.ts";
import { newGame } from "../support/sidecar.ts";
import { recordFigure } from "../../support/attack-figures.ts";

beforeEach(freeOfCharge);

const key = (word = '"first"') => ({ "idempotency-key": word });

type Heard = { status: number; body: string; replayed: string | null; location: string | null; etag: string | null };

async function heard(asked: Promise<Response>): Promise<Heard> {
  const response = await asked;
  const { status, headers } = response;
  const [replayed, location, etag] = ["idempotency-replayed", "location", "etag"].map((name) => headers.get(name));
  // A stored refusal is returned under the id of the request that repeats it.
  const body = (await response.text()).replace(/,"request_id":"[^"]+"/, "");
  return { status, body, replayed: replayed!, location: location!, etag: etag! };
}

const create = (peer: Player, word?: string, body: object = LOBBY): Promise<Heard> =>
  heard(peer.ask("POST", "lobbies", { body, headers: key(word) }));

describe("a retried request", () => {
  test("a retried request returns the same response and headers, and runs once", async () => {
    const alice = await Player.of(newGame());
    const first = await create(alice);
    expect([first.status, first.replayed]).toStrictEqual([201, null]);
    expect(await create(alice)).toStrictEqual({ ...first, replayed: "true" });
    expect(await create(alice, "first")).toStrictEqual({ ...first, replayed: "true" });
    expect(await lobbyRows(alice.game)).toHaveLength(1);
  });

  test("retried requests cost nothing of the rate limit, and refused ones are no exception", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.restoreAllMocks();
    const alice = await Player.of(newGame());
    const first = await create(alice);
    const { burst } = RATE_LIMIT_BUDGETS.create;
    for (let at = 0; at < 3 * burst; at++) expect(await create(alice)).toStrictEqual({ ...first, replayed: "true" });
    // All but the first one are left.
    for (let at = 1; at < burst; at++) expect((await create(alice, `key-${at}`)).status).toBe(201);
    expect((await create(alice, "key-last")).status).toBe(429);
    expect(await create(alice)).toStrictEqual({ ...first, replayed: "true" });
    const stranger = { body: { code: "ABCDEF" }, headers: key("join") };
    for (let at = 0; at < 3 * RATE_LIMIT_BUDGETS.join.burst; at++)
      expect(await alice.refused("POST", "join-by-code", stranger)).toBe("code_invalid");
  });

  test("two simultaneous requests with one key run once", async () => {
    const alice = await Player.of(newGame());
    const all = await Promise.all(Array.from({ length: 8 }, () => create(alice)));
    expect(new Set(all.map(({ body }) => body)).size).toBe(1);
    expect(all.filter(({ replayed }) => replayed === null)).toHaveLength(1);
    expect(await lobbyRows(alice.game)).toHaveLength(1);
  });

  test("a retried request runs once although the hub slept in between", async () => {
    const alice = await Player.of(newGame());
    const first = await create(alice);
    await evictDurableObject(hubFor(alice.game));
    expect(await create(alice)).toStrictEqual({ ...first, replayed: "true" });
    expect(await lobbyRows(alice.game)).toHaveLength(1);
  });

  test("a retried request returns the stored response after the lobby changed or ended", async () => {
    const alice = await Player.of(newGame());
    const first = await create(alice);
    const { lobby } = JSON.parse(first.body) as { lobby: { id: string } };
    await alice.ask("DELETE", `lobbies/${lobby.id}`);
    expect(await create(alice)).toStrictEqual({ ...first, replayed: "true" });
    expect(await alice.refused("GET", `lobbies/${lobby.id}`)).toBe("lobby_not_found");
  });

  test("a retried request returns the stored refusal", async () => {
    const alice = await Player.of(newGame());
    const guest = await Player.of(alice.game);
    const { id } = await alice.hosts({ password: "correct horse" });
    const join = () =>
      guest.ask("POST", `lobbies/${id}/members`, { body: { password: "wrong horse" }, headers: key() });
    const first = await heard(join());
    expect([first.status, JSON.parse(first.body)]).toMatchObject([403, { code: "password_mismatch" }]);
    expect(await heard(join())).toStrictEqual({ ...first, replayed: "true" });
  });

  test("a request runs again after ten minutes", async () => {
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

describe("a full table of responses", () => {
  /** The cache, and the keys of its rows. */
  function emptyTable() {
    const rows = new Map<string, { key: string; hash: string; at: number; outcome: Outcome<unknown> }>();
    const cache = new IdempotencyCache({
      responseAges: () => [],
      response: (id: string) => rows.get(id)!,
      saveResponse: (row) => void rows.set(row.key, row),
      deleteResponse: (id: string) => void rows.delete(id),
    });
    const put = (peer: string, at: number, source: string | null): void =>
      cache.put({ key: `${peer} ${at}`, hash: "h" }, source, { value: at }, at);
    return { cache, rows, put };
  }

  test("deletes the oldest response of the peer with the most if sources are unknown", () => {
    const { cache, rows, put } = emptyTable();
    put("honest", 0, null);
    const peers = Math.ceil(IDEMPOTENT_RESPONSES_MAX / IDEMPOTENT_RESPONSES_PER_PEER_MAX) + 2;
    for (let at = 1; at <= peers * IDEMPOTENT_RESPONSES_PER_PEER_MAX; at++) put(`greedy-${at % peers}`, at, null);
    expect([cache.size, rows.size]).toStrictEqual([IDEMPOTENT_RESPONSES_MAX, IDEMPOTENT_RESPONSES_MAX]);
    expect(cache.get({ key: "honest 0", hash: "h" }, 1)).toStrictEqual({ value: 0 });
  });

  test.for([
    ["IPv4", (at: number) => `198.51.${(at >> 8) % 16}.${at % 256}`, "203.0.113.7"],
    ["IPv6", (at: number) => `2001:db8:${at % 16}:${(at >> 4).toString(16)}::1`, "2001:db8:ffff::7"],
  ] as const)("deletes those of the networks with the most, however many peers they have: %s", (row, { task }) => {
    const [, greedy, honest] = row;
    const { cache, rows, put } = emptyTable();
    for (let at = 0; at < 50; at++) put("honest", at, honest);
    const count = IDEMPOTENT_RESPONSES_MAX + 2_000;
    for (let at = 50; at < count; at++) put(`greedy-${at}`, at, greedy(at));
    expect(rows.size).toBe(IDEMPOTENT_RESPONSES_MAX);
    const kept = Array.from({ length: 50 }, (_, at) => cache.get({ key: `honest ${at}`, hash: "h" }, 1));
    expect(kept.filter((outcome) => outcome !== undefined)).toHaveLength(50);
    recordFigure(task, {
      order: 23,
      attack: `${count} peers of 16 networks (/24 or /48) fill the table of stored responses`,
      before: "not measured",
      after: "theirs are deleted, 50 of 50 of an honest peer stay",
    });
  });
});

describe("an idempotency key", () => {
  test("a key is refused for another body or path", async () => {
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

  test("a key belongs to one peer", async () => {
    const alice = await Player.of(newGame());
    const first = await create(alice);
    const other = await create(await Player.of(alice.game));
    expect([other.status, other.replayed, other.body === first.body]).toStrictEqual([201, null, false]);
  });

  test.each(["", '""', "two words", "a\tb", 'a"b', "a".repeat(129)])("a key cannot be %j", async (word) => {
    const alice = await Player.of(newGame());
    const response = await alice.ask("POST", "lobbies", { body: LOBBY, headers: key(word) });
    expect(await problemOf(response)).toMatchObject({ code: "invalid_request" });
  });

  test("every join and every message accepts a key", async () => {
    const alice = await Player.of(newGame());
    const guest = await Player.of(alice.game);
    const {
      id,
      join: { code: join_code },
    } = await alice.hosts();
    const asked: [Player, string, object | undefined][] = [
      [guest, `lobbies/${id}/members`, {}],
      [guest, `lobbies/${id}/heartbeat`, undefined],
      [guest, `lobbies/${id}/chat`, { text: "hello" }],
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

  test("a key covers a quick join over several hubs", async () => {
    const alice = await Player.of(newGame(), withTwoShards);
    const body = { create_if_none: { ...LOBBY, seats: 8 } };
    const quick = () => heard(alice.ask("POST", "quick-join", { body, headers: key() }));
    const first = await quick();
    expect(first.status).toBe(201);
    expect(await quick()).toStrictEqual({ ...first, replayed: "true" });
  });
});
