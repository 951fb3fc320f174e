/**
 * Steam's Matchmaking over the hub's API (docs/reference/http.md): Steam's functions, events and constants, with
 * lobbies by id. Each joined lobby is a `LobbyMembership`; `messages` has the channel to its members.
 *
 *     const steam = await SteamLobbies.open({ url, game });
 *     const lobby = await steam.createLobby(LobbyType.Public, 4);
 *     steam.setLobbyData(lobby, "mode", "coop");
 */
import { Emitter } from "../util/emitter.ts";
import { HubRefusal } from "../api/hub-client.ts";
import { type LobbyMembership, ParleyClient, type ParleyClientOptions } from "../node/client.ts";
import type { Lobby, Member, NewLobby, Page, Summary } from "../api/types.ts";
import { invitationLink, type Invitation } from "./invitation.ts";
import { type DataValue, searchableData } from "./lobby-data.ts";
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

export type SteamLobbiesEvents = {
  /** The lobby was joined, or the response says why not. */
  lobbyJoined: [lobby: string, response: ChatRoomEnterResponse];
  /** A member came or went. `by`: the member itself, or the member that kicked it. */
  lobbyChatUpdate: [lobby: string, changed: string, by: string, state: ChatMemberStateChange];
  lobbyDataUpdate: [lobby: string];
  lobbyMessage: [lobby: string, from: string, text: string];
  /** The owner handed the lobby over, or has left. */
  lobbyOwnerChanged: [lobby: string, owner: string | null];
  /** The owner announced the game's server: a member's peer id, or any text of the game. */
  lobbyGameCreated: [lobby: string, server: string];
  /** This client is no longer a member, or the lobby ended. */
  lobbyClosed: [lobby: string, why: string];
};

/** The data key of the game's server. */
const SERVER_KEY = "gameserver";

export type CreateOptions = {
  readonly name?: string;
  readonly memberName?: string;
  readonly data?: Record<string, DataValue>;
};
export type JoinOptions = { readonly password?: string; readonly memberName?: string };

export class SteamLobbies extends Emitter<SteamLobbiesEvents> {
  readonly client: ParleyClient;
  readonly #options: Omit<ParleyClientOptions, "webrtc">;
  readonly #region: string | null;
  readonly #joined = new Map<
    string,
    { readonly membership: LobbyMembership; readonly messages: PeerMessages; server: string | null }
  >();
  /** Lobbies that were requested and not joined. */
  readonly #cached = new Map<string, Lobby>();
  #filters = new LobbyListFilters();

  private constructor(client: ParleyClient, options: Omit<ParleyClientOptions, "webrtc">, region: string | null) {
    super();
    this.client = client;
    this.#options = options;
    this.#region = region;
  }

  static async open(options: Omit<ParleyClientOptions, "webrtc">): Promise<SteamLobbies> {
    const client = await ParleyClient.open(options);
    const { sidecars } = await client.hub.listSidecars();
    return new SteamLobbies(client, options, sidecars[0]?.region ?? null);
  }

  /** The own peer id. */
  getSteamID = (): string => this.client.id;

  // --- creating and joining ------------------------------------------------------------------------------------

  /** Resolves with the lobby's id. Rejects with a HubRefusal. */
  async createLobby(type: LobbyType, maxMembers: number, options: CreateOptions = {}): Promise<string> {
    const { name = "Lobby", memberName, data = {} } = options;
    const settings: NewLobby = {
      name,
      seats: maxMembers,
      visibility: visibilityOf(type),
      ...searchableData({ ...(this.#region !== null && { [REGION_KEY]: this.#region }), ...data }, 0),
      ...(memberName !== undefined && { member_name: memberName }),
    };
    return this.#enter(await this.client.host(settings));
  }

  /** Joins by id or join code. A refusal is also emitted as `lobbyJoined`. */
  async joinLobby(lobby: string, { password, memberName }: JoinOptions = {}): Promise<ChatRoomEnterResponse> {
    const joining = {
      ...(password !== undefined && { password }),
      ...(memberName !== undefined && { member_name: memberName }),
    };
    const isCode = lobby.length < CODE_LENGTH_BELOW;
    try {
      await this.#enter(await this.client.join(isCode ? { code: lobby, ...joining } : { id: lobby, ...joining }));
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

  /** Leaves every lobby. */
  async close(): Promise<void> {
    await this.client.close();
  }

  /** The ids of the joined lobbies. */
  get lobbies(): readonly string[] {
    return [...this.#joined.keys()];
  }

  /** The channel to the members of a joined lobby. */
  messages(lobby: string): PeerMessages {
    return this.#in(lobby).messages;
  }

  // --- searching -----------------------------------------------------------------------------------------------

  addRequestLobbyListStringFilter = (key: string, value: string, comparison: LobbyComparison): void =>
    this.#filters.add(key, value, comparison);
  addRequestLobbyListNumericalFilter = (key: string, value: number, comparison: LobbyComparison): void =>
    this.#filters.add(key, value, comparison);
  addRequestLobbyListNearValueFilter = (key: string, value: number): void => this.#filters.near(key, value);
  addRequestLobbyListFilterSlotsAvailable = (slots: number): void => this.#filters.slots(slots);
  addRequestLobbyListDistanceFilter = (filter: LobbyDistanceFilter): void => this.#filters.distance(filter);
  addRequestLobbyListResultCountFilter = (max: number): void => this.#filters.results(max);

  /** Returns the lobbies that match the filters, and resets the filters. */
  async requestLobbyList(): Promise<readonly Summary[]> {
    const filters = this.#filters;
    this.#filters = new LobbyListFilters();
    const page = await this.client.hub.request<Page>("GET", `/lobbies?${filters.query(this.#region).toString()}`);
    return filters.order(page.lobbies, this.#region);
  }

  /** Fetches a lobby, joined or not. Returns false if it does not exist. */
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

  // --- reading -------------------------------------------------------------------------------------------------

  getLobbyOwner = (lobby: string): string | null => this.#known(lobby)?.host ?? null;
  getLobbyMemberLimit = (lobby: string): number => this.#known(lobby)?.seats ?? 0;
  getNumLobbyMembers = (lobby: string): number => this.#members(lobby).length;
  getLobbyMemberByIndex = (lobby: string, index: number): string | null => this.#members(lobby)[index]?.peer_id ?? null;
  getFriendPersonaName = (lobby: string, peer: string): string => this.#member(lobby, peer)?.name ?? "";
  getLobbyData = (lobby: string, key: string): string => String(this.#data(lobby)[key] ?? "");
  getAllLobbyData = (lobby: string): Readonly<Record<string, DataValue>> => this.#data(lobby);
  getLobbyMemberData = (lobby: string, peer: string, key: string): string =>
    String(this.#member(lobby, peer)?.data?.[key] ?? "");
  getLobbyGameServer = (lobby: string): string | null => this.getLobbyData(lobby, SERVER_KEY) || null;

  /** The link to the lobby, and the program arguments for it. */
  getInvitation(lobby: string): { readonly link: string; readonly arguments: readonly string[] } | null {
    const code = this.#known(lobby)?.join.code;
    if (code === undefined) return null;
    const { url, game = "default" } = this.#options;
    return { link: invitationLink(url, game, code), arguments: ["+connect_lobby", code] };
  }

  /** Joins the lobby of an invitation to this hub and game. */
  joinInvitation(invitation: Invitation, options: JoinOptions = {}): Promise<ChatRoomEnterResponse> {
    return this.joinLobby(invitation.code, options);
  }

  // --- writing: the owner only, except for the own member data ---------------------------------------------------

  setLobbyData = (lobby: string, key: string, value: DataValue): Promise<unknown> =>
    this.#in(lobby).membership.updateLobby(searchableData({ [key]: value }, this.#indexed(lobby, key)));
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
  /** Every member receives `lobbyGameCreated`. */
  setLobbyGameServer = (lobby: string, server: string): Promise<unknown> =>
    this.#in(lobby).membership.updateLobby({
      data: { [SERVER_KEY]: server },
      data_rules: { [SERVER_KEY]: { visibility: "member" } },
    });
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
    membership.on("event", ({ type, data }) => this.#handleEvent(lobby, type, data));
    membership.on("chat", (from, text) => this.emit("lobbyMessage", [lobby, from, text]));
    membership.on("over", (why) => {
      messages.close();
      this.#joined.delete(lobby);
      this.emit("lobbyClosed", [lobby, why]);
    });
    // The game accepts each session, so that an ignored peer learns no address.
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
      const by = typeof data["removed_by"] === "string" ? data["removed_by"] : changed;
      this.emit("lobbyChatUpdate", [lobby, changed, by, stateOf(String(data["cause"]))]);
    } else if (type === "lobby.host_changed") {
      const host = data["host"];
      this.emit("lobbyOwnerChanged", [lobby, typeof host === "string" ? host : null]);
    }
  }

  #in(lobby: string): { readonly membership: LobbyMembership; readonly messages: PeerMessages } {
    const here = this.#joined.get(lobby);
    if (here === undefined) throw new RangeError(`not a member of lobby ${lobby}: join it first`);
    return here;
  }

  #known = (lobby: string): Lobby | undefined => this.#joined.get(lobby)?.membership.lobby ?? this.#cached.get(lobby);
  #members = (lobby: string): readonly Member[] => this.#known(lobby)?.members ?? [];
  #member = (lobby: string, peer: string): Member | undefined =>
    this.#members(lobby).find(({ peer_id }) => peer_id === peer);

  #data = (lobby: string): Readonly<Record<string, DataValue>> => this.#known(lobby)?.data ?? {};

  #serverOf = ({ data }: Lobby): string | null => {
    const value = data[SERVER_KEY];
    return value === undefined ? null : String(value);
  };

  /** Other keys of the lobby that can be searched for. */
  #indexed(lobby: string, key: string): number {
    const rules = Object.entries(this.#known(lobby)?.data_rules ?? {});
    return rules.filter(([other, { index }]) => index && other !== key).length;
  }
}

/** Ids are longer. A code has six characters, perhaps with separators. */
const CODE_LENGTH_BELOW = 20;
const SEEN_MAX = 256;
