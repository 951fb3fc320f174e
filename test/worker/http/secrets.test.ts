import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { peerToken, sign } from "../../../worker/auth/tokens.ts";
import { breach, operationOf } from "../support/contract.ts";
import { Secrets } from "../support/secrets.ts";
import { ORIGIN } from "../support/sidecar.ts";

const ALICE = "a".repeat(26);
const BOB = "b".repeat(26);
const BODY = JSON.stringify({
  name: "Nice",
  password: "hunter2hunter2",
  member_data: { ship: "member-of-the-ship" },
  data: { map: "forest-of-all", plan: "plan-of-the-host", team: "team-of-members" },
  data_rules: { plan: { visibility: "private" }, team: { visibility: "member" } },
});

function planted(): Secrets {
  const secrets = new Secrets();
  secrets.plant(BODY, "198.51.100.77");
  secrets.learn("K7M2XQ");
  return secrets;
}

const tells = (text: string, peer: string | null = null, path = "/v1/games/a/lobbies"): string[] =>
  planted().betrayed({ path, peer, text });
const view = (peer: string, host: string, text: string): string =>
  `{"host":"${host}","members":[{"peer_id":"${peer}"}],"said":"${text}"}`;

describe("a leak is detected:", () => {
  test.each([
    ["a password, to any reader", "hunter2hunter2"],
    ["an address that a client came from", "198.51.100.77"],
    ["a player's address", '{"at":"203.0.113.7"}'],
    ["a sidecar's address outside its own list", "198.51.100.9"],
    ["a wire's note about a member", "note-about-alice"],
    ["a key of the deployment", "Bearer key-one-of-tests"],
    ["a stack trace", "TypeError\n    at Hub.list (index.js:10:3)"],
    ["lobby data that only members may read", "team-of-members"],
    ["member data that only members may read", "member-of-the-ship"],
    ["lobby data that only the host may read", "plan-of-the-host"],
    ["a join code", '{"join":{"wire":"native","code":"K7M2XQ"}}'],
  ])("%s", (_, text) => {
    expect(tells(text)).toHaveLength(1);
  });

  test("an address, a pair's key or an invitation in a response unrelated to a connection", () => {
    const key = `"key":"${"k".repeat(43)}"`;
    const ticket = `invite.mxYW54lW.arena.0-${ALICE}.${ALICE}.tro8w0.${"s".repeat(43)}`;
    const [reading, event] = ["/v1/games/a/connections/0-c", '{"type":"connect.punch",'];
    expect([tells('"20.0.1.1"'), tells(key), tells(ticket)]).toStrictEqual([
      ["20.0.1.1"],
      ["a pair's key"],
      ["an invitation"],
    ]);
    expect([tells(`"20.0.1.1" ${key}`, ALICE, reading), tells(`${event}"20.0.1.1"`)]).toStrictEqual([[], []]);
    expect(tells(ticket, ALICE, "/v1/games/a/lobbies/0-b/invitations")).toStrictEqual([]);
  });

  test("a pair's key sent to a third peer", () => {
    const secrets = planted();
    const text = `{"type":"connect.punch","key":"${"k".repeat(43)}"}`;
    const faults = [ALICE, BOB, ALICE, "c".repeat(26)].map((peer) => secrets.betrayed({ path: "event", peer, text }));
    expect(faults).toStrictEqual([[], [], [], ["a pair's key"]]);
  });

  test("a secret sent to a non-member, or a host's secret sent to a member", () => {
    expect(tells(view(BOB, BOB, "team-of-members"), ALICE)).toStrictEqual(["team-of-members"]);
    expect(tells(view(ALICE, BOB, "plan-of-the-host"), ALICE)).toStrictEqual(["plan-of-the-host"]);
  });

  test("tokens and session tickets of another peer", async () => {
    const token = (await peerToken(env, "arena", ALICE, Date.now()))!.text;
    expect(tells(token, ALICE)).toStrictEqual(["a token"]);
    const seat = {
      purpose: "session",
      game: "arena",
      lobby: `0-${ALICE}`,
      peer: ALICE,
      expires_at_s: 1_800_000_000,
    } as const;
    const { text } = (await sign(env, seat))!;
    expect([tells(text, BOB), tells(text, null), tells(text, ALICE)]).toStrictEqual([
      ["another's session ticket"],
      ["another's session ticket"],
      [],
    ]);
  });
});

describe("no leak is reported for", () => {
  test("public fields", () => {
    expect(tells('{"name":"Nice","data":{"map":"forest-of-all"}}')).toStrictEqual([]);
  });

  test("the own lobby of a member or host", () => {
    const all = "team-of-members member-of-the-ship K7M2XQ";
    expect(tells(view(ALICE, BOB, all), ALICE)).toStrictEqual([]);
    expect(tells(view(ALICE, ALICE, `${all} plan-of-the-host`), ALICE)).toStrictEqual([]);
  });

  test("a token for its owner, a sidecar's address in a sidecar list, and a ban's address for operators", () => {
    expect(tells("198.51.100.9", null, "/v1/games/a/sidecars")).toStrictEqual([]);
    expect(tells("198.51.100.77", null, "/v1/admin/games/a/bans")).toStrictEqual([]);
  });

  test("an address that is part of another one", () => {
    expect(tells("1198.51.100.77 and 198.51.100.771")).toStrictEqual([]);
  });
});

describe("an undocumented response is detected:", () => {
  const path = "/v1/games/arena/stats";
  const ask = (answer: unknown, init: ResponseInit = {}, type = "application/json", method = "GET"): string | null => {
    const headers = {
      "content-type": type,
      etag: '"x"',
      "x-request-id": ID,
      ...(init.headers as Record<string, string>),
    };
    const body = typeof answer === "string" ? answer : JSON.stringify(answer);
    return breach(new Request(ORIGIN + path, { method }), new Response(null, { ...init, headers }), body);
  };
  const STATS = { lobbies: [], member_count: 0, peer_count: 0, sidecar_count: 0, connections: [] };
  const ID = "id-of-request";
  const problem = (code: string, status: number, more: object = {}) => ({
    type: "urn:parley:problem:x",
    title: "No.",
    status,
    code,
    request_id: ID,
    ...more,
  });

  test("a missing, mistyped or out-of-range field", () => {
    expect(ask(STATS)).toBe(null);
    expect(ask({ ...STATS, peer_count: undefined })).toContain("peer_count");
    expect(ask({ ...STATS, peer_count: "3" })).toContain("peer_count");
    expect(ask({ ...STATS, peer_count: -1 })).toContain("peer_count");
  });

  test("an undocumented status, type or header", () => {
    expect(ask(STATS, { status: 206 })).toBe("readStats may not answer 206");
    expect(ask("<html>", {}, "text/html")).toBe("readStats answers text/html");
    const breaches = (headers: Record<string, string>): string | null =>
      breach(new Request(ORIGIN + path), Response.json(STATS, { headers }), JSON.stringify(STATS));
    expect(breaches({ "x-request-id": ID })).toBe("readStats 200 lacks ETag");
    expect(breaches({ etag: '"x"' })).toBe("the response lacks X-Request-Id");
  });

  test("a refusal of another operation, or with another status", () => {
    const type = "application/problem+json";
    const later = { status: 429, headers: { "retry-after": "1" } };
    expect(ask(problem("rate_limited", 429, { retry_after_s: 1 }), later, type)).toBe(null);
    expect(ask(problem("rate_limited", 429), later, type)).toBe("Retry-After is 1");
    expect(ask(problem("rate_limited", 429), { status: 429 }, type)).toBe("429 lacks Retry-After");
    const other = problem("rate_limited", 429, { request_id: "another-one" });
    expect(ask(other, later, type)).toBe(`the problem names the request another-one, the header ${ID}`);
    expect(ask(problem("lobby_full", 409), { status: 409 }, type)).toBe("readStats may not refuse with lobby_full");
    expect(ask(problem("rate_limited", 429), { status: 403 }, type)).toBe("403 says that it is 429");
    const untitled = { code: "rate_limited", status: 429, request_id: ID, retry_after_s: 1 };
    expect(ask(untitled, later, type)).toContain("title");
  });

  test("operations are distinguished by their paths", () => {
    const found = (method: string, asked: string): string | undefined => operationOf(method, asked)?.operation.id;
    expect(found("PUT", "/v1/games/a/lobbies/by-key/x")).toBe("createOrJoin");
    expect(found("HEAD", "/v1/games/a/lobbies/x")).toBe("readLobby");
    expect(found("POST", "/v1/games/a/lobbies/x")).toBe(undefined);
  });
});
