/**
 * The hub: one Durable Object per (game, shard), and the only truth about its lobbies. This class is its doors: the
 * questions of the Worker, the sockets, the alarm. What it holds is kept by keeper.ts.
 */
import { DurableObject } from "cloudflare:workers";
import type { Ban } from "#shared/auth/bans.ts";
import type { SidecarView, Stats } from "#shared/api/service.ts";
import type { ConnectionView, OutcomeSaid, RelayView } from "#shared/connect/schema.ts";
import type { LobbyView, Summary } from "#shared/api/lobbies.ts";
import { GUESS_WAIT_S } from "#shared/limits.ts";
import type { Proved } from "#shared/connect/introduction.ts";
import type { Event, Lobby } from "#shared/lobby/lobby.ts";
import type { Query } from "#shared/listing/query.ts";
import type { RefusalCode } from "#shared/refusals.ts";
import type { Page } from "#shared/listing/sorted-index.ts";
import type { TicketKey } from "#shared/auth/tickets.ts";
import { isMember, viewOf } from "#shared/api/views.ts";
import { DOORS } from "../http/ask.ts";
import { strangerRefusal } from "./connections/consent.ts";
import { type Asking, Connections } from "./connections/connections.ts";
import type { LobbyTransaction } from "./lobby-index.ts";
import { type Env, shardsOf } from "../env.ts";
import { together } from "./change-listener.ts";
import type { Lines } from "./events/shard-feed.ts";
import { homeOf, nameOf, relaysOf } from "./wiring.ts";
import { Keeper } from "./state.ts";
import { Links } from "./sidecar-links.ts";
import * as natives from "./lobby-commands.ts";
import type { Entry, Target } from "./lobby-commands.ts";
import * as office from "./admin.ts";
import type { Answered, Once, Outcome, Pass } from "../http/hub-client.ts";
import { problem } from "../problem.ts";
import { published, type Published, publishing } from "./noray-listing.ts";
import type { Relays } from "./connections/relay-allocator.ts";
import { ticketKeys } from "../auth/tokens.ts";
import { Watch } from "./events/socket-server.ts";
import { isWatcher } from "./events/subscriber.ts";
import { SOURCE } from "../http/routes/events.ts";

export class Hub extends DurableObject<Env> {
  readonly #keeper: Keeper;
  readonly #links: Links;
  readonly #watch: Watch;
  readonly #connections: Connections;
  #ticket_keys: readonly TicketKey[] = [];

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    let watch: Watch | undefined;
    let connections: Connections | undefined;
    let relays: Relays | undefined;
    this.#keeper = new Keeper(ctx.storage, env, (keeper, store) => {
      const home = homeOf(ctx, env, keeper, {
        act: (pass, id, event) => this.act(pass, { id }, event),
        agree: (pass, id, reach) => this.agree(pass, id, reach),
        decline: (pass, id) => this.decline(pass, id),
        step: (lobby, peer, event) => void this.#step(lobby, peer, event, Date.now()),
      });
      watch = new Watch(home, ctx.getWebSockets("events"), Date.now());
      relays = relaysOf(ctx, env, keeper);
      connections = new Connections({ ...home, ...watch.members }, store, relays);
      return together(watch, connections);
    });
    this.#watch = watch!;
    this.#connections = connections!;
    const here = {
      relays: relays!,
      shard: nameOf(ctx).shard,
      shards: shardsOf(env),
      ticketKeys: () => this.#ticket_keys,
    };
    this.#links = new Links(this.#keeper, here, ctx.getWebSockets("link"));
    void ctx.blockConcurrencyWhile(async () => {
      this.#ticket_keys = await ticketKeys(env);
      await this.#keeper.wake();
    });
  }

  /** A sidecar opens its link, and the Worker has checked its key; or somebody comes to watch. */
  override fetch(request: Request): Response {
    if (request.url === DOORS.events) return this.#watch.admit(request.headers.get(SOURCE), Date.now());
    if (request.url !== DOORS.link) return problem("not_found");
    const { 0: client, 1: server } = new WebSocketPair();
    this.#links.add(server);
    this.ctx.acceptWebSocket(server, ["link"]);
    return new Response(null, { status: 101, webSocket: client });
  }

  list(pass: Pass, query: Query): Answered<Page> {
    return this.#answer(pass, () => ({ value: this.#keeper.directory.page(query) }));
  }

  /** As this reader may see it: a peer id whose token was shown, or null for a stranger. */
  lobby(pass: Pass, id: string): Answered<LobbyView> {
    return this.#answer(pass, () => {
      const lobby = this.#keeper.directory.byId(id);
      const value = lobby === undefined ? null : viewOf(lobby, pass.peer);
      return value === null ? { refused: "lobby_not_found" } : { value };
    });
  }

  /** Makes a lobby, with a join code that leads here among so many shards. */
  open(pass: Pass, event: Event & { kind: "host" }, shards: number): Answered<Entry> {
    const named = () => this.#keeper.directory.byName(event.wire, event.name);
    const coded = { ...event, code: natives.freeCode(this.#keeper.directory, nameOf(this.ctx).shard, shards) };
    return this.#answer(pass, (now) => this.#do(pass.peer!, now, named, (draft) => natives.open(draft, coded)));
  }

  /** What a peer does to a lobby. A code that is wrong is a guess, and guesses are counted. */
  act(pass: Pass, target: Target, event: Event): Answered<Entry> {
    return this.#answer(pass, (now) => {
      const guesses = "code" in target;
      if (guesses && !this.#keeper.gate.mayGuess(pass, now)) {
        return { refused: "rate_limited", retry_after_s: GUESS_WAIT_S };
      }
      const lobby = natives.find(this.#keeper.directory, target);
      if (lobby === undefined && guesses) this.#keeper.gate.guessed(pass, now);
      if (lobby === undefined) return { refused: guesses ? "code_invalid" : "lobby_not_found" };
      return this.#step(lobby, pass.peer!, natives.invited(target, lobby, event), now);
    });
  }

  /** A host who speaks no HTTP proves himself by his wire's note, and says what lists show of him. */
  publish(pass: Pass, event: Event & { kind: "publish" }): Answered<Published> {
    return this.#answer(pass, (now) => {
      const lobby = this.#keeper.directory.byName("noray", event.peer);
      if (lobby === undefined) return { refused: "lobby_not_found" };
      const draft = this.#keeper.draft(now);
      const refused = publishing(draft, lobby, event, this.#keeper.sidecars);
      this.#keeper.commit(draft, new Map(), now);
      return refused === null ? published(lobby, this.#keeper.directory.byId(lobby.id)) : { refused };
    });
  }

  /** What a request that asks several questions was answered before: null where it is new. */
  recall(once: Once): { readonly outcome: Outcome<Entry> | null } {
    const known = this.#keeper.gate.answers.recall(once, Date.now());
    if (known === "mismatch") return { outcome: { refused: "idempotency_mismatch" } };
    return { outcome: (known as Outcome<Entry> | undefined) ?? null };
  }

  remember(pass: Pass, entry: Entry): void {
    this.#answer(pass, () => ({ value: entry }));
  }

  /** The id of a lobby: the Worker salts its password with it. */
  find(target: Target): string | null {
    return natives.find(this.#keeper.directory, target)?.id ?? null;
  }

  sidecars(pass: Pass): Answered<SidecarView[]> {
    return this.#answer(pass, () => ({ value: this.#keeper.sidecars.lines() }));
  }

  stats(pass: Pass): Answered<Stats> {
    return this.#answer(pass, () => ({
      value: office.stats(this.#keeper.directory.all(), {
        sidecars: this.#keeper.sidecars.linked().length,
        connections: this.#connections.shown(),
      }),
    }));
  }

  // --- members connect to each other ---------------------------------------------------------------------------

  askFor(pass: Pass, lobby: string, asking: Asking): Answered<ConnectionView> {
    return this.#answer(pass, (now) => this.#connections.ask(lobby, pass.peer!, asking, now));
  }

  connectionsIn(pass: Pass, lobby: string): Answered<ConnectionView[]> {
    return this.#answer(pass, (now) => this.#connections.list(lobby, pass.peer!, now));
  }

  connection(pass: Pass, id: string): Answered<ConnectionView> {
    return this.#answer(pass, (now) => this.#connections.read(id, pass.peer!, now));
  }

  agree(pass: Pass, id: string, reach: Proved | null): Answered<ConnectionView> {
    return this.#answer(pass, (now) => this.#connections.agree(id, pass.peer!, reach, now));
  }

  decline(pass: Pass, id: string): Answered<null> {
    return this.#answer(pass, (now) => this.#connections.decline(id, pass.peer!, now));
  }

  reportOutcome(pass: Pass, id: string, outcome: OutcomeSaid): Answered<null> {
    return this.#answer(pass, (now) => this.#connections.report(id, pass.peer!, outcome, now));
  }

  /** A sidecar is asked first, so this takes its time. */
  async relay(pass: Pass, lobby: string, id: string): Promise<Answered<RelayView>> {
    const ordered = this.#answer(pass, (now) => this.#connections.relay(id, lobby, pass.peer!, now));
    if ("refused" in ordered) return ordered;
    const { receipt, replayed, value } = ordered;
    return { ...(await value), receipt, replayed };
  }

  /** The time, for a member: what the Worker signs for him begins then. */
  vouch(pass: Pass, lobby: string): Answered<number> {
    return this.#answer(pass, (now) => {
      const refused = strangerRefusal(this.#keeper.directory.byId(lobby), pass.peer!);
      return refused === null ? { value: now } : { refused };
    });
  }

  // Operators pay nothing and are not told what others are: these answer them plainly.

  lobbiesOfAll(limit: number, after: office.Place | null): office.OfficePage {
    return office.page(this.#keeper.directory.all(), limit, after);
  }

  /** Ends a lobby for good; false where there is none. */
  close(id: string): boolean {
    const lobby = this.#keeper.directory.byId(id);
    if (lobby === undefined) return false;
    const now = Date.now();
    const draft = this.#keeper.draft(now);
    draft.applyTo(lobby, { kind: "close", by: null, reason: "banned" });
    this.#keeper.commit(draft, new Map(), now);
    return true;
  }

  /** How a member of this name is banned, or null where the lobby has none. */
  targetOf(id: string, member: string): office.Target | null {
    return office.targetOf(this.#keeper.directory.byId(id), member);
  }

  bans(): Ban[] {
    return this.#keeper.gate.bans.all();
  }

  ban(ban: Ban): boolean {
    const kept = this.#keeper.gate.ban(ban);
    this.#keeper.arm([], Date.now());
    return kept;
  }

  lift(id: string): boolean {
    return this.#keeper.gate.lift(id);
  }

  draining(): boolean {
    return this.#keeper.gate.draining;
  }

  drain(draining: boolean): void {
    const now = Date.now();
    if (draining && !this.#keeper.gate.draining) this.#watch.goAway(now);
    this.#keeper.gate.drain(draining, now);
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void | Promise<void> {
    if (isWatcher(socket)) return this.#watch.hear(socket, message, Date.now());
    return this.#links.hear(socket, message);
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    // 1005 and 1006 say that no code came; they may not be sent (RFC 6455 section 7.4.1).
    const legal = code === 1005 || code === 1006 ? 1000 : code;
    if (isWatcher(socket)) this.#watch.close(socket, legal);
    else this.#links.end(socket, legal);
  }

  override webSocketError(socket: WebSocket): void {
    if (isWatcher(socket)) this.#watch.close(socket, 1011);
    else this.#links.end(socket, 1011);
  }

  override alarm(): void {
    const now = Date.now();
    this.#links.look(this.#pingedAt, now);
    this.#keeper.ring(now);
  }

  // --- who watches ---------------------------------------------------------------------------------------------

  /** To the first hub of the game (feeds.ts): all lines, and their changes from now on. */
  feed(): Summary[] {
    this.#watch.begin();
    return this.#keeper.directory.lines();
  }

  /** From the other hubs. */
  async fed(shard: number, changes: Lines, count: number, lost: boolean): Promise<boolean> {
    const now = Date.now();
    const watched = await this.#watch.fed(shard, changes, count, lost, now);
    this.#keeper.arm([], now);
    return watched;
  }

  readonly #pingedAt = (socket: WebSocket): number | null =>
    this.ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null;

  // --- the API ---------------------------------------------------------------------------------------------------

  /** `work` may not wait: what it does and what is remembered of it are stored together or not at all. */
  #answer<T>(pass: Pass, work: (now: number) => Outcome<T>): Answered<T> {
    const now = Date.now();
    const answered = this.#keeper.gate.through(pass, now, () => work(now));
    if (pass.once !== null || pass.toll === "connect") this.#keeper.arm([], now);
    return answered;
  }

  /** Steps a lobby for a peer; what it does is kept also where he is refused, for time has passed as well. */
  #do(
    peer: string,
    now: number,
    lobby: () => Lobby | undefined,
    work: (draft: LobbyTransaction) => RefusalCode | null,
  ): Outcome<Entry> {
    const before = lobby();
    const draft = this.#keeper.draft(now);
    const refused = work(draft);
    if (refused === null && before !== undefined && isMember(before, peer)) {
      this.#keeper.presence.note(before.id, peer, now);
    }
    this.#keeper.commit(draft, new Map(), now);
    if (refused !== null) return { refused };
    const after = lobby();
    return { value: natives.entryOf((after ?? before)!.id, before, after, peer, now) };
  }

  #step(lobby: Lobby, peer: string, event: Event, now: number): Outcome<Entry> {
    const same = () => this.#keeper.directory.byId(lobby.id);
    return this.#do(peer, now, same, (draft) => natives.act(draft, lobby, peer, event));
  }
}
