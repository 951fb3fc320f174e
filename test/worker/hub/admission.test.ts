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
const META: RequestMeta = {
  cost: "chat",
  peer: "alice",
  source: null,
  idempotency: { key: "alice one", hash: "of-this" },
};

describe("a request with an idempotency key", () => {
  test("a request with a key runs once, and a retry returns the stored response", async () => {
    await withGuard(({ respond }) => {
      expect(respond(META, "first")).toMatchObject({ value: "first", replayed: false });
      expect(respond(META, "second")).toMatchObject({ value: "first", replayed: true });
      expect(respond({ ...META, idempotency: null }, "second")).toMatchObject({ value: "second", replayed: false });
    });
  });

  test("a retry returns the stored refusal", async () => {
    await withGuard(({ guard, respond }) => {
      const refused = { refused: "lobby_full", detail: "all 4" } as const;
      expect(guard.run(META, NOW, () => refused)).toMatchObject({ ...refused, replayed: false });
      expect(respond(META, "now there is room")).toMatchObject({ ...refused, replayed: true });
    });
  });

  test("a request that was refused temporarily runs when it is retried", async () => {
    await withGuard(({ guard, respond }) => {
      for (const refused of ["rate_limited", "hub_full", "draining", "quota_exceeded"] as const) {
        expect(guard.run({ ...META, cost: null }, NOW, () => ({ refused }))).toMatchObject({ refused });
      }
      expect(respond(META, "now")).toMatchObject({ value: "now", replayed: false });
    });
  });

  test("a key is refused for another request", async () => {
    await withGuard(({ respond }) => {
      respond(META, "first");
      const other = { ...META, idempotency: { ...META.idempotency!, hash: "of-something-else" } };
      expect(respond(other, "second")).toMatchObject({ refused: "idempotency_mismatch", replayed: false });
      expect(respond(META, "second")).toMatchObject({ value: "first" });
    });
  });

  test("a stored response expires after ten minutes with its row", async () => {
    await withGuard(({ guard, respond, rows }) => {
      respond(META, "first");
      expect(guard.deadline()).toBe(NOW + IDEMPOTENCY_KEPT_MS);
      guard.prune(NOW + IDEMPOTENCY_KEPT_MS - 1);
      expect(respond(META, "second", NOW + IDEMPOTENCY_KEPT_MS - 1)).toMatchObject({ value: "first" });
      guard.prune(NOW + IDEMPOTENCY_KEPT_MS);
      expect([rows(), guard.deadline()]).toStrictEqual([[], Infinity]);
      expect(respond(META, "second", NOW + IDEMPOTENCY_KEPT_MS)).toMatchObject({ value: "second", replayed: false });
      expect(rows()).toStrictEqual(["alice one"]);
    });
  });

  test("a stored response survives a sleep of the hub", async () => {
    await withGuard(({ respond, wake }) => {
      respond(META, "first");
      expect(wake().run(META, NOW, () => ({ value: "second" }))).toMatchObject({ value: "first", replayed: true });
    });
  });

  test("a stored response is evicted by newer ones of the same peer only", async () => {
    await withGuard(({ respond, rows }) => {
      respond(META, "first");
      for (let at = 0; at < IDEMPOTENT_RESPONSES_PER_PEER_MAX + 5; at++) {
        respond({ ...META, cost: null, peer: "mallory", idempotency: { key: `mallory ${at}`, hash: "" } }, "spam");
      }
      expect(rows()).toHaveLength(1 + IDEMPOTENT_RESPONSES_PER_PEER_MAX);
      expect(respond(META, "second")).toMatchObject({ value: "first", replayed: true });
      const oldest = { ...META, cost: null, peer: "mallory", idempotency: { key: "mallory 0", hash: "" } };
      expect(respond(oldest, "again")).toMatchObject({ value: "again", replayed: false });
    });
  });

  test("a response and its effects are stored together or not at all", async () => {
    await withGuard(({ guard, respond, rows }) => {
      respond({ ...META, idempotency: { key: "alice before", hash: "" } }, "before");
      const broken = (): Outcome<string> => {
        throw new Error("broken");
      };
      expect(() => guard.run(META, NOW, broken)).toThrow("broken");
      expect(rows()).toStrictEqual(["alice before"]);
    });
  });
});

describe("rate limits", () => {
  test("too many requests are refused with the time to wait", async () => {
    await withGuard(({ respond }) => {
      const chat = { ...META, idempotency: null };
      for (let at = 0; at < 5; at++)
        expect(respond(chat, "x")).toMatchObject({ value: "x", rate_limit: { remaining: 4 - at } });
      expect(respond(chat, "x")).toMatchObject({
        refused: "rate_limited",
        rate_limit: { allowed: false, retry_after_s: 1 },
      });
      expect(respond(chat, "x", NOW + 1_000)).toMatchObject({ value: "x" });
      expect(respond({ ...chat, cost: null }, "x")).toMatchObject({ value: "x", rate_limit: null });
    });
  });

  test("a retried request costs nothing, and another request with its key does", async () => {
    await withGuard(({ respond }) => {
      respond(META, "x");
      for (let at = 0; at < 9; at++) expect(respond(META, "x")).toMatchObject({ replayed: true, rate_limit: null });
      const other = { ...META, idempotency: { ...META.idempotency!, hash: "other" } };
      const codes = Array.from({ length: 5 }, () => respond(other, "x")).map(
        (result) => "refused" in result && result.refused,
      );
      expect(codes).toStrictEqual([...Array<string>(4).fill("idempotency_mismatch"), "rate_limited"]);
    });
  });

  test("ten wrong join codes per minute are allowed per source, for all its tokens", async () => {
    await withGuard(({ guard }) => {
      for (let at = 0; at < 10; at++) {
        const payer = { peer: `peer-${at}`, source: "198.51.100.1" };
        expect(guard.mayTryCode(payer, NOW)).toBe(true);
        guard.countWrongCode(payer, NOW);
      }
      const late = { peer: "another", source: "198.51.100.1" };
      expect(guard.mayTryCode(late, NOW)).toBe(false);
      expect(guard.mayTryCode({ ...late, source: "198.51.100.2" }, NOW)).toBe(true);
      expect(guard.mayTryCode({ ...late, source: null }, NOW)).toBe(true);
      expect(guard.mayTryCode(late, NOW + 6_100)).toBe(true);
    });
  });
});

test("requests without a key leave no rows", async () => {
  const game = newGame();
  await withGuard(({ respond }) => void respond({ ...META, idempotency: null }, "x"), game);
  expect(await tablesOf(game)).toStrictEqual([]);
});

type Tools = {
  readonly guard: RequestGuard;
  readonly respond: (pass: RequestMeta, word: string, now?: number) => ReturnType<RequestGuard["run"]>;
  /** Another RequestGuard over the same rows. */
  readonly wake: () => RequestGuard;
  /** Keys of the stored responses. */
  readonly rows: () => string[];
};

function withGuard(look: (tools: Tools) => void, game = newGame()): Promise<void> {
  return runInDurableObject(hubFor(game), (_, { storage }) => {
    const wake = (): RequestGuard => new RequestGuard(env, new Store(storage));
    const guard = wake();
    look({
      guard,
      wake,
      respond: (pass, value, now = NOW) => guard.run(pass, now, () => ({ value })),
      rows: () =>
        storage.sql
          .exec<{ id: string }>("SELECT id FROM answers")
          .toArray()
          .map(({ id }) => id),
    });
  });
}
