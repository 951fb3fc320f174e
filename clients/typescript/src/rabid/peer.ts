/**
 * A Rabid peer on a real socket: the session core of session.ts with `node:dgram`, a clock and promises around it. One
 * socket from the first request to the game's first datagram; it is never closed or bound again in between, because the
 * hole that was punched belongs to it.
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { EventEmitter } from "node:events";
import {
  type Endpoint,
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
  /** `host` or `host:port`; the port is 57775 unless said. A name must have an IPv4 address. */
  readonly server: string;
  /** 1 to 10 ASCII letters or digits. */
  readonly session: string;
  /** This player: 1 to 12 ASCII letters or digits. */
  readonly name: string;
  /** 1 to 12 ASCII letters or digits; sent in clear, as the wire has it. */
  readonly password?: string;
  /** Local port; a free one unless said, which is the best choice behind a NAT. */
  readonly port?: number;
  /** Local address; all of them unless said. */
  readonly address?: string;
  /** A `udp4` socket of the game's own, bound or not, instead of a new one. */
  readonly socket?: Socket;
};

/** `seats`: 2 to 12, the host included. */
export type HostOptions = JoinOptions & { readonly seats: number };

/** What the game goes on with. The socket is bound, open and has no listeners of ours any more. */
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
 * peer.on("roster", ({ players }) => players.length === 4 && peer.start());
 * const { peers } = await peer.whenMet();
 * const { socket } = peer.detach();
 * ```
 *
 * Events: `roster` (everybody, host first), `refused` (a command was not allowed; the session goes on), `started`,
 * `met`, `failed` (with a code; the socket is closed unless it was the game's own), `left`.
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
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    return RabidPeer.#open({ server, session, name, ...given });
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

  /** Everybody in the session, in join order, the host first. */
  get players(): readonly string[] {
    return this.#session.players;
  }
  /** The players that were met, or null. */
  get met(): Met | null {
    return this.#session.met;
  }
  /** Where the socket is bound. */
  get localPort(): number {
    return this.#socket.address().port;
  }

  /**
   * (host) Starts the session: everybody is told everybody's address. Resolves when the server has done so.
   * @throws RabidFailure with `only_one_player_in_session` or `non_host_player`, after which the session goes on.
   */
  start(): Promise<Started> {
    const { promise } = this.#starting;
    this.#session.start(now());
    this.#update();
    return promise;
  }

  /** (host) Puts a player out; the next `roster` is without him. */
  kick(name: string): void {
    this.#session.kick(name, now());
    this.#update();
  }

  /** Resolves with the players that were met. @throws RabidFailure */
  whenMet(): Promise<Met> {
    return this.#meeting.promise;
  }

  /** Tells the server, waits for its answer for 2 s at most, and closes the socket unless it is the game's own. */
  async leave(): Promise<void> {
    if (this.#detached) return;
    this.#session.leave(now());
    this.#update();
    await this.#leaving.promise;
  }

  /**
   * Hands the punched socket over to the game; from now on nothing of ours listens to it or sends from it. Words of the
   * other players may still arrive in it for a second: `isRabidMessage` tells them from the game's datagrams.
   * @throws Error before `met`.
   */
  detach(): Detached {
    const met = this.#session.met;
    if (met === null || this.#detached) throw new Error("there is a socket to hand over once, after the players met");
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

  /** Sends what is due, tells what has happened, and sets the alarm for what is next. */
  #update(): void {
    if (this.#detached) return;
    this.#session.wake(now());
    for (const { bytes, to } of this.#session.takeDatagrams()) {
      // An address that cannot be reached is a lost datagram; without a callback it would be an exception.
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
        // Who missed every roster is listed by being started.
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
      // It is closed already, which may be why we are here.
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

/** Monotonic: a clock that is set must not end a session. */
const now = (): number => performance.now();
