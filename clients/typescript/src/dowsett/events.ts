/** Events of a Dowsett peer: the signals of the original script's documentation. */
import type { Json } from "../util/bounded-json.ts";
import type { Address } from "./wire/address.ts";
import type { PacketData } from "./wire/packet.ts";

export type ServerEntry = {
  readonly name: string;
  /** The server's password is not the default, which is its name. */
  readonly passwordIsRequired: boolean;
};

export type UnreliableMessage = {
  readonly from: string;
  readonly to: string;
  readonly message: Json;
  readonly isBroadcast: boolean;
};

/** `messageId` counts from 0 per peer, and restarts at 0 after 2,147,483,647. Messages may arrive out of order. */
export type ReliableMessage = UnreliableMessage & { readonly messageId: number };

export type DowsettEvents = {
  confirmedAsClient: [serverAddress: Address];
  confirmedAsServer: [handshakeServerAddress: Address];
  /** An error message. It is never thrown, and needs no listener. */
  error: [message: string];
  packetBlocked: [senderAddress: Address];
  /** A packet was sent as often as allowed without a reply. */
  packetExpired: [packet: PacketData];
  packetReceived: [packet: PacketData];
  packetSent: [packet: PacketData];
  /** No reply in time. `willResend`: attempts remain. */
  packetTimeout: [packet: PacketData, willResend: boolean];
  /** Exactly once per reliable message that arrived. */
  peerConfirmedReliableMessageReceived: [message: ReliableMessage];
  peerDropped: [peerName: string];
  peerJoined: [peerName: string];
  receivedReliableMessageFromPeer: [message: ReliableMessage];
  receivedServerList: [servers: readonly ServerEntry[], handshakeAddress: Address];
  receivedUnreliableMessageFromPeer: [message: UnreliableMessage];
  /** A reliable message was not confirmed. It may have arrived. */
  reliableMessageTimeout: [message: ReliableMessage];
  sessionTerminated: [];
};

export type DowsettEventName = keyof DowsettEvents;

/** An event as data: its name and its arguments. */
export type DowsettEvent = {
  [K in DowsettEventName]: readonly [name: K, ...carries: DowsettEvents[K]];
}[DowsettEventName];
