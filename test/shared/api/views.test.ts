import { describe, expect, test } from "vitest";
import { decode, type Decoder } from "#shared/schema/decode.ts";
import { lobby as lobbyShape } from "#shared/api/lobbies.ts";
import { GRACE_DEFAULT_S } from "#shared/limits.ts";
import { summary as summaryShape } from "#shared/listing/summary.ts";
import { lobbyView } from "#shared/api/views.ts";
import { toSummary } from "#shared/listing/summary.ts";
import { after, from, joins, lobbyOf, startedLobbyOf, T0 } from "../support/lobbies.ts";
import { changes, enters, nativeLobbyOf } from "../support/people.ts";

describe("the view of a non-member", () => {
  test("is a summary in lists", () => {
    const lobby = after(
      lobbyOf(["Alice"], { password_digest: "digest" }),
      joins("Bob", { password_digest: "digest" }),
      T0 + 1_500,
    );
    expect(toSummary(lobby)).toStrictEqual({
      id: "0-aaaaaaaaaaaaaaaaaaaaaaaaaa",
      name: "Nice",
      wire: "rabid",
      state: "open",
      member_count: 2,
      seats: 4,
      has_password: true,
      joinable: true,
      approval: false,
      reachability: "udp",
      version: null,
      data: {},
      join: { wire: "rabid", session: "Nice" },
      created_at: "2025-01-01T00:00:00.000Z",
      updated_at: "2025-01-01T00:00:01.500Z",
      revision: 2,
    });
  });

  test("shows a started lobby as in game, and one without a password as not locked", () => {
    expect(toSummary(startedLobbyOf(["Alice", "Bob"]))).toMatchObject({ state: "in_game", has_password: false });
  });

  test("by id also contains the roster by arrival", () => {
    const lobby = lobbyOf(["Alice", "Bob"]);
    const at = { state: "present", joined_at: "2025-01-01T00:00:00.000Z" };
    expect(lobbyView(lobby, null)).toStrictEqual({
      ...toSummary(lobby),
      visibility: "public",
      host_policy: "automatic",
      host_grace_s: GRACE_DEFAULT_S,
      member_grace_s: GRACE_DEFAULT_S,
      consent: "automatic",
      relay: "auto",
      host: null,
      term: 1,
      join: { wire: "rabid", session: "Nice" },
      members: [
        { peer_id: null, name: "Alice", host: true, ...at },
        { peer_id: null, name: "Bob", host: false, ...at },
      ],
    });
  });

  test("contains no digest, memory, address, port, sidecar or ban", () => {
    const at = { ...from(222, 54_321, "SECRET-sidecar"), via: 43_210 };
    const made = lobbyOf(["Alice"], { password_digest: "SECRET-lock", memory: "SECRET-memory", source: at });
    const entered = after(made, { ...joins("Eve", { password_digest: "SECRET-lock" }), peer: "SECRET-kicked" });
    const open = after(entered, { kind: "kick", peer: "SECRET-kicked", source: at });
    const pair = after(open, joins("Bob", { password_digest: "SECRET-lock", memory: "SECRET-memory" }));
    const started = after(pair, { kind: "start", source: at });
    expect(JSON.stringify(started)).toMatch(/SECRET-lock.*SECRET-memory.*SECRET-kicked/);
    for (const lobby of [open, pair, started]) {
      const seen = JSON.stringify([toSummary(lobby), lobbyView(lobby, null), lobbyView(lobby, "Alice")]);
      expect(seen).not.toMatch(/SECRET|192\.0\.2|54321|43210|3478|7000/);
    }
  });
});

describe("a lobby created over HTTP", () => {
  const entry = { value: 1, index: false } as const;
  const data = {
    open: { ...entry, visibility: "public" },
    ours: { ...entry, visibility: "member" },
    mine: { ...entry, visibility: "private" },
  } as const;
  const made = nativeLobbyOf(["ann00000000000000000000", "bob00000000000000000000"], { settings: { data } });
  const asking = after(made, changes("ann00000000000000000000", { approval: true }));
  const lobby = after(asking, enters("eve00000000000000000000", { data: { SECRET: 1 } }));
  const [stranger, member, host] = [null, "bob00000000000000000000", "ann00000000000000000000"].map((who) =>
    lobbyView(lobby, who)!,
  );

  test("shows a non-member public data, and neither the code nor member data", () => {
    expect(Object.keys(stranger!.data)).toStrictEqual(["open"]);
    for (const key of ["data_rules", "applicants"]) expect(stranger).not.toHaveProperty(key);
    expect(stranger!.members.every((m) => m.data === undefined)).toBe(true);
    expect(JSON.stringify([stranger, toSummary(lobby)])).not.toMatch(/SECRET|ABCDEF|ours|mine/);
  });

  test("shows a member also the code and member data, and the host everything", () => {
    expect(member).toMatchObject({ join: { wire: "native", code: "ABCDEF" }, members: [{ data: {} }, { data: {} }] });
    expect([Object.keys(member!.data), Object.keys(member!.data_rules!)]).toStrictEqual([
      ["open", "ours"],
      ["open", "ours"],
    ]);
    expect(member).not.toHaveProperty("applicants");
    expect(Object.keys(host!.data)).toStrictEqual(["open", "ours", "mine"]);
    expect(host!.applicants).toMatchObject([{ peer_id: "eve00000000000000000000", data: { SECRET: 1 } }]);
  });

  test("is not visible to non-members if it is private", () => {
    const secret = { ...lobby, visibility: "private" } as const;
    expect(lobbyView(secret, null)).toBeNull();
    expect(lobbyView(secret, "eve00000000000000000000")).toBeNull();
    expect(lobbyView(secret, "bob00000000000000000000")).toMatchObject({ visibility: "private" });
  });

  test("matches the API's schema for every reader", () => {
    const fits = <T>(decoder: Decoder<T>, value: T) => decode(JSON.stringify(value), decoder, 1e6);
    for (const view of [stranger!, member!, host!, lobbyView(lobbyOf(["Alice"]), null)!]) {
      expect(fits(lobbyShape, view)).toStrictEqual({ ok: true, value: view });
    }
    expect(fits(summaryShape, toSummary(lobby))).toStrictEqual({ ok: true, value: toSummary(lobby) });
  });
});
