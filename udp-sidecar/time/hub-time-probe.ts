/**
 * Measures the hub's clock as long as the sidecar runs: `GET /healthz`, whose Date header is the hub's. The Worker answers
 * without waking a hub. When this machine's clock goes wrong, changes or is right again, the log has one line, and the hub
 * is notified.
 */
import { CLOCK_CHECK_MS, CLOCK_RETRY_MS, CLOCK_SKEW_MS, HUB_REQUEST_MS } from "#shared/limits.ts";
import type { Logger } from "pino";
import { get } from "../hub-requests/get.ts";
import type { Clock } from "./clock.ts";
import type { HubTime } from "./hub-time.ts";

/** A Date header has whole seconds; on average half of one has passed. */
const HALF_SECOND_MS = 500;

export class HubTimeProbe {
  readonly #hub: URL;
  readonly #time: HubTime;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onReport: () => void;
  #due: number;
  /** A doubtful estimate is measured again at this time, if the hub does not answer. */
  #retry_at: number;
  #measuring = false;
  /** How far this machine's clock is ahead of the hub's (s), as last reported; 0 while they agree. */
  #reported_s = 0;

  /** `onReport` is called when `reported_s` changes. */
  constructor(hub: URL, time: HubTime, clock: Clock, log: Logger, onReport: () => void) {
    this.#hub = new URL("/healthz", hub);
    this.#time = time;
    this.#clock = clock;
    this.#log = log;
    this.#onReport = onReport;
    this.#due = this.#retry_at = clock.now();
  }

  get reported_s(): number {
    return this.#reported_s;
  }

  /** Called regularly. Measures if it is time, or at once if a clock of this machine stepped. */
  tick(): void {
    this.#reportSkew();
    const now = this.#clock.now();
    if (this.#measuring || now < (this.#time.isDoubtful ? this.#retry_at : this.#due)) return;
    this.#measuring = true;
    this.#due = now + CLOCK_CHECK_MS;
    this.#retry_at = now + CLOCK_RETRY_MS;
    void this.#measure().finally(() => (this.#measuring = false));
  }

  async #measure(): Promise<void> {
    const sent_at = this.#time.stamp();
    try {
      const { status, date } = await get(this.#hub, HUB_REQUEST_MS);
      const hub_ms = Date.parse(date ?? "");
      if (status === 200 && !Number.isNaN(hub_ms)) this.#time.measure(hub_ms + HALF_SECOND_MS, sent_at);
    } catch {
      // The link logs why the hub cannot be reached. The estimate continues with the monotonic clock.
    }
  }

  #reportSkew(): void {
    const skew_s = Math.round((this.#time.skew_ms ?? 0) / 1_000);
    const isSkewed = Math.abs(skew_s) * 1_000 > CLOCK_SKEW_MS;
    const hasStepped = Math.abs(skew_s - this.#reported_s) * 1_000 > CLOCK_SKEW_MS;
    if (isSkewed ? !hasStepped : this.#reported_s === 0) return;
    this.#reported_s = isSkewed ? skew_s : 0;
    this.#onReport();
    if (!isSkewed) return this.#log.info("this machine's clock agrees with the hub's again");
    this.#log.warn(
      { skew_s, advice: "turn on NTP where the clock is wrong: timedatectl set-ntp true" },
      `this machine's clock is ${Math.abs(skew_s)} s ${skew_s > 0 ? "ahead of" : "behind"} the hub's; tickets and receipts use the hub's time`,
    );
  }
}
