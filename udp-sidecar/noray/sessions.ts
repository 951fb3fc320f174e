/**
 * The sessions of noray clients: their TCP connections, the hosts registered over them, and their lookups. It owns no
 * socket and no clock: the TCP port passes lines in, and the exchange connects it to the hub.
 *
 * The sidecar generates ids and sends them at once. The hub learns of a host when the registrar observes it, because
 * before that there is no endpoint to introduce. A lookup waits here for the hub's answer.
 */
import { NORAY_PENDING_MAX, NORAY_REGISTER_MS } from "#shared/limits.ts";
import type { Report } from "#shared/link/messages.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";
import type { RequesterNotice, Notice } from "#shared/lobby/notices.ts";
import { BucketTable } from "#shared/rate-limit/token-bucket.ts";
import type { Counters } from "../core/counters.ts";
import { SourceCounter } from "#shared/net/source-counter.ts";
import * as noray from "../protocols/noray.ts";
import type { Contact } from "../protocols/wire.ts";
import { IdleSessions } from "./idle-sessions.ts";
import { Introductions } from "./introductions.ts";
import { PendingLookups } from "./lookups.ts";
import type {
  NorayConnection,
  NorayLimits,
  NorayOutput,
  NoraySession,
  PendingLookup,
  RegisteredHost,
} from "./session.ts";

export class NoraySessions implements noray.NorayHosts {
  readonly #limits: NorayLimits;
  readonly #out: NorayOutput;
  readonly #counters: Counters;
  readonly #sessions = new Set<NoraySession>();
  readonly #idle = new IdleSessions();
  readonly #hosts = new Map<string, RegisteredHost>();
  readonly #oidByDigest = new Map<string, string>();
  readonly #lookups = new PendingLookups();
  readonly #introductions: Introductions;
  readonly #hostsPerSource = new SourceCounter();
  readonly #connectionsPerSource = new SourceCounter();
  readonly #registrationLimiter: BucketTable;
  readonly #lookupLimiter: BucketTable;

  constructor(limits: NorayLimits, out: NorayOutput, counters: Counters) {
    this.#limits = limits;
    this.#out = out;
    this.#counters = counters;
    this.#registrationLimiter = new BucketTable(limits.registration, limits.sources_max);
    this.#lookupLimiter = new BucketTable(limits.lookup, limits.sources_max);
    this.#introductions = new Introductions(
      out,
      (oid) => this.#hosts.get(oid),
      (lookup) => this.#continue(lookup),
    );
  }

  get connections(): number {
    return this.#sessions.size;
  }

  get hosts(): number {
    return this.#hosts.size;
  }

  /** A session for a new connection, or null if a limit is reached. */
  open(connection: NorayConnection, now: number): NoraySession | null {
    const { connections_max, connections_per_source_max } = this.#limits;
    if (this.#sessions.size >= connections_max) this.#closeIdle(this.#idle.oldest());
    const quota = { size_max: connections_max, per_source_max: connections_per_source_max };
    if (!this.#connectionsPerSource.hasRoom(connection.address, quota)) {
      this.#counters.add("connections", "refused");
      return null;
    }
    this.#counters.add("connections", "taken");
    this.#connectionsPerSource.add(connection.address, 1);
    const session: NoraySession = { connection, hosts: [], lookups: new Map(), ended: false };
    this.#sessions.add(session);
    this.#idle.add(session, now);
    return session;
  }

  #closeIdle(sessions: Iterable<NoraySession>): void {
    for (const session of sessions) {
      this.#counters.add("connections", "idle");
      this.close(session);
      session.connection.destroy();
    }
  }

  /** Handles a line; null stands for one that was too long. */
  handleLine(session: NoraySession, line: string | null, now: number): void {
    this.#introductions.tick(now);
    if (line === null) return this.#counters.add("commands", "too_long");
    if (line === "") return;
    const command = noray.parseCommand(line);
    this.#counters.add("commands", command?.do ?? "unknown");
    if (command === null) return;
    if (command.do === "register-host") this.#register(session, now);
    else this.#lookup(session, command, now);
  }

  /** The client has closed its half of the connection; pending lookups still get their answer. */
  endInput(session: NoraySession): void {
    session.ended = true;
    if (session.lookups.size === 0) session.connection.end();
  }

  /** The connection has closed: its hosts leave. */
  close(session: NoraySession): void {
    this.#idle.remove(session);
    if (!this.#sessions.delete(session)) return;
    const { address } = session.connection;
    this.#connectionsPerSource.add(address, -1);
    this.#lookups.removeSession(session);
    for (const { oid, digest } of session.hosts) {
      this.#hosts.delete(oid);
      this.#oidByDigest.delete(digest);
      this.#hostsPerSource.add(address, -1);
      const contact = this.#out.contact(oid);
      if (contact !== undefined) this.#out.disconnect(contact);
      this.#introductions.hostLeft(oid);
    }
  }

  announce(text: string): void {
    for (const { connection } of this.#sessions) connection.send(noray.formatAnnouncement(text));
  }

  findOid(digest: string): string | undefined {
    return this.#oidByDigest.get(digest);
  }

  isConnected(oid: string): boolean {
    return this.#hosts.has(oid);
  }

  observeMapping(oid: string, address: string, isPerDestination: boolean, now: number): void {
    this.#introductions.observeMapping(oid, address, isPerDestination, now);
  }

  notify({ peer, via, endpoint }: Contact, notice: Notice): void {
    const host = this.#hosts.get(peer);
    if (host === undefined) return;
    if (notice.kind === "introduced") {
      for (const other of notice.peers) host.session.connection.send(noray.formatConnect(other.endpoint));
    } else if (notice.kind === "hosted" || notice.kind === "roster") {
      host.observed = { via, endpoint };
      this.#introductions.observeHost(peer, endpoint);
    }
  }

  handleAnswer(answer: RequesterNotice, report: Report): void {
    const isTaken = report.kind === "host" && answer.kind === "refused" && answer.code === "lobby_exists";
    // Not if its first pid came from another port of its router, which the hub has just stored.
    if (isTaken && this.#out.contact(report.peer) === undefined) {
      // Another sidecar generated the same short id. Without an `OK` from the registrar the client registers again.
      this.#hosts.get(report.peer)?.session.connection.send(noray.formatError("lobby_exists"));
    }
    if (report.kind !== "join") return;
    const session = this.#hosts.get(report.peer)?.session;
    if (session === undefined) return;
    const lookup = this.#lookups.find(session, report.name, report.silently === true);
    if (lookup === undefined) return;
    const [other] = answer.kind === "introduced" ? answer.peers : [];
    if (answer.kind === "refused") this.#lookups.finish(lookup, noray.formatError(answer.code, lookup.request));
    else if (other === undefined) this.#lookups.finish(lookup, noray.formatError("lobby_not_found", lookup.request));
    else if (lookup.relayed) {
      const isRelayed = this.#introductions.relay(lookup, other.endpoint, "connect-relay");
      this.#lookups.finish(lookup, isRelayed ? undefined : noray.formatError("no_relay", lookup.request));
    } else this.#lookups.finish(lookup, this.#introductions.introduce(lookup, other.endpoint));
  }

  /** Ends the lookups that have waited too long, and the connections that have registered no host in time. */
  expire(now: number): void {
    this.#introductions.tick(now);
    this.#closeIdle(this.#idle.openedBy(now - NORAY_REGISTER_MS));
    for (const lookup of this.#lookups.expired(now)) {
      this.#lookups.finish(lookup, noray.formatError("hub_unavailable", lookup.request));
    }
  }

  /** After a hello: reports the hosts `behind` this hub that it does not know, and sends the lookups again. */
  resync(behind: (wire: WireName, name: string) => boolean): void {
    for (const { oid, digest, observed } of this.#hosts.values()) {
      if (observed === null || !behind("noray", oid) || this.#out.contact(oid) !== undefined) continue;
      this.#out.reportHost(noray.hostReport(oid, digest), observed);
    }
    for (const lookup of this.#lookups) {
      if (behind("noray", lookup.name) && !this.#introductions.isMeasuring(lookup)) this.#requestJoin(lookup);
    }
  }

  #register(session: NoraySession, now: number): void {
    const { connection, hosts } = session;
    const { hosts_max, hosts_per_source_max, oid: oidFormat, pid: pidFormat } = this.#limits;
    const isRefused =
      !this.#hostsPerSource.hasRoom(connection.address, {
        size_max: hosts_max,
        per_source_max: hosts_per_source_max,
      }) || !this.#registrationLimiter.consume(connection.address, now);
    if (isRefused) return connection.send(noray.formatError("rate_limited"));
    let oid = noray.generateId(oidFormat, this.#out.random);
    // Short ids may collide. `hosts_max` guarantees that a free one exists.
    while (this.#hosts.has(oid)) oid = noray.generateId(oidFormat, this.#out.random);
    const pid = noray.generateId(pidFormat, this.#out.random);
    const digest = noray.pidDigest(pid);
    const host: RegisteredHost = { oid, digest, session, observed: null, measured: false };
    hosts.push(host);
    this.#idle.remove(session);
    this.#hosts.set(oid, host);
    this.#oidByDigest.set(digest, oid);
    this.#hostsPerSource.add(connection.address, 1);
    connection.send(noray.formatIds(oid, pid));
  }

  #lookup(session: NoraySession, { do: word, oid: name, request }: noray.LookupCommand, now: number): void {
    const relayed = word === "connect-relay";
    const { connection, hosts, lookups } = session;
    // The answer to the pending lookup answers this one too.
    if (this.#lookups.find(session, name, relayed) !== undefined) return;
    const oid = hosts[0]?.oid;
    if (oid === undefined || this.#out.contact(oid) === undefined) {
      return connection.send(noray.formatError("unauthorized", request));
    }
    const isRefused = lookups.size >= NORAY_PENDING_MAX || !this.#lookupLimiter.consume(connection.address, now);
    if (isRefused) return connection.send(noray.formatError("rate_limited", request));
    if (!noray.isOid(name)) return connection.send(noray.formatError("lobby_not_found", request));
    const lookup: PendingLookup = { session, oid, name, relayed, request, since: now };
    if (this.#introductions.answersAlone(lookup)) return;
    this.#lookups.add(lookup);
    if (!this.#introductions.measures(lookup)) this.#requestJoin(lookup);
  }

  /** The host's router is measured now, or its game has not reacted. */
  #continue(lookup: PendingLookup): void {
    if (!this.#lookups.has(lookup)) return;
    if (this.#introductions.answersAlone(lookup)) this.#lookups.finish(lookup);
    else this.#requestJoin(lookup);
  }

  #requestJoin({ oid, name, relayed }: PendingLookup): void {
    const contact = this.#out.contact(oid);
    if (contact === undefined) return;
    this.#out.reportAs(contact, { ...noray.joinReport(oid, name), ...(relayed && { silently: true }) });
  }
}
