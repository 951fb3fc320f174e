/** Counts what a hub is billed for: rows written, and alarms set, each of which is one more. */
import { vi } from "vitest";
import { inside } from "./hub-inspector.ts";

export type Bill = { rows: number; alarms: number; transactions: number };

/** Counts rows written from now on. Each call returns the rows since the last one. */
export async function meter(game: string): Promise<(() => Bill) & { statements: () => number }> {
  const spies = await inside(game, ({ storage }) => {
    const prototype = Object.getPrototypeOf(storage) as DurableObjectStorage;
    return {
      exec: vi.spyOn(Object.getPrototypeOf(storage.sql) as SqlStorage, "exec"),
      setAlarm: vi.spyOn(prototype, "setAlarm"),
      transactionSync: vi.spyOn(prototype, "transactionSync"),
    };
  });
  const cost = (): Bill => {
    const cursors = spies.exec.mock.results.map(({ value }) => value as { rowsWritten: number });
    const bill = {
      rows: cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0),
      alarms: spies.setAlarm.mock.calls.length,
      transactions: spies.transactionSync.mock.calls.length,
    };
    for (const spy of Object.values(spies)) spy.mockClear();
    return bill;
  };
  return Object.assign(cost, { statements: () => spies.exec.mock.calls.length });
}
