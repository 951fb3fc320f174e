import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test } from "vitest";
import { joined, member } from "#shared/api/lobbies.ts";
import { APPLICANTS_PER_LOBBY_MAX } from "#shared/limits.ts";
import { hubFor } from "../../support/hub-inspector.ts";
import { fits, freeOfCharge, type Player, players, rosterOf } from "../../support/player.ts";
import { newGame } from "../../support/sidecar.ts";

let game = "";
let ann: Player;
let bob: Player;
let eve: Player;
beforeEach(async () => {
  game = newGame();
  freeOfCharge();
  [ann, bob, eve] = (await players(game, 3)) as [Player, Player, Player];
});

describe("joining", () => {
  test("a joiner has a held place until it is heard, and a repeated join returns the same", async () => {
    const { id } = await ann.hosts();
    const {
      lobby,
      member: seat,
      heartbeat_s,
    } = await bob.joins(id, { member_name: "Bob", member_data: { hat: true } });
    expect(rosterOf(lobby)).toStrictEqual([`${ann.id} present`, `${bob.id} held`]);
    expect([seat.name, seat.data, heartbeat_s]).toStrictEqual(["Bob", { hat: true }, 10]);
    const again = await bob.ask("POST", `lobbies/${id}/members`, { body: {} });
    expect(rosterOf((await fits(again, 200, joined)).lobby)).toHaveLength(2);
    await bob.beats(id);
    expect(rosterOf(await bob.sees(id))).toStrictEqual([`${ann.id} present`, `${bob.id} present`]);
  });

  test("a join may have an empty body", async () => {
    const { id } = await ann.hosts();
    expect((await bob.ask("POST", `lobbies/${id}/members`)).status).toBe(201);
  });

  test.each([
    ["the wrong password", "password_mismatch", { password: "hunter2" }, { password: "hunter3" }],
    ["no password", "password_mismatch", { password: "hunter2" }, {}],
    ["another version", "version_mismatch", { version: "1.4" }, { version: "1.5" }],
    ["no version", "version_mismatch", { version: "1.4" }, {}],
    ["no path to the host", "no_common_path", { paths: ["webrtc"] }, { paths: ["udp"] }],
    ["an unknown kind of path", "invalid_request", {}, { paths: ["pigeon"] }],
    ["a locked door", "lobby_closed", { joinable: false }, {}],
    ["a wrong code", "lobby_not_found", { visibility: "private" }, { code: "ABCDEF" }],
    ["a name with a line in it", "invalid_request", {}, { member_name: "a\nb" }],
    [
      "too much member data",
      "data_limit",
      {},
      { member_data: Object.fromEntries(["a", "b", "c", "d", "e"].map((key) => [key, "x".repeat(1_000)])) },
    ],
  ] as const)("a join is refused with %s", async (_, code, made, body) => {
    const { id } = await ann.hosts(made);
    expect(await bob.refused("POST", `lobbies/${id}/members`, { body })).toBe(code);
  });

  test("a join needs the password in any Unicode form, the version and the code", async () => {
    const {
      id,
      join: { code: join_code },
    } = await ann.hosts({ password: "caf\u00e9", version: "1.4", visibility: "private" });
    const body = {
      password: "cafe\u0301",
      version: "1.4",
      code: ` ${join_code!.slice(0, 3).toLowerCase()}-${join_code!.slice(3)}`,
    };
    await bob.joins(id, body);
  });

  test("a lobby is full when all places are taken or held, also for simultaneous joins", async () => {
    const { id } = await ann.hosts({ seats: 4 });
    const many = await players(game, 6);
    const answers = await Promise.all(many.map((who) => who.ask("POST", `lobbies/${id}/members`, { body: {} })));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toStrictEqual([201, 201, 201, 409, 409, 409]);
    expect(await bob.refused("POST", `lobbies/${id}/members`)).toBe("lobby_full");
  });

  test("a peer may be a member of a limited number of lobbies", async () => {
    const hosts = await players(game, 5);
    const made = await Promise.all(hosts.flatMap((who) => Array.from({ length: 4 }, () => who.hosts())));
    for (const { id } of made.slice(0, 16)) await bob.joins(id);
    expect(await bob.refused("POST", `lobbies/${made[16]!.id}/members`)).toBe("quota_exceeded");
    expect((await bob.ask("POST", `lobbies/${made[0]!.id}/members`)).status).toBe(200);
  });

  test("a retried join with its key joins once", async () => {
    const { id } = await ann.hosts();
    const init = { headers: { "idempotency-key": '"two"' }, body: {} };
    const first = await bob.ask("POST", `lobbies/${id}/members`, init);
    await evictDurableObject(hubFor(game));
    const again = await bob.ask("POST", `lobbies/${id}/members`, init);
    expect([first.status, again.status, again.headers.get("idempotency-replayed")]).toStrictEqual([201, 201, "true"]);
    expect(await again.json()).toStrictEqual(await first.json());
  });
});

describe("lobbies with approval", () => {
  test("an applicant waits, is admitted, and gets the free place", async () => {
    const { id } = await ann.hosts({ approval: true });
    const { lobby_id, expires_at } = await bob.applies(id, { member_name: "Bob" });
    expect([lobby_id, Date.parse(expires_at) > Date.now()]).toStrictEqual([id, true]);
    expect((await ann.sees(id)).applicants).toMatchObject([{ peer_id: bob.id, name: "Bob" }]);
    expect((await bob.sees(id)).applicants).toBeUndefined();
    expect(await eve.refused("POST", `lobbies/${id}/applicants/${bob.id}/admit`)).toBe("not_host");
    await evictDurableObject(hubFor(game));
    expect((await ann.ask("POST", `lobbies/${id}/applicants/${bob.id}/admit`)).status).toBe(200);
    const answer = await bob.ask("POST", `lobbies/${id}/members`, { body: {} });
    expect((await fits(answer, 200, joined)).member).toMatchObject({ name: "Bob", state: "present" });
  });

  test(`an application after ${APPLICANTS_PER_LOBBY_MAX} others is refused`, async () => {
    const { id } = await ann.hosts({ approval: true });
    for (const waiting of await players(game, APPLICANTS_PER_LOBBY_MAX)) await waiting.applies(id);
    expect(await bob.refused("POST", `lobbies/${id}/members`, { body: {} })).toBe("too_many_applicants");
  });

  test("an applicant is denied and notified, or withdraws", async () => {
    const { id } = await ann.hosts({ approval: true });
    await bob.applies(id);
    await eve.applies(id);
    expect((await ann.ask("POST", `lobbies/${id}/applicants/${bob.id}/deny`)).status).toBe(204);
    expect(await bob.refused("POST", `lobbies/${id}/members`)).toBe("not_admitted");
    expect((await eve.ask("POST", `lobbies/${id}/applicants/${eve.id}/withdraw`)).status).toBe(204);
    expect((await ann.sees(id)).applicants).toStrictEqual([]);
    expect(await ann.refused("POST", `lobbies/${id}/applicants/${eve.id}/admit`)).toBe("applicant_not_found");
    expect(await ann.refused("POST", `lobbies/${id}/applicants/${eve.id}/deny`)).toBe("applicant_not_found");
  });
});

describe("members", () => {
  test("a member changes only its own entry by a merge patch", async () => {
    const { id } = await ann.hosts();
    await bob.enters(id, { member_data: { hat: "red", side: 1 } });
    const patch = await bob.ask("PATCH", `lobbies/${id}/members/${bob.id}`, {
      body: { name: "Bob", data: { hat: null, side: 2 } },
    });
    expect(await fits(patch, 200, member)).toMatchObject({ name: "Bob", data: { side: 2 } });
    expect(await ann.refused("PATCH", `lobbies/${id}/members/${bob.id}`, { body: { name: "Fool" } })).toBe(
      "not_member",
    );
    expect(await eve.refused("PATCH", `lobbies/${id}/members/${eve.id}`, { body: { name: "Eve" } })).toBe("not_member");
    const much = { data: Object.fromEntries(["a", "b", "c", "d", "e"].map((key) => [key, "x".repeat(1_000)])) };
    expect(await bob.refused("PATCH", `lobbies/${id}/members/${bob.id}`, { body: much })).toBe("data_limit");
  });

  test("a member leaves, and the last one ends the lobby", async () => {
    const { id } = await ann.hosts();
    await bob.enters(id);
    expect((await bob.ask("DELETE", `lobbies/${id}/members/${bob.id}`)).status).toBe(204);
    expect(await bob.refused("DELETE", `lobbies/${id}/members/${bob.id}`)).toBe("member_not_found");
    expect(rosterOf(await ann.sees(id))).toStrictEqual([`${ann.id} present`]);
    expect((await ann.ask("DELETE", `lobbies/${id}/members/${ann.id}`)).status).toBe(204);
    expect(await ann.refused("GET", `lobbies/${id}`)).toBe("lobby_not_found");
  });

  test("a kicked member may come back, a banned one may not", async () => {
    const { id } = await ann.hosts();
    await bob.enters(id);
    await eve.enters(id);
    expect(await bob.refused("DELETE", `lobbies/${id}/members/${eve.id}`)).toBe("not_host");
    expect((await ann.ask("DELETE", `lobbies/${id}/members/${bob.id}`)).status).toBe(204);
    await bob.enters(id);
    expect(await ann.refused("POST", `lobbies/${id}/bans`, { body: { peer_id: "bob" } })).toBe("invalid_request");
    expect((await ann.ask("POST", `lobbies/${id}/bans`, { body: { peer_id: bob.id } })).status).toBe(204);
    await evictDurableObject(hubFor(game));
    expect(await bob.refused("POST", `lobbies/${id}/members`)).toBe("kicked");
    expect(await ann.refused("DELETE", `lobbies/${id}/members/nobody`)).toBe("member_not_found");
    expect(await ann.refused("DELETE", `lobbies/${id}/members/${bob.id}`)).toBe("member_not_found");
  });

  test("chat reaches members only, and a text that is too long reaches nobody", async () => {
    const { id } = await ann.hosts();
    await bob.enters(id);
    const say = (who: Player, body: object) => who.ask("POST", `lobbies/${id}/chat`, { body });
    expect((await say(bob, { text: "hello" })).status).toBe(204);
    expect(await eve.refused("POST", `lobbies/${id}/chat`, { body: { text: "hello" } })).toBe("not_member");
    expect(await bob.refused("POST", `lobbies/${id}/chat`, { body: { text: "" } })).toBe("invalid_request");
    expect(await bob.refused("POST", `lobbies/${id}/chat`, { body: { text: "x".repeat(4_097) } })).toBe(
      "invalid_request",
    );
    const signal = (to: string, text: string) => ({ body: { to, body: text } });
    expect((await bob.ask("POST", `lobbies/${id}/signals`, signal(ann.id, "x".repeat(8_192)))).status).toBe(204);
    expect(await bob.refused("POST", `lobbies/${id}/signals`, signal(ann.id, "x".repeat(8_193)))).toBe(
      "invalid_request",
    );
    expect(await bob.refused("POST", `lobbies/${id}/signals`, signal(eve.id, "sdp"))).toBe("member_not_found");
    expect(await eve.refused("POST", `lobbies/${id}/signals`, signal(ann.id, "sdp"))).toBe("not_member");
    expect((await ann.sees(id)).revision).toBe(3);
  });
});

describe("hosts", () => {
  const hand = (who: Player, id: string, to: Player, expected_term: number) =>
    who.ask("PUT", `lobbies/${id}/host`, { body: { peer_id: to.id, expected_term } });
  const handRefused = (who: Player, id: string, to: Player, expected_term: number) =>
    who.refused("PUT", `lobbies/${id}/host`, { body: { peer_id: to.id, expected_term } });

  test("a host transfers its role; afterwards only the new host may act", async () => {
    const { id } = await ann.hosts();
    await bob.enters(id);
    await eve.enters(id);
    expect((await hand(ann, id, bob, 1)).status).toBe(200);
    expect(await bob.sees(id)).toMatchObject({ host: bob.id, term: 2 });
    await evictDurableObject(hubFor(game));
    expect(await ann.refused("PATCH", `lobbies/${id}`, { body: { name: "Still mine" } })).toBe("stale_term");
    expect(await ann.refused("DELETE", `lobbies/${id}`)).toBe("stale_term");
    expect(await handRefused(ann, id, eve, 1)).toBe("stale_term");
    expect(await handRefused(eve, id, ann, 2)).toBe("not_host");
    expect(await handRefused(eve, id, eve, 2)).toBe("host_present");
    expect(await bob.patches(id, { name: "Now mine" })).toMatchObject({ name: "Now mine" });
  });

  test("the next member hosts after the host left", async () => {
    const { id } = await ann.hosts();
    await bob.enters(id);
    await eve.enters(id);
    await ann.ask("DELETE", `lobbies/${id}/members/${ann.id}`);
    expect(await bob.sees(id)).toMatchObject({ host: bob.id, term: 2 });
  });

  test("the first member to claim hosts after the host left", async () => {
    const { id } = await ann.hosts({ host_policy: "manual" });
    await bob.enters(id);
    await eve.enters(id);
    await ann.ask("DELETE", `lobbies/${id}/members/${ann.id}`);
    expect(await bob.sees(id)).toMatchObject({ host: null, term: 2 });
    expect(await ann.refused("POST", `lobbies/${id}/members`)).toBe("lobby_closed");
    const answers = await Promise.all([hand(bob, id, bob, 2), hand(eve, id, eve, 2)]);
    expect(new Set(answers.map(({ status }) => status))).toStrictEqual(new Set([200, 409]));
    expect(await bob.sees(id)).toMatchObject({ term: 3 });
  });

  test("the lobby ends when the host leaves", async () => {
    const { id } = await ann.hosts({ host_policy: "close" });
    await bob.enters(id);
    await ann.ask("DELETE", `lobbies/${id}/members/${ann.id}`);
    expect(await bob.refused("GET", `lobbies/${id}`)).toBe("lobby_not_found");
  });

  test("the host role cannot be transferred to a peer that is not present", async () => {
    const { id } = await ann.hosts();
    await bob.joins(id);
    expect(await handRefused(ann, id, eve, 1)).toBe("member_not_found");
    expect(await handRefused(ann, id, bob, 1)).toBe("member_timeout");
    expect(await handRefused(eve, id, eve, 1)).toBe("not_member");
    expect(await ann.refused("PUT", `lobbies/${id}/host`, { body: { peer_id: bob.id } })).toBe("invalid_request");
  });
});
