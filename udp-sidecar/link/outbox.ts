/**
 * Reports waiting for one hub: in order, at least once, bounded.
 *
 *     [ in flight | numbered, to be sent again | not sent yet ]
 *       ^ seq          ^ next batch
 *
 * A repeated report is not queued twice. If the box is full, questions about unknown peers are dropped first, then new
 * requests are refused; their clients retry.
 */
import {
  BATCH_REPORTS_MAX,
  BATCHES_IN_FLIGHT_MAX,
  OUTBOX_QUESTIONS_MAX,
  OUTBOX_REPORTS_MAX,
  REPORT_STALE_MS,
} from "#shared/limits.ts";
import { formatEndpoint } from "#shared/net/endpoint.ts";
import type { Report, Reports } from "#shared/link/messages.ts";
import { type SourceUsage, SourceQuota } from "../core/source-quota.ts";

type OutboxEntry = { readonly report: Report; readonly subject: string; readonly text: string; requested_at: number };

/** Reports that clients retry until they get an answer. A late one would surprise a client that has given up. */
const RETRIED_BY_CLIENTS = new Set<Report["kind"]>(["host", "join", "ask", "start", "moved"]);

export class Outbox {
  readonly #entries: OutboxEntry[] = [];
  /** The last waiting entry for each subject. */
  readonly #latest = new Map<string, OutboxEntry>();
  /** What each source has requested. */
  readonly #pending = new SourceQuota();
  /** The sequence number of the first entry. */
  #seq = 1;
  /** Entries that were sent once: the hub may know their number, so they keep it. */
  #numbered = 0;
  /** Of those, the entries in flight. */
  #sent = 0;
  #flights = 0;

  get size(): number {
    return this.#entries.length;
  }

  get inFlight(): boolean {
    return this.#sent > 0;
  }

  /** The lobbies and memberships that a source has requested here. */
  pendingFrom(address: string): Readonly<SourceUsage> {
    return this.#pending.of(address);
  }

  /** False if the outbox is full. */
  add(report: Report, now: number): boolean {
    const entry = { report, subject: subjectOf(report), text: JSON.stringify(report), requested_at: now };
    const latest = this.#latest.get(entry.subject);
    if (latest?.text === entry.text) {
      latest.requested_at = now;
      return true;
    }
    if (report.kind === "ask" && this.#entries.length - this.#numbered >= OUTBOX_QUESTIONS_MAX) return false;
    if (this.#entries.length >= OUTBOX_REPORTS_MAX && !this.#makeRoom(report, now)) return false;
    this.#entries.push(entry);
    this.#latest.set(entry.subject, entry);
    this.#count(report, 1);
    return true;
  }

  /** The next batch, or null if enough are in flight or nothing waits. */
  nextBatch(now: number): Reports | null {
    if (this.#flights >= BATCHES_IN_FLIGHT_MAX) return null;
    if (this.#numbered < this.#entries.length) this.#dropStale(now);
    if (this.#sent === this.#entries.length) return null;
    const from = this.#sent;
    this.#sent = Math.min(this.#entries.length, from + BATCH_REPORTS_MAX);
    this.#numbered = Math.max(this.#numbered, this.#sent);
    this.#flights++;
    const items = this.#entries.slice(from, this.#sent).map((entry) => entry.report);
    return { t: "reports", seq: this.#seq + from, items };
  }

  /** The report that an answer refers to, until it is acknowledged. */
  at(seq: number): Report | undefined {
    return this.#entries[seq - this.#seq]?.report;
  }

  /** The hub has stored everything up to `seq`. False if that is not new. */
  acknowledge(seq: number): boolean {
    const stored = seq - this.#seq + 1;
    if (stored <= 0 || stored > this.#numbered) return false;
    for (const entry of this.#entries.splice(0, stored)) this.#forget(entry);
    this.#seq += stored;
    this.#numbered -= stored;
    this.#sent = Math.max(0, this.#sent - stored);
    this.#flights = Math.min(Math.max(0, this.#flights - 1), Math.ceil(this.#sent / BATCH_REPORTS_MAX));
    return true;
  }

  /** Marks everything that is not acknowledged to be sent again. */
  rewind(): void {
    this.#sent = 0;
    this.#flights = 0;
  }

  /** The hub's welcome: it has stored this process's reports up to `seq`. */
  welcome(seq: number): void {
    this.acknowledge(seq);
    this.rewind();
    if (this.#seq === seq + 1) return;
    // A hub that lost its state starts counting here; it tolerates repeated reports.
    this.#seq = seq + 1;
    this.#numbered = 0;
  }

  /** Drops only unsent reports: the hub may know the others. */
  #dropStale(now: number): void {
    for (const entry of this.#entries.splice(this.#numbered)) {
      if (RETRIED_BY_CLIENTS.has(entry.report.kind) && now - entry.requested_at > REPORT_STALE_MS) this.#forget(entry);
      else this.#entries.push(entry);
    }
  }

  /** Makes room for a report: drops a question, or for what a client says once, what another one repeats anyway. */
  #makeRoom(report: Report, now: number): boolean {
    if (this.#dropFirst((kind) => kind === "ask")) return true;
    if (!RETRIED_BY_CLIENTS.has(report.kind)) return this.#dropFirst((kind) => RETRIED_BY_CLIENTS.has(kind));
    const oldest = this.#entries[this.#numbered];
    if (oldest !== undefined && now - oldest.requested_at > REPORT_STALE_MS) this.#dropStale(now);
    return this.#entries.length < OUTBOX_REPORTS_MAX;
  }

  #dropFirst(matches: (kind: Report["kind"]) => boolean): boolean {
    const at = this.#entries.findIndex(({ report }, index) => index >= this.#numbered && matches(report.kind));
    if (at === -1) return false;
    for (const entry of this.#entries.splice(at, 1)) this.#forget(entry);
    return true;
  }

  #forget(entry: OutboxEntry): void {
    if (this.#latest.get(entry.subject) === entry) this.#latest.delete(entry.subject);
    this.#count(entry.report, -1);
  }

  #count({ kind, endpoint }: Report, by: 1 | -1): void {
    if (kind === "host" || kind === "join") this.#pending.count(endpoint.address, kind === "host", by);
  }
}

const subjectOf = (report: Report): string =>
  [report.wire, report.name, "peer" in report ? report.peer : "", formatEndpoint(report.endpoint)].join("\n");
