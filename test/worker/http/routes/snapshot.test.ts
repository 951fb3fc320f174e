/** A host's snapshot: who writes and reads it, what it costs, and what the next host receives. */
import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { snapshotInfo } from "#shared/api/snapshots.ts";
import { SNAPSHOT_BYTES_MAX } from "#shared/limits.ts";
import { hubFor, inside } from "../../support/hub-inspector.ts";
import { problemOf } from "../../support/http-fixture.ts";
import { meter } from "../../support/meter.ts";
import { fits, freeOfCharge, type Player, players } from "../../support/player.ts";
import { newGame, ORIGIN, worker } from "../../support/sidecar.ts";
import { EventsClient } from "../../support/subscriber.ts";

const STATE = new Uint8Array([0, 255, 10, 13, 34, 92, 200]);

let game = "";
let ann: Player;
let bob: Player;
let eve: Player;
beforeEach(async () => {
  game = newGame();
  freeOfCharge();
  [ann, bob, eve] = (await players(game, 3)) as [Player, Player, Player];
});

type Put = { term?: number | string; readers?: string; type?: string; headers?: Record<string, string> };

function put(player: Player, id: string, bytes: Uint8Array = STATE, { term = 1, readers, type }: Put = {}) {
  const query = new URLSearchParams({ term: String(term), ...(readers !== undefined && { readers }) });
  const headers = { authorization: `Bearer ${player.token}`, "content-type": type ?? "application/octet-stream" };
  const url = `${ORIGIN}/v1/games/${game}/lobbies/${id}/snapshot?${query.toString()}`;
  return worker(new Request(url, { method: "PUT", headers, body: bytes }));
}

const codeOf = async (response: Response): Promise<unknown> => (await problemOf(response))["code"];
const bytesOf = async (response: Response): Promise<Uint8Array> => new Uint8Array(await response.arrayBuffer());
const get = (player: Player, id: string, headers: Record<string, string> = {}): Promise<Response> =>
  player.ask("GET", `lobbies/${id}/snapshot`, { headers });

/** A lobby of Ann, with Bob as a member. */
async function lobbyOfTwo(parts = {}): Promise<string> {
  const { id } = await ann.hosts(parts);
  await bob.enters(id);
  return id;
}

describe("writing", () => {
  test("the host writes, and every member reads the same bytes, also after the hub slept", async () => {
    const id = await lobbyOfTwo();
    const response = await put(ann, id);
    expect(response.headers.get("etag")).toBe('"s1"');
    expect(await fits(response, 200, snapshotInfo)).toMatchObject({
      revision: 1,
      term: 1,
      size: 7,
      readers: "members",
    });
    await evictDurableObject(hubFor(game));
    for (const reader of [ann, bob]) {
      const read = await get(reader, id);
      expect([read.status, read.headers.get("etag"), read.headers.get("parley-term")]).toStrictEqual([
        200,
        '"s1"',
        "1",
      ]);
      expect(read.headers.get("content-type")).toBe("application/octet-stream");
      expect(await bytesOf(read)).toStrictEqual(STATE);
    }
  });

  test("each snapshot replaces the last, and an empty one is valid", async () => {
    const id = await lobbyOfTwo();
    await put(ann, id);
    expect(await (await put(ann, id, new Uint8Array())).json()).toMatchObject({ revision: 2, size: 0 });
    expect(await bytesOf(await get(bob, id))).toStrictEqual(new Uint8Array());
  });

  test("members, other peers and a former host are refused, each with its own code", async () => {
    const id = await lobbyOfTwo();
    expect(await codeOf(await put(bob, id))).toBe("not_host");
    expect(await codeOf(await put(eve, id))).toBe("not_member");
    expect(await codeOf(await put(ann, id, STATE, { term: 2 }))).toBe("stale_term");
    await ann.ask("PUT", `lobbies/${id}/host`, { body: { peer_id: bob.id, expected_term: 1 } });
    expect(await codeOf(await put(ann, id))).toBe("stale_term");
    expect(await codeOf(await put(bob, id))).toBe("stale_term");
    expect((await put(bob, id, STATE, { term: 2 })).status).toBe(200);
  });

  test("64 KiB are accepted, and one byte more is refused", async () => {
    const id = await lobbyOfTwo();
    expect((await put(ann, id, new Uint8Array(SNAPSHOT_BYTES_MAX).fill(255))).status).toBe(200);
    expect(await codeOf(await put(ann, id, new Uint8Array(SNAPSHOT_BYTES_MAX + 1)))).toBe("body_too_large");
    expect((await bytesOf(await get(bob, id))).length).toBe(SNAPSHOT_BYTES_MAX);
  });

  test.each([
    [{ term: "" }, "invalid_request"],
    [{ term: "one" }, "invalid_request"],
    [{ term: 0 }, "invalid_request"],
    [{ readers: "all" }, "invalid_request"],
    [{ type: "application/json" }, "unsupported_media_type"],
  ])("a request with %o is refused", async (options, code) => {
    expect(await codeOf(await put(ann, await lobbyOfTwo(), STATE, options))).toBe(code);
  });

  test("a host that writes too often is refused", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const id = await lobbyOfTwo();
    vi.restoreAllMocks();
    const statuses = [];
    for (let times = 0; times < 12; times++) statuses.push((await put(ann, id)).status);
    expect(statuses.slice(0, 8)).toStrictEqual(Array.from({ length: 8 }, () => 200));
    expect(statuses).toContain(429);
  });
});

describe("reading", () => {
  test("a reader that has the snapshot gets 304", async () => {
    const id = await lobbyOfTwo();
    await put(ann, id);
    expect((await get(bob, id, { "if-none-match": '"s1"' })).status).toBe(304);
    await put(ann, id);
    expect((await get(bob, id, { "if-none-match": '"s1"' })).status).toBe(200);
  });

  test("a snapshot for the host alone is read by the next host and by no member before", async () => {
    const id = await lobbyOfTwo();
    await put(ann, id, STATE, { readers: "host" });
    expect(await codeOf(await get(bob, id))).toBe("snapshot_not_found");
    await ann.ask("DELETE", `lobbies/${id}/members/${ann.id}`);
    expect(await bytesOf(await get(bob, id))).toStrictEqual(STATE);
  });

  test("a lobby without a snapshot, and a reader outside, get their refusals", async () => {
    const id = await lobbyOfTwo();
    expect(await codeOf(await get(bob, id))).toBe("snapshot_not_found");
    await put(ann, id);
    expect(await codeOf(await get(eve, id))).toBe("not_member");
    await ann.patches(id, { visibility: "private" });
    expect(await codeOf(await get(eve, id))).toBe("lobby_not_found");
  });
});

describe("the next host", () => {
  test("members receive the revision with the change of the host, and strangers do not", async () => {
    const id = await lobbyOfTwo();
    await put(ann, id);
    await put(ann, id);
    const inside_socket = await EventsClient.greet(game, bob.token, { lobby: id });
    const outside_socket = await EventsClient.greet(game, undefined, { lobby: id });
    for (const socket of [inside_socket, outside_socket])
      await socket.ask("subscribe", { topic: "lobby", lobby_id: id });
    await ann.ask("DELETE", `lobbies/${id}/members/${ann.id}`);
    expect((await inside_socket.next("lobby.host_changed")).data).toMatchObject({ host: bob.id, snapshot_revision: 2 });
    expect((await outside_socket.next("lobby.host_changed")).data).not.toHaveProperty("snapshot_revision");
  });

  test("the host's successors come first, in their order; a departed one is skipped", async () => {
    const { id } = await ann.hosts({ successors: [eve.id, bob.id] });
    for (const player of [bob, ...(await players(game, 1)), eve]) await player.enters(id);
    expect(await bob.sees(id)).toMatchObject({ successors: [eve.id, bob.id] });
    await ann.ask("DELETE", `lobbies/${id}/members/${ann.id}`);
    expect(await bob.sees(id)).toMatchObject({ host: eve.id });
    await eve.patches(id, { successors: [ann.id] });
    await eve.ask("DELETE", `lobbies/${id}/members/${eve.id}`);
    expect(await bob.sees(id)).toMatchObject({ host: bob.id });
  });
});

test("a snapshot writes one row, and is deleted with its lobby in the same transaction", async () => {
  const id = await lobbyOfTwo();
  await put(ann, id);
  const cost = await meter(game);
  await put(ann, id);
  expect(cost()).toMatchObject({ rows: 1, alarms: 0 });
  await get(bob, id);
  expect(cost()).toStrictEqual({ rows: 0, alarms: 0, transactions: 0 });
  await ann.ask("DELETE", `lobbies/${id}`);
  expect(cost()).toMatchObject({ rows: 2, transactions: 1 });
  expect(await inside(game, ({ storage }) => storage.sql.exec("SELECT id FROM snapshots").toArray())).toStrictEqual([]);
});
