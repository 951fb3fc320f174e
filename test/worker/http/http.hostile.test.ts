import { beforeAll, expect, test, vi } from "vitest";
import { ask, betrayed, EVERYTHING, GAME, LIST, plant, problemOf, words } from "../support/http-fixture.ts";
import { diceOf } from "../../support/dice.ts";

beforeAll(plant);

test("2,000 hostile requests each get a response or a problem, and never a 500", async () => {
  const faults = vi.spyOn(console, "error");
  const random = dice(20_261_120);
  const statuses = new Map<number, number>();
  for (let turn = 0; turn < 2_000; turn++) {
    const [path, init] = hostile(random);
    const response = await ask(path, init);
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    const where = `${init.method} ${path} ${JSON.stringify(init.headers)}`;
    expect([where, response.status < 500]).toStrictEqual([where, true]);
    if (response.status >= 400 && init.method !== "HEAD") await problemOf(response);
  }
  // The requests reached every kind of response and were not all refused early.
  const unseen = [200, 204, 304, 400, 401, 404, 405].filter((status) => (statuses.get(status) ?? 0) < 5);
  expect([unseen, statuses]).toStrictEqual([[], statuses]);
  expect(faults.mock.calls).toStrictEqual([]);
  await ask(EVERYTHING);
  expect(betrayed()).toStrictEqual([]);
});

type Dice = <T>(choices: readonly T[]) => T;

function dice(seed: number): Dice {
  const next = diceOf(seed);
  return (choices) => choices[next(choices.length)]!;
}

const ODD = [
  ...words("% %00 %ff %2e%2e %2F .. . // \\ ? # ' \" <script> ${x} {{x}} %0d%0aset-cookie:a=b 漢 🎮 %F0%9F"),
  ...words("__proto__ constructor 0- zz- -1 0 1 1e3 1e999 NaN 0x10 ٣ ; , ,,, * null true [] 'OR-1=1--"),
  "",
  " 5",
  "\n",
  "\u0000",
  "\ud800",
  "a".repeat(2_000),
];
const WORDS = words(`v1 games ${GAME} GAME lobbies 0-aaaaaaaaaaaaaaaaaaaaaaaaaa link problems healthz not-found`);
const KEYS = ["", ...words("limit cursor include limit[] LIMIT __proto__ x_a x_b x_c x_d x_e x_f")];
const STARTS = words(`${LIST} ${LIST} ${LIST} ${LIST}/ /v1/games/ /v1/link/${GAME}/0 /problems/ /v1/ /healthz /`);
const METHODS = [...Array<string>(14).fill("GET"), ...words("HEAD HEAD OPTIONS POST PUT PATCH DELETE PURGE")];
const VALUES = [...words('* * * " W/"a" websocket null gzip;q=2 bytes=0-1'), "Bearer x", "Bearer ", "a".repeat(4_000)];
const HEADERS = words("if-none-match if-none-match authorization upgrade origin range access-control-request-headers");

function hostile(random: Dice): [string, { method: string; headers: Record<string, string> }] {
  let path = random(STARTS);
  for (let pieces = random([0, 0, 0, 1, 2, 3]); pieces > 0; pieces--)
    path += random(["/", "", "/"]) + random(random([ODD, WORDS]));
  const query: string[] = [];
  for (let pieces = random([0, 1, 2, 3]); pieces > 0; pieces--) {
    query.push(`${random(KEYS)}=${random(random([ODD, ["0.0", "zzzzzzzzzz.0", "full", "in_game", "1", "100"]]))}`);
  }
  const headers: Record<string, string> = {};
  for (let pieces = random([0, 0, 1, 2]); pieces > 0; pieces--) headers[random(HEADERS)] = random(VALUES);
  return [query.length === 0 ? path : `${path}?${query.join("&")}`, { method: random(METHODS), headers }];
}
