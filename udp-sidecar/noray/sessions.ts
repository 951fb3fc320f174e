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
import type { Party } from "../relay/allocation.ts";
import { type Budget, Guard } from "#shared/rate-limit/token-bucket.ts";
import type { Contact, Said } from "../protocols/wire.ts";
import * as noray from "../protocols/noray.ts";
import { Shares } from "../core/source-quota.ts";
import type { Tally } from "../core/counters.ts";

export type Limits = {
  readonly oid: noray.Format;
  readonly pid: noray.Format;
  readonly hosts_max: number;
  readonly hosts_per_source_max: number;
  readonly connections_max: number;
  readonly connections_per_source_max: number;
  readonly registration: Budget;
  readonly lookup: Budget;
  readonly sources_max: number;
};

/** One end of a TCP connection. */
export type Connection = { readonly address: string; say(text: string): void; end(): void };

export type Out = {
  contact(oid: string): Contact | undefined;
  /** Tells the hub something as from a peer, or as if he were reached elsewhere. */
  ask(contact: Contact, said: Said, at?: Endpoint): boolean;
  hangUp(contact: Contact): void;
  /** Registers a host with the hub anew, where the registrar last saw him. */
  host(said: Said, seen: Seen): boolean;
  readonly random: (bytes: number) => Uint8Array;
  /** Ports of a relay, in the order of the parties, or null where there is none to be had. */
  relay(parties: readonly [Party, Party], limited: (reason: string) => void): readonly [number, number] | null;
  /** A party of relays is seen elsewhere now. */
  moved(party: string, seen: Endpoint): void;
  /** A party of relays is gone. */
  left(party: string): void;
  /** Our own address, as peers of other sidecars reach it. */
  readonly address: string | null;
};

export type Seen = Pick<Contact, "via" | "endpoint">;
export type Caller = {
  readonly connection: Connection;
  /** Registered over this connection. The first one asks. */
  readonly hosts: Host[];
  readonly pending: Map<string, Pending>;
  /** Says nothing more, and is let go when everything is answered. */
  ended: boolean;
};

type Host = { readonly oid: string; readonly digest: string; readonly caller: Caller; seen: Seen | null };
type Pending = {
  readonly caller: Caller;
  readonly oid: string;
  readonly name: string;
  readonly silently: boolean;
  readonly since: number;
};

export class Switchboard implements noray.Hosts {
  readonly #limits: Limits;
  readonly #out: Out;
  readonly #tally: Tally;
  readonly #callers = new Set<Caller>();
  readonly #hosts = new Map<string, Host>();
  readonly #oids = new Map<string, string>();
  /** Everything that waits for the hub, the oldest first. */
  readonly #waiting = new Set<Pending>();
  /** How many hosts, and how many connections, each source has. */
  readonly #registered = new Shares();
  readonly #connected = new Shares();
  readonly #registrations: Guard;
  readonly #lookups: Guard;

  constructor(limits: Limits, out: Out, tally: Tally) {
    this.#limits = limits;
    this.#out = out;
    this.#tally = tally;
    this.#registrations = new Guard(limits.registration, limits.sources_max);
    this.#lookups = new Guard(limits.lookup, limits.sources_max);
  }

  get connections(): number {
    return this.#callers.size;
  }

  get hosts(): number {
    return this.#hosts.size;
  }

  // --- connections -----------------------------------------------------------------------------------------------

  /** Null where there is no room for one more. */
  open(connection: Connection): Caller | null {
    const { connections_max, connections_per_source_max } = this.#limits;
    const held = this.#connected.of(connection.address).memberships;
    if (this.#callers.size >= connections_max || held >= connections_per_source_max) {
      this.#tally.add("connections", "refused");
      return null;
    }
    this.#tally.add("connections", "taken");
    this.#connected.count(connection.address, false, 1);
    const caller: Caller = { connection, hosts: [], pending: new Map(), ended: false };
    this.#callers.add(caller);
    return caller;
  }

  /** A line, or null for one that was too long to be read. */
  hear(caller: Caller, line: string | null, now: number): void {
    if (line === null) return this.#tally.add("commands", "too_long");
    if (line === "") return;
    const command = noray.parse(line);
    this.#tally.add("commands", command?.do ?? "unknown");
    if (command === null) return;
    if (command.do === "register-host") this.#register(caller, now);
    else this.#seek(caller, command.oid, command.do === "connect-relay", now);
  }

  /** Nothing more will be said over it; what waits is still answered. */
  end(caller: Caller): void {
    caller.ended = true;
    if (caller.pending.size === 0) caller.connection.end();
  }

  /** It is gone, and with it everybody who was registered over it. */
  close(caller: Caller): void {
    if (!this.#callers.delete(caller)) return;
    const { address } = caller.connection;
    this.#connected.count(address, false, -1);
    for (const pending of caller.pending.values()) this.#waiting.delete(pending);
    for (const { oid, digest } of caller.hosts) {
      this.#hosts.delete(oid);
      this.#oids.delete(digest);
      this.#registered.count(address, true, -1);
      const contact = this.#out.contact(oid);
      if (contact !== undefined) this.#out.hangUp(contact);
      this.#out.left(partyOf(oid));
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
      for (const other of notice.peers) host.caller.connection.say(noray.connect(other.endpoint));
    } else if (notice.kind === "hosted" || notice.kind === "roster") {
      host.seen = { via, endpoint };
      this.#out.moved(partyOf(peer), endpoint);
    }
  }

  answered(answer: Answer, report: Report): void {
    if (report.kind === "host" && answer.kind === "refused" && answer.code === "lobby_exists") {
      // Another sidecar minted the same short code. Silence of the registrar makes the client begin anew.
      this.#hosts.get(report.peer)?.caller.connection.say(noray.refused("lobby_exists"));
    }
    if (report.kind !== "join") return;
    const caller = this.#hosts.get(report.peer)?.caller;
    const pending = caller?.pending.get(keyOf(report.name, report.silently === true));
    if (pending === undefined) return;
    const [other] = answer.kind === "introduced" ? answer.peers : [];
    if (answer.kind === "refused") this.#done(pending, noray.refused(answer.code));
    else if (other === undefined) this.#done(pending, noray.refused("lobby_not_found"));
    else if (pending.silently) this.#relay(pending, other.endpoint);
    else this.#done(pending, noray.connect(other.endpoint));
  }

  // --- time ------------------------------------------------------------------------------------------------------

  /** Gives up what has waited for too long. */
  expire(now: number): void {
    for (const pending of this.#waiting) {
      if (now - pending.since < NORAY_ANSWER_MS) return;
      this.#done(pending, noray.refused("hub_unavailable"));
    }
  }

  /** A hub greets. What it does not know of the hosts that are `behind` it, it is told again, and it is asked again. */
  greeted(behind: (wire: WireName, name: string) => boolean): void {
    for (const { oid, digest, seen } of this.#hosts.values()) {
      if (seen === null || !behind("noray", oid) || this.#out.contact(oid) !== undefined) continue;
      this.#out.host(noray.hosting(oid, digest), seen);
    }
    for (const pending of this.#waiting) if (behind("noray", pending.name)) this.#ask(pending);
  }

  // ---------------------------------------------------------------------------------------------------------------

  #register(caller: Caller, now: number): void {
    const { connection, hosts } = caller;
    const { hosts_max, hosts_per_source_max, oid: format, pid: secret } = this.#limits;
    const full =
      this.#hosts.size >= hosts_max ||
      this.#registered.of(connection.address).lobbies >= hosts_per_source_max ||
      !this.#registrations.allows(connection.address, now);
    if (full) return connection.say(noray.refused("rate_limited"));
    let oid = noray.mint(format, this.#out.random);
    // With short codes it happens that one is taken; that all are taken does not, because of `hosts_max`.
    while (this.#hosts.has(oid)) oid = noray.mint(format, this.#out.random);
    const pid = noray.mint(secret, this.#out.random);
    const digest = noray.digestOf(pid);
    const host: Host = { oid, digest, caller, seen: null };
    hosts.push(host);
    this.#hosts.set(oid, host);
    this.#oids.set(digest, oid);
    this.#registered.count(connection.address, true, 1);
    connection.say(noray.ids(oid, pid));
  }

  #seek(caller: Caller, name: string, silently: boolean, now: number): void {
    const { connection, hosts, pending } = caller;
    const key = keyOf(name, silently);
    // The answer that is on its way answers this, too.
    if (pending.has(key)) return;
    const oid = hosts[0]?.oid;
    if (oid === undefined || this.#out.contact(oid) === undefined) return connection.say(noray.refused("unauthorized"));
    const busy = pending.size >= NORAY_PENDING_MAX || !this.#lookups.allows(connection.address, now);
    if (busy) return connection.say(noray.refused("rate_limited"));
    if (!noray.isOid(name)) return connection.say(noray.refused("lobby_not_found"));
    const made: Pending = { caller, oid, name, silently, since: now };
    pending.set(key, made);
    this.#waiting.add(made);
    this.#ask(made);
  }

  #ask({ oid, name, silently }: Pending): void {
    const contact = this.#out.contact(oid);
    if (contact !== undefined) this.#out.ask(contact, { ...joining(oid, name), ...(silently && { silently }) });
  }

  /**
   * Both ports are ours, because a client takes `connect-relay` for a port of his own server. A host of another sidecar
   * is told of his with `connect`, as if the client were there; to him it makes no difference.
   */
  #relay(pending: Pending, there: Endpoint): void {
    const { oid, name, caller } = pending;
    const contact = this.#out.contact(oid);
    const host = this.#hosts.get(name);
    const { address } = this.#out;
    if (contact === undefined || (host === undefined && address === null)) {
      return this.#done(pending, noray.refused("no_relay"));
    }
    const parties = [
      { peer: partyOf(oid), seen: contact.endpoint },
      { peer: partyOf(name), seen: there },
    ] as const;
    const ports = this.#out.relay(parties, (reason) => {
      for (const one of [oid, name]) this.#hosts.get(one)?.caller.connection.say(noray.relayLimited(reason));
    });
    if (ports === null) return this.#done(pending, noray.refused("no_relay"));
    caller.connection.say(noray.connectRelay(ports[0]));
    if (host !== undefined) host.caller.connection.say(noray.connectRelay(ports[1]));
    else this.#out.ask(contact, joining(oid, name), { address: address!, port: ports[1] });
    this.#done(pending);
  }

  #done(pending: Pending, line?: string): void {
    const { caller, name, silently } = pending;
    caller.pending.delete(keyOf(name, silently));
    this.#waiting.delete(pending);
    if (line !== undefined) caller.connection.say(line);
    if (caller.ended && caller.pending.size === 0) caller.connection.end();
  }
}

/** Of a game without noray's port: nobody is registered, and whoever once was has left. */
export const NOBODY: noray.Hosts = {
  oidOf: () => undefined,
  holds: () => false,
  tell: () => {},
  answered: () => {},
};

const joining = (peer: string, name: string) =>
  ({ kind: "join", name, peer, lock: null, memory: null, reclaims: false }) as const;

/** The relay's name for a peer; other wires name theirs otherwise. */
const partyOf = (oid: string): string => `noray ${oid}`;

const keyOf = (name: string, silently: boolean): string => `${silently ? "relay" : "punch"} ${name}`;
