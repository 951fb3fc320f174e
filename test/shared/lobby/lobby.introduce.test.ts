/** Lobbies where joining introduces at once, where a host event replaces the settings, and where a member may move. */
import { describe, expect, test } from "vitest";
import { lobbyView } from "#shared/api/views.ts";
import { toSummary } from "#shared/listing/summary.ts";
import { step } from "#shared/lobby/step.ts";
import { type Event, type Lobby, PASSWORD_CHECKED_BY_PEERS, type Policy, type Source } from "#shared/lobby/lobby.ts";
import type { Transition } from "#shared/lobby/notices.ts";
import {
  after,
  comesBack,
  from,
  goesAway,
  noticesOf,
  HOME,
  hosts,
  joins,
  lobbyOf,
  peersOf,
  POLICY,
  refused,
  roster,
  startedLobbyOf,
  still,
  T0,
} from "../support/lobbies.ts";

const INTRODUCING: Policy = { ...POLICY, introduces_on_join: true, rehosts: true };
const AT_HOME = { address: "10.0.0.1", port: 1 };
const ELSEWHERE = { address: "10.9.9.9", port: 9 };

const meeting = (parts: Parameters<typeof hosts>[1] = {}): Lobby =>
  still(
    step(null, hosts("Alice", { policy: INTRODUCING, seats: null, memory: "secret", local: AT_HOME, ...parts }), T0),
  );

const moves = (source: Source, peer = "Alice"): Event => ({ kind: "moved", peer, source });

describe("where joining introduces", () => {
  test("host and joiner are introduced, the host first, with their local addresses", () => {
    const { notices } = step(meeting(), joins("Bob", { local: { address: "10.0.0.2", port: 2 } }), T0);
    const bob = { peer: "Bob", endpoint: HOME.Bob.endpoint, local: { address: "10.0.0.2", port: 2 } };
    const alice = { peer: "Alice", endpoint: HOME.Alice.endpoint, local: AT_HOME };
    expect(notices).toStrictEqual([
      { to: "member", peer: "Alice", source: HOME.Alice, notice: { kind: "introduced", peers: [bob] } },
      { to: "requester", notice: { kind: "introduced", peers: [alice] } },
    ]);
  });

  test("a silent join notifies only the joiner, whose sidecar relays both", () => {
    const lobby = meeting();
    expect(noticesOf(step(lobby, joins("Bob", { silently: true }), T0))).toStrictEqual([
      ["requester", { kind: "introduced", peers: [{ peer: "Alice", endpoint: HOME.Alice.endpoint, local: AT_HOME }] }],
    ]);
    expect(noticesOf(step(null, joins("Bob", { silently: true }), T0))).toStrictEqual(refused("lobby_not_found"));
  });

  test("without a local address none is sent", () => {
    const lobby = still(step(null, hosts("Alice", { policy: INTRODUCING }), T0));
    expect(noticesOf(step(lobby, joins("Bob"), T0))).toStrictEqual([
      ["Alice", { kind: "introduced", peers: [{ peer: "Bob", endpoint: HOME.Bob.endpoint }] }],
      ["requester", { kind: "introduced", peers: [{ peer: "Alice", endpoint: HOME.Alice.endpoint }] }],
    ]);
  });

  test("joiners are not stored, however often and from wherever they join", () => {
    const lobby = meeting();
    for (const event of [
      joins("Bob"),
      joins("Bob"),
      joins("Bob", { source: HOME.Eve }),
      joins("Carol"),
      joins("Alice"),
    ]) {
      const stepped = step(lobby, event, T0 + 1_000);
      expect(stepped.lobby).toBe(lobby);
      expect(stepped.notices).toHaveLength(2);
    }
    expect(peersOf(lobby)).toStrictEqual(["Alice"]);
  });

  test("neither seats nor a password checked by peers refuse a joiner", () => {
    for (const parts of [{ password_digest: PASSWORD_CHECKED_BY_PEERS }, { seats: 1 }]) {
      expect(step(meeting(parts), joins("Bob"), T0).notices).toHaveLength(2);
    }
  });

  test("non-members see that a password is needed, but no wire memory and no address", () => {
    const lobby = meeting({ password_digest: PASSWORD_CHECKED_BY_PEERS });
    for (const shown of [toSummary(lobby), lobbyView(lobby, null)]) {
      expect(JSON.stringify(shown)).not.toMatch(/10\.0\.0\.1|192\.0\.2|secret|peers"/);
    }
    expect(toSummary(lobby)).toMatchObject({ has_password: true, seats: null, member_count: 1 });
    expect(toSummary(meeting()).has_password).toBe(false);
  });

  test("joining a lobby that does not exist is refused", () => {
    expect(noticesOf(step(null, joins("Bob"), T0))).toStrictEqual(refused("lobby_not_found"));
  });

  test("under other policies joining adds a member and introduces no one", () => {
    const stepped = step(lobbyOf(["Alice"]), joins("Bob"), T0);
    expect(peersOf(stepped.lobby)).toStrictEqual(["Alice", "Bob"]);
    expect(noticesOf(stepped).map(([, notice]) => notice.kind)).toStrictEqual(["roster", "roster"]);
  });
});

describe("hosting again from the same source", () => {
  const again = (parts: Parameters<typeof hosts>[1] = {}): Event =>
    hosts("Alice", { policy: INTRODUCING, seats: null, memory: "secret", local: AT_HOME, ...parts });
  const hosted = [["Alice", { kind: "hosted", peers: ["Alice"] }]];

  test("without changes returns the same lobby object, and repeats the notice", () => {
    const lobby = meeting();
    const stepped = step(lobby, again(), T0 + 1_000);
    expect(stepped.lobby).toBe(lobby);
    expect(noticesOf(stepped)).toStrictEqual(hosted);
  });

  test("replaces password, seats, policy, local address and memory, and nothing else", () => {
    const lobby = meeting();
    const policy = { ...INTRODUCING, lease_ms: 600_000 };
    const parts = {
      password_digest: PASSWORD_CHECKED_BY_PEERS,
      seats: 8,
      policy,
      local: ELSEWHERE,
      memory: "other",
      id: "0-bbb",
    };
    const stepped = step(lobby, again(parts), T0 + 1_000);
    expect(noticesOf(stepped)).toStrictEqual(hosted);
    expect(stepped.lobby).toStrictEqual({
      ...lobby,
      password_digest: PASSWORD_CHECKED_BY_PEERS,
      seats: 8,
      policy,
      members: [{ ...lobby.members[0]!, local: ELSEWHERE, memory: "other" }],
      updated_at: T0 + 1_000,
      revision: expect.any(Number) as number,
    });
    expect(stepped.lobby!.revision).toBeGreaterThan(lobby.revision);
  });

  test.each([
    [
      "the lock",
      { password_digest: PASSWORD_CHECKED_BY_PEERS },
      (lobby: Lobby) => lobby.password_digest === PASSWORD_CHECKED_BY_PEERS,
    ],
    ["the lease", { policy: { ...INTRODUCING, lease_ms: 9 } }, (lobby: Lobby) => lobby.policy.lease_ms === 9],
    ["the note", { memory: "other" }, (lobby: Lobby) => lobby.members[0]!.memory === "other"],
    ["the address", { local: ELSEWHERE }, (lobby: Lobby) => lobby.members[0]!.local === ELSEWHERE],
  ])("replaces %s alone, and then changes nothing", (_, parts, holds) => {
    const changed = after(meeting(), again(parts), T0 + 1);
    expect(holds(changed)).toBe(true);
    expect(step(changed, again(parts), T0 + 2).lobby).toBe(changed);
  });

  test("without a local address removes the stored one", () => {
    const { local: _, ...event } = again() as Event & { kind: "host" };
    expect(after(meeting(), event).members[0]).not.toHaveProperty("local");
  });

  test("from another source is refused and replaces nothing", () => {
    const lobby = meeting();
    for (const source of [HOME.Eve, from(1, 7_001)]) {
      const stepped = step(lobby, again({ source, memory: "other", password_digest: PASSWORD_CHECKED_BY_PEERS }), T0);
      expect(stepped.lobby).toBe(lobby);
      expect(noticesOf(stepped)).toStrictEqual(refused("lobby_exists"));
    }
  });

  test("under a policy without `rehosts` changes nothing", () => {
    const lobby = lobbyOf(["Alice"]);
    const stepped = step(lobby, hosts("Alice", { seats: 2, password_digest: "digest", local: ELSEWHERE }), T0 + 1);
    expect(stepped.lobby).toBe(lobby);
    expect(noticesOf(stepped)).toStrictEqual(hosted);
  });

  test("through another sidecar is answered there, and the old sidecar receives the order to drop the host", () => {
    const there = { ...HOME.Alice, sidecar: "south" };
    const stepped = step(meeting(), again({ source: there }), T0);
    expect(stepped.notices).toStrictEqual([
      { to: "member", peer: "Alice", source: HOME.Alice, notice: { kind: "removed", reason: "moved" } },
      { to: "member", peer: "Alice", source: there, notice: { kind: "hosted", peers: ["Alice"] } },
    ]);
    expect(stepped.lobby?.members[0]?.source).toStrictEqual(there);
  });
});

describe("a member that moved", () => {
  const MOVED = from(1, 7_001);

  test("within its address is answered there, and joiners receive the new endpoint", () => {
    const stepped = step(meeting(), moves(MOVED), T0 + 1);
    expect(stepped.notices).toStrictEqual([
      { to: "member", peer: "Alice", source: MOVED, notice: { kind: "roster", peers: ["Alice"] } },
    ]);
    expect(stepped.lobby!.members[0]).toStrictEqual({ ...meeting().members[0]!, source: MOVED });
    const [, toGuest] = noticesOf(step(stepped.lobby, joins("Bob"), T0 + 2));
    expect(toGuest).toStrictEqual([
      "requester",
      { kind: "introduced", peers: [{ peer: "Alice", endpoint: MOVED.endpoint, local: AT_HOME }] },
    ]);
  });

  test("twice to the same endpoint changes nothing the second time", () => {
    const moved = after(meeting(), moves(MOVED), T0 + 1);
    const stepped = step(moved, moves(MOVED), T0 + 2);
    expect(stepped.lobby).toBe(moved);
    expect(noticesOf(stepped)).toStrictEqual([["Alice", roster("Alice")]]);
  });

  test("to another address is ignored", () => {
    const lobby = meeting();
    for (const source of [HOME.Eve, { ...HOME.Bob, sidecar: "south" }]) {
      expect(step(lobby, moves(source), T0)).toStrictEqual({ lobby, notices: [] });
    }
  });

  test("to another address is accepted under a policy that `roams`", () => {
    const lobby = meeting({ policy: { ...INTRODUCING, roams: true } });
    const moved = still(step(lobby, moves(HOME.Eve), T0));
    expect(moved.members[0]).toMatchObject({ source: HOME.Eve, memory: "secret", local: AT_HOME });
    expect(noticesOf(step(moved, joins("Bob"), T0))[1]).toMatchObject([
      "requester",
      { peers: [{ endpoint: HOME.Eve.endpoint }] },
    ]);
  });

  test("is ignored if unknown, or in a lobby that ended or started", () => {
    const lobby = meeting();
    expect(step(lobby, moves(MOVED, "Bob"), T0)).toStrictEqual({ lobby, notices: [] });
    expect(step(null, moves(MOVED), T0)).toStrictEqual({ lobby: null, notices: [] });
    const started = startedLobbyOf(["Alice", "Bob"]);
    expect(step(started, moves(MOVED), T0)).toStrictEqual({ lobby: started, notices: [] });
  });

  test("is present again if it was away", () => {
    const away = after(meeting(), goesAway("north"), T0 + 1);
    expect(away.members[0]?.away_since).toBe(T0 + 1);
    expect(after(away, moves(MOVED), T0 + 2).members[0]?.away_since).toBeNull();
    expect(after(away, comesBack("north"), T0 + 2).members[0]?.source).toStrictEqual(HOME.Alice);
  });

  test("keeps memory and local address, and can act from the new endpoint", () => {
    const moved = after(meeting(), moves(MOVED));
    expect(moved.members[0]).toMatchObject({ memory: "secret", local: AT_HOME });
    const left: Transition = step(moved, { kind: "leave", peer: "Alice", source: MOVED }, T0);
    expect(left.lobby).toBeNull();
    expect(step(moved, { kind: "leave", peer: "Alice", source: HOME.Alice }, T0)).toStrictEqual({
      lobby: moved,
      notices: [],
    });
  });
});
