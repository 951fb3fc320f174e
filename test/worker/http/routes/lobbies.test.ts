import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { lobbyPatch, type LobbyView, joined, lobby } from "#shared/api/lobbies.ts";
import { LOBBIES_PER_HUB_MAX, LOBBIES_PER_PEER_MAX } from "#shared/limits.ts";
import { shardOfId } from "#shared/lobby/ids.ts";
import { LobbyIndex } from "../../../../worker/hub/lobby-index.ts";
import { verify } from "../../../../worker/auth/tokens.ts";
import { env } from "cloudflare:workers";
import { hubFor, lobbyRows } from "../../support/hub-inspector.ts";
import { problemOf, withTwoShards } from "../../support/http-fixture.ts";
import { fits, freeOfCharge, LOBBY, Player, players, rosterOf, said } from "../../support/player.ts";
import { homeOf, hosts, newGame, ORIGIN, Sidecar, worker } from "../../support/sidecar.ts";

let game = "";
let ann: Player;
let bob: Player;
beforeEach(async () => {
  game = newGame();
  freeOfCharge();
  [ann, bob] = (await players(game, 2)) as [Player, Player];
});

const stranger = (path: string, init?: RequestInit) => worker(new Request(`${ORIGIN}/v1/games/${game}/${path}`, init));

describe("creating a lobby", () => {
  test("a new lobby has a host, a join code and a ticket, and is listed", async () => {
    const response = await ann.ask("POST", "lobbies", {
      body: {
        ...LOBBY,
        version: "1.4",
        member_name: "Ann",
        member_data: { hat: "red" },
        data: { map: "forest", seed: 7, mode: "ffa" },
        data_rules: { map: { index: true }, seed: { visibility: "private" } },
      },
    });
    const etag = response.headers.get("etag");
    const location = response.headers.get("location");
    const { lobby: made, member, session_ticket } = await fits(response, 201, joined);
    expect(made).toMatchObject({
      name: "Nice",
      wire: "native",
      state: "open",
      member_count: 1,
      seats: 4,
      version: "1.4",
    });
    expect(made).toMatchObject({ host: ann.id, term: 1, revision: 1, join: { wire: "native" }, visibility: "public" });
    expect(made.join.code).toMatch(/^[2-9A-HJ-NP-Z]{6}$/);
    expect(made.data).toStrictEqual({ map: "forest", seed: 7, mode: "ffa" });
    expect(made.data_rules?.["mode"]).toStrictEqual({ visibility: "public", index: false });
    expect(member).toMatchObject({ peer_id: ann.id, name: "Ann", host: true, state: "present", data: { hat: "red" } });
    expect([etag, location]).toStrictEqual(['"v1"', `/v1/games/${game}/lobbies/${made.id}`]);
    expect(await verify(env, session_ticket!, Date.now())).toMatchObject({
      purpose: "session",
      game,
      lobby: made.id,
      peer: ann.id,
    });
    const list = await (await stranger("lobbies?data[map]=forest&version=1.4")).json();
    expect(list).toMatchObject({ lobbies: [{ id: made.id, data: { map: "forest" } }] });
  });

  test("creating without a token or with another game's token is refused", async () => {
    const body = JSON.stringify(LOBBY);
    const headers = { "content-type": "application/json" };
    const response = await stranger("lobbies", { method: "POST", body, headers });
    expect(response.headers.get("www-authenticate")).toContain("Bearer");
    expect(await problemOf(response)).toMatchObject({ code: "unauthorized" });
    const guest = await Player.of(newGame());
    expect(await guest.in(game).refused("POST", "lobbies", { body: LOBBY })).toBe("unauthorized");
  });

  test.each([
    ["no name", { seats: 4 }],
    ["one seat", { ...LOBBY, seats: 1 }],
    ["too many seats", { ...LOBBY, seats: 129 }],
    ["a text for a number", { ...LOBBY, seats: "4" }],
    ["a control character", { ...LOBBY, name: "a\u0000b" }],
    ["a change of direction", { ...LOBBY, name: "a\u202Eb" }],
    ["blank ends", { ...LOBBY, name: " a" }],
    ["a long name", { ...LOBBY, name: "a".repeat(65) }],
    ["half a character", '{"name":"\\ud800","seats":4}'],
    ["a key that pollutes", `{"name":"a","seats":4,"data":{"__proto__":1}}`],
    ["a number that is none", `{"name":"a","seats":4,"data":{"a":1e999}}`],
    ["a name twice", `{"name":"a","name":"b","seats":4}`],
    ["too deep", `{"name":"a","seats":4,"x":${"[".repeat(9)}${"]".repeat(9)}}`],
    ["no JSON", `{"name":`],
    ["no object", `[]`],
  ])("creating is refused: %s", async (_, body) => {
    expect(await ann.refused("POST", "lobbies", { body })).toBe("invalid_request");
    expect(await stranger("lobbies").then((list) => list.json())).toMatchObject({ lobbies: [] });
  });

  test.each([
    ["a body that is too large", "body_too_large", { body: { ...LOBBY, more: "x".repeat(16_384) } }],
    ["another type", "unsupported_media_type", { body: LOBBY, headers: { "content-type": "text/plain" } }],
    [
      "too much data",
      "data_limit",
      { body: { ...LOBBY, data: { a: "x", b: 1 }, data_rules: { b: { visibility: "member", index: true } } } },
    ],
    [
      "too much member data",
      "data_limit",
      {
        body: {
          ...LOBBY,
          member_data: Object.fromEntries(Array.from({ length: 5 }, (_, at) => [`k${at}`, "x".repeat(1_000)])),
        },
      },
    ],
  ] as const)("creating is refused: %s", async (_, code, init) => {
    expect(await ann.refused("POST", "lobbies", init)).toBe(code);
  });

  test(`a peer may host ${LOBBIES_PER_PEER_MAX} lobbies; a new one with the same client_ref replaces the old one`, async () => {
    const first = await ann.hosts({ client_ref: "mine" });
    for (let more = 1; more < LOBBIES_PER_PEER_MAX; more++) await ann.hosts();
    expect(await ann.refused("POST", "lobbies", { body: LOBBY })).toBe("quota_exceeded");
    const second = await ann.hosts({ client_ref: "mine" });
    expect(second.id).not.toBe(first.id);
    expect(await ann.refused("GET", `lobbies/${first.id}`)).toBe("lobby_not_found");
    expect(await lobbyRows(game)).toHaveLength(LOBBIES_PER_PEER_MAX);
    await bob.hosts({ client_ref: "mine" });
    expect((await ann.sees(second.id)).host).toBe(ann.id);
  });

  test("a full hub refuses new lobbies but admits members to existing ones", async () => {
    const { id } = await ann.hosts();
    vi.spyOn(LobbyIndex.prototype, "size", "get").mockReturnValue(LOBBIES_PER_HUB_MAX);
    const response = await bob.ask("POST", "lobbies", { body: LOBBY });
    expect([response.status, response.headers.get("retry-after")]).toStrictEqual([503, "60"]);
    expect(await problemOf(response)).toMatchObject({ code: "hub_full" });
    expect(await bob.refused("PUT", "lobbies/by-key/room", { body: LOBBY })).toBe("hub_full");
    await bob.enters(id);
  });

  test("a retried create makes one lobby, and its key is refused for another request", async () => {
    const init = { body: LOBBY, headers: { "idempotency-key": "one" } };
    const first = await ann.ask("POST", "lobbies", init);
    const again = await ann.ask("POST", "lobbies", init);
    expect([again.status, again.headers.get("idempotency-replayed")]).toStrictEqual([201, "true"]);
    expect(await again.json()).toStrictEqual(await first.json());
    expect(await lobbyRows(game)).toHaveLength(1);
    const other = { ...init, body: { ...LOBBY, seats: 8 } };
    expect(await ann.refused("POST", "lobbies", other)).toBe("idempotency_mismatch");
  });
});

describe("reading a lobby", () => {
  const DATA = {
    data: { open: 1, ours: 2, mine: 3 },
    data_rules: { ours: { visibility: "member" }, mine: { visibility: "private" } },
  } as const;

  test("non-member, member and host see different fields under different ETags, and get 304", async () => {
    const {
      id,
      join: { code: join_code },
    } = await ann.hosts(DATA);
    await bob.enters(id);
    const keys = async (response: Response) => Object.keys((await fits(response, 200, lobby)).data);
    const answers = [
      await stranger(`lobbies/${id}`),
      await bob.ask("GET", `lobbies/${id}`),
      await ann.ask("GET", `lobbies/${id}`),
    ];
    const tags = answers.map(({ headers }) => headers.get("etag"));
    expect(tags).toStrictEqual(['"v3-s"', '"v3-m"', '"v3"']);
    expect(await Promise.all(answers.map((answer) => keys(answer.clone())))).toStrictEqual([
      ["open"],
      ["open", "ours"],
      ["open", "ours", "mine"],
    ]);
    const codes = await Promise.all(answers.map(async (answer) => (await answer.json<LobbyView>()).join.code));
    expect(codes).toStrictEqual([undefined, join_code, join_code]);
    const again = await bob.ask("GET", `lobbies/${id}`, { headers: { "if-none-match": '"v3-m"' } });
    expect([again.status, await again.text()]).toStrictEqual([304, ""]);
    expect(answers.map(({ headers }) => headers.get("vary")?.toLowerCase())).toStrictEqual(
      Array(3).fill("authorization"),
    );
    expect(answers[1]!.headers.get("cache-control")).toBe("private, no-cache");
  });

  test("a private lobby is hidden from non-members, and refusals do not reveal it", async () => {
    const { id } = await ann.hosts({ visibility: "private" });
    expect((await stranger(`lobbies/${id}`)).status).toBe(404);
    for (const [method, path, body] of [
      ["GET", `lobbies/${id}`],
      ["PATCH", `lobbies/${id}`, { name: "Mine" }],
      ["DELETE", `lobbies/${id}`],
      ["POST", `lobbies/${id}/members`, {}],
      ["POST", `lobbies/${id}/heartbeat`],
      ["POST", `lobbies/${id}/chat`, { text: "hi" }],
      ["PUT", `lobbies/${id}/host`, { peer_id: bob.id, expected_term: 1 }],
      ["DELETE", `lobbies/${id}/members/${ann.id}`],
      ["POST", `lobbies/${id}/applicants/${bob.id}/admit`],
      ["POST", `lobbies/${id}/bans`, { peer_id: ann.id }],
    ] as const) {
      const code = await bob.refused(method, path, body === undefined ? {} : { body });
      expect([method, path, code]).toStrictEqual([method, path, "lobby_not_found"]);
    }
    expect(await stranger("lobbies?include=full,closed,in_game").then((list) => list.json())).toMatchObject({
      lobbies: [],
    });
  });

  test("a foreign wire's lobby says how to join it, and cannot be joined or changed over HTTP", async () => {
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    const [{ id } = { id: "" }] = await lobbyRows(game);
    const view = await ann.sees(id);
    expect(view).toMatchObject({ wire: "rabid", host: null, join: { wire: "rabid", session: "Nice" } });
    const { address, port } = homeOf("Alice");
    expect(JSON.stringify(view)).not.toMatch(new RegExp(`${address.replaceAll(".", String.raw`\.`)}|${port}`));
    expect(await ann.refused("POST", `lobbies/${id}/members`, { body: {} })).toBe("foreign_wire");
    expect(await ann.refused("PATCH", `lobbies/${id}`, { body: { name: "Mine" } })).toBe("not_host");
    expect(await ann.refused("DELETE", `lobbies/${id}`)).toBe("not_host");
    expect(await ann.refused("POST", `lobbies/${id}/heartbeat`)).toBe("not_member");
    expect(await ann.refused("POST", `lobbies/${id}/chat`, { body: { text: "hi" } })).toBe("not_member");
  });
});

describe("changing a lobby", () => {
  test("a patch merges: absent fields stay, null removes", async () => {
    const data = { map: "forest", mode: "ffa", round: 1 };
    const { id } = await ann.hosts({ version: "1.4", password: "hunter2", data, data_rules: { map: { index: true } } });
    const view = await ann.patches(id, {
      name: "Nicer",
      version: null,
      password: null,
      state: "in_game",
      data: { map: "desert", mode: null },
    });
    expect(view).toMatchObject({
      name: "Nicer",
      version: null,
      has_password: false,
      state: "in_game",
      seats: 4,
      revision: 2,
    });
    expect(view.data).toStrictEqual({ map: "desert", round: 1 });
    expect(view.data_rules).toStrictEqual({
      map: { visibility: "public", index: true },
      round: { visibility: "public", index: false },
    });
    const plain = await ann.patches(id, { data: { map: "moon" }, data_rules: { round: { visibility: "member" } } });
    expect(plain.data).toStrictEqual({ map: "moon", round: 1 });
    expect(plain.data_rules).toStrictEqual({
      map: { visibility: "public", index: true },
      round: { visibility: "member", index: false },
    });
    expect(await stranger("lobbies").then((list) => list.json())).toMatchObject({ lobbies: [] });
    expect(await ann.patches(id, { state: "open" })).toMatchObject({ state: "open", revision: 4 });
    expect(await stranger("lobbies").then((list) => list.json())).toMatchObject({ lobbies: [{ id, name: "Nicer" }] });
  });

  test("a patch with what the host has read changes nothing, whatever the lobby's settings", async () => {
    const { id } = await ann.hosts({
      version: "1.4",
      relay: "never",
      consent: "ask",
      data: { map: "forest", seed: 7 },
      data_rules: { map: { index: true }, seed: { visibility: "private" } },
    });
    const { seat_expires_at: _, ...before }: Record<string, unknown> = await ann.sees(id);
    const settable = Object.keys(lobbyPatch.fields).filter((field) => field !== "password");
    expect(settable.filter((field) => !Object.hasOwn(before, field))).toStrictEqual([]);
    const { seat_expires_at: __, ...after } = await ann.patches(
      id,
      Object.fromEntries(settable.map((field) => [field, before[field]])),
    );
    expect(after).toStrictEqual(before);
  });

  test("a rule of null resets its key, and a removed key loses its rule", async () => {
    const rule = { visibility: "private" } as const;
    const { id } = await ann.hosts({ data: { a: 1, b: 2 }, data_rules: { a: rule, b: rule } });
    const view = await ann.patches(id, { data: { b: null }, data_rules: { a: null } });
    expect(view.data_rules).toStrictEqual({ a: { visibility: "public", index: false } });
    expect((await ann.patches(id, { data: { b: 3 } })).data_rules?.["b"]).toStrictEqual({
      visibility: "public",
      index: false,
    });
  });

  test("a patch with an outdated If-Match is refused", async () => {
    const { id } = await ann.hosts();
    const first = await ann.ask("PATCH", `lobbies/${id}`, { body: { name: "A" }, headers: { "if-match": '"v1"' } });
    expect([first.status, first.headers.get("etag")]).toStrictEqual([200, '"v2"']);
    for (const tag of ['"v1"', '"v3"', 'W/"v2"', '"nothing"', "v2"]) {
      const init = { body: { name: "B" }, headers: { "if-match": tag } };
      expect([tag, await ann.refused("PATCH", `lobbies/${id}`, init)]).toStrictEqual([tag, "precondition_failed"]);
    }
    expect(await ann.patches(id, { name: "C" }, { "if-match": '"v7", "v2"' })).toMatchObject({ name: "C" });
    expect(await ann.patches(id, { name: "D" }, { "if-match": "*" })).toMatchObject({ name: "D", revision: 4 });
    expect(await ann.refused("DELETE", `lobbies/${id}`, { headers: { "if-match": '"v1"' } })).toBe(
      "precondition_failed",
    );
  });

  test("only the host may change its lobby", async () => {
    const { id } = await ann.hosts({ seats: 2 });
    await bob.enters(id);
    expect(await bob.refused("PATCH", `lobbies/${id}`, { body: { name: "Mine" } })).toBe("not_host");
    expect(await ann.refused("PATCH", `lobbies/${id}`, { body: { seats: 1 } })).toBe("invalid_request");
    const [, , eve] = (await players(game, 3)) as [Player, Player, Player];
    await ann.patches(id, { seats: 3 });
    await eve.enters(id);
    expect(await ann.refused("PATCH", `lobbies/${id}`, { body: { seats: 2 } })).toBe("seats_taken");
    const wrong = { data_rules: { a: { visibility: "member" } } };
    expect(await ann.refused("PATCH", `lobbies/${id}`, { body: wrong })).toBe("data_limit");
    const plain = { body: { name: "x" }, headers: { "content-type": "text/plain" } };
    const response = await ann.ask("PATCH", `lobbies/${id}`, plain);
    expect(response.headers.get("accept-patch")).toBe("application/merge-patch+json");
    expect(await ann.refused("PATCH", `lobbies/0-${"a".repeat(26)}`, { body: {} })).toBe("lobby_not_found");
    expect(await ann.refused("PATCH", "lobbies/nothing", { body: {} })).toBe("lobby_not_found");
  });

  test("a changed lobby survives a sleep of the hub", async () => {
    const {
      id,
      join: { code: join_code },
    } = await ann.hosts({
      password: "hunter2",
      data: { map: "forest" },
      data_rules: { map: { index: true } },
    });
    await bob.enters(id, { password: "hunter2" });
    const before = await ann.sees(id);
    await evictDurableObject(hubFor(game));
    expect(await ann.sees(id)).toStrictEqual({ ...before, seat_expires_at: expect.any(String) });
    const [eve] = (await players(game, 1)) as [Player];
    const body = { code: join_code, password: "hunter2" };
    expect((await eve.ask("POST", "join-by-code", { body })).status).toBe(201);
    expect(await ann.patches(id, { name: "Later" })).toMatchObject({ name: "Later", member_count: 3 });
  });
});

test("the host ends a lobby, and everything of it is gone", async () => {
  const {
    id,
    join: { code: join_code },
  } = await ann.hosts();
  await bob.enters(id);
  expect(await bob.refused("DELETE", `lobbies/${id}`)).toBe("not_host");
  expect((await ann.ask("DELETE", `lobbies/${id}`)).status).toBe(204);
  expect(await ann.refused("DELETE", `lobbies/${id}`)).toBe("lobby_not_found");
  expect(await bob.refused("POST", "join-by-code", { body: { code: join_code } })).toBe("code_invalid");
  expect(await lobbyRows(game)).toStrictEqual([]);
});

describe("create or join by key", () => {
  const put = (who: Player, body: object = LOBBY) => who.ask("PUT", "lobbies/by-key/arena-7", { body });

  test("the first peer hosts the lobby of a key, later ones join", async () => {
    const { lobby: made } = await fits(await put(ann), 201, joined);
    const { lobby: found } = await fits(await put(bob), 201, joined);
    expect([found.id, rosterOf(found)]).toStrictEqual([made.id, [`${ann.id} present`, `${bob.id} held`]]);
    expect((await fits(await put(ann), 200, joined)).lobby.id).toBe(made.id);
    expect((await fits(await put(bob), 200, joined)).lobby.member_count).toBe(2);
  });

  test("the password of a key's lobby is the first peer's", async () => {
    await put(ann, { ...LOBBY, password: "hunter2" });
    expect(await bob.refused("PUT", "lobbies/by-key/arena-7", { body: LOBBY })).toBe("password_mismatch");
    expect((await put(bob, { ...LOBBY, password: "hunter2" })).status).toBe(201);
  });

  test("a private lobby is found by its key and code only", async () => {
    const { lobby: made } = await fits(await put(ann, { ...LOBBY, visibility: "private" }), 201, joined);
    expect(await bob.refused("POST", `lobbies/${made.id}/members`)).toBe("lobby_not_found");
    expect((await fits(await put(bob), 201, joined)).lobby.id).toBe(made.id);
  });

  test("simultaneous requests with one key meet in one lobby", async () => {
    const many = await players(game, 4);
    const answers = await Promise.all(many.map(async (who) => fits(await put(who), 201, joined)));
    expect(new Set(answers.map(({ lobby: found }) => found.id)).size).toBe(1);
  });

  test("an invalid key is refused", async () => {
    expect(await ann.refused("PUT", "lobbies/by-key/-x", { body: LOBBY })).toBe("invalid_request");
  });
});

test("over two shards each peer has a home shard, and ids and codes find lobbies", async () => {
  const many = [...(await Player.ofBothShards(game)), ...(await Player.ofBothShards(game))];
  const made = await Promise.all(many.map((who) => who.hosts()));
  expect(made.map(({ id }) => shardOfId(id))).toStrictEqual([0, 1, 0, 1]);
  for (const [
    at,
    {
      id,
      join: { code: join_code },
    },
  ] of made.entries()) {
    const guest = many[(at + 1) % many.length]!;
    const { lobby: found } = await fits(
      await guest.ask("POST", "join-by-code", { body: { code: join_code } }),
      201,
      joined,
    );
    expect(found.id).toBe(id);
  }
  const list = await withTwoShards(new Request(`${ORIGIN}/v1/games/${game}/lobbies?limit=100`));
  expect((await list.json<{ lobbies: unknown[] }>()).lobbies).toHaveLength(4);
});

// Last, because it checks the responses of all tests above.
test("no response contains a password or its digest", () => {
  expect(said.some((text) => text.includes('"has_password":true'))).toBe(true);
  expect(said.filter((text) => /hunter2|pbkdf2/.test(text))).toStrictEqual([]);
});
