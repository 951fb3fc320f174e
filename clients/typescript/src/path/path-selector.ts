/**
 * Which paths to the peer there are, and which to send on: the direct one while it answers, else the relay, else the
 * tunnel. A relay serves from the first moment, a direct path beside it as soon as there is one.
 *
 *     trusted      something of the peer's came that way lately: sent on alone
 *     doubted      it was silent for some seconds: sent on, and on the next path too; the peer drops what comes twice
 *     lost         a direct path that stayed silent, or any whose consent ran out: no longer sent on
 *
 * No clock and no socket, as the punch.
 */
import { type Endpoint, isEndpoint, isLocal, isLoopback, sameEndpoint } from "../util/addresses.ts";
import { type Echo, type Message, since } from "../punch/messages.ts";
import * as limits from "./limits.ts";

/** Where datagrams leave and go to: one of our sockets and an endpoint, or a stream that carries them. */
export type Place = { readonly socket: number; readonly to: Endpoint } | "tunnel";
export type PathKind = "direct" | "relay" | "tunnel";
const ORDER: readonly PathKind[] = ["direct", "relay", "tunnel"];

export type Path = {
  readonly kind: PathKind;
  readonly place: Place;
  readonly number: number;
  readonly proof: number;
  heardAt: number;
  /** The peer's last answer to a question of ours. */
  consentAt: number;
  rtt_ms: number | null;
  probeDue: number;
};

export type KeeperEvent =
  /** What is sent on first from now on; null where there is nothing. */
  | { readonly type: "path"; readonly path: PathKind | null; readonly rtt_ms: number | null; readonly why: Why }
  /** A direct path should be looked for: ask for an introduction. */
  | { readonly type: "upgrade" };
export type Why = "opened" | "silent" | "heard_again" | "no_consent" | "ended" | "moved";

export class Keeper {
  readonly #random: () => number;
  readonly #paths = new Map<PathKind, Path>();
  /** Where the relay and the tunnel are, though nobody may have answered there for long. */
  readonly #told = new Map<PathKind, Place | null>();
  /** A new source that was heard, until it has answered. */
  #roaming: { path: Path; checks: number } | null = null;
  /** Datagrams to addresses where the peer has not proved to be. */
  readonly #unproved = new Map<string, number>();
  #roamAfter = -Infinity;
  #numbers = 0;
  #busySince = -Infinity;
  #sentAt = -Infinity;
  #now: number;
  #current: PathKind | null = null;
  #upgradeAt = Infinity;
  #upgradeAfter = limits.AGAIN_FIRST_MS;
  #events: KeeperEvent[] = [];
  #messages: { place: Place; message: Message }[] = [];

  /** `random`: from 0 to below 1, and not to be foretold by the peer. */
  constructor(random: () => number, now: number) {
    this.#random = random;
    this.#now = now;
  }

  /** A path is there from now on, or no longer. */
  set(kind: PathKind, place: Place | null, now: number, rtt_ms: number | null = null, why: Why = "opened"): void {
    if (kind !== "direct") this.#told.set(kind, place);
    if (place === null) this.#paths.delete(kind);
    else this.#paths.set(kind, this.#path(kind, place, now, rtt_ms));
    if (kind === "direct" && place !== null) {
      this.#upgradeAt = Infinity;
      this.#upgradeAfter = limits.AGAIN_FIRST_MS;
    }
    this.#judge(now, place === null ? "ended" : why);
  }

  /** A punch failed: the next one is later each time. */
  failed(now: number): void {
    if (this.#paths.has("direct")) return;
    this.#upgradeAt = now + this.#upgradeAfter;
    this.#upgradeAfter = Math.min(2 * this.#upgradeAfter, limits.AGAIN_LAST_MS);
  }

  /** None is tried, for nothing would come of it now. */
  unpunchable(now: number): void {
    if (!this.#paths.has("direct")) this.#upgradeAt = now + limits.AGAIN_LAST_MS;
  }

  /** This machine has another address: what was direct may be so no longer. */
  moved(now: number): void {
    const direct = this.#paths.get("direct");
    if (direct !== undefined) direct.heardAt = Math.min(direct.heardAt, now - limits.TRUST_MS - 1);
    this.#upgradeAt = now;
    this.#judge(now, "moved");
  }

  /** The paths that a datagram of the game goes on: the first trusted one, and those before it. */
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

  /** Something of the peer's came from there, whatever it was. A place that is not known may be where he is now. */
  heard(place: Place, mayRoam: boolean, now: number): void {
    const path = this.#at(place);
    if (path === undefined) {
      const kind = this.#toldAs(place);
      if (kind !== undefined) return this.set(kind, place, now, null, "heard_again");
      if (mayRoam) this.#roam(place, now);
      return;
    }
    path.heardAt = now;
    this.#judge(now, "heard_again");
  }

  /** A question that came from there is answered there, unless it is a place that nobody told of or proved. */
  answer({ way, proof, time, chosen }: Echo, place: Place): void {
    if (place !== "tunnel" && !this.#isKnown(place) && !this.#spend(place.to)) return;
    const seen = place === "tunnel" ? null : place.to;
    this.#messages.push({ place, message: { kind: "answer", way, proof, time, chosen, seen } });
  }

  /** An answer. False where it is to nobody's question here. */
  answered({ way, proof, time }: Echo, now: number): boolean {
    const all = [...this.#paths.values(), ...(this.#roaming === null ? [] : [this.#roaming.path])];
    const path = all.find((one) => one.number === way && one.proof === proof);
    if (path === undefined) return false;
    path.consentAt = path.heardAt = now;
    path.rtt_ms = since(time, now);
    if (path === this.#roaming?.path) this.#follow(path, now);
    this.#judge(now, "heard_again");
    return true;
  }

  wake(now: number): void {
    for (const path of this.#paths.values()) {
      const isLost = path.kind === "direct" && now >= path.heardAt + limits.DIRECT_LOST_MS;
      const isExpired = now >= path.consentAt + limits.CONSENT_EXPIRES_MS;
      if (isLost || isExpired) this.#drop(path, now, isExpired ? "no_consent" : "silent");
      else if (now >= path.probeDue) this.#ask(path, now);
    }
    this.#checkRoaming(now);
    this.#judge(now, "silent");
    if (now < this.#upgradeAt) return;
    this.#events.push({ type: "upgrade" });
    // Whatever comes of it, it is said to `set`, `failed` or `unpunchable` before.
    this.#upgradeAt = now + limits.AGAIN_LAST_MS;
  }

  /** When to wake it next; Infinity for never. */
  deadline(): number {
    const dues = [...this.#paths.values()].flatMap((path) => [
      path.probeDue,
      path.consentAt + limits.CONSENT_EXPIRES_MS,
      path.kind === "direct" ? path.heardAt + limits.DIRECT_LOST_MS : Infinity,
      this.#trusts(path, this.#now) ? this.#trustedUntil(path) : Infinity,
    ]);
    return Math.min(this.#upgradeAt, this.#roaming?.path.probeDue ?? Infinity, ...dues);
  }

  take(): { place: Place; message: Message }[] {
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }

  takeEvents(): KeeperEvent[] {
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

  /** While the game sends, silence counts from when it began to. */
  #trustedUntil({ heardAt }: Path): number {
    const isBusy = this.#now <= this.#sentAt + limits.BUSY_MS;
    const quiet = heardAt + limits.TRUST_MS;
    return isBusy ? Math.min(quiet, Math.max(heardAt, this.#busySince) + limits.BUSY_TRUST_MS) : quiet;
  }

  /** Says what is sent on first, where that has changed. */
  #judge(now: number, why: Why): void {
    this.#now = now;
    const routes = this.#routes(now);
    const first = routes.find((path) => this.#trusts(path, now)) ?? routes.at(-1);
    const kind = first?.kind ?? null;
    if (kind === this.#current) return;
    this.#current = kind;
    this.#events.push({ type: "path", path: kind, rtt_ms: first?.rtt_ms ?? null, why });
  }

  #drop(path: Path, now: number, why: Why): void {
    this.#paths.delete(path.kind);
    if (path.kind === "direct") this.#upgradeAt = Math.min(this.#upgradeAt, now);
    this.#judge(now, why);
  }

  #ask(path: Path, now: number): void {
    this.#now = now;
    const isUsed = this.#routes(now).includes(path);
    const isBusy = now <= this.#sentAt + limits.BUSY_MS;
    const spread = 1 + limits.CONSENT_SPREAD * (2 * this.#random() - 1);
    path.probeDue = now + (isUsed && isBusy ? limits.BUSY_PROBE_MS : limits.CONSENT_MS * spread);
    const { number, proof, place } = path;
    this.#messages.push({ place, message: { kind: "probe", way: number, proof, time: now, chosen: false } });
  }

  // --- a source that changed -----------------------------------------------------------------------------------

  /** The peer's NAT gave it another port, or it has another address: it is believed when it answers from there. */
  #roam(place: Place, now: number): void {
    if (place === "tunnel" || this.#roaming !== null || now < this.#roamAfter || !this.#mayAsk(place.to)) return;
    this.#roamAfter = now + limits.ROAM_PAUSE_MS;
    this.#roaming = { path: this.#path("direct", place, now, null), checks: 0 };
    this.#checkRoaming(now);
  }

  #checkRoaming(now: number): void {
    const roaming = this.#roaming;
    if (roaming === null || now < roaming.path.probeDue) return;
    const { place } = roaming.path;
    if (roaming.checks++ >= limits.ROAM_CHECKS_MAX || place === "tunnel" || !this.#spend(place.to)) {
      this.#roaming = null;
      return;
    }
    this.#ask(roaming.path, now);
    roaming.path.probeDue = now + limits.ROAM_CHECK_MS;
  }

  /** It takes the place of a direct path, unless that one is as alive. */
  #follow(path: Path, now: number): void {
    this.#roaming = null;
    if (path.place !== "tunnel") this.#unproved.delete(path.place.to.address);
    const direct = this.#paths.get("direct");
    if (direct !== undefined && now - direct.heardAt < limits.BUSY_PROBE_MS) return;
    path.probeDue = now + limits.BUSY_PROBE_MS;
    this.#paths.set("direct", path);
    this.#upgradeAt = Infinity;
  }

  #mayAsk(to: Endpoint): boolean {
    const isKnown = [...this.#paths.values()].some(
      ({ place }) => place !== "tunnel" && place.to.address === to.address,
    );
    return isEndpoint(to) && (isKnown || (!isLocal(to.address) && !isLoopback(to.address)));
  }

  /** Whether one more datagram may go to an address where the peer has not proved to be, and counts it. */
  #spend(to: Endpoint): boolean {
    const sent = this.#unproved.get(to.address) ?? 0;
    if (!this.#mayAsk(to) || sent >= limits.UNPROVED_MAX) return false;
    if (sent === 0 && this.#unproved.size >= limits.UNPROVED_ADDRESSES_MAX) return false;
    this.#unproved.set(to.address, sent + 1);
    return true;
  }

  // --- paths ---------------------------------------------------------------------------------------------------

  #path(kind: PathKind, place: Place, now: number, rtt_ms: number | null): Path {
    const number = limits.NUMBER_FIRST + (this.#numbers++ % (0x1_0000 - limits.NUMBER_FIRST));
    const proof = Math.floor(this.#random() * 2 ** 32);
    // The punch has heard the peer; a relay or a stream is only said to lead to him.
    const heardAt = kind === "direct" ? now : -Infinity;
    return { kind, place, number, proof, heardAt, consentAt: now, rtt_ms, probeDue: now };
  }

  #isKnown(place: Place): boolean {
    return this.#at(place) !== undefined || this.#toldAs(place) !== undefined;
  }

  #toldAs(place: Place): PathKind | undefined {
    return [...this.#told].find(([, told]) => told !== null && samePlace(told, place))?.[0];
  }

  #at(place: Place): Path | undefined {
    return [...this.#paths.values()].find((path) => samePlace(path.place, place));
  }
}

export const samePlace = (a: Place, b: Place): boolean =>
  a === "tunnel" || b === "tunnel" ? a === b : a.socket === b.socket && sameEndpoint(a.to, b.to);
