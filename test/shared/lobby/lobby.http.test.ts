import { describe, expect, test } from "vitest";
import {
  APPLICANT_MS,
  APPLICANTS_PER_LOBBY_MAX,
  DATA_KEYS_MAX,
  SEAT_HELD_MS,
  SILENT_AWAY_MS,
  VACANT_MS,
} from "#shared/limits.ts";
import { deadline, restored, step } from "#shared/lobby/step.ts";
import type { Event } from "#shared/lobby/lobby.ts";
import {
  after,
  renews,
  hosts,
  sendsHeartbeat,
  joins,
  lobbyOf,
  noticesOf,
  leaves,
  peersOf,
  refused,
  still,
  T0,
  TICK,
} from "../support/lobbies.ts";
import {
  admits,
  changes,
  denies,
  enters,
  expels,
  timesOut,
  goes,
  transfersHost,
  isAlive,
  nativeLobbyOf,
  opens,
} from "../support/people.ts";

const refusal = (lobby: Parameters<typeof step>[0], event: Event, now = T0) => noticesOf(step(lobby, event, now));

describe("a seat", () => {
  test("is held after a join and freed without a heartbeat", () => {
    const lobby = after(nativeLobbyOf(["ann"], { seats: 2 }), enters("bob"));
    expect(lobby.members[1]).toMatchObject({ peer: "bob", held_until: T0 + SEAT_HELD_MS });
    expect(refusal(lobby, enters("eve"))).toStrictEqual(refused("lobby_full"));
    expect(deadline(lobby)).toBe(T0 + SEAT_HELD_MS);
    expect(peersOf(after(lobby, TICK, T0 + SEAT_HELD_MS - 1))).toStrictEqual(["ann", "bob"]);
    expect(peersOf(after(lobby, TICK, T0 + SEAT_HELD_MS))).toStrictEqual(["ann"]);
  });

  test("is kept after a heartbeat, and for a while after the member falls silent", () => {
    const lobby = nativeLobbyOf(["ann", "bob"]);
    expect(deadline(lobby)).toBeNull();
    const silent = after(lobby, timesOut("bob"), T0 + 5);
    expect(deadline(silent)).toBe(T0 + 5 + SILENT_AWAY_MS);
    const back = after(silent, enters("bob"), T0 + 6);
    expect([peersOf(back), deadline(back)]).toStrictEqual([["ann", "bob"], null]);
    expect(peersOf(after(silent, TICK, T0 + 5 + SILENT_AWAY_MS))).toStrictEqual(["ann"]);
  });

  test("is kept after a sidecar verified the member's ticket, and no other member's", () => {
    const lobby = after(nativeLobbyOf(["Alice"]), enters("Bob"));
    const shown = after(lobby, sendsHeartbeat("Bob"));
    expect(shown.members.map(({ held_until }) => held_until)).toStrictEqual([undefined, undefined]);
    expect(after(lobby, sendsHeartbeat("Eve"))).toBe(lobby);
    expect(after(shown, sendsHeartbeat("Bob"), T0 + 5)).toBe(shown);
  });

  test("cannot be taken over HTTP on a wire that admits only its own peers", () => {
    expect(refusal(lobbyOf(["Alice"]), enters("bob"))).toStrictEqual(refused("foreign_wire"));
  });

  test("on a foreign wire is not affected by an HTTP peer of the same name", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const acts = [goes("Bob"), isAlive("Bob"), timesOut("Alice")];
    for (const act of acts) expect(step(lobby, act, T0)).toStrictEqual({ lobby, notices: [] });
    const orders = [expels("Alice", "Bob"), changes("Alice", { seats: 2 })];
    for (const order of orders) expect(refusal(lobby, order)).toStrictEqual(refused("not_host"));
    expect(refusal(lobby, { kind: "close", by: "Alice" })).toStrictEqual(refused("not_host"));
    expect(refusal(lobby, transfersHost("Alice", "Bob", 1))).toStrictEqual(refused("not_member"));
  });

  test("over HTTP is not taken by a datagram with its name", () => {
    const lobby = nativeLobbyOf(["Alice", "Bob"]);
    expect(step(lobby, leaves("Bob"), T0).lobby).toBe(lobby);
    expect(step(lobby, renews("Bob"), T0).lobby).toBe(lobby);
    expect(refusal(lobby, joins("Bob"))).toStrictEqual(refused("name_in_use"));
    expect(refusal(lobby, hosts("Alice"))).toStrictEqual(refused("lobby_exists"));
  });
});

describe("a join", () => {
  test.each([
    ["a version that is not the lobby's", { version: "1.4" }, enters("bob", { version: "1.5" }), "version_mismatch"],
    ["no version", { version: "1.4" }, enters("bob"), "version_mismatch"],
    ["a locked door", { joinable: false }, enters("bob"), "lobby_closed"],
    ["a private lobby without its code", { visibility: "private" }, enters("bob"), "lobby_not_found"],
    ["a wrong code", { visibility: "private" }, enters("bob", { code: "ABCDEG" }), "lobby_not_found"],
  ] as const)("is closed: %s", (_, settings, event, code) => {
    expect(refusal(nativeLobbyOf(["ann"], { settings }), event)).toStrictEqual(refused(code));
  });

  test.each([
    [["webrtc"], ["udp"], false],
    [["udp"], ["webrtc"], false],
    [["udp", "webrtc"], ["webrtc"], true],
    [["udp", "webrtc"], ["udp"], true],
    [["udp"], undefined, true],
    [undefined, ["webrtc"], true],
  ] as const)("to a host with the paths %j by a peer with %j is accepted: %s", (hosting, joining, isAccepted) => {
    const lobby = nativeLobbyOf(["ann"], hosting && { paths: hosting });
    const event = enters("bob", joining && { paths: joining });
    if (!isAccepted) return expect(refusal(lobby, event)).toStrictEqual(refused("no_common_path"));
    expect(after(lobby, event).members.map(({ paths }) => paths)).toStrictEqual([hosting, joining]);
  });

  test("is refused before the host has to approve it, and an admitted applicant keeps its paths", () => {
    const lobby = nativeLobbyOf(["ann"], { paths: ["webrtc"], settings: { approval: true } });
    expect(refusal(lobby, enters("eve", { paths: ["udp"] }))).toStrictEqual(refused("no_common_path"));
    const admitted = after(after(lobby, enters("bob", { paths: ["webrtc"] })), admits("ann", "bob"));
    expect(admitted.members[1]).toMatchObject({ peer: "bob", paths: ["webrtc"] });
  });

  test("that is repeated announces new paths, as of a host that started again", () => {
    const lobby = nativeLobbyOf(["ann"], { paths: ["udp"] });
    const again = after(lobby, enters("ann", { paths: ["udp", "webrtc"] }));
    expect(again.members[0]).toMatchObject({ paths: ["udp", "webrtc"] });
    expect(after(again, enters("ann", { paths: ["udp", "webrtc"] }))).toBe(again);
    expect(after(again, enters("ann"))).toBe(again);
  });

  test("is accepted for the same version, with the code, and while the game runs", () => {
    const version = nativeLobbyOf(["ann"], { settings: { version: "1.4" } });
    expect(peersOf(after(version, enters("bob", { version: "1.4" })))).toStrictEqual(["ann", "bob"]);
    const secret = nativeLobbyOf(["ann"], { settings: { visibility: "private" } });
    expect(peersOf(after(secret, enters("bob", { code: "ABCDEF" })))).toStrictEqual(["ann", "bob"]);
    const playing = after(nativeLobbyOf(["ann"]), changes("ann", { in_game: true }));
    expect(peersOf(after(playing, enters("bob")))).toStrictEqual(["ann", "bob"]);
  });

  test("is refused while the host is away, and accepted after its heartbeat", () => {
    const silent = after(nativeLobbyOf(["ann"]), timesOut("ann"));
    expect(refusal(silent, enters("bob"))).toStrictEqual(refused("lobby_closed"));
    expect(peersOf(after(after(silent, isAlive("ann")), enters("bob")))).toStrictEqual(["ann", "bob"]);
  });

  test("is refused for a banned peer, and not for one that was only kicked", () => {
    const lobby = nativeLobbyOf(["ann", "bob"]);
    expect(refusal(after(lobby, expels("ann", "bob", true)), enters("bob"))).toStrictEqual(refused("kicked"));
    expect(peersOf(after(after(lobby, expels("ann", "bob")), enters("bob")))).toStrictEqual(["ann", "bob"]);
    expect(refusal(lobby, expels("bob", "ann"))).toStrictEqual(refused("not_host"));
  });
});

describe("with approval", () => {
  const lobby = nativeLobbyOf(["ann"], { settings: { approval: true }, seats: 2 });
  const asked = step(lobby, enters("bob", { display_name: "Bob", data: { skill: 3 } }), T0);
  const waiting = still(asked);

  test("a joiner waits without a seat, and only the host is notified", () => {
    expect(noticesOf(asked)).toStrictEqual([["ann", { kind: "applied", peer: "bob" }]]);
    expect([peersOf(waiting), waiting.applicants.map((a) => a.peer)]).toStrictEqual([["ann"], ["bob"]]);
    expect(step(waiting, enters("bob"), T0 + 1)).toStrictEqual({ lobby: waiting, notices: [] });
    expect(deadline(waiting)).toBe(T0 + APPLICANT_MS);
    expect(after(waiting, TICK, T0 + APPLICANT_MS).applicants).toStrictEqual([]);
  });

  test("an admitted applicant takes a free seat with its name and data", () => {
    const admitted = after(waiting, admits("ann", "bob"), T0 + 9);
    expect(admitted.members[1]).toMatchObject({ peer: "bob", display_name: "Bob", data: { skill: 3 } });
    expect([admitted.applicants, deadline(admitted)]).toStrictEqual([[], T0 + 9 + SEAT_HELD_MS]);
    const two = after(waiting, enters("eve"));
    const full = after(two, admits("ann", "eve"));
    expect(refusal(full, admits("ann", "bob"))).toStrictEqual(refused("lobby_full"));
  });

  test("a denied applicant is refused until its application would have expired", () => {
    const denied = after(waiting, denies("ann", "bob"), T0 + 9);
    expect(refusal(denied, enters("bob"), T0 + 10)).toStrictEqual(refused("not_admitted"));
    expect(after(denied, enters("bob"), T0 + APPLICANT_MS).applicants).toHaveLength(1);
  });

  test("an applicant may withdraw, and only the host decides", () => {
    expect(after(waiting, denies("bob", "bob")).applicants).toStrictEqual([]);
    expect(refusal(waiting, denies("eve", "bob"))).toStrictEqual(refused("not_host"));
    expect(refusal(waiting, admits("bob", "bob"))).toStrictEqual(refused("not_host"));
    expect(refusal(waiting, admits("ann", "eve"))).toStrictEqual(refused("applicant_not_found"));
  });

  test(`no more than ${APPLICANTS_PER_LOBBY_MAX} wait`, () => {
    const people = Array.from({ length: APPLICANTS_PER_LOBBY_MAX }, (_, at) => `peer ${at}`);
    const crowded = people.reduce((next, peer) => after(next, enters(peer)), lobby);
    expect(refusal(crowded, enters("bob"))).toStrictEqual(refused("too_many_applicants"));
  });
});

describe("what a host changes", () => {
  const lobby = nativeLobbyOf(["ann", "bob"]);

  test("is applied once, by the host alone, and only to the expected revision", () => {
    const patched = after(lobby, changes("ann", { display_name: "New", seats: 2 }, lobby.revision), T0 + 1);
    expect(patched).toMatchObject({ display_name: "New", seats: 2, revision: lobby.revision + 1, updated_at: T0 + 1 });
    expect(step(patched, changes("ann", { display_name: "New" }), T0 + 2).lobby).toBe(patched);
    expect(refusal(patched, changes("ann", { display_name: "Old" }, lobby.revision))).toStrictEqual(
      refused("precondition_failed"),
    );
    expect(refusal(lobby, changes("bob", { display_name: "Mine" }))).toStrictEqual(refused("not_host"));
    expect(refusal(lobby, changes("ann", { seats: 1 }))).toStrictEqual(refused("seats_taken"));
  });

  test("data is changed by a merge patch: parts of an entry, null removes a key", () => {
    const map = { value: "forest", visibility: "public", index: true } as const;
    const some = after(lobby, changes("ann", { data: { map, mode: { value: 1 } } }));
    const other = after(some, changes("ann", { data: { map: { value: "desert" }, mode: null } }));
    expect(other.data).toStrictEqual({ map: { ...map, value: "desert" } });
  });

  test("data beyond a limit, or an index on a private entry, is refused", () => {
    const tooMany = Object.fromEntries(Array.from({ length: DATA_KEYS_MAX + 1 }, (_, at) => [`k${at}`, { value: at }]));
    const indexed = Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`k${at}`, { value: at, index: true }]));
    const wrong = [
      tooMany,
      indexed,
      { a: { visibility: "member" } },
      { a: { value: 1, visibility: "member", index: true } },
      { a: { value: "x".repeat(129), index: true } },
      { a: { value: "ü".repeat(4_096) } },
    ] as const;
    for (const data of wrong) expect(refusal(lobby, changes("ann", { data }))).toStrictEqual(refused("data_limit"));
  });

  test("only the member itself changes its profile", () => {
    const dressed = after(lobby, { kind: "update_member", peer: "bob", display_name: "Bob", data: { hat: true } });
    expect(dressed.members[1]).toMatchObject({ display_name: "Bob", data: { hat: true } });
    expect(after(dressed, { kind: "update_member", peer: "bob", data: { hat: null } }).members[1]!.data).toStrictEqual(
      {},
    );
    expect(refusal(lobby, { kind: "update_member", peer: "eve" })).toStrictEqual(refused("not_member"));
    const rename = (peer: string, display_name: string): Event => ({ kind: "update_member", peer, display_name });
    expect(refusal(dressed, rename("ann", "B\u043Eb"))).toStrictEqual(refused("name_in_use"));
    expect(after(dressed, rename("bob", "BOB")).members[1]!.display_name).toBe("BOB");
    const much = { kind: "update_member", peer: "bob", data: { a: "x".repeat(4_096) } } as const;
    expect(refusal(lobby, much)).toStrictEqual(refused("data_limit"));
  });
});

describe("when the host leaves", () => {
  test("the next member by arrival hosts in a new term, and the old host gets `stale_term`", () => {
    const lobby = after(nativeLobbyOf(["ann", "bob", "cat"]), goes("ann"));
    expect(lobby).toMatchObject({ host: "bob", term: 2, former_hosts: ["ann"] });
    expect(refusal(lobby, changes("ann", { display_name: "x" }))).toStrictEqual(refused("stale_term"));
    expect(refusal(lobby, changes("eve", { display_name: "x" }))).toStrictEqual(refused("not_host"));
  });

  test("the lobby ends under the host policy `close`", () => {
    const lobby = nativeLobbyOf(["ann", "bob"], { settings: { host_policy: "close" } });
    const stepped = step(lobby, goes("ann"), T0);
    expect(stepped.lobby).toBeNull();
    expect(noticesOf(stepped)).toStrictEqual([
      ["ann", { kind: "removed", reason: "left" }],
      ["bob", { kind: "removed", reason: "closed" }],
    ]);
  });

  test("the lobby waits for a claim under the host policy `manual`, and then ends", () => {
    const lobby = nativeLobbyOf(["ann", "bob", "cat"], { settings: { host_policy: "manual" } });
    const vacant = after(lobby, goes("ann"), T0 + 1);
    expect(vacant).toMatchObject({ host: null, term: 2, vacant_since: T0 + 1, former_hosts: ["ann"] });
    expect(refusal(vacant, enters("eve"))).toStrictEqual(refused("lobby_closed"));
    expect(after(vacant, transfersHost("cat", "cat", 2), T0 + 2)).toMatchObject({
      host: "cat",
      term: 3,
      vacant_since: null,
    });
    expect(deadline(vacant)).toBe(T0 + 1 + VACANT_MS);
    expect(step(vacant, TICK, T0 + 1 + VACANT_MS).lobby).toBeNull();
  });

  test("a member can claim the role from an away host, and not from a present one", () => {
    const lobby = nativeLobbyOf(["ann", "bob"]);
    expect(refusal(lobby, transfersHost("bob", "bob", 1))).toStrictEqual(refused("host_present"));
    const silent = after(lobby, timesOut("ann"));
    expect(after(silent, transfersHost("bob", "bob", 1))).toMatchObject({ host: "bob", term: 2 });
    expect(refusal(silent, transfersHost("bob", "ann", 1))).toStrictEqual([]);
    expect(refusal(silent, transfersHost("eve", "eve", 1))).toStrictEqual(refused("not_member"));
  });

  test("the host transfers its role, and the second of two transfers is refused as stale", () => {
    const lobby = after(nativeLobbyOf(["ann", "bob", "cat"]), transfersHost("ann", "cat", 1));
    expect(lobby).toMatchObject({ host: "cat", term: 2, former_hosts: ["ann"] });
    expect(refusal(lobby, transfersHost("ann", "bob", 1))).toStrictEqual(refused("stale_term"));
    expect(refusal(lobby, transfersHost("bob", "ann", 2))).toStrictEqual(refused("not_host"));
    expect(refusal(lobby, transfersHost("cat", "eve", 2))).toStrictEqual(refused("member_not_found"));
    expect(after(lobby, transfersHost("cat", "ann", 2))).toMatchObject({ host: "ann", term: 3, former_hosts: ["cat"] });
  });
});

describe("a message", () => {
  const lobby = nativeLobbyOf(["ann", "bob", "cat"]);

  test("to all reaches all members and is not stored", () => {
    const stepped = step(lobby, { kind: "chat", by: "bob", text: "hi" }, T0);
    expect(stepped.lobby).toBe(lobby);
    const line = { kind: "chat", from: "bob", text: "hi" };
    expect(noticesOf(stepped)).toStrictEqual(["ann", "bob", "cat"].map((peer) => [peer, line]));
  });

  test("to one member reaches it alone", () => {
    const stepped = step(lobby, { kind: "signal", by: "bob", peer: "cat", body: "sdp" }, T0);
    expect(noticesOf(stepped)).toStrictEqual([["cat", { kind: "signal", from: "bob", body: "sdp" }]]);
  });

  test("of a non-member is refused", () => {
    expect(refusal(lobby, { kind: "chat", by: "eve", text: "hi" })).toStrictEqual(refused("not_member"));
    expect(refusal(lobby, { kind: "signal", by: "bob", peer: "eve", body: "" })).toStrictEqual(
      refused("member_not_found"),
    );
  });
});

test("a repeated create over HTTP returns the same lobby", () => {
  const lobby = nativeLobbyOf(["ann"]);
  expect(step(lobby, opens("ann"), T0).lobby).toBe(lobby);
  expect(refusal(lobby, opens("bob"))).toStrictEqual(refused("lobby_exists"));
});

describe("a stored row", () => {
  test("from before lobbies over HTTP takes the default of every field it lacks", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const { display_name, visibility, version, joinable, in_game, approval, host_policy, data, ...rest } = lobby;
    const { applicants, vacant_since, former_hosts, code, client_ref, revision, ...old } = rest;
    expect([display_name, visibility, version, joinable, in_game]).toStrictEqual([null, "public", null, true, false]);
    expect([approval, host_policy, data, applicants, vacant_since]).toStrictEqual([false, "automatic", {}, [], null]);
    expect([former_hosts, code, client_ref]).toStrictEqual([[], null, null]);
    expect(restored({ ...old, version: revision })).toStrictEqual(lobby);
  });

  test("of this version is restored as it is", () => {
    const native = nativeLobbyOf(["ann"], { display_name: "Ann", settings: { version: "1.4", display_name: "Nice" } });
    expect(restored(native)).toStrictEqual(native);
  });

  test("with the field names of 0.1.0 keeps its names, password, host policy, bans and former hosts", () => {
    const settings = { display_name: "Nice", host_policy: "manual", approval: true } as const;
    let lobby = nativeLobbyOf(["ann"], { display_name: "Ann", settings, password_digest: "digest" });
    for (const peer of ["bob", "cat"]) {
      lobby = after(lobby, enters(peer, { password_digest: "digest", display_name: `Player ${peer}` }));
      if (peer === "bob") lobby = after(after(lobby, admits("ann", "bob")), isAlive("bob"));
    }
    lobby = after(lobby, transfersHost("ann", "bob", 1));
    lobby = after(lobby, expels("bob", "ann", true));
    expect(lobby).toMatchObject({ former_hosts: ["ann"], banned: [{ peer: "ann" }], password_digest: "digest" });
    expect(lobby.applicants).toMatchObject([{ peer: "cat", display_name: "Player cat" }]);
    const old = JSON.parse(
      JSON.stringify(lobby)
        .replaceAll('"display_name"', '"title"')
        .replaceAll('"host_policy"', '"succession"')
        .replaceAll('"password_digest"', '"lock"')
        .replaceAll('"banned"', '"barred"')
        .replaceAll('"former_hosts"', '"deposed"'),
    ) as Parameters<typeof restored>[0];
    expect(old).toMatchObject({ title: "Nice", lock: "digest", succession: "manual", deposed: ["ann"] });
    expect(restored(old)).toStrictEqual(lobby);
  });
});
