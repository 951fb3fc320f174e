/** Names and values of Steam's lobbies (isteammatchmaking.h, steamclientpublic.h). */

/** ELobbyType. Parley has no friends list, so FriendsOnly equals Invisible: both are unlisted. */
export const LobbyType = { Private: 0, FriendsOnly: 1, Public: 2, Invisible: 3 } as const;
export type LobbyType = (typeof LobbyType)[keyof typeof LobbyType];

/** ELobbyComparison. */
export const LobbyComparison = {
  EqualToOrLessThan: -2,
  LessThan: -1,
  Equal: 0,
  GreaterThan: 1,
  EqualToOrGreaterThan: 2,
  NotEqual: 3,
} as const;
export type LobbyComparison = (typeof LobbyComparison)[keyof typeof LobbyComparison];

/** ELobbyDistanceFilter. */
export const LobbyDistanceFilter = {
  /** Only the region of the nearest sidecar. */
  Close: 0,
  /** That region first, then others. */
  Default: 1,
  Far: 2,
  /** Regardless of region. */
  Worldwide: 3,
} as const;
export type LobbyDistanceFilter = (typeof LobbyDistanceFilter)[keyof typeof LobbyDistanceFilter];

/** EChatRoomEnterResponse: the result of joining. */
export const ChatRoomEnterResponse = {
  Success: 1,
  DoesntExist: 2,
  /** Wrong password, missing approval, another version, or a closed lobby. */
  NotAllowed: 3,
  Full: 4,
  Error: 5,
  Banned: 6,
  RatelimitExceeded: 15,
} as const;
export type ChatRoomEnterResponse = (typeof ChatRoomEnterResponse)[keyof typeof ChatRoomEnterResponse];

/** EChatMemberStateChange. */
export const ChatMemberStateChange = { Entered: 1, Left: 2, Disconnected: 4, Kicked: 8, Banned: 16 } as const;
export type ChatMemberStateChange = (typeof ChatMemberStateChange)[keyof typeof ChatMemberStateChange];

const RESPONSES: Readonly<Record<string, ChatRoomEnterResponse>> = {
  lobby_not_found: ChatRoomEnterResponse.DoesntExist,
  code_invalid: ChatRoomEnterResponse.DoesntExist,
  lobby_timeout: ChatRoomEnterResponse.DoesntExist,
  lobby_full: ChatRoomEnterResponse.Full,
  too_many_applicants: ChatRoomEnterResponse.Full,
  banned: ChatRoomEnterResponse.Banned,
  kicked: ChatRoomEnterResponse.Banned,
  rate_limited: ChatRoomEnterResponse.RatelimitExceeded,
  password_mismatch: ChatRoomEnterResponse.NotAllowed,
  lobby_closed: ChatRoomEnterResponse.NotAllowed,
  not_admitted: ChatRoomEnterResponse.NotAllowed,
  version_mismatch: ChatRoomEnterResponse.NotAllowed,
  no_common_path: ChatRoomEnterResponse.NotAllowed,
  name_in_use: ChatRoomEnterResponse.NotAllowed,
  foreign_wire: ChatRoomEnterResponse.NotAllowed,
};

/** The response for a refusal of the hub. */
export const responseOf = (code: string): ChatRoomEnterResponse => RESPONSES[code] ?? ChatRoomEnterResponse.Error;

const STATES: Readonly<Record<string, ChatMemberStateChange>> = {
  left: ChatMemberStateChange.Left,
  timed_out: ChatMemberStateChange.Disconnected,
  kicked: ChatMemberStateChange.Kicked,
  banned: ChatMemberStateChange.Banned,
};

/** The change for the hub's cause of a member's removal. */
export const stateOf = (word: string): ChatMemberStateChange => STATES[word] ?? ChatMemberStateChange.Left;

const VISIBILITIES = { 0: "private", 1: "unlisted", 2: "public", 3: "unlisted" } as const;
export const visibilityOf = (type: LobbyType): "private" | "unlisted" | "public" => VISIBILITIES[type];
