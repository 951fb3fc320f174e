/** The public API of @parley/client in Node. */
export type { Address } from "./dowsett/wire/address.ts";
export type {
  DowsettEventName,
  DowsettEvents,
  ReliableMessage,
  ServerEntry,
  UnreliableMessage,
} from "./dowsett/events.ts";
export { MESSAGE_BYTES_MAX, NAME_POINTS_MAX, PEERS_MAX } from "./dowsett/limits.ts";
export type { DowsettOptions } from "./dowsett/options.ts";
export { HS_SERVER_NAME, type PacketData } from "./dowsett/wire/packet.ts";
export { type Delivery, DowsettPeer, type PeerInfo } from "./dowsett/peer.ts";
export type { SessionSummary, InitClient, InitServer, ServerList } from "./dowsett/session.ts";
export type { Json, JsonObject } from "./util/bounded-json.ts";
export type { Message } from "./messages/events.ts";
export { ConnectionEnd, ConnectionState, Result, SendFlags } from "./messages/steam-constants.ts";
export type { DatagramPath, Paths, PathsListener } from "./messages/path.ts";
export {
  type RabidDetached,
  type RabidEvent,
  type RabidFailed,
  RabidFailure,
  type RabidFailureCode,
  type RabidHostOptions,
  type RabidJoinOptions,
  type RabidMet,
  type RabidMetPeer,
  RabidPeer,
  type RabidRefusalCode,
  type RabidRoster,
  type RabidServerError,
  RabidSession,
  type RabidSessionSetup,
  type RabidStarted,
  isRabidMessage,
} from "./rabid/index.ts";
export { type Invitation as LobbyInvitation, invitationLink, readInvitation } from "./steam/invitation.ts";
export { type CreateOptions, type JoinOptions, SteamLobbies, type SteamLobbiesEvents } from "./steam/lobbies.ts";
export {
  ChatMemberStateChange,
  ChatRoomEnterResponse,
  LobbyComparison,
  LobbyDistanceFilter,
  LobbyType,
} from "./steam/steam-constants.ts";
export {
  type ConnectionInfo,
  PeerMessages,
  type PeerMessagesEvents,
  type PeerMessagesOptions,
} from "./steam/messages.ts";
export { bytesToJson, jsonToBytes } from "./steam/json.ts";
export { bytesToVar, type Decoded } from "./variant/decode.ts";
export { varToBytes } from "./variant/encode.ts";
export { GodotFloat, type GodotType, GodotValue, type Variant } from "./variant/types.ts";
export type { ConnectOptions } from "./api/member-paths.ts";
export { type Detached, Peer } from "./connect/peer.ts";
export type { PathName, PeerPath, PeerStats } from "./connect/peer-path.ts";
export { HubClient, HubRefusal, type LobbyQuery } from "./api/hub-client.ts";
export type { SignalRefusal } from "./webrtc/negotiation.ts";
export { type SendOptions, WebPeer, type WebPeerEvents, type WebPath, type WebStats } from "./webrtc/peer.ts";
export { ProofVerifier, type VerifiedMember, type VerifyOptions } from "./lobby/proofs.ts";
export { type LobbyMembership, ParleyClient, type ParleyClientOptions } from "./node/client.ts";
export type { IdentityStorage, JoinTarget } from "./lobby/client.ts";
export type { Topology } from "./lobby/topology.ts";
export type { ConnectionRequest, Hosting, LobbyMembershipEvents } from "./lobby/membership.ts";
export type * from "./api/types.ts";
export { PAYLOAD_BYTES_MAX } from "./path/limits.ts";
export type { Endpoint } from "./util/addresses.ts";
