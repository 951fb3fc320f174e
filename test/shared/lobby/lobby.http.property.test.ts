/** Invariants of HTTP lobbies under random scripts of events, some from datagrams. */
import { deepStrictEqual, ok } from "node:assert/strict";
import * as fc from "../../support/fc.ts";
import { expect, test } from "vitest";
import { DATA_KEYS_MAX, FORMER_HOSTS_PER_LOBBY_MAX } from "#shared/limits.ts";
import { deadline, restored, step } from "#shared/lobby/step.ts";
import { type Event, HOST_POLICIES, VISIBILITIES } from "#shared/lobby/lobby.ts";
import { lobbyView } from "#shared/api/views.ts";
import { from, TICK } from "../support/lobbies.ts";
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
  opens,
} from "../support/people.ts";
import { type Act, holdIn, type Moment, play, throughJson } from "../support/scripts.ts";

test("seats including held ones are never exceeded, and no peer is a member twice or also an applicant", () => {
  whatever(({ lobby }) => {
    if (lobby === null) return;
    const peers = lobby.members.map((member) => member.peer);
    ok(peers.length >= 1 && peers.length <= lobby.seats!);
    deepStrictEqual([...new Set(peers)], peers);
    ok(lobby.applicants.every(({ peer }) => !peers.includes(peer)));
  });
});

test("the host is a member, or null while the lobby is vacant", () => {
  whatever(({ lobby }) => {
    if (lobby === null) return;
    if (lobby.host !== null) ok(lobby.members.some(({ peer }) => peer === lobby.host));
    deepStrictEqual(lobby.host === null, lobby.vacant_since !== null);
  });
});

test("the term increases exactly when the host changes, and former hosts are stored", () => {
  whatever(({ before, lobby }) => {
    if (before === null || lobby === null || before.id !== lobby.id) return;
    ok(lobby.term >= before.term);
    deepStrictEqual(lobby.term > before.term, lobby.host !== before.host);
    ok(lobby.former_hosts.length <= FORMER_HOSTS_PER_LOBBY_MAX && !lobby.former_hosts.includes(lobby.host!));
    if (before.host !== null && before.host !== lobby.host) ok(lobby.former_hosts.includes(before.host));
  });
});

test("a repeated event changes nothing the second time", () => {
  whatever(({ lobby, event, now }) => ok(step(lobby, event, now).lobby === lobby));
});

test("a changed lobby has a new revision, and an unchanged one is the same object", () => {
  whatever(({ before, lobby, now }) => {
    if (before === null || lobby === null || before.id !== lobby.id || lobby === before) return;
    ok(lobby.revision > before.revision);
    deepStrictEqual(lobby.updated_at, now);
  });
});

test("the deadline is in the future, and exactly when the next timeout takes effect", () => {
  whatever(({ lobby, now }) => {
    if (lobby === null) return;
    const due = deadline(lobby);
    if (due === null) ok(step(lobby, TICK, now + 1e12).lobby === lobby);
    else {
      ok(due > now);
      ok(step(lobby, TICK, due - 1).lobby === lobby, "it changed before its time");
      ok(step(lobby, TICK, due).lobby !== lobby, "its time came and nothing changed");
    }
  });
});

test("a lobby restored from JSON behaves the same", () => {
  whatever(({ before, lobby, notices, event, now }) => {
    const stored = before === null ? null : restored(throughJson(before));
    deepStrictEqual(stored, before);
    deepStrictEqual(step(stored, throughJson(event), now), { lobby, notices });
  });
});

test("data stays within its limits, and indexed entries are public", () => {
  whatever(({ lobby }) => {
    const entries = Object.values(lobby?.data ?? {});
    ok(entries.length <= DATA_KEYS_MAX);
    ok(entries.every(({ index, visibility }) => !index || visibility === "public"));
  });
});

test("no view or notice contains a digest, and non-members see neither code nor member data", () => {
  whatever(({ lobby, notices }) => {
    ok(!JSON.stringify(notices).includes("digest"));
    if (lobby === null) return;
    for (const { peer } of lobby.members) ok(!JSON.stringify(lobbyView(lobby, peer)).includes("digest"));
    const seen = JSON.stringify(lobbyView(lobby, null));
    ok(!/digest|ABCDEF|hidden/.test(seen));
    deepStrictEqual(seen === "null", lobby.visibility === "private");
  });
});

test("the random scripts reach every state that the properties are about", () => {
  const seen = new Set<string>();
  for (const script of fc.sample(scripts, { numRuns: 1_500, seed: 7 })) {
    for (const { before, lobby, notices } of play(script)) {
      if (before !== null && lobby === null) seen.add("ended");
      if (lobby !== null && lobby.members.length === lobby.seats) seen.add("full");
      if (lobby !== null && lobby.term > 3) seen.add("handed on often");
      if (lobby?.host === null) seen.add("vacant");
      if (lobby?.in_game === true) seen.add("in game");
      if (lobby?.members.some(({ held_until }) => held_until !== undefined) === true) seen.add("held");
      if (lobby?.members.some(({ away_since }) => away_since !== null) === true) seen.add("away");
      for (const { notice } of notices) {
        seen.add(notice.kind === "refused" ? notice.code : notice.kind === "removed" ? notice.reason : notice.kind);
      }
    }
  }
  const wanted = [
    ["ended", "full", "handed on often", "vacant", "in game", "held", "away"],
    ["admitted", "applied", "chat", "denied", "hosted", "roster", "signal"],
    ["closed", "kicked", "left", "lobby_timeout", "member_timeout"],
    ["applicant_not_found", "data_limit", "host_present", "lobby_exists", "lobby_full", "lobby_closed"],
    ["lobby_not_found", "member_not_found", "name_in_use", "not_admitted", "not_host", "not_member"],
    ["password_mismatch", "precondition_failed", "seats_taken", "stale_term", "version_mismatch", "no_common_path"],
  ].flat();
  expect(wanted.filter((word) => !seen.has(word))).toStrictEqual([]);
});

// --- scripts ---------------------------------------------------------------------------------------------------

const PEERS = ["a", "b", "c", "d", "e"];
const peers = fc.constantFrom(...PEERS);
const pairs = fc.tuple(peers, peers);

const settings = fc.record(
  {
    visibility: fc.constantFrom(...VISIBILITIES),
    version: fc.constantFrom(null, null, "1.4"),
    joinable: fc.constantFrom(true, true, true, false),
    approval: fc.constantFrom(false, false, true),
    host_policy: fc.constantFrom(...HOST_POLICIES),
    in_game: fc.boolean(),
  },
  { requiredKeys: [] },
);

const entries = fc.constantFrom(
  null,
  { value: "forest", index: true },
  { value: "hidden", visibility: "member" } as const,
  { visibility: "private" } as const,
  { value: "x".repeat(1_000) },
);

const patches = fc
  .record({
    said: settings,
    seats: fc.integer({ min: 2, max: 4 }),
    key: fc.constantFrom("map", "mode"),
    entry: entries,
  })
  .map(({ said, seats, key, entry }) => ({ ...said, seats, data: { [key]: entry } }));

const BOTH = ["udp", "webrtc"] as const;
const paths = fc.constantFrom(BOTH, BOTH, BOTH, ["udp"] as const, ["webrtc"] as const);

const hosting = fc
  .record({
    peer: peers,
    paths,
    said: settings,
    seats: fc.integer({ min: 2, max: 4 }),
    password_digest: fc.constantFrom(null, "digest"),
  })
  .map(({ peer, said, ...fields }): Event => opens(peer, { settings: said, ...fields }));

const joining = fc
  .record({
    peer: peers,
    paths,
    password_digest: fc.constantFrom("digest", "digest", "digesT", null),
    code: fc.constantFrom("ABCDEF", "ABCDEG"),
    version: fc.constantFrom("1.4", "1.5"),
  })
  .map(({ peer, ...said }): Event =>
    enters(peer, { ...said, display_name: `Player ${peer}`, data: { hat: "hidden" } }),
  );

const terms = fc.integer({ min: 1, max: 4 });

const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 1, arbitrary: hosting },
  { weight: 8, arbitrary: joining },
  { weight: 6, arbitrary: peers.map(isAlive) },
  { weight: 3, arbitrary: peers.map(timesOut) },
  { weight: 2, arbitrary: peers.map(goes) },
  { weight: 2, arbitrary: fc.tuple(pairs, fc.boolean()).map(([[by, peer], bars]) => expels(by, peer, bars)) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(peers, patches, fc.constantFrom([], [], [1, 2, 3]))
      .map(([by, said, seen]) => changes(by, said, ...seen)),
  },
  { weight: 4, arbitrary: fc.tuple(pairs, terms).map(([[by, peer], term]) => transfersHost(by, peer, term)) },
  { weight: 3, arbitrary: pairs.map(([by, peer]) => admits(by, peer)) },
  { weight: 2, arbitrary: pairs.map(([by, peer]) => denies(by, peer)) },
  { weight: 1, arbitrary: peers.map((by): Event => ({ kind: "close", by })) },
  { weight: 1, arbitrary: peers.map((by): Event => ({ kind: "chat", by, text: "hi" })) },
  { weight: 1, arbitrary: pairs.map(([by, peer]): Event => ({ kind: "signal", by, peer, body: "sdp" })) },
  {
    weight: 1,
    arbitrary: fc.tuple(peers, entries).map(([peer]): Event => ({ kind: "update_member", peer, display_name: "x" })),
  },
  // A datagram with a peer's name is not from that peer.
  {
    weight: 1,
    arbitrary: peers.map((peer): Event => ({ ...enters(peer, { password_digest: "digest" }), source: from(9) })),
  },
  { weight: 1, arbitrary: peers.map((peer): Event => ({ kind: "leave", peer, source: from(9) })) },
  { weight: 1, arbitrary: fc.constant(TICK) },
);

const waits = fc.oneof({ weight: 10, arbitrary: fc.constant(0) }, fc.constantFrom(1, 15_000, 30_000, 60_000));
const acts = fc.array(fc.record({ event: events, wait_ms: waits }), { minLength: 1, maxLength: 40, size: "max" });

/** Random events seldom lead to several members, so some scripts begin with three. */
const openings: readonly (readonly Event[])[] = [
  [],
  [opens("a"), enters("b"), isAlive("b"), enters("c"), isAlive("c")],
  [opens("a", { settings: { approval: true } }), enters("b"), admits("a", "b"), isAlive("b")],
  [opens("a", { settings: { approval: true } }), enters("b"), enters("c"), denies("a", "c")],
  [
    opens("a"),
    enters("b"),
    isAlive("b"),
    transfersHost("a", "b", 1),
    transfersHost("b", "a", 2),
    transfersHost("a", "b", 3),
  ],
  [opens("a", { settings: { host_policy: "manual" } }), enters("b"), isAlive("b"), goes("a")],
];

const scripts: fc.Arbitrary<readonly Act[]> = fc
  .tuple(fc.constantFrom(...openings), acts)
  .map(([opening, rest]) => [...opening.map((event) => ({ event, wait_ms: 0 })), ...rest]);

const whatever = (holds: (moment: Moment) => void): void => holdIn(scripts, holds);
