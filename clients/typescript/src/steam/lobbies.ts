/**
 * Steam's Matchmaking for peers of ours: lobbies by their ids, with Steam's functions, events and numbers, over the hub's
 * API (docs/reference/http.md). One lobby that one is in is a `Seat`; messages to its members go over `messages`.
 *
 *     const steam = await SteamLobbies.open({ url, game });
 *     const lobby = await steam.createLobby(LobbyType.Public, 4);
 *     steam.setLobbyData(lobby, "mode", "coop");
 */
import { Emitter } from "../util/emitter.ts";
import { HubRefusal } from "../api/hub-client.ts";
import { Player, type PlayerOptions } from "../lobby/client.ts";
import type { Seat } from "../lobby/membership.ts";
import type { Lobby, Member, NewLobby, Page, Summary } from "../api/types.ts";
import { invitationLink, type Invitation } from "./invitation.ts";
import { LobbyListFilters, REGION_KEY } from "./lobby-list.ts";
import {
  ChatMemberStateChange,
  ChatRoomEnterResponse,
  type LobbyComparison,
  type LobbyDistanceFilter,
  type LobbyType,
  responseOf,
  stateOf,
  visibilityOf,
} from "./steam-constants.ts";
import { PeerMessages } from "./messages.ts";
import { SeatPaths } from "./lobby-paths.ts";

export type Value = string | number | boolean;

export type SteamLobbiesEvents = {
  /** One is in, or not and why. */
  lobbyJoined: [lobby: string, response: ChatRoomEnterResponse];
  /** Somebody came or went: `by` himself, or whoever kicked him. */
  lobbyChatUpdate: [lobby: string, changed: string, by: string, state: ChatMemberStateChange];
  lobbyDataUpdate: [lobby: string];
  lobbyMessage: [lobby: string, from: string, text: string];
  /** The owner is another one: he handed it on, or is gone. */
  lobbyOwnerChanged: [lobby: string, owner: string | null];
  /** The owner says where the game is: a member's peer id, or whatever the game means by it. */
  lobbyGameCreated: [lobby: string, server: string];
  /** One is no member any more, or it is over. */
  lobbyClosed: [lobby: string, why: string];
};

/** The owner says in this data key where the game is. */
const SERVER_KEY = "gameserver";
/** So many keys can be searched for (docs/reference/http.md). */
const INDEXED_MAX = 10;

export type CreateOptions = {
  readonly name?: string;
  readonly memberName?: string;
  readonly data?: Record<string, Value>;
};
export type JoinOptions = { readonly password?: string; readonly memberName?: string };

export class SteamLobbies extends Emitter<SteamLobbiesEvents> {
  readonly player: Player;
  readonly #options: PlayerOptions;
  readonly #region: string | null;
  readonly #seats = new Map<string, { readonly seat: Seat; readonly messages: PeerMessages; server: string | null }>();
  /** Lobbies that were asked for and that one is not in. */
  readonly #seen = new Map<string, Lobby>();
  #filters = new LobbyListFilters();

  private constructor(player: Player, options: PlayerOptions, region: string | null) {
    super();
    this.player = player;
    this.#options = options;
    this.#region = region;
  }

  static async open(options: PlayerOptions): Promise<SteamLobbies> {
    const player = await Player.open(options);
    const { sidecars } = await player.hub.sidecars();
    return new SteamLobbies(player, options, sidecars[0]?.region ?? null);
  }

  /** Oneself, as the others know one. */
  getSteamID = (): string => this.player.id;

  // --- making and joining --------------------------------------------------------------------------------------

  /** The new lobby's id. Rejects with a HubRefusal. */
  async createLobby(type: LobbyType, maxMembers: number, options: CreateOptions = {}): Promise<string> {
    const { name = "Lobby", memberName, data = {} } = options;
    const said: NewLobby = {
      name,
      seats: maxMembers,
      visibility: visibilityOf(type),
      data: entriesOf({ ...(this.#region !== null && { [REGION_KEY]: this.#region }), ...data }, 0),
      ...(memberName !== undefined && { member_name: memberName }),
    };
    return this.#sit(await this.player.host(said));
  }

  /** By its id or by its code. What became of it is also told as `lobbyJoined`. */
  async joinLobby(lobby: string, { password, memberName }: JoinOptions = {}): Promise<ChatRoomEnterResponse> {
    const said = {
      ...(password !== undefined && { password }),
      ...(memberName !== undefined && { member_name: memberName }),
    };
    const isCode = lobby.length < CODE_LENGTH_BELOW;
    try {
      await this.#sit(await this.player.join(isCode ? { code: lobby, ...said } : { id: lobby, ...said }));
      return ChatRoomEnterResponse.Success;
    } catch (error) {
      const response = error instanceof HubRefusal ? responseOf(error.code) : ChatRoomEnterResponse.Error;
      this.emit("lobbyJoined", [lobby, response]);
      return response;
    }
  }

  async leaveLobby(lobby: string): Promise<void> {
    await this.#seats.get(lobby)?.seat.leave();
  }

  /** Leaves all of them. */
  async close(): Promise<void> {
    await this.player.close();
  }

  /** The lobbies that one is in. */
  get lobbies(): readonly string[] {
    return [...this.#seats.keys()];
  }

  /** Messages to the others of a lobby. */
  messages(lobby: string): PeerMessages {
    return this.#in(lobby).messages;
  }

  // --- looking for one -----------------------------------------------------------------------------------------

  addRequestLobbyListStringFilter = (key: string, value: string, comparison: LobbyComparison): void =>
    this.#filters.add(key, value, comparison);
  addRequestLobbyListNumericalFilter = (key: string, value: number, comparison: LobbyComparison): void =>
    this.#filters.add(key, value, comparison);
  addRequestLobbyListNearValueFilter = (key: string, value: number): void => this.#filters.near(key, value);
  addRequestLobbyListFilterSlotsAvailable = (slots: number): void => this.#filters.slots(slots);
  addRequestLobbyListDistanceFilter = (filter: LobbyDistanceFilter): void => this.#filters.distance(filter);
  addRequestLobbyListResultCountFilter = (max: number): void => this.#filters.results(max);

  /** The lobbies that are so; the filters are forgotten. */
  async requestLobbyList(): Promise<readonly Summary[]> {
    const filters = this.#filters;
    this.#filters = new LobbyListFilters();
    const page = await this.player.hub.ask<Page>("GET", `/lobbies?${filters.query(this.#region).toString()}`);
    return filters.order(page.lobbies, this.#region);
  }

  /** Looks again at a lobby that one need not be in. False where there is none. */
  async requestLobbyData(lobby: string): Promise<boolean> {
    try {
      const found = await this.player.hub.read(lobby);
      if (this.#seen.size >= SEEN_MAX) this.#seen.delete(this.#seen.keys().next().value!);
      this.#seen.set(lobby, found);
      this.emit("lobbyDataUpdate", [lobby]);
      return true;
    } catch (error) {
      if (error instanceof HubRefusal) return false;
      throw error;
    }
  }

  // --- what is known of one ------------------------------------------------------------------------------------

  getLobbyOwner = (lobby: string): string | null => this.#known(lobby)?.host ?? null;
  getLobbyMemberLimit = (lobby: string): number => this.#known(lobby)?.seats ?? 0;
  getNumLobbyMembers = (lobby: string): number => this.#roster(lobby).length;
  getLobbyMemberByIndex = (lobby: string, index: number): string | null => this.#roster(lobby)[index]?.peer_id ?? null;
  getFriendPersonaName = (lobby: string, peer: string): string => this.#member(lobby, peer)?.name ?? "";
  getLobbyData = (lobby: string, key: string): string => String(this.#data(lobby)[key] ?? "");
  getAllLobbyData = (lobby: string): Readonly<Record<string, Value>> => this.#data(lobby);
  getLobbyMemberData = (lobby: string, peer: string, key: string): string =>
    String(this.#member(lobby, peer)?.data?.[key] ?? "");
  getLobbyGameServer = (lobby: string): string | null => this.getLobbyData(lobby, SERVER_KEY) || null;

  /** The link that invites into it, and what a program may be started with. */
  getInvitation(lobby: string): { readonly link: string; readonly arguments: readonly string[] } | null {
    const code = this.#known(lobby)?.join_code;
    if (code === undefined) return null;
    const { url, game = "default" } = this.#options;
    return { link: invitationLink(url, game, code), arguments: ["+connect_lobby", code] };
  }

  /** Into the lobby of an invitation to this hub and game. */
  joinInvitation(invitation: Invitation, options: JoinOptions = {}): Promise<ChatRoomEnterResponse> {
    return this.joinLobby(invitation.code, options);
  }

  // --- what is said of one; the owner alone, but for what one says of oneself ------------------------------------

  setLobbyData = (lobby: string, key: string, value: Value): Promise<unknown> =>
    this.#in(lobby).seat.change({ data: entriesOf({ [key]: value }, this.#indexed(lobby, key)) });
  deleteLobbyData = (lobby: string, key: string): Promise<unknown> =>
    this.#in(lobby).seat.change({ data: { [key]: null } });
  setLobbyJoinable = (lobby: string, joinable: boolean): Promise<unknown> => this.#in(lobby).seat.change({ joinable });
  setLobbyType = (lobby: string, type: LobbyType): Promise<unknown> =>
    this.#in(lobby).seat.change({ visibility: visibilityOf(type) });
  setLobbyMemberLimit = (lobby: string, seats: number): Promise<unknown> => this.#in(lobby).seat.change({ seats });
  setLobbyOwner = (lobby: string, peer: string): Promise<unknown> =>
    this.player.hub.handOver(lobby, { peer_id: peer, expected_term: this.#in(lobby).seat.lobby.term });
  /** Every member is told `lobbyGameCreated`. */
  setLobbyGameServer = (lobby: string, server: string): Promise<unknown> =>
    this.#in(lobby).seat.change({ data: { [SERVER_KEY]: { value: server, visibility: "member" } } });
  setLobbyMemberData = (lobby: string, key: string, value: Value): Promise<unknown> =>
    this.player.hub.changeMember(lobby, this.player.id, { data: { [key]: value } });
  sendLobbyChatMsg = (lobby: string, text: string): Promise<void> => this.#in(lobby).seat.chat(text);

  // -------------------------------------------------------------------------------------------------------------

  async #sit(seat: Seat): Promise<string> {
    const lobby = seat.lobby.id;
    const messages = new PeerMessages({ self: this.player.id, paths: new SeatPaths(seat), members: () => seat.others });
    const here = { seat, messages, server: this.#serverOf(seat.lobby) };
    this.#seats.set(lobby, here);
    this.#seen.delete(lobby);
    seat.on("lobby", (now) => {
      this.emit("lobbyDataUpdate", [lobby]);
      const server = this.#serverOf(now);
      if (server !== null && server !== here.server) this.emit("lobbyGameCreated", [lobby, server]);
      here.server = server;
    });
    seat.on("told", ({ type, data }) => this.#told(lobby, type, data));
    seat.on("chat", (from, text) => this.emit("lobbyMessage", [lobby, from, text]));
    seat.on("over", (why) => {
      messages.close();
      this.#seats.delete(lobby);
      this.emit("lobbyClosed", [lobby, why]);
    });
    // Sessions are the game's to accept, so that who is ignored learns no address.
    await this.player.hub.changeMember(lobby, this.player.id, { consent: "ask" });
    this.emit("lobbyJoined", [lobby, ChatRoomEnterResponse.Success]);
    return lobby;
  }

  #told(lobby: string, type: string, data: Readonly<Record<string, unknown>>): void {
    if (type === "member.joined") {
      const { peer_id } = data["member"] as Member;
      if (peer_id !== null) this.emit("lobbyChatUpdate", [lobby, peer_id, peer_id, ChatMemberStateChange.Entered]);
    } else if (type === "member.left") {
      const changed = String(data["peer_id"]);
      const by = typeof data["by"] === "string" ? data["by"] : changed;
      this.emit("lobbyChatUpdate", [lobby, changed, by, stateOf(String(data["state"]))]);
    } else if (type === "lobby.host_changed") {
      const host = data["host"];
      this.emit("lobbyOwnerChanged", [lobby, typeof host === "string" ? host : null]);
    }
  }

  #in(lobby: string): { readonly seat: Seat; readonly messages: PeerMessages } {
    const here = this.#seats.get(lobby);
    if (here === undefined) throw new RangeError(`not in the lobby ${lobby}`);
    return here;
  }

  #known = (lobby: string): Lobby | undefined => this.#seats.get(lobby)?.seat.lobby ?? this.#seen.get(lobby);
  #roster = (lobby: string): readonly Member[] => this.#known(lobby)?.roster ?? [];
  #member = (lobby: string, peer: string): Member | undefined =>
    this.#roster(lobby).find(({ peer_id }) => peer_id === peer);

  /** Members are shown more than what lists have. */
  #data(lobby: string): Readonly<Record<string, Value>> {
    const known = this.#known(lobby);
    const entries = Object.entries(known?.entries ?? {}).map(([key, { value }]) => [key, value] as const);
    return { ...known?.data, ...Object.fromEntries(entries) };
  }

  #serverOf = ({ data, entries }: Lobby): string | null => {
    const value = entries?.[SERVER_KEY]?.value ?? data[SERVER_KEY];
    return value === undefined ? null : String(value);
  };

  /** How many other keys can be searched for already. */
  #indexed(lobby: string, key: string): number {
    const entries = Object.entries(this.#known(lobby)?.entries ?? {});
    return entries.filter(([other, { index }]) => index && other !== key).length;
  }
}

/** Ids are longer, codes are six characters and maybe a few that somebody put between them. */
const CODE_LENGTH_BELOW = 20;
const SEEN_MAX = 256;

/** The first ten can be searched for. */
function entriesOf(data: Readonly<Record<string, Value>>, indexed: number): NonNullable<NewLobby["data"]> {
  const entries = Object.entries(data).map(([key, value], at) => {
    const index = indexed + at < INDEXED_MAX && String(value).length <= INDEXED_LENGTH_MAX;
    return [key, { value, visibility: "public" as const, index }] as const;
  });
  return Object.fromEntries(entries);
}

/** Bytes of a value that can be searched for are 128 at the most; a character has up to three. */
const INDEXED_LENGTH_MAX = 42;
