/**
 * Messages by peer, with the functions of Steam's Networking Messages (isteamnetworkingmessages.h). Sans I/O: the caller
 * passes the time, carries datagrams, and finds paths.
 *
 *     in    the game's calls; pathRequested, pathOpened, pathLost, receiveDatagram from the paths; wake for the time
 *     out   takeDatagrams(): for the paths; takePathRequests(): paths to connect, accept, refuse or release;
 *           takeEvents(): for the game; deadline(): when to call wake
 *
 * A path is requested or accepted only after the game sent to the peer or accepted it: an ignored peer learns nothing.
 */
import { inflate } from "./compression.ts";
import type { Message, MessengerEvent, MessengerSetup, SessionInfo } from "./events.ts";
import { Inbox } from "./inbox.ts";
import * as limits from "./limits.ts";
import { type PathRequest, PathRequests } from "./path-requests.ts";
import { ConnectionEnd, ConnectionState, Result, SEND_FLAGS, SendFlags } from "./steam-constants.ts";
import { readPacket, writeBye } from "./packets.ts";
import { type PathInfo, Session } from "./session.ts";

export class Messenger {
  readonly #setup: MessengerSetup;
  readonly #sessions = new Map<string, Session>();
  readonly #paths = new PathRequests();
  /** The peers' ids of sessions that ended, by peer: a late hello of such a session is not a new request. */
  readonly #endedSessions = new Map<string, number>();
  readonly #inbox = new Inbox();
  readonly #due = new Map<Session, number>();
  #events: MessengerEvent[] = [];
  #datagrams: { peer: string; bytes: Uint8Array }[] = [];
  #strayAt = -Infinity;

  constructor(setup: MessengerSetup) {
    this.#setup = setup;
  }

  // --- the game ------------------------------------------------------------------------------------------------

  sendMessageToUser(peer: string, data: Uint8Array, flags: number, channel: number, now: number): Result {
    const isChannel = Number.isInteger(channel) && channel >= 0 && channel <= limits.CHANNEL_MAX;
    const isKnown = Number.isInteger(flags) && (flags & ~SEND_FLAGS) === 0;
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

  /** At most `max` messages, oldest first. */
  receiveMessagesOnChannel(channel: number, max: number, now: number): Message[] {
    const messages: Message[] = [];
    const read = this.#inbox.read(channel, max);
    for (const { session, arrived, number: messageNumber, at: timeReceived_ms } of read) {
      const { isReliable, isDeflated, bytes } = arrived;
      session.consume(channel, arrived.taken);
      const payload = isDeflated ? inflate(bytes) : bytes;
      if (payload === null) {
        if (isReliable) session.fail(ConnectionEnd.MiscGeneric, "the peer sent a message that cannot be inflated");
      } else {
        const flags = isReliable ? SendFlags.Reliable : SendFlags.Unreliable;
        messages.push({ peer: session.peer, payload, channel, flags, messageNumber, timeReceived_ms });
      }
    }
    for (const session of new Set(read.map((one) => one.session))) this.#refresh(session, now);
    return messages;
  }

  /** Returns false if the peer has no session to accept. */
  acceptSessionWithUser(peer: string, now: number): boolean {
    const session = this.#sessions.get(peer);
    if (session === undefined || session.isOver) return false;
    this.#activate(session, now);
    session.usedAt = now;
    this.#refresh(session, now);
    return true;
  }

  /**
   * Ends the session at once, without an event; unacknowledged messages may be lost. A peer that is not accepted yet is
   * refused.
   */
  closeSessionWithUser(peer: string, now: number): boolean {
    const session = this.#sessions.get(peer);
    if (session === undefined) return false;
    if (session.isActive) session.close(ConnectionEnd.AppGeneric, "the game closed the session");
    else session.close(ConnectionEnd.RemoteDenied, "the peer refused the session");
    this.#collect(session, now);
    if (!session.isActive) this.#paths.refuse(peer);
    this.#endSession(session);
    return true;
  }

  /** Drops the unread messages of the channel. Closing the last channel ends the session. */
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

  /** Peers that have or request a session. */
  get peers(): readonly string[] {
    return [...this.#sessions.keys()];
  }

  // --- the paths -----------------------------------------------------------------------------------------------

  /** The peer requests a path. It is accepted when the game accepts the peer or sends to it. */
  pathRequested(peer: string, now: number): void {
    let session = this.#sessions.get(peer);
    if (session?.isOver === true) {
      this.#endSession(session);
      session = undefined;
    }
    session ??= this.#createSession(peer, now);
    if (session === undefined) return;
    this.#paths.addRequester(peer);
    if (session.isActive) this.#paths.ensure(peer, now);
    else session.recordRequest(now);
    this.#refresh(session, now);
  }

  pathOpened(peer: string, path: PathInfo, now: number): void {
    if (path.mtu < limits.MTU_MIN) throw new RangeError(`a path must carry datagrams of ${limits.MTU_MIN} bytes`);
    this.#paths.opened(peer, path);
    const session = this.#sessions.get(peer);
    session?.pathOpened(path, now);
    if (session !== undefined) this.#refresh(session, now);
  }

  /** No path was found, or the path ended. `reason`: a `ConnectionEnd`. */
  pathLost(peer: string, reason: number, debug: string, now: number): void {
    this.#paths.lost(peer);
    const session = this.#sessions.get(peer);
    if (session === undefined) return;
    if (session.isActive) session.fail(reason, debug);
    else this.#endSession(session);
    this.#refresh(session, now);
  }

  /** Handles a datagram of the peer. Never throws. */
  receiveDatagram(peer: string, bytes: Uint8Array, now: number): void {
    const packet = readPacket(bytes);
    const path = this.#paths.get(peer);
    if (packet === null || path === undefined) return;
    let session = this.#sessions.get(peer);
    if (packet.kind === "hello") {
      if (packet.from === 0 || this.#endedSessions.get(peer) === packet.from) return;
      const isNew = session !== undefined && session.peerSessionId !== 0 && session.peerSessionId !== packet.from;
      if (session !== undefined && (session.isOver || (isNew && session.isConnected))) {
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
      const bye = { to: 0, from: packet.to, reason: ConnectionEnd.MiscPeerSentNoConnection, debug: "no such session" };
      this.#datagrams.push({ peer, bytes: writeBye(bye) });
      return;
    } else for (const message of session.handleData(packet, now)) this.#inbox.add(session, message, now);
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
    return this.#paths.take();
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

  /** Ends a session that is over, or else one that the game has not accepted. */
  #makeRoom(): boolean {
    const all = [...this.#sessions.values()];
    const one = all.find((session) => session.isOver) ?? all.find((session) => !session.isActive);
    if (one !== undefined) this.#endSession(one);
    return one !== undefined;
  }

  #activate(session: Session, now: number): void {
    const { peer } = session;
    session.activate(now);
    if (!session.hasPath) this.#paths.ensure(peer, now);
  }

  /** Ends an unused session, without an event. */
  #expire(session: Session, now: number): void {
    if (!session.isOver) session.close(ConnectionEnd.AppGeneric, "the session was idle");
    this.#collect(session, now);
    this.#endSession(session);
  }

  #refresh(session: Session, now: number): void {
    session.tick(this.#receivesFromOthers(session, now), now);
    this.#collect(session, now);
    if (this.#sessions.get(session.peer) === session) this.#due.set(session, session.deadline());
    if (session.isOver) this.#paths.release(session.peer);
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

  /** Removes the session, the peer's unread messages, and the path. */
  #endSession(session: Session): void {
    this.#endedSessions.delete(session.peer);
    if (session.peerSessionId !== 0) this.#endedSessions.set(session.peer, session.peerSessionId);
    if (this.#endedSessions.size > limits.SESSIONS_MAX)
      this.#endedSessions.delete(this.#endedSessions.keys().next().value!);
    this.#inbox.removeSession(session);
    this.#remove(session);
    this.#paths.release(session.peer);
  }

  #remove(session: Session): void {
    this.#sessions.delete(session.peer);
    this.#due.delete(session);
    this.#paths.sessionEnded(session.peer);
  }
}
