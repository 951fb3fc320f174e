/** RequestGuard with the storage of a real hub. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { IDEMPOTENCY_KEPT_MS, IDEMPOTENT_RESPONSES_PER_PEER_MAX } from "#shared/limits.ts";
import { RequestGuard } from "../../../worker/hub/admission.ts";
import { Store } from "../../../worker/hub/store.ts";
import { hubFor, tablesOf } from "../support/hub-inspector.ts";
import { newGame } from "../support/sidecar.ts";
import type { Outcome, RequestMeta } from "../../../worker/rpc.ts";

const NOW = 1_790_000_000_000;
const PASS: RequestMeta = {
  cost: "chat",
  peer: "alice",
  source: null,
  idempotency: { key: "alice one", hash: "of-this" },
};

describe("a request with an idempotency key", () => {
  test("a request with a key runs once, and a retry returns the stored response", async () => {
    await withGate(({ says }) => {
      expect(says(PASS, "first")).toMatchObject({ value: "first", replayed: false });
      expect(says(PASS, "second")).toMatchObject({ value: "first", replayed: true });
      expect(says({ ...PASS, idempotency: null }, "second")).toMatchObject({ value: "second", replayed: false });
    });
  });

  test("a retry returns the stored refusal", async () => {
    await withGate(({ gate, says }) => {
      const refused = { refused: "lobby_full", detail: "all 4" } as const;
      expect(gate.run(PASS, NOW, () => refused)).toMatchObject({ ...refused, replayed: false });
      expect(says(PASS, "now there is room")).toMatchObject({ ...refused, replayed: true });
    });
  });

  test("a request that was refused temporarily runs when it is retried", async () => {
    await withGate(({ gate, says }) => {
      for (const refused of ["rate_limited", "hub_full", "draining", "quota_exceeded"] as const) {
        expect(gate.run({ ...PASS, cost: null }, NOW, () => ({ refused }))).toMatchObject({ refused });
      }
      expect(says(PASS, "now")).toMatchObject({ value: "now", replayed: false });
    });
  });

  test("a key is refused for another request", async () => {
    await withGate(({ says }) => {
      says(PASS, "first");
      const other = { ...PASS, idempotency: { ...PASS.idempotency!, hash: "of-something-else" } };
      expect(says(other, "second")).toMatchObject({ refused: "idempotency_mismatch", replayed: false });
      expect(says(PASS, "second")).toMatchObject({ value: "first" });
    });
  });

  test("a stored response expires after ten minutes with its row", async () => {
    await withGate(({ gate, says, rows }) => {
      says(PASS, "first");
      expect(gate.deadline()).toBe(NOW + IDEMPOTENCY_KEPT_MS);
      gate.prune(NOW + IDEMPOTENCY_KEPT_MS - 1);
      expect(says(PASS, "second", NOW + IDEMPOTENCY_KEPT_MS - 1)).toMatchObject({ value: "first" });
      gate.prune(NOW + IDEMPOTENCY_KEPT_MS);
      expect([rows(), gate.deadline()]).toStrictEqual([[], Infinity]);
      expect(says(PASS, "second", NOW + IDEMPOTENCY_KEPT_MS)).toMatchObject({ value: "second", replayed: false });
      expect(rows()).toStrictEqual(["alice one"]);
    });
  });

  test("a stored response survives a sleep of the hub", async () => {
    await withGate(({ says, wake }) => {
      says(PASS, "first");
      expect(wake().run(PASS, NOW, () => ({ value: "second" }))).toMatchObject({ value: "first", replayed: true });
    });
  });

  test("a stored response is evicted by newer ones of the same peer only", async () => {
    await withGate(({ says, rows }) => {
      says(PASS, "first");
      for (let at = 0; at < IDEMPOTENT_RESPONSES_PER_PEER_MAX + 5; at++) {
        says({ ...PASS, cost: null, peer: "mallory", idempotency: { key: `mallory ${at}`, hash: "" } }, "spam");
      }
      expect(rows()).toHaveLength(1 + IDEMPOTENT_RESPONSES_PER_PEER_MAX);
      expect(says(PASS, "second")).toMatchObject({ value: "first", replayed: true });
      const oldest = { ...PASS, cost: null, peer: "mallory", idempotency: { key: "mallory 0", hash: "" } };
      expect(says(oldest, "again")).toMatchObject({ value: "again", replayed: false });
    });
  });

  test("a response and its effects are stored together or not at all", async () => {
    await withGate(({ gate, says, rows }) => {
      says({ ...PASS, idempotency: { key: "alice before", hash: "" } }, "before");
      const broken = (): Outcome<string> => {
        throw new Error("broken");
      };
      expect(() => gate.run(PASS, NOW, broken)).toThrow("broken");
      expect(rows()).toStrictEqual(["alice before"]);
    });
  });
});

describe("rate limits", () => {
  test("too many requests are refused with the time to wait", async () => {
    await withGate(({ says }) => {
      const chat = { ...PASS, idempotency: null };
      for (let at = 0; at < 5; at++)
        expect(says(chat, "x")).toMatchObject({ value: "x", rate_limit: { remaining: 4 - at } });
      expect(says(chat, "x")).toMatchObject({
        refused: "rate_limited",
        rate_limit: { allowed: false, retry_after_s: 1 },
      });
      expect(says(chat, "x", NOW + 1_000)).toMatchObject({ value: "x" });
      expect(says({ ...chat, cost: null }, "x")).toMatchObject({ value: "x", rate_limit: null });
    });
  });

  test("a retried request counts too", async () => {
    await withGate(({ says }) => {
      for (let at = 0; at < 5; at++) says(PASS, "x");
      expect(says(PASS, "x")).toMatchObject({ refused: "rate_limited" });
    });
  });

  test("ten wrong join codes per minute are allowed per source, for all its tokens", async () => {
    await withGate(({ gate }) => {
      for (let at = 0; at < 10; at++) {
        const payer = { peer: `peer-${at}`, source: "198.51.100.1" };
        expect(gate.mayTryCode(payer, NOW)).toBe(true);
        gate.countWrongCode(payer, NOW);
      }
      const late = { peer: "another", source: "198.51.100.1" };
      expect(gate.mayTryCode(late, NOW)).toBe(false);
      expect(gate.mayTryCode({ ...late, source: "198.51.100.2" }, NOW)).toBe(true);
      expect(gate.mayTryCode({ ...late, source: null }, NOW)).toBe(true);
      expect(gate.mayTryCode(late, NOW + 6_100)).toBe(true);
    });
  });
});

test("requests without a key leave no rows", async () => {
  const game = newGame();
  await withGate(({ says }) => void says({ ...PASS, idempotency: null }, "x"), game);
  expect(await tablesOf(game)).toStrictEqual([]);
});

type Tools = {
  readonly gate: RequestGuard;
  readonly says: (pass: RequestMeta, word: string, now?: number) => ReturnType<RequestGuard["run"]>;
  /** Another RequestGuard over the same rows. */
  readonly wake: () => RequestGuard;
  /** Keys of the stored responses. */
  readonly rows: () => string[];
};

function withGate(look: (tools: Tools) => void, game = newGame()): Promise<void> {
  return runInDurableObject(hubFor(game), (_, { storage }) => {
    const wake = (): RequestGuard => new RequestGuard(env, new Store(storage));
    const gate = wake();
    look({
      gate,
      wake,
      says: (pass, value, now = NOW) => gate.run(pass, now, () => ({ value })),
      rows: () =>
        storage.sql
          .exec<{ id: string }>("SELECT id FROM answers")
          .toArray()
          .map(({ id }) => id),
    });
  });
}
