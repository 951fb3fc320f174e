import { describe, expect, test } from "vitest";
import { currentNotice } from "#shared/lobby/transitions.ts";
import { deadline, step } from "#shared/lobby/step.ts";
import type { Lobby, Notice } from "#shared/lobby/lobby.ts";
import {
  after,
  asks,
  confirms,
  from,
  goesAway,
  heard,
  HOME,
  hosts,
  isLost,
  joins,
  kicks,
  leaves,
} from "../support/lobbies.ts";
import { type Person, POLICY, refused, startedLobbyOf, starts, T0, TICK, lobbyOf } from "../support/lobbies.ts";

describe("starting", () => {
  test("everybody is introduced to everybody, in order of arrival, in one step", () => {
    const stepped = step(lobbyOf(["Alice", "Bob", "Dave"]), starts(), T0 + 10);
    expect(stepped.lobby).toMatchObject({ state: "started", started_at: T0 + 10, updated_at: T0 + 10, revision: 4 });
    expect(heard(stepped)).toStrictEqual([
      ["Alice", introduced("Alice", "Bob", "Dave")],
      ["Bob", introduced("Alice", "Bob", "Dave")],
      ["Dave", introduced("Alice", "Bob", "Dave")],
    ]);
    expect(stepped.notices).toMatchObject([{ source: HOME.Alice }, { source: HOME.Bob }, { source: HOME.Dave }]);
  });

  test("only the host starts, known by where he is", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    for (const source of [HOME.Bob, HOME.Eve, from(1, 7_001)]) {
      const stepped = step(lobby, starts(source), T0);
      expect(stepped.lobby).toBe(lobby);
      expect(heard(stepped)).toStrictEqual(refused("not_host"));
    }
  });

  test("one alone cannot start", () => {
    const lobby = lobbyOf(["Alice"]);
    const stepped = step(lobby, starts(), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(heard(stepped)).toStrictEqual(refused("too_few_players"));
  });

  test("a start that is repeated is met with silence", () => {
    const lobby = startedLobbyOf(["Alice", "Bob"]);
    expect(step(lobby, starts(), T0 + 100)).toStrictEqual({ lobby, notices: [] });
  });
});

describe("confirming", () => {
  test("a member who confirms is remembered and not answered", () => {
    const stepped = step(startedLobbyOf(["Alice", "Bob"]), confirms("Bob"), T0 + 10);
    expect(stepped.lobby?.members.map((member) => member.confirmed)).toStrictEqual([false, true]);
    expect(stepped.lobby).toMatchObject({ updated_at: T0 + 10, revision: 4 });
    expect(stepped.notices).toStrictEqual([]);
  });

  test("a second confirmation changes nothing", () => {
    const lobby = after(startedLobbyOf(["Alice", "Bob"]), confirms("Bob"));
    expect(step(lobby, confirms("Bob"), T0 + 10)).toStrictEqual({ lobby, notices: [] });
  });

  test("a stranger cannot confirm for a member, and hears nothing", () => {
    const lobby = startedLobbyOf(["Alice", "Bob"]);
    const stepped = step(lobby, confirms("Bob", HOME.Eve), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(stepped.notices).toStrictEqual([]);
  });

  test("a name that is not in the lobby is no member", () => {
    const stepped = step(startedLobbyOf(["Alice", "Bob"]), confirms("Carol"), T0);
    expect(heard(stepped)).toStrictEqual(refused("member_not_found"));
  });

  test("nothing can be confirmed before the start, nor without a lobby", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    expect(heard(step(lobby, confirms("Bob"), T0))).toStrictEqual(refused("not_started"));
    expect(heard(step(null, confirms("Bob"), T0))).toStrictEqual(refused("not_started"));
  });

  test("who has confirmed is still named to the others", () => {
    const lobby = after(startedLobbyOf(["Alice", "Bob"]), confirms("Alice"));
    expect(heard(step(lobby, asks("Bob"), T0))).toStrictEqual([["Bob", introduced("Alice", "Bob")]]);
  });
});

describe("after the start", () => {
  const lobby = startedLobbyOf(["Alice", "Bob"]);

  test("a member who missed the news asks and is introduced", () => {
    const stepped = step(lobby, asks("Bob"), T0 + 100);
    expect(stepped.lobby).toBe(lobby);
    expect(heard(stepped)).toStrictEqual([["Bob", introduced("Alice", "Bob")]]);
  });

  test("a member who still joins is introduced", () => {
    const stepped = step(lobby, joins("Bob"), T0 + 100);
    expect(stepped.lobby).toBe(lobby);
    expect(heard(stepped)).toStrictEqual([["Bob", introduced("Alice", "Bob")]]);
  });

  test("a member who asks through another sidecar is introduced there, and forgotten by the one he left", () => {
    const there = { ...HOME.Bob, sidecar: "south" };
    const stepped = step(lobby, asks("Bob", there), T0 + 100);
    expect(stepped.notices).toStrictEqual([
      { to: "member", peer: "Bob", source: HOME.Bob, notice: { kind: "removed", reason: "moved" } },
      { to: "member", peer: "Bob", source: there, notice: introduced("Alice", "Bob") },
    ]);
  });

  test("a stranger who asks in a member's name learns no address", () => {
    expect(step(lobby, asks("Bob", HOME.Eve), T0)).toStrictEqual({ lobby, notices: [] });
  });

  test("for strangers the lobby is over", () => {
    const events = [joins("Carol"), asks("Carol"), joins("Bob", { source: HOME.Eve, reclaims: true })];
    for (const event of events) {
      const stepped = step(lobby, event, T0);
      expect(stepped.lobby).toBe(lobby);
      expect(heard(stepped)).toStrictEqual(refused("lobby_not_found"));
    }
  });

  test("nobody leaves, is kicked or is lost any more", () => {
    for (const event of [leaves("Bob"), kicks("Bob")]) {
      const stepped = step(lobby, event, T0);
      expect(stepped.lobby).toBe(lobby);
      expect(heard(stepped)).toStrictEqual(refused("lobby_not_found"));
    }
    expect(step(lobby, isLost("Bob"), T0)).toStrictEqual({ lobby, notices: [] });
  });

  test("the name is taken, even for its host", () => {
    for (const peer of ["Alice", "Eve"] as const) {
      const stepped = step(lobby, hosts(peer), T0);
      expect(stepped.lobby).toBe(lobby);
      expect(heard(stepped)).toStrictEqual(refused("lobby_exists"));
    }
  });

  test("a sidecar that goes away takes no member with it", () => {
    const away = after(lobby, goesAway("north"));
    expect(deadline(away)).toBe(T0 + POLICY.started_keep_ms);
    expect(away.members).toHaveLength(2);
  });
});

describe("how long a started lobby is kept", () => {
  const { started_keep_ms, confirmed_keep_ms } = POLICY;

  test("to the end of its time; then its members are told that it is over", () => {
    const lobby = startedLobbyOf(["Alice", "Bob"]);
    expect(deadline(lobby)).toBe(T0 + started_keep_ms);
    expect(step(lobby, TICK, T0 + started_keep_ms - 1).lobby).toBe(lobby);
    const stepped = step(lobby, TICK, T0 + started_keep_ms);
    expect(stepped.lobby).toBeNull();
    expect(heard(stepped)).toStrictEqual([
      ["Alice", { kind: "removed", reason: "over" }],
      ["Bob", { kind: "removed", reason: "over" }],
    ]);
  });

  test("as long while one has not confirmed", () => {
    const lobby = after(startedLobbyOf(["Alice", "Bob"]), confirms("Bob"), T0 + 10);
    expect(deadline(lobby)).toBe(T0 + started_keep_ms);
  });

  test("shorter once everybody has confirmed, counted from the last one", () => {
    const lobby = confirmedByAll(T0 + 10, T0 + 500);
    expect(deadline(lobby)).toBe(T0 + 500 + confirmed_keep_ms);
    expect(step(lobby, TICK, T0 + 500 + confirmed_keep_ms).lobby).toBeNull();
  });

  test("never longer because somebody confirmed late", () => {
    const lobby = confirmedByAll(T0 + 10, T0 + started_keep_ms - 1);
    expect(deadline(lobby)).toBe(T0 + started_keep_ms);
  });

  test("its life before the start counts no more", () => {
    const late = T0 + POLICY.lifetime_ms! - 1;
    const lobby = after(lobbyOf(["Alice", "Bob"]), starts(), late);
    expect(step(lobby, TICK, late + started_keep_ms - 1).lobby).toBe(lobby);
  });
});

test("what a member should know is the roster while the lobby is open, everybody's endpoint once it started", () => {
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
