/**
 * Chooses the path to the peer: the direct one while the peer answers on it, else the relay, else the tunnel. A relay
 * serves at once, and a direct path replaces it as soon as one opens (docs/internals/paths.md).
 *
 *     trusted      the peer answered a probe on it recently: it carries the traffic alone
 *     suspected    trusted, but a probe is overdue: it and the next path carry each datagram
 *     doubted      silent for longer: the next path is the preferred one, and both carry each datagram
 *     lost         a direct path that stayed silent, or any path whose consent expired: not used
 *
 * The peer drops the duplicates. Sans I/O: the caller passes the time.
 */
import type { Endpoint } from "../util/addresses.ts";
import { elapsedMs, type Message, type ProbeFields } from "../punch/messages.ts";
import { Activity, probeMs, retryMs } from "./activity.ts";
import * as limits from "./limits.ts";
import { type Path, type PathChangeReason, type PathKind, type PathSelectorEvent, type Place, rttOf } from "./paths.ts";
import { PathTable } from "./path-table.ts";
import { RelayEndpoints } from "./relay-endpoints.ts";
import { RecentSilence } from "./silence.ts";
import { Roaming } from "./roaming.ts";
import { UnvalidatedSources } from "./unvalidated.ts";
import { UpgradeTimer } from "./upgrade-timer.ts";

const ORDER: readonly PathKind[] = ["direct", "relay", "tunnel"];
const NOTHING: readonly never[] = [];

/** `payload`: of a datagram of the game, or null. From an unknown place the peer may have roamed. */
export type ReceivedDatagram = { readonly mayRoam: boolean; readonly payload: Uint8Array | null };

export class PathSelector {
  readonly #random: () => number;
  readonly #paths: PathTable;
  readonly #relays = new RelayEndpoints();
  readonly #unvalidated = new UnvalidatedSources((address) => this.#paths.hasAddress(address));
  readonly #roaming = new Roaming(
    {
      createPath: (place, now) => this.#paths.create("direct", place, now, null),
      sendProbe: (path, now) => this.#sendProbe(path, now),
    },
    this.#unvalidated,
  );
  readonly #activity = new Activity();
  readonly #upgrade = new UpgradeTimer();
  readonly #silence = new RecentSilence();
  #leftAfter = -Infinity;
  #now: number;
  #current: PathKind | null = null;
  #events: PathSelectorEvent[] = [];
  #messages: { place: Place; message: Message }[] = [];

  /** `random`: from 0 to below 1, unpredictable for the peer. */
  constructor(random: () => number, now: number) {
    this.#random = random;
    this.#paths = new PathTable(random);
    this.#now = now;
  }

  /** A path is available; with null it has ended. */
  set(
    kind: PathKind,
    place: Place | null,
    now: number,
    rtt_ms: number | null = null,
    why: PathChangeReason = "opened",
  ): void {
    if (kind !== "direct") this.#paths.configure(kind, place);
    if (kind === "relay" && place !== null && place !== "tunnel") this.rememberRelay(place.to);
    if (place === null) this.#paths.delete(kind);
    else this.#paths.put(this.#paths.create(kind, place, now, rtt_ms));
    if (kind === "direct" && place !== null) this.#upgrade.opened();
    this.#updateCurrent(now, place === null ? "ended" : why);
  }

  /** A relay's endpoint, even of one that is not used: datagrams from there never show a direct path. */
  rememberRelay(to: Endpoint): void {
    this.#relays.add(to);
    const direct = this.#paths.get("direct");
    if (direct !== undefined && this.#relays.includes(direct.place)) this.#paths.delete("direct");
    if (this.#roaming.path !== null && this.#relays.includes(this.#roaming.path.place)) this.#roaming.end();
  }

  isRelay = (place: Place): boolean => this.#relays.includes(place);

  punchFailed(now: number): void {
    if (this.#paths.get("direct") === undefined) this.#upgrade.failed(now);
  }

  /** The hub has no plan. */
  punchUnavailable(now: number): void {
    if (this.#paths.get("direct") === undefined) this.#upgrade.unavailable(now);
  }

  /** This machine has another address, so the direct path is doubted. */
  networkChanged(now: number): void {
    const direct = this.#paths.get("direct");
    if (direct !== undefined) {
      direct.answeredAt = Math.min(direct.answeredAt, now - limits.TRUST_MS - 1);
      direct.leftAt = now;
    }
    this.#upgrade.lost(now);
    this.#updateCurrent(now, "moved");
  }

  /** The paths for a datagram of the game: the first trusted one, and the doubted ones before it. */
  routes(now: number): readonly Path[] {
    this.#activity.record(now);
    const routes = this.#routes(now);
    const interval_ms = probeMs(this.#activity.level(now), this.#random);
    // A path that has just come into use is probed as often as the others.
    for (const path of routes) path.probeDue = Math.min(path.probeDue, Math.max(now, path.probedAt + interval_ms));
    return routes;
  }

  path(kind: PathKind): Path | undefined {
    return this.#paths.get(kind);
  }

  /** A path that answers as expected. */
  isSound(kind: PathKind, now: number): boolean {
    const path = this.#paths.get(kind);
    return path !== undefined && this.#activity.trusts(path, now) && !this.#activity.suspects(path, now);
  }

  /** Any datagram of the peer arrived. */
  recordReceived(place: Place, { mayRoam, payload }: ReceivedDatagram, now: number): void {
    this.#silence.record(now);
    const path = this.#paths.at(place);
    if (path === undefined) {
      const kind = this.#paths.configuredAt(place);
      if (kind !== undefined) return this.set(kind, place, now, null, "heard_again");
      return mayRoam && !this.isRelay(place) ? this.#roaming.start(place, now) : undefined;
    }
    path.receivedAt = now;
    // The peer is there again: no need to wait for the next probe.
    if (path.unanswered > 0 && now - path.probedAt >= limits.ACTIVE_RETRY_MS) path.probeDue = now;
    path.quality.bytes_received += payload?.length ?? 0;
    if (payload !== null) this.#noteOtherWay(path, now);
    this.#updateCurrent(now, "heard_again");
  }

  /** Answers a probe at its source. A place that is neither known nor validated has a budget. */
  answerProbe({ pair, nonce, time, chosen }: ProbeFields, place: Place): void {
    if (place !== "tunnel" && !this.#isKnown(place) && !this.#unvalidated.consume(place.to)) return;
    const seen = place === "tunnel" ? null : place.to;
    this.#messages.push({ place, message: { kind: "answer", pair, nonce, time, chosen, seen } });
  }

  /** Handles an answer. Returns false if it answers no probe of this selector. */
  handleAnswer({ pair, nonce, time }: ProbeFields, now: number): boolean {
    const all = [...this.#paths.all(), ...(this.#roaming.path === null ? [] : [this.#roaming.path])];
    const path = all.find((one) => one.number === pair && one.nonce === nonce);
    if (path === undefined) return false;
    const rtt_ms = elapsedMs(time, now);
    path.quality.recordAnswer(rtt_ms, now);
    path.consentAt = path.receivedAt = now;
    // An answer to an earlier probe may have been on its way when the peer left the path.
    if (now - rtt_ms >= path.leftAt) {
      path.answeredAt = now;
      path.leftAt = -Infinity;
    }
    path.unanswered = 0;
    path.isReported = false;
    path.probeDue = Math.max(now, this.#nextProbe(path, now));
    if (path === this.#roaming.path) this.#adoptRoamed(path, now);
    this.#updateCurrent(now, "heard_again");
    return true;
  }

  wake(now: number): void {
    this.#now = now;
    for (const path of this.#paths.all()) {
      const isLost = path.kind === "direct" && now >= path.answeredAt + limits.DIRECT_LOST_MS;
      const isExpired = now >= path.consentAt + limits.CONSENT_EXPIRES_MS;
      if (isLost || isExpired) this.#removePath(path, now, isExpired ? "no_consent" : "silent");
      else if (now >= path.probeDue) this.#sendProbe(path, now);
    }
    this.#roaming.wake(now);
    this.#updateCurrent(now, "silent");
    this.#reportSuspects(now);
    if (now < this.#upgrade.at) return;
    this.#events.push({ type: "upgrade" });
    this.#upgrade.started(now);
  }

  /** When to call `wake` next; Infinity for never. */
  deadline(): number {
    let due = Math.min(this.#upgrade.at, this.#roaming.deadline());
    for (const path of this.#paths.all()) due = Math.min(due, path.probeDue, this.#activity.changesAt(path, this.#now));
    return due;
  }

  takeMessages(): readonly { place: Place; message: Message }[] {
    if (this.#messages.length === 0) return NOTHING;
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }

  takeEvents(): readonly PathSelectorEvent[] {
    if (this.#events.length === 0) return NOTHING;
    const events = this.#events;
    this.#events = [];
    return events;
  }

  // --- trust ---------------------------------------------------------------------------------------------------

  #routes(now: number): Path[] {
    this.#now = now;
    const routes: Path[] = [];
    for (const kind of ORDER) {
      const path = this.#paths.get(kind);
      if (path !== undefined) routes.push(path);
      if (path !== undefined && this.#activity.trusts(path, now) && !this.#activity.suspects(path, now)) break;
    }
    return routes;
  }

  /** The first trusted path, else the last one. */
  #preferred(now: number): Path | undefined {
    let last: Path | undefined;
    for (const kind of ORDER) {
      const path = this.#paths.get(kind);
      if (path === undefined) continue;
      if (this.#activity.trusts(path, now)) return path;
      last = path;
    }
    return last;
  }

  /** Emits an event if the preferred path changed. */
  #updateCurrent(now: number, why: PathChangeReason): void {
    this.#now = now;
    const first = this.#preferred(now);
    const kind = first?.kind ?? null;
    if (kind === this.#current) return;
    // The silent direct path stays in use beside the next one, and a new one is sought at once.
    if (this.#current === "direct" && why === "silent") this.#upgrade.lost(now);
    this.#current = kind;
    const rtt_ms = first?.quality.rtt_ms ?? null;
    this.#events.push({ type: "path", path: kind, rtt_ms, why, silence_ms: this.#silence.longest(now) });
  }

  #reportSuspects(now: number): void {
    for (const path of this.#routes(now)) {
      if (path.isReported && now - path.reportedAt < limits.SUSPECT_REPEAT_MS) continue;
      if (!this.#activity.suspects(path, now) && this.#activity.trusts(path, now)) continue;
      path.isReported = true;
      path.reportedAt = now;
      if (this.#activity.level(now) !== "idle") this.#events.push({ type: "suspect", path: path.kind });
    }
  }

  #removePath(path: Path, now: number, why: PathChangeReason): void {
    this.#paths.delete(path.kind);
    if (path.kind === "direct") this.#upgrade.lost(now);
    this.#updateCurrent(now, why);
  }

  /** The peer uses another path than the preferred one: ask there, and answer on both until it is clear. */
  #noteOtherWay(path: Path, now: number): void {
    const current = this.#current === null ? undefined : this.#paths.get(this.#current);
    if (current === undefined || current === path || now < this.#leftAfter) return;
    if (now - current.receivedAt < limits.SECOND_WAY_SILENCE_MS) return;
    this.#leftAfter = now + limits.SECOND_WAY_PAUSE_MS;
    current.leftAt = current.probeDue = now;
  }

  #sendProbe(path: Path, now: number): void {
    const level = this.#levelOf(path, now);
    path.unanswered++;
    path.probedAt = now;
    path.quality.recordProbe(now);
    const isRetried = path.unanswered <= limits.RETRIES_MAX;
    path.probeDue = isRetried ? now + retryMs(level, rttOf(path)) : this.#nextProbe(path, now);
    const { number, nonce, place } = path;
    this.#messages.push({ place, message: { kind: "probe", pair: number, nonce, time: now, chosen: false } });
  }

  #nextProbe = (path: Path, now: number): number => path.probedAt + probeMs(this.#levelOf(path, now), this.#random);

  #levelOf = (path: Path, now: number) => (this.#routes(now).includes(path) ? this.#activity.level(now) : "idle");

  #isKnown = (place: Place): boolean => this.#paths.at(place) !== undefined || this.isRelay(place);

  /** The peer's new source answered. It replaces the direct path once the peer is no longer received on that. */
  #adoptRoamed(path: Path, now: number): void {
    const direct = this.#paths.get("direct");
    if (direct !== undefined && now - direct.receivedAt < limits.SECOND_WAY_SILENCE_MS)
      return void (path.probeDue = now + limits.ROAM_CHECK_MS);
    this.#roaming.end();
    this.#paths.put(path);
    this.#upgrade.opened();
  }
}
