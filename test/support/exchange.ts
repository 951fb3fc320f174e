/**
 * Hub and sidecars without sockets, in virtual time: real exchanges and outboxes, the hub's own modules, and a clock that
 * only the test advances. Link messages pass through JSON and the strict decoders, as in production.
 *
 *     rig.say("A", "h:Nice:Alice:4")      A sends a datagram; returns the datagrams sent in response
 *     rig.pass(500)                       advances the time; repetitions, leases and the hub's alarm run when due
 *     rig.cut("north"), rig.mend("north") its link is lost, and restored
 *     rig.restart("north")                its process restarts without its state
 */
import { decode } from "#shared/schema/decode.ts";
import type { Endpoint } from "#shared/net/endpoint.ts";
import * as numbers from "#shared/limits.ts";
import {
  type Directory,
  type FromHub,
  type Members,
  type Report,
  type Reports,
  type Notices,
} from "#shared/link/messages.ts";
import { fromHub, fromSidecar } from "#shared/link/decoders.ts";
import type { Summary } from "#shared/listing/summary.ts";
import { parseQuery, type Query } from "#shared/listing/query.ts";
import { deadline } from "#shared/lobby/step.ts";
import { type Event, type Lobby, WIRES, type Wire as WireName } from "#shared/lobby/lobby.ts";
import { lobbyId } from "#shared/lobby/ids.ts";
import { toAnswer } from "../../udp-sidecar/link/shard-links.ts";
import { Exchange, type ExchangeLimits } from "../../udp-sidecar/core/exchange.ts";
import { LobbyDirectory } from "../../udp-sidecar/lists/lobby-directory.ts";
import { Outbox } from "../../udp-sidecar/link/outbox.ts";
import type { Wire } from "../../udp-sidecar/protocols/wire.ts";
import { dowsett } from "../../udp-sidecar/protocols/dowsett.ts";
import { native } from "../../udp-sidecar/protocols/native.ts";
import type { NohubSessions } from "../../udp-sidecar/nohub/sessions.ts";
import { nohub } from "../../udp-sidecar/protocols/nohub.ts";
import { noray } from "../../udp-sidecar/protocols/noray.ts";
import { rabid } from "../../udp-sidecar/protocols/rabid.ts";
import { SendCredit } from "../../udp-sidecar/core/send-credit.ts";
import { Counters } from "../../udp-sidecar/core/counters.ts";
import { NorayCommands, NORAY_PID, NORAY_TCP } from "./commands.ts";
import { nohubSessions } from "./nohub.ts";
import { createVerifier } from "./tickets.ts";
import { LobbyIndex, LobbyTransaction } from "../../worker/hub/lobby-index.ts";
import { directoryChanges, directoryOf } from "../../worker/hub/link/directory.ts";
import { groupBySidecar, dropDuplicates, membersOf, toEvent } from "../../worker/hub/link/messages.ts";

/** The start time of every rig. */
export const T0 = Date.UTC(2025, 0, 1);
/** The default port of clients. */
export const HOME = { sidecar: "north", via: 57_775 } as const;
/** The port that serves every wire; the default port serves Rabid only, or the wire of the rig. */
export const SHARED_PORT = 3_478;

export const LIMITS: ExchangeLimits = {
  contacts_max: numbers.CONTACTS_MAX,
  lobbies_per_source_max: numbers.LOBBIES_PER_SOURCE_MAX,
  memberships_per_source_max: numbers.MEMBERSHIPS_PER_SOURCE_MAX,
  stranger: { per_s: numbers.UNKNOWN_SOURCE_PER_S, burst: numbers.UNKNOWN_SOURCE_BURST },
  renewal: { per_s: numbers.RENEWAL_PER_S, burst: numbers.RENEWAL_BURST },
  list: { per_s: numbers.LIST_PER_S, burst: numbers.LIST_BURST },
  sources_max: numbers.SOURCES_MAX,
  repeats_max: numbers.REPEATS_MAX,
};

/** A sent datagram. */
export type Sent = {
  readonly at: number;
  readonly sidecar: string;
  readonly via: number;
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
};

export type Destination = { readonly sidecar?: string; readonly via?: number };

/** `wire`: the wire of the default port. `sharesLocal`: an operator's setting for Dowsett. */
type Making = {
  readonly limits?: Partial<ExchangeLimits>;
  readonly sidecars?: string[];
  readonly wire?: WireName;
  readonly sharesLocal?: boolean;
};

export class Rig {
  now = T0;
  /** All datagrams sent, in order. */
  readonly sent: Sent[] = [];
  readonly hub = new RigHub();
  readonly #sidecars = new Map<string, RigSidecar>();
  readonly #wire: WireName;
  readonly #make: (name: string, epoch: string) => RigSidecar;
  #epochs = 0;
  #look_at = T0 + numbers.LEASE_CHECK_MS;
  #held = false;

  constructor({ limits = {}, sidecars = ["north", "south"], wire = "rabid", sharesLocal = true }: Making = {}) {
    const all = { ...LIMITS, ...limits };
    const wires = [native(createVerifier()), rabid, dowsett({ sharesLocal })];
    this.#wire = wire;
    this.#make = (name, epoch) =>
      new RigSidecar(
        name,
        epoch,
        wires,
        all,
        () => this.now,
        (sent) => this.sent.push({ at: this.now, ...sent }),
      );
    for (const name of sidecars) {
      this.startUnlinked(name);
      this.reconnect(name);
    }
  }

  sidecar(name: string = HOME.sidecar): RigSidecar {
    return this.#sidecars.get(name)!;
  }

  /** The datagrams sent in response to this one. */
  send(
    from: string | Endpoint,
    said: string | Uint8Array,
    { sidecar = HOME.sidecar, via = HOME.via }: Destination = {},
  ): Sent[] {
    const bytes = typeof said === "string" ? Buffer.from(said, "latin1") : said;
    const endpoint = typeof from === "string" ? endpointOf(from) : from;
    if (via === NORAY_TCP)
      return this.collectSent(() => this.sidecar(sidecar).commands.handleLine(endpoint, said.toString()));
    const wires: readonly WireName[] = via === SHARED_PORT ? WIRES : [this.#wire];
    return this.collectSent(() => {
      const datagram = { bytes, endpoint, via, exclusive: wires.length === 1 };
      this.sidecar(sidecar).exchange.handleDatagram(datagram, wires, this.now);
    });
  }

  /** The client's connection to noray's port is lost. */
  closeNorayConnection(player: string, sidecar: string = HOME.sidecar): Sent[] {
    return this.collectSent(() => this.sidecar(sidecar).commands.close(endpointOf(player)));
  }

  /** All datagrams sent in `talk` arrive before the hub handles any report. */
  sendTogether(talk: () => void): Sent[] {
    return this.collectSent(() => {
      this.#held = true;
      talk();
      this.#held = false;
    });
  }

  /** The datagrams sent while the time advances. */
  advance(duration_ms: number): Sent[] {
    const until = this.now + duration_ms;
    const from = this.sent.length;
    for (let due = this.#due(); due <= until; due = this.#due()) {
      this.now = due;
      this.collectSent(() => {
        for (const { exchange } of this.#sidecars.values()) exchange.sendRepeats(due);
        if (this.#look_at <= due) {
          this.#look_at += numbers.LEASE_CHECK_MS;
          for (const { exchange, commands, nohub } of this.#sidecars.values()) {
            exchange.checkLeases(due);
            commands.registry.expire(due);
            nohub.lobbies.expire(due);
          }
        }
        this.deliverToSidecars(this.hub.alarm(due));
      });
    }
    this.now = until;
    return this.sent.slice(from);
  }

  disconnect(name: string): void {
    const sidecar = this.sidecar(name);
    sidecar.up = false;
    sidecar.outbox.rewind();
    this.hub.handleLostLink(name, this.now);
  }

  reconnect(name: string): Sent[] {
    return this.collectSent(() => {
      const sidecar = this.sidecar(name);
      const { ack, tells, members } = this.hub.handleHello(name, sidecar.epoch, this.now);
      this.deliverToSidecars(tells);
      sidecar.outbox.welcome(ack);
      sidecar.reached = true;
      for (const message of this.hub.wholeDirectory()) sidecar.directory.apply(0, carried<Directory>(message));
      const items = members.flatMap((message) => carried<Members>(message).items);
      sidecar.exchange.syncMembers(items, sidecar.behind, this.now);
      sidecar.commands.registry.resync(sidecar.behind);
      sidecar.nohub.lobbies.resync(sidecar.behind);
      sidecar.up = true;
    });
  }

  /** Kills the sidecar and starts it; the new process links at once. */
  restart(name: string): Sent[] {
    this.disconnect(name);
    this.startUnlinked(name);
    return this.reconnect(name);
  }

  /** A new process that has not reached a hub yet. */
  startUnlinked(name: string): void {
    this.#sidecars.set(name, this.#make(name, `epoch-${++this.#epochs}`));
  }

  // --- the links -------------------------------------------------------------------------------------------------

  #due(): number {
    const dues = [...this.#sidecars.values()].map(({ exchange }) => exchange.nextRepeatAt ?? Infinity);
    return Math.max(this.now, Math.min(this.#look_at, this.hub.due, ...dues));
  }

  collectSent(something: () => void): Sent[] {
    const from = this.sent.length;
    something();
    if (!this.#held) this.#deliver();
    return this.sent.slice(from);
  }

  /** Exchanges reports and hub messages until none is queued. */
  #deliver(): void {
    for (const sidecar of this.#sidecars.values()) {
      for (let batch = sidecar.nextReports(); batch !== null; batch = sidecar.nextReports()) {
        const decoded = decode(JSON.stringify(batch), fromSidecar, numbers.LINK_FRAME_LENGTH_MAX);
        if (!decoded.ok) throw new Error(`the hub would close this link: ${decoded.why}`);
        this.deliverToSidecars(this.hub.handleReports(sidecar.name, decoded.value as Reports, this.now));
      }
    }
  }

  deliverToSidecars(messages: Messages): void {
    for (const message of this.hub.takeDirectoryChanges()) {
      for (const { up, directory } of this.#sidecars.values()) if (up) directory.apply(0, carried<Directory>(message));
    }
    for (const [name, told] of messages) {
      const sidecar = this.#sidecars.get(name);
      if (sidecar?.up !== true) continue;
      for (const message of told) sidecar.handleNotices(carried<Notices>(message), this.now);
    }
  }
}

/** One sidecar without sockets and timers: the parts that `sidecar.ts` connects. */
export class RigSidecar {
  readonly name: string;
  readonly epoch: string;
  readonly counters = new Counters();
  readonly outbox = new Outbox();
  readonly exchange: Exchange;
  /** There is one link for all lobbies. */
  readonly behind = (): boolean => true;
  /** noray's port. */
  readonly commands: NorayCommands;
  readonly directory = new LobbyDirectory();
  readonly nohub: NohubSessions;
  /** Every report that the outbox accepted, in order. */
  readonly reports: Report[] = [];
  /** A hub has been reached, so the number of shards is known. */
  reached = false;
  up = false;
  readonly #clock: () => number;

  constructor(
    name: string,
    epoch: string,
    wires: readonly Wire[],
    limits: ExchangeLimits,
    clock: () => number,
    send: (sent: Omit<Sent, "at">) => void,
  ) {
    this.name = name;
    this.epoch = epoch;
    this.#clock = clock;
    const say = (to: Endpoint, text: string): void =>
      send({ sidecar: name, via: NORAY_TCP, to, bytes: Buffer.from(text) });
    this.commands = new NorayCommands(this, limits, clock, say);
    this.nohub = nohubSessions(this, name, clock);
    this.exchange = new Exchange(
      [...wires, noray(NORAY_PID, this.commands.registry), nohub(this.nohub.lobbies)],
      limits,
      {
        credit: new SendCredit(),
        send: (via, to, bytes) => send({ sidecar: name, via, to, bytes }),
        listLobbies: (wire) => (this.up ? this.directory.list(wire) : null),
        pendingFrom: (address) => this.outbox.pendingFrom(address),
        report: (report) => {
          const taken = this.reached && this.outbox.add(report, clock());
          if (taken) this.reports.push(report);
          return taken;
        },
        isLinked: () => this.up,
      },
      this.counters,
    );
  }

  nextReports(): Reports | null {
    return this.up ? this.outbox.nextBatch(this.#clock()) : null;
  }

  handleNotices({ items, ack }: Notices, now: number): void {
    for (const item of items) {
      if ("to" in item) this.exchange.deliverNotice(item, now);
      else {
        const report = this.outbox.at(item.ref);
        if (report !== undefined) this.exchange.handleAnswer(report, toAnswer(item), now);
      }
    }
    if (ack !== null) this.outbox.acknowledge(ack);
  }
}

/** The hub's messages after one event, per sidecar and in order. */
type Messages = ReadonlyMap<string, readonly Notices[]>;

/** The hub without storage and sockets. */
class RigHub {
  readonly directory = new LobbyIndex([]);
  readonly #links = new Map<string, { epoch: string; ack: number; down_since: number | null; away: boolean }>();
  readonly #directoryChanges: Directory[] = [];
  #made = 0;
  #due: number | null = null;

  /** The time of the alarm. The real hub may set it a second late, to save writes. */
  get due(): number {
    if (this.#due !== null) return this.#due;
    const graces = [...this.#links.values()].map(({ down_since, away }) =>
      down_since === null || away ? Infinity : down_since + numbers.SIDECAR_GRACE_MS,
    );
    const deadlines = this.directory.all().map((lobby) => deadline(lobby) ?? Infinity);
    return (this.#due = Math.min(Infinity, ...graces, ...deadlines));
  }

  /** The public list of one wire. */
  listed(wire: WireName): readonly Summary[] {
    const query = parseQuery([
      ["wire", wire],
      ["include", "full"],
    ]);
    return this.directory.page(query as Query).items.map(({ json }) => JSON.parse(json) as Summary);
  }

  wholeDirectory(): Directory[] {
    return directoryOf(this.directory.all());
  }

  takeDirectoryChanges(): Directory[] {
    return this.#directoryChanges.splice(0);
  }

  lobby(name: string, wire: WireName = "rabid"): Lobby | undefined {
    return this.directory.byName(wire, name);
  }

  handleReports(sidecar: string, reports: Reports, now: number): Messages {
    const link = this.#links.get(sidecar)!;
    const fresh = dropDuplicates(reports, link.ack);
    if (fresh === null) return new Map([[sidecar, [{ t: "told", ack: link.ack, items: [] }]]]);
    const draft = new LobbyTransaction(this.directory, now);
    const refs: number[] = [];
    for (const [index, report] of fresh.items.entries()) {
      draft.apply(report.wire, report.name, this.withCountedId(toEvent(report, sidecar, 0)));
      while (refs.length < draft.notices.length) refs.push(fresh.seq + index);
    }
    link.ack = fresh.seq + fresh.items.length - 1;
    return this.commit(draft, {
      sidecar,
      ack: link.ack,
      refs,
      reaches: (other) => this.#links.get(other)?.down_since === null,
    });
  }

  handleHello(sidecar: string, epoch: string, now: number): { ack: number; tells: Messages; members: Members[] } {
    const known = this.#links.get(sidecar);
    const returns = known?.epoch === epoch;
    const ack = returns ? known.ack : 0;
    this.#links.set(sidecar, { epoch, ack, down_since: null, away: false });
    const tells = this.applyToSidecar(sidecar, { kind: returns ? "sidecar_back" : "sidecar_away", sidecar }, now);
    return { ack, tells, members: membersOf(sidecar, this.directory.all()) };
  }

  handleLostLink(sidecar: string, now: number): void {
    this.#links.get(sidecar)!.down_since = now;
    this.#due = null;
  }

  alarm(now: number): Messages {
    if (this.due > now) return new Map();
    const draft = new LobbyTransaction(this.directory, now);
    for (const [sidecar, link] of this.#links) {
      if (link.away || link.down_since === null || link.down_since + numbers.SIDECAR_GRACE_MS > now) continue;
      link.away = true;
      this.#apply(sidecar, { kind: "sidecar_away", sidecar }, draft);
    }
    for (const lobby of this.directory.all()) draft.applyTo(lobby, { kind: "tick" });
    return this.commit(draft);
  }

  applyToSidecar(sidecar: string, event: Event, now: number): Messages {
    const draft = new LobbyTransaction(this.directory, now);
    this.#apply(sidecar, event, draft);
    return this.commit(draft);
  }

  #apply(sidecar: string, event: Event, draft: LobbyTransaction): void {
    for (const lobby of this.directory.all()) {
      if (lobby.members.some((member) => member.source?.sidecar === sidecar)) draft.applyTo(lobby, event);
    }
  }

  commit(draft: LobbyTransaction, answering?: Parameters<typeof groupBySidecar>[1]): Messages {
    const changes = Array.from(draft.lobbies, ([id, next]) => ({ old: this.directory.byId(id) ?? null, next }));
    this.#directoryChanges.push(...directoryChanges(changes));
    this.directory.commit(draft.lobbies);
    this.#due = null;
    return groupBySidecar(draft.notices, answering);
  }

  /** Counted ids instead of random ones, so that every run is the same. */
  withCountedId(event: Event): Event {
    return event.kind === "host" ? { ...event, id: lobbyId(0, String(++this.#made).padStart(26, "0")) } : event;
  }
}

/** A message of the hub as the sidecar decodes it. */
function carried<T extends FromHub>(message: T): T {
  const decoded = decode(JSON.stringify(message), fromHub, numbers.LINK_FRAME_LENGTH_MAX);
  if (!decoded.ok) throw new Error(`the sidecar would close this link: ${decoded.why}`);
  return decoded.value as T;
}

// --- people ----------------------------------------------------------------------------------------------------

/**
 * The endpoint of a client by one letter: A is 192.0.2.1:5001, B is 192.0.2.2:5002 and so on. A' has the same address
 * and another port, as after a NAT rebinding; A6 is the IPv6 endpoint.
 */
export function endpointOf(player: string): Endpoint {
  const number = player.charCodeAt(0) - 64;
  const address = player.endsWith("6") ? `2001:db8::${number.toString(16)}` : `192.0.2.${number}`;
  return { address, port: (player.endsWith("'") ? 6_000 : 5_000) + number };
}

/** The letter of an endpoint, or the endpoint in full. */
export function letterOf({ address, port }: Endpoint): string {
  const letter = String.fromCharCode(64 + (port % 1_000));
  const found = [letter, `${letter}'`, `${letter}6`].find((player) => {
    const home = endpointOf(player);
    return home.address === address && home.port === port;
  });
  return found ?? `${address}:${port}`;
}

export const textOf = ({ bytes }: { readonly bytes: Uint8Array }): string => Buffer.from(bytes).toString("latin1");
