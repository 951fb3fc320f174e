/** Every operation refuses a misspelt key of its body and a misspelt query parameter, and says where it is. */
import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { publishRequest } from "#shared/api/lobbies.ts";
import { OPERATIONS } from "#shared/api/openapi.ts";
import { app } from "../../../worker/http/app.ts";
import { ADMIN_KEYS } from "../../support/keys.ts";
import { seeded } from "../../support/dice.ts";
import { misspell, misspellings } from "../support/misspelling.ts";
import { freeOfCharge, Player } from "../support/player.ts";
import { problemOf } from "../support/http-fixture.ts";
import { newGame, ORIGIN } from "../support/sidecar.ts";

const ID = `0-${"a".repeat(26)}`;
const VALUES: Readonly<Record<string, string>> = {
  id: ID,
  cid: ID,
  peer: "a".repeat(26),
  key: "party",
  shard: "0",
  ban: "b".repeat(26),
};

const dice = seeded(20_261_130);
let player: Player;
beforeAll(async () => {
  player = await Player.of(newGame());
});
beforeEach(freeOfCharge);

const all = Object.entries(OPERATIONS).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation, id: operation.id })),
);
const versioned = all.filter(({ path, operation }) => path.startsWith("/v1/") && operation.auth !== "sidecar");
const withBody = versioned.filter(({ operation }) => operation.body !== undefined);

type Case = (typeof all)[number];

function send({ path, method, operation }: Case, query: string, body?: object): Promise<Response> {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === "game" ? player.game : VALUES[name]!));
  const token = operation.auth === "operator" ? ADMIN_KEYS[0]! : player.token;
  const headers = { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) };
  const init = { method: method.toUpperCase(), headers, ...(body && { body: JSON.stringify(body) }) };
  const settings = { ...env, ADMIN_KEYS: ADMIN_KEYS.join() };
  return Promise.resolve(app.fetch(new Request(`${ORIGIN}${filled}${query}`, init), settings));
}

const errorsOf = async (response: Response): Promise<{ pointer: string; message: string }[]> => {
  const { code, errors } = await problemOf(response);
  expect(code).toBe("invalid_request");
  return errors as { pointer: string; message: string }[];
};

describe("a misspelt key of a body is refused at every depth:", () => {
  const places = new Set<string>();
  test.each(withBody)("$id", async (one) => {
    for (const { value, pointer } of misspellings(one.operation.body!.schema!, dice)) {
      const errors = await errorsOf(await send(one, "", value as object));
      expect(errors).toContainEqual({ pointer, message: expect.stringContaining("unknown") });
      places.add(`${one.id} ${pointer.replace(/[^/]*$/, "")}`);
    }
  });

  test("the depths are those of the bodies", () => {
    expect([...places].filter((place) => !place.endsWith(" /")).toSorted()).toStrictEqual([
      "acceptConnection /reach/",
      "acceptConnection /reach/local_endpoints/0/",
      "acceptConnection /reach/looks/0/",
      "acceptConnection /reach/looks/0/via/",
      "connect /reach/",
      "connect /reach/local_endpoints/0/",
      "connect /reach/looks/0/",
      "connect /reach/looks/0/via/",
      "createBan /member/",
      "createLobby /data_rules/a/",
      "createOrJoin /data_rules/a/",
      "createPeer /proof/",
      "patchLobby /data_rules/a/",
      "quickJoin /create_if_none/",
      "quickJoin /create_if_none/data_rules/a/",
      "relay /lost/",
    ]);
  });

  test("of a noray host's listing", async () => {
    const headers = { authorization: "Noray oid:pid" };
    for (const { value, pointer } of misspellings(publishRequest.schema!, dice)) {
      const errors = await errorsOf(await player.ask("POST", "lobbies", { headers, body: value }));
      expect(errors).toContainEqual({ pointer, message: expect.stringContaining("unknown") });
    }
  });

  test("of a filter", async () => {
    const errors = await errorsOf(await player.ask("POST", "quick-join", { body: { filter: { versoin: "1.4" } } }));
    expect(errors).toStrictEqual([{ pointer: "/filter/versoin", message: "not a value this parameter takes" }]);
  });
});

describe("a misspelt query parameter is refused:", () => {
  test.each(versioned)("$id", async (one) => {
    const names = (one.operation.parameters ?? []).filter((each) => each.in === "query").map(({ name }) => name);
    const known = one.id === "listLobbies" ? ["version", "seats", "order", "limit"] : names;
    for (const name of [...known, "reasn"]) {
      const wrong = name === "reasn" ? name : misspell(name, known, dice);
      const errors = await errorsOf(await send(one, `?${wrong}=1`));
      expect(errors.map(({ pointer }) => pointer)).toContain(`?${wrong}`);
    }
  });
});

test("all faults of a body are reported at once, in words, each with its place", async () => {
  const body = { name: 7, seats: 1, vizibility: "private", relay: "sometimes", data: { a: {} }, x_clan: "ours" };
  const response = await player.ask("POST", "lobbies", { body });
  const errors = await errorsOf(response.clone());
  expect(errors.map(({ pointer }) => pointer).toSorted()).toStrictEqual(
    ["/data/a", "/name", "/relay", "/seats", "/vizibility"].toSorted(),
  );
  expect(errors.find(({ pointer }) => pointer === "/vizibility")?.message).toContain("did you mean visibility?");
  expect(errors.find(({ pointer }) => pointer === "/relay")?.message).toBe("one of auto, always, never expected");
  expect(await response.text()).not.toMatch(/\^|\\p/);
});

test("keys and parameters that start with x_ are the game's", async () => {
  expect((await player.ask("POST", "lobbies", { body: { name: "Nice", seats: 4, x_clan: 1 } })).status).toBe(201);
  expect((await player.ask("GET", "lobbies?x_cache=1")).status).toBe(200);
  expect((await player.ask("GET", "stats?x_cache=1")).status).toBe(200);
});
