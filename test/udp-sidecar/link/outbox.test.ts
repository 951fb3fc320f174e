import { T0 } from "../../support/exchange.ts";
import { describe, expect, test } from "vitest";
import {
  BATCH_REPORTS_MAX,
  BATCHES_IN_FLIGHT_MAX,
  OUTBOX_QUESTIONS_MAX,
  OUTBOX_REPORTS_MAX,
  REPORT_STALE_MS,
} from "#shared/limits.ts";
import type { Report, Reports } from "#shared/link/messages.ts";
import { Outbox } from "../../../udp-sidecar/link/outbox.ts";
import { asks, hosts, joins, leaves, namesOf } from "../support/reports.ts";

describe("a stale report", () => {
  test("is dropped if its client retries, and kept otherwise", () => {
    const outbox = new Outbox();
    outbox.add(joins("A"), T0);
    outbox.add(leaves("B"), T0);
    outbox.add(joins("C"), T0 + 1_000);
    expect(outbox.nextBatch(T0 + REPORT_STALE_MS + 1)?.items).toStrictEqual([leaves("B"), joins("C")]);
  });

  test("gets the age of its last repetition", () => {
    const outbox = new Outbox();
    outbox.add(joins("A"), T0);
    outbox.add(joins("A"), T0 + REPORT_STALE_MS);
    expect(outbox.nextBatch(T0 + 2 * REPORT_STALE_MS)?.items).toStrictEqual([joins("A")]);
  });

  test("keeps its number once it was sent", () => {
    const outbox = new Outbox();
    outbox.add(joins("A"), T0);
    outbox.nextBatch(T0);
    outbox.rewind();
    expect(outbox.nextBatch(T0 + REPORT_STALE_MS + 1)).toStrictEqual({ t: "reports", seq: 1, items: [joins("A")] });
  });
});

describe("reports", () => {
  test("are sent in order and numbered from one", () => {
    const outbox = boxOf(asks("A"), joins("B"), leaves("C"));
    expect(outbox.nextBatch(T0)).toStrictEqual({ t: "reports", seq: 1, items: [asks("A"), joins("B"), leaves("C")] });
    expect(outbox.nextBatch(T0)).toBeNull();
    outbox.add(joins("D"), T0);
    expect(outbox.nextBatch(T0)).toStrictEqual({ t: "reports", seq: 4, items: [joins("D")] });
  });

  test("are not sent if there are none", () => {
    const outbox = new Outbox();
    expect([outbox.nextBatch(T0), outbox.size, outbox.inFlight]).toStrictEqual([null, 0, false]);
  });

  test("are sent in batches, with a limit in flight", () => {
    const outbox = boxOf(...many(4 * BATCH_REPORTS_MAX));
    const batches = drainBatches(outbox);
    expect(batches).toHaveLength(BATCHES_IN_FLIGHT_MAX);
    expect(batches.map(({ seq, items }) => [seq, items.length])).toStrictEqual([
      [1, BATCH_REPORTS_MAX],
      [101, BATCH_REPORTS_MAX],
    ]);
    outbox.acknowledge(100);
    expect(drainBatches(outbox).map(({ seq }) => seq)).toStrictEqual([201]);
    outbox.acknowledge(300);
    expect(drainBatches(outbox).map(({ seq }) => seq)).toStrictEqual([301]);
  });

  test("wait until they are acknowledged", () => {
    const outbox = boxOf(joins("A"), joins("B"));
    expect([outbox.size, outbox.inFlight]).toStrictEqual([2, false]);
    outbox.nextBatch(T0);
    expect([outbox.size, outbox.inFlight]).toStrictEqual([2, true]);
    expect(outbox.acknowledge(2)).toBe(true);
    expect([outbox.size, outbox.inFlight]).toStrictEqual([0, false]);
  });

  test("can be looked up by number only while they wait", () => {
    const outbox = boxOf(joins("A"), joins("B"));
    outbox.nextBatch(T0);
    expect([0, 1, 2, 3].map((seq) => outbox.at(seq))).toStrictEqual([undefined, joins("A"), joins("B"), undefined]);
    outbox.acknowledge(1);
    expect([1, 2].map((seq) => outbox.at(seq))).toStrictEqual([undefined, joins("B")]);
  });
});

describe("an acknowledgement", () => {
  test("of a part leaves the rest in flight", () => {
    const outbox = boxOf(joins("A"), joins("B"), joins("C"));
    outbox.nextBatch(T0);
    expect(outbox.acknowledge(2)).toBe(true);
    expect([outbox.size, outbox.inFlight, outbox.nextBatch(T0)]).toStrictEqual([1, true, null]);
    expect(outbox.acknowledge(3)).toBe(true);
    expect(outbox.size).toBe(0);
  });

  test("of the last covers all before it", () => {
    const outbox = boxOf(joins("A"));
    outbox.nextBatch(T0);
    outbox.add(joins("B"), T0);
    outbox.nextBatch(T0);
    expect(outbox.acknowledge(2)).toBe(true);
    expect([outbox.size, outbox.inFlight]).toStrictEqual([0, false]);
    // Both batches were stored, so two more may be sent.
    outbox.add(joins("C"), T0);
    expect(outbox.nextBatch(T0)?.seq).toBe(3);
    outbox.add(joins("D"), T0);
    expect(outbox.nextBatch(T0)?.seq).toBe(4);
  });

  test("that is old, or of an unsent report, changes nothing", () => {
    const outbox = boxOf(joins("A"), joins("B"));
    outbox.nextBatch(T0);
    outbox.acknowledge(1);
    outbox.add(joins("C"), T0);
    for (const seq of [0, 1, 3, 99, -1]) expect(outbox.acknowledge(seq)).toBe(false);
    expect(outbox.size).toBe(2);
    expect(outbox.nextBatch(T0)).toStrictEqual({ t: "reports", seq: 3, items: [joins("C")] });
  });
});

describe("an acknowledgement, late", () => {
  test("of a report sent before a rewind counts, although not all were sent again", () => {
    const outbox = boxOf(...many(3 * BATCH_REPORTS_MAX));
    drainBatches(outbox);
    outbox.acknowledge(50);
    expect(drainBatches(outbox).map(({ seq }) => seq)).toStrictEqual([201]);
    outbox.rewind();
    expect(drainBatches(outbox).map(({ seq }) => seq)).toStrictEqual([51, 151]);
    expect(outbox.acknowledge(300)).toBe(true);
    expect([outbox.size, outbox.inFlight]).toStrictEqual([0, false]);
    outbox.add(joins("A"), T0);
    expect(outbox.nextBatch(T0)).toStrictEqual({ t: "reports", seq: 301, items: [joins("A")] });
  });

  test("in small parts does not exceed the batch limit", () => {
    const outbox = boxOf(...many(50));
    outbox.nextBatch(T0);
    for (const report of many(200).slice(50)) outbox.add(report, T0);
    outbox.rewind();
    drainBatches(outbox);
    for (const seq of [50, 100, 200]) expect(outbox.acknowledge(seq)).toBe(true);
    for (const report of many(1_000).slice(200)) outbox.add(report, T0);
    expect(drainBatches(outbox)).toHaveLength(BATCHES_IN_FLIGHT_MAX);
  });
});

describe("the pending usage of a source", () => {
  const { address } = joins("A").endpoint;

  test("is counted until it is stored: memberships, and lobbies among them", () => {
    const outbox = boxOf(hosts("A"), joins("B"), leaves("A"), asks("C"));
    expect(outbox.pendingFrom(address)).toStrictEqual({ lobbies: 1, memberships: 2 });
    outbox.nextBatch(T0);
    expect(outbox.pendingFrom(address)).toStrictEqual({ lobbies: 1, memberships: 2 });
    outbox.acknowledge(1);
    expect(outbox.pendingFrom(address)).toStrictEqual({ lobbies: 0, memberships: 1 });
    outbox.acknowledge(4);
    expect(outbox.pendingFrom(address)).toStrictEqual({ lobbies: 0, memberships: 0 });
  });

  test("is not counted twice for a repeated report", () => {
    expect(boxOf(joins("A"), joins("A")).pendingFrom(address).memberships).toBe(1);
  });

  test("is per source: an IPv4 address, or a /64", () => {
    const outbox = boxOf(joins("A"), { ...joins("B"), endpoint: { address: "2001:db8::1", port: 1 } });
    expect(outbox.pendingFrom("198.51.100.1").memberships).toBe(0);
    expect(outbox.pendingFrom("2001:db8::2").memberships).toBe(1);
    expect(outbox.pendingFrom("2001:db8:0:1::1").memberships).toBe(0);
  });
});

describe("a repeated report", () => {
  test("is not queued twice while it waits, and is accepted", () => {
    const outbox = boxOf(joins("A"));
    expect(outbox.add(joins("A"), T0)).toBe(true);
    outbox.nextBatch(T0);
    // A report in flight still waits.
    expect(outbox.add(joins("A"), T0)).toBe(true);
    expect([outbox.size, outbox.nextBatch(T0)]).toStrictEqual([1, null]);
  });

  test("is new after it was stored", () => {
    const outbox = boxOf(joins("A"));
    outbox.nextBatch(T0);
    outbox.acknowledge(1);
    expect(outbox.add(joins("A"), T0)).toBe(true);
    expect(outbox.nextBatch(T0)).toStrictEqual({ t: "reports", seq: 2, items: [joins("A")] });
  });

  test("is new after another report about the same peer: join, leave and join again end inside", () => {
    const outbox = boxOf(joins("A"), leaves("A"), joins("A"), joins("A"));
    expect(outbox.nextBatch(T0)?.items).toStrictEqual([joins("A"), leaves("A"), joins("A")]);
    outbox.acknowledge(2);
    outbox.add(joins("A"), T0);
    expect(outbox.size).toBe(1);
  });

  test("from another source, about another peer or lobby is new", () => {
    const { endpoint } = joins("A");
    const others: Report[] = [
      { ...joins("A"), endpoint: { ...endpoint, port: 1 } },
      { ...joins("A"), endpoint: { ...endpoint, address: "198.51.100.1" } },
      { ...joins("A"), peer: "B" },
      { ...joins("A"), name: "Other" },
      { ...joins("A"), wire: "dowsett" },
    ];
    const outbox = boxOf(joins("A"), ...others);
    expect(outbox.nextBatch(T0)?.items).toStrictEqual([joins("A"), ...others]);
  });

  test("with another password or claim is new", () => {
    const outbox = boxOf(
      { ...joins("A"), lock: "wrong" },
      { ...joins("A"), lock: "right" },
      { ...joins("A"), lock: "right", reclaims: true },
    );
    expect(outbox.nextBatch(T0)?.items).toHaveLength(3);
  });
});

describe("a full outbox", () => {
  const full = (): Outbox => {
    const outbox = new Outbox();
    for (const report of many(OUTBOX_REPORTS_MAX)) outbox.add(report, T0);
    return outbox;
  };

  test("refuses new reports, and sends everything it has", () => {
    const outbox = full();
    expect(outbox.size).toBe(OUTBOX_REPORTS_MAX);
    expect([outbox.add(joins("one too many"), T0), outbox.add(asks("nobody"), T0)]).toStrictEqual([false, false]);
    const sent: string[] = [];
    for (let batch = outbox.nextBatch(T0); batch !== null; batch = outbox.nextBatch(T0)) {
      sent.push(...namesOf(batch.items));
      outbox.acknowledge(batch.seq + batch.items.length - 1);
    }
    expect(sent).toStrictEqual(namesOf(many(OUTBOX_REPORTS_MAX)));
  });

  test("accepts a repetition of a report that it holds", () => {
    const outbox = full();
    expect(outbox.add(joins("peer 17"), T0)).toBe(true);
    expect(outbox.size).toBe(OUTBOX_REPORTS_MAX);
  });

  test("has room again when a report was stored", () => {
    const outbox = full();
    outbox.nextBatch(T0);
    outbox.acknowledge(1);
    expect([outbox.add(joins("new"), T0), outbox.add(joins("newer"), T0)]).toStrictEqual([true, false]);
  });

  test("drops the oldest question for each new report, then refuses", () => {
    const outbox = boxOf(asks("first"), joins("A"), asks("second"));
    for (const report of many(OUTBOX_REPORTS_MAX - 3)) outbox.add(report, T0);
    expect(outbox.add(joins("X"), T0)).toBe(true);
    expect(outbox.add(joins("Y"), T0)).toBe(true);
    expect(outbox.add(joins("Z"), T0)).toBe(false);
    expect(outbox.size).toBe(OUTBOX_REPORTS_MAX);
    const batches = drainBatches(outbox);
    expect(namesOf(batches[0]!.items).slice(0, 3)).toStrictEqual(["A", "peer 0", "peer 1"]);
  });

  test("keeps what a client says once, instead of what another client repeats", () => {
    const outbox = full();
    expect(outbox.add(leaves("Alice"), T0)).toBe(true);
    expect(outbox.size).toBe(OUTBOX_REPORTS_MAX);
    const sent: string[] = [];
    for (let batch = outbox.nextBatch(T0); batch !== null; batch = outbox.nextBatch(T0)) {
      sent.push(...namesOf(batch.items));
      outbox.acknowledge(batch.seq + batch.items.length - 1);
    }
    expect([sent[0], sent.at(-1)]).toStrictEqual(["peer 1", "Alice"]);
  });

  test("drops stale requests for a new one, although its hub is not reached", () => {
    const outbox = full();
    expect(outbox.add(joins("late"), T0 + REPORT_STALE_MS)).toBe(false);
    expect(outbox.add(joins("later"), T0 + REPORT_STALE_MS + 1)).toBe(true);
    expect(outbox.size).toBe(1);
  });

  test("accepts a dropped question again once there is room", () => {
    const outbox = boxOf(asks("first"));
    for (const report of many(OUTBOX_REPORTS_MAX)) outbox.add(report, T0);
    for (let batch = outbox.nextBatch(T0); batch !== null; batch = outbox.nextBatch(T0))
      outbox.acknowledge(batch.seq + 99);
    expect(outbox.size).toBe(0);
    outbox.add(asks("first"), T0);
    expect(outbox.nextBatch(T0)?.items).toStrictEqual([asks("first")]);
  });

  test("keeps questions in flight, because the numbers after them would shift", () => {
    const outbox = boxOf(asks("first"), asks("second"));
    outbox.nextBatch(T0);
    for (const report of many(OUTBOX_REPORTS_MAX - 2)) outbox.add(report, T0);
    expect(outbox.add(joins("X"), T0)).toBe(false);
    expect([outbox.at(1), outbox.at(2)]).toStrictEqual([asks("first"), asks("second")]);
  });

  test("keeps a question that was in flight when the link broke, because it may have arrived", () => {
    const outbox = boxOf(asks("first"), joins("A"), joins("B"));
    outbox.nextBatch(T0);
    outbox.rewind();
    for (const report of many(OUTBOX_REPORTS_MAX - 3)) outbox.add(report, T0);
    outbox.add(joins("X"), T0);
    // The hub had stored the first two.
    outbox.welcome(2);
    const [batch] = drainBatches(outbox);
    expect(namesOf(batch!.items)).toContain("B");
    expect(namesOf(batch!.items)).toContain("peer 0");
  });

  test("holds a limited number of questions", () => {
    const outbox = new Outbox();
    const taken = Array.from({ length: OUTBOX_QUESTIONS_MAX + 5 }, (_, index) => outbox.add(asks(`peer ${index}`), T0));
    expect(taken.filter(Boolean)).toHaveLength(OUTBOX_QUESTIONS_MAX);
    expect(outbox.add(joins("A"), T0)).toBe(true);
  });
});

describe("a link that breaks", () => {
  test("to a hub that stored nothing: everything is sent again, with the same numbers", () => {
    const outbox = boxOf(joins("A"), joins("B"));
    const first = outbox.nextBatch(T0);
    outbox.rewind();
    expect([outbox.size, outbox.inFlight]).toStrictEqual([2, false]);
    outbox.welcome(0);
    expect(outbox.nextBatch(T0)).toStrictEqual(first);
  });

  test("to a hub that stored a part and lost the acknowledgement: only the rest is sent again", () => {
    const outbox = boxOf(joins("A"), leaves("A"), joins("B"));
    outbox.nextBatch(T0);
    outbox.rewind();
    outbox.welcome(2);
    expect(outbox.nextBatch(T0)).toStrictEqual({ t: "reports", seq: 3, items: [joins("B")] });
  });

  test("to a hub that stored everything: nothing is sent again, and numbers continue", () => {
    const outbox = boxOf(joins("A"), leaves("A"));
    outbox.nextBatch(T0);
    outbox.rewind();
    outbox.welcome(2);
    expect([outbox.size, outbox.nextBatch(T0)]).toStrictEqual([0, null]);
    outbox.add(joins("A"), T0);
    expect(outbox.nextBatch(T0)).toStrictEqual({ t: "reports", seq: 3, items: [joins("A")] });
  });

  test("to a hub that lost its state: waiting reports get new numbers, and none is lost", () => {
    const outbox = boxOf(joins("A"), joins("B"), joins("C"));
    outbox.nextBatch(T0);
    outbox.acknowledge(2);
    outbox.rewind();
    outbox.welcome(0);
    expect(outbox.nextBatch(T0)).toStrictEqual({ t: "reports", seq: 1, items: [joins("C")] });
    expect(outbox.at(1)).toStrictEqual(joins("C"));
    expect(outbox.acknowledge(1)).toBe(true);
  });

  test("after a rewind the full number of batches is sent at once", () => {
    const outbox = boxOf(...many(3 * BATCH_REPORTS_MAX));
    drainBatches(outbox);
    outbox.rewind();
    expect(drainBatches(outbox).map(({ seq }) => seq)).toStrictEqual([1, 101]);
  });
});

const boxOf = (...reports: Report[]): Outbox => {
  const outbox = new Outbox();
  for (const report of reports) outbox.add(report, T0);
  return outbox;
};

const many = (count: number): Report[] => Array.from({ length: count }, (_, index) => joins(`peer ${index}`));

function drainBatches(outbox: Outbox): Reports[] {
  const batches: Reports[] = [];
  for (let batch = outbox.nextBatch(T0); batch !== null; batch = outbox.nextBatch(T0)) batches.push(batch);
  return batches;
}
