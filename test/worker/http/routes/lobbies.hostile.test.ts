/** Valid, nearly valid and absurd requests of several peers to the same lobbies. */
import { expect, test, vi } from "vitest";
import { joined, lobby as lobbyShape } from "#shared/api/lobbies.ts";
import { memberList } from "#shared/api/reads.ts";
import { summary } from "#shared/listing/summary.ts";
import { decode } from "#shared/schema/decode.ts";
import { randomId } from "../../../../worker/auth/random.ts";
import { diceOf } from "../../../support/dice.ts";
import { problemOf } from "../../support/http-fixture.ts";
import { freeOfCharge, LOBBY, type Player, players, said } from "../../support/player.ts";
import { newGame } from "../../support/sidecar.ts";

const REQUESTS = 10_000;

test(`${REQUESTS} hostile requests each get a documented response or a problem, and never a 500`, async () => {
  freeOfCharge();
  const faults = vi.spyOn(console, "error");
  const many = await players(newGame(), 6);
  const random = dice(20_261_125);
  const found = await Promise.all(many.slice(0, 3).map((who) => who.hosts({ password: "hunter2" })));
  const ids = found.map(({ id }) => id);
  const seen = new Map<string, number>();
  for (let sent = 0; sent < REQUESTS; sent += 50) {
    const requests = Array.from({ length: 50 }, () => hostile(random, ids, many));
    await Promise.all(
      requests.map(async ({ who, method, path, init }) => {
        const response = await who.ask(method, path, init);
        const what = `${method} ${path} ${JSON.stringify(init).slice(0, 500)}`;
        expect([what, response.status < 500]).toStrictEqual([what, true]);
        const code = response.status >= 400 ? String((await problemOf(response))["code"]) : String(response.status);
        seen.set(code, (seen.get(code) ?? 0) + 1);
        if (response.status !== 200 && response.status !== 201) return;
        const text = await response.text();
        const whole = [joined, lobbyShape, memberList, summary].some((shape) => decode<unknown>(text, shape, 1e6).ok);
        if (!/members\/|bans|lobbies($|\?)/.test(path)) expect([what, text, whole]).toStrictEqual([what, text, true]);
        const made = (JSON.parse(text) as { lobby?: { id?: string } }).lobby?.id;
        if (made !== undefined && random([true, false])) ids[random([0, 1, 2])] = made;
      }),
    );
  }
  // The requests reached every kind of response and were not all refused early.
  const wanted = [
    ["200", "201", "202", "204", "applicant_not_found", "body_too_large", "code_invalid", "data_limit"],
    ["invalid_request", "lobby_not_found", "member_not_found", "method_not_allowed", "no_open_lobby", "not_found"],
    ["not_host", "not_member", "password_mismatch", "precondition_failed", "quota_exceeded", "stale_term"],
    ["unsupported_media_type"],
  ].flat();
  expect([wanted.filter((code) => !seen.has(code)), seen]).toStrictEqual([[], seen]);
  expect(faults.mock.calls).toStrictEqual([]);
  expect(said.filter((text) => /hunter2|pbkdf2|"stack"|\bat \S+ \(/.test(text))).toStrictEqual([]);
  expect(Object.prototype).not.toHaveProperty("polluted");
});

// --- requests --------------------------------------------------------------------------------------------------

type Dice = <T>(choices: readonly T[]) => T;
type Hostile = { who: Player; method: string; path: string; init: { body?: unknown; headers: Record<string, string> } };

function dice(seed: number): Dice {
  const next = diceOf(seed);
  return (choices) => choices[next(choices.length)]!;
}

const ODD: readonly unknown[] = [
  null,
  true,
  -1,
  1.5,
  1e308,
  [[]],
  { a: { b: {} } },
  ..."|4|a\u0000|\u202E|\ud800|漢🎮|__proto__|constructor".split("|"),
  "x".repeat(65),
  "x".repeat(1_025),
];
const NAMES = ["a", "map", "constructor", "toString", "__proto__", "x".repeat(65), "1a", ""];

/** Valid bodies, whose fields are then corrupted. */
const BODIES: readonly (() => Record<string, unknown>)[] = [
  () => ({ ...LOBBY }),
  () => ({ ...LOBBY, approval: true, client_ref: "mine", version: "1.4" }),
  () => ({ ...LOBBY, visibility: "private", host_policy: "manual" }),
  () => ({ password: "hunter2" }),
  () => ({ version: "1.4", member_name: "Eve", member_data: { a: 1 } }),
  () => ({ member_data: Object.fromEntries(["a", "b", "c", "d", "e"].map((key) => [key, "x".repeat(1_000)])) }),
  () => ({ data: { a: "b", c: null }, data_rules: { a: { index: true } } }),
  () => ({ data: Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`k${at}`, at])) }),
  () => ({ name: "Nicer", seats: 3, state: "in_game", joinable: false }),
  () => ({ text: "hello" }),
  () => ({ code: "ABCDEF" }),
  () => ({ filter: { "data[map]": "forest" } }),
  () => ({ create_if_none: { ...LOBBY } }),
];

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

function hostile(random: Dice, ids: readonly string[], many: readonly Player[]): Hostile {
  const who = random(many);
  const peer = random([...many.map(({ id }) => id), who.id, "nobody", "%ff"]);
  const lobby = `lobbies/${random([...ids, ...ids, ...ids, `0-${randomId()}`, random(["0-", "%00", "__proto__"])])}`;
  const [path, right] = random<readonly [string, string]>([
    ["lobbies", "POST"],
    [`lobbies/by-key/${random(["k", "k", "__proto__", "%00", "-"])}`, "PUT"],
    ["join-by-code", "POST"],
    ["quick-join", "POST"],
    [lobby, random(["GET", "PATCH", "PATCH", "PATCH", "DELETE"])],
    [`${lobby}/members`, "POST"],
    [`${lobby}/members`, "POST"],
    [`${lobby}/members/${peer}`, random(["PATCH", "DELETE"])],
    [`${lobby}/${random(["kicks", "bans"])}`, "POST"],
    [`${lobby}/applicants/${peer}/${random(["admit", "deny", "withdraw"])}`, "POST"],
    [`${lobby}/host`, "PUT"],
    [`${lobby}/heartbeat`, "POST"],
    [`${lobby}/chat`, "POST"],
    [`${lobby}/signals`, "POST"],
    [`${lobby}/nothing`, "POST"],
  ]);
  const method = random([right, right, right, right, right, random(METHODS)]);
  const body = path.endsWith("/host") ? { peer_id: peer, expected_term: random([1, 2, 3]) } : random(BODIES)();
  if (path.endsWith("/signals")) Object.assign(body, { to: peer, body: "sdp" });
  const headers: Record<string, string> = {};
  const now = (chance: number): boolean => random(Array.from({ length: chance }, (_, at) => at)) === 0;
  if (now(4)) headers["if-match"] = random(['"v1"', '"v2"', "*", "", '"', 'W/"v1"', '"v99999999999999999999"']);
  if (now(5)) headers["idempotency-key"] = random(["a", "b", '"', "", "x".repeat(200)]);
  if (now(9)) headers["content-type"] = random(["text/plain", "", "application/json; charset=x"]);
  if (method === "GET") return { who, method, path, init: { headers } };
  return { who, method, path, init: { headers, body: spoilt(random, body) } };
}

/** The body with one field of another type, or as a text that is hardly JSON. */
function spoilt(random: Dice, body: Record<string, unknown>): unknown {
  const how = random(["right", "right", "right", "field", "field", "text"]);
  if (how === "right") return body;
  if (how === "field") {
    const name = random([...Object.keys(body), ...NAMES]);
    return JSON.stringify(body).replace(/^\{/, `{${JSON.stringify(name)}:${JSON.stringify(random(ODD))},`);
  }
  const json = JSON.stringify(body);
  return random([
    json.slice(0, -1),
    `[${json}]`,
    `{"__proto__":{"polluted":1},${json.slice(1)}`,
    `{"constructor":{"prototype":{"polluted":1}},${json.slice(1)}`,
    `{"data":{"__proto__":{"value":1,"polluted":1}}}`,
    json.replace(/^\{/, '{"x":1,"x":1,'),
    `{"deep":${"[".repeat(2_000)}${"]".repeat(2_000)}}`,
    `${json}${" ".repeat(17_000)}`,
    "null",
    "\uFEFF{}",
    "",
  ]);
}
