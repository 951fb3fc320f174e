/** Invariants of the lobby core under random scripts of events from several peers on several sidecars. */
import { deepStrictEqual, ok } from "node:assert/strict";
import * as fc from "../../support/fc.ts";
import { expect, test } from "vitest";
import { deadline, step } from "#shared/lobby/step.ts";
import type { Event, Source } from "#shared/lobby/lobby.ts";
import { hosts, joins, POLICY, starts, TICK } from "../support/lobbies.ts";
import { type Act, holdIn, type Moment, play, throughJson } from "../support/scripts.ts";

test("seats are never exceeded, and a lobby always has members with distinct names", () => {
  whatever(({ lobby }) => {
    if (lobby === null) return;
    const names = lobby.members.map((member) => member.peer);
    ok(names.length >= 1 && names.length <= (lobby.seats ?? Infinity));
    deepStrictEqual([...new Set(names)], names);
  });
});

test("the host is always the longest-standing member", () => {
  whatever(({ lobby }) => {
    if (lobby === null) return;
    deepStrictEqual(lobby.members[0]?.peer, lobby.host);
    const arrivals = lobby.members.map((member) => member.joined_at);
    deepStrictEqual(
      arrivals.toSorted((a, b) => a - b),
      arrivals,
    );
  });
});

test("a started lobby has its start time, and an open one no confirmations", () => {
  whatever(({ lobby }) => {
    if (lobby === null) return;
    deepStrictEqual(lobby.state === "started", lobby.started_at !== null);
    ok(lobby.state === "started" ? lobby.members.length >= 2 : lobby.members.every((member) => !member.confirmed));
  });
});

test("a step mutates neither the lobby nor the event", () => {
  whatever(({ before, event, now }) => void step(deepFreeze(before), deepFreeze(event), now));
});

test("a repeated event changes nothing the second time", () => {
  whatever(({ lobby, event, now }) => {
    const again = step(lobby, event, now).lobby;
    ok(again === lobby);
    deepStrictEqual(again, lobby);
  });
});

test("a changed lobby has a new revision, and an unchanged one is the same object", () => {
  whatever(({ before, lobby, now }) => {
    if (before === null || lobby === null || before.id !== lobby.id) return;
    if (lobby === before) return;
    ok(lobby.revision > before.revision);
    deepStrictEqual(lobby.updated_at, now);
    const { revision: _, updated_at: __, ...then } = before;
    const { revision: ___, updated_at: ____, ...since } = lobby;
    ok(JSON.stringify(then) !== JSON.stringify(since), "a new revision in which nothing is new");
  });
});

test("wire, name, policy, seats, password and creation time never change", () => {
  whatever(({ before, lobby }) => {
    if (before === null || lobby === null || before.id !== lobby.id) return;
    for (const key of ["wire", "name", "policy", "seats", "password_digest", "created_at"] as const) {
      deepStrictEqual(lobby[key], before[key]);
    }
  });
});

test("the term increases exactly when the host changes", () => {
  whatever(({ before, lobby }) => {
    if (before === null || lobby === null || before.id !== lobby.id) return;
    ok(lobby.term >= before.term);
    deepStrictEqual(lobby.term > before.term, lobby.host !== before.host);
  });
});

test("the deadline is in the future, and exactly when the next timeout takes effect", () => {
  whatever(({ lobby, now }) => {
    if (lobby === null) return;
    const due = deadline(lobby);
    if (due === null) {
      ok(step(lobby, TICK, now + 1e12).lobby === lobby);
      return;
    }
    ok(due > now);
    ok(step(lobby, TICK, due - 1).lobby === lobby, "it changed before its time");
    ok(step(lobby, TICK, due).lobby !== lobby, "its time came and nothing changed");
  });
});

test("a lobby restored from JSON behaves the same", () => {
  whatever(({ before, lobby, notices, event, now }) => {
    deepStrictEqual(throughJson(lobby), lobby);
    deepStrictEqual(step(throughJson(before), throughJson(event), now), { lobby, notices });
  });
});

test("notices go to endpoints of members, and refusals to the requester", () => {
  whatever(({ before, lobby, notices }) => {
    const places = [...(before?.members ?? []), ...(lobby?.members ?? [])];
    for (const addressed of notices) {
      if (addressed.to === "requester") deepStrictEqual(addressed.notice.kind, "refused");
      else ok(places.some((member) => member.peer === addressed.peer && same(member.source, addressed.source)));
    }
  });
});

test("no notice contains a secret, or an address before the start or for a non-member", () => {
  whatever(({ lobby, notices }) => {
    for (const addressed of notices) {
      const said = JSON.stringify(addressed.notice);
      ok(!said.includes("digest") && !said.includes("note of"));
      if (!said.includes("192.0.2.")) continue;
      deepStrictEqual([addressed.notice.kind, lobby?.state], ["introduced", "started"]);
      ok(addressed.to === "member" && lobby?.members.some((member) => member.peer === addressed.peer));
    }
  });
});

test("the random scripts reach every state that the properties are about", () => {
  const seen = new Set<string>();
  for (const script of fc.sample(scripts, { numRuns: 1_000, seed: 7 })) {
    for (const { before, lobby, notices } of play(script)) {
      if (before !== null && lobby === null) seen.add("ended");
      if (before !== null && lobby !== null && before.id !== lobby.id) seen.add("replaced in one step");
      if (lobby !== null && lobby.members.length === lobby.seats) seen.add("full");
      if (lobby !== null && lobby.term > 2) seen.add("handed on twice");
      if (lobby?.state === "started" && lobby.members.every((member) => member.confirmed)) seen.add("confirmed by all");
      if (lobby?.members.some((member) => member.away_since !== null)) seen.add("a member away");
      for (const { notice } of notices) {
        seen.add(notice.kind === "refused" ? notice.code : notice.kind === "removed" ? notice.reason : notice.kind);
      }
    }
  }
  const wanted = [
    ["confirmed by all", "ended", "full", "handed on twice", "replaced in one step", "a member away"],
    ["hosted", "introduced", "roster", "kicked", "left", "lobby_timeout", "member_timeout", "moved", "over"],
    ["lobby_exists", "lobby_full", "lobby_not_found", "member_not_found", "name_in_use", "not_host", "not_started"],
    ["password_mismatch", "too_few_players"],
  ].flat();
  expect(wanted.filter((word) => !seen.has(word))).toStrictEqual([]);
});

// --- scripts ---------------------------------------------------------------------------------------------------

const PEERS = ["A", "B", "C", "D", "E"];
const SIDECARS = ["north", "south"];

/** Each peer has a home endpoint, so that scripts progress; a few events come from another peer's endpoint. */
const homeOf = (peer: string): Source => {
  const at = PEERS.indexOf(peer);
  return { sidecar: SIDECARS[at % 2]!, via: 1, endpoint: { address: `192.0.2.${1 + (at >> 1)}`, port: 1_000 + at } };
};

const elsewhere = fc
  .tuple(fc.constantFrom(...SIDECARS), fc.constantFrom(1, 2), fc.constantFrom(...PEERS))
  .map(([sidecar, via, peer]): Source => ({ sidecar, via, endpoint: homeOf(peer).endpoint }));

const someone = fc
  .constantFrom(...PEERS)
  .chain((peer) =>
    fc
      .oneof({ weight: 6, arbitrary: fc.constant(homeOf(peer)) }, { weight: 1, arbitrary: elsewhere })
      .map((source) => ({ peer, source, memory: `note of ${peer}` })),
  );

const policies = fc
  .record({
    lifetime_ms: fc.constantFrom(null, 1, 30_000, 600_000),
    started_keep_ms: fc.constantFrom(1, 10_000, 200_000),
    confirmed_keep_ms: fc.constantFrom(1, 2_000, 300_000),
  })
  .map((times) => ({ ...POLICY, ...times }));

const digests = fc.oneof({ weight: 4, arbitrary: fc.constant("digest") }, fc.constantFrom(null, "digesT"));

const hosting = fc
  .record({ who: someone, policy: fc.oneof(fc.constant(POLICY), policies), seats: fc.integer({ min: 1, max: 4 }) })
  .chain(({ who, policy, seats }) =>
    fc.constantFrom(null, "digest").map((password_digest): Event => {
      return { kind: "host", id: "", wire: "rabid", name: "Nice", policy, seats, password_digest, ...who };
    }),
  );

const joining = fc
  .record({ who: someone, password_digest: digests, reclaims: fc.boolean() })
  .map(({ who, ...fields }): Event => ({ kind: "join", ...who, ...fields }));

const speaking = fc
  .tuple(fc.constantFrom("leave", "confirm", "confirm", "renew", "lost", "heartbeat"), someone)
  .map(([kind, { peer, source }]): Event => ({ kind, peer, source }));

const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 2, arbitrary: hosting },
  { weight: 6, arbitrary: joining },
  { weight: 8, arbitrary: speaking },
  fc.tuple(fc.constantFrom(...PEERS), someone).map(([peer, { source }]): Event => ({ kind: "kick", peer, source })),
  { weight: 2, arbitrary: someone.map(({ source }): Event => ({ kind: "start", source })) },
  fc
    .tuple(fc.constantFrom("sidecar_away" as const, "sidecar_back" as const), fc.constantFrom(...SIDECARS))
    .map(([kind, sidecar]): Event => ({ kind, sidecar })),
  fc.constant(TICK),
);

const waits = fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.constantFrom(1, 2_000, 10_000, 60_000, 600_000));

const acts = fc.array(fc.record({ event: events, wait_ms: waits }), { minLength: 1, maxLength: 40, size: "max" });

/** Random events seldom reach a start, so some scripts begin there. */
const openings: readonly (readonly Event[])[] = [
  [],
  [hosts("Alice", { peer: "A", source: homeOf("A") }), joins("Bob", { peer: "B", source: homeOf("B") })],
];

const scripts: fc.Arbitrary<readonly Act[]> = fc
  .tuple(fc.constantFrom(...openings), fc.boolean(), acts)
  .map(([opening, started, rest]) => [
    ...opening.map((event) => ({ event, wait_ms: 0 })),
    ...(started ? [{ event: starts(homeOf("A")), wait_ms: 0 }] : []),
    ...rest,
  ]);

const whatever = (holds: (moment: Moment) => void): void => holdIn(scripts, holds);

const same = (a: Source | null, b: Source | null): boolean => JSON.stringify(a) === JSON.stringify(b);

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
