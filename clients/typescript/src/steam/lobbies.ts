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
import { ParleyClient, type ParleyClientOptions } from "../lobby/client.ts";
import type { LobbyMembership } from "../lobby/membership.ts";
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
import { LobbyPaths } from "./lobby-paths.ts";

export type DataValue = string | number | boolean;

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
  readonly data?: Record<string, DataValue>;
};
export type JoinOptions = { readonly password?: string; readonly memberName?: string };

export class SteamLobbies extends Emitter<SteamLobbiesEvents> {
  readonly client: ParleyClient;
  readonly #options: ParleyClientOptions;
  readonly #region: string | null;
  readonly #joined = new Map<
    string,
    { readonly membership: LobbyMembership; readonly messages: PeerMessages; server: string | null }
  >();
  /** Lobbies that were asked for and that one is not in. */
  readonly #cached = new Map<string, Lobby>();
  #filters = new LobbyListFilters();

  private constructor(client: ParleyClient, options: ParleyClientOptions, region: string | null) {
    super();
    this.client = client;
    this.#options = options;
    this.#region = region;
  }

  static async open(options: ParleyClientOptions): Promise<SteamLobbies> {
    const client = await ParleyClient.open(options);
    const { sidecars } = await client.hub.listSidecars();
    return new SteamLobbies(client, options, sidecars[0]?.region ?? null);
  }

  /** Oneself, as the others know one. */
  getSteamID = (): string => this.client.id;

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
    return this.#enter(await this.client.host(said));
  }

  /** By its id or by its code. What became of it is also told as `lobbyJoined`. */
  async joinLobby(lobby: string, { password, memberName }: JoinOptions = {}): Promise<ChatRoomEnterResponse> {
    const said = {
      ...(password !== undefined && { password }),
      ...(memberName !== undefined && { member_name: memberName }),
    };
    const isCode = lobby.length < CODE_LENGTH_BELOW;
    try {
      await this.#enter(await this.client.join(isCode ? { code: lobby, ...said } : { id: lobby, ...said }));
      return ChatRoomEnterResponse.Success;
    } catch (error) {
      const response = error instanceof HubRefusal ? responseOf(error.code) : ChatRoomEnterResponse.Error;
      this.emit("lobbyJoined", [lobby, response]);
      return response;
    }
  }

  async leaveLobby(lobby: string): Promise<void> {
    await this.#joined.get(lobby)?.membership.leave();
  }

  /** Leaves all of them. */
  async close(): Promise<void> {
    await this.client.close();
  }

  /** The lobbies that one is in. */
  get lobbies(): readonly string[] {
    return [...this.#joined.keys()];
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
    const page = await this.client.hub.request<Page>("GET", `/lobbies?${filters.query(this.#region).toString()}`);
    return filters.order(page.lobbies, this.#region);
  }

  /** Looks again at a lobby that one need not be in. False where there is none. */
  async requestLobbyData(lobby: string): Promise<boolean> {
    try {
      const found = await this.client.hub.getLobby(lobby);
      if (this.#cached.size >= SEEN_MAX) this.#cached.delete(this.#cached.keys().next().value!);
      this.#cached.set(lobby, found);
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
  getAllLobbyData = (lobby: string): Readonly<Record<string, DataValue>> => this.#data(lobby);
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

  setLobbyData = (lobby: string, key: string, value: DataValue): Promise<unknown> =>
    this.#in(lobby).membership.updateLobby({ data: entriesOf({ [key]: value }, this.#indexed(lobby, key)) });
  deleteLobbyData = (lobby: string, key: string): Promise<unknown> =>
    this.#in(lobby).membership.updateLobby({ data: { [key]: null } });
  setLobbyJoinable = (lobby: string, joinable: boolean): Promise<unknown> =>
    this.#in(lobby).membership.updateLobby({ joinable });
  setLobbyType = (lobby: string, type: LobbyType): Promise<unknown> =>
    this.#in(lobby).membership.updateLobby({ visibility: visibilityOf(type) });
  setLobbyMemberLimit = (lobby: string, seats: number): Promise<unknown> =>
    this.#in(lobby).membership.updateLobby({ seats });
  setLobbyOwner = (lobby: string, peer: string): Promise<unknown> =>
    this.client.hub.transferHost(lobby, { peer_id: peer, expected_term: this.#in(lobby).membership.lobby.term });
  /** Every member is told `lobbyGameCreated`. */
  setLobbyGameServer = (lobby: string, server: string): Promise<unknown> =>
    this.#in(lobby).membership.updateLobby({ data: { [SERVER_KEY]: { value: server, visibility: "member" } } });
  setLobbyMemberData = (lobby: string, key: string, value: DataValue): Promise<unknown> =>
    this.client.hub.updateMember(lobby, this.client.id, { data: { [key]: value } });
  sendLobbyChatMsg = (lobby: string, text: string): Promise<void> => this.#in(lobby).membership.chat(text);

  // -------------------------------------------------------------------------------------------------------------

  async #enter(membership: LobbyMembership): Promise<string> {
    const lobby = membership.lobby.id;
    const messages = new PeerMessages({
      self: this.client.id,
      paths: new LobbyPaths(membership),
      members: () => membership.others,
    });
    const here = { membership, messages, server: this.#serverOf(membership.lobby) };
    this.#joined.set(lobby, here);
    this.#cached.delete(lobby);
    membership.on("lobby", (now) => {
      this.emit("lobbyDataUpdate", [lobby]);
      const server = this.#serverOf(now);
      if (server !== null && server !== here.server) this.emit("lobbyGameCreated", [lobby, server]);
      here.server = server;
    });
    membership.on("told", ({ type, data }) => this.#handleEvent(lobby, type, data));
    membership.on("chat", (from, text) => this.emit("lobbyMessage", [lobby, from, text]));
    membership.on("over", (why) => {
      messages.close();
      this.#joined.delete(lobby);
      this.emit("lobbyClosed", [lobby, why]);
    });
    // Sessions are the game's to accept, so that who is ignored learns no address.
    await this.client.hub.updateMember(lobby, this.client.id, { consent: "ask" });
    this.emit("lobbyJoined", [lobby, ChatRoomEnterResponse.Success]);
    return lobby;
  }

  #handleEvent(lobby: string, type: string, data: Readonly<Record<string, unknown>>): void {
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

  #in(lobby: string): { readonly membership: LobbyMembership; readonly messages: PeerMessages } {
    const here = this.#joined.get(lobby);
    if (here === undefined) throw new RangeError(`not in the lobby ${lobby}`);
    return here;
  }

  #known = (lobby: string): Lobby | undefined => this.#joined.get(lobby)?.membership.lobby ?? this.#cached.get(lobby);
  #roster = (lobby: string): readonly Member[] => this.#known(lobby)?.roster ?? [];
  #member = (lobby: string, peer: string): Member | undefined =>
    this.#roster(lobby).find(({ peer_id }) => peer_id === peer);

  /** Members are shown more than what lists have. */
  #data(lobby: string): Readonly<Record<string, DataValue>> {
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
function entriesOf(data: Readonly<Record<string, DataValue>>, indexed: number): NonNullable<NewLobby["data"]> {
  const entries = Object.entries(data).map(([key, value], at) => {
    const index = indexed + at < INDEXED_MAX && String(value).length <= INDEXED_LENGTH_MAX;
    return [key, { value, visibility: "public" as const, index }] as const;
  });
  return Object.fromEntries(entries);
}

/** Bytes of a value that can be searched for are 128 at the most; a character has up to three. */
const INDEXED_LENGTH_MAX = 42;
