/** The server side of the sidecars' links: handles hello, reports and bye, and ends links. */
import { decode } from "#shared/schema/decode.ts";
import { LINK_ALIVE_MS, LINK_FRAME_LENGTH_MAX, LINK_SILENCE_MS } from "#shared/limits.ts";
import { isDenied } from "#shared/settings/denied-names.ts";
import { LinkCloseCode, type Hello, type Report, type Reports } from "#shared/link/messages.ts";
import { fromSidecar } from "#shared/link/decoders.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import type { Lobby } from "#shared/lobby/lobby.ts";
import type { TicketKey } from "#shared/auth/tickets.ts";
import { isMember } from "#shared/api/views.ts";
import { shardOf } from "#shared/lobby/ids.ts";
import type { Shards } from "#shared/settings/shards.ts";
import { type HubState, send } from "./state.ts";
import type { RelayAllocator } from "./connections/relay-allocator.ts";
import * as link from "./link/messages.ts";
import { directoryOf, wantsDirectory } from "./link/directory.ts";
import { addressesOf } from "./link/sidecar-registry.ts";
import { isStorageFault, reportStorageFault } from "../storage-fault.ts";

/**
 * Stored with the socket through hibernation. `sidecar` is null before hello; `ended` sockets are ignored until they
 * close.
 */
type LinkAttachment = { readonly sidecar: string | null; readonly since: number; readonly ended: boolean };

/** What the links need to know of their hub. */
type LinksHost = {
  readonly relays: RelayAllocator;
  readonly shard: number;
  readonly shards: Shards;
  /** Words that no displayed name may contain. */
  readonly denied_names: readonly string[];
  readonly ticketKeys: () => readonly TicketKey[];
  /** When the sidecar of a link last pinged (ms), or null. */
  readonly lastPingAt: (socket: WebSocket) => number | null;
};

export class SidecarLinks {
  readonly #state: HubState;
  readonly #host: LinksHost;

  constructor(state: HubState, host: LinksHost, sockets: readonly WebSocket[]) {
    this.#state = state;
    this.#host = host;
    for (const socket of sockets) {
      const { sidecar, ended } = attachmentOf(socket);
      if (sidecar !== null && !ended) state.sidecars.attach(sidecar, socket);
    }
  }

  add(socket: WebSocket): void {
    socket.serializeAttachment({ sidecar: null, since: Date.now(), ended: false } satisfies LinkAttachment);
  }

  handleMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const { sidecar, ended } = attachmentOf(socket);
    if (ended) return;
    const text = typeof message === "string" ? message : "";
    const decoded = decode(text, fromSidecar, LINK_FRAME_LENGTH_MAX);
    if (!decoded.ok) {
      console.error({ message: "a sidecar sent what the link does not allow", why: decoded.why });
      return this.close(socket, LinkCloseCode.malformed, decoded.why);
    }
    const received = decoded.value;
    if (received.t === "hello" && (sidecar ?? received.sidecar) === received.sidecar)
      return this.#handleHello(socket, received);
    if (received.t === "hello") return this.close(socket, LinkCloseCode.malformed, "a link belongs to one sidecar");
    if (sidecar === null || this.#state.sidecars.socket(sidecar) !== socket) {
      return this.close(socket, LinkCloseCode.malformed, "send hello first");
    }
    if (received.t === "bye") return this.close(socket, LinkCloseCode.bye, "bye", { away: true });
    if (received.t === "allocated" || received.t === "unallocated")
      return this.#host.relays.handleReply(sidecar, received, Date.now());
    try {
      this.#handleReports(socket, sidecar, received);
    } catch (error) {
      // Without an acknowledgement the sidecar sends the reports again.
      if (!isStorageFault(error)) throw error;
      reportStorageFault(error);
    }
  }

  /** Ends links whose sidecar no longer pings. */
  closeSilent(now: number): void {
    for (const [, socket] of this.#state.sidecars.linked()) {
      const seen_at = this.#host.lastPingAt(socket) ?? attachmentOf(socket).since;
      if (now - seen_at > LINK_SILENCE_MS) this.close(socket, LinkCloseCode.silent, "no ping");
    }
  }

  /** Sends the operators' message to all sidecars. Each has a link to the first hub, so the others send it to none. */
  announce(text: string): number {
    const { sidecars } = this.#state;
    const linked = this.#host.shard === 0 ? sidecars.linked() : [];
    const able = linked.filter(([id]) => sidecars.row(id)!.hello.announcements === true);
    for (const [, socket] of able) send(socket, { t: "announcement", text });
    return able.length;
  }

  #handleHello(socket: WebSocket, hello: Hello): void {
    const version = link.commonVersion(hello);
    if (version === null)
      return this.close(socket, LinkCloseCode.version, `link version ${hello.version} is not supported`);
    const now = Date.now();
    const known = this.#state.sidecars.row(hello.sidecar);
    const older = this.#state.sidecars.socket(hello.sidecar);
    const returns = known?.epoch === hello.epoch;
    if (older !== undefined && older !== socket && !returns && this.#isAlive(older, now)) {
      console.error({
        message: "two running sidecars have the same name; the newer one is refused",
        sidecar: hello.sidecar,
      });
      return this.close(socket, LinkCloseCode.replaced, "another running sidecar has this name");
    }
    this.#state.sidecars.attach(hello.sidecar, socket);
    socket.serializeAttachment({ sidecar: hello.sidecar, since: now, ended: false } satisfies LinkAttachment);
    if (older !== undefined && older !== socket) this.close(older, LinkCloseCode.replaced, "a newer link took over");
    if (!returns) this.#host.relays.dropSidecar(hello.sidecar);
    // If the sidecar kept its contacts, its members are back. If it restarted, members whose lease is over must send first.
    const outage_ms = now - (known?.down_since ?? now);
    const isBack = (lobby: Lobby): boolean => returns || outlasts(lobby, outage_ms);
    const { sidecar } = hello;
    const draft = this.#state.begin(now);
    this.#state.applyToMembersOf(sidecar, { kind: "sidecar_back", sidecar }, draft, isBack);
    this.#state.applyToMembersOf(sidecar, { kind: "sidecar_away", sidecar }, draft, (lobby) => !isBack(lobby));
    const rows = this.#state.sidecars.rowsForHello(hello);
    // The evicted sidecar's members have no failure detector any more.
    for (const [id, row] of rows)
      if (row === null) {
        console.error({
          message: "more sidecars than a hub serves; the one that was away the longest is removed",
          sidecar: id,
        });
        this.#state.applyToMembersOf(id, { kind: "sidecar_away", sidecar: id }, draft);
      }
    this.#state.commit(draft, rows, now);
    const ack = this.#state.sidecars.row(hello.sidecar)!.ack;
    const { present: shards, former } = this.#host.shards;
    const moving = former === null ? {} : { former_shards: former };
    const ticket_keys = this.#host.ticketKeys();
    send(socket, { t: "welcome", version, ack, shards, ...moving, ticket_keys, directory: true });
    this.#sendAddresses(known?.hello, hello);
    if (wantsDirectory(hello)) {
      for (const message of directoryOf(this.#state.lobbies.all())) send(socket, message);
    }
    for (const message of link.membersOf(hello.sidecar, this.#state.lobbies.all())) send(socket, message);
  }

  /** Sends each relay the addresses of the other sidecars: to all of them if this hello changes them. */
  #sendAddresses(old: Hello | undefined, hello: Hello): void {
    const { sidecars } = this.#state;
    const isNew = old === undefined || addressesOf(old).join() !== addressesOf(hello).join();
    for (const [id, socket] of sidecars.linked()) {
      if (sidecars.row(id)!.hello.relay === undefined || (id !== hello.sidecar && !isNew)) continue;
      send(socket, { t: "sidecars", addresses: sidecars.otherAddresses(id) });
    }
  }

  /** A crashed sidecar stops pinging before its link is closed. */
  #isAlive(socket: WebSocket, now: number): boolean {
    return now - (this.#host.lastPingAt(socket) ?? -Infinity) < LINK_ALIVE_MS;
  }

  #handleReports(socket: WebSocket, sidecar: string, reports: Reports): void {
    const now = Date.now();
    const row = this.#state.sidecars.row(sidecar)!;
    const unseen = link.dropDuplicates(reports, row.ack);
    if (unseen === null) return send(socket, { t: "told", ack: row.ack, items: [] });
    const draft = this.#state.begin(now);
    const refs: number[] = [];
    for (const [at, report] of unseen.items.entries()) {
      const refusal = this.#refusalFor(report, now);
      if (refusal !== null)
        draft.notices.push({ notice: { to: "requester", notice: { kind: "refused", code: refusal } }, lobby: null });
      else draft.apply(report.wire, this.#lobbyNameOf(report, now), link.toEvent(report, sidecar, this.#host.shard));
      while (refs.length < draft.notices.length) refs.push(unseen.seq + at);
    }
    const ack = unseen.seq + unseen.items.length - 1;
    this.#state.commit(draft, new Map([[sidecar, { ...row, ack }]]), now, {
      answering: { sidecar, ack, refs, reaches: (other) => this.#state.sidecars.socket(other) !== undefined },
    });
  }

  /** A heartbeat on the native wire names its lobby by id, and counts as a sign of life like one over HTTP. */
  #lobbyNameOf({ wire, kind, name, ...report }: Report, now: number): string {
    const lobby = wire === "native" && kind === "heard" ? this.#state.lobbies.byId(name) : undefined;
    if (lobby === undefined) return name;
    if ("peer" in report && isMember(lobby, report.peer)) this.#state.presence.recordSign(lobby.id, report.peer, now);
    return lobby.name;
  }

  /** Why the report is refused by operators. The wires do not answer most of these. */
  #refusalFor(report: Report, now: number): RefusalCode | null {
    if (report.kind !== "host" && report.kind !== "join") return null;
    const { denied_names } = this.#host;
    if ([report.name, report.peer].some((name) => isDenied(name, denied_names))) return "name_denied";
    const asksForRelay = report.kind === "join" && report.silently === true;
    if (asksForRelay && !this.#state.guard.relays.settings.enabled) return "relay_forbidden";
    const makes = report.kind === "host" && this.#state.lobbies.byName(report.wire, report.name) === undefined;
    if (makes && !this.#takesNew(report)) return "lobby_not_found";
    return this.#state.guard.refusalFor(report.endpoint.address, makes, now);
  }

  /** While the number of shards changes, a sidecar asks the hub of the former number first. It keeps what it has. */
  #takesNew({ wire, name }: Report): boolean {
    const { present, former } = this.#host.shards;
    return former === null || shardOf(wire, name, present) === this.#host.shard;
  }

  /** Ends a link. The sidecar counts as down from now on; with `away`, its members are away at once. */
  close(socket: WebSocket, code: number, reason = "", how: { away: boolean } = { away: false }): void {
    try {
      socket.close(code, reason.slice(0, 100));
    } catch {
      // The peer closed first; the socket is closed all the same.
    }
    const attachment = attachmentOf(socket);
    socket.serializeAttachment({ ...attachment, ended: true } satisfies LinkAttachment);
    const { sidecar } = attachment;
    if (sidecar === null || !this.#state.sidecars.detach(sidecar, socket)) return;
    const row = this.#state.sidecars.row(sidecar);
    if (row === undefined) return;
    const now = Date.now();
    const draft = this.#state.begin(now);
    if (how.away) this.#state.applyToMembersOf(sidecar, { kind: "sidecar_away", sidecar }, draft);
    else this.#state.unlistTethered(sidecar, draft);
    this.#state.commit(draft, new Map([[sidecar, { ...row, down_since: now, away: how.away }]]), now);
  }
}

/**
 * Whether the members of a lobby are still within their lease after so long without their sidecar. Members with a
 * connection lost it with the process.
 */
function outlasts({ policy, state }: Lobby, outage_ms: number): boolean {
  if (policy.tethered === true) return false;
  return state !== "open" || policy.lease_ms === null || outage_ms < policy.lease_ms;
}

const attachmentOf = (socket: WebSocket): LinkAttachment =>
  (socket.deserializeAttachment() as LinkAttachment | null) ?? { sidecar: null, since: 0, ended: false };
