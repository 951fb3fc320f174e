/**
 * Steam's own names and numbers (steamnetworkingtypes.h, steamclientpublic.h), so that what a game or its author knows by
 * heart stays true. Only what can happen here is listed.
 */

/** How a message is sent; added up. */
export const SendFlags = {
  Unreliable: 0,
  /** Does not wait for company: what waited goes with it. */
  NoNagle: 1,
  UnreliableNoNagle: 1,
  /** Dropped, and said so, where it could not leave within about 200 ms. Of unreliable messages alone. */
  NoDelay: 4,
  UnreliableNoDelay: 5,
  Reliable: 8,
  ReliableNoNagle: 9,
  /** Taken and ignored: there is one thread. */
  UseCurrentThread: 16,
  /** A session that failed or was closed by the peer is begun anew by this message. */
  AutoRestartBrokenSession: 32,
} as const;

/** Every flag that a message may have. */
export const SEND_FLAGS =
  SendFlags.ReliableNoNagle | SendFlags.NoDelay | SendFlags.UseCurrentThread | SendFlags.AutoRestartBrokenSession;

/** EResult: what became of a call. */
export const Result = {
  OK: 1,
  /** The session failed or was closed by the peer, and nobody said to begin anew. */
  NoConnection: 3,
  /** A message that is too long, a channel or flags that do not exist, oneself as the receiver. */
  InvalidParam: 8,
  /** More than may wait: of messages to this peer, of channels, of sessions. */
  LimitExceeded: 25,
  /** A NoDelay message that could not leave at once. */
  Ignored: 41,
} as const;
export type Result = (typeof Result)[keyof typeof Result];

/** ESteamNetworkingConnectionState. */
export const ConnectionState = {
  None: 0,
  /** The peer has not agreed yet. */
  Connecting: 1,
  /** He has, and there is a path that nothing was heard on yet. */
  FindingRoute: 2,
  Connected: 3,
  ClosedByPeer: 4,
  ProblemDetectedLocally: 5,
} as const;
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

/** ESteamNetConnectionEnd: 1xxx the game's own, 3xxx one's own side, 4xxx the peer's, 5xxx neither's. */
export const ConnectionEnd = {
  Invalid: 0,
  /** The game closed the session. */
  AppGeneric: 1_000,
  LocalOfflineMode: 3_001,
  /** UDP does not get out, or no sidecar answers. */
  LocalManyRelayConnectivity: 3_002,
  LocalRights: 3_005,
  /** The peer fell silent while others are still heard. */
  RemoteTimeout: 4_001,
  RemoteBadCrypt: 4_002,
  RemoteBadProtocolVersion: 4_006,
  /** The peer said no; a number of ours, as Steam has no word for it. */
  RemoteDenied: 4_100,
  MiscGeneric: 5_001,
  MiscInternalError: 5_002,
  /** The peer fell silent, and nobody else was heard who would tell whose fault it is. */
  MiscTimeout: 5_003,
  /** No path was found in time: he ignored us, or is not there. */
  MiscP2PRendezvous: 5_008,
  MiscP2PNATFirewall: 5_009,
  /** The peer knows nothing of this session. */
  MiscPeerSentNoConnection: 5_010,
} as const;
