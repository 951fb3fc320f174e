import { describe, expect, test } from "vitest";
import { AWAY_MS } from "#shared/limits.ts";
import { deadline, step } from "#shared/lobby/step.ts";
import {
  after,
  renews,
  comesBack,
  from,
  goesAway,
  noticesOf,
  HOME,
  hosts,
  sendsHeartbeat,
  isLost,
  joins,
  lobbyOf,
} from "../support/lobbies.ts";
import { peersOf, POLICY, refused, roster, startedLobbyOf, still, T0, TICK } from "../support/lobbies.ts";

const timedOut = { kind: "removed", reason: "member_timeout" } as const;
const over = { kind: "removed", reason: "lobby_timeout" } as const;
const FOREVER = { ...POLICY, lifetime_ms: null };

describe("a lost member", () => {
  test("is notified, and the others receive the roster", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), isLost("Bob"), T0);
    expect(peersOf(stepped.lobby)).toStrictEqual(["Alice"]);
    expect(noticesOf(stepped)).toStrictEqual([
      ["Bob", timedOut],
      ["Alice", roster("Alice")],
    ]);
  });

  test("that hosted is succeeded by the next member", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"]), isLost("Alice"));
    expect(lobby).toMatchObject({ host: "Bob", term: 2 });
  });

  test("that was the last one ends the lobby", () => {
    const stepped = step(lobbyOf(["Alice"]), isLost("Alice"), T0);
    expect(stepped.lobby).toBeNull();
    expect(noticesOf(stepped)).toStrictEqual([["Alice", timedOut]]);
  });

  test("is not banned and may join again", () => {
    const lobby = after(lobbyOf(["Alice", "Bob"]), isLost("Bob"));
    expect(peersOf(after(lobby, joins("Bob")))).toStrictEqual(["Alice", "Bob"]);
  });

  test.each([
    ["a sidecar that does not hold the member", { ...HOME.Bob, sidecar: "south" }],
    ["its sidecar, about an endpoint that the member has left", from(2, 7_001)],
  ])("is not dropped on the report of %s", (_, source) => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    expect(step(lobby, isLost("Bob", source), T0)).toStrictEqual({ lobby, notices: [] });
  });

  test("causes no notice if it is no member or the lobby does not exist", () => {
    const lobby = lobbyOf(["Alice"]);
    expect(step(lobby, isLost("Bob"), T0)).toStrictEqual({ lobby, notices: [] });
    expect(step(null, isLost("Bob"), T0)).toStrictEqual({ lobby: null, notices: [] });
  });
});

describe("a sidecar that is down", () => {
  const lobby = lobbyOf(["Alice", "Dave"], { policy: FOREVER });
  const away = after(lobby, goesAway("south"), T0 + 1_000);

  test("has its members marked away without notices, and no others", () => {
    const stepped = step(lobby, goesAway("south"), T0 + 1_000);
    expect(stepped.lobby?.members.map((member) => member.away_since)).toStrictEqual([null, T0 + 1_000]);
    expect(stepped.lobby).toMatchObject({ revision: lobby.revision + 1 });
    expect(stepped.notices).toStrictEqual([]);
  });

  test("keeps the first away time when it is reported again", () => {
    expect(after(away, goesAway("south"), T0 + 9_000)).toBe(away);
  });

  test("changes nothing in a lobby without its members", () => {
    expect(after(lobby, goesAway("west"))).toBe(lobby);
  });

  test("loses its members after the grace time", () => {
    const due = T0 + 1_000 + AWAY_MS;
    expect(deadline(away)).toBe(due);
    expect(after(away, TICK, due - 1)).toBe(away);
    const stepped = step(away, TICK, due);
    expect(peersOf(stepped.lobby)).toStrictEqual(["Alice"]);
    expect(noticesOf(stepped)).toStrictEqual([
      ["Dave", timedOut],
      ["Alice", roster("Alice")],
    ]);
  });

  test("that returns with its contacts brings its members back", () => {
    const back = after(away, comesBack("south"), T0 + 2_000);
    expect(back.members[1]?.away_since).toBeNull();
    expect(deadline(back)).toBeNull();
  });

  test("that returns does not bring back another sidecar's members", () => {
    expect(after(away, comesBack("north"))).toBe(away);
  });

  test("brings back a single member that it hears", () => {
    const back = after(away, sendsHeartbeat("Dave"), T0 + 2_000);
    expect(back.members[1]?.away_since).toBeNull();
  });

  test("does not bring back a member from another endpoint or through another sidecar", () => {
    expect(after(away, sendsHeartbeat("Dave", from(4, 7_001, "south")))).toBe(away);
    expect(after(away, sendsHeartbeat("Dave", { ...HOME.Dave, sidecar: "north" }))).toBe(away);
  });

  test("is replaced by the sidecar at which its member renews", () => {
    const source = { ...HOME.Dave, sidecar: "north" };
    const moved = after(away, renews("Dave", source), T0 + 2_000);
    expect(moved.members[1]).toMatchObject({ source, away_since: null });
  });

  test("that held the host lets the next member host", () => {
    const both = after(lobbyOf(["Dave", "Alice"], { policy: FOREVER }), goesAway("south"));
    expect(after(both, TICK, T0 + AWAY_MS)).toMatchObject({ host: "Alice", term: 2 });
  });

  test("that held all members ends the lobby", () => {
    const all = after(lobbyOf(["Alice", "Bob", "Carol"], { policy: FOREVER }), goesAway("north"));
    const stepped = step(all, TICK, T0 + AWAY_MS);
    expect(stepped.lobby).toBeNull();
    const goodbyes = noticesOf(stepped).filter(([, notice]) => notice.kind === "removed");
    expect(goodbyes).toStrictEqual([
      ["Alice", timedOut],
      ["Bob", timedOut],
      ["Carol", timedOut],
    ]);
  });

  test("loses its members before the next event is applied", () => {
    const full = after(lobbyOf(["Alice", "Dave"], { seats: 2 }), goesAway("south"));
    const stepped = step(full, joins("Bob"), T0 + AWAY_MS);
    expect(peersOf(stepped.lobby)).toStrictEqual(["Alice", "Bob"]);
  });

  test("changes nothing where the lobby does not exist", () => {
    for (const event of [goesAway("north"), comesBack("north"), sendsHeartbeat("Alice"), TICK]) {
      expect(step(null, event, T0)).toStrictEqual({ lobby: null, notices: [] });
    }
  });
});

describe("the life of a lobby that never starts", () => {
  const end = T0 + POLICY.lifetime_ms!;

  test("ends on time, and every member is notified", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    expect(step(lobby, TICK, end - 1).lobby).toBe(lobby);
    const stepped = step(lobby, TICK, end);
    expect(stepped.lobby).toBeNull();
    expect(noticesOf(stepped)).toStrictEqual([
      ["Alice", over],
      ["Bob", over],
    ]);
    expect(stepped.notices).toMatchObject([{ source: HOME.Alice }, { source: HOME.Bob }]);
  });

  test("is not prolonged by events", () => {
    expect(deadline(after(lobbyOf(["Alice"]), joins("Bob"), T0 + 60_000))).toBe(end);
  });

  test("never ends without a lifetime", () => {
    const lobby = lobbyOf(["Alice"], { policy: FOREVER });
    expect(step(lobby, TICK, T0 + 1e12)).toStrictEqual({ lobby, notices: [] });
  });

  test("is over for a peer that joins at its end", () => {
    const stepped = step(lobbyOf(["Alice"]), joins("Bob"), end);
    expect(stepped.lobby).toBeNull();
    expect(noticesOf(stepped)).toStrictEqual([["Alice", over], ...refused("lobby_not_found")]);
  });

  test("frees its name in the step that ends it", () => {
    const stepped = step(lobbyOf(["Alice", "Bob"]), hosts("Eve", { id: "0-new" }), end);
    expect(still(stepped)).toMatchObject({ id: "0-new", host: "Eve", term: 1, revision: 1, created_at: end });
    expect(noticesOf(stepped)).toStrictEqual([
      ["Alice", over],
      ["Bob", over],
      ["Eve", { kind: "hosted", peers: ["Eve"] }],
    ]);
  });

  test("frees the name of a started lobby in the same way", () => {
    const stepped = step(startedLobbyOf(["Alice", "Bob"]), hosts("Eve"), T0 + POLICY.started_keep_ms);
    expect(noticesOf(stepped)).toStrictEqual([
      ["Alice", { kind: "removed", reason: "over" }],
      ["Bob", { kind: "removed", reason: "over" }],
      ["Eve", { kind: "hosted", peers: ["Eve"] }],
    ]);
  });
});

describe("the deadline", () => {
  test("is the lobby's end if no member is away", () => {
    expect(deadline(lobbyOf(["Alice", "Bob"]))).toBe(T0 + POLICY.lifetime_ms!);
  });

  test("is null without a pending timeout", () => {
    expect(deadline(lobbyOf(["Alice"], { policy: FOREVER }))).toBeNull();
  });

  test("is that of the member that was away for longest", () => {
    const one = after(lobbyOf(["Alice", "Dave"]), goesAway("south"), T0 + 10);
    const both = after(one, goesAway("north"), T0 + 20);
    expect(deadline(both)).toBe(T0 + 10 + AWAY_MS);
  });

  test("is the lobby's end if that is earlier than any away timeout", () => {
    const late = T0 + POLICY.lifetime_ms! - 10;
    expect(deadline(after(lobbyOf(["Alice"]), goesAway("north"), late))).toBe(T0 + POLICY.lifetime_ms!);
  });
});
