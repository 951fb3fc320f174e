/** Access to a hub from inside: rows, alarm, sockets, and the clock. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { Lobby } from "#shared/lobby/lobby.ts";
import { hubOf } from "../../../worker/env.ts";
import type { Hub } from "../../../worker/hub/hub.ts";
import type { SidecarRow } from "../../../worker/hub/store.ts";

export const hubFor = (game: string, shard = 0): DurableObjectStub<Hub> => hubOf(env, game, shard);

export const inside = <T>(game: string, look: (state: DurableObjectState) => T | Promise<T>): Promise<T> =>
  runInDurableObject(hubFor(game), (_, state) => look(state));

export const tablesOf = (game: string): Promise<string[]> =>
  inside(game, ({ storage }) => {
    const tables = storage.sql.exec<{ name: string }>("SELECT name FROM sqlite_master ORDER BY name");
    return Array.from(tables, ({ name }) => name);
  });

/** Sorted by name. */
export async function lobbyRows(game: string): Promise<Lobby[]> {
  const lobbies = await rows<Lobby>(game, "lobbies");
  return lobbies.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

export const sidecarRows = (game: string): Promise<SidecarRow[]> => rows<SidecarRow>(game, "sidecars");

export async function sidecarRow(game: string, name: string): Promise<SidecarRow> {
  const row = (await sidecarRows(game)).find(({ id }) => id === name);
  if (row === undefined) throw new Error(`the hub has no row of ${name}`);
  return row;
}

/** Waits until the hub knows that this sidecar's link is down, because its close is reported asynchronously. */
export async function untilDown(game: string, name: string): Promise<void> {
  for (let looks = 0; looks < 1_000; looks++) if ((await sidecarRow(game, name)).down_since !== null) return;
  throw new Error(`the hub never noticed that ${name} is down`);
}

export const alarmOf = (game: string): Promise<number | null> => inside(game, ({ storage }) => storage.getAlarm());

/** Sets the clock and fires the hub's alarm exactly when it is due. */
export async function timePasses(game: string, ms: number): Promise<void> {
  const end = Date.now() + ms;
  for (let rings = 0; ; rings++) {
    const at = await alarmOf(game);
    if (at === null || at > end) break;
    if (rings === 1_000) throw new Error("the alarm rings without end");
    vi.setSystemTime(Math.max(at, Date.now()));
    if (!(await runDurableObjectAlarm(hubFor(game)))) throw new Error("the alarm that was set did not ring");
  }
  vi.setSystemTime(end);
}

const rows = <T>(game: string, table: "lobbies" | "sidecars"): Promise<T[]> =>
  inside(game, ({ storage }) => {
    const found = storage.sql.exec<{ json: string }>(`SELECT json FROM ${table} ORDER BY json`);
    return Array.from(found, ({ json }) => JSON.parse(json) as T);
  });
