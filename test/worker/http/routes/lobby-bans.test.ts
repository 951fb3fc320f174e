/** Bans of one lobby: every way back in, other peers of the same network, and the host's list. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { lobbyBanList } from "#shared/api/bans.ts";
import { BAN_NETWORK_MS } from "#shared/limits.ts";
import { ADMIN_KEYS } from "../../../support/keys.ts";
import { timePasses } from "../../support/hub-inspector.ts";
import { fits, freeOfCharge, Player } from "../../support/player.ts";
import { newGame, ORIGIN, worker } from "../../support/sidecar.ts";
import { EventsClient } from "../../support/subscriber.ts";

const HOME = "2001:db8:5:6::7";
const NEIGHBOUR = "2001:db8:5:6:ffff::1";
const ELSEWHERE = "198.51.100.7";

let game = "";
let ann: Player;
let eve: Player;
beforeEach(async () => {
  game = newGame();
  freeOfCharge();
  vi.useFakeTimers({ toFake: ["Date"] });
  [ann, eve] = [await Player.of(game, from("192.0.2.1")), await Player.of(game, from(HOME))];
});

/** A Worker that sees requests from this address. */
const from = (address: string) => (request: Request) => {
  const headers = new Headers(request.headers);
  headers.set("cf-connecting-ip", address);
  return worker(new Request(request, { headers }));
};

const bans = (host: Player, id: string, peer: string, message?: string): Promise<Response> =>
  host.ask("POST", `lobbies/${id}/bans`, { body: { peer_id: peer, ...(message !== undefined && { message }) } });

const membersOf = async (id: string): Promise<unknown[]> =>
  (await ann.sees(id)).members.map((member) => member.peer_id);

/** A lobby of Ann, from which Eve was banned. */
async function withoutEve(parts = {}): Promise<{ id: string; join_code: string }> {
  const {
    id,
    join: { code: join_code },
  } = await ann.hosts(parts);
  const { password } = parts as { password?: string };
  await eve.enters(id, password === undefined ? {} : { password });
  expect((await bans(ann, id, eve.id, "Cheating")).status).toBe(204);
  return { id, join_code: join_code! };
}

describe("a banned peer", () => {
  test("is refused each of its twelve ways back in", async () => {
    const {
      id,
      join: { code: join_code },
    } = await ann.hosts({ password: "hunter2" });
    const body = { password: "hunter2" };
    const key = { "idempotency-key": "first-join" };
    await eve.ask("POST", `lobbies/${id}/members`, { body, headers: key });
    await eve.beats(id);
    const socket = await EventsClient.greet(game, eve.token, { lobby: id });
    await socket.ask("subscribe", { topic: "lobby", lobby_id: id });
    await bans(ann, id, eve.id, "Cheating");
    expect((await socket.next("lobby.removed")).data).toMatchObject({ cause: "banned", message: "Cheating" });
    const keyed = await ann.ask("PUT", "lobbies/by-key/party", { body: { name: "Keyed", seats: 4 } });
    const keyed_id = (await keyed.json<{ lobby: { id: string } }>()).lobby.id;
    await eve.ask("PUT", "lobbies/by-key/party", { body: { name: "Keyed", seats: 4 } });
    await bans(ann, keyed_id, eve.id);
    const again = await Player.of(game, from(HOME));
    const neighbour = await Player.of(game, from(NEIGHBOUR));
    const elsewhere = eve.from(from(ELSEWHERE));

    const refused: Record<string, () => Promise<string>> = {
      "the same peer": () => eve.refused("POST", `lobbies/${id}/members`, { body }),
      "from another network": () => elsewhere.refused("POST", `lobbies/${id}/members`, { body }),
      "by the join code": () => eve.refused("POST", "join-by-code", { body: { ...body, code: join_code } }),
      "by the key": () => eve.refused("PUT", "lobbies/by-key/party", { body: { name: "Keyed", seats: 4 } }),
      "by quick join": () => eve.refused("POST", "quick-join", { body: {} }),
      "by quick join with a new identity": () => again.refused("POST", "quick-join", { body: {} }),
      "by a heartbeat": () => eve.refused("POST", `lobbies/${id}/heartbeat`),
      "by a message": () => eve.refused("POST", `lobbies/${id}/chat`, { body: { text: "hello" } }),
      "by connecting to a member": () =>
        eve.refused("POST", `lobbies/${id}/connections`, { body: { peer_id: ann.id } }),
      "by an invitation": () => eve.refused("POST", `lobbies/${id}/invitations`),
    };
    const codes: Record<string, string> = {};
    for (const [way, attempt] of Object.entries(refused)) codes[way] = await attempt();
    expect(codes).toStrictEqual({
      "the same peer": "kicked",
      "from another network": "kicked",
      "by the join code": "kicked",
      "by the key": "kicked",
      "by quick join": "no_open_lobby",
      "by quick join with a new identity": "no_open_lobby",
      "by a heartbeat": "not_member",
      "by a message": "not_member",
      "by connecting to a member": "not_member",
      "by an invitation": "not_member",
    });
    // A new identity on the same network, also at another of its addresses, waits for the host and gets no seat.
    for (const guise of [again, neighbour]) await guise.applies(id, body);
    expect((await ann.sees(id)).applicants).toMatchObject([{ near_ban: true }, { near_ban: true }]);
    // A repeated request gets the stored response of the first join, and no seat.
    await eve.ask("POST", `lobbies/${id}/members`, { body, headers: key });
    // A socket that reconnects is no member's.
    const reconnected = await EventsClient.greet(game, eve.token, { lobby: id });
    expect(await reconnected.ask("chat", { lobby_id: id, text: "hello" })).toMatchObject({ type: "error" });
    expect(await membersOf(id)).toStrictEqual([ann.id]);
    expect(await membersOf(keyed_id)).toStrictEqual([ann.id]);
  });

  test("is refused also after the hour in which its network counts", async () => {
    const { id } = await withoutEve();
    for (let passed = 0; passed < BAN_NETWORK_MS; passed += 20_000) {
      await timePasses(game, 20_000);
      await ann.beats(id);
    }
    expect(await eve.refused("POST", `lobbies/${id}/members`)).toBe("kicked");
    await (await Player.of(game, from(NEIGHBOUR))).joins(id);
  });
});

describe("a classmate in the same network", () => {
  test("is admitted by the host, and is then a member like any other", async () => {
    const { id } = await withoutEve();
    const classmate = await Player.of(game, from(NEIGHBOUR));
    await classmate.applies(id);
    expect((await ann.ask("POST", `lobbies/${id}/applicants/${classmate.id}/admit`)).status).toBe(200);
    await classmate.beats(id);
    expect(await membersOf(id)).toStrictEqual([ann.id, classmate.id]);
  });

  test("is admitted by a password that was set after the ban, and not by the one that the banned peer knows", async () => {
    const { id } = await withoutEve({ password: "hunter2" });
    const classmate = await Player.of(game, from(NEIGHBOUR));
    await classmate.applies(id, { password: "hunter2" });
    await ann.patches(id, { password: "correct horse" });
    await classmate.joins(id, { password: "correct horse" });
    expect(await membersOf(id)).toContain(classmate.id);
  });

  test("that was a member already keeps its seat, and peers of other networks join at once", async () => {
    const { id } = await ann.hosts();
    const classmate = await Player.of(game, from(NEIGHBOUR));
    await classmate.enters(id);
    await eve.enters(id);
    await bans(ann, id, eve.id);
    expect((await classmate.ask("POST", `lobbies/${id}/members`)).status).toBe(200);
    await (await Player.of(game, from(ELSEWHERE))).joins(id);
    await (await Player.of(game, from("2001:db8:5:7::1"))).joins(id);
    expect((await ann.sees(id)).members).toHaveLength(4);
  });

  test("joins every lobby with approval while operators' ban of a member is fresh", async () => {
    const { id } = await ann.hosts();
    await eve.enters(id);
    const member = { lobby_id: id, name: eve.id };
    const request = new Request(`${ORIGIN}/v1/admin/games/${game}/bans`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_KEYS[0]}`, "content-type": "application/json" },
      body: JSON.stringify({ member, message: "Cheating", moderator: "Op" }),
    });
    expect((await worker(request)).status).toBe(201);
    const { id: other } = await ann.hosts({ name: "Other" });
    expect(await eve.refused("POST", `lobbies/${other}/members`)).toBe("banned");
    await (await Player.of(game, from(NEIGHBOUR))).applies(other);
    await (await Player.of(game, from(ELSEWHERE))).joins(other);
  });
});

describe("the host's list", () => {
  test("names banned peers with the message and no address, the newest first", async () => {
    const { id } = await withoutEve();
    const stranger = await Player.of(game);
    await bans(ann, id, stranger.id);
    const { bans: list } = await fits(await ann.ask("GET", `lobbies/${id}/bans`), 200, lobbyBanList);
    const now = new Date().toISOString();
    const network_until = new Date(Date.now() + BAN_NETWORK_MS).toISOString();
    expect(list).toStrictEqual([
      { peer_id: stranger.id, name: stranger.id, banned_at: now, network_until: null },
      { peer_id: eve.id, name: eve.id, message: "Cheating", banned_at: now, network_until },
    ]);
  });

  test("a lifted ban admits the peer and its network again", async () => {
    const { id } = await withoutEve();
    expect((await ann.ask("DELETE", `lobbies/${id}/bans/${eve.id}`)).status).toBe(204);
    expect(await ann.refused("DELETE", `lobbies/${id}/bans/${eve.id}`)).toBe("ban_not_found");
    await eve.joins(id);
    await (await Player.of(game, from(NEIGHBOUR))).joins(id);
  });

  test("an applicant that is banned is denied, and its network counts", async () => {
    const { id } = await ann.hosts({ approval: true });
    await eve.applies(id);
    await bans(ann, id, eve.id);
    expect((await ann.sees(id)).applicants).toStrictEqual([]);
    expect(await eve.refused("POST", `lobbies/${id}/members`)).toBe("kicked");
  });

  test("only the host reads, adds and lifts bans, and a private lobby does not exist for others", async () => {
    const { id } = await withoutEve();
    const bob = await Player.of(game, from(ELSEWHERE));
    await bob.enters(id);
    expect(await bob.refused("GET", `lobbies/${id}/bans`)).toBe("not_host");
    expect(await bob.refused("DELETE", `lobbies/${id}/bans/${eve.id}`)).toBe("not_host");
    expect((await bans(bob, id, ann.id)).status).toBe(403);
    await ann.patches(id, { visibility: "private" });
    expect(await eve.refused("GET", `lobbies/${id}/bans`)).toBe("lobby_not_found");
  });
});
