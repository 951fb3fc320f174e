/**
 * Reports of players on their way to the operators' webhook: a bounded queue of rows, sent one at a time and retried with
 * growing waits. The request is signed as Standard Webhooks describes (webhook-id, webhook-timestamp, webhook-signature).
 * A report is sent at least once; `webhook-id` is the same at every attempt.
 */
import type { Report } from "#shared/api/moderation/reports.ts";
import {
  REPORT_RETRY_MS,
  REPORT_RETRY_MS_MAX,
  REPORT_TIMEOUT_MS,
  REPORT_TRIES_MAX,
  REPORTS_QUEUED_MAX,
} from "#shared/limits.ts";
import type { Webhook } from "#shared/settings/webhook.ts";
import type { QueuedReport, Store } from "../store.ts";

export type ReportHost = {
  readonly webhook: Webhook | null;
  readonly waitUntil: (work: Promise<void>) => void;
  /** A report is due earlier than before. */
  readonly scheduleAlarm: () => void;
};

export class ReportOutbox {
  readonly #store: Store;
  readonly #host: ReportHost;
  /** The oldest first. */
  readonly #queue: Map<string, QueuedReport>;
  #sending = false;

  constructor(store: Store, host: ReportHost) {
    this.#store = store;
    this.#host = host;
    this.#queue = new Map(store.reports().map((queued) => [queued.report.report_id, queued]));
  }

  get isOpen(): boolean {
    return this.#host.webhook !== null;
  }

  /** False if too many reports wait. */
  add(report: Report, now: number): boolean {
    if (this.#queue.size >= REPORTS_QUEUED_MAX) return false;
    this.#save({ report, tries: 0, due_at: now });
    this.tick(now);
    return true;
  }

  publish(): void {
    // Reports do not depend on changes of lobbies.
  }

  /** Sends the next report that is due. */
  tick(now: number): void {
    const next = [...this.#queue.values()].find(({ due_at }) => due_at <= now);
    if (next === undefined || this.#sending || this.#host.webhook === null) return;
    this.#sending = true;
    this.#host.waitUntil(this.#send(next, this.#host.webhook));
  }

  deadline(): number {
    if (this.#sending || this.#host.webhook === null) return Infinity;
    return Math.min(Infinity, ...Array.from(this.#queue.values(), ({ due_at }) => due_at));
  }

  async #send(queued: QueuedReport, webhook: Webhook): Promise<void> {
    const result = await post(queued.report, webhook);
    this.#sending = false;
    const now = Date.now();
    const tries = queued.tries + 1;
    const isOver = result === "accepted" || result === "refused" || tries >= REPORT_TRIES_MAX;
    if (isOver) this.#delete(queued.report.report_id);
    else
      this.#save({
        ...queued,
        tries,
        due_at: now + Math.min(REPORT_RETRY_MS_MAX, REPORT_RETRY_MS * 2 ** queued.tries),
      });
    if (isOver && result !== "accepted") {
      console.error({ message: "REPORTS_WEBHOOK took no report", result, tries, report: queued.report.report_id });
    }
    this.tick(now);
    this.#host.scheduleAlarm();
  }

  #save(queued: QueuedReport): void {
    const { report_id } = queued.report;
    this.#store.saveReport(report_id, queued);
    this.#queue.set(report_id, queued);
  }

  #delete(id: string): void {
    this.#store.saveReport(id, null);
    this.#queue.delete(id);
  }
}

/** `refused`: a client error, which a retry cannot overcome; `failed`: anything else. */
async function post(report: Report, { url, key }: Webhook): Promise<"accepted" | "refused" | "failed"> {
  const body = JSON.stringify(report);
  const id = report.report_id;
  const at = String(Math.floor(Date.now() / 1_000));
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": at,
    "webhook-signature": `v1,${await signatureOf(`${id}.${at}.${body}`, key)}`,
  };
  try {
    const signal = AbortSignal.timeout(REPORT_TIMEOUT_MS);
    const { status, ok } = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
    if (ok) return "accepted";
    return status >= 400 && status < 500 && status !== 408 && status !== 429 ? "refused" : "failed";
  } catch {
    // No connection, or no answer in time: the next attempt may succeed.
    return "failed";
  }
}

async function signatureOf(text: string, key: string): Promise<string> {
  const hmac = await crypto.subtle.importKey("raw", bytes(key), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.sign("HMAC", hmac, bytes(text)))));
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
