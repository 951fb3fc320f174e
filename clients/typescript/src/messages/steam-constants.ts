/**
 * Names and values of Steam (steamnetworkingtypes.h, steamclientpublic.h), limited to those that can occur here. A game
 * for Steam keeps its constants.
 */

/** Flags of a message, combined with `|`. */
export const SendFlags = {
  Unreliable: 0,
  /** Sends at once, with everything that waits. */
  NoNagle: 1,
  UnreliableNoNagle: 1,
  /** Unreliable messages only: dropped with `Ignored` if the message could not leave within 200 ms. */
  NoDelay: 4,
  UnreliableNoDelay: 5,
  Reliable: 8,
  ReliableNoNagle: 9,
  /** Accepted and ignored: there is one thread. */
  UseCurrentThread: 16,
  /** Starts a new session if the last one failed or was closed by the peer. */
  AutoRestartBrokenSession: 32,
} as const;

/** Every flag that a message may have. */
export const SEND_FLAGS =
  SendFlags.ReliableNoNagle | SendFlags.NoDelay | SendFlags.UseCurrentThread | SendFlags.AutoRestartBrokenSession;

/** EResult: the result of a call. */
export const Result = {
  OK: 1,
  /** The session failed or was closed by the peer, and `AutoRestartBrokenSession` is not set. */
  NoConnection: 3,
  /** The message is too long, the channel or a flag does not exist, or the receiver is the own id. */
  InvalidParam: 8,
  /** Too many bytes for this peer, channels or sessions. */
  LimitExceeded: 25,
  /** A NoDelay message that could not leave at once. */
  Ignored: 41,
} as const;
export type Result = (typeof Result)[keyof typeof Result];

/** ESteamNetworkingConnectionState. */
export const ConnectionState = {
  None: 0,
  /** The peer has not accepted yet. */
  Connecting: 1,
  /** There is a path, and the peer's hello is missing. */
  FindingRoute: 2,
  Connected: 3,
  ClosedByPeer: 4,
  ProblemDetectedLocally: 5,
} as const;
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

/** ESteamNetConnectionEnd: 1xxx the game, 3xxx this side, 4xxx the peer, 5xxx neither. */
export const ConnectionEnd = {
  Invalid: 0,
  /** The game closed the session. */
  AppGeneric: 1_000,
  LocalOfflineMode: 3_001,
  /** UDP is blocked, or no sidecar answers. */
  LocalManyRelayConnectivity: 3_002,
  LocalRights: 3_005,
  /** The peer is silent while other peers are received. */
  RemoteTimeout: 4_001,
  RemoteBadCrypt: 4_002,
  RemoteBadProtocolVersion: 4_006,
  /** The peer refused. This value is Parley's own; Steam has none. */
  RemoteDenied: 4_100,
  MiscGeneric: 5_001,
  MiscInternalError: 5_002,
  /** The peer is silent, and no other peer is received, so the fault may be on either side. */
  MiscTimeout: 5_003,
  /** No path was found in time: the peer ignored the request, or is absent. */
  MiscP2PRendezvous: 5_008,
  MiscP2PNATFirewall: 5_009,
  /** The peer does not know this session. */
  MiscPeerSentNoConnection: 5_010,
} as const;
