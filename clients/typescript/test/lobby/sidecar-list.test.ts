/** The list of sidecars after a restart of the hub. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Sidecar } from "../../src/api/types.ts";
import { SidecarList } from "../../src/lobby/sidecar-list.ts";
import { SIDECARS_RETRY_MS, SIDECARS_RETRY_MS_MAX } from "../../src/lobby/limits.ts";

const sidecar = (address: string): Sidecar => ({ v4: [address], v6: [], ports: [] }) as unknown as Sidecar;

let answers: (Sidecar[] | "down")[] = [];
let requests = 0;
const hub = {
  url: "http://127.0.0.1:1",
  listSidecars: () => {
    requests++;
    const answer = answers.shift() ?? [];
    return answer === "down" ? Promise.reject(new Error("down")) : Promise.resolve({ sidecars: answer });
  },
};

beforeEach(() => {
  vi.useFakeTimers();
  answers = [];
  requests = 0;
});
afterEach(() => vi.useRealTimers());

test("an empty list does not replace the known one, and is requested again until it has entries", async () => {
  const list = new SidecarList(hub, [sidecar("20.0.0.1")]);
  answers = [[], "down", [sidecar("20.0.0.2")]];
  await list.refresh();
  expect(list.current).toStrictEqual([sidecar("20.0.0.1")]);
  await vi.advanceTimersByTimeAsync(SIDECARS_RETRY_MS);
  expect([requests, list.current]).toStrictEqual([2, [sidecar("20.0.0.1")]]);
  await vi.advanceTimersByTimeAsync(2 * SIDECARS_RETRY_MS);
  expect([requests, list.current]).toStrictEqual([3, [sidecar("20.0.0.2")]]);
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(requests).toBe(3);
});

test("requests for a list that stays empty grow rarer, and end with the client", async () => {
  const list = new SidecarList(hub, []);
  await list.refresh();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(requests).toBeLessThanOrEqual(6 + 600_000 / SIDECARS_RETRY_MS_MAX);
  list.close();
  const before = requests;
  await vi.advanceTimersByTimeAsync(600_000);
  expect(requests).toBe(before);
});

test("simultaneous refreshes share one request, and a sidecar without an address has the hub's", async () => {
  answers = [[{ ...sidecar(""), v4: [] }]];
  const list = new SidecarList(hub, []);
  await Promise.all([list.refresh(), list.refresh()]);
  expect(requests).toBe(1);
  expect(list.current[0]!.v4).toStrictEqual(["127.0.0.1"]);
});
