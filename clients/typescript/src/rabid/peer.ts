/**
 * A Rabid peer on a real socket: the session (session.ts) with `node:dgram`, a clock and promises. One socket serves
 * from the first request to the game's first datagram. It is not closed or bound again, because the punched mapping
 * belongs to it.
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { EventEmitter } from "node:events";
import type { Endpoint } from "../util/addresses.ts";
import {
  type Failed,
  type Met,
  RabidFailure,
  type RabidEvent,
  type RefusalCode,
  type Roster,
  type Started,
} from "./events.ts";
import { RabidSession } from "./session.ts";
import { bindSocket, resolveServer, deferred } from "./deferred.ts";

export type JoinOptions = {
  /** `host` or `host:port`; default port 57775. A name must have an IPv4 address. */
  readonly server: string;
  /** 1 to 10 ASCII letters or digits. */
  readonly session: string;
  /** This player's name: 1 to 12 ASCII letters or digits. */
  readonly name: string;
  /** 1 to 12 ASCII letters or digits. The wire sends it in clear. */
  readonly password?: string;
  /** Local port. Default: a free one, which is best behind a NAT. */
  readonly port?: number;
  /** Local address. Default: all. */
  readonly address?: string;
  /** A `udp4` socket of the game, bound or not, instead of a new one. */
  readonly socket?: Socket;
};

/** `seats`: 2 to 12, the host included. */
export type HostOptions = JoinOptions & { readonly seats: number };

/** The socket for the game: bound, open, and without listeners of this library. */
export type Detached = { readonly socket: Socket } & Met;

type Events = {
  roster: [Roster];
  refused: [RefusalCode];
  started: [Started];
  met: [Met];
  failed: [Failed];
  left: [];
};

/**
 * ```ts
 * const peer = await RabidPeer.host({ server: "parley.example.org", session: "Nice", name: "Alice", seats: 4 });
 * peer.on("roster", ({ players }) => players.length === 4 && peer.start()); const { peers } = await peer.whenMet();
 * const { socket } = peer.detach();
 * ```
 *
 * Events: `roster` (all players, host first), `refused` (a command was refused; the session goes on), `started`, `met`,
 * `failed` (with a code; the socket is closed unless the game provided it), `left`.
 */
export class RabidPeer extends EventEmitter<Events> {
  readonly #socket: Socket;
  readonly #ownSocket: boolean;
  readonly #session: RabidSession;
  readonly #listed = deferred<RabidPeer>();
  #starting = deferred<Started>();
  readonly #meeting = deferred<Met>();
  readonly #leaving = deferred<null>();
  #timer: NodeJS.Timeout | null = null;
  #detached = false;

  private constructor(socket: Socket, options: JoinOptions & { readonly seats?: number }, server: Endpoint) {
    super();
    this.#socket = socket;
    this.#ownSocket = options.socket === undefined;
    const { session, name, seats, password } = options;
    const optional = { ...(seats === undefined ? {} : { seats }), ...(password === undefined ? {} : { password }) };
    this.#session = new RabidSession({ server, session, name, ...optional }, now());
    socket.on("message", this.#onMessage);
    socket.on("error", this.#onBroken);
    socket.on("close", this.#onBroken);
  }

  /**
   * Hosts a session. Resolves once the server lists it.
   * @throws RabidFailure with the server's refusal, or `server_timeout`; RangeError for names the wire cannot carry.
   */
  static host(options: HostOptions): Promise<RabidPeer> {
    return RabidPeer.#open(options);
  }

  /** Joins a session. Resolves once the server lists this player. @throws as {@link RabidPeer.host} */
  static join(options: JoinOptions): Promise<RabidPeer> {
    const { server, session, name, password, port, address, socket } = options;
    const rest = { password, port, address, socket };
    const optional = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    return RabidPeer.#open({ server, session, name, ...optional });
  }

  static async #open(options: JoinOptions & { readonly seats?: number }): Promise<RabidPeer> {
    const server = await resolveServer(options.server);
    const socket = options.socket ?? createSocket("udp4");
    let peer: RabidPeer;
    try {
      await bindSocket(socket, options.port ?? 0, options.address ?? "0.0.0.0");
      peer = new RabidPeer(socket, options, server);
    } catch (error) {
      if (options.socket === undefined) socket.close();
      throw error;
    }
    peer.#update();
    return peer.#listed.promise;
  }

  /** All players of the session in join order, the host first. */
  get players(): readonly string[] {
    return this.#session.players;
  }
  /** The reachable players; null before `met`. */
  get met(): Met | null {
    return this.#session.met;
  }
  /** The port of the socket. */
  get localPort(): number {
    return this.#socket.address().port;
  }

  /**
   * (host) Starts the session: the server sends all addresses to all players. Resolves with that. @throws RabidFailure
   * with `only_one_player_in_session` or `non_host_player`, after which the session goes on.
   */
  start(): Promise<Started> {
    const { promise } = this.#starting;
    this.#session.start(now());
    this.#update();
    return promise;
  }

  /** (host) Kicks a player. The next `roster` is without it. */
  kick(name: string): void {
    this.#session.kick(name, now());
    this.#update();
  }

  /** Resolves with the reachable players. @throws RabidFailure */
  whenMet(): Promise<Met> {
    return this.#meeting.promise;
  }

  /** Leaves. Waits up to 2 s for the server's answer, and closes the socket unless the game provided it. */
  async leave(): Promise<void> {
    if (this.#detached) return;
    this.#session.leave(now());
    this.#update();
    await this.#leaving.promise;
  }

  /**
   * Hands the punched socket over to the game. This library no longer listens on it or sends from it. Late messages of
   * the other players may arrive for a second; `isRabidMessage` recognises them. @throws Error before `met`.
   */
  detach(): Detached {
    const met = this.#session.met;
    if (met === null || this.#detached) throw new Error("detach works once, after the players met");
    this.#release();
    return { socket: this.#socket, ...met };
  }

  readonly #onMessage = (bytes: Uint8Array, { address, port }: RemoteInfo): void => {
    this.#session.receive(bytes, { address, port }, now());
    this.#update();
  };

  readonly #onBroken = (): void => {
    this.#session.fail("socket_failed");
    this.#update();
  };

  /** Sends what is due, emits events, and sets the timer. */
  #update(): void {
    if (this.#detached) return;
    this.#session.wake(now());
    for (const { bytes, to } of this.#session.takeDatagrams()) {
      // An unreachable address means a lost datagram. Without a callback it would be an exception.
      this.#socket.send(bytes, to.port, to.address, () => {});
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const deadline = this.#session.deadline();
    if (deadline !== null) {
      this.#timer = setTimeout(() => this.#update(), Math.max(0, Math.ceil(deadline - now())));
      this.#timer.unref();
    }
    // Last, because a listener may call any method.
    for (const event of this.#session.takeEvents()) this.#handleEvent(event);
  }

  #handleEvent(event: RabidEvent): void {
    switch (event.type) {
      case "roster":
        this.#listed.done(this);
        this.emit("roster", { players: event.players, host: event.host });
        break;
      case "refused": {
        const { failed } = this.#starting;
        this.#starting = deferred();
        failed(new RabidFailure(event.code));
        this.emit("refused", event.code);
        break;
      }
      case "started": {
        const { type: _, ...started } = event;
        // The start implies that the player is listed, if every roster was lost.
        this.#listed.done(this);
        this.#starting.done(started);
        this.emit("started", started);
        break;
      }
      case "met": {
        const { type: _, ...met } = event;
        this.#meeting.done(met);
        this.emit("met", met);
        break;
      }
      case "failed": {
        const { type: _, ...failed } = event;
        this.#end(new RabidFailure(event.code, event.serverText));
        this.emit("failed", failed);
        break;
      }
      case "left":
        this.#end(new RabidFailure("player_exited_session"));
        this.emit("left");
        break;
    }
  }

  #end(failure: RabidFailure): void {
    this.#release();
    for (const waiting of [this.#listed, this.#starting, this.#meeting]) waiting.failed(failure);
    this.#leaving.done(null);
    if (!this.#ownSocket) return;
    try {
      this.#socket.close();
    } catch {
      // It is already closed, perhaps the cause of this failure.
    }
  }

  #release(): void {
    this.#detached = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#socket.off("message", this.#onMessage);
    this.#socket.off("error", this.#onBroken);
    this.#socket.off("close", this.#onBroken);
  }
}

/** Monotonic, so that a changed system clock does not end a session. */
const now = (): number => performance.now();
