/**
 * Messages by peer, as Steam's Networking Messages have them (isteamnetworkingmessages.h), without clock and socket.
 *
 *     in    what the game calls; requested, opened, lost, hear: what the paths bring; wake: the time
 *     out   take(): datagrams for paths; takeWishes(): paths to look for, to allow, to refuse, to give up;
 *           takeEvents(): what the game is told; deadline(): when to wake it next
 *
 * A path is only looked for after the game here has sent or accepted, and only allowed after it has sent or accepted: who
 * is ignored learns nothing.
 */
import { inflate } from "./compression.ts";
import { Inbox } from "./inbox.ts";
import * as limits from "./limits.ts";
import { ConnectionEnd, ConnectionState, Result, SendFlags } from "./steam-constants.ts";
import { readPacket, writeBye } from "./packets.ts";
import { type PathInfo, Session } from "./session.ts";
import type { TransportStats } from "./transport/transport.ts";

export type Message = {
  readonly peer: string;
  readonly payload: Uint8Array;
  readonly channel: number;
  /** `SendFlags.Reliable` or `SendFlags.Unreliable`. */
  readonly flags: number;
  /** Counts his messages of this channel, in the order in which they came. */
  readonly messageNumber: number;
  /** By the clock that was given. */
  readonly timeReceived_ms: number;
};

export type MessengerEvent =
  | { readonly type: "sessionRequest"; readonly peer: string }
  | {
      readonly type: "sessionFailed";
      readonly reason: number;
      readonly peer: string;
      readonly state: ConnectionState;
      readonly debug: string;
    };

/** Of the paths: look for one to him; allow or refuse him one; none is needed any more. */
export type PathRequest = { readonly type: "connect" | "accept" | "refuse" | "release"; readonly peer: string };

export type SessionInfo = {
  readonly state: ConnectionState;
  readonly endReason: number;
  readonly endDebug: string;
  readonly stats: TransportStats | null;
};

export type MessengerSetup = {
  /** Oneself, who is nobody to send to. */
  readonly self: string;
  /** Deflate what is sent, and inflate what comes, where the other end says the same. */
  readonly compress: boolean;
  /** Whole numbers from 0 to below 2^32, not to be foretold. */
  readonly random: () => number;
};

const FLAGS =
  SendFlags.ReliableNoNagle | SendFlags.NoDelay | SendFlags.UseCurrentThread | SendFlags.AutoRestartBrokenSession;

export class Messenger {
  readonly #setup: MessengerSetup;
  readonly #sessions = new Map<string, Session>();
  readonly #paths = new Map<string, PathInfo>();
  /** Who asked by way of the hub and has no path yet. */
  readonly #asking = new Set<string>();
  /** When a path was last wished for. */
  readonly #connectRequestedAt = new Map<string, number>();
  /** Numbers of the peers' sessions that are over: a hello that comes late is no new request. */
  readonly #endedSessions = new Map<string, number>();
  readonly #inbox = new Inbox();
  readonly #due = new Map<Session, number>();
  #pathRequests: PathRequest[] = [];
  #events: MessengerEvent[] = [];
  #datagrams: { peer: string; bytes: Uint8Array }[] = [];
  #strayAt = -Infinity;

  constructor(setup: MessengerSetup) {
    this.#setup = setup;
  }

  // --- the game ------------------------------------------------------------------------------------------------

  sendMessageToUser(peer: string, data: Uint8Array, flags: number, channel: number, now: number): Result {
    const isChannel = Number.isInteger(channel) && channel >= 0 && channel <= limits.CHANNEL_MAX;
    const isKnown = Number.isInteger(flags) && (flags & ~FLAGS) === 0;
    if (peer === this.#setup.self || data.length > limits.MESSAGE_BYTES_MAX || !isChannel || !isKnown)
      return Result.InvalidParam;
    let session = this.#sessions.get(peer);
    if (session?.isOver === true) {
      if ((flags & SendFlags.AutoRestartBrokenSession) === 0) return Result.NoConnection;
      this.#endSession(session);
      session = undefined;
    }
    session ??= this.#createSession(peer, now);
    if (session === undefined) return Result.LimitExceeded;
    this.#activate(session, now);
    const result = session.send(channel, data, flags, now);
    this.#refresh(session, now);
    return result;
  }

  /** At most so many, oldest first. */
  receiveMessagesOnChannel(channel: number, max: number, now: number): Message[] {
    const messages: Message[] = [];
    const read = this.#inbox.read(channel, max);
    for (const { session, arrived, number: messageNumber, at: timeReceived_ms } of read) {
      const { isReliable, isDeflated, bytes } = arrived;
      session.consume(channel, arrived.taken);
      const payload = isDeflated ? inflate(bytes) : bytes;
      if (payload === null) {
        if (isReliable) session.fail(ConnectionEnd.MiscGeneric, "the peer sent what cannot be inflated");
      } else {
        const flags = isReliable ? SendFlags.Reliable : SendFlags.Unreliable;
        messages.push({ peer: session.peer, payload, channel, flags, messageNumber, timeReceived_ms });
      }
    }
    for (const session of new Set(read.map((one) => one.session))) this.#refresh(session, now);
    return messages;
  }

  /** False where there is nobody to accept. */
  acceptSessionWithUser(peer: string, now: number): boolean {
    const session = this.#sessions.get(peer);
    if (session === undefined || session.isOver) return false;
    this.#activate(session, now);
    session.usedAt = now;
    this.#refresh(session, now);
    return true;
  }

  /** Ends it at once, without a word to the game; what was not confirmed may be lost. Refuses who is only asking. */
  closeSessionWithUser(peer: string, now: number): boolean {
    const session = this.#sessions.get(peer);
    if (session === undefined) return false;
    if (session.isActive) session.close(ConnectionEnd.AppGeneric, "the game closed the session");
    else session.close(ConnectionEnd.RemoteDenied, "the peer does not want to talk");
    this.#collect(session, now);
    if (!session.isActive && this.#asking.delete(peer)) this.#pathRequests.push({ type: "refuse", peer });
    this.#endSession(session);
    return true;
  }

  /** What waits on the channel is dropped; with its last channel the session ends. */
  closeChannelWithUser(peer: string, channel: number, now: number): boolean {
    const session = this.#sessions.get(peer);
    if (session === undefined || !session.channels.delete(channel)) return false;
    session.consume(channel, this.#inbox.drop(session, channel));
    if (session.channels.size === 0) return this.closeSessionWithUser(peer, now);
    this.#refresh(session, now);
    return true;
  }

  getSessionConnectionInfo(peer: string, now: number): SessionInfo {
    const session = this.#sessions.get(peer);
    if (session === undefined) return { state: ConnectionState.None, endReason: 0, endDebug: "", stats: null };
    const { state, end, debug } = session;
    return { state, endReason: end, endDebug: debug, stats: session.stats(now) };
  }

  /** Everybody with whom there is a session, or who asks for one. */
  get peers(): readonly string[] {
    return [...this.#sessions.keys()];
  }

  // --- the paths -----------------------------------------------------------------------------------------------

  /** He asks for a path; he gets one when the game accepts him, or sends to him. */
  pathRequested(peer: string, now: number): void {
    let session = this.#sessions.get(peer);
    if (session?.isOver === true) {
      this.#endSession(session);
      session = undefined;
    }
    session ??= this.#createSession(peer, now);
    if (session === undefined) return;
    this.#asking.add(peer);
    if (session.isActive) this.#allow(peer);
    else session.recordRequest(now);
    this.#refresh(session, now);
  }

  pathOpened(peer: string, path: PathInfo, now: number): void {
    if (path.mtu < limits.MTU_MIN) throw new RangeError(`a path must carry ${limits.MTU_MIN} bytes`);
    this.#paths.set(peer, path);
    this.#asking.delete(peer);
    const session = this.#sessions.get(peer);
    session?.pathOpened(path, now);
    if (session !== undefined) this.#refresh(session, now);
  }

  /** There is no path, or no longer. Reasons are `ConnectionEnd`'s. */
  pathLost(peer: string, reason: number, debug: string, now: number): void {
    this.#paths.delete(peer);
    this.#asking.delete(peer);
    const session = this.#sessions.get(peer);
    if (session === undefined) return;
    if (session.isActive) session.fail(reason, debug);
    else this.#endSession(session);
    this.#refresh(session, now);
  }

  /** A datagram of his. Never throws. */
  receiveDatagram(peer: string, bytes: Uint8Array, now: number): void {
    const packet = readPacket(bytes);
    const path = this.#paths.get(peer);
    if (packet === null || path === undefined) return;
    let session = this.#sessions.get(peer);
    if (packet.kind === "hello") {
      if (packet.from === 0 || this.#endedSessions.get(peer) === packet.from) return;
      const isAnew = session !== undefined && session.peerSessionId !== 0 && session.peerSessionId !== packet.from;
      if (session !== undefined && (session.isOver || (isAnew && session.isConnected))) {
        this.#endedSessions.set(peer, session.peerSessionId);
        this.#remove(session);
        session = undefined;
      }
      session ??= this.#createSession(peer, now);
      if (session === undefined) return;
      if (!session.hasPath) session.pathOpened(path, now);
      session.handleHello(packet, now);
    } else if (packet.kind === "bye") {
      if (session === undefined || (packet.to !== session.id && packet.from !== session.peerSessionId)) return;
      session.handleBye(packet);
      if (!session.isActive) this.#endSession(session);
    } else if (session === undefined || session.isOver || packet.to !== session.id) {
      if (now < this.#strayAt + limits.STRAY_BYE_MS) return;
      this.#strayAt = now;
      const says = { to: 0, from: packet.to, reason: ConnectionEnd.MiscPeerSentNoConnection, debug: "no such session" };
      this.#datagrams.push({ peer, bytes: writeBye(says) });
      return;
    } else for (const arrived of session.handleData(packet, now)) this.#inbox.add(session, arrived, now);
    if (session !== undefined) this.#refresh(session, now);
  }

  // --- time ----------------------------------------------------------------------------------------------------

  wake(now: number): void {
    for (const [session, due] of this.#due) {
      if (due > now) continue;
      if (now >= session.usedAt + limits.IDLE_TIMEOUT_MS) this.#expire(session, now);
      else this.#refresh(session, now);
    }
  }

  /** When to wake it next; Infinity for never. */
  deadline(): number {
    let next = Infinity;
    for (const due of this.#due.values()) if (due < next) next = due;
    return next;
  }

  takeDatagrams(): readonly { readonly peer: string; readonly bytes: Uint8Array }[] {
    const datagrams = this.#datagrams;
    this.#datagrams = [];
    return datagrams;
  }

  takePathRequests(): readonly PathRequest[] {
    const wishes = this.#pathRequests;
    this.#pathRequests = [];
    return wishes;
  }

  takeEvents(): readonly MessengerEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  // --- sessions ------------------------------------------------------------------------------------------------

  #createSession(peer: string, now: number): Session | undefined {
    if (this.#sessions.size >= limits.SESSIONS_MAX && !this.#makeRoom()) return undefined;
    const id = 1 + (this.#setup.random() % (2 ** 32 - 1));
    const session = new Session({ peer, id, compress: this.#setup.compress }, now);
    this.#sessions.set(peer, session);
    const path = this.#paths.get(peer);
    if (path !== undefined) session.pathOpened(path, now);
    return session;
  }

  /** What is over makes room, then who is only asking. */
  #makeRoom(): boolean {
    const all = [...this.#sessions.values()];
    const one = all.find((session) => session.isOver) ?? all.find((session) => !session.isActive);
    if (one !== undefined) this.#endSession(one);
    return one !== undefined;
  }

  #activate(session: Session, now: number): void {
    const { peer } = session;
    session.activate(now);
    if (session.hasPath) return;
    if (this.#asking.has(peer)) this.#allow(peer);
    else if (now >= (this.#connectRequestedAt.get(peer) ?? -Infinity) + limits.REQUEST_REPEAT_MS) {
      this.#connectRequestedAt.set(peer, now);
      this.#pathRequests.push({ type: "connect", peer });
    }
  }

  #allow(peer: string): void {
    this.#asking.delete(peer);
    this.#pathRequests.push({ type: "accept", peer });
  }

  /** Nobody used it for long: it goes without a word to the game. */
  #expire(session: Session, now: number): void {
    if (!session.isOver) session.close(ConnectionEnd.AppGeneric, "nobody used the session");
    this.#collect(session, now);
    this.#endSession(session);
  }

  #refresh(session: Session, now: number): void {
    session.tick(this.#receivesFromOthers(session, now), now);
    this.#collect(session, now);
    if (this.#sessions.get(session.peer) === session) this.#due.set(session, session.deadline());
    if (session.isOver) this.#release(session.peer);
  }

  #receivesFromOthers(session: Session, now: number): boolean {
    for (const other of this.#sessions.values())
      if (other !== session && other.lastReceivedAt > now - 2 * limits.KEEPALIVE_MS) return true;
    return false;
  }

  #collect(session: Session, now: number): void {
    const { peer } = session;
    for (const bytes of session.takeDatagrams(now)) this.#datagrams.push({ peer, bytes });
    for (const { type } of session.takeEvents()) {
      if (type === "request") this.#events.push({ type: "sessionRequest", peer });
      else {
        const { end: reason, state, debug } = session;
        this.#events.push({ type: "sessionFailed", reason, peer, state, debug });
      }
    }
  }

  /** With what he sent and nobody read, and with the path. */
  #endSession(session: Session): void {
    this.#endedSessions.delete(session.peer);
    if (session.peerSessionId !== 0) this.#endedSessions.set(session.peer, session.peerSessionId);
    if (this.#endedSessions.size > limits.SESSIONS_MAX) this.#endedSessions.delete(this.#endedSessions.keys().next().value!);
    this.#inbox.removeSession(session);
    this.#remove(session);
    this.#release(session.peer);
  }

  #remove(session: Session): void {
    this.#sessions.delete(session.peer);
    this.#due.delete(session);
    this.#connectRequestedAt.delete(session.peer);
  }

  #release(peer: string): void {
    this.#connectRequestedAt.delete(peer);
    if (this.#paths.delete(peer)) this.#pathRequests.push({ type: "release", peer });
  }
}
