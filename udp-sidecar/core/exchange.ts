/**
 * The exchange of one game: turns datagrams into replies and reports, and the hub's notices into datagrams. It owns no
 * socket and no clock, so tests and the sidecar drive it with bytes and a time.
 */
import { isDtls } from "#shared/net/local-port.ts";
import { type Endpoint, sameEndpoint } from "#shared/net/endpoint.ts";
import type { MemberNotice, Report } from "#shared/link/messages.ts";
import type { DirectoryEntry } from "#shared/listing/directory.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";
import type { RequesterNotice, Notice } from "#shared/lobby/notices.ts";
import { Contacts, type ContactLimits } from "./contacts.ts";
import { type Budget, BucketTable } from "#shared/rate-limit/token-bucket.ts";
import { keepReply, RenewalReplies } from "./renewals/renewal-replies.ts";
import { RepeatedRenewals } from "./renewals/repeated-renewals.ts";
import { RepeatQueue } from "./repeat-queue.ts";
import type { Contact, Datagram, Action, ReportBody, Liveness, Wire } from "../protocols/wire.ts";
import type { SendCredit } from "./send-credit.ts";
import type { SourceUsage } from "./source-quota.ts";
import { ListPages } from "../lists/list-pages.ts";
import { LivenessReports } from "./liveness-reports.ts";
import type { Counters } from "./counters.ts";
import { CreditedSender } from "./credited-sender.ts";
import { UnrenewedContacts } from "./renewals/unrenewed-contacts.ts";

export type ExchangeLimits = ContactLimits & {
  readonly stranger: Budget;
  readonly renewal: Budget;
  readonly list: Budget;
  readonly sources_max: number;
  readonly repeats_max: number;
};

type ExchangeOutput = {
  /** Shared by all exchanges of a sidecar. */
  readonly credit: SendCredit;
  send(via: number, to: Endpoint, bytes: Uint8Array): void;
  /** False if the outbox is full or no hub has been reached yet. */
  report(report: Report): boolean;
  /** The public lobbies of a wire, newest first, or null while a hub cannot be reached. */
  listLobbies(wire: WireName): readonly DirectoryEntry[] | null;
  /** What a source has requested and the hub has not answered yet. */
  pendingFrom(address: string): Readonly<SourceUsage>;
  /**
   * Whether the link to this lobby's hub is up. While it is down, no lease expires, because the hub cannot be notified.
   */
  isLinked(wire: WireName, name: string): boolean;
};

/** A datagram in clear text from a contact that uses DTLS. Its source can be forged, so it is dropped. */
const isForged = (contact: Contact, via: number): boolean => isDtls(contact.via) && !isDtls(via);

export class Exchange {
  readonly contacts: Contacts;
  readonly #wires: ReadonlyMap<WireName, Wire>;
  readonly #out: ExchangeOutput;
  /** While true, requests for new lobbies get no reply, so that the host tries another sidecar. Others continue. */
  retiring = false;
  readonly #counters: Counters;
  readonly #requestLimiter: BucketTable;
  readonly #listLimiter: BucketTable;
  readonly #renewals: RenewalReplies;
  readonly #repeated = new RepeatedRenewals();
  readonly #liveness = new LivenessReports();
  readonly #repeats: RepeatQueue;
  readonly #sender: CreditedSender;
  readonly #unrenewed: UnrenewedContacts;
  readonly #pages = new ListPages();

  constructor(wires: readonly Wire[], limits: ExchangeLimits, out: ExchangeOutput, counters: Counters) {
    this.#wires = new Map(wires.map((wire) => [wire.name, wire]));
    this.#out = out;
    this.#counters = counters;
    this.#sender = new CreditedSender(out.credit, (via, to, bytes) => out.send(via, to, bytes), counters);
    this.contacts = new Contacts(limits);
    this.#unrenewed = new UnrenewedContacts(limits.contacts_max);
    this.#repeats = new RepeatQueue(limits.repeats_max);
    this.#renewals = new RenewalReplies(limits.renewal);
    this.#requestLimiter = new BucketTable(limits.stranger, limits.sources_max);
    this.#listLimiter = new BucketTable(limits.list, limits.sources_max);
  }

  /** A datagram that arrived at a port with these wires, tried in this order. */
  handleDatagram(datagram: Datagram, wires: readonly WireName[], now: number): void {
    const known = this.#repeated.find(datagram);
    const wire = known === null ? this.#selectWire(datagram, wires) : null;
    if (wire === undefined) return this.#drop("unclaimed");
    this.#sender.receive(datagram.via, datagram.endpoint, datagram.bytes, now);
    if (wire === null) return this.#renew(known!, datagram, now);
    const action = wire.handleDatagram(datagram, this.contacts, now);
    switch (action.do) {
      case "drop":
        return this.#drop(action.why);
      case "renew":
        this.#repeated.add(datagram, action);
        return this.#renew(action, datagram, now);
      case "list":
        return this.#answerList(action, wire.name, datagram, now);
      case "answer":
        if (!this.#requestLimiter.consume(datagram.endpoint.address, now)) return this.#drop("stranger_rate");
        this.#counters.add("datagrams", "answered");
        if (action.liveness !== undefined) this.#reportLiveness(action.liveness, wire.name, datagram, now);
        // A receipt proves that the peer receives at `to`, and no reply of that wire is longer than its request.
        if (action.to !== undefined) this.#out.send(datagram.via, action.to, action.bytes);
        else this.#sender.send(datagram.via, datagram.endpoint, [action.bytes], now);
        return;
      case "report":
        return this.#report(action, wire.name, datagram, now);
    }
  }

  /** Delivers a notice of the hub to one member. */
  deliverNotice({ to, notice }: MemberNotice, now: number): void {
    if (notice.kind === "removed") {
      const contact = this.contacts.find(to.wire, to.name, to.peer) ?? this.contacts.put(to, now);
      this.#forget(contact);
      this.#sendNotice(contact, notice, now);
    } else {
      const isNew = this.contacts.find(to.wire, to.name, to.peer) === undefined;
      const contact = this.contacts.put(to, now);
      if (isNew) this.#unrenewed.add(contact, (oldest) => this.contacts.holds(oldest) && this.disconnect(oldest));
      if (this.#isDisconnected(contact)) this.disconnect(contact);
      else this.#sendNotice(contact, notice, now);
    }
  }

  /** Delivers the hub's answer to a peer that sent a report and is no member. */
  handleAnswer(report: Report, answer: RequesterNotice, now: number): void {
    const { via, endpoint, name } = report;
    const wire = this.#wires.get(report.wire);
    const datagrams = wire?.encodeAnswer(answer, report) ?? [];
    this.#counters.add("notices", answer.kind === "refused" ? `refused_${answer.code}` : answer.kind);
    const isHostElsewhere = answer.kind === "introduced" && !this.contacts.find(report.wire, name, name);
    if (isHostElsewhere) this.#sender.charge(endpoint, via, datagrams, now);
    this.#sender.send(via, endpoint, datagrams, now);
    wire?.connections?.handleAnswer(answer, report);
  }

  /** Sends a report on behalf of a member, as observed at its own endpoint or at `at`. */
  reportAs(
    { wire, via, endpoint }: Pick<Contact, "wire" | "via" | "endpoint">,
    report: ReportBody,
    at = endpoint,
  ): boolean {
    this.#counters.add("reports", report.kind);
    return this.#out.report({ ...report, wire, via, endpoint: at });
  }

  /** A member whose connection has closed leaves its lobby. */
  disconnect(contact: Contact): void {
    const { name, peer } = contact;
    this.#forget(contact);
    this.reportAs(contact, { kind: "leave", name, peer });
  }

  /**
   * Replaces the contacts behind one link with the hub's list, which follows every hello. An unknown member is added
   * and gets no datagram until it sends one. A member that missed its introduction gets it now. A contact whose lobby
   * is `behind` the link and that is not on the list is removed.
   */
  syncMembers(items: readonly MemberNotice[], behind: (wire: WireName, name: string) => boolean, now: number): void {
    const listed = new Set<Contact>();
    for (const { to, notice } of items) {
      const known = this.contacts.find(to.wire, to.name, to.peer);
      const contact = this.contacts.put(to, now);
      listed.add(contact);
      if (this.#isDisconnected(contact)) {
        this.disconnect(contact);
        continue;
      }
      const missed = known !== undefined && notice.kind === "introduced" && !known.introduced;
      if (missed) this.#sendNotice(contact, notice, now);
      else {
        keepReply(contact, this.#wires.get(to.wire)?.encodeNotice(notice, contact) ?? {});
      }
      contact.introduced = notice.kind === "introduced";
      if (known === undefined) contact.restored = true;
    }
    for (const contact of this.contacts.all()) {
      if (!listed.has(contact) && behind(contact.wire, contact.name)) this.#forget(contact);
    }
  }

  /** When `sendRepeats` has something to send (ms on the clock of the caller), or null. */
  get nextRepeatAt(): number | null {
    return this.#repeats.nextAt;
  }

  /** Sends the repetitions that are due. */
  sendRepeats(now: number): void {
    for (const repeat of this.#repeats.due(now, (contact) => this.contacts.isSuperseded(contact))) {
      const { via, endpoint, datagrams, unless } = repeat;
      this.#sender.send(via, endpoint, datagrams, now, { ...unless.credit_terms, reserve: 0 });
    }
  }

  /** Reports the members whose lease has expired. */
  checkLeases(now: number): void {
    for (const contact of this.contacts.silent(now)) {
      const { wire, name, peer } = contact;
      if (this.#out.isLinked(wire, name)) this.reportAs(contact, { kind: "lost", name, peer });
    }
  }

  #selectWire(datagram: Datagram, wires: readonly WireName[]): Wire | undefined {
    if (datagram.exclusive) return this.#wires.get(wires[0]!);
    for (const name of wires) {
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
      this.reportAs(contact, { kind: "heard", name: contact.name, peer: contact.peer });
    }
    if (!this.#renewals.consume(contact, now)) return this.#drop("renewal_rate");
    if (!contact.renewed) this.#unrenewed.remove(contact);
    contact.renewed = true;
    this.#counters.add("datagrams", "renewed");
    const terms = this.#renewals.termsOf(contact, now);
    if (this.#sender.send(via, endpoint, contact.renewal_reply, now, terms)) contact.replied_at = now;
  }

  #reportLiveness(liveness: Liveness, wire: WireName, { via, endpoint }: Datagram, now: number): void {
    if (!this.#liveness.shouldReport(liveness, now)) return;
    const { name, peer } = liveness;
    const accepted = this.#out.report({ kind: "heard", wire, name, peer, via, endpoint });
    if (accepted) this.#counters.add("reports", "heard");
    else this.#liveness.forget(liveness);
  }

  /** A short request may get a long list, so lists have a separate, lower rate limit. */
  #answerList({ encode }: Action & { do: "list" }, wire: WireName, { via, endpoint }: Datagram, now: number): void {
    if (!this.#listLimiter.consume(endpoint.address, now)) return this.#drop("list_rate");
    const lobbies = this.#out.listLobbies(wire);
    if (lobbies === null) return this.#drop("no_hub");
    this.#counters.add("datagrams", "answered");
    this.#out.send(via, endpoint, this.#pages.encode(endpoint, lobbies, encode, now));
  }

  #report({ report, lease_ms }: Action & { do: "report" }, wire: WireName, datagram: Datagram, now: number): void {
    const { via, endpoint } = datagram;
    const contact = "peer" in report ? this.contacts.find(wire, report.name, report.peer) : undefined;
    const own = contact !== undefined && sameEndpoint(contact.endpoint, endpoint);
    if (!this.#requestLimiter.consume(endpoint.address, now)) return this.#drop("stranger_rate");
    if (own && isForged(contact, via)) return this.#drop("in_clear");
    if (contact === undefined && this.retiring && report.kind === "host") return this.#drop("retiring");
    if (contact === undefined && !this.#hasRoom(report, endpoint)) return this.#drop("source_share");
    if (contact !== undefined && lease_ms !== undefined) this.contacts.setLease(contact, lease_ms);
    if (own && report.kind === "confirm") contact.confirmed = contact.introduced;
    // A member that joins again missed the confirmation of its join.
    if (own && report.kind === "join") contact.renewed = false;
    if (!this.#out.report({ ...report, wire, via, endpoint })) return this.#drop("no_hub");
    this.#counters.add("datagrams", "reported");
    this.#counters.add("reports", report.kind);
  }

  #hasRoom(report: ReportBody, { address }: Endpoint): boolean {
    if (report.kind !== "host" && report.kind !== "join") return true;
    const waiting = this.#out.pendingFrom(address);
    const hosts = report.kind === "join" || this.contacts.hasRoom(address, "lobbies", waiting);
    return hosts && this.contacts.hasRoom(address, "memberships", waiting);
  }

  #sendNotice(contact: Contact, notice: Notice, now: number): void {
    const wire = this.#wires.get(contact.wire);
    if (wire === undefined) return;
    const reply = wire.encodeNotice(notice, contact);
    this.#counters.add("notices", notice.kind);
    if (reply.renewal_reply !== undefined) keepReply(contact, reply);
    if (reply.renews_lease === true) contact.last_seen_at = now;
    if (notice.kind === "introduced") contact.introduced = true;
    wire.connections?.notify(contact, notice);
    const { via, endpoint, credit_terms: terms } = contact;
    if (reply.caused_by !== undefined) this.#sender.transfer(reply.caused_by, via, endpoint, reply.datagrams, now);
    this.#sender.send(via, endpoint, reply.datagrams, now, contact.renewed ? terms : { ...terms, reserve: 0 });
    if (reply.repeat === undefined) return;
    this.#repeats.add({ via, endpoint, ...reply.repeat, since: now, unless: contact, next: 0 });
  }

  /** On a wire whose members are tied to connections: its connection has closed, or belonged to an earlier process. */
  #isDisconnected({ wire, peer }: Contact): boolean {
    return this.#wires.get(wire)?.connections?.isConnected(peer) === false;
  }

  #forget(contact: Contact): void {
    this.contacts.remove(contact);
    this.#unrenewed.remove(contact);
  }

  #drop(why: string): void {
    this.#counters.add("datagrams", "dropped");
    this.#counters.add("dropped", why);
  }
}
