/** A lobby is listed while its host is present, and says how its host is reached. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Report } from "#shared/link/messages.ts";
import { COALESCE_MS, SILENT_MS } from "#shared/limits.ts";
import type { Summary } from "#shared/listing/summary.ts";
import { problemOf } from "../support/http-fixture.ts";
import { timePasses } from "../support/hub-inspector.ts";
import { freeOfCharge, type Player, players } from "../support/player.ts";
import { homeOf, hosts, newGame, ORIGIN, Sidecar, worker } from "../support/sidecar.ts";
import { EventsClient } from "../support/subscriber.ts";

let game = "";
let ann: Player;
let bob: Player;
let north: Sidecar;
beforeEach(async () => {
  game = newGame();
  freeOfCharge();
  vi.useFakeTimers({ toFake: ["Date"] });
  [ann, bob] = (await players(game, 2)) as [Player, Player];
  north = await Sidecar.link(game);
});

/** A sidecar received the member's session ticket over UDP. */
const sees = (lobby: string, { id: peer }: Player): Report => ({
  wire: "native",
  kind: "heard",
  name: lobby,
  via: 3_478,
  endpoint: homeOf(peer),
  peer,
});

async function listed(query = ""): Promise<Record<string, string | null>> {
  const response = await worker(new Request(`${ORIGIN}/v1/games/${game}/lobbies?${query}`));
  const { lobbies } = await response.json<{ lobbies: Summary[] }>();
  return Object.fromEntries(lobbies.map(({ id, reachability }) => [id, reachability]));
}

describe("a lobby is listed", () => {
  test("at once, for as long as creating it is a sign of life, and again after any other one", async () => {
    const { id } = await ann.hosts();
    expect(await listed()).toStrictEqual({ [id]: "web" });
    for (const sign of [
      () => ann.beats(id),
      () => north.report(sees(id, ann)),
      async () => (await EventsClient.greet(game, ann.token)).ask("subscribe", { topic: "lobby", lobby_id: id }),
    ]) {
      await timePasses(game, SILENT_MS);
      expect(await listed()).toStrictEqual({});
      await sign();
      expect(Object.keys(await listed())).toStrictEqual([id]);
    }
    await timePasses(game, SILENT_MS / 2);
    await timePasses(game, SILENT_MS / 2);
    expect(Object.keys(await listed())).toStrictEqual([id]);
  });

  test("not by a ticket of a peer that is no member", async () => {
    const { id } = await ann.hosts();
    await timePasses(game, SILENT_MS);
    await north.report(sees(id, bob));
    expect(await listed()).toStrictEqual({});
  });
});

describe("the host is reached", () => {
  test("over UDP once a sidecar has seen its session ticket, which is stored once", async () => {
    const { id } = await ann.hosts();
    const { revision } = await ann.sees(id);
    await north.report(sees(id, ann));
    expect(await ann.sees(id)).toMatchObject({ reachability: "udp", revision: revision + 1 });
    await north.report(sees(id, ann));
    expect(await bob.sees(id)).toMatchObject({ reachability: "udp", revision: revision + 1 });
    expect(JSON.stringify(await bob.sees(id))).not.toContain("seen_over_udp");
  });

  test("over relays if the lobby or the host reveals no address", async () => {
    const { id } = await ann.hosts({ relay: "always" });
    await north.report(sees(id, ann));
    expect(await listed()).toStrictEqual({ [id]: "relay" });
    await ann.patches(id, { relay: "auto" });
    expect(await listed()).toStrictEqual({ [id]: "udp" });
    await ann.ask("PATCH", `lobbies/${id}/members/${ann.id}`, { body: { relay: "always" } });
    expect(await listed()).toStrictEqual({ [id]: "relay" });
  });

  test("as it is now: a new host brings its own way, and a vacant lobby has none", async () => {
    const { id } = await ann.hosts({ host_policy: "manual" });
    await bob.enters(id);
    await north.report(sees(id, ann));
    await ann.ask("PUT", `lobbies/${id}/host`, { body: { peer_id: bob.id, expected_term: 1 } });
    expect(await ann.sees(id)).toMatchObject({ host: bob.id, reachability: "web" });
    await bob.ask("DELETE", `lobbies/${id}/members/${bob.id}`);
    expect(await ann.sees(id)).toMatchObject({ host: null, reachability: null });
  });
});

test("lists, quick joins and subscriptions filter by it", async () => {
  const web = await ann.hosts();
  const udp = await bob.hosts();
  await north.report(hosts("Nice", "Alice"), sees(udp.id, bob));
  expect(await listed("reachability=udp&wire=native")).toStrictEqual({ [udp.id]: "udp" });
  expect(await listed("reachability[ne]=web&wire=native")).toStrictEqual({ [udp.id]: "udp" });
  expect(await listed("reachability[in]=web,relay")).toStrictEqual({ [web.id]: "web" });
  expect(Object.values(await listed("wire=rabid"))).toStrictEqual(["udp"]);
  const refused = await worker(new Request(`${ORIGIN}/v1/games/${game}/lobbies?reachability=carrier`));
  expect(await problemOf(refused)).toMatchObject({ errors: [{ pointer: "?reachability" }] });
  const [carol] = (await players(game, 1)) as [Player];
  const joined = await carol.ask("POST", "quick-join", { body: { filter: { reachability: "udp" } } });
  expect(await joined.json()).toMatchObject({ lobby: { id: udp.id } });
  const [subscriber] = await EventsClient.list(game, { reachability: "udp" });
  await timePasses(game, COALESCE_MS);
  await north.report(sees(web.id, ann));
  expect((await subscriber.next("lobby.added")).data).toMatchObject({ lobby: { id: web.id, reachability: "udp" } });
});
