/**
 * This client's membership of one lobby: the lobby's state and events, chat, and connections to the other members.
 *
 *     lobby      the lobby changed, as far as this member may see it
 *     hosting    this client became the host; with the former host's snapshot, or null if there is none
 *     peer       a peer is connected, and there is a path
 *     chat, signal
 *     request    a peer requests a connection, and this member's consent is `ask`
 *     event      every event of the hub (docs/reference/events.md), after it was handled here
 *     opened     the event stream is open, at first or again
 *     lost       the event stream is interrupted and reconnects; connections go on
 *     over       the lobby or this membership ended
 */
import { ConnectSignals } from "../api/connect-signals.ts";
import type { ConnectOptions, MemberPaths, MemberPeer, Network, NetworkWatch, PathKind } from "../api/member-paths.ts";
import { CONNECT_TIMEOUT_MS } from "../connect/limits.ts";
import { Emitter } from "../util/emitter.ts";
import { EventStream, type HubEvent } from "./event-stream.ts";
import { EXPECTANT_MEMBERS_MAX } from "./limits.ts";
import type { HubClient } from "../api/hub-client.ts";
import type { Joined, Lobby, LobbyPatch, Member } from "../api/types.ts";

export type ConnectionRequest = { readonly peer_id: string; readonly accept: () => void; readonly deny: () => void };

/** `snapshot`: the bytes that a former host saved last. */
export type Hosting = { readonly term: number; readonly snapshot: Uint8Array | null };

export type LobbyMembershipEvents<P> = {
  lobby: [lobby: Lobby];
  hosting: [hosting: Hosting];
  peer: [peer: P];
  chat: [from: string, text: string];
  signal: [from: string, body: string];
  request: [request: ConnectionRequest];
  event: [event: HubEvent];
  opened: [];
  lost: [];
  over: [why: string];
};

export type SnapshotOptions = { readonly readers?: "members" | "host" };

/** The hub would answer the same, after both have agreed. */
const NO_COMMON_PATH =
  "misc_no_common_path: One of the two peers uses only WebRTC and the other only UDP: they have no kind of path in common.";

/** The round trip assumed before the first pong. */
const RTT_INITIAL_MS = 50;

export class LobbyMembership<P extends MemberPeer> extends Emitter<LobbyMembershipEvents<P>> {
  readonly #hub: HubClient;
  readonly #peerId: string;
  readonly #events: EventStream;
  readonly #paths: MemberPaths<P>;
  /** Proves this membership to the host, which verifies it offline (`ProofVerifier`). Valid for an hour. */
  readonly proof: string | null;
  readonly #watch: NetworkWatch;
  readonly #kinds: readonly PathKind[];
  #lobby: Lobby;
  #isOver = false;

  constructor(hub: HubClient, me: string, { lobby, membership_proof, session_ticket }: Joined, network: Network<P>) {
    super();
    this.#hub = hub;
    this.#peerId = me;
    this.#lobby = lobby;
    this.#kinds = network.kinds;
    this.proof = membership_proof ?? null;
    this.#events = new EventStream(hub, hub.token!, lobby.id);
    this.#paths = network.openPaths({
      hub,
      lobby: lobby.id,
      self: me,
      session_ticket: session_ticket ?? null,
      signals: new ConnectSignals(hub, lobby.id, this.#events),
      rtt_ms: () => this.#events.rtt_ms ?? RTT_INITIAL_MS,
      kindsOf: (peer) => this.#kindsOf(peer),
      handles: () => true,
      mayConnect: (peer_id) =>
        new Promise((decide) =>
          this.emit("request", [{ peer_id, accept: () => decide(true), deny: () => decide(false) }]),
        ),
      onPeer: (peer) => this.emit("peer", [peer]),
    });
    this.#events.on("opened", (lobby) => this.#handleSnapshot(lobby));
    this.#events.on("event", (event) => {
      this.#handleEvent(event);
      this.emit("event", [event]);
    });
    this.#events.on("lost", () => this.emit("lost", []));
    this.#events.on("over", (code) => this.#end(code));
    this.#watch = network.watch(() => this.networkChanged());
  }

  get lobby(): Lobby {
    return this.#lobby;
  }

  /** The peer ids of the other members. */
  get others(): string[] {
    const ids = this.#lobby.members.map(({ peer_id }) => peer_id);
    return ids.filter((id): id is string => typeof id === "string" && id !== this.#peerId);
  }

  get peers(): P[] {
    return this.#paths.peers;
  }

  /** Resolves with the first path of any kind. A better one may follow. */
  connect(peer: string, options: ConnectOptions = {}): Promise<P> {
    if (this.#kindsOf(peer)?.some((kind) => this.#kinds.includes(kind)) === false)
      return Promise.reject(new Error(NO_COMMON_PATH));
    const found = this.#paths.connect(peer, options);
    if (found.path !== null) return Promise.resolve(found);
    return new Promise((done, failed) => {
      const finish = (then: () => void): void => {
        clearTimeout(timer);
        found.off("path", look).off("closed", fail);
        then();
      };
      const look = ({ path }: { path: string | null }): void => void (path !== null && finish(() => done(found)));
      const fail = (why: string): void => finish(() => failed(new Error(why)));
      const timer = setTimeout(() => found.close(`No path was found: ${found.why}`), CONNECT_TIMEOUT_MS);
      found.on("path", look).on("closed", fail);
    });
  }

  chat = async (text: string): Promise<void> =>
    void (await this.#events.request("chat", { lobby_id: this.#lobby.id, text }));
  signal = async (to: string, body: string): Promise<void> =>
    void (await this.#events.request("signal", { lobby_id: this.#lobby.id, to, body }));
  updateLobby = (patch: LobbyPatch): Promise<Lobby> => this.#hub.updateLobby(this.#lobby.id, patch);

  /**
   * Saves the state of the game for the next host, as opaque bytes of at most 64 KiB. `readers` "host": no other member
   * may read it. Rejects with a HubRefusal if this client is not the host.
   */
  saveSnapshot = async (bytes: Uint8Array, { readers = "members" }: SnapshotOptions = {}): Promise<void> =>
    void (await this.#hub.putSnapshot(this.#lobby.id, this.#lobby.term, bytes, readers));

  /** A changed address is noticed within a second. A game that knows earlier may call this. */
  networkChanged(): void {
    this.#watch.reset();
    this.#hub.networkChanged();
    this.#events.reconnect();
    this.#paths.networkChanged();
  }

  /** Closes all connections of this lobby, and leaves it. */
  async leave(): Promise<void> {
    if (this.#isOver) return;
    this.#end("left");
    await this.#hub.removeMember(this.#lobby.id, this.#peerId).catch(() => {});
  }

  // -------------------------------------------------------------------------------------------------------------

  #handleSnapshot(lobby: Lobby): void {
    this.#setLobby(lobby);
    // The seat was lost while the event stream was down for longer than the grace.
    if (!lobby.members.some(({ peer_id }) => peer_id === this.#peerId)) return this.#end("timed_out");
    this.emit("opened", []);
    void this.#paths.resume();
  }

  #handleEvent({ type, data }: HubEvent): void {
    if (this.#paths.handleEvent(type, data)) return;
    switch (type) {
      case "lobby.updated":
        return this.#setLobby(data["lobby"] as Lobby);
      case "lobby.host_changed":
        // The complete lobby follows within a second (docs/reference/events.md).
        return this.#setLobby({ ...this.#lobby, host: data["host"] as Lobby["host"], term: Number(data["term"]) });
      case "lobby.removed":
        return this.#end(String(data["cause"]));
      case "member.joined":
        this.#setMember(data["member"] as Member, true);
        if (this.#isProbablyNext()) this.#paths.expectRequests();
        return;
      case "member.updated":
        return this.#setMember(data["member"] as Member, true);
      case "member.left":
        this.#paths.memberLeft(String(data["peer_id"]));
        return this.#setMember(data as unknown as Member, false);
      case "chat":
        return this.emit("chat", [String(data["from"]), String(data["text"])]);
      case "signal":
        return this.emit("signal", [String(data["from"]), String(data["body"])]);
    }
  }

  #kindsOf(peer: string): Member["paths"] {
    return this.#lobby.members.find(({ peer_id }) => peer_id === peer)?.paths;
  }

  #setLobby(lobby: Lobby): void {
    const became_host = lobby.host === this.#peerId && this.#lobby.host !== this.#peerId;
    this.#lobby = lobby;
    this.emit("lobby", [lobby]);
    if (became_host) void this.#takeOver(lobby.term);
  }

  async #takeOver(term: number): Promise<void> {
    const stored = await this.#hub.getSnapshot(this.#lobby.id).catch(() => null);
    const still = !this.#isOver && this.#lobby.term === term && this.#lobby.host === this.#peerId;
    if (still) this.emit("hosting", [{ term, snapshot: stored?.bytes ?? null }]);
  }

  #setMember(member: Member, isIn: boolean): void {
    const others = this.#lobby.members.filter(({ peer_id }) => peer_id !== member.peer_id);
    this.#setLobby({ ...this.#lobby, members: isIn ? [...others, member] : others });
  }

  /** Whether a new member will probably connect to this one: in larger lobbies only the host says in advance where it is. */
  #isProbablyNext(): boolean {
    return this.#lobby.host === this.#peerId || this.#lobby.members.length <= EXPECTANT_MEMBERS_MAX;
  }

  #end(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch.close();
    this.#events.close();
    this.#paths.close();
    this.emit("over", [why]);
  }
}
