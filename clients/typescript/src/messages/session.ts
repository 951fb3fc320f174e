/**
 * A session with one peer: how it begins, how it ends, and its events. While it is connected, the transport carries its
 * messages.
 *
 *     requested    the peer sent a hello, and the game has not accepted: no answer
 *     Connecting   the game wants the session, no path yet   FindingRoute   there is a path; hellos go over it
 *     Connected    both received a hello                     ClosedByPeer, ProblemDetectedLocally   over, with a reason
 *
 * Sans I/O: the caller passes the time.
 */
import { deflate } from "./compression.ts";
import type { ReceivedMessage } from "./transport/receive-stream.ts";
import * as limits from "./limits.ts";
import { ConnectionEnd, ConnectionState, Result, SendFlags } from "./steam-constants.ts";
import { LENGTH_BYTES } from "./transport/send-stream.ts";
import { ANSWER_WANTED, type Bye, type Data, type Hello, INFLATES, writeBye, writeHello } from "./packets.ts";
import type { TransportStats } from "./transport/stats.ts";
import { Transport } from "./transport/transport.ts";

export type PathInfo = { readonly mtu: number; readonly rtt_ms: number | null };
/** `request`: the peer requests the session, again and again. `failed`: it ended without a close. */
export type SessionEvent = { readonly type: "request" } | { readonly type: "failed" };
type QueuedMessage = { channel: number; bytes: Uint8Array; isReliable: boolean };

export class Session {
  readonly peer: string;
  readonly id: number;
  readonly #compress: boolean;
  state: ConnectionState = ConnectionState.Connecting;
  end: number = ConnectionEnd.Invalid;
  debug = "";
  /** The game sent to the peer, or accepted it. */
  isActive = false;
  /** The peer's id for this session; 0 while unknown. */
  peerSessionId = 0;
  usedAt: number;
  /** Channels in use, in either direction. */
  readonly channels = new Set<number>();
  readonly #sending = new Set<number>();
  #path: PathInfo | null = null;
  #transport: Transport | null = null;
  #queue: QueuedMessage[] = [];
  #queueBytes = 0;
  #deflates = false;
  #since: number;
  #helloAt = Infinity;
  #helloWait_ms = limits.HELLO_MS;
  #requestedAt = -Infinity;
  #datagrams: Uint8Array[] = [];
  #events: SessionEvent[] = [];

  constructor(setup: { peer: string; id: number; compress: boolean }, now: number) {
    this.peer = setup.peer;
    this.id = setup.id;
    this.#compress = setup.compress;
    this.usedAt = now;
    this.#since = now;
  }

  get isOver(): boolean {
    return this.state === ConnectionState.ClosedByPeer || this.state === ConnectionState.ProblemDetectedLocally;
  }

  get isConnected(): boolean {
    return this.#transport !== null;
  }

  get hasPath(): boolean {
    return this.#path !== null;
  }

  /** When the last datagram of the peer arrived. */
  get lastReceivedAt(): number {
    return this.#transport?.lastReceivedAt ?? -Infinity;
  }

  stats(now: number): TransportStats | null {
    return this.#transport?.stats(now) ?? null;
  }

  get queuedBytes(): number {
    return this.#queueBytes;
  }

  // --- the game ------------------------------------------------------------------------------------------------

  /** The game wants this session. */
  activate(now: number): void {
    if (this.isActive) return;
    this.isActive = true;
    this.#since = now;
    if (this.#path !== null) this.#helloAt = now;
  }

  send(channel: number, data: Uint8Array, flags: number, now: number): Result {
    const isReliable = (flags & SendFlags.Reliable) !== 0;
    const transport = this.#transport;
    if (!isReliable && (flags & SendFlags.NoDelay) !== 0) {
      if (transport === null || transport.queue_ms > limits.NO_DELAY_MS) return Result.Ignored;
    }
    const pending = this.#queueBytes + (transport?.pending ?? 0);
    if (pending + data.length + LENGTH_BYTES > limits.SEND_BUFFER_BYTES) return Result.LimitExceeded;
    if (!this.#sending.has(channel) && this.#sending.size >= limits.CHANNELS_MAX) return Result.LimitExceeded;
    this.#sending.add(channel);
    // A copy, because the game may reuse its buffer.
    const held = { channel, bytes: Uint8Array.from(data), isReliable };
    this.channels.add(channel);
    this.usedAt = now;
    if (transport === null) {
      this.#queue.push(held);
      this.#queueBytes += data.length + LENGTH_BYTES;
      return Result.OK;
    }
    const isPrompt = (flags & (SendFlags.NoNagle | SendFlags.NoDelay)) !== 0;
    this.#push(transport, held, isPrompt ? now : now + limits.NAGLE_MS);
    return Result.OK;
  }

  /** The game has read one of the peer's messages. */
  consume(channel: number, taken: number): void {
    this.#transport?.consume(channel, taken);
  }

  /** The game ends the session. */
  close(reason: number, debug: string): void {
    if (this.#path !== null && (this.peerSessionId !== 0 || this.isActive)) {
      const bye = writeBye({ to: this.peerSessionId, from: this.id, reason, debug });
      // Two copies, as one may be lost. A peer that misses both gets a bye for its next datagram.
      this.#datagrams.push(bye, bye);
    }
    this.#stop();
  }

  // --- the path ------------------------------------------------------------------------------------------------

  pathOpened(path: PathInfo, now: number): void {
    if (this.isOver) return;
    this.#path = path;
    if (this.state === ConnectionState.Connecting) this.state = ConnectionState.FindingRoute;
    if (this.isActive && this.#transport === null) this.#helloAt = now;
  }

  fail(end: number, debug: string): void {
    if (this.isOver) return;
    this.#endAs(ConnectionState.ProblemDetectedLocally, end, debug);
    if (this.isActive) this.#events.push({ type: "failed" });
  }

  /** The peer requests the session, through the hub or on a path. */
  recordRequest(now: number): void {
    this.usedAt = now;
    if (this.isActive || now - this.#requestedAt < limits.REQUEST_REPEAT_MS) return;
    this.#requestedAt = now;
    this.#events.push({ type: "request" });
  }

  // --- receiving -----------------------------------------------------------------------------------------------

  handleHello({ to, from, version, flags }: Hello, now: number): void {
    if (version !== limits.VERSION) {
      if (this.#transport !== null) return;
      this.#datagrams.push(this.#byeTo(from, ConnectionEnd.RemoteBadProtocolVersion, "another version"));
      return this.fail(ConnectionEnd.RemoteBadProtocolVersion, `the peer uses session protocol version ${version}`);
    }
    this.peerSessionId = from;
    this.#deflates = this.#compress && (flags & INFLATES) !== 0;
    if (!this.isActive) return this.recordRequest(now);
    if (to === this.id && this.#transport === null) this.#connect(now);
    if ((flags & ANSWER_WANTED) !== 0) this.#hello();
  }

  handleBye({ reason, debug }: Bye): void {
    const wasWanted = this.isActive && this.#transport === null;
    if (reason === ConnectionEnd.RemoteDenied && wasWanted) this.fail(reason, debug);
    else if (reason === ConnectionEnd.RemoteBadProtocolVersion) this.fail(reason, debug);
    else this.#endAs(ConnectionState.ClosedByPeer, reason, debug);
  }

  handleData(data: Data, now: number): readonly ReceivedMessage[] {
    // The peer must have received a hello, since it knows this session's id.
    if (this.#transport === null && this.isActive && this.peerSessionId !== 0) this.#connect(now);
    const arrived = this.#transport?.receive(data, now) ?? (this.#transport === null ? [] : null);
    if (arrived === null) {
      this.#datagrams.push(this.#byeTo(this.peerSessionId, ConnectionEnd.MiscGeneric, "invalid stream"));
      this.fail(ConnectionEnd.MiscGeneric, "the peer sent an invalid stream");
      return [];
    }
    const taken = arrived.filter(({ channel }) => this.#openChannel(channel));
    if (taken.length > 0) this.usedAt = now;
    return taken;
  }

  // --- time ----------------------------------------------------------------------------------------------------

  /** Advances the time. `hearsOthers`: another peer was received lately. */
  tick(hearsOthers: boolean, now: number): void {
    if (this.isOver) return;
    const transport = this.#transport;
    if (transport === null) {
      if (this.isActive && now >= this.#since + limits.CONNECT_TIMEOUT_MS) {
        if (this.#path === null) this.fail(ConnectionEnd.MiscP2PRendezvous, "no path to the peer was found in time");
        else this.fail(ConnectionEnd.RemoteTimeout, "the peer does not answer on the path to it");
      } else if (now >= this.#helloAt) {
        this.#hello();
        this.#helloAt = now + this.#helloWait_ms;
        this.#helloWait_ms = Math.min(2 * this.#helloWait_ms, limits.HELLO_MS_MAX);
      }
      return;
    }
    if (now >= transport.unansweredSince + limits.SILENCE_TIMEOUT_MS) {
      const end = hearsOthers ? ConnectionEnd.RemoteTimeout : ConnectionEnd.MiscTimeout;
      return this.fail(
        end,
        hearsOthers ? "the peer fell silent" : "the peer fell silent, and no other peer is received",
      );
    }
    if (now >= transport.lastReceivedAt + limits.KEEPALIVE_MS && transport.unansweredSince === Infinity)
      transport.ping();
  }

  deadline(): number {
    const idle = this.usedAt + limits.IDLE_TIMEOUT_MS;
    const transport = this.#transport;
    if (this.isOver || !this.isActive) return idle;
    if (transport === null) return Math.min(idle, this.#since + limits.CONNECT_TIMEOUT_MS, this.#helloAt);
    const { unansweredSince, lastReceivedAt: lastHeardAt } = transport;
    const watch =
      unansweredSince === Infinity ? lastHeardAt + limits.KEEPALIVE_MS : unansweredSince + limits.SILENCE_TIMEOUT_MS;
    return Math.min(idle, watch, transport.deadline());
  }

  takeDatagrams(now: number): readonly Uint8Array[] {
    if (this.#transport !== null && !this.isOver) this.#datagrams.push(...this.#transport.takeDatagrams(now));
    const datagrams = this.#datagrams;
    this.#datagrams = [];
    return datagrams;
  }

  takeEvents(): readonly SessionEvent[] {
    const happened = this.#events;
    this.#events = [];
    return happened;
  }

  // --- internals -----------------------------------------------------------------------------------------------

  #hello(): void {
    const flags = (this.#transport === null ? ANSWER_WANTED : 0) | (this.#compress ? INFLATES : 0);
    this.#datagrams.push(writeHello({ to: this.peerSessionId, from: this.id, version: limits.VERSION, flags }));
  }

  /** Reliable channels are bounded by the transport. */
  #openChannel(channel: number): boolean {
    if (!this.channels.has(channel) && this.channels.size >= 2 * limits.CHANNELS_MAX) return false;
    this.channels.add(channel);
    return true;
  }

  #byeTo(to: number, reason: number, debug: string): Uint8Array {
    return writeBye({ to, from: this.id, reason, debug });
  }

  #connect(now: number): void {
    const { mtu, rtt_ms } = this.#path!;
    this.state = ConnectionState.Connected;
    this.#transport = new Transport({ mtu, to: this.peerSessionId, rtt_ms }, now);
    this.#helloAt = Infinity;
    this.#hello();
    for (const held of this.#queue) this.#push(this.#transport, held, now);
    this.#queue = [];
    this.#queueBytes = 0;
  }

  #push(transport: Transport, { channel, bytes, isReliable }: QueuedMessage, flushAt: number): void {
    const short = this.#deflates ? deflate(bytes) : null;
    if (isReliable) transport.pushReliable(channel, short ?? bytes, short !== null, flushAt);
    else transport.pushUnreliable(channel, short ?? bytes, short !== null, flushAt);
  }

  #endAs(state: ConnectionState, end: number, debug: string): void {
    this.state = state;
    this.end = end;
    this.debug = debug;
    this.#stop();
  }

  #stop(): void {
    this.#transport = null;
    this.#path = null;
    this.#queue = [];
    this.#queueBytes = 0;
    this.#helloAt = Infinity;
  }
}
