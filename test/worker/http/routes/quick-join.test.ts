import { beforeEach, describe, expect, test, vi } from "vitest";
import { joined, type QuickJoinRequest } from "#shared/api/lobbies.ts";
import { canonicalCode, shardOfId } from "#shared/lobby/ids.ts";
import { withTwoShards } from "../../support/http-fixture.ts";
import { fits, freeOfCharge, LOBBY, Player, players } from "../../support/player.ts";
import { newGame, hosts, Sidecar } from "../../support/sidecar.ts";

let game = "";
let ann: Player;
let bob: Player;
beforeEach(async () => {
  game = newGame();
  freeOfCharge();
  [ann, bob] = (await players(game, 2)) as [Player, Player];
});

describe("joining by code", () => {
  test("a code finds listed and unlisted lobbies in any spelling", async () => {
    for (const visibility of ["public", "unlisted", "private"] as const) {
      const {
        id,
        join: { code: join_code },
      } = await ann.hosts({ visibility, password: "hunter2" });
      const typed = `${join_code!.slice(0, 2)} ${join_code!.slice(2).toLowerCase()}`;
      const response = await bob.ask("POST", "join-by-code", { body: { code: typed, password: "hunter2" } });
      expect((await fits(response, 201, joined)).lobby.id).toBe(id);
    }
  });

  test("a code is refused if it is unknown or malformed, or the password is wrong", async () => {
    const {
      join: { code: join_code },
    } = await ann.hosts({ password: "hunter2" });
    const other = join_code!.startsWith("2") ? `3${join_code!.slice(1)}` : `2${join_code!.slice(1)}`;
    for (const code of [other, "ABCDE", "ABCDE0", "ABCDEFG"]) {
      expect([code, await bob.refused("POST", "join-by-code", { body: { code } })]).toStrictEqual([
        code,
        "code_invalid",
      ]);
    }
    expect(await bob.refused("POST", "join-by-code", { body: { code: join_code } })).toBe("password_mismatch");
    expect(await bob.refused("POST", "join-by-code", { body: {} })).toBe("invalid_request");
  });

  test("after too many wrong codes even the right one is refused", async () => {
    vi.restoreAllMocks();
    const {
      join: { code: join_code },
    } = await ann.hosts();
    const wrong = join_code!.startsWith("2") ? `3${join_code!.slice(1)}` : `2${join_code!.slice(1)}`;
    // Joining is rate limited too; here only wrong codes count.
    vi.useFakeTimers({ toFake: ["Date"] });
    const codes: string[] = [];
    for (let guesses = 0; guesses < 20; guesses++) {
      vi.setSystemTime(Date.now() + 1_000);
      codes.push(await bob.refused("POST", "join-by-code", { body: { code: wrong } }));
    }
    vi.setSystemTime(Date.now() + 1_000);
    codes.push(await bob.refused("POST", "join-by-code", { body: { code: join_code } }));
    vi.setSystemTime(Date.now() + 60_000);
    expect((await bob.ask("POST", "join-by-code", { body: { code: join_code } })).status).toBe(201);
    vi.useRealTimers();
    expect(codes.filter((code) => code === "code_invalid").length).toBeLessThanOrEqual(13);
    expect(codes.at(-1)).toBe("rate_limited");
  });
});

describe("quick join", () => {
  const quick = async (who: Player, body: QuickJoinRequest = {}) =>
    (await fits(await who.ask("POST", "quick-join", { body }), 201, joined)).lobby;

  test("quick join joins a lobby that matches, and no other", async () => {
    await ann.hosts({ data: { map: "desert" }, data_rules: { map: { index: true } } });
    const { id } = await ann.hosts({ data: { map: "forest" }, data_rules: { map: { index: true } } });
    expect((await quick(bob, { filter: { "data[map]": "forest" } })).id).toBe(id);
    const none = { body: { filter: { "data[map]": "swamp" } } };
    expect(await bob.refused("POST", "quick-join", none)).toBe("no_open_lobby");
    const wrong = { body: { filter: { "data[map][like]": "swamp" } } };
    expect(await bob.refused("POST", "quick-join", wrong)).toBe("invalid_request");
  });

  test("quick join skips lobbies that are locked, full, of another version or wire, or with approval", async () => {
    const [cat, dan] = (await players(game, 2)) as [Player, Player];
    await ann.hosts({ password: "hunter2" });
    await ann.hosts({ version: "1.4" });
    await ann.hosts({ approval: true });
    await ann.hosts({ joinable: false });
    await cat.hosts({ visibility: "unlisted" });
    const { id } = await cat.hosts({ seats: 2 });
    await dan.enters(id);
    const north = await Sidecar.link(game);
    await north.report(hosts("Nice", "Alice"));
    expect(await bob.refused("POST", "quick-join", { body: {} })).toBe("no_open_lobby");
    expect((await quick(bob, { version: "1.4" })).version).toBe("1.4");
    north.close();
  });

  test("quick join skips lobbies whose host has no path in common, and lists show the host's paths", async () => {
    await ann.hosts({ paths: ["udp"] });
    expect(await bob.refused("POST", "quick-join", { body: { paths: ["webrtc"] } })).toBe("no_open_lobby");
    const { id, paths } = await ann.hosts({ paths: ["udp", "webrtc"] });
    expect(paths).toStrictEqual(["udp", "webrtc"]);
    expect(await bob.refused("POST", "quick-join", { body: { filter: { udp: "false" } } })).toBe("no_open_lobby");
    const lobby = await quick(bob, { paths: ["webrtc"], filter: { webrtc: "true" } });
    expect([lobby.id, lobby.paths]).toStrictEqual([id, ["udp", "webrtc"]]);
    expect(lobby.members.map((member) => member.paths)).toStrictEqual([["udp", "webrtc"], ["webrtc"]]);
  });

  test("quick join creates a lobby if none matches, and the next peer joins it", async () => {
    const made = await quick(ann, { create_if_none: LOBBY });
    expect([made.host, made.member_count]).toStrictEqual([ann.id, 1]);
    expect((await quick(bob, { create_if_none: LOBBY })).id).toBe(made.id);
  });

  test("quick join never returns the peer's own lobby", async () => {
    const own = await Promise.all([1, 2, 3, 4].map(() => ann.hosts()));
    expect(await ann.refused("POST", "quick-join", { body: {} })).toBe("no_open_lobby");
    const { id } = await bob.hosts();
    expect((await quick(ann)).id).toBe(id);
    // A lobby in which it is a guest is returned again.
    expect(await (await ann.ask("POST", "quick-join", { body: {} })).json()).toMatchObject({ lobby: { id } });
    expect(own.map((lobby) => lobby.id)).not.toContain(id);
  });

  test("a retried quick join with its key joins once over two shards", async () => {
    const many = await Player.ofBothShards(game);
    const made = await Promise.all(many.map((who) => who.hosts({ seats: 2 })));
    expect(made.map(({ id }) => shardOfId(id))).toStrictEqual([0, 1]);
    const guest = await Player.of(game, withTwoShards);
    const init = { headers: { "idempotency-key": "q" }, body: {} };
    const first = await guest.ask("POST", "quick-join", init);
    const again = await guest.ask("POST", "quick-join", init);
    expect([first.status, again.status, again.headers.get("idempotency-replayed")]).toStrictEqual([201, 201, "true"]);
    expect(await again.json()).toStrictEqual(await first.json());
    const other = { ...init, body: { filter: { name: "Other" } } };
    expect(await guest.refused("POST", "quick-join", other)).toBe("idempotency_mismatch");
  });
});

test("codes of many lobbies differ and use unambiguous letters", async () => {
  const many = await players(game, 10);
  const made = await Promise.all(many.flatMap((who) => Array.from({ length: 4 }, () => who.hosts())));
  const codes = made.map(({ join }) => join.code!);
  expect(new Set(codes).size).toBe(40);
  for (const code of codes) expect(canonicalCode(code)).toBe(code);
  expect(codes.join("")).not.toMatch(/[IO01]/);
});
