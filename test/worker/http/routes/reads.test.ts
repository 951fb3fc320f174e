/** What a peer reads without joining, and parts of a lobby. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { LobbyView } from "#shared/api/lobbies.ts";
import { APPLICANT_MS } from "#shared/limits.ts";
import { problemOf } from "../../support/http-fixture.ts";
import { timePasses } from "../../support/hub-inspector.ts";
import { reachOf } from "../../support/introduction.ts";
import { freeOfCharge, type Player, players } from "../../support/player.ts";
import { newGame } from "../../support/sidecar.ts";

let game = "";
let ann: Player;
let bob: Player;
let eve: Player;
beforeEach(async () => {
  game = newGame();
  freeOfCharge();
  [ann, bob, eve] = (await players(game, 3)) as [Player, Player, Player];
});

const read = async (who: Player, path: string): Promise<Record<string, unknown>> => {
  const response = await who.ask("GET", path);
  expect([path, response.status]).toStrictEqual([path, 200]);
  return response.json();
};

describe("a preview", () => {
  test("by join code shows a private lobby without joining it, and says whether it needs a password", async () => {
    const made = await ann.hosts({ visibility: "private", password: "hunter2", seats: 6, data: { map: "forest" } });
    const code = made.join.code!;
    const preview = await read(bob, `lobbies/by-code/${code.toLowerCase()}`);
    expect(preview).toMatchObject({ id: made.id, name: made.name, seats: 6, member_count: 1, has_password: true });
    expect(preview).toMatchObject({ data: { map: "forest" }, join: { wire: "native" } });
    expect(JSON.stringify(preview)).not.toContain(code);
    expect(await bob.refused("GET", `lobbies/${made.id}`)).toBe("lobby_not_found");
  });

  test("by a wrong code is a guess like any other", async () => {
    vi.restoreAllMocks();
    const wrong = "lobbies/by-code/222222";
    for (const [path, code] of [
      [wrong, "code_invalid"],
      ["lobbies/by-code/no", "code_invalid"],
    ] as const)
      expect(await bob.refused("GET", path)).toBe(code);
    const codes = await Promise.all(Array.from({ length: 12 }, () => bob.refused("GET", wrong)));
    expect(codes.at(-1)).toBe("rate_limited");
    expect((await ann.ask("GET", wrong)).status).toBe(404);
  });

  test("by key shows the lobby, and creates none", async () => {
    expect(await bob.refused("GET", "lobbies/by-key/party")).toBe("lobby_not_found");
    const made = await ann.ask("PUT", "lobbies/by-key/party", { body: { name: "Party", seats: 4 } });
    const { lobby } = await made.json<{ lobby: LobbyView }>();
    expect(await read(bob, "lobbies/by-key/party")).toMatchObject({ id: lobby.id, name: "Party", member_count: 1 });
    expect((await read(ann, `lobbies/${lobby.id}/members`))["members"]).toHaveLength(1);
    const refused = await problemOf(await bob.ask("GET", "lobbies/by-key/-x"));
    expect(refused).toMatchObject({ code: "invalid_request", detail: expect.not.stringContaining("^") });
  });
});

describe("members", () => {
  test("are listed for everyone, with their data for members", async () => {
    const { id } = await ann.hosts({ member_name: "Ann", member_data: { hero: "mage" } });
    await bob.enters(id, { member_name: "Bob" });
    const list = async (who: Player) => (await read(who, `lobbies/${id}/members`))["members"] as object[];
    expect(await list(bob)).toMatchObject([{ name: "Ann", host: true, data: { hero: "mage" } }, { name: "Bob" }]);
    expect(await list(eve)).toMatchObject([
      { peer_id: ann.id, name: "Ann" },
      { peer_id: bob.id, state: "present" },
    ]);
    expect(JSON.stringify(await list(eve))).not.toContain("mage");
    expect(await read(eve, `lobbies/${id}/members/${bob.id}`)).toStrictEqual((await list(eve))[1]);
    expect(await eve.refused("GET", `lobbies/${id}/members/${eve.id}`)).toBe("member_not_found");
    await ann.patches(id, { visibility: "private" });
    for (const path of ["members", `members/${bob.id}`])
      expect(await eve.refused("GET", `lobbies/${id}/${path}`)).toBe("lobby_not_found");
  });
});

describe("applications", () => {
  test("the host lists them, and each applicant follows its own at the Location of its 202", async () => {
    const { id } = await ann.hosts({ approval: true });
    const applied = await bob.ask("POST", `lobbies/${id}/members`, { body: { member_name: "Bob" } });
    const own = new URL(applied.headers.get("location")!, "http://hub.test").pathname.split(`/${game}/`)[1]!;
    expect(own).toBe(`lobbies/${id}/applicants/${bob.id}`);
    const { expires_at } = await applied.json<{ expires_at: string }>();
    const pending = { status: "pending", lobby_id: id, peer_id: bob.id, expires_at };
    expect(await read(bob, own)).toStrictEqual(pending);
    expect(await read(ann, own)).toStrictEqual(pending);
    expect((await read(ann, `lobbies/${id}/applicants`))["applicants"]).toMatchObject([
      { peer_id: bob.id, name: "Bob" },
    ]);
    for (const path of [own, `lobbies/${id}/applicants`]) expect(await eve.refused("GET", path)).toBe("not_host");
    await ann.ask("POST", `${own}/admit`);
    expect(await read(bob, own)).toStrictEqual({ status: "admitted", lobby_id: id, peer_id: bob.id });
    expect((await read(ann, `lobbies/${id}/applicants`))["applicants"]).toStrictEqual([]);
    expect(await eve.refused("GET", own.replace(bob.id, eve.id))).toBe("applicant_not_found");
  });

  test("a denied applicant reads so until it can apply again", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { id } = await ann.hosts({ approval: true });
    await bob.applies(id);
    const own = `lobbies/${id}/applicants/${bob.id}`;
    await ann.ask("POST", `${own}/deny`);
    expect(await read(bob, own)).toMatchObject({ status: "denied", expires_at: expect.any(String) });
    await timePasses(game, APPLICANT_MS / 3);
    await ann.beats(id);
    await timePasses(game, APPLICANT_MS / 3);
    await ann.beats(id);
    await timePasses(game, APPLICANT_MS / 3);
    expect(await bob.refused("GET", own)).toBe("applicant_not_found");
    expect(await bob.refused("GET", `lobbies/${id}/applicants/nobody`)).toBe("applicant_not_found");
  });

  test("of a private lobby do not exist for a stranger", async () => {
    const { id } = await ann.hosts({ approval: true, visibility: "private" });
    for (const path of ["applicants", `applicants/${eve.id}`, `applicants/${ann.id}`])
      expect(await eve.refused("GET", `lobbies/${id}/${path}`)).toBe("lobby_not_found");
  });
});

describe("the own NAT", () => {
  const describeNat = (who: Player, reach: unknown): Promise<Response> =>
    who.ask("GET", `nat?reach=${encodeURIComponent(typeof reach === "string" ? reach : JSON.stringify(reach))}`);

  test.each([
    ["cone", { type: "cone", mapping: "independent", port_allocation: "sequential" }],
    ["sequential", { type: "sequential", mapping: "per_port", port_allocation: "sequential" }],
    ["random", { type: "random", mapping: "per_port", port_allocation: "random" }],
  ] as const)("%s is described in words", async (nat, expected) => {
    const response = await describeNat(ann, await reachOf(ann, { address: "203.0.113.7", nat }));
    const { ipv4, ipv6 } = await response.json<{ ipv4: { message: string }; ipv6: null }>();
    expect([response.status, ipv6]).toStrictEqual([200, null]);
    expect(ipv4).toMatchObject({ ...expected, filtering: null, message: expect.stringMatching(/^The router .+\.$/) });
    expect(JSON.stringify(ipv4)).not.toContain("203.0.113");
  });

  test("each address family is described by its own receipts", async () => {
    const [v4, v6] = [await reachOf(ann, { address: "203.0.113.7" }), await reachOf(ann, { address: "2001:db8::7" })];
    const response = await describeNat(ann, { ...v4, looks: [...v4.looks, ...v6.looks], filtering: "port" });
    expect(await response.json()).toMatchObject({ ipv4: { type: "port_restricted" }, ipv6: { filtering: "port" } });
    const none = await describeNat(ann, { ...v4, looks: [] });
    expect(await none.json()).toStrictEqual({ ipv4: null, ipv6: null });
  });

  test("another peer's receipts, old ones and malformed ones are refused", async () => {
    const home = { address: "203.0.113.7" };
    expect(await problemOf(await describeNat(bob, await reachOf(ann, home)))).toMatchObject({
      code: "invalid_request",
    });
    const old = await reachOf(ann, { ...home, seen_at: Date.now() - 120_000 });
    expect(await problemOf(await describeNat(ann, old))).toMatchObject({ code: "receipt_expired" });
    const misspelt = { ...(await reachOf(ann, home)), filterin: "port" };
    expect(await problemOf(await describeNat(ann, misspelt))).toMatchObject({
      errors: [{ pointer: "?reach/filterin" }],
    });
    expect(await problemOf(await describeNat(ann, "{"))).toMatchObject({ errors: [{ pointer: "?reach" }] });
  });
});
