import { DEFAULT_SETTINGS } from "#shared/lobby/join.ts";
import { describe, expect, test } from "vitest";
import { step } from "#shared/lobby/step.ts";
import {
  after,
  renews,
  from,
  noticesOf,
  HOME,
  hosts,
  joins,
  kicks,
  leaves,
  lobbyOf,
  peersOf,
} from "../support/lobbies.ts";
import { POLICY, refused, roster, starts, still, T0 } from "../support/lobbies.ts";

describe("hosting", () => {
  test("a host event creates an open lobby with the host as its only member", () => {
    const { lobby } = step(null, hosts("Alice", { seats: 3, password_digest: "digest", memory: "note" }), T0);
    expect(lobby).toStrictEqual({
      id: "0-aaaaaaaaaaaaaaaaaaaaaaaaaa",
      wire: "rabid",
      name: "Nice",
      policy: POLICY,
      seats: 3,
      password_digest: "digest",
      state: "open",
      members: [
        { peer: "Alice", source: HOME.Alice, joined_at: T0, confirmed: false, away_since: null, memory: "note" },
      ],
      host: "Alice",
      term: 1,
      banned: [],
      created_at: T0,
      updated_at: T0,
      started_at: null,
      revision: 1,
      ...DEFAULT_SETTINGS,
      applicants: [],
      vacant_since: null,
      former_hosts: [],
      code: null,
      client_ref: null,
    });
  });

  test("the host receives the notice at its endpoint", () => {
    expect(step(null, hosts("Alice"), T0).notices).toStrictEqual([
      { to: "member", peer: "Alice", source: HOME.Alice, notice: { kind: "hosted", peers: ["Alice"] } },
    ]);
  });

  test("a repeated host event returns the members and changes nothing", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const again = step(lobby, hosts("Alice", { id: "0-other", seats: 2, password_digest: "new" }), T0 + 500);
    expect(again.lobby).toBe(lobby);
    expect(noticesOf(again)).toStrictEqual([["Alice", { kind: "hosted", peers: ["Alice", "Bob"] }]]);
  });

  test("no other peer can host under a taken name, not even a member", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    for (const peer of ["Bob", "Eve"] as const) {
      const stepped = step(lobby, hosts(peer), T0);
      expect(stepped.lobby).toBe(lobby);
      expect(noticesOf(stepped)).toStrictEqual(refused("lobby_exists"));
    }
  });

  test("another port of the host's address is another peer", () => {
    const stepped = step(lobbyOf(["Alice"]), hosts("Alice", { source: from(1, 7_001) }), T0);
    expect(noticesOf(stepped)).toStrictEqual(refused("lobby_exists"));
  });
});

describe("joining", () => {
  test("joining a lobby that does not exist is refused", () => {
    const stepped = step(null, joins("Bob"), T0);
    expect(stepped.lobby).toBeNull();
    expect(noticesOf(stepped)).toStrictEqual(refused("lobby_not_found"));
  });

  test("a joiner is the last member, with its wire's memory", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"]), joins("Carol", { memory: "note" }), T0 + 10);
    expect(peersOf(lobby)).toStrictEqual(["Alice", "Bob", "Carol"]);
    expect(lobby.members[2]).toMatchObject({ source: HOME.Carol, joined_at: T0 + 10, memory: "note" });
    expect(lobby).toMatchObject({ updated_at: T0 + 10, revision: 3, host: "Alice", term: 1 });
  });

  test("every member receives the new roster at its endpoint", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), joins("Dave"), T0);
    const notice = roster("Alice", "Bob", "Dave");
    expect(stepped.notices).toStrictEqual([
      { to: "member", peer: "Alice", source: HOME.Alice, notice },
      { to: "member", peer: "Bob", source: HOME.Bob, notice },
      { to: "member", peer: "Dave", source: HOME.Dave, notice },
    ]);
  });

  test("a repeated join returns the roster to that member alone and changes nothing", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const again = step(lobby, joins("Bob"), T0 + 500);
    expect(again.lobby).toBe(lobby);
    expect(noticesOf(again)).toStrictEqual([["Bob", roster("Alice", "Bob")]]);
  });

  test("a repeated join through another local port is answered through that port", () => {
    const moved = { ...HOME.Bob, via: 9_000 };
    const { lobby, notices } = step(lobbyOf(["Alice", "Bob"]), joins("Bob", { source: moved }), T0);
    expect(still({ lobby, notices }).members[1]?.source).toStrictEqual(moved);
    expect(notices).toMatchObject([{ peer: "Bob", source: moved }]);
  });

  test("one endpoint may join under several names", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"]), joins("Carol", { source: HOME.Bob }));
    expect(peersOf(lobby)).toStrictEqual(["Alice", "Bob", "Carol"]);
  });
});

describe("a password", () => {
  const lobby = lobbyOf(["Alice", "Bob"], { password_digest: "digest" });

  test.each([
    ["missing", null],
    ["wrong", "dIgest"],
    ["a beginning of the right one", "dig"],
    ["longer than the right one", "digest+"],
    ["empty", ""],
  ])("that is %s is refused", (_, lock) => {
    const stepped = step(lobby, joins("Carol", { password_digest: lock }), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(noticesOf(stepped)).toStrictEqual(refused("password_mismatch"));
  });

  test("that is right admits a joiner", () => {
    expect(peersOf(after(lobby, joins("Carol", { password_digest: "digest" })))).toContain("Carol");
  });

  test("sent to a lobby without a password is ignored", () => {
    expect(peersOf(after(lobbyOf(["Alice"]), joins("Bob", { password_digest: "digest" })))).toContain("Bob");
  });

  test("is checked before seats and names", () => {
    const full = lobbyOf(["Alice", "Bob"], { password_digest: "digest", seats: 2 });
    expect(noticesOf(step(full, joins("Carol"), T0))).toStrictEqual(refused("password_mismatch"));
    expect(noticesOf(step(full, joins("Bob", { source: HOME.Eve }), T0))).toStrictEqual(refused("password_mismatch"));
  });
});

describe("seats and names", () => {
  test("a full lobby refuses joins", () => {
    const lobby = lobbyOf(["Alice", "Bob"], { seats: 2 });
    const stepped = step(lobby, joins("Carol"), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(noticesOf(stepped)).toStrictEqual(refused("lobby_full"));
  });

  test("a member of a full lobby may repeat its join", () => {
    const lobby = lobbyOf(["Alice", "Bob"], { seats: 2 });
    expect(noticesOf(step(lobby, joins("Bob"), T0))).toStrictEqual([["Bob", roster("Alice", "Bob")]]);
  });

  test("a freed seat can be taken again", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"], { seats: 2 }), leaves("Bob"));
    expect(peersOf(after(lobby, joins("Carol")))).toStrictEqual(["Alice", "Carol"]);
  });

  test("a name in use is refused", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const stepped = step(lobby, joins("Bob", { source: HOME.Eve }), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(noticesOf(stepped)).toStrictEqual(refused("name_in_use"));
  });

  test("names are case-sensitive", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"]), { ...joins("Eve"), peer: "bob" });
    expect(peersOf(lobby)).toStrictEqual(["Alice", "Bob", "bob"]);
  });
});

describe("reclaiming a membership", () => {
  const moved = from(2, 7_999);

  test("a member whose port changed is reinstated, even in a full lobby", () => {
    const full = lobbyOf(["Alice", "Bob"], { seats: 2 });
    const stepped = step(full, joins("Bob", { source: moved, reclaims: true }), T0 + 10);
    expect(peersOf(stepped.lobby)).toStrictEqual(["Alice", "Bob"]);
    expect(stepped.lobby).toMatchObject({ revision: full.revision + 1, updated_at: T0 + 10 });
    expect(stepped.notices).toStrictEqual([
      { to: "member", peer: "Bob", source: moved, notice: roster("Alice", "Bob") },
    ]);
  });

  test("the old endpoint is ignored afterwards", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"]), joins("Bob", { source: moved, reclaims: true }));
    expect(step(lobby, leaves("Bob"), T0)).toStrictEqual({ lobby, notices: [] });
    expect(peersOf(after(lobby, leaves("Bob", moved)))).toStrictEqual(["Alice"]);
  });

  test("without the sidecar's verification the name is in use", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), joins("Bob", { source: moved }), T0);
    expect(noticesOf(stepped)).toStrictEqual(refused("name_in_use"));
  });

  test("from another address the name is in use, despite the sidecar's verification", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), joins("Bob", { source: from(3, 7_000), reclaims: true }), T0);
    expect(noticesOf(stepped)).toStrictEqual(refused("name_in_use"));
  });

  test("a host whose port changed stays the host", () => {
    const source = from(1, 7_999);
    const lobby = after(lobbyOf(["Alice", "Bob"]), joins("Alice", { source, reclaims: true }));
    expect(lobby).toMatchObject({ host: "Alice", term: 1 });
    expect(peersOf(after(lobby, kicks("Bob", source)))).toStrictEqual(["Alice"]);
  });

  test("a reclaim needs the password too", () => {
    const lobby = lobbyOf(["Alice", "Bob"], { password_digest: "digest" });
    const stepped = step(lobby, joins("Bob", { source: moved, reclaims: true }), T0);
    expect(noticesOf(stepped)).toStrictEqual(refused("password_mismatch"));
  });
});

// A game that was restarted speaks with a new note (Dowsett's handshake password), and knows the old one no more.
describe("a member's wire memory", () => {
  test("is updated by a repeated host event", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"], { memory: "old" }), hosts("Alice", { memory: "new" }));
    expect(lobby.members.map((member) => member.memory)).toStrictEqual(["new", null]);
  });

  test("is updated by a repeated join and by a reclaim", () => {
    const lobby = after(lobbyOf(["Alice"]), joins("Bob", { memory: "old" }));
    for (const parts of [{ memory: "new" }, { memory: "new", source: from(2, 7_999), reclaims: true }]) {
      expect(after(lobby, joins("Bob", parts)).members[1]?.memory).toBe("new");
    }
  });

  test("stays when a renewal has none", () => {
    const lobby = after(lobbyOf(["Alice"]), joins("Bob", { memory: "old" }));
    expect(after(lobby, renews("Bob", { ...HOME.Bob, via: 9_000 })).members[1]?.memory).toBe("old");
  });
});

describe("moving to another sidecar", () => {
  const there = { ...HOME.Bob, sidecar: "south", via: 9_000 };

  test("a member is answered at the new sidecar, and the old sidecar receives the order to drop it", () => {
    for (const event of [joins("Bob", { source: there }), renews("Bob", there)]) {
      const { lobby, notices } = step(lobbyOf(["Alice", "Bob"]), event, T0 + 500);
      expect(lobby).toMatchObject({ revision: 3, updated_at: T0 + 500, members: [{}, { source: there }] });
      expect(notices).toStrictEqual([
        { to: "member", peer: "Bob", source: HOME.Bob, notice: { kind: "removed", reason: "moved" } },
        { to: "member", peer: "Bob", source: there, notice: roster("Alice", "Bob") },
      ]);
    }
  });

  test("a host is moved in the same way", () => {
    const source = { ...HOME.Alice, sidecar: "south" };
    const { lobby, notices } = step(lobbyOf(["Alice"]), hosts("Alice", { source }), T0 + 500);
    expect(lobby).toMatchObject({ host: "Alice", term: 1, members: [{ source }] });
    expect(notices).toStrictEqual([
      { to: "member", peer: "Alice", source: HOME.Alice, notice: { kind: "removed", reason: "moved" } },
      { to: "member", peer: "Alice", source, notice: { kind: "hosted", peers: ["Alice"] } },
    ]);
  });

  test("a member that reclaims from another port may change the sidecar", () => {
    const source = from(2, 7_999, "south");
    const stepped = step(lobbyOf(["Alice", "Bob"]), joins("Bob", { source, reclaims: true }), T0);
    expect(stepped.notices).toMatchObject([{ source: HOME.Bob }, { source, notice: roster("Alice", "Bob") }]);
  });

  test("the other members receive nothing", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), joins("Bob", { source: there }), T0);
    expect(noticesOf(stepped).filter(([peer]) => peer !== "Bob")).toStrictEqual([]);
  });
});

describe("renewing in an open lobby", () => {
  test("a member receives the roster", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const stepped = step(lobby, renews("Bob"), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(noticesOf(stepped)).toStrictEqual([["Bob", roster("Alice", "Bob")]]);
  });

  test("a renewal from another endpoint changes nothing and is not answered", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    expect(step(lobby, renews("Bob", HOME.Eve), T0)).toStrictEqual({ lobby, notices: [] });
    expect(step(lobby, renews("Bob", from(2, 7_001)), T0).lobby).toBe(lobby);
  });

  test("a renewal under an unknown name is refused", () => {
    expect(noticesOf(step(lobbyOf(["Alice"]), renews("Bob"), T0))).toStrictEqual(refused("member_not_found"));
  });

  test("every event but host is refused where the lobby does not exist", () => {
    for (const event of [renews("Bob"), leaves("Bob"), kicks("Bob"), starts()]) {
      expect(noticesOf(step(null, event, T0))).toStrictEqual(refused("lobby_not_found"));
    }
  });
});
