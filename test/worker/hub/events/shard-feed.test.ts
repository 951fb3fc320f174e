import { describe, expect, test } from "vitest";
import type { Change } from "#shared/subscriptions/coalescer.ts";
import type { Summary } from "#shared/listing/summary.ts";
import { SHARD_FEED_SUMMARIES_MAX } from "#shared/limits.ts";
import type { Query } from "#shared/listing/query.ts";
import { NEWEST_FIRST } from "#shared/listing/order.ts";
import { ShardFeedSender, ShardFeedReceiver } from "../../../../worker/hub/events/shard-feed.ts";
import { line } from "../../../shared/support/lines.ts";
import type { ListChanges } from "../../../../worker/rpc.ts";

const ALL: Query = {
  predicates: [],
  include: { full: true, closed: true, in_game: true },
  near: [],
  order: NEWEST_FIRST,
  limit: 100,
  after: null,
  count: false,
  fields: null,
};
const EMPTY = { items: [], more: false, count: null };

const change = (id: string, old: number | null, next: number | null): Change<Summary> => ({
  id,
  old: old === null ? null : line(id, { revision: old }),
  next: next === null ? null : line(id, { revision: next }),
  cause: "closed",
});

describe("the sending hub", () => {
  test("batches are sent one after the other, and changes in between are merged", async () => {
    const sent: ListChanges[] = [];
    const answers: ((wanted: boolean) => void)[] = [];
    const feed = new ShardFeedSender((changes) => {
      sent.push(changes);
      return new Promise((resolve) => answers.push(resolve));
    });
    const done = feed.add([change("a", null, 1)]);
    expect(feed.add([change("a", 1, 2), change("b", null, 1)])).toBe(done);
    void feed.add([change("a", 2, 3), change("b", 1, null)]);
    answers.shift()!(true);
    await Promise.resolve();
    await Promise.resolve();
    answers.shift()!(true);
    await done;
    expect(sent).toStrictEqual([[change("a", null, 1)], [change("a", 1, 3), change("b", null, null)]]);
  });

  test("nothing is sent after the first hub has no subscribers, until it has one", async () => {
    let asked = 0;
    const feed = new ShardFeedSender(async () => ++asked > 99);
    await feed.add([change("a", null, 1)]);
    expect([feed.wanted, feed.add([change("a", 1, 2)]), asked]).toStrictEqual([false, null, 1]);
    feed.start();
    await feed.add([change("a", 2, 3)]);
    expect(asked).toBe(2);
  });

  test('a late "no subscribers" is ignored if a subscription began meanwhile', async () => {
    let answer: (wanted: boolean) => void = () => {};
    const feed = new ShardFeedSender(() => new Promise((resolve) => (answer = resolve)));
    const done = feed.add([change("a", null, 1)]);
    feed.start();
    answer(false);
    await done;
    expect(feed.wanted).toBe(true);
  });

  test("the next batch reports a loss if the first hub was unreachable", async () => {
    const lost: boolean[] = [];
    const feed = new ShardFeedSender(async (_, missed) => {
      lost.push(missed);
      if (lost.length === 1) throw new Error("gone");
      return true;
    });
    for (const at of [1, 2, 3]) await feed.add([change("a", at, at + 1)]);
    expect(lost).toStrictEqual([false, true, false]);
  });
});

describe("the first hub", () => {
  test("replicas have the newest state of each line, in any order of arrival", async () => {
    let answer: (lines: Summary[]) => void = () => {};
    const others = new ShardFeedReceiver([1], () => new Promise((resolve) => (answer = resolve)));
    const loaded = others.load();
    // Changes arrive while the lines are being fetched, and some are already in them.
    others.apply(1, [change("a", 1, 2), change("b", null, 1), change("c", 1, null)], 2);
    answer([line("a", { revision: 3 }), line("c", { revision: 1 })]);
    expect(await loaded).toBe(true);
    expect(known(others)).toStrictEqual([
      ["a", 3],
      ["b", 1],
    ]);
    expect(others.apply(1, [change("a", 3, 4)], 2)).toBe(true);
    expect(others.apply(1, [change("b", 1, null)], 2)).toBe(false);
    expect(known(others)).toStrictEqual([["a", 4]]);
    others.forget();
    expect([known(others), others.apply(1, [], 7)]).toStrictEqual([[], true]);
  });

  test("each hub is asked once for any number of subscribers, and again after a failure", async () => {
    let asked = 0;
    const others = new ShardFeedReceiver([1, 2], async () => {
      if (++asked === 2) throw new Error("gone");
      return [];
    });
    expect(await Promise.all([others.load(), others.load()])).toStrictEqual([false, false]);
    expect([await others.load(), await others.load(), asked]).toStrictEqual([true, true, 4]);
  });

  test("the pages of all hubs are merged once for all readers, and again after a change", async () => {
    const others = new ShardFeedReceiver([1, 2, 3], async (shard) => [line(`${shard}-a`, { revision: 1 })]);
    await others.load();
    const own = { ...EMPTY };
    const first = others.page(own, ALL);
    expect(first.items).toHaveLength(3);
    for (let reader = 0; reader < 10; reader++) expect(others.page(own, ALL)).toBe(first);
    others.apply(2, [change("2-b", null, 1)], 2);
    const second = others.page(own, ALL);
    expect([second === first, second.items.length, others.page(own, ALL) === second]).toStrictEqual([false, 4, true]);
    expect(others.page({ ...EMPTY }, ALL)).not.toBe(second);
  });

  test("the number of replicated lines is bounded", async () => {
    const lines = Array.from({ length: SHARD_FEED_SUMMARIES_MAX }, (_, at) => line(`1-${at}`));
    const [fits, full] = [
      new ShardFeedReceiver([1], async () => lines),
      new ShardFeedReceiver([1, 2], async () => lines),
    ];
    expect([await fits.load(), await full.load()]).toStrictEqual([true, false]);
  });
});

const known = (others: ShardFeedReceiver): [string, number][] =>
  others.page(EMPTY, ALL).items.map(({ json }) => {
    const { id, revision } = JSON.parse(json) as Summary;
    return [id, revision];
  });
