/**
 * How much the game sends. The more it sends, the sooner a silent path is noticed:
 *
 *     active   several datagrams a second     probes follow each other within the round trip
 *     busy     some datagram a short time ago
 *     idle     consent checks only
 */
import * as limits from "./limits.ts";
import { type Path, rttOf } from "./paths.ts";

export type ActivityLevel = "active" | "busy" | "idle";

export class Activity {
  /** Times of the last datagrams, the oldest first. */
  readonly #recent: number[] = [];
  #busySince = -Infinity;
  #activeSince = -Infinity;

  /** Records a datagram of the game. */
  record(now: number): void {
    const before = this.level(now);
    if (before === "idle") this.#busySince = now;
    this.#recent.push(now);
    if (this.#recent.length > limits.ACTIVE_DATAGRAMS) this.#recent.shift();
    if (this.level(now) === "active" && before !== "active") this.#activeSince = now;
  }

  level(now: number): ActivityLevel {
    const oldest = this.#recent.length < limits.ACTIVE_DATAGRAMS ? -Infinity : this.#recent[0]!;
    if (now - oldest <= limits.ACTIVE_WINDOW_MS) return "active";
    return now - (this.#recent.at(-1) ?? -Infinity) <= limits.BUSY_MS ? "busy" : "idle";
  }

  trusts(path: Path, now: number): boolean {
    return now < this.trustedUntil(path, now);
  }

  /** Until when a path is trusted unless it answers again. Silence counts from the first datagram sent. */
  trustedUntil(path: Path, now: number): number {
    const level = this.level(now);
    const { answeredAt } = path;
    const idle = answeredAt + limits.TRUST_MS;
    if (level === "idle") return idle;
    const busy = Math.min(idle, Math.max(answeredAt, this.#busySince) + limits.BUSY_TRUST_MS);
    if (level === "busy") return busy;
    const slack = 2 * Math.max(0, rttOf(path) - limits.ACTIVE_TRUST_RTT_MS);
    return Math.min(busy, Math.max(answeredAt, this.#activeSince) + limits.ACTIVE_TRUST_MS + slack);
  }

  /** The peer has left the path, or a probe is overdue. */
  suspects(path: Path, now: number): boolean {
    return path.leftAt > -Infinity || now >= this.suspectedFrom(path, now);
  }

  /** When the state of a path changes next, unless it answers. */
  changesAt(path: Path, now: number): number {
    const suspectedFrom = this.suspectedFrom(path, now);
    return Math.min(
      path.kind === "direct" ? path.answeredAt + limits.DIRECT_LOST_MS : Infinity,
      path.consentAt + limits.CONSENT_EXPIRES_MS,
      this.trusts(path, now) ? this.trustedUntil(path, now) : Infinity,
      !path.isReported && suspectedFrom > now ? suspectedFrom : Infinity,
    );
  }

  /** From when a path is suspected, although it is still trusted; Infinity unless the game is active. */
  suspectedFrom(path: Path, now: number): number {
    if (this.level(now) !== "active") return Infinity;
    const since = Math.max(path.answeredAt, this.#activeSince);
    return since + limits.ACTIVE_PROBE_MS + 2 * retryMs("active", rttOf(path));
  }
}

/** The interval of probes on a path that answers. `random`: from 0 to below 1. */
export function probeMs(level: ActivityLevel, random: () => number): number {
  if (level === "active") return limits.ACTIVE_PROBE_MS;
  if (level === "busy") return limits.BUSY_PROBE_MS;
  return limits.CONSENT_MS * (1 + limits.CONSENT_SPREAD * (2 * random() - 1));
}

/** When an unanswered probe is repeated. */
export const retryMs = (level: ActivityLevel, rtt_ms: number): number =>
  Math.max(level === "active" ? limits.ACTIVE_RETRY_MS : limits.RETRY_MS, limits.RETRY_RTTS * rtt_ms);
