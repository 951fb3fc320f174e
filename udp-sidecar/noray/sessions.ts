/**
 * The switchboard: connections of noray's peers, the hosts registered over them, and what they wait for. It owns no
 * socket and no clock; lines come in, lines go out, and what only the hub knows is asked through the exchange.
 *
 * A registration is this sidecar's own: ids are minted and said at once, and the hub learns of the host when the
 * registrar has seen him, because before that there is nowhere to introduce anybody to. Who asks for another waits here
 * for the hub's answer, over an outage of the link if need be, because clients ask only once.
 */
import type { Endpoint } from "#shared/net/endpoint.ts";
import { NORAY_ANSWER_MS, NORAY_PENDING_MAX } from "#shared/limits.ts";
import type { Report } from "#shared/link/messages.ts";
import type { Answer, Notice, Wire as WireName } from "#shared/lobby/lobby.ts";
import type { ObservedParty } from "../relay/allocation.ts";
import { type Budget, Guard } from "#shared/rate-limit/token-bucket.ts";
import type { Contact, ReportBody } from "../protocols/wire.ts";
import * as noray from "../protocols/noray.ts";
import { SourceQuota } from "../core/source-quota.ts";
import type { Counters } from "../core/counters.ts";

export type NorayLimits = {
  readonly oid: noray.IdFormat;
  readonly pid: noray.IdFormat;
  readonly hosts_max: number;
  readonly hosts_per_source_max: number;
  readonly connections_max: number;
  readonly connections_per_source_max: number;
  readonly registration: Budget;
  readonly lookup: Budget;
  readonly sources_max: number;
};

/** One end of a TCP connection. */
export type NorayConnection = { readonly address: string; send(text: string): void; end(): void };

export type NorayOutput = {
  contact(oid: string): Contact | undefined;
  /** Tells the hub something as from a peer, or as if he were reached elsewhere. */
  reportAs(contact: Contact, said: ReportBody, at?: Endpoint): boolean;
  disconnect(contact: Contact): void;
  /** Registers a host with the hub anew, where the registrar last saw him. */
  reportHost(said: ReportBody, seen: ObservedAt): boolean;
  readonly random: (bytes: number) => Uint8Array;
  /** Ports of a relay, in the order of the parties, or null where there is none to be had. */
  allocateRelay(parties: readonly [ObservedParty, ObservedParty], limited: (reason: string) => void): readonly [number, number] | null;
  /** A party of relays is seen elsewhere now. */
  peerMoved(party: string, seen: Endpoint): void;
  /** A party of relays is gone. */
  peerLeft(party: string): void;
  /** Our own address, as peers of other sidecars reach it. */
  readonly relay_address: string | null;
};

export type ObservedAt = Pick<Contact, "via" | "endpoint">;
export type NoraySession = {
  readonly connection: NorayConnection;
  /** Registered over this connection. The first one asks. */
  readonly hosts: RegisteredHost[];
  readonly lookups: Map<string, PendingLookup>;
  /** Says nothing more, and is let go when everything is answered. */
  ended: boolean;
};

type RegisteredHost = { readonly oid: string; readonly digest: string; readonly session: NoraySession; observed: ObservedAt | null };
type PendingLookup = {
  readonly session: NoraySession;
  readonly oid: string;
  readonly name: string;
  readonly relayed: boolean;
  readonly since: number;
};

export class NoraySessions implements noray.NorayHosts {
  readonly #limits: NorayLimits;
  readonly #out: NorayOutput;
  readonly #tally: Counters;
  readonly #sessions = new Set<NoraySession>();
  readonly #hosts = new Map<string, RegisteredHost>();
  readonly #oids = new Map<string, string>();
  /** Everything that waits for the hub, the oldest first. */
  readonly #pending = new Set<PendingLookup>();
  /** How many hosts, and how many connections, each source has. */
  readonly #registered = new SourceQuota();
  readonly #connected = new SourceQuota();
  readonly #registrations: Guard;
  readonly #lookups: Guard;

  constructor(limits: NorayLimits, out: NorayOutput, tally: Counters) {
    this.#limits = limits;
    this.#out = out;
    this.#tally = tally;
    this.#registrations = new Guard(limits.registration, limits.sources_max);
    this.#lookups = new Guard(limits.lookup, limits.sources_max);
  }

  get connections(): number {
    return this.#sessions.size;
  }

  get hosts(): number {
    return this.#hosts.size;
  }

  // --- connections -----------------------------------------------------------------------------------------------

  /** Null where there is no room for one more. */
  open(connection: NorayConnection): NoraySession | null {
    const { connections_max, connections_per_source_max } = this.#limits;
    const held = this.#connected.of(connection.address).memberships;
    if (this.#sessions.size >= connections_max || held >= connections_per_source_max) {
      this.#tally.add("connections", "refused");
      return null;
    }
    this.#tally.add("connections", "taken");
    this.#connected.count(connection.address, false, 1);
    const caller: NoraySession = { connection, hosts: [], lookups: new Map(), ended: false };
    this.#sessions.add(caller);
    return caller;
  }

  /** A line, or null for one that was too long to be read. */
  handleLine(caller: NoraySession, line: string | null, now: number): void {
    if (line === null) return this.#tally.add("commands", "too_long");
    if (line === "") return;
    const command = noray.parseCommand(line);
    this.#tally.add("commands", command?.do ?? "unknown");
    if (command === null) return;
    if (command.do === "register-host") this.#register(caller, now);
    else this.#lookup(caller, command.oid, command.do === "connect-relay", now);
  }

  /** Nothing more will be said over it; what waits is still answered. */
  endInput(caller: NoraySession): void {
    caller.ended = true;
    if (caller.lookups.size === 0) caller.connection.end();
  }

  /** It is gone, and with it everybody who was registered over it. */
  close(caller: NoraySession): void {
    if (!this.#sessions.delete(caller)) return;
    const { address } = caller.connection;
    this.#connected.count(address, false, -1);
    for (const pending of caller.lookups.values()) this.#pending.delete(pending);
    for (const { oid, digest } of caller.hosts) {
      this.#hosts.delete(oid);
      this.#oids.delete(digest);
      this.#registered.count(address, true, -1);
      const contact = this.#out.contact(oid);
      if (contact !== undefined) this.#out.disconnect(contact);
      this.#out.peerLeft(relayParty(oid));
    }
  }

  // --- what the exchange asks and says -----------------------------------------------------------------------------

  oidOf(digest: string): string | undefined {
    return this.#oids.get(digest);
  }

  holds(oid: string): boolean {
    return this.#hosts.has(oid);
  }

  tell({ peer, via, endpoint }: Contact, notice: Notice): void {
    const host = this.#hosts.get(peer);
    if (host === undefined) return;
    if (notice.kind === "introduced") {
      for (const other of notice.peers) host.session.connection.send(noray.formatConnect(other.endpoint));
    } else if (notice.kind === "hosted" || notice.kind === "roster") {
      host.observed = { via, endpoint };
      this.#out.peerMoved(relayParty(peer), endpoint);
    }
  }

  answered(answer: Answer, report: Report): void {
    if (report.kind === "host" && answer.kind === "refused" && answer.code === "lobby_exists") {
      // Another sidecar minted the same short code. Silence of the registrar makes the client begin anew.
      this.#hosts.get(report.peer)?.session.connection.send(noray.formatError("lobby_exists"));
    }
    if (report.kind !== "join") return;
    const caller = this.#hosts.get(report.peer)?.session;
    const pending = caller?.lookups.get(lookupKey(report.name, report.silently === true));
    if (pending === undefined) return;
    const [other] = answer.kind === "introduced" ? answer.peers : [];
    if (answer.kind === "refused") this.#finish(pending, noray.formatError(answer.code));
    else if (other === undefined) this.#finish(pending, noray.formatError("lobby_not_found"));
    else if (pending.relayed) this.#connectRelay(pending, other.endpoint);
    else this.#finish(pending, noray.formatConnect(other.endpoint));
  }

  // --- time ------------------------------------------------------------------------------------------------------

  /** Gives up what has waited for too long. */
  expire(now: number): void {
    for (const pending of this.#pending) {
      if (now - pending.since < NORAY_ANSWER_MS) return;
      this.#finish(pending, noray.formatError("hub_unavailable"));
    }
  }

  /** A hub greets. What it does not know of the hosts that are `behind` it, it is told again, and it is asked again. */
  resync(behind: (wire: WireName, name: string) => boolean): void {
    for (const { oid, digest, observed: seen } of this.#hosts.values()) {
      if (seen === null || !behind("noray", oid) || this.#out.contact(oid) !== undefined) continue;
      this.#out.reportHost(noray.hostReport(oid, digest), seen);
    }
    for (const pending of this.#pending) if (behind("noray", pending.name)) this.#requestJoin(pending);
  }

  // ---------------------------------------------------------------------------------------------------------------

  #register(caller: NoraySession, now: number): void {
    const { connection, hosts } = caller;
    const { hosts_max, hosts_per_source_max, oid: format, pid: secret } = this.#limits;
    const full =
      this.#hosts.size >= hosts_max ||
      this.#registered.of(connection.address).lobbies >= hosts_per_source_max ||
      !this.#registrations.allows(connection.address, now);
    if (full) return connection.send(noray.formatError("rate_limited"));
    let oid = noray.generateId(format, this.#out.random);
    // With short codes it happens that one is taken; that all are taken does not, because of `hosts_max`.
    while (this.#hosts.has(oid)) oid = noray.generateId(format, this.#out.random);
    const pid = noray.generateId(secret, this.#out.random);
    const digest = noray.pidDigest(pid);
    const host: RegisteredHost = { oid, digest, session: caller, observed: null };
    hosts.push(host);
    this.#hosts.set(oid, host);
    this.#oids.set(digest, oid);
    this.#registered.count(connection.address, true, 1);
    connection.send(noray.formatIds(oid, pid));
  }

  #lookup(caller: NoraySession, name: string, silently: boolean, now: number): void {
    const { connection, hosts, lookups: pending } = caller;
    const key = lookupKey(name, silently);
    // The answer that is on its way answers this, too.
    if (pending.has(key)) return;
    const oid = hosts[0]?.oid;
    if (oid === undefined || this.#out.contact(oid) === undefined) return connection.send(noray.formatError("unauthorized"));
    const busy = pending.size >= NORAY_PENDING_MAX || !this.#lookups.allows(connection.address, now);
    if (busy) return connection.send(noray.formatError("rate_limited"));
    if (!noray.isOid(name)) return connection.send(noray.formatError("lobby_not_found"));
    const made: PendingLookup = { session: caller, oid, name, relayed: silently, since: now };
    pending.set(key, made);
    this.#pending.add(made);
    this.#requestJoin(made);
  }

  #requestJoin({ oid, name, relayed: silently }: PendingLookup): void {
    const contact = this.#out.contact(oid);
    if (contact !== undefined) this.#out.reportAs(contact, { ...joinReport(oid, name), ...(silently && { silently }) });
  }

  /**
   * Both ports are ours, because a client takes `connect-relay` for a port of his own server. A host of another sidecar
   * is told of his with `connect`, as if the client were there; to him it makes no difference.
   */
  #connectRelay(pending: PendingLookup, there: Endpoint): void {
    const { oid, name, session: caller } = pending;
    const contact = this.#out.contact(oid);
    const host = this.#hosts.get(name);
    const { relay_address: address } = this.#out;
    if (contact === undefined || (host === undefined && address === null)) {
      return this.#finish(pending, noray.formatError("no_relay"));
    }
    const parties = [
      { peer: relayParty(oid), seen: contact.endpoint },
      { peer: relayParty(name), seen: there },
    ] as const;
    const ports = this.#out.allocateRelay(parties, (reason) => {
      for (const one of [oid, name]) this.#hosts.get(one)?.session.connection.send(noray.formatRelayLimited(reason));
    });
    if (ports === null) return this.#finish(pending, noray.formatError("no_relay"));
    caller.connection.send(noray.formatConnectRelay(ports[0]));
    if (host !== undefined) host.session.connection.send(noray.formatConnectRelay(ports[1]));
    else this.#out.reportAs(contact, joinReport(oid, name), { address: address!, port: ports[1] });
    this.#finish(pending);
  }

  #finish(pending: PendingLookup, line?: string): void {
    const { session: caller, name, relayed: silently } = pending;
    caller.lookups.delete(lookupKey(name, silently));
    this.#pending.delete(pending);
    if (line !== undefined) caller.connection.send(line);
    if (caller.ended && caller.lookups.size === 0) caller.connection.end();
  }
}

/** Of a game without noray's port: nobody is registered, and whoever once was has left. */
export const NO_HOSTS: noray.NorayHosts = {
  findOid: () => undefined,
  isConnected: () => false,
  notify: () => {},
  handleAnswer: () => {},
};

const joinReport = (peer: string, name: string) =>
  ({ kind: "join", name, peer, lock: null, memory: null, reclaims: false }) as const;

/** The relay's name for a peer; other wires name theirs otherwise. */
const relayParty = (oid: string): string => `noray ${oid}`;

const lookupKey = (name: string, silently: boolean): string => `${silently ? "relay" : "punch"} ${name}`;
