import { evictDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { stats as statsShape } from "#shared/api/service.ts";
import { newConnection, fail } from "#shared/connect/connection.ts";
import { CONNECTIONS_MAX, CONSENT_PROMPT_MS, OUTCOMES_WRITE_DELAY_MS, STATS_SAMPLES_MIN } from "#shared/limits.ts";
import { NO_DURATIONS } from "#shared/connect/durations.ts";
import type { KeptOutcomes } from "#shared/connect/outcomes.ts";
import { ConnectionTable } from "../../../../worker/hub/connections/connection-table.ts";
import { Store } from "../../../../worker/hub/store.ts";
import { hubFor, inside, timePasses } from "../../support/hub-inspector.ts";
import {
  accepts,
  asksFor,
  reachOf,
  reads,
  reports,
  watching,
  membersOfOneLobby,
  meet as introduces,
} from "../../support/introduction.ts";
import { fits, type Player } from "../../support/player.ts";
import { ORIGIN, worker } from "../../support/sidecar.ts";

const ANN = { address: "20.0.1.1" };
const BOB = { address: "20.0.2.1" };

let ann: Player;
let bob: Player;
let game = "";
let lobby = "";
beforeEach(async () => {
  ({ game, ann, bob, lobby } = await membersOfOneLobby());
});

describe("outcomes", () => {
  test("outcomes are published in steps of twenty, so that no peer can be identified", async () => {
    for (let at = 1; at < STATS_SAMPLES_MIN; at++) await tries(at, at % 2 === 0 ? "direct" : "none");
    expect(await shown()).toStrictEqual([]);
    await tries(STATS_SAMPLES_MIN, "direct");
    const none = { count: 0, p50_ms: null, p95_ms: null };
    const counts = { introductions: 20, tries: 20, direct: 10 };
    const twenty = [{ nat_pair: "cone/cone", ...counts, first_path: none, direct_path: none }];
    expect(await shown()).toStrictEqual(twenty);
    await tries(STATS_SAMPLES_MIN + 1, "direct");
    expect(await shown()).toStrictEqual(twenty);
  });

  test("times to the first and to the direct path reach /stats and /metrics, by pair of NATs or for IPv6", async () => {
    const report = { path: "direct", elapsed_ms: 90, first_path_ms: 210 };
    for (let at = 1; at <= 2 * STATS_SAMPLES_MIN; at++) {
      const id = await meet(at);
      const family = at % 2 === 0 ? "ipv4" : "ipv6";
      await reports(ann, id, { ...report, family });
      await reports(bob, id, { ...report, family, elapsed_ms: 95 });
    }
    const direct_path = { count: 20, p50_ms: 75, p95_ms: 98 };
    const times = { first_path: { count: 20, p50_ms: 225, p95_ms: 248 }, direct_path };
    const counts = { introductions: 20, tries: 20, direct: 20 };
    expect(await shown()).toStrictEqual([
      { nat_pair: "cone/cone", ...counts, ...times },
      { nat_pair: "ipv6/ipv6", ...counts, ...times },
    ]);
    const headers = { authorization: "Bearer admin-key-one-of-tests" };
    const text = await (await worker(new Request(`${ORIGIN}/metrics?game=${game}`, { headers }))).text();
    const labels = `game="${game}",nat_pair="cone/cone"`;
    expect(text).toContain(`parley_connections_direct{${labels}} 20\n`);
    expect(text).toContain(`parley_first_path_seconds{${labels},quantile="0.95"} 0.248\n`);
    expect(text).toContain(`parley_direct_path_seconds{${labels},quantile="0.5"} 0.075\n`);
  });

  test("outcomes of one address count four times, then once in ten minutes", async () => {
    for (let times = 0; times < 6; times++) await tries(1, "direct");
    await timePasses(game, OUTCOMES_WRITE_DELAY_MS + 1_000);
    expect(await kept()).toMatchObject({ "cone/cone": { tries: 4, direct: 4 } });
  });

  test("contradicting outcomes count as not direct; if only one peer reports, its outcome counts", async () => {
    await reports(ann, await meet(1), { path: "direct" });
    const other = await meet(2);
    await reports(ann, other, { path: "direct" });
    await reports(bob, other, { path: "relay" });
    // No peer reports the third, and the last one waits until it expires.
    await meet(3);
    await reports(bob, await meet(4), { path: "none" });
    await timePasses(game, OUTCOMES_WRITE_DELAY_MS + 1_000);
    expect(await kept()).toMatchObject({ "cone/cone": { tries: 2, direct: 1 } });
    for (let seconds = 0; seconds < 20; seconds += 10) {
      await ann.beats(lobby);
      await bob.beats(lobby);
      await timePasses(game, 10_000);
    }
    await asksFor(ann, lobby, { peer_id: bob.id });
    await timePasses(game, OUTCOMES_WRITE_DELAY_MS + 1_000);
    expect(await kept()).toMatchObject({ "cone/cone": { tries: 3, direct: 1 } });
  });

  test("outcomes survive a sleep of the hub: one row, five seconds after the first", async () => {
    await settle(await meet(1), "direct");
    expect(await kept()).toBe(undefined);
    const cost = await meter();
    await settle(await meet(2), "none");
    await timePasses(game, OUTCOMES_WRITE_DELAY_MS + 1_000);
    expect(cost().rows).toBe(1);
    await evictDurableObject(hubFor(game));
    await settle(await meet(3), "direct");
    await timePasses(game, OUTCOMES_WRITE_DELAY_MS + 1_000);
    expect(await kept()).toMatchObject({ "cone/cone": { tries: 3, direct: 2 } });
  });

  test("hopeless pairs are refused at once, except one in sixteen", async () => {
    const times = { first_path: NO_DURATIONS, direct_path: NO_DURATIONS };
    const bad = { introductions: 100, tries: 100, direct: 1, ...times };
    await inside(game, ({ storage }) => {
      const store = new Store(storage);
      store.saveOutcomes({ "cone/random": { ...bad, shown: bad } });
    });
    await evictDurableObject(hubFor(game));
    const verdicts: (string | undefined)[] = [];
    for (let at = 0; at < 17; at++) {
      const { timeline } = await reads(ann, await meet(at, { nat: "random" }));
      verdicts.push(timeline.find(({ event }) => event === "introduced")?.detail);
    }
    expect(verdicts.filter((verdict) => verdict === "direct")).toHaveLength(1);
    expect([verdicts[15], verdicts[16]]).toStrictEqual(["direct", "relay"]);
    // Other pairs are not affected.
    expect(await reads(ann, await meet(1))).toHaveProperty("punch");
  });
});

describe("rows written:", () => {
  test("an introduction writes no row, and at most one alarm", async () => {
    const cost = await meter();
    const reach = await reachOf(ann, ANN);
    const headers = { "idempotency-key": "once" };
    const first = await ann.ask("POST", `lobbies/${lobby}/connections`, { body: { peer_id: bob.id, reach }, headers });
    const { connection_id } = await first.json<{ connection_id: string }>();
    await bob.ask("POST", `connections/${connection_id}/accept`, { body: { reach: await reachOf(bob, BOB) }, headers });
    await reads(ann, connection_id);
    expect(cost().rows).toBe(0);
    expect(cost().alarms).toBeLessThanOrEqual(1);
  });

  test("a request that waits for a user writes two rows: when it is made and when it is answered", async () => {
    await ann.patches(lobby, { consent: "ask" });
    const cost = await meter();
    const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id, reach: await reachOf(ann, ANN) });
    expect(cost().rows).toBe(1);
    await accepts(bob, connection_id, await reachOf(bob, BOB));
    expect(cost().rows).toBe(1);
  });

  test("no row contains an address or a key", async () => {
    await ann.patches(lobby, { consent: "ask" });
    await asksFor(ann, lobby, { peer_id: bob.id, reach: await reachOf(ann, ANN) });
    const waiting = await everyRow();
    expect(waiting).toContain("asker");
    const id = await meet(1);
    const { punch } = await reads(ann, id);
    await settle(id, "direct");
    await timePasses(game, OUTCOMES_WRITE_DELAY_MS + 1_000);
    const rows = waiting + (await everyRow());
    expect(rows).toContain("cone/cone");
    expect([rows.includes(punch!.pair_key.key), /20\.\d+\.\d+\.\d+|192\.168/.test(rows)]).toStrictEqual([false, false]);
  });
});

describe("a hub that restarts", () => {
  test("a request that waits for a user survives, and both peers must report their reach again", async () => {
    await ann.patches(lobby, { consent: "ask" });
    const [at, to] = [await watching(ann, lobby), await watching(bob, lobby)];
    const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id, reach: await reachOf(ann, ANN) });
    await to.next("connect.requested");
    await evictDurableObject(hubFor(game));
    expect(await reads(bob, connection_id)).toMatchObject({ state: "waiting", asked: false, consent: "ask" });
    expect((await to.ask("accept", { connection_id, reach: await reachOf(bob, BOB) })).type).toBe("ok");
    expect((await at.next("connect.accepted")).data).toMatchObject({ connection_id });
    await at.ask("accept", { connection_id, reach: await reachOf(ann, ANN) });
    const [mine, theirs] = [await at.next("connect.punch"), await to.next("connect.punch")];
    expect(mine.data["connection_id"]).toBe(theirs.data["connection_id"]);
  });

  test("a request that waits for a user expires on time, also without further requests", async () => {
    await ann.patches(lobby, { consent: "ask" });
    const at = await watching(ann, lobby);
    const { connection_id } = await asksFor(ann, lobby, { peer_id: bob.id });
    await evictDurableObject(hubFor(game));
    await timePasses(game, CONSENT_PROMPT_MS + 1_000);
    expect((await at.next("connect.failed")).data).toMatchObject({ connection_id, reason: "remote_timeout" });
    expect(await everyRow()).not.toContain("asker");
  });

  test("an introduction is forgotten, and a new request introduces again with a newer key", async () => {
    const first = await meet(1);
    const { punch } = await reads(ann, first);
    await evictDurableObject(hubFor(game));
    expect(await ann.refused("GET", `connections/${first}`)).toBe("connection_not_found");
    const { epoch } = punch!.pair_key;
    const second = await meet(1, { epoch });
    expect((await reads(bob, second)).punch?.pair_key.epoch).toBe(epoch + 1);
  });
});

test("a full table evicts ended connections, the oldest first, and never open ones", () => {
  const store = { pendingConnections: () => [], savePendingConnection: () => {} } as unknown as Store;
  const table = new ConnectionTable(store);
  const one = (at: number) =>
    newConnection(
      { id: `0-${at}`, lobby, consent: "automatic", wants_relay: false, asker: ann.id, asked: `b${at}` },
      0,
    );
  for (let at = 0; at < CONNECTIONS_MAX - 1; at++) table.put(one(at));
  expect(table.evictionCandidate()).toBe(null);
  table.put(one(CONNECTIONS_MAX));
  expect(table.evictionCandidate()).toBe("full");
  for (const at of [7, 3]) table.put(fail(one(at), { reason: "remote_denied", message: "" }, 1));
  expect(table.evictionCandidate()).toMatchObject({ id: "0-7" });
  table.forget(table.get("0-7")!);
  expect([table.evictionCandidate(), table.ofPair(lobby, ann.id, "b7"), table.ofPeer("b7")]).toStrictEqual([
    null,
    undefined,
    [],
  ]);
});

// --- helpers -------------------------------------------------------------------------------------------------------

const meet = (at: number, parts: object = {}): Promise<string> =>
  introduces({ ann, bob, lobby }, { address: `20.1.${at}.1`, ...parts }, { address: `20.2.${at}.1` });

async function settle(id: string, path: string): Promise<void> {
  await reports(ann, id, { path });
  await reports(bob, id, { path });
}

const tries = async (at: number, path: string): Promise<void> => settle(await meet(at), path);

const shown = async () => (await fits(await ann.ask("GET", "stats"), 200, statsShape)).connections;

const kept = (): Promise<KeptOutcomes | undefined> =>
  inside(game, ({ storage }) => {
    const rows = storage.sql.exec<{ json: string }>(`SELECT json FROM notes WHERE id = 'outcomes'`).toArray();
    return rows[0] === undefined ? undefined : (JSON.parse(rows[0].json) as KeptOutcomes);
  });

const everyRow = (): Promise<string> =>
  inside(game, ({ storage }) => {
    const tables = ["lobbies", "sidecars", "answers", "orders", "notes"];
    return JSON.stringify(tables.map((table) => storage.sql.exec(`SELECT * FROM ${table}`).toArray()));
  });

/** Rows and alarms written since the last call. */
async function meter(): Promise<() => { rows: number; alarms: number }> {
  const { exec, setAlarm } = await inside(game, ({ storage }) => ({
    exec: vi.spyOn(Object.getPrototypeOf(storage.sql) as SqlStorage, "exec"),
    setAlarm: vi.spyOn(Object.getPrototypeOf(storage) as DurableObjectStorage, "setAlarm"),
  }));
  return () => {
    const written = exec.mock.results.map(({ value }) => (value as { rowsWritten: number }).rowsWritten);
    const bill = { rows: written.reduce((sum, rows) => sum + rows, 0), alarms: setAlarm.mock.calls.length };
    exec.mockClear();
    setAlarm.mockClear();
    return bill;
  };
}
