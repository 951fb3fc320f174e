/**
 * A member's place in a lobby: what happens there, what he says there, and his connections to the others.
 *
 *     lobby      the lobby as it is now, as far as this member may see it
 *     peer       somebody connected to us, and there is a path
 *     chat, signal
 *     request    somebody wants to connect, and this member wants to be asked
 *     told       whatever the hub tells, as it tells it (docs/reference/events.md), after what follows from it here
 *     opened     the hub is watched, from the beginning or again
 *     lost       it is not, and comes back by itself; connections go on
 *     over       the lobby, or this member's time in it
 */
import type { Observer } from "../connect/reflexive-probe.ts";
import { type ConnectOptions, Introductions } from "../connect/connector.ts";
import { ADDRESSES_LOOKED_AT_MS, CONNECT_MS } from "../connect/limits.ts";
import type { Peer } from "../connect/peer.ts";
import { ownAddresses } from "../connect/sockets.ts";
import { Emitter } from "../util/emitter.ts";
import { Feed, type FeedEvent } from "./event-stream.ts";
import type { Hub } from "../api/hub-client.ts";
import type { Joined, Lobby, LobbyPatch, Member } from "../api/types.ts";

export type Request = { readonly peer_id: string; readonly accept: () => void; readonly deny: () => void };

export type SeatEvents = {
  lobby: [lobby: Lobby];
  peer: [peer: Peer];
  chat: [from: string, text: string];
  signal: [from: string, body: string];
  request: [request: Request];
  told: [event: FeedEvent];
  opened: [];
  lost: [];
  over: [why: string];
};

export type SeatOptions = {
  /** May some hundred sockets and some thousand datagrams be used, where nothing else helps? Yes, unless said. */
  readonly birthday?: boolean;
};

/** Until the first ping was answered. */
const RTT_MS = 50;

export class Seat extends Emitter<SeatEvents> {
  readonly #hub: Hub;
  readonly #me: string;
  readonly #feed: Feed;
  readonly #introductions: Introductions;
  readonly #watch: NodeJS.Timeout;
  #lobby: Lobby;
  #addresses = ownAddresses().join();
  #isOver = false;

  constructor(hub: Hub, me: string, { lobby }: Joined, observer: Observer, { birthday = true }: SeatOptions) {
    super();
    this.#hub = hub;
    this.#me = me;
    this.#lobby = lobby;
    this.#feed = new Feed(hub, hub.token!, lobby.id);
    this.#introductions = new Introductions({
      hub,
      lobby: lobby.id,
      observer,
      birthday,
      rtt_ms: () => this.#feed.rtt_ms ?? RTT_MS,
      mayConnect: (peer_id) =>
        new Promise((decide) =>
          this.emit("request", [{ peer_id, accept: () => decide(true), deny: () => decide(false) }]),
        ),
      met: (peer) => this.emit("peer", [peer]),
    });
    this.#feed.on("opened", (lobby) => this.#opened(lobby));
    this.#feed.on("event", (event) => {
      this.#hear(event);
      this.emit("told", [event]);
    });
    this.#feed.on("lost", () => this.emit("lost", []));
    this.#feed.on("over", (code) => this.#end(code));
    this.#watch = setInterval(() => this.#lookAtAddresses(), ADDRESSES_LOOKED_AT_MS).unref();
  }

  get lobby(): Lobby {
    return this.#lobby;
  }

  /** The peer ids of the other members. */
  get others(): string[] {
    const ids = (this.#lobby.roster ?? []).map(({ peer_id }) => peer_id);
    return ids.filter((id): id is string => typeof id === "string" && id !== this.#me);
  }

  get peers(): Peer[] {
    return this.#introductions.peers;
  }

  /** Resolves with the first path, of whatever kind; a better one may follow. */
  connect(peer: string, options: ConnectOptions = {}): Promise<Peer> {
    const found = this.#introductions.connect(peer, options);
    if (found.path !== null) return Promise.resolve(found);
    return new Promise((done, failed) => {
      const finish = (then: () => void): void => {
        clearTimeout(timer);
        found.off("path", look).off("closed", fail);
        then();
      };
      const look = ({ path }: { path: string | null }): void => void (path !== null && finish(() => done(found)));
      const fail = (why: string): void => finish(() => failed(new Error(why)));
      const timer = setTimeout(() => found.close(`No path was found: ${found.why}`), CONNECT_MS);
      found.on("path", look).on("closed", fail);
    });
  }

  chat = async (text: string): Promise<void> => void (await this.#feed.say("chat", { lobby: this.#lobby.id, text }));
  signal = async (to: string, body: string): Promise<void> =>
    void (await this.#feed.say("signal", { lobby: this.#lobby.id, to, body }));
  change = (said: LobbyPatch): Promise<Lobby> => this.#hub.change(this.#lobby.id, said);

  /** What this machine's addresses are, it finds out by itself within a second; who knows more says so. */
  moved(): void {
    this.#addresses = ownAddresses().join();
    this.#feed.renew();
    this.#introductions.moved();
  }

  /** Ends all connections of this lobby, and gives the seat back. */
  async leave(): Promise<void> {
    if (this.#isOver) return;
    this.#end("left");
    await this.#hub.remove(this.#lobby.id, this.#me).catch(() => {});
  }

  // -------------------------------------------------------------------------------------------------------------

  #opened(lobby: Lobby): void {
    this.#see(lobby);
    this.emit("opened", []);
    void this.#introductions.resume();
  }

  #hear({ type, data }: FeedEvent): void {
    if (this.#introductions.hear(type, data)) return;
    switch (type) {
      case "lobby.updated":
        return this.#see(data["lobby"] as Lobby);
      case "lobby.host_changed":
        // All of it follows within a second (docs/reference/events.md).
        return this.#see({ ...this.#lobby, host: data["host"] as Lobby["host"], term: Number(data["term"]) });
      case "lobby.removed":
        return this.#end(String(data["reason"]));
      case "member.joined":
      case "member.updated":
        return this.#seeMember(data["member"] as Member, true);
      case "member.left":
        this.#introductions.left(String(data["peer_id"]));
        return this.#seeMember(data as unknown as Member, false);
      case "chat":
        return this.emit("chat", [String(data["from"]), String(data["text"])]);
      case "signal":
        return this.emit("signal", [String(data["from"]), String(data["body"])]);
    }
  }

  #see(lobby: Lobby): void {
    this.#lobby = lobby;
    this.emit("lobby", [lobby]);
  }

  #seeMember(member: Member, isIn: boolean): void {
    const others = (this.#lobby.roster ?? []).filter(({ peer_id }) => peer_id !== member.peer_id);
    this.#see({ ...this.#lobby, roster: isIn ? [...others, member] : others });
  }

  #lookAtAddresses(): void {
    const now = ownAddresses().join();
    if (now === this.#addresses) return;
    // Without any there is nowhere to go: the next one is waited for.
    if (now === "" || now === "127.0.0.1") return;
    this.moved();
  }

  #end(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#watch);
    this.#feed.close();
    this.#introductions.close();
    this.emit("over", [why]);
  }
}
