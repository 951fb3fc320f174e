/**
 * The sessions of nohub clients: their TCP connections and their requests. It owns no socket and no clock: the TCP port
 * passes bytes in. Every request is answered at once, from the lobbies hosted here and from the directory.
 */
import { NOHUB_COMMAND_BYTES_MAX, NOHUB_LOBBIES_PER_COMMAND, NOHUB_LOBBIES_PER_SESSION_MAX } from "#shared/limits.ts";
import { BucketTable } from "#shared/rate-limit/token-bucket.ts";
import type { Counters } from "../core/counters.ts";
import { SourceCounter } from "#shared/net/source-counter.ts";
import * as nohub from "../protocols/nohub.ts";
import { type TrimsockCommand, TrimsockReader } from "../protocols/trimsock.ts";
import { generateId } from "../protocols/noray.ts";
import { ALPHABET, HostedLobbies } from "./hosted-lobbies.ts";
import { ListLines } from "./list-lines.ts";
import { checkData, isGame, isUri, type VisibleLobby, visibleEntry } from "./publication.ts";
import type { HostedLobby, NohubConnection, NohubLimits, NohubOutput, NohubSession } from "./session.ts";

const { NohubError } = nohub;

const SESSION_ID = { length: 12, alphabet: ALPHABET };

export class NohubSessions {
  readonly lobbies: HostedLobbies;
  readonly #limits: NohubLimits;
  readonly #out: NohubOutput;
  readonly #counters: Counters;
  readonly #readers = new Map<NohubSession, TrimsockReader>();
  readonly #perSource = new SourceCounter();
  readonly #limiter: BucketTable;
  readonly #changes: BucketTable;
  readonly #lines = new ListLines();

  constructor(limits: NohubLimits, out: NohubOutput, counters: Counters) {
    this.#limits = limits;
    this.#out = out;
    this.#counters = counters;
    this.#limiter = new BucketTable(limits.commands, limits.sources_max);
    this.#changes = new BucketTable(limits.changes, limits.sources_max);
    this.lobbies = new HostedLobbies(out, limits.grace_ms);
  }

  get size(): number {
    return this.#readers.size;
  }

  /** A session for a new connection. Over a limit, null, after an error that names the limit. */
  open(connection: NohubConnection): NohubSession | null {
    const { sessions_max, sessions_per_source_max } = this.#limits;
    const { address } = connection.endpoint;
    const isFull = this.#readers.size >= sessions_max;
    const quota = { size_max: sessions_max, per_source_max: sessions_per_source_max };
    if (isFull || !this.#perSource.hasRoom(address, quota)) {
      this.#counters.add("connections", "refused");
      const limit = isFull
        ? `${sessions_max} active sessions`
        : `${sessions_per_source_max} active sessions per address`;
      connection.send(nohub.formatError(null, new NohubError("LimitError", `Can't have more than ${limit}!`)));
      return null;
    }
    this.#counters.add("connections", "taken");
    this.#perSource.add(address, 1);
    const session: NohubSession = {
      id: generateId(SESSION_ID, this.#out.random),
      connection,
      game: null,
      has_game: false,
    };
    this.#readers.set(session, new TrimsockReader(NOHUB_COMMAND_BYTES_MAX));
    return session;
  }

  receive(session: NohubSession, bytes: Uint8Array, now: number): void {
    for (const command of this.#readers.get(session)?.read(bytes) ?? []) {
      if (command === null) this.#counters.add("commands", "too_long");
      else session.connection.send(this.#answer(session, command, now));
    }
  }

  /** The connection has closed: its lobbies wait for their host. */
  close(session: NohubSession, now: number): void {
    if (!this.#readers.delete(session)) return;
    this.#perSource.add(session.connection.endpoint.address, -1);
    this.lobbies.release(session, now);
  }

  // ---------------------------------------------------------------------------------------------------------------

  #answer(session: NohubSession, command: TrimsockCommand, now: number): string {
    try {
      const { address } = session.connection.endpoint;
      if (!this.#limiter.consume(address, now)) throw new NohubError("LimitError", "Too many commands!");
      const request = nohub.parseRequest(command);
      if (CHANGES.has(request.do) && !this.#changes.consume(address, now)) {
        throw new NohubError("LimitError", "Too many changes!");
      }
      this.#counters.add("commands", "nohub");
      return this.#execute(session, request, command.request, now);
    } catch (error) {
      if (!(error instanceof NohubError)) throw error;
      this.#counters.add("commands", "nohub_refused");
      return nohub.formatError(command.request, error);
    }
  }

  #execute(session: NohubSession, request: nohub.Request, id: string | null, now: number): string {
    if (request.do === "whereami") return nohub.formatWhereAmI(id, session.connection.endpoint.address);
    // Every other request has an id.
    const to = id ?? "";
    switch (request.do) {
      case "set-game":
        this.#setGame(session, request.game);
        return nohub.formatOk(to);
      case "create":
        return nohub.formatLobby(`.${to}`, this.#create(session, request.uri, request.data), new Set());
      case "get":
        return nohub.formatLobby(`.${to}`, this.#find(session, request.lobby), request.keys);
      case "list":
        return this.#list(session, to, request.keys, now);
      case "join":
        return nohub.formatAddress(to, this.#join(session, request.lobby));
      case "set-data": {
        const lobby = this.#own(session, request.lobby);
        checkData(request.data);
        this.lobbies.change(lobby, { data: request.data });
        return nohub.formatOk(to);
      }
      case "delete": {
        const isKnown = this.lobbies.get(request.lobby) ?? this.#out.directory.find(request.lobby);
        if (isKnown !== undefined) this.lobbies.end(this.#own(session, request.lobby));
        return nohub.formatOk(to);
      }
      case "lock":
      case "unlock":
        this.lobbies.change(this.#own(session, request.lobby), { locked: request.do === "lock" });
        return nohub.formatOk(to);
      case "hide":
      case "publish":
        this.lobbies.change(this.#own(session, request.lobby), { hidden: request.do === "hide" });
        return nohub.formatOk(to);
    }
  }

  #setGame(session: NohubSession, game: string): void {
    if (session.has_game) throw new NohubError("LockedError", "Session already has a game set!");
    if (this.lobbies.countOf(session) > 0) throw new NohubError("LockedError", "Session already has active lobbies!");
    if (!isGame(game)) throw new NohubError("DataNotFoundError", `Game#${game} not found!`);
    session.has_game = true;
    session.game = game === this.#out.game ? null : game;
  }

  #create(session: NohubSession, uri: string, data: ReadonlyMap<string, string>): HostedLobby {
    if (!isUri(uri))
      throw new NohubError("InvalidCommandError", "The lobby address is too long or has control characters!");
    checkData(data);
    const orphan = this.lobbies.findOrphan(session, uri);
    this.#checkRoom(session, orphan === undefined);
    if (orphan === undefined) return this.lobbies.create(session, uri, data);
    this.lobbies.adopt(orphan, session);
    this.lobbies.change(orphan, { data, locked: false, hidden: false });
    return orphan;
  }

  #checkRoom(session: NohubSession, isNew: boolean): void {
    const { lobbies_max, lobbies_per_source_max } = this.#limits;
    if (isNew && this.lobbies.size >= lobbies_max) {
      throw new NohubError("LimitError", `Can't host more than ${lobbies_max} active lobbies on this instance!`);
    }
    const quota = { size_max: lobbies_max, per_source_max: lobbies_per_source_max };
    // Those that wait for their host count too.
    if (isNew && !this.lobbies.perSource.hasRoom(session.connection.endpoint.address, quota)) {
      throw new NohubError("LimitError", "This address can't have more active lobbies now!");
    }
    if (this.lobbies.countOf(session) >= NOHUB_LOBBIES_PER_SESSION_MAX) {
      throw new NohubError(
        "LimitError",
        `Session can't have more than ${NOHUB_LOBBIES_PER_SESSION_MAX} active lobbies!`,
      );
    }
  }

  /** The session's lobby, or one that waits for a host of this address. */
  #own(session: NohubSession, id: string): HostedLobby {
    const lobby = this.lobbies.get(id);
    const isElsewhere = lobby === undefined && this.#out.directory.find(id)?.join_uri !== undefined;
    if (lobby === undefined && !isElsewhere) throw nohub.notFound(id);
    if (lobby?.owner === session) return lobby;
    const { address } = session.connection.endpoint;
    if (lobby === undefined || lobby.owner !== null || lobby.endpoint.address !== address) {
      throw new NohubError("UnauthorizedError", `Lobby#${id} can't be modified in session#${session.id}!`);
    }
    this.#checkRoom(session, false);
    this.lobbies.adopt(lobby, session);
    return lobby;
  }

  #find({ game }: NohubSession, id: string): VisibleLobby {
    const entry = this.#out.directory.find(id);
    const lobby = this.lobbies.get(id) ?? (entry === undefined ? null : visibleEntry(entry));
    if (lobby === null || lobby.game !== game) throw nohub.notFound(id);
    return lobby;
  }

  #join(session: NohubSession, id: string): string {
    const { locked, uri } = this.#find(session, id);
    if (locked) throw new NohubError("LockedError", `Can't join locked lobby#${id}!`);
    if (this.lobbies.get(id)?.owner === session) {
      throw new NohubError("LockedError", "Can't join your own lobby - you're already there!");
    }
    return uri;
  }

  #list(session: NohubSession, to: string, keys: ReadonlySet<string>, now: number): string {
    const visible: (VisibleLobby | HostedLobby)[] = [];
    for (const lobby of this.lobbies.all()) {
      if (lobby.game === session.game && (!lobby.hidden || lobby.owner === session)) visible.push(lobby);
    }
    for (const entry of this.#out.directory.all()) {
      const lobby = visibleEntry(entry);
      if (lobby === null || lobby.hidden || lobby.game !== session.game) continue;
      if (this.lobbies.get(lobby.id) === undefined) visible.push(lobby);
    }
    // A long list takes as much time as several commands.
    for (let at = NOHUB_LOBBIES_PER_COMMAND; at < visible.length; at += NOHUB_LOBBIES_PER_COMMAND) {
      this.#limiter.consume(session.connection.endpoint.address, now);
    }
    return this.#lines.format(to, visible, keys);
  }
}

/** Requests that the hub stores. */
const CHANGES: ReadonlySet<nohub.Request["do"]> = new Set([
  "create",
  "set-data",
  "lock",
  "unlock",
  "hide",
  "publish",
  "delete",
]);
