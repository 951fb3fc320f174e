import { describe, expect, test } from "vitest";
import {
  removedEvent,
  removalCause,
  summaryChange,
  listEvent,
  memberEvents,
  personalEvent,
  type RemovedNotices,
  causeOf,
} from "#shared/subscriptions/change-events.ts";
import { step } from "#shared/lobby/step.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { type Removal, REMOVALS } from "#shared/refusals.ts";
import { after, goesAway, kicks, leaves, lobbyOf, POLICY, startedLobbyOf, T0 } from "../support/lobbies.ts";
import { enters, expels, timesOut, goes, isAlive, nativeLobbyOf } from "../support/people.ts";

const NOBODY: RemovedNotices = new Map();
const told = (peer: string, reason: Removal, detail?: string): RemovedNotices =>
  new Map([[peer, { kind: "removed", reason, ...(detail !== undefined && { detail }) }]]);
const kinds = (old: Lobby, next: Lobby, inside = true) =>
  memberEvents(old, next, NOBODY, inside).map(({ type, data }) => [
    type,
    "member" in data ? data.member.name : "name" in data ? data.name : data,
  ]);

describe("subscribers of a lobby receive", () => {
  test("a joined member, and as members also its data", () => {
    const old = nativeLobbyOf(["Alice"]);
    const next = after(old, enters("Bob", { display_name: "Bobby", data: { hero: "mage" } }));
    const [inside, outside] = [true, false].map((within) => memberEvents(old, next, NOBODY, within));
    expect(inside).toMatchObject([
      {
        type: "member.joined",
        data: { lobby_id: old.id, member: { peer_id: "Bob", name: "Bobby", state: "held", data: { hero: "mage" } } },
      },
    ]);
    expect(outside).toHaveLength(1);
    expect(JSON.stringify(outside)).not.toContain("mage");
  });

  test("a changed member, except for changes that only members see", () => {
    const old = nativeLobbyOf(["Alice", "Bob"]);
    const next = after(old, { kind: "update_member", peer: "Bob", data: { hero: "mage" } });
    expect(kinds(old, next)).toStrictEqual([["member.updated", "Bob"]]);
    expect(kinds(old, next, false)).toStrictEqual([]);
    expect(kinds(old, old)).toStrictEqual([]);
  });

  test("a member that goes away and returns", () => {
    const old = after(nativeLobbyOf(["Alice", "Bob"]), isAlive("Bob"));
    const away = after(old, timesOut("Bob"));
    expect(memberEvents(old, away, NOBODY, false)).toMatchObject([
      { type: "member.updated", data: { member: { state: "away" } } },
    ]);
    expect(memberEvents(away, after(away, isAlive("Bob")), NOBODY, false)).toMatchObject([
      { type: "member.updated", data: { member: { state: "present" } } },
    ]);
  });

  test("a member that left, the peer that caused it, and the new host", () => {
    const old = nativeLobbyOf(["Alice", "Bob", "Carol"]);
    const left = after(old, goes("Alice"));
    expect(memberEvents(old, left, NOBODY, true)).toStrictEqual([
      {
        type: "member.left",
        data: { lobby_id: old.id, peer_id: "Alice", name: "Alice", cause: "left", removed_by: "Alice" },
      },
      {
        type: "member.updated",
        data: { lobby_id: old.id, member: expect.objectContaining({ peer_id: "Bob", host: true }) },
      },
      {
        type: "lobby.host_changed",
        data: { lobby_id: old.id, host: "Bob", term: old.term + 1, cause: "left", snapshot_revision: null },
      },
    ]);
    const leaving = (next: Lobby, removals = told("Bob", "kicked")) => memberEvents(old, next, removals, true)[0]!.data;
    expect(leaving(after(old, expels("Alice", "Bob")))).toMatchObject({ cause: "kicked", removed_by: "Alice" });
    expect(leaving(after(old, expels("Alice", "Bob", true)))).toMatchObject({ cause: "banned", removed_by: "Alice" });
    const lost = { ...old, members: old.members.filter(({ peer }) => peer !== "Bob") };
    expect(leaving(lost, told("Bob", "member_timeout"))).toMatchObject({ cause: "timed_out", removed_by: null });
  });

  test("the reason of a kick, as members and as the kicked peer only", () => {
    const old = nativeLobbyOf(["Alice", "Bob"]);
    const next = after(old, expels("Alice", "Bob"));
    const removals = told("Bob", "kicked", "no walls there");
    const data = (inside: boolean) => memberEvents(old, next, removals, inside)[0]!.data;
    expect(data(true)).toMatchObject({ cause: "kicked", message: "no walls there" });
    expect(data(false)).toMatchObject({ cause: "kicked" });
    expect(data(false)).not.toHaveProperty("message");
    expect(removedEvent(old, next, "Bob", removals.get("Bob")!).data).toStrictEqual({
      lobby_id: old.id,
      cause: "kicked",
      removed_by: "Alice",
      message: "no walls there",
    });
  });

  test("the same on foreign wires, without peer ids", () => {
    const old = lobbyOf(["Alice", "Bob"]);
    expect(memberEvents(old, after(old, kicks("Bob")), NOBODY, false)).toStrictEqual([
      {
        type: "member.left",
        data: { lobby_id: old.id, peer_id: null, name: "Bob", cause: "banned", removed_by: null },
      },
    ]);
    expect(memberEvents(old, after(old, leaves("Bob")), NOBODY, false)).toMatchObject([{ data: { cause: "left" } }]);
    const away = after(lobbyOf(["Alice", "Dave"]), goesAway("south"));
    expect(memberEvents(away, after(away, leaves("Dave")), NOBODY, false)[0]).toMatchObject({
      data: { cause: "timed_out" },
    });
  });

  test("the cause of a change of the host", () => {
    const old = nativeLobbyOf(["Alice", "Bob"], { settings: { host_policy: "manual" } });
    const hand = (by: string, peer: string, lobby: Lobby): Lobby =>
      after(lobby, { kind: "transfer_host", by, peer, expected_term: lobby.term });
    const cause = (before: Lobby, next: Lobby) =>
      memberEvents(before, next, NOBODY, true).find(({ type }) => type === "lobby.host_changed")?.data;
    expect(cause(old, hand("Alice", "Bob", old))).toMatchObject({ cause: "transferred", host: "Bob" });
    const vacant = after(old, goes("Alice"));
    expect(cause(old, vacant)).toMatchObject({ cause: "vacant", host: null });
    expect(cause(vacant, hand("Bob", "Bob", vacant))).toMatchObject({ cause: "claimed", host: "Bob" });
    const silent = after(old, timesOut("Alice"));
    expect(cause(silent, hand("Bob", "Bob", silent))).toMatchObject({ cause: "claimed", host: "Bob" });
  });
});

describe("subscribers of a list receive", () => {
  const all = (): boolean => true;

  test("additions, changes and removals that match their filter", () => {
    const old = nativeLobbyOf(["Alice"]);
    const next = after(old, enters("Bob"));
    const change = summaryChange(old, next, NOBODY, T0)!;
    expect(listEvent(change, all)).toMatchObject({ type: "lobby.updated", data: { lobby: { member_count: 2 } } });
    expect(listEvent(change, ({ member_count }) => member_count > 1)).toMatchObject({ type: "lobby.added" });
    expect(listEvent(change, ({ member_count }) => member_count < 2)).toMatchObject({
      type: "lobby.removed",
      data: { cause: "filtered" },
    });
    expect(listEvent(change, () => false)).toBeNull();
    expect(listEvent(summaryChange(null, old, NOBODY, T0)!, all)).toMatchObject({ type: "lobby.added" });
  });

  test("no event of lobbies that lists do not show", () => {
    const hidden = nativeLobbyOf(["Alice"], { settings: { visibility: "unlisted" } });
    expect(summaryChange(null, hidden, NOBODY, T0)).toBeNull();
    expect(summaryChange(hidden, null, NOBODY, T0)).toBeNull();
  });

  test("the cause of a removal", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const gone = (old: Lobby, next: Lobby | null = null, removals = NOBODY, now = T0) =>
      listEvent({ ...summaryChange(old, next, removals, now)!, next: null }, all)!.data;
    expect(gone(lobby)).toMatchObject({ cause: "closed" });
    expect(gone(lobby, null, told("Alice", "banned"))).toMatchObject({ cause: "closed_by_operator" });
    expect(gone(lobby, null, NOBODY, T0 + POLICY.lifetime_ms!)).toMatchObject({ cause: "timed_out" });
    expect(gone(startedLobbyOf(["Alice", "Bob"]))).toMatchObject({ cause: "started" });
    expect(gone(nativeLobbyOf(["Alice"]), null, told("Alice", "member_timeout"))).toMatchObject({
      cause: "timed_out",
    });
    const native = nativeLobbyOf(["Alice", "Bob"]);
    expect(gone(native, after(native, timesOut("Alice")))).toMatchObject({ cause: "timed_out" });
    expect(removalCause(lobby, { ...lobby, visibility: "private" }, NOBODY, T0)).toBe("filtered");
  });

  test("the cause `started`, if their filter omits running games", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const started = step(lobby, { kind: "start", source: lobby.members[0]!.source! }, T0).lobby!;
    const news = listEvent(summaryChange(lobby, started, NOBODY, T0)!, ({ state }) => state === "open");
    expect(news).toMatchObject({ type: "lobby.removed", data: { cause: "started" } });
  });
});

test("personal notices have their own events, and notices that views contain have none", () => {
  const heard = (notice: Parameters<typeof personalEvent>[1]) => personalEvent("0-a", notice);
  expect(heard({ kind: "chat", from: "Bob", text: "hi" })).toStrictEqual({
    type: "chat",
    data: { lobby_id: "0-a", from: "Bob", text: "hi" },
  });
  expect(heard({ kind: "signal", from: "Bob", body: "{}" })).toMatchObject({
    type: "signal",
    data: { from: "Bob", body: "{}" },
  });
  expect(heard({ kind: "applied", peer: "Carol" })).toMatchObject({
    type: "member.applied",
    data: { peer_id: "Carol" },
  });
  expect(heard({ kind: "admitted" })).toMatchObject({ type: "member.admitted" });
  expect(heard({ kind: "denied" })).toMatchObject({ type: "member.denied" });
  expect(heard({ kind: "roster", peers: ["Bob"] })).toBeNull();
  expect(heard({ kind: "removed", reason: "left" })).toBeNull();
});

test("every removal has a public cause", () => {
  const causes = REMOVALS.map(causeOf);
  expect(new Set(causes)).toStrictEqual(
    new Set(["left", "kicked", "closed_by_operator", "timed_out", "started", "closed"]),
  );
});
