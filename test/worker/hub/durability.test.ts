import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { LinkCloseCode } from "#shared/link/messages.ts";
import { SIDECAR_GRACE_MS } from "#shared/limits.ts";
import {
  alarmOf,
  hubFor,
  inside,
  lobbyRows,
  sidecarRow,
  sidecarRows,
  tablesOf,
  untilDown,
} from "../support/hub-inspector.ts";
import { GroupCommit } from "../../../worker/hub/storage/group-commit.ts";
import { freeOfCharge, type Player, players } from "../support/player.ts";
import { EventsClient } from "../support/subscriber.ts";
import { confirms, heard, hosts, introduced, joins, leaves, linkRequest, newGame, ORIGIN } from "../support/sidecar.ts";
import { POLICY, removed, roster, Sidecar, starts, worker } from "../support/sidecar.ts";

beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => {}));

describe("a hub that is evicted during a conversation", () => {
  test("an evicted hub keeps lobbies, sockets and acks", async () => {
    const { game, north, south } = await conversation();
    const before = [await lobbyRows(game), await sidecarRows(game), await seen(game)];
    await sleep(game);
    expect([await lobbyRows(game), await sidecarRows(game), await seen(game)]).toStrictEqual(before);

    const told = await north.batch(3, [joins("Nice", "Carol")]);
    expect(told.ack).toBe(3);
    expect(heard(told.items)).toStrictEqual([
      ["Alice", roster("Alice", "Bob", "Carol")],
      ["Carol", roster("Alice", "Bob", "Carol")],
    ]);
    expect(heard((await south.next("told", ({ ack }) => ack === null)).items)).toStrictEqual([
      ["Bob", roster("Alice", "Bob", "Carol")],
    ]);
  });

  test("an evicted hub knows the batches that it acknowledged", async () => {
    const { game, north, south } = await conversation();
    const before = await lobbyRows(game);
    await sleep(game);
    expect(await north.batch(1, [hosts("Nice", "Alice"), hosts("Other", "Alice")])).toMatchObject({
      ack: 2,
      items: [],
    });
    expect(await north.batch(2, [hosts("Other", "Alice")])).toMatchObject({ ack: 2, items: [] });
    expect(await north.batch(4, [leaves("Nice", "Alice")])).toMatchObject({ ack: 2, items: [] });
    expect(await lobbyRows(game)).toStrictEqual(before);
    expect(await south.rest()).toStrictEqual([]);
  });

  test("a hub may be evicted between any two messages", async () => {
    const { game, north, south } = await conversation();
    await sleep(game);
    await north.report(starts("Nice", "Alice"));
    expect(heard((await south.next("told", ({ ack }) => ack === null)).items)).toStrictEqual([
      ["Bob", introduced("Alice", "Bob")],
    ]);
    await sleep(game);
    await south.report(confirms("Nice", "Bob"));
    await sleep(game);
    await north.report(confirms("Nice", "Alice"));
    await sleep(game);
    expect(await lobbyRows(game)).toMatchObject([
      { name: "Nice", state: "started", members: [{ confirmed: true }, { confirmed: true }] },
      { name: "Other", state: "open" },
    ]);
  });

  test("an evicted hub distinguishes a sidecar's newer link from the older one", async () => {
    const game = newGame();
    // Its network died: it never answers the hub's close, and the platform keeps the socket for a while.
    const older = await Sidecar.open(game, { halfOpen: true });
    await older.hello();
    await older.report(hosts("Nice", "Alice"));
    const newer = await Sidecar.link(game);
    expect(await older.closed).toMatchObject({ code: LinkCloseCode.replaced });
    await sleep(game);
    expect(heard(await newer.report(joins("Nice", "Bob")))).toHaveLength(2);
    const south = await Sidecar.link(game, { name: "south" });
    await south.report(joins("Nice", "Carol"));
    expect(heard((await newer.next("told")).items)).toStrictEqual([
      ["Alice", roster("Alice", "Bob", "Carol")],
      ["Bob", roster("Alice", "Bob", "Carol")],
    ]);
  });

  test("an evicted hub remembers that a link was ended", async () => {
    const game = newGame();
    const north = await Sidecar.open(game, { halfOpen: true });
    await north.hello();
    await north.report(hosts("Nice", "Alice"));
    north.say("{");
    expect(await north.closed).toMatchObject({ code: LinkCloseCode.malformed });
    const { down_since } = await sidecarRow(game, "north");
    await sleep(game);
    north.say({ t: "reports", seq: 2, items: [leaves("Nice", "Alice")] });
    // Another sidecar's message is behind that of North, so both have been handled.
    await Sidecar.link(game, { name: "south" });
    expect(await sidecarRow(game, "north")).toMatchObject({ ack: 1, down_since });
    expect(await lobbyRows(game)).toMatchObject([{ host: "Alice" }]);
  });

  test("an evicted hub keeps its members' notes", async () => {
    const { game } = await conversation();
    await sleep(game);
    const { members } = await (await Sidecar.open(game, { epoch: "epoch-two" })).hello();
    expect(new Map(members.map(({ to }) => [to.name, to.memory]))).toStrictEqual(
      new Map([
        ["Nice", "note"],
        ["Other", null],
      ]),
    );
  });
});

describe("a hub whose links do not survive", () => {
  test("a waking hub knows that its sidecars are down, and when to give them up", async () => {
    const { game, north } = await conversation();
    await sleep(game, "close");
    await north.closed;
    const rows = await sidecarRows(game);
    expect(rows).toMatchObject([
      { id: "north", away: false, down_since: expect.any(Number) },
      { id: "south", away: false, down_since: expect.any(Number) },
    ]);
    expect(await alarmOf(game)).toBe(rows[0]!.down_since! + SIDECAR_GRACE_MS);
  });

  test("a waking hub lets sidecars resume", async () => {
    const { game } = await conversation();
    await sleep(game, "close");
    const north = await Sidecar.open(game);
    const { ack, members } = await north.hello();
    expect([ack, members.map(({ to }) => to.name).toSorted()]).toStrictEqual([2, ["Nice", "Other"]]);
    expect(await north.batch(3, [joins("Nice", "Carol")])).toMatchObject({ ack: 3 });
    const [nice, other] = await lobbyRows(game);
    expect([nice?.members, other?.members].map((those) => those?.length)).toStrictEqual([3, 1]);
  });
});

describe("rows of concurrent requests", () => {
  test("lobbies of the first version's table are kept, changed and ended", async () => {
    const { game, north } = await conversation();
    const before = await lobbyRows(game);
    await inside(game, ({ storage }) => {
      storage.sql.exec(`CREATE TABLE first (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
        INSERT INTO first SELECT json ->> 'id', json FROM lobbies;
        DROP TABLE lobbies; ALTER TABLE first RENAME TO lobbies;
        DELETE FROM _migrations WHERE id > (SELECT MAX(id) - 2 FROM _migrations)`);
    });
    await sleep(game);
    expect(await lobbyRows(game)).toStrictEqual(before);
    await north.batch(3, [leaves("Other", "Alice"), joins("Nice", "Carol"), hosts("Third", "Alice")]);
    await sleep(game);
    expect((await lobbyRows(game)).map(({ name, members }) => [name, members.length])).toStrictEqual([
      ["Nice", 3],
      ["Third", 1],
    ]);
  });

  test("writes that wait for a disk write share the next one, in their order", async () => {
    await inside(newGame(), async ({ storage }) => {
      storage.sql.exec(`CREATE TABLE log (n INTEGER PRIMARY KEY, turn INTEGER NOT NULL)`);
      const [group, sync] = [new GroupCommit(storage), vi.spyOn(storage, "sync")];
      const append = (n: number): number => {
        if (n === 7) throw new Error("the seventh");
        storage.sql.exec(`INSERT INTO log VALUES (?, ?)`, n, sync.mock.calls.length);
        return n;
      };
      const results = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => group.run(() => append(n))));
      expect(results.map((result) => (result.status === "fulfilled" ? result.value : "failed"))).toStrictEqual(
        Array.from({ length: 20 }, (_, n) => (n === 7 ? "failed" : n)),
      );
      // The first one runs at once, and all others after its disk write.
      const turns = storage.sql.exec<{ n: number; turn: number }>(`SELECT n, turn FROM log ORDER BY rowid`).toArray();
      expect(turns.map(({ turn }) => turn)).toStrictEqual([0, ...Array.from({ length: 18 }, () => 1)]);
      expect(await group.run(() => sync.mock.calls.length)).toBeGreaterThanOrEqual(2);
    });
  });

  test("a request whose rows cannot be written undoes only itself", async () => {
    freeOfCharge();
    const game = newGame();
    const [ann, bob, eve] = (await players(game, 3)) as [Player, Player, Player];
    const home = await eve.hosts({ name: "Home" });
    await inside(game, ({ storage }) =>
      storage.sql.exec(`CREATE TRIGGER doom BEFORE INSERT ON answers WHEN NEW.id LIKE '%doomed'
        BEGIN SELECT RAISE(ABORT, 'doomed'); END`),
    );
    const make = (player: Player, key: string): Promise<Response> =>
      player.ask("POST", "lobbies", { body: { name: key, seats: 2 }, headers: { "idempotency-key": key } });
    const [, subscriber] = [await ann.sees(home.id), (await EventsClient.list(game))[0]];
    const rename = eve.ask("POST", `lobbies/${home.id}/members`, {
      headers: { "idempotency-key": "doomed" },
      body: {},
    });
    const made = await Promise.all([make(ann, "first"), make(eve, "doomed"), make(bob, "last")]);
    expect([...made.map(({ status }) => status), (await rename).status]).toStrictEqual([201, 500, 201, 500]);
    const names = ["Home", "first", "last"];
    const listed = async (): Promise<string[]> =>
      ((await seen(game)) as { lobbies: { name: string }[] }).lobbies.map(({ name }) => name).toSorted();
    expect([await listed(), (await subscriber.rest()).map(({ type }) => type)]).toStrictEqual([
      names,
      ["lobby.added", "lobby.added"],
    ]);
    // Its stored response was undone with it, so a retry is refused again and not replayed.
    expect((await make(eve, "doomed")).status).toBe(500);
    await sleep(game);
    expect(await listed()).toStrictEqual(names);
    // The key is free: the retried request is a new one.
    await inside(game, ({ storage }) => storage.sql.exec(`DROP TRIGGER doom`));
    expect((await make(eve, "doomed")).status).toBe(201);
  });
});

describe("the alarm", () => {
  test("the alarm survives an eviction and fires for a sleeping hub", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    const made = Date.now();
    await north.report(hosts("Brief", "Alice", { policy: { ...POLICY, lifetime_ms: 30_000 } }));
    const before = await alarmOf(game);
    expect(before).toBeGreaterThanOrEqual(made + 30_000);
    await sleep(game);
    expect(await alarmOf(game)).toBe(before);

    await evictDurableObject(hubFor(game));
    vi.useFakeTimers({ toFake: ["Date"], now: before! });
    expect(await runDurableObjectAlarm(hubFor(game))).toBe(true);
    vi.useRealTimers();
    expect(heard((await north.next("told")).items)).toStrictEqual([["Alice", removed("lobby_timeout")]]);
    expect(await lobbyRows(game)).toStrictEqual([]);
  });

  test("a lost alarm is set again on wake", async () => {
    const { game } = await conversation();
    await inside(game, ({ storage }) => storage.deleteAlarm());
    await sleep(game);
    expect(await alarmOf(game)).not.toBeNull();
  });

  test("a lost alarm is set again without any sidecar", async () => {
    const { game, north, south } = await conversation();
    for (const [name, sidecar] of [
      ["north", north],
      ["south", south],
    ] as const) {
      sidecar.say({ t: "bye" });
      await untilDown(game, name);
    }
    await inside(game, ({ storage }) => storage.deleteAlarm());
    await sleep(game);
    expect(await alarmOf(game)).not.toBeNull();
  });
});

describe("a game without lobbies", () => {
  test("reading leaves no rows", async () => {
    const game = newGame();
    for (const path of ["lobbies", "lobbies?limit=1&include=full,in_game", "lobbies/0-aaaaaaaaaaaaaaaaaaaaaaaaaa"]) {
      await (await worker(new Request(`${ORIGIN}/v1/games/${game}/${path}`))).text();
    }
    expect(await tablesOf(game)).toStrictEqual([]);
    expect(await alarmOf(game)).toBeNull();
    expect(await inside(game, async ({ storage }) => (await storage.list()).size)).toBe(0);
  });

  test("a link without messages leaves no rows", async () => {
    const game = newGame();
    await worker(linkRequest(game, 0)).then(({ webSocket }) => webSocket!.accept());
    expect(await tablesOf(game)).toStrictEqual([]);
    expect(await alarmOf(game)).toBeNull();
  });

  test("no alarm is set while only sidecars are linked, nor after the last lobby", async () => {
    const game = newGame();
    const north = await Sidecar.link(game);
    expect(await alarmOf(game)).toBeNull();
    await north.report(hosts("Nice", "Alice"), leaves("Nice", "Alice"));
    expect(await tablesOf(game)).toStrictEqual([
      "_migrations",
      "answers",
      "lobbies",
      "lobbies_without_head",
      "notes",
      "orders",
      "sidecars",
      "snapshots",
    ]);
    expect(await alarmOf(game)).toBeNull();
  });
});

/** Alice hosts through North, Bob joined through South, and both were notified. */
async function conversation(): Promise<{ game: string; north: Sidecar; south: Sidecar }> {
  const game = newGame();
  const [north, south] = [await Sidecar.link(game), await Sidecar.link(game, { name: "south" })];
  await north.report(hosts("Nice", "Alice", { memory: "note" }), hosts("Other", "Alice"));
  await south.report(joins("Nice", "Bob"));
  await north.next("told");
  return { game, north, south };
}

/** Nothing of the hub is in memory until something wakes it. */
async function sleep(game: string, webSockets: "hibernate" | "close" = "hibernate"): Promise<void> {
  await evictDurableObject(hubFor(game), { webSockets });
}

async function seen(game: string): Promise<unknown> {
  return (await worker(new Request(`${ORIGIN}/v1/games/${game}/lobbies`))).json();
}
