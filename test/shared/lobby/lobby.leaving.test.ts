import { describe, expect, test } from "vitest";
import { BANNED_PER_LOBBY_MAX } from "#shared/limits.ts";
import { step } from "#shared/lobby/step.ts";
import {
  after,
  from,
  heard,
  HOME,
  joins,
  kicks,
  leaves,
  lobbyOf,
  peersOf,
  refused,
  roster,
  T0,
} from "../support/lobbies.ts";

const gone = (reason: "left" | "kicked") => ({ kind: "removed", reason }) as const;

describe("leaving", () => {
  test("who leaves is told goodbye, the others who is left", () => {
    const stepped = step(lobbyOf(["Alice", "Bob", "Carol"]), leaves("Bob"), T0 + 10);
    expect(peersOf(stepped.lobby)).toStrictEqual(["Alice", "Carol"]);
    expect(stepped.lobby).toMatchObject({ host: "Alice", term: 1, revision: 4, updated_at: T0 + 10 });
    expect(heard(stepped)).toStrictEqual([
      ["Bob", gone("left")],
      ["Alice", roster("Alice", "Carol")],
      ["Carol", roster("Alice", "Carol")],
    ]);
  });

  test("when the host leaves, the next in order of arrival hosts, and the term rises", () => {
    const stepped = step(lobbyOf(["Alice", "Bob", "Carol"]), leaves("Alice"), T0);
    expect(stepped.lobby).toMatchObject({ host: "Bob", term: 2 });
    expect(heard(stepped)).toStrictEqual([
      ["Alice", gone("left")],
      ["Bob", roster("Bob", "Carol")],
      ["Carol", roster("Bob", "Carol")],
    ]);
  });

  test("a host who comes back is a member like any other", () => {
    const left = after(lobbyOf(["Alice", "Bob"]), leaves("Alice"));
    const lobby = after(left, joins("Alice"));
    expect(peersOf(lobby)).toStrictEqual(["Bob", "Alice"]);
    expect(lobby).toMatchObject({ host: "Bob", term: 2 });
  });

  test("the last one out ends the lobby", () => {
    const stepped = step(lobbyOf(["Alice"]), leaves("Alice"), T0);
    expect(stepped.lobby).toBeNull();
    expect(heard(stepped)).toStrictEqual([["Alice", gone("left")]]);
  });

  test("who has left is no member any more", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"]), leaves("Bob"));
    const again = step(lobby, leaves("Bob"), T0);
    expect(again.lobby).toBe(lobby);
    expect(heard(again)).toStrictEqual(refused("member_not_found"));
  });

  test("a stranger cannot make a member leave, and hears nothing", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    for (const source of [HOME.Eve, HOME.Alice, from(2, 7_001)]) {
      expect(step(lobby, leaves("Bob", source), T0)).toStrictEqual({ lobby, notices: [] });
    }
  });

  test("a member may leave through another sidecar, for the endpoint proves him", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), leaves("Bob", { ...HOME.Bob, sidecar: "south" }), T0);
    expect(peersOf(stepped.lobby)).toStrictEqual(["Alice"]);
  });
});

describe("kicking", () => {
  const kicked = after(lobbyOf(["Alice", "Bob", "Carol"]), kicks("Bob"));

  test("the kicked hears it where he is, the others who is left", () => {
    const stepped = step(lobbyOf(["Alice", "Bob", "Carol"]), kicks("Bob"), T0 + 10);
    expect(peersOf(stepped.lobby)).toStrictEqual(["Alice", "Carol"]);
    expect(stepped.lobby).toMatchObject({ revision: 4, updated_at: T0 + 10 });
    expect(heard(stepped)).toStrictEqual([
      ["Bob", gone("kicked")],
      ["Alice", roster("Alice", "Carol")],
      ["Carol", roster("Alice", "Carol")],
    ]);
    expect(stepped.notices[0]).toMatchObject({ to: "member", source: HOME.Bob });
  });

  test("the kicked cannot come back under his name", () => {
    const again = step(kicked, joins("Bob", { source: HOME.Eve }), T0);
    expect(again.lobby).toBe(kicked);
    expect(heard(again)).toStrictEqual(refused("kicked"));
  });

  test("the kicked cannot come back from his endpoint under another name", () => {
    const again = step(kicked, joins("Eve", { source: HOME.Bob }), T0);
    expect(again.lobby).toBe(kicked);
    expect(heard(again)).toStrictEqual(refused("kicked"));
  });

  test("the kicked hears so again before anything is said about password and seats", () => {
    const full = lobbyOf(["Alice", "Bob"], { password_digest: "digest", seats: 2 });
    const lobby = after(after(full, kicks("Bob")), joins("Carol", { password_digest: "digest" }));
    expect(heard(step(lobby, joins("Bob"), T0))).toStrictEqual(refused("kicked"));
  });

  test("another port of the kicked one's household may join under another name", () => {
    expect(peersOf(after(kicked, joins("Eve", { source: from(2, 7_001) })))).toContain("Eve");
  });

  test("a kick that is repeated is answered with who is left", () => {
    const again = step(kicked, kicks("Bob"), T0);
    expect(again.lobby).toBe(kicked);
    expect(heard(again)).toStrictEqual([["Alice", roster("Alice", "Carol")]]);
  });

  test("a repeated kick by anybody else finds no such member", () => {
    expect(heard(step(kicked, kicks("Bob", HOME.Carol), T0))).toStrictEqual(refused("member_not_found"));
  });

  test("a name that was never there cannot be kicked", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const stepped = step(lobby, kicks("Carol"), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(heard(stepped)).toStrictEqual(refused("member_not_found"));
  });

  test("only the host kicks, known by where he is", () => {
    const lobby = lobbyOf(["Alice", "Bob", "Carol"]);
    for (const source of [HOME.Carol, HOME.Bob, HOME.Eve, from(1, 7_001)]) {
      const stepped = step(lobby, kicks("Bob", source), T0);
      expect(stepped.lobby).toBe(lobby);
      expect(heard(stepped)).toStrictEqual(refused("not_host"));
    }
  });

  test("an old host kicks nobody, the new one does", () => {
    const lobby = after(lobbyOf(["Alice", "Bob", "Carol"]), leaves("Alice"));
    expect(heard(step(lobby, kicks("Carol", HOME.Alice), T0))).toStrictEqual(refused("not_host"));
    expect(peersOf(after(lobby, kicks("Carol", HOME.Bob)))).toStrictEqual(["Bob"]);
  });

  test("a host may kick himself: the next one hosts", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), kicks("Alice"), T0);
    expect(stepped.lobby).toMatchObject({ host: "Bob", term: 2 });
    expect(heard(stepped)).toStrictEqual([
      ["Alice", gone("kicked")],
      ["Bob", roster("Bob")],
    ]);
  });

  test("a lobby remembers a limited number of kicks and forgets the oldest first", () => {
    let lobby = lobbyOf(["Alice"]);
    for (let at = 0; at <= BANNED_PER_LOBBY_MAX; at++) {
      const source = from(100, 1_000 + at);
      lobby = after(lobby, { ...joins("Eve", { source }), peer: `Eve${at}` });
      lobby = after(lobby, { kind: "kick", peer: `Eve${at}`, source: HOME.Alice });
    }
    expect(lobby.banned).toHaveLength(BANNED_PER_LOBBY_MAX);
    const first = { ...joins("Eve", { source: from(100, 1_000) }), peer: "Eve0" };
    const second = { ...joins("Eve", { source: from(100, 1_001) }), peer: "Eve1" };
    expect(heard(step(lobby, second, T0))).toStrictEqual(refused("kicked"));
    expect(peersOf(after(lobby, first))).toStrictEqual(["Alice", "Eve0"]);
  });
});
