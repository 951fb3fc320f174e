import { DEFAULT_SETTINGS } from "#shared/lobby/join.ts";
import { describe, expect, test } from "vitest";
import { step } from "#shared/lobby/step.ts";
import { after, asks, from, heard, HOME, hosts, joins, kicks, leaves, lobbyOf, peersOf } from "../support/lobbies.ts";
import { POLICY, refused, roster, starts, still, T0 } from "../support/lobbies.ts";

describe("hosting", () => {
  test("a host makes an open lobby of which he is the only member", () => {
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

  test("the host is told so where he asked from", () => {
    expect(step(null, hosts("Alice"), T0).notices).toStrictEqual([
      { to: "member", peer: "Alice", source: HOME.Alice, notice: { kind: "hosted", peers: ["Alice"] } },
    ]);
  });

  test("a host who repeats himself hears who is there and changes nothing", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const again = step(lobby, hosts("Alice", { id: "0-other", seats: 2, password_digest: "new" }), T0 + 500);
    expect(again.lobby).toBe(lobby);
    expect(heard(again)).toStrictEqual([["Alice", { kind: "hosted", peers: ["Alice", "Bob"] }]]);
  });

  test("nobody else can host under a name that is taken, not even another member", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    for (const peer of ["Bob", "Eve"] as const) {
      const stepped = step(lobby, hosts(peer), T0);
      expect(stepped.lobby).toBe(lobby);
      expect(heard(stepped)).toStrictEqual(refused("lobby_exists"));
    }
  });

  test("another port of the host's address is somebody else", () => {
    const stepped = step(lobbyOf(["Alice"]), hosts("Alice", { source: from(1, 7_001) }), T0);
    expect(heard(stepped)).toStrictEqual(refused("lobby_exists"));
  });
});

describe("joining", () => {
  test("a lobby that is not there is not found", () => {
    const stepped = step(null, joins("Bob"), T0);
    expect(stepped.lobby).toBeNull();
    expect(heard(stepped)).toStrictEqual(refused("lobby_not_found"));
  });

  test("a newcomer stands last, with what his wire wants remembered", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"]), joins("Carol", { memory: "note" }), T0 + 10);
    expect(peersOf(lobby)).toStrictEqual(["Alice", "Bob", "Carol"]);
    expect(lobby.members[2]).toMatchObject({ source: HOME.Carol, joined_at: T0 + 10, memory: "note" });
    expect(lobby).toMatchObject({ updated_at: T0 + 10, revision: 3, host: "Alice", term: 1 });
  });

  test("everybody hears the new roster, each where he is", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), joins("Dave"), T0);
    const notice = roster("Alice", "Bob", "Dave");
    expect(stepped.notices).toStrictEqual([
      { to: "member", peer: "Alice", source: HOME.Alice, notice },
      { to: "member", peer: "Bob", source: HOME.Bob, notice },
      { to: "member", peer: "Dave", source: HOME.Dave, notice },
    ]);
  });

  test("a member who joins once more is told the roster again, alone, and nothing changes", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const again = step(lobby, joins("Bob"), T0 + 500);
    expect(again.lobby).toBe(lobby);
    expect(heard(again)).toStrictEqual([["Bob", roster("Alice", "Bob")]]);
  });

  test("a member who joins once more through another port of ours is answered through that", () => {
    const moved = { ...HOME.Bob, via: 9_000 };
    const { lobby, notices } = step(lobbyOf(["Alice", "Bob"]), joins("Bob", { source: moved }), T0);
    expect(still({ lobby, notices }).members[1]?.source).toStrictEqual(moved);
    expect(notices).toMatchObject([{ peer: "Bob", source: moved }]);
  });

  test("one endpoint may take several places under several names", () => {
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
  ])("that is %s lets nobody in", (_, lock) => {
    const stepped = step(lobby, joins("Carol", { password_digest: lock }), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(heard(stepped)).toStrictEqual(refused("password_mismatch"));
  });

  test("that is right lets a newcomer in", () => {
    expect(peersOf(after(lobby, joins("Carol", { password_digest: "digest" })))).toContain("Carol");
  });

  test("sent to a lobby without one is overlooked", () => {
    expect(peersOf(after(lobbyOf(["Alice"]), joins("Bob", { password_digest: "digest" })))).toContain("Bob");
  });

  test("is asked before it is said whether there is room or whether the name is free", () => {
    const full = lobbyOf(["Alice", "Bob"], { password_digest: "digest", seats: 2 });
    expect(heard(step(full, joins("Carol"), T0))).toStrictEqual(refused("password_mismatch"));
    expect(heard(step(full, joins("Bob", { source: HOME.Eve }), T0))).toStrictEqual(refused("password_mismatch"));
  });
});

describe("seats and names", () => {
  test("a full lobby takes nobody more", () => {
    const lobby = lobbyOf(["Alice", "Bob"], { seats: 2 });
    const stepped = step(lobby, joins("Carol"), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(heard(stepped)).toStrictEqual(refused("lobby_full"));
  });

  test("a member of a full lobby who joins once more is still a member", () => {
    const lobby = lobbyOf(["Alice", "Bob"], { seats: 2 });
    expect(heard(step(lobby, joins("Bob"), T0))).toStrictEqual([["Bob", roster("Alice", "Bob")]]);
  });

  test("a seat that was left can be taken again", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"], { seats: 2 }), leaves("Bob"));
    expect(peersOf(after(lobby, joins("Carol")))).toStrictEqual(["Alice", "Carol"]);
  });

  test("a name that is in use is not given twice", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const stepped = step(lobby, joins("Bob", { source: HOME.Eve }), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(heard(stepped)).toStrictEqual(refused("name_in_use"));
  });

  test("names differ by case", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"]), { ...joins("Eve"), peer: "bob" });
    expect(peersOf(lobby)).toStrictEqual(["Alice", "Bob", "bob"]);
  });
});

describe("reclaiming a place", () => {
  const moved = from(2, 7_999);

  test("a member whose port moved gets his place back, even in a full lobby", () => {
    const full = lobbyOf(["Alice", "Bob"], { seats: 2 });
    const stepped = step(full, joins("Bob", { source: moved, reclaims: true }), T0 + 10);
    expect(peersOf(stepped.lobby)).toStrictEqual(["Alice", "Bob"]);
    expect(stepped.lobby).toMatchObject({ revision: full.revision + 1, updated_at: T0 + 10 });
    expect(stepped.notices).toStrictEqual([
      { to: "member", peer: "Bob", source: moved, notice: roster("Alice", "Bob") },
    ]);
  });

  test("the old endpoint speaks for nobody afterwards", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"]), joins("Bob", { source: moved, reclaims: true }));
    expect(step(lobby, leaves("Bob"), T0)).toStrictEqual({ lobby, notices: [] });
    expect(peersOf(after(lobby, leaves("Bob", moved)))).toStrictEqual(["Alice"]);
  });

  test("without the sidecar's word the name is in use", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), joins("Bob", { source: moved }), T0);
    expect(heard(stepped)).toStrictEqual(refused("name_in_use"));
  });

  test("from another address the name is in use, whatever the sidecar says", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), joins("Bob", { source: from(3, 7_000), reclaims: true }), T0);
    expect(heard(stepped)).toStrictEqual(refused("name_in_use"));
  });

  test("a host whose port moved stays the host", () => {
    const source = from(1, 7_999);
    const lobby = after(lobbyOf(["Alice", "Bob"]), joins("Alice", { source, reclaims: true }));
    expect(lobby).toMatchObject({ host: "Alice", term: 1 });
    expect(peersOf(after(lobby, kicks("Bob", source)))).toStrictEqual(["Alice"]);
  });

  test("a password is asked here too", () => {
    const lobby = lobbyOf(["Alice", "Bob"], { password_digest: "digest" });
    const stepped = step(lobby, joins("Bob", { source: moved, reclaims: true }), T0);
    expect(heard(stepped)).toStrictEqual(refused("password_mismatch"));
  });
});

// A game that was restarted speaks with a new note (Dowsett's handshake password), and knows the old one no more.
describe("the wire's note about a member", () => {
  test("is the newest one when a host repeats himself", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"], { memory: "old" }), hosts("Alice", { memory: "new" }));
    expect(lobby.members.map((member) => member.memory)).toStrictEqual(["new", null]);
  });

  test("is the newest one when a member joins once more, or takes his place back", () => {
    const lobby = after(lobbyOf(["Alice"]), joins("Bob", { memory: "old" }));
    for (const parts of [{ memory: "new" }, { memory: "new", source: from(2, 7_999), reclaims: true }]) {
      expect(after(lobby, joins("Bob", parts)).members[1]?.memory).toBe("new");
    }
  });

  test("stays when he renews without one", () => {
    const lobby = after(lobbyOf(["Alice"]), joins("Bob", { memory: "old" }));
    expect(after(lobby, asks("Bob", { ...HOME.Bob, via: 9_000 })).members[1]?.memory).toBe("old");
  });
});

describe("moving to another sidecar", () => {
  const there = { ...HOME.Bob, sidecar: "south", via: 9_000 };

  test("a member is answered there from now on, and the sidecar he left is told to forget him", () => {
    for (const event of [joins("Bob", { source: there }), asks("Bob", there)]) {
      const { lobby, notices } = step(lobbyOf(["Alice", "Bob"]), event, T0 + 500);
      expect(lobby).toMatchObject({ revision: 3, updated_at: T0 + 500, members: [{}, { source: there }] });
      expect(notices).toStrictEqual([
        { to: "member", peer: "Bob", source: HOME.Bob, notice: { kind: "removed", reason: "moved" } },
        { to: "member", peer: "Bob", source: there, notice: roster("Alice", "Bob") },
      ]);
    }
  });

  test("a host is too", () => {
    const source = { ...HOME.Alice, sidecar: "south" };
    const { lobby, notices } = step(lobbyOf(["Alice"]), hosts("Alice", { source }), T0 + 500);
    expect(lobby).toMatchObject({ host: "Alice", term: 1, members: [{ source }] });
    expect(notices).toStrictEqual([
      { to: "member", peer: "Alice", source: HOME.Alice, notice: { kind: "removed", reason: "moved" } },
      { to: "member", peer: "Alice", source, notice: { kind: "hosted", peers: ["Alice"] } },
    ]);
  });

  test("a member who takes his place back from another port may come that way", () => {
    const source = from(2, 7_999, "south");
    const stepped = step(lobbyOf(["Alice", "Bob"]), joins("Bob", { source, reclaims: true }), T0);
    expect(stepped.notices).toMatchObject([{ source: HOME.Bob }, { source, notice: roster("Alice", "Bob") }]);
  });

  test("the others hear nothing of it", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), joins("Bob", { source: there }), T0);
    expect(heard(stepped).filter(([peer]) => peer !== "Bob")).toStrictEqual([]);
  });
});

describe("asking in an open lobby", () => {
  test("a member is told the roster", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const stepped = step(lobby, asks("Bob"), T0);
    expect(stepped.lobby).toBe(lobby);
    expect(heard(stepped)).toStrictEqual([["Bob", roster("Alice", "Bob")]]);
  });

  test("a renewal from elsewhere moves nothing and is not answered", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    expect(step(lobby, asks("Bob", HOME.Eve), T0)).toStrictEqual({ lobby, notices: [] });
    expect(step(lobby, asks("Bob", from(2, 7_001)), T0).lobby).toBe(lobby);
  });

  test("a name that nobody has is no member", () => {
    expect(heard(step(lobbyOf(["Alice"]), asks("Bob"), T0))).toStrictEqual(refused("member_not_found"));
  });

  test("nothing can be asked of no lobby, nor done to it", () => {
    for (const event of [asks("Bob"), leaves("Bob"), kicks("Bob"), starts()]) {
      expect(heard(step(null, event, T0))).toStrictEqual(refused("lobby_not_found"));
    }
  });
});
