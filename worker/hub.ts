/**
 * The hub: one Durable Object per (game, shard), and the only truth about its lobbies. This class is the I/O around
 * the core: rows, sockets and the one alarm. What it holds in memory is rebuilt from rows on every wake.
 */
import { DurableObject } from "cloudflare:workers";
import type { Ban } from "#shared/bans.ts";
import { decode } from "#shared/decode.ts";
import { ALARM_SLACK_MS, LINK_FRAME_LENGTH_MAX, LINK_SILENCE_MS } from "#shared/limits.ts";
import { Close, fromSidecar, type FromHub, type Hello, type Report, type Reports } from "#shared/link.ts";
import type { SidecarView, Stats } from "#shared/api-house.ts";
import type { LobbyView, Summary } from "#shared/api.ts";
import type { Query } from "#shared/query.ts";
import type { Page } from "#shared/shelves.ts";
import { deadline, type Event, type Lobby } from "#shared/lobby.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import type { TicketKey } from "#shared/tickets.ts";
import { viewOf } from "#shared/views.ts";
import { Directory, Draft } from "./directory.ts";
import { type Env, shardsOf } from "./env.ts";
import { deliveriesOf } from "./events.ts";
import type { Lines } from "./feeds.ts";
import { Gatekeeper } from "./gatekeeper.ts";
import { homeOf } from "./home.ts";
import * as link from "./link.ts";
import * as office from "./office.ts";
import type { Answered, Outcome, Pass } from "./pass.ts";
import { Sidecars } from "./sidecars.ts";
import { type Sidecar, Store } from "./store.ts";
import { ticketKeys } from "./tokens.ts";
import { Watch } from "./watch.ts";
import { SOURCE } from "./watching.ts";

/** Travels with a socket through hibernation. `sidecar` is null until it said hello; an ended one only waits to go. */
type Attachment = { readonly sidecar: string | null; readonly since: number; readonly ended: boolean };

export class Hub extends DurableObject<Env> {
  readonly #store: Store;
  readonly #directory: Directory;
  readonly #sidecars: Sidecars;
  readonly #watch: Watch;
  readonly #gate: Gatekeeper;
  #alarm_at: number | null = null;
  #ticket_keys: readonly TicketKey[] = [];

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    this.#store = new Store(ctx.storage);
    this.#directory = new Directory(this.#store.lobbies());
    this.#sidecars = new Sidecars(this.#store.sidecars());
    this.#gate = new Gatekeeper(env, this.#store);
    for (const socket of ctx.getWebSockets("link")) {
      const { sidecar, ended } = attachmentOf(socket);
      if (sidecar !== null && !ended) this.#sidecars.attach(sidecar, socket);
    }
    const home = homeOf(ctx, env, {
      directory: this.#directory,
      step: (lobby, event, now) => this.#step(lobby, event, now),
      answer: (pass, work) => this.#answer(pass, work),
      arm: (lobbies, now) => this.#arm(lobbies, now),
    });
    this.#watch = new Watch(home, ctx.getWebSockets("events"), Date.now());
    void ctx.blockConcurrencyWhile(async () => {
      this.#ticket_keys = await ticketKeys(env);
      this.#alarm_at = await ctx.storage.getAlarm();
      const now = Date.now();
      this.#keep(new Draft(this.#directory, now), this.#sidecars.unlinked(now), now, { looking: "everywhere" });
    });
  }

  /** A sidecar opens its link, and the Worker has checked its key; or somebody comes to watch. */
  override fetch(request: Request): Response {
    if (new URL(request.url).pathname.endsWith("/events")) {
      return this.#watch.admit(request.headers.get(SOURCE), Date.now());
    }
    const { 0: client, 1: server } = new WebSocketPair();
    server.serializeAttachment({ sidecar: null, since: Date.now(), ended: false } satisfies Attachment);
    this.ctx.acceptWebSocket(server, ["link"]);
    return new Response(null, { status: 101, webSocket: client });
  }

  list(pass: Pass, query: Query): Answered<Page> {
    return this.#answer(pass, () => ({ value: this.#directory.page(query) }));
  }

  /** As this reader may see it: a peer id whose token was shown, or null for a stranger. */
  lobby(pass: Pass, id: string): Answered<LobbyView> {
    return this.#answer(pass, () => {
      const lobby = this.#directory.byId(id);
      const value = lobby === undefined ? null : viewOf(lobby, pass.peer);
      return value === null ? { refused: "lobby_not_found" } : { value };
    });
  }

  sidecars(pass: Pass): Answered<SidecarView[]> {
    return this.#answer(pass, () => ({ value: this.#sidecars.lines() }));
  }

  stats(pass: Pass): Answered<Stats> {
    return this.#answer(pass, () => ({ value: office.stats(this.#directory.all(), this.#sidecars.linked().length) }));
  }

  // Operators pay nothing and are not told what others are: these answer them plainly.

  lobbiesOfAll(limit: number, after: office.Place | null): office.OfficePage {
    return office.page(this.#directory.all(), limit, after);
  }

  /** Ends a lobby for good; false where there is none. */
  close(id: string): boolean {
    const lobby = this.#directory.byId(id);
    if (lobby === undefined) return false;
    const now = Date.now();
    const draft = new Draft(this.#directory, now);
    draft.applyTo(lobby, { kind: "close", by: null, reason: "banned" });
    this.#keep(draft, new Map(), now);
    return true;
  }

  /** How a member of this name is banned, or null where the lobby has none. */
  targetOf(id: string, member: string): office.Target | null {
    return office.targetOf(this.#directory.byId(id), member);
  }

  bans(): Ban[] {
    return this.#gate.bans.all();
  }

  ban(ban: Ban): boolean {
    const kept = this.#gate.ban(ban);
    this.#arm([], Date.now());
    return kept;
  }

  lift(id: string): boolean {
    return this.#gate.lift(id);
  }

  draining(): boolean {
    return this.#gate.draining;
  }

  drain(draining: boolean): void {
    this.#gate.drain(draining, Date.now());
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void | Promise<void> {
    if (this.#isWatcher(socket)) return this.#watch.hear(socket, message, Date.now());
    const { sidecar, ended } = attachmentOf(socket);
    if (ended) return;
    const text = typeof message === "string" ? message : "";
    const decoded = decode(text, fromSidecar, LINK_FRAME_LENGTH_MAX);
    if (!decoded.ok) {
      console.error({ message: "a sidecar sent what the link does not allow", why: decoded.why });
      return this.#end(socket, Close.malformed, decoded.why);
    }
    const said = decoded.value;
    if (said.t === "hello" && (sidecar ?? said.sidecar) === said.sidecar) return this.#welcome(socket, said);
    if (said.t === "hello") return this.#end(socket, Close.malformed, "a link speaks for one sidecar");
    if (sidecar === null || this.#sidecars.socket(sidecar) !== socket) {
      return this.#end(socket, Close.malformed, "hello comes first");
    }
    if (said.t === "bye") return this.#end(socket, Close.bye, "bye", { away: true });
    this.#take(socket, sidecar, said);
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    // 1005 and 1006 say that no code came; they may not be sent (RFC 6455 section 7.4.1).
    const legal = code === 1005 || code === 1006 ? 1000 : code;
    if (this.#isWatcher(socket)) this.#watch.close(socket, legal);
    else this.#end(socket, legal, "");
  }

  override webSocketError(socket: WebSocket): void {
    if (this.#isWatcher(socket)) this.#watch.close(socket, 1011);
    else this.#end(socket, 1011, "");
  }

  override alarm(): void {
    const now = Date.now();
    this.#alarm_at = null;
    this.#gate.tidy(now);
    for (const [, socket] of this.#sidecars.linked()) {
      const heard = this.ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? attachmentOf(socket).since;
      if (now - heard > LINK_SILENCE_MS) this.#end(socket, Close.silent, "no ping");
    }
    this.#watch.tick(now);
    const draft = new Draft(this.#directory, now);
    const rows = new Map<string, Sidecar>();
    for (const row of this.#sidecars.overdue(now)) {
      this.#applyToMembersOf(row.id, { kind: "away", sidecar: row.id }, draft);
      rows.set(row.id, { ...row, away: true });
    }
    for (const lobby of this.#directory.all()) draft.applyTo(lobby, { kind: "tick" });
    this.#keep(draft, rows, now, { looking: "everywhere" });
  }

  // --- the link --------------------------------------------------------------------------------------------------

  #welcome(socket: WebSocket, hello: Hello): void {
    const version = link.commonVersion(hello);
    if (version === null) return this.#end(socket, Close.version, `link version ${hello.version} is not spoken here`);
    const now = Date.now();
    const known = this.#sidecars.row(hello.sidecar);
    const older = this.#sidecars.socket(hello.sidecar);
    this.#sidecars.attach(hello.sidecar, socket);
    socket.serializeAttachment({ sidecar: hello.sidecar, since: now, ended: false } satisfies Attachment);
    if (older !== undefined && older !== socket) this.#end(older, Close.replaced, "a newer link took over");
    // A sidecar that remembers its contacts brings its members back; one that starts anew must hear them first.
    const returns = known?.epoch === hello.epoch;
    const draft = new Draft(this.#directory, now);
    this.#applyToMembersOf(hello.sidecar, { kind: returns ? "back" : "away", sidecar: hello.sidecar }, draft);
    const rows = this.#sidecars.welcome(hello);
    // Nobody would ever look after the members of a sidecar that is forgotten.
    for (const [id, row] of rows) if (row === null) this.#applyToMembersOf(id, { kind: "away", sidecar: id }, draft);
    this.#keep(draft, rows, now);
    const ack = this.#sidecars.row(hello.sidecar)!.ack;
    send(socket, { t: "welcome", version, ack, shards: shardsOf(this.env), ticket_keys: this.#ticket_keys });
    for (const message of link.membersOf(hello.sidecar, this.#directory.all())) send(socket, message);
  }

  #take(socket: WebSocket, sidecar: string, reports: Reports): void {
    const now = Date.now();
    const row = this.#sidecars.row(sidecar)!;
    const fresh = link.freshOf(reports, row.ack);
    if (fresh === null) return send(socket, { t: "told", ack: row.ack, items: [] });
    const draft = new Draft(this.#directory, now);
    const refs: number[] = [];
    for (const [at, report] of fresh.items.entries()) {
      const bar = this.#barOf(report, now);
      if (bar !== null)
        draft.tells.push({ tell: { to: "asker", notice: { kind: "refused", code: bar } }, lobby: null });
      else draft.apply(report.wire, report.name, link.toEvent(report, sidecar, this.#shard()));
      while (refs.length < draft.tells.length) refs.push(fresh.seq + at);
    }
    const ack = fresh.seq + fresh.items.length - 1;
    this.#keep(draft, new Map([[sidecar, { ...row, ack }]]), now, {
      answering: { sidecar, ack, refs, reaches: (other) => this.#sidecars.socket(other) !== undefined },
    });
  }

  /** What the operators have against it. A wire stays silent about this. */
  #barOf(report: Report, now: number): RefusalCode | null {
    if (report.kind !== "host" && report.kind !== "join") return null;
    const makes = report.kind === "host" && this.#directory.byName(report.wire, report.name) === undefined;
    return this.#gate.barOf(report.endpoint.address, makes, now);
  }

  /** Ends a link, once: the sidecar is down from now on, and with `away` its members are gone at once. */
  #end(socket: WebSocket, code: number, reason: string, how: { away: boolean } = { away: false }): void {
    try {
      socket.close(code, reason.slice(0, 100));
    } catch {
      // The other side was faster; the socket is closed all the same.
    }
    const attachment = attachmentOf(socket);
    socket.serializeAttachment({ ...attachment, ended: true } satisfies Attachment);
    const { sidecar } = attachment;
    if (sidecar === null || !this.#sidecars.detach(sidecar, socket)) return;
    const row = this.#sidecars.row(sidecar);
    if (row === undefined) return;
    const now = Date.now();
    const draft = new Draft(this.#directory, now);
    if (how.away) this.#applyToMembersOf(sidecar, { kind: "away", sidecar }, draft);
    this.#keep(draft, new Map([[sidecar, { ...row, down_since: now, away: how.away }]]), now);
  }

  // --- who watches ---------------------------------------------------------------------------------------------

  /** To the first hub of the game (feeds.ts): all lines, and their changes from now on. */
  feed(): Summary[] {
    this.#watch.begin();
    return this.#directory.lines();
  }

  /** From the other hubs. */
  async fed(shard: number, changes: Lines, count: number, lost: boolean): Promise<boolean> {
    const now = Date.now();
    const watched = await this.#watch.fed(shard, changes, count, lost, now);
    this.#arm([], now);
    return watched;
  }

  #isWatcher(socket: WebSocket): boolean {
    return this.ctx.getTags(socket).includes("events");
  }

  #step(lobby: Lobby, event: Event, now: number): RefusalCode | null {
    const draft = new Draft(this.#directory, now);
    draft.applyTo(lobby, event);
    this.#keep(draft, new Map(), now);
    for (const { tell } of draft.tells) if (tell.notice.kind === "refused") return tell.notice.code;
    return null;
  }

  // --- the API ---------------------------------------------------------------------------------------------------

  /** `work` may not wait: what it does and what is remembered of it are stored together or not at all. */
  #answer<T>(pass: Pass, work: (now: number) => Outcome<T>): Answered<T> {
    const now = Date.now();
    const answered = this.#gate.through(pass, now, () => work(now));
    if (pass.once !== null) this.#arm([], now);
    return answered;
  }

  // --- keeping ---------------------------------------------------------------------------------------------------

  /** Rows first, then memory, then the news. Output gates hold the news back until the rows are safe. */
  #keep(
    draft: Draft,
    sidecars: ReadonlyMap<string, Sidecar | null>,
    now: number,
    { answering, looking }: { answering?: link.Answering; looking?: "everywhere" } = {},
  ): void {
    this.#store.save({ lobbies: draft.lobbies, sidecars });
    const changes = Array.from(draft.lobbies, ([id, next]) => ({ old: this.#directory.byId(id) ?? null, next }));
    this.#directory.commit(draft.lobbies);
    this.#sidecars.commit(sidecars);
    for (const [sidecar, messages] of link.addressed(draft.tells, answering)) {
      const socket = this.#sidecars.socket(sidecar);
      if (socket !== undefined) for (const message of messages) send(socket, message);
    }
    this.#watch.publish(deliveriesOf(draft.tells), changes, now);
    this.#arm(looking === "everywhere" ? this.#directory.all() : draft.lobbies.values(), now);
  }

  #applyToMembersOf(sidecar: string, event: Event, draft: Draft): void {
    for (const lobby of this.#directory.all()) {
      if (lobby.members.some((member) => member.source?.sidecar === sidecar)) draft.applyTo(lobby, event);
    }
  }

  /** One alarm for whatever comes first. Moving it is a row written, so it only moves when that matters. */
  #arm(changed: Iterable<Lobby | null>, now: number): void {
    let due = Math.min(this.#gate.deadline(), this.#directory.size === 0 ? Infinity : this.#sidecars.deadline(now));
    for (const lobby of changed) if (lobby !== null) due = Math.min(due, deadline(lobby) ?? Infinity);
    const urgent = this.#watch.urgent();
    due = Math.min(due, urgent, this.#watch.deadline());
    const slack = due === urgent ? 0 : ALARM_SLACK_MS;
    if (due === Infinity || (this.#alarm_at !== null && this.#alarm_at <= due + slack)) return;
    this.#alarm_at = due;
    void this.ctx.storage.setAlarm(due);
  }

  #shard(): number {
    return Number(this.ctx.id.name?.split("/")[1] ?? 0);
  }
}

const attachmentOf = (socket: WebSocket): Attachment =>
  (socket.deserializeAttachment() as Attachment | null) ?? { sidecar: null, since: 0, ended: false };

function send(socket: WebSocket, message: FromHub): void {
  try {
    socket.send(JSON.stringify(message));
  } catch {
    // Closing; whoever reconnects gets everything again after his hello.
  }
}
