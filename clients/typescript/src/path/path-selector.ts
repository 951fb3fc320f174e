/**
 * Chooses the path to the peer: the direct one while the peer answers on it, else the relay, else the tunnel. A relay
 * serves at once, and a direct path replaces it as soon as one opens.
 *
 *     trusted      the peer was received on it recently: it carries the traffic alone
 *     doubted      silent for some seconds: it and the next path carry each datagram, and the peer drops the duplicate
 *     lost         a direct path that stayed silent, or any path whose consent expired: not used
 *
 * Sans I/O: the caller passes the time and carries out the messages and events.
 */
import { type Endpoint, isEndpoint, isLocal, isLoopback } from "../util/addresses.ts";
import { elapsedMs, type Message, type ProbeFields } from "../punch/messages.ts";
import * as limits from "./limits.ts";
import {
  type Path,
  type PathChangeReason,
  type PathKind,
  type PathSelectorEvent,
  type Place,
  samePlace,
} from "./paths.ts";

const ORDER: readonly PathKind[] = ["direct", "relay", "tunnel"];

export class PathSelector {
  readonly #random: () => number;
  readonly #paths = new Map<PathKind, Path>();
  /** The relay's and the tunnel's places, even without a recent answer. */
  readonly #configured = new Map<PathKind, Place | null>();
  /** A new source of the peer's datagrams, until it answers a probe. */
  #roaming: { path: Path; checks: number } | null = null;
  /** Datagrams to addresses where the peer has not answered. */
  readonly #unvalidated = new Map<string, number>();
  #roamAfter = -Infinity;
  #numbers = 0;
  #busySince = -Infinity;
  #sentAt = -Infinity;
  #now: number;
  #current: PathKind | null = null;
  #upgradeAt = Infinity;
  #upgradeAfter = limits.RETRY_FIRST_MS;
  #events: PathSelectorEvent[] = [];
  #messages: { place: Place; message: Message }[] = [];

  /** `random`: from 0 to below 1, unpredictable for the peer. */
  constructor(random: () => number, now: number) {
    this.#random = random;
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
    if (kind !== "direct") this.#configured.set(kind, place);
    if (place === null) this.#paths.delete(kind);
    else this.#paths.set(kind, this.#createPath(kind, place, now, rtt_ms));
    if (kind === "direct" && place !== null) {
      this.#upgradeAt = Infinity;
      this.#upgradeAfter = limits.RETRY_FIRST_MS;
    }
    this.#updateCurrent(now, place === null ? "ended" : why);
  }

  /** A punch failed. Each retry is later than the one before. */
  punchFailed(now: number): void {
    if (this.#paths.has("direct")) return;
    this.#upgradeAt = now + this.#upgradeAfter;
    this.#upgradeAfter = Math.min(2 * this.#upgradeAfter, limits.RETRY_LAST_MS);
  }

  /** The hub has no plan, so a retry waits. */
  punchUnavailable(now: number): void {
    if (!this.#paths.has("direct")) this.#upgradeAt = now + limits.RETRY_LAST_MS;
  }

  /** This machine has another address, so the direct path is doubted. */
  networkChanged(now: number): void {
    const direct = this.#paths.get("direct");
    if (direct !== undefined) direct.receivedAt = Math.min(direct.receivedAt, now - limits.TRUST_MS - 1);
    this.#upgradeAt = now;
    this.#updateCurrent(now, "moved");
  }

  /** The paths for a datagram of the game: the first trusted one, and the doubted ones before it. */
  routes(now: number): readonly Path[] {
    if (now - this.#sentAt > limits.BUSY_MS) {
      this.#busySince = now;
      for (const path of this.#paths.values()) path.probeDue = now;
    }
    this.#sentAt = now;
    return this.#routes(now);
  }

  path(kind: PathKind): Path | undefined {
    return this.#paths.get(kind);
  }

  /** Any datagram of the peer arrived. From an unknown place the peer may have roamed. */
  recordReceived(place: Place, mayRoam: boolean, now: number): void {
    const path = this.#pathAt(place);
    if (path === undefined) {
      const kind = this.#configuredKind(place);
      if (kind !== undefined) return this.set(kind, place, now, null, "heard_again");
      if (mayRoam) this.#roam(place, now);
      return;
    }
    path.receivedAt = now;
    this.#updateCurrent(now, "heard_again");
  }

  /** Answers a probe at its source. A place that is neither known nor validated has a budget. */
  answerProbe({ pair, nonce, time, chosen }: ProbeFields, place: Place): void {
    if (place !== "tunnel" && !this.#isKnown(place) && !this.#consumeBudget(place.to)) return;
    const seen = place === "tunnel" ? null : place.to;
    this.#messages.push({ place, message: { kind: "answer", pair, nonce, time, chosen, seen } });
  }

  /** Handles an answer. Returns false if it answers no probe of this selector. */
  handleAnswer({ pair, nonce, time }: ProbeFields, now: number): boolean {
    const all = [...this.#paths.values(), ...(this.#roaming === null ? [] : [this.#roaming.path])];
    const path = all.find((one) => one.number === pair && one.nonce === nonce);
    if (path === undefined) return false;
    path.consentAt = path.receivedAt = now;
    path.rtt_ms = elapsedMs(time, now);
    if (path === this.#roaming?.path) this.#adoptRoamed(path, now);
    this.#updateCurrent(now, "heard_again");
    return true;
  }

  wake(now: number): void {
    for (const path of this.#paths.values()) {
      const isLost = path.kind === "direct" && now >= path.receivedAt + limits.DIRECT_LOST_MS;
      const isExpired = now >= path.consentAt + limits.CONSENT_EXPIRES_MS;
      if (isLost || isExpired) this.#removePath(path, now, isExpired ? "no_consent" : "silent");
      else if (now >= path.probeDue) this.#sendProbe(path, now);
    }
    this.#checkRoaming(now);
    this.#updateCurrent(now, "silent");
    if (now < this.#upgradeAt) return;
    this.#events.push({ type: "upgrade" });
    // `set`, `punchFailed` or `punchUnavailable` replace this before it expires.
    this.#upgradeAt = now + limits.RETRY_LAST_MS;
  }

  /** When to call `wake` next; Infinity for never. */
  deadline(): number {
    const dues = [...this.#paths.values()].flatMap((path) => [
      path.probeDue,
      path.consentAt + limits.CONSENT_EXPIRES_MS,
      path.kind === "direct" ? path.receivedAt + limits.DIRECT_LOST_MS : Infinity,
      this.#trusts(path, this.#now) ? this.#trustedUntil(path) : Infinity,
    ]);
    return Math.min(this.#upgradeAt, this.#roaming?.path.probeDue ?? Infinity, ...dues);
  }

  takeMessages(): { place: Place; message: Message }[] {
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }

  takeEvents(): PathSelectorEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  // --- trust ---------------------------------------------------------------------------------------------------

  #routes(now: number): Path[] {
    const routes: Path[] = [];
    for (const kind of ORDER) {
      const path = this.#paths.get(kind);
      if (path !== undefined) routes.push(path);
      if (path !== undefined && this.#trusts(path, now)) break;
    }
    return routes;
  }

  #trusts(path: Path, now: number): boolean {
    return now < this.#trustedUntil(path);
  }

  /** While the game sends, silence counts from the first datagram sent. */
  #trustedUntil({ receivedAt }: Path): number {
    const isBusy = this.#now <= this.#sentAt + limits.BUSY_MS;
    const quiet = receivedAt + limits.TRUST_MS;
    return isBusy ? Math.min(quiet, Math.max(receivedAt, this.#busySince) + limits.BUSY_TRUST_MS) : quiet;
  }

  /** Emits an event if the preferred path changed. */
  #updateCurrent(now: number, why: PathChangeReason): void {
    this.#now = now;
    const routes = this.#routes(now);
    const first = routes.find((path) => this.#trusts(path, now)) ?? routes.at(-1);
    const kind = first?.kind ?? null;
    if (kind === this.#current) return;
    this.#current = kind;
    this.#events.push({ type: "path", path: kind, rtt_ms: first?.rtt_ms ?? null, why });
  }

  #removePath(path: Path, now: number, why: PathChangeReason): void {
    this.#paths.delete(path.kind);
    if (path.kind === "direct") this.#upgradeAt = Math.min(this.#upgradeAt, now);
    this.#updateCurrent(now, why);
  }

  #sendProbe(path: Path, now: number): void {
    this.#now = now;
    const isUsed = this.#routes(now).includes(path);
    const isBusy = now <= this.#sentAt + limits.BUSY_MS;
    const spread = 1 + limits.CONSENT_SPREAD * (2 * this.#random() - 1);
    path.probeDue = now + (isUsed && isBusy ? limits.BUSY_PROBE_MS : limits.CONSENT_MS * spread);
    const { number, nonce, place } = path;
    this.#messages.push({ place, message: { kind: "probe", pair: number, nonce, time: now, chosen: false } });
  }

  // --- roaming -------------------------------------------------------------------------------------------------

  /** The peer's NAT changed its port, or its address changed. The new source is used once it answers a probe. */
  #roam(place: Place, now: number): void {
    if (place === "tunnel" || this.#roaming !== null || now < this.#roamAfter || !this.#mayProbe(place.to)) return;
    this.#roamAfter = now + limits.ROAM_PAUSE_MS;
    this.#roaming = { path: this.#createPath("direct", place, now, null), checks: 0 };
    this.#checkRoaming(now);
  }

  #checkRoaming(now: number): void {
    const roaming = this.#roaming;
    if (roaming === null || now < roaming.path.probeDue) return;
    const { place } = roaming.path;
    if (roaming.checks++ >= limits.ROAM_CHECKS_MAX || place === "tunnel" || !this.#consumeBudget(place.to)) {
      this.#roaming = null;
      return;
    }
    this.#sendProbe(roaming.path, now);
    roaming.path.probeDue = now + limits.ROAM_CHECK_MS;
  }

  /** Replaces the direct path, unless that was received as recently. */
  #adoptRoamed(path: Path, now: number): void {
    this.#roaming = null;
    if (path.place !== "tunnel") this.#unvalidated.delete(path.place.to.address);
    const direct = this.#paths.get("direct");
    if (direct !== undefined && now - direct.receivedAt < limits.BUSY_PROBE_MS) return;
    path.probeDue = now + limits.BUSY_PROBE_MS;
    this.#paths.set("direct", path);
    this.#upgradeAt = Infinity;
  }

  #mayProbe(to: Endpoint): boolean {
    const isKnown = [...this.#paths.values()].some(
      ({ place }) => place !== "tunnel" && place.to.address === to.address,
    );
    return isEndpoint(to) && (isKnown || (!isLocal(to.address) && !isLoopback(to.address)));
  }

  /** Counts a datagram to an address where the peer has not answered; false if the budget is spent. */
  #consumeBudget(to: Endpoint): boolean {
    const sent = this.#unvalidated.get(to.address) ?? 0;
    if (!this.#mayProbe(to) || sent >= limits.UNVALIDATED_MAX) return false;
    if (sent === 0 && this.#unvalidated.size >= limits.UNVALIDATED_ADDRESSES_MAX) return false;
    this.#unvalidated.set(to.address, sent + 1);
    return true;
  }

  // --- paths ---------------------------------------------------------------------------------------------------

  #createPath(kind: PathKind, place: Place, now: number, rtt_ms: number | null): Path {
    const number = limits.NUMBER_FIRST + (this.#numbers++ % (0x1_0000 - limits.NUMBER_FIRST));
    const nonce = Math.floor(this.#random() * 2 ** 32);
    // The punch has received the peer on a direct path. A relay or a stream is not validated yet.
    const receivedAt = kind === "direct" ? now : -Infinity;
    return { kind, place, number, nonce, receivedAt, consentAt: now, rtt_ms, probeDue: now };
  }

  #isKnown(place: Place): boolean {
    return this.#pathAt(place) !== undefined || this.#configuredKind(place) !== undefined;
  }

  #configuredKind(place: Place): PathKind | undefined {
    return [...this.#configured].find(([, known]) => known !== null && samePlace(known, place))?.[0];
  }

  #pathAt(place: Place): Path | undefined {
    return [...this.#paths.values()].find((path) => samePlace(path.place, place));
  }
}
