/** The public API of @parley/client in browsers. */
export { HubClient, HubRefusal, type LobbyQuery } from "./api/hub-client.ts";
export type { ConnectOptions } from "./api/member-paths.ts";
export type * from "./api/types.ts";
export type { IdentityStorage, JoinTarget } from "./lobby/client.ts";
export type { Topology } from "./lobby/topology.ts";
export type { ConnectionRequest, Hosting, LobbyMembershipEvents } from "./lobby/membership.ts";
export { type LobbyMembership, ParleyClient, type ParleyClientOptions } from "./web/client.ts";
export type { SignalRefusal } from "./webrtc/negotiation.ts";
export { type SendOptions, WebPeer, type WebPeerEvents, type WebPath, type WebStats } from "./webrtc/peer.ts";
export { ProofVerifier, type VerifiedMember, type VerifyOptions } from "./lobby/proofs.ts";
