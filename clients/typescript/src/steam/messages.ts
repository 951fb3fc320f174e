/**
 * Steam's Networking Messages: the messenger with a clock, with paths from a lobby or another source, and with events.
 *
 *     const messages = new PeerMessages({ self, paths, members: () => lobby.members });
 *     messages.on("sessionRequest", (peer) => void messages.acceptSessionWithUser(peer));
 *     messages.sendMessageToUser(peer, bytes, SendFlags.ReliableNoNagle, 0);
 *     for (const { peer, payload } of messages.receiveMessagesOnChannel(0, 100)) ...
 */
import { randomBytes } from "node:crypto";
import { Emitter } from "../util/emitter.ts";
import type { Message, SessionInfo } from "../messages/events.ts";
import { Messenger } from "../messages/messenger.ts";
import type { ConnectionState, Result } from "../messages/steam-constants.ts";
import type { DatagramPath, Paths } from "../messages/path.ts";

export type PeerMessagesEvents = {
  /** A peer requests a session. An ignored peer learns nothing; the event repeats while it goes on. */
  sessionRequest: [peer: string];
  /** A session could not be established, or broke. Not emitted if the peer closed it or it was idle. */
  sessionFailed: [reason: number, peer: string, state: ConnectionState, debug: string];
};

export type PeerMessagesOptions = {
  readonly self: string;
  readonly paths: Paths;
  /** The members of the lobby, with or without this one. */
  readonly members?: () => Iterable<string>;
  /** Default true. */
  readonly compress?: boolean;
};

export type ConnectionInfo = SessionInfo & { readonly path: DatagramPath["kind"]; readonly pathRtt_ms: number | null };

export class PeerMessages extends Emitter<PeerMessagesEvents> {
  readonly #self: string;
  readonly #paths: Paths;
  readonly #members: () => Iterable<string>;
  readonly #messenger: Messenger;
  readonly #open = new Map<string, DatagramPath>();
  #timer: NodeJS.Timeout | null = null;
  #timerAt = Infinity;
  #isDrainDue = false;
  #isClosed = false;

  constructor({ self, paths, members = () => [], compress = true }: PeerMessagesOptions) {
    super();
    this.#self = self;
    this.#paths = paths;
    this.#members = members;
    this.#messenger = new Messenger({ self, compress, random: () => randomBytes(4).readUInt32BE() });
    paths.on = {
      requested: (peer) => this.#run((now) => this.#messenger.pathRequested(peer, now)),
      opened: (peer, path) => this.#opened(peer, path),
      failed: (peer, reason, debug) => this.#run((now) => this.#messenger.pathLost(peer, reason, debug, now)),
    };
  }

  /** `peer`: a peer id. `flags`: `SendFlags`. */
  sendMessageToUser(peer: string, data: Uint8Array, flags: number, channel: number): Result {
    return this.#run((now) => this.#messenger.sendMessageToUser(peer, data, flags, channel, now));
  }

  /** Sends to every other member. Returns the result of each. */
  sendMessageToLobby(data: Uint8Array, flags: number, channel: number): Map<string, Result> {
    const others = [...this.#members()].filter((peer) => peer !== this.#self);
    return this.#run(
      (now) =>
        new Map(others.map((peer) => [peer, this.#messenger.sendMessageToUser(peer, data, flags, channel, now)])),
    );
  }

  receiveMessagesOnChannel(channel: number, max: number): Message[] {
    return this.#run((now) => this.#messenger.receiveMessagesOnChannel(channel, max, now));
  }

  acceptSessionWithUser(peer: string): boolean {
    return this.#run((now) => this.#messenger.acceptSessionWithUser(peer, now));
  }

  closeSessionWithUser(peer: string): boolean {
    return this.#run((now) => this.#messenger.closeSessionWithUser(peer, now));
  }

  closeChannelWithUser(peer: string, channel: number): boolean {
    return this.#run((now) => this.#messenger.closeChannelWithUser(peer, channel, now));
  }

  getSessionConnectionInfo(peer: string): ConnectionInfo {
    const path = this.#open.get(peer);
    const info = this.#messenger.getSessionConnectionInfo(peer, performance.now());
    return { ...info, path: path?.kind ?? null, pathRtt_ms: path?.rtt_ms ?? null };
  }

  /** Ends every session and path. */
  close(): void {
    for (const peer of this.#messenger.peers) this.closeSessionWithUser(peer);
    this.#drain();
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const path of this.#open.values()) path.close();
    this.#open.clear();
  }

  // --- internals -----------------------------------------------------------------------------------------------

  #run<T>(what: (now: number) => T): T {
    const answer = what(performance.now());
    // Once per turn of the event loop, so that datagrams that arrive together are acknowledged together.
    if (!this.#isDrainDue && !this.#isClosed) {
      this.#isDrainDue = true;
      setImmediate(() => this.#drain());
    }
    return answer;
  }

  #opened(peer: string, path: DatagramPath): void {
    this.#open.get(peer)?.close();
    this.#open.set(peer, path);
    path.onDatagram = (bytes) => this.#run((now) => this.#messenger.receiveDatagram(peer, bytes, now));
    path.onClosed = (reason, debug) => {
      if (this.#open.get(peer) === path) this.#open.delete(peer);
      this.#run((now) => this.#messenger.pathLost(peer, reason, debug, now));
    };
    const { mtu, rtt_ms } = path;
    this.#run((now) => this.#messenger.pathOpened(peer, { mtu, rtt_ms }, now));
  }

  #drain(): void {
    this.#isDrainDue = false;
    if (this.#isClosed) return;
    const messenger = this.#messenger;
    messenger.wake(performance.now());
    for (const { peer, bytes } of messenger.takeDatagrams()) this.#open.get(peer)?.send(bytes);
    for (const { type, peer } of messenger.takePathRequests()) {
      if (type === "release") this.#release(peer);
      else this.#paths[type](peer);
    }
    for (const event of messenger.takeEvents()) {
      if (event.type === "sessionRequest") this.emit("sessionRequest", [event.peer]);
      else this.emit("sessionFailed", [event.reason, event.peer, event.state, event.debug]);
    }
    this.#wakeAt(messenger.deadline());
  }

  #release(peer: string): void {
    const path = this.#open.get(peer);
    this.#open.delete(peer);
    if (path === undefined) return;
    path.onDatagram = null;
    path.onClosed = null;
    path.close();
  }

  #wakeAt(at: number): void {
    if (at === this.#timerAt) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === Infinity) return;
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Infinity;
        this.#drain();
      },
      Math.max(0, at - performance.now()),
    );
  }
}
