/**
 * The exchange of one game: datagrams in, datagrams and reports out, and between them the contacts.
 * It owns no socket and no clock: whoever drives it says what came, and what time it is.
 */
import { isSealed } from "#shared/net/local-port.ts";
import { type Endpoint, sameEndpoint } from "#shared/net/endpoint.ts";
import type { LinkTell, MemberTell, Report } from "#shared/link/messages.ts";
import type { Summary } from "#shared/api/lobbies.ts";
import type { Answer, Notice, Wire as WireName } from "#shared/lobby/lobby.ts";
import { Contacts, type ContactLimits as ContactLimits } from "./contacts.ts";
import { type Budget, type Bucket, fullBucket, Guard, take } from "#shared/rate-limit/token-bucket.ts";
import { TimerQueue } from "./timer-queue.ts";
import type { Contact, Datagram, Action, ReportBody, Liveness, Wire } from "../protocols/wire.ts";
import type { SourceUsage } from "./source-quota.ts";
import { LivenessReports } from "./liveness-reports.ts";
import type { Counters } from "./counters.ts";

export type ExchangeLimits = ContactLimits & {
  readonly stranger: Budget;
  readonly renewal: Budget;
  readonly list: Budget;
  readonly sources_max: number;
  readonly repeats_max: number;
};

export type ExchangeOutput = {
  send(via: number, to: Endpoint, bytes: Uint8Array): void;
  /** False where the report finds no room, or no hub has ever been reached. */
  report(report: Report): boolean;
  /** The lobbies of a wire as strangers see them, newest first, or null where no hub answers. */
  listLobbies(wire: WireName): Promise<readonly Summary[] | null>;
  /** What a source has asked for and not been answered yet. */
  pendingFrom(address: string): Readonly<SourceUsage>;
  /** Whether the hub that holds this lobby listens now. Silence is not judged while nobody can be told. */
  isLinked(wire: WireName, name: string): boolean;
};

/** The hub's answer to a report, as the wires know it. */
export const toAnswer = (item: Exclude<LinkTell, MemberTell>): Answer =>
  "code" in item ? { kind: "refused", code: item.code } : { kind: "introduced", peers: item.peers };

/** What a member says who came under DTLS, he says under DTLS: the source of a datagram in clear can be forged. */
const isForged = (contact: Contact, via: number): boolean => isSealed(contact.via) && !isSealed(via);

/** Lines to be said again: `after_ms[next]` after `since`, unless the contact has confirmed. */
type Repeat = {
  readonly via: number;
  readonly endpoint: Endpoint;
  readonly datagrams: readonly Uint8Array[];
  readonly after_ms: readonly number[];
  readonly since: number;
  readonly unless: Contact;
  next: number;
};

export class Exchange {
  readonly contacts: Contacts;
  readonly #wires: ReadonlyMap<WireName, Wire>;
  readonly #limits: ExchangeLimits;
  readonly #out: ExchangeOutput;
  /** New lobbies are met with silence, so that who hosts looks elsewhere; those that are here go on. */
  retiring = false;
  readonly #tally: Counters;
  readonly #requestLimiter: Guard;
  readonly #listLimiter: Guard;
  readonly #renewalBuckets = new WeakMap<Contact, Bucket>();
  readonly #liveness = new LivenessReports();
  readonly #repeats = new TimerQueue<Repeat>();

  constructor(wires: readonly Wire[], limits: ExchangeLimits, out: ExchangeOutput, tally: Counters) {
    this.#wires = new Map(wires.map((wire) => [wire.name, wire]));
    this.#limits = limits;
    this.#out = out;
    this.#tally = tally;
    this.contacts = new Contacts(limits);
    this.#requestLimiter = new Guard(limits.stranger, limits.sources_max);
    this.#listLimiter = new Guard(limits.list, limits.sources_max);
  }

  /** A datagram that came to a port where these wires are spoken, in this order. */
  handleDatagram(datagram: Datagram, spoken: readonly WireName[], now: number): void {
    const wire = this.#selectWire(datagram, spoken);
    if (wire === undefined) return this.#drop("unclaimed");
    const heard = wire.handleDatagram(datagram, this.contacts, now);
    switch (heard.do) {
      case "drop":
        return this.#drop(heard.why);
      case "renew":
        return this.#renew(heard, datagram, now);
      case "list":
        return this.#answerList(heard, wire.name, datagram, now);
      case "answer":
        if (!this.#requestLimiter.allows(datagram.endpoint.address, now)) return this.#drop("stranger_rate");
        this.#tally.add("datagrams", "answered");
        if (heard.liveness !== undefined) this.#reportLiveness(heard.liveness, wire.name, datagram, now);
        return this.#out.send(datagram.via, heard.to ?? datagram.endpoint, heard.bytes);
      case "report":
        return this.#report(heard, wire.name, datagram, now);
    }
  }

  /** What the hub says to one member. */
  deliverNotice({ to, notice }: MemberTell, now: number): void {
    if (notice.kind === "removed") {
      const contact = this.contacts.find(to.wire, to.name, to.peer) ?? this.contacts.put(to, now);
      this.contacts.remove(contact);
      this.#sendNotice(contact, notice, now);
    } else {
      const contact = this.contacts.put(to, now);
      if (this.#isDisconnected(contact)) this.disconnect(contact);
      else this.#sendNotice(contact, notice, now);
    }
  }

  /** What the hub says to who reported and is no member. */
  handleAnswer(report: Report, answer: Answer): void {
    const lines = this.#wires.get(report.wire)?.encodeAnswer(answer, report) ?? [];
    this.#tally.add("notices", answer.kind === "refused" ? `refused_${answer.code}` : answer.kind);
    for (const line of lines) this.#out.send(report.via, report.endpoint, line);
    this.#wires.get(report.wire)?.connections?.handleAnswer(answer, report);
  }

  /** What a member says over his connection goes to the hub as from him, or from where he says that he is reached. */
  reportAs({ wire, via, endpoint }: Pick<Contact, "wire" | "via" | "endpoint">, said: ReportBody, at = endpoint): boolean {
    this.#tally.add("reports", said.kind);
    return this.#out.report({ ...said, wire, via, endpoint: at });
  }

  /** A member whose connection is over has left. */
  disconnect(contact: Contact): void {
    const { name, peer } = contact;
    this.contacts.remove(contact);
    this.reportAs(contact, { kind: "leave", name, peer });
  }

  /**
   * Everyone the hub holds for us behind one link, after every hello. Who is new to us is remembered and not spoken
   * to: he is heard first. Who missed the introduction hears it now. Whoever of that link's lobbies (`behind`) is not
   * on the list is forgotten.
   */
  syncMembers(items: readonly MemberTell[], behind: (wire: WireName, name: string) => boolean, now: number): void {
    const mentioned = new Set<Contact>();
    for (const { to, notice } of items) {
      const known = this.contacts.find(to.wire, to.name, to.peer);
      const contact = this.contacts.put(to, now);
      mentioned.add(contact);
      if (this.#isDisconnected(contact)) {
        this.disconnect(contact);
        continue;
      }
      const missed = known !== undefined && notice.kind === "introduced" && !known.introduced;
      if (missed) this.#sendNotice(contact, notice, now);
      else contact.renewal_reply = this.#wires.get(to.wire)?.encodeNotice(notice, contact).renewal_reply ?? [];
      contact.introduced = notice.kind === "introduced";
      if (known === undefined) contact.restored = true;
    }
    for (const contact of this.contacts.all()) {
      if (!mentioned.has(contact) && behind(contact.wire, contact.name)) this.contacts.remove(contact);
    }
  }

  /** When `repeat` has something to do next (ms since the epoch), or null. */
  get nextRepeatAt(): number | null {
    return this.#repeats.nextAt;
  }

  /** Says again what is to be said again. */
  sendRepeats(now: number): void {
    for (let item = this.#repeats.pop(now); item !== undefined; item = this.#repeats.pop(now)) {
      if (item.unless.confirmed || this.#isSuperseded(item.unless)) continue;
      for (const line of item.datagrams) this.#out.send(item.via, item.endpoint, line);
      item.next++;
      this.#scheduleRepeat(item);
    }
  }

  /** Reports those who have been silent for longer than their lease. */
  checkLeases(now: number): void {
    for (const contact of this.contacts.silent(now)) {
      const { wire, name, peer, via, endpoint } = contact;
      if (!this.#out.isLinked(wire, name)) continue;
      this.#out.report({ kind: "lost", wire, name, peer, via, endpoint });
      this.#tally.add("reports", "lost");
    }
  }

  // ---------------------------------------------------------------------------------------------------------------

  #selectWire(datagram: Datagram, spoken: readonly WireName[]): Wire | undefined {
    if (datagram.exclusive) return this.#wires.get(spoken[0]!);
    for (const name of spoken) {
      const wire = this.#wires.get(name);
      if (wire?.claims(datagram.bytes) === true) return wire;
    }
    return undefined;
  }

  #renew({ contact, lease_ms }: Action & { do: "renew" }, { via, endpoint }: Datagram, now: number): void {
    if (isForged(contact, via)) return this.#drop("in_clear");
    contact.last_seen_at = now;
    if (lease_ms !== undefined && lease_ms !== contact.lease_ms) this.contacts.setLease(contact, lease_ms);
    if (contact.restored) {
      contact.restored = false;
      const { wire, name, peer } = contact;
      this.#out.report({ kind: "heard", wire, name, peer, via: contact.via, endpoint: contact.endpoint });
      this.#tally.add("reports", "heard");
    }
    let bucket = this.#renewalBuckets.get(contact);
    if (bucket === undefined) this.#renewalBuckets.set(contact, (bucket = fullBucket(this.#limits.renewal, now)));
    if (!take(bucket, this.#limits.renewal, now)) return this.#drop("renewal_rate");
    contact.renewed = true;
    this.#tally.add("datagrams", "renewed");
    for (const line of contact.renewal_reply) this.#out.send(via, endpoint, line);
  }

  #reportLiveness(sign: Liveness, wire: WireName, { via, endpoint }: Datagram, now: number): void {
    if (!this.#liveness.shouldReport(sign, now)) return;
    const { name, peer } = sign;
    const told = this.#out.report({ kind: "heard", wire, name, peer, via, endpoint });
    if (told) this.#tally.add("reports", "heard");
    else this.#liveness.forget(sign);
  }

  /** One datagram may bring back a larger one here, so lists have a smaller budget of their own. */
  #answerList({ encode: say }: Action & { do: "list" }, wire: WireName, { via, endpoint }: Datagram, now: number): void {
    if (!this.#listLimiter.allows(endpoint.address, now)) return this.#drop("list_rate");
    this.#tally.add("datagrams", "answered");
    void this.#out.listLobbies(wire).then((lobbies) => {
      if (lobbies === null) return this.#drop("no_hub");
      return this.#out.send(via, endpoint, say(lobbies));
    });
  }

  #report({ report: said, lease_ms }: Action & { do: "report" }, wire: WireName, datagram: Datagram, now: number): void {
    const { via, endpoint } = datagram;
    const contact = "peer" in said ? this.contacts.find(wire, said.name, said.peer) : undefined;
    const own = contact !== undefined && sameEndpoint(contact.endpoint, endpoint);
    if (!this.#requestLimiter.allows(endpoint.address, now)) return this.#drop("stranger_rate");
    if (own && isForged(contact, via)) return this.#drop("in_clear");
    if (contact === undefined && this.retiring && said.kind === "host") return this.#drop("retiring");
    if (contact === undefined && !this.#hasRoom(said, endpoint)) return this.#drop("source_share");
    if (contact !== undefined && lease_ms !== undefined) this.contacts.setLease(contact, lease_ms);
    if (own && said.kind === "confirm") contact.confirmed = contact.introduced;
    // Who asks to be let in has not understood that he is.
    if (own && said.kind === "join") contact.renewed = false;
    if (!this.#out.report({ ...said, wire, via, endpoint })) return this.#drop("no_hub");
    this.#tally.add("datagrams", "reported");
    this.#tally.add("reports", said.kind);
  }

  #hasRoom(said: ReportBody, { address }: Endpoint): boolean {
    if (said.kind !== "host" && said.kind !== "join") return true;
    const waiting = this.#out.pendingFrom(address);
    const hosts = said.kind === "join" || this.contacts.hasRoom(address, "lobbies", waiting);
    return hosts && this.contacts.hasRoom(address, "memberships", waiting);
  }

  #sendNotice(contact: Contact, notice: Notice, now: number): void {
    const wire = this.#wires.get(contact.wire);
    if (wire === undefined) return;
    const speech = wire.encodeNotice(notice, contact);
    this.#tally.add("notices", notice.kind);
    if (speech.renewal_reply !== undefined) contact.renewal_reply = speech.renewal_reply;
    if (speech.renews_lease === true) contact.last_seen_at = now;
    if (notice.kind === "introduced") contact.introduced = true;
    wire.connections?.notify(contact, notice);
    const { via, endpoint } = contact;
    for (const line of speech.datagrams) this.#out.send(via, endpoint, line);
    if (speech.repeat === undefined) return;
    this.#scheduleRepeat({ via, endpoint, ...speech.repeat, since: now, unless: contact, next: 0 });
  }

  /** On a wire whose members live as long as their connections, his is over, or was another process's. */
  #isDisconnected({ wire, peer }: Contact): boolean {
    return this.#wires.get(wire)?.connections?.isConnected(peer) === false;
  }

  /** Somebody has taken his place since: what was said to the one before would hit the one after. */
  #isSuperseded(contact: Contact): boolean {
    const now = this.contacts.find(contact.wire, contact.name, contact.peer);
    return now !== undefined && now !== contact;
  }

  #scheduleRepeat(item: Repeat): void {
    const after_ms = item.after_ms[item.next];
    if (after_ms === undefined || this.#repeats.size >= this.#limits.repeats_max) return;
    this.#repeats.push(item.since + after_ms, item);
  }

  #drop(why: string): void {
    this.#tally.add("datagrams", "dropped");
    this.#tally.add("dropped", why);
  }
}
