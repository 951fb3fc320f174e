import { describe, expect, test } from "vitest";
import { summary } from "#shared/listing/summary.ts";
import type { LobbyData } from "#shared/lobby/data.ts";
import { type Fact, factOf, FIELDS, isListed, SUMMARY_FIELDS, summaryOf } from "#shared/listing/listing.ts";
import { toSummary } from "#shared/listing/summary.ts";
import { after, goesAway, lobbyOf, POLICY, startedLobbyOf } from "../support/lobbies.ts";
import { timesOut, nativeLobbyOf } from "../support/people.ts";

describe("lists show", () => {
  test("public lobbies, with full and started ones where the query includes them", () => {
    for (const lobby of [
      lobbyOf(["Alice"]),
      lobbyOf(["Alice", "Bob"], { seats: 2 }),
      startedLobbyOf(["Alice", "Bob"]),
    ]) {
      expect(summaryOf(lobby)).toStrictEqual(toSummary(lobby));
    }
  });

  test("no lobby that is unlisted, private, or of a wire without lists", () => {
    expect(isListed(lobbyOf(["Alice"], { policy: { ...POLICY, listed: false } }))).toBe(false);
    for (const visibility of ["unlisted", "private"] as const) {
      expect(summaryOf(nativeLobbyOf(["Alice"], { settings: { visibility } }))).toBeNull();
    }
    expect(summaryOf(null)).toBeNull();
  });

  test("no lobby whose host is away, but one with another member away", () => {
    expect(isListed(after(lobbyOf(["Dave", "Alice"]), goesAway("south")))).toBe(false);
    expect(isListed(after(lobbyOf(["Alice", "Dave"]), goesAway("south")))).toBe(true);
    expect(isListed(after(nativeLobbyOf(["Alice", "Bob"]), timesOut("Alice")))).toBe(false);
    expect(isListed(after(nativeLobbyOf(["Alice", "Bob"]), timesOut("Bob")))).toBe(true);
  });
});

describe("a summary", () => {
  test("contains only indexed data", () => {
    const data: LobbyData = {
      map: { value: "forest", visibility: "public", index: true },
      motd: { value: "hello", visibility: "public", index: false },
      seed: { value: 7, visibility: "private", index: false },
      // No patch can make this one; the door does not rely on that.
      code: { value: "SECRET", visibility: "member", index: true },
    };
    expect(summaryOf(nativeLobbyOf(["Alice"], { settings: { data } }))?.data).toStrictEqual({ map: "forest" });
  });

  test("has exactly the fields of its schema", () => {
    expect([...SUMMARY_FIELDS].toSorted()).toStrictEqual(Object.keys(summary.fields).toSorted());
    const parts = { join_uri: "noray://192.0.2.7:8890/oid", display_name: "Ni\u0441e" };
    const lobby = lobbyOf(["Alice"]);
    const members = lobby.members.map((member) => ({ ...member, paths: ["udp"] as const }));
    const fields = Object.keys(summaryOf({ ...lobby, ...parts, members })!);
    expect(fields.toSorted()).toStrictEqual([...SUMMARY_FIELDS].toSorted());
  });

  test("provides the facts that lists filter and sort by", () => {
    const line = { ...summaryOf(nativeLobbyOf(["Alice", "Bob"]))!, data: { skill: 9 }, version: "1.4" };
    const facts = Object.fromEntries(
      [...Object.keys(FIELDS), "data[skill]", "data[toString]"].map((f) => [f, factOf(f)(line)]),
    );
    expect(facts).toMatchObject<Record<string, Fact>>({
      member_count: 2,
      seats: 4,
      slots: 2,
      version: "1.4",
      "data[skill]": 9,
    });
    expect(facts["data[toString]"]).toBeNull();
    expect(factOf("slots")({ ...line, seats: null })).toBe(126);
    const kinds = ({ paths }: { paths?: readonly ("udp" | "webrtc")[] }): Fact[] =>
      ["udp", "webrtc"].map((field) => factOf(field)({ ...line, ...(paths && { paths }) }));
    expect([kinds({}), kinds({ paths: ["webrtc"] }), kinds({ paths: ["udp", "webrtc"] })]).toStrictEqual([
      [null, null],
      [false, true],
      [true, true],
    ]);
  });
});
