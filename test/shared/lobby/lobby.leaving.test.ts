import { describe, expect, test } from "vitest";
import { BANNED_PER_LOBBY_MAX } from "#shared/limits.ts";
import { step } from "#shared/lobby/step.ts";
import {
  after,
  from,
  noticesOf,
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
  test("the leaving member is notified, and the others receive the roster", () => {
    const stepped = step(lobbyOf(["Alice", "Bob", "Carol"]), leaves("Bob"), T0 + 10);
    expect(peersOf(stepped.lobby)).toStrictEqual(["Alice", "Carol"]);
    expect(stepped.lobby).toMatchObject({ host: "Alice", term: 1, revision: 4, updated_at: T0 + 10 });
    expect(noticesOf(stepped)).toStrictEqual([
      ["Bob", gone("left")],
      ["Alice", roster("Alice", "Carol")],
      ["Carol", roster("Alice", "Carol")],
    ]);
  });

  test("if the host leaves, the next member by arrival hosts in a new term", () => {
    const stepped = step(lobbyOf(["Alice", "Bob", "Carol"]), leaves("Alice"), T0);
    expect(stepped.lobby).toMatchObject({ host: "Bob", term: 2 });
    expect(noticesOf(stepped)).toStrictEqual([
      ["Alice", gone("left")],
      ["Bob", roster("Bob", "Carol")],
      ["Carol", roster("Bob", "Carol")],
    ]);
  });

  test("a former host that rejoins is an ordinary member", () => {
    const left = after(lobbyOf(["Alice", "Bob"]), leaves("Alice"));
    const lobby = after(left, joins("Alice"));
    expect(peersOf(lobby)).toStrictEqual(["Bob", "Alice"]);
    expect(lobby).toMatchObject({ host: "Bob", term: 2 });
  });

  test("the last member to leave ends the lobby", () => {
    const stepped = step(lobbyOf(["Alice"]), leaves("Alice"), T0);
    expect(stepped.lobby).toBeNull();
    expect(noticesOf(stepped)).toStrictEqual([["Alice", gone("left")]]);
  });

  test("a repeated leave is refused", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"]), leaves("Bob"));
    const again = step(lobby, leaves("Bob"), T0);
    expect(again.lobby).toBe(lobby);
    expect(noticesOf(again)).toStrictEqual(refused("member_not_found"));
  });

  test("another endpoint cannot make a member leave, and gets no notice", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    for (const source of [HOME.Eve, HOME.Alice, from(2, 7_001)]) {
      expect(step(lobby, leaves("Bob", source), T0)).toStrictEqual({ lobby, notices: [] });
    }
  });

  test("a member may leave through another sidecar, because its endpoint identifies it", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), leaves("Bob", { ...HOME.Bob, sidecar: "south" }), T0);
    expect(peersOf(stepped.lobby)).toStrictEqual(["Alice"]);
  });
});

describe("kicking", () => {
  const kicked = after(lobbyOf(["Alice", "Bob", "Carol"]), kicks("Bob"));

  test("the kicked member is notified, and the others receive the roster", () => {
    const stepped = step(lobbyOf(["Alice", "Bob", "Carol"]), kicks("Bob"), T0 + 10);
    expect(peersOf(stepped.lobby)).toStrictEqual(["Alice", "Carol"]);
    expect(stepped.lobby).toMatchObject({ revision: 4, updated_at: T0 + 10 });
    expect(noticesOf(stepped)).toStrictEqual([
      ["Bob", gone("kicked")],
      ["Alice", roster("Alice", "Carol")],
      ["Carol", roster("Alice", "Carol")],
    ]);
    expect(stepped.notices[0]).toMatchObject({ to: "member", source: HOME.Bob });
  });

  test("a kicked member cannot rejoin under its name", () => {
    const again = step(kicked, joins("Bob", { source: HOME.Eve }), T0);
    expect(again.lobby).toBe(kicked);
    expect(noticesOf(again)).toStrictEqual(refused("kicked"));
  });

  test("a kicked member cannot rejoin from its endpoint under another name", () => {
    const again = step(kicked, joins("Eve", { source: HOME.Bob }), T0);
    expect(again.lobby).toBe(kicked);
    expect(noticesOf(again)).toStrictEqual(refused("kicked"));
  });

  test("a kicked member is refused before password and seats are checked", () => {
    const full = lobbyOf(["Alice", "Bob"], { password_digest: "digest", seats: 2 });
    const lobby = after(after(full, kicks("Bob")), joins("Carol", { password_digest: "digest" }));
    expect(noticesOf(step(lobby, joins("Bob"), T0))).toStrictEqual(refused("kicked"));
  });

  test("another port of a kicked member's address may join under another name", () => {
    expect(peersOf(after(kicked, joins("Eve", { source: from(2, 7_001) })))).toContain("Eve");
  });

  test("a repeated kick returns the roster", () => {
    const again = step(kicked, kicks("Bob"), T0);
    expect(again.lobby).toBe(kicked);
    expect(noticesOf(again)).toStrictEqual([["Alice", roster("Alice", "Carol")]]);
  });

  test("a repeated kick by another peer is refused", () => {
    expect(noticesOf(step(kicked, kicks("Bob", HOME.Carol), T0))).toStrictEqual(refused("member_not_found"));
  });

  test("a kick of an unknown name is refused", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const stepped = step(lobby, kicks("Carol"), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(noticesOf(stepped)).toStrictEqual(refused("member_not_found"));
  });

  test("only the host kicks, identified by its endpoint", () => {
    const lobby = lobbyOf(["Alice", "Bob", "Carol"]);
    for (const source of [HOME.Carol, HOME.Bob, HOME.Eve, from(1, 7_001)]) {
      const stepped = step(lobby, kicks("Bob", source), T0);
      expect(stepped.lobby).toBe(lobby);
      expect(noticesOf(stepped)).toStrictEqual(refused("not_host"));
    }
  });

  test("a former host cannot kick, the new one can", () => {
    const lobby = after(lobbyOf(["Alice", "Bob", "Carol"]), leaves("Alice"));
    expect(noticesOf(step(lobby, kicks("Carol", HOME.Alice), T0))).toStrictEqual(refused("not_host"));
    expect(peersOf(after(lobby, kicks("Carol", HOME.Bob)))).toStrictEqual(["Bob"]);
  });

  test("a host may kick itself, and the next member hosts", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), kicks("Alice"), T0);
    expect(stepped.lobby).toMatchObject({ host: "Bob", term: 2 });
    expect(noticesOf(stepped)).toStrictEqual([
      ["Alice", gone("kicked")],
      ["Bob", roster("Bob")],
    ]);
  });

  test("a lobby stores a limited number of bans and drops the oldest first", () => {
    let lobby = lobbyOf(["Alice"]);
    for (let at = 0; at <= BANNED_PER_LOBBY_MAX; at++) {
      const source = from(100, 1_000 + at);
      lobby = after(lobby, { ...joins("Eve", { source }), peer: `Eve${at}` });
      lobby = after(lobby, { kind: "kick", peer: `Eve${at}`, source: HOME.Alice });
    }
    expect(lobby.banned).toHaveLength(BANNED_PER_LOBBY_MAX);
    const first = { ...joins("Eve", { source: from(100, 1_000) }), peer: "Eve0" };
    const second = { ...joins("Eve", { source: from(100, 1_001) }), peer: "Eve1" };
    expect(noticesOf(step(lobby, second, T0))).toStrictEqual(refused("kicked"));
    expect(peersOf(after(lobby, first))).toStrictEqual(["Alice", "Eve0"]);
  });
});
