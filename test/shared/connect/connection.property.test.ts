/** Invariants of connections in any order of events: no address is visible too early, and none is kept. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { connection as shape, type ConnectionView, type OutcomeReport } from "#shared/connect/schema.ts";
import {
  agree,
  newConnection,
  type Connection,
  type End,
  fail,
  setIntroduced,
  isReady,
  recordOutcome,
  connectionView,
  overallOutcome,
} from "#shared/connect/connection.ts";
import { decode } from "#shared/schema/decode.ts";
import { introduce, type ReachedParty, type VerifiedReach } from "#shared/connect/introduction.ts";
import { TIMELINE_MAX } from "#shared/limits.ts";

const KEY = "k".repeat(43);
const HOMES = ["20.0.1.1", "20.0.2.1"] as const;
const LOCALS = ["192.168.1.10", "192.168.1.20"] as const;

function reachOf(end: End): VerifiedReach {
  const via = { address: "45.0.0.1", port: 3_478 };
  const seen = { address: HOMES[end], port: 50_000 };
  const samples = [3_478, 3_479].map((port, at_ms) => ({
    socket: 0,
    local_port: 40_000,
    via: { ...via, port },
    seen,
    at_ms,
  }));
  return { samples, local_endpoints: [{ address: LOCALS[end], port: 40_000 }], rtt_ms: 40, age_ms: 0, sent_ms: 0 };
}

type Said =
  | { readonly kind: "agree"; readonly end: End; readonly looks: boolean; readonly after_ms: number }
  | { readonly kind: "report"; readonly end: End; readonly path: "direct" | "none"; readonly after_ms: number }
  | { readonly kind: "fail"; readonly after_ms: number };

const end = fc.constantFrom<End>(0, 1);
const after_ms = fc.nat(4_000);
const said: fc.Arbitrary<Said> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("agree" as const), end, looks: fc.boolean(), after_ms }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("report" as const),
      end,
      path: fc.constantFrom("direct" as const, "none" as const),
      after_ms,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("fail" as const), after_ms }) },
);

const isOpen = ({ state }: Connection): boolean => state === "waiting" || state === "gathering";

/** As the hub does it. */
function after(connection: Connection, one: Said, now: number): Connection {
  if (one.kind === "fail")
    return isOpen(connection) ? fail(connection, { reason: "remote_left", message: "" }, now) : connection;
  if (one.kind === "report") {
    return connection.state === "introduced" ? recordOutcome(connection, one.end, { path: one.path }, now) : connection;
  }
  if (!isOpen(connection)) return connection;
  const agreed = agree(connection, one.end, one.looks ? reachOf(one.end) : null, now);
  if (!isReady(agreed, now)) return agreed;
  const both = agreed.parties.map((party): ReachedParty => ({ ...party, reach: party.reach!, listens: true }));
  const circumstances = { key: KEY, relay_only: false, outcomes: () => null };
  return setIntroduced(agreed, introduce(both as unknown as [ReachedParty, ReachedParty], circumstances, now), now);
}

test("an address is visible to the other peer alone, and only from the introduction to the end", () => {
  const states = new Set<string>();
  fc.assert(
    fc.property(
      fc.array(said, { maxLength: 24 }),
      fc.constantFrom("automatic" as const, "ask" as const),
      (all, consent) => {
        const about = { id: `0-${"c".repeat(26)}`, lobby: `0-${"b".repeat(26)}`, wants_relay: false, consent };
        let now = 1_000_000;
        let connection = newConnection({ ...about, asker: "a".repeat(26), asked: "b".repeat(26) }, now);
        for (const one of all) {
          now += one.after_ms;
          connection = after(connection, one, now);
          states.add(connection.state);
          const views = ([0, 1] as const).map((at) => connectionView(connection, at, now));
          for (const at of [0, 1] as const) seemly(views[at]!, at, connection);
          expect(connection.timeline.length).toBeLessThanOrEqual(TIMELINE_MAX);
          const kept = JSON.stringify(connection);
          if (connection.state === "over") expect(kept).not.toMatch(/20\.0\.|192\.168\.|kkkk/);
          // An introduction needs the consent of both parties.
          if (connection.state === "introduced") expect(connection.parties.every(({ agreed }) => agreed)).toBe(true);
        }
      },
    ),
    { numRuns: 2_000 },
  );
  expect([...states].toSorted()).toStrictEqual(["gathering", "introduced", "over", "waiting"]);
});

function seemly(view: ConnectionView, at: End, { state }: Connection): void {
  const text = JSON.stringify(view);
  expect(decode(text, shape, text.length)).toStrictEqual({ ok: true, value: JSON.parse(text) });
  expect(text).not.toContain(HOMES[at]);
  expect(text).not.toMatch(/192\.168\./);
  expect([state, text.includes(HOMES[1 - at]!), text.includes(KEY)]).toStrictEqual([
    state,
    state === "introduced",
    state === "introduced",
  ]);
}

test("an outcome is direct if every report is, counts the later of two times, and is unknown without a report", () => {
  const about = { id: "0-c", lobby: "0-b", wants_relay: false, consent: "automatic" as const };
  const open = { ...newConnection({ ...about, asker: "a", asked: "b" }, 0), state: "introduced" as const };
  const ended = (...reports: (OutcomeReport | null)[]) =>
    overallOutcome(
      reports.reduce<Connection>(
        (so, report, at) => (report === null ? so : recordOutcome(so, at as End, report, 1)),
        open,
      ),
    );
  const direct = { path: "direct", elapsed_ms: 90, first_path_ms: 110, family: "ipv6" } as const;
  const relay = { path: "relay", first_path_ms: 300 } as const;
  const known = { direct: true, byIPv6: true, first_path_ms: 110, direct_path_ms: 90 };
  expect([ended(direct, direct), ended(direct, null), ended(null, direct)]).toStrictEqual([known, known, known]);
  expect(ended(direct, { ...direct, elapsed_ms: 95, family: "ipv4" })).toStrictEqual({
    ...known,
    byIPv6: false,
    direct_path_ms: 95,
  });
  const relayed = { direct: false, byIPv6: false, first_path_ms: 300, direct_path_ms: null };
  expect([ended(direct, relay), ended(relay, null), ended(null, null)]).toStrictEqual([relayed, relayed, null]);
});
