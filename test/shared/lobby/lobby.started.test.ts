import { describe, expect, test } from "vitest";
import { currentNotice } from "#shared/lobby/transitions.ts";
import { deadline, step } from "#shared/lobby/step.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import type { Notice } from "#shared/lobby/notices.ts";
import {
  after,
  renews,
  confirms,
  from,
  goesAway,
  noticesOf,
  HOME,
  hosts,
  isLost,
  joins,
  kicks,
  leaves,
} from "../support/lobbies.ts";
import { type Person, POLICY, refused, startedLobbyOf, starts, T0, TICK, lobbyOf } from "../support/lobbies.ts";

describe("starting", () => {
  test("introduces all members to each other by arrival, in one step", () => {
    const stepped = step(lobbyOf(["Alice", "Bob", "Dave"]), starts(), T0 + 10);
    expect(stepped.lobby).toMatchObject({ state: "started", started_at: T0 + 10, updated_at: T0 + 10, revision: 4 });
    expect(noticesOf(stepped)).toStrictEqual([
      ["Alice", introduced("Alice", "Bob", "Dave")],
      ["Bob", introduced("Alice", "Bob", "Dave")],
      ["Dave", introduced("Alice", "Bob", "Dave")],
    ]);
    expect(stepped.notices).toMatchObject([{ source: HOME.Alice }, { source: HOME.Bob }, { source: HOME.Dave }]);
  });

  test("is allowed to the host alone, by its endpoint", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    for (const source of [HOME.Bob, HOME.Eve, from(1, 7_001)]) {
      const stepped = step(lobby, starts(source), T0);
      expect(stepped.lobby).toBe(lobby);
      expect(noticesOf(stepped)).toStrictEqual(refused("not_host"));
    }
  });

  test("is refused with one member", () => {
    const lobby = lobbyOf(["Alice"]);
    const stepped = step(lobby, starts(), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(noticesOf(stepped)).toStrictEqual(refused("too_few_players"));
  });

  test("a repeated start gets no notice", () => {
    const lobby = startedLobbyOf(["Alice", "Bob"]);
    expect(step(lobby, starts(), T0 + 100)).toStrictEqual({ lobby, notices: [] });
  });
});

describe("confirming", () => {
  test("a confirmation is stored and not answered", () => {
    const stepped = step(startedLobbyOf(["Alice", "Bob"]), confirms("Bob"), T0 + 10);
    expect(stepped.lobby?.members.map((member) => member.confirmed)).toStrictEqual([false, true]);
    expect(stepped.lobby).toMatchObject({ updated_at: T0 + 10, revision: 4 });
    expect(stepped.notices).toStrictEqual([]);
  });

  test("a repeated confirmation changes nothing", () => {
    const lobby = after(startedLobbyOf(["Alice", "Bob"]), confirms("Bob"));
    expect(step(lobby, confirms("Bob"), T0 + 10)).toStrictEqual({ lobby, notices: [] });
  });

  test("another endpoint cannot confirm for a member, and gets no notice", () => {
    const lobby = startedLobbyOf(["Alice", "Bob"]);
    const stepped = step(lobby, confirms("Bob", HOME.Eve), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(stepped.notices).toStrictEqual([]);
  });

  test("a confirmation under an unknown name is refused", () => {
    const stepped = step(startedLobbyOf(["Alice", "Bob"]), confirms("Carol"), T0);
    expect(noticesOf(stepped)).toStrictEqual(refused("member_not_found"));
  });

  test("a confirmation before the start or without a lobby is refused", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    expect(noticesOf(step(lobby, confirms("Bob"), T0))).toStrictEqual(refused("not_started"));
    expect(noticesOf(step(null, confirms("Bob"), T0))).toStrictEqual(refused("not_started"));
  });

  test("a member that confirmed is still in the introduction of the others", () => {
    const lobby = after(startedLobbyOf(["Alice", "Bob"]), confirms("Alice"));
    expect(noticesOf(step(lobby, renews("Bob"), T0))).toStrictEqual([["Bob", introduced("Alice", "Bob")]]);
  });
});

describe("after the start", () => {
  const lobby = startedLobbyOf(["Alice", "Bob"]);

  test("a member that missed the start renews and is introduced", () => {
    const stepped = step(lobby, renews("Bob"), T0 + 100);
    expect(stepped.lobby).toBe(lobby);
    expect(noticesOf(stepped)).toStrictEqual([["Bob", introduced("Alice", "Bob")]]);
  });

  test("a member that repeats its join is introduced", () => {
    const stepped = step(lobby, joins("Bob"), T0 + 100);
    expect(stepped.lobby).toBe(lobby);
    expect(noticesOf(stepped)).toStrictEqual([["Bob", introduced("Alice", "Bob")]]);
  });

  test("a member that renews at another sidecar is introduced there, and dropped by the old one", () => {
    const there = { ...HOME.Bob, sidecar: "south" };
    const stepped = step(lobby, renews("Bob", there), T0 + 100);
    expect(stepped.notices).toStrictEqual([
      { to: "member", peer: "Bob", source: HOME.Bob, notice: { kind: "removed", reason: "moved" } },
      { to: "member", peer: "Bob", source: there, notice: introduced("Alice", "Bob") },
    ]);
  });

  test("a renewal from another endpoint under a member's name gets no address", () => {
    expect(step(lobby, renews("Bob", HOME.Eve), T0)).toStrictEqual({ lobby, notices: [] });
  });

  test("for other peers the lobby does not exist", () => {
    const events = [joins("Carol"), renews("Carol"), joins("Bob", { source: HOME.Eve, reclaims: true })];
    for (const event of events) {
      const stepped = step(lobby, event, T0);
      expect(stepped.lobby).toBe(lobby);
      expect(noticesOf(stepped)).toStrictEqual(refused("lobby_not_found"));
    }
  });

  test("no member leaves, is kicked or is lost", () => {
    for (const event of [leaves("Bob"), kicks("Bob")]) {
      const stepped = step(lobby, event, T0);
      expect(stepped.lobby).toBe(lobby);
      expect(noticesOf(stepped)).toStrictEqual(refused("lobby_not_found"));
    }
    expect(step(lobby, isLost("Bob"), T0)).toStrictEqual({ lobby, notices: [] });
  });

  test("the name is taken, even for its host", () => {
    for (const peer of ["Alice", "Eve"] as const) {
      const stepped = step(lobby, hosts(peer), T0);
      expect(stepped.lobby).toBe(lobby);
      expect(noticesOf(stepped)).toStrictEqual(refused("lobby_exists"));
    }
  });

  test("a sidecar that is down loses no member", () => {
    const away = after(lobby, goesAway("north"));
    expect(deadline(away)).toBe(T0 + POLICY.started_keep_ms);
    expect(away.members).toHaveLength(2);
  });
});

describe("how long a started lobby is kept", () => {
  const { started_keep_ms, confirmed_keep_ms } = POLICY;

  test("a started lobby is kept for its time, and then its members are notified", () => {
    const lobby = startedLobbyOf(["Alice", "Bob"]);
    expect(deadline(lobby)).toBe(T0 + started_keep_ms);
    expect(step(lobby, TICK, T0 + started_keep_ms - 1).lobby).toBe(lobby);
    const stepped = step(lobby, TICK, T0 + started_keep_ms);
    expect(stepped.lobby).toBeNull();
    expect(noticesOf(stepped)).toStrictEqual([
      ["Alice", { kind: "removed", reason: "over" }],
      ["Bob", { kind: "removed", reason: "over" }],
    ]);
  });

  test("a started lobby is kept in full while one member has not confirmed", () => {
    const lobby = after(startedLobbyOf(["Alice", "Bob"]), confirms("Bob"), T0 + 10);
    expect(deadline(lobby)).toBe(T0 + started_keep_ms);
  });

  test("a started lobby is kept shorter after the last confirmation", () => {
    const lobby = confirmedByAll(T0 + 10, T0 + 500);
    expect(deadline(lobby)).toBe(T0 + 500 + confirmed_keep_ms);
    expect(step(lobby, TICK, T0 + 500 + confirmed_keep_ms).lobby).toBeNull();
  });

  test("a late confirmation does not prolong a started lobby", () => {
    const lobby = confirmedByAll(T0 + 10, T0 + started_keep_ms - 1);
    expect(deadline(lobby)).toBe(T0 + started_keep_ms);
  });

  test("the lifetime before the start no longer counts", () => {
    const late = T0 + POLICY.lifetime_ms! - 1;
    const lobby = after(lobbyOf(["Alice", "Bob"]), starts(), late);
    expect(step(lobby, TICK, late + started_keep_ms - 1).lobby).toBe(lobby);
  });
});

test("the current notice is the roster of an open lobby and the introduction of a started one", () => {
  const open = lobbyOf(["Alice", "Bob"]);
  const started = startedLobbyOf(["Alice", "Bob"]);
  expect(currentNotice(open)).toStrictEqual({ kind: "roster", peers: ["Alice", "Bob"] });
  expect(currentNotice(started)).toStrictEqual(introduced("Alice", "Bob"));
});

const introduced = (...people: Person[]): Notice => ({
  kind: "introduced",
  peers: people.map((peer) => ({ peer, endpoint: HOME[peer].endpoint })),
});

function confirmedByAll(first: number, last: number): Lobby {
  return after(after(startedLobbyOf(["Alice", "Bob"]), confirms("Alice"), first), confirms("Bob"), last);
}
