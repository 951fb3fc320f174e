/** What a peer tells the game: the document's signals, as typed events. */
import type { Json } from "../util/bounded-json.ts";
import type { Address } from "./wire/address.ts";
import type { PacketData } from "./wire/packet.ts";

export type ServerEntry = {
  readonly name: string;
  /** The server's password is not the default one, its name. */
  readonly passwordIsRequired: boolean;
};

export type UnreliableMessage = {
  readonly from: string;
  readonly to: string;
  readonly message: Json;
  readonly isBroadcast: boolean;
};

/** `messageId` ascends from 0 per peer and begins at 0 again after 2,147,483,647. Order of arrival is not promised. */
export type ReliableMessage = UnreliableMessage & { readonly messageId: number };

export type DowsettEvents = {
  confirmedAsClient: [serverAddress: Address];
  confirmedAsServer: [handshakeServerAddress: Address];
  /** Something went wrong, in words. Never thrown, and nobody has to listen. */
  error: [message: string];
  packetBlocked: [senderAddress: Address];
  /** A packet that awaited a reply ran out of attempts. */
  packetExpired: [packet: PacketData];
  packetReceived: [packet: PacketData];
  packetSent: [packet: PacketData];
  /** No reply came in time; `willResend` says whether attempts remain. */
  packetTimeout: [packet: PacketData, willResend: boolean];
  /** Exactly once for each reliable message that arrived. */
  peerConfirmedReliableMessageReceived: [message: ReliableMessage];
  peerDropped: [peerName: string];
  peerJoined: [peerName: string];
  receivedReliableMessageFromPeer: [message: ReliableMessage];
  receivedServerList: [servers: readonly ServerEntry[], handshakeAddress: Address];
  receivedUnreliableMessageFromPeer: [message: UnreliableMessage];
  /** A reliable message was not confirmed. It may have arrived nevertheless. */
  reliableMessageTimeout: [message: ReliableMessage];
  sessionTerminated: [];
};

export type DowsettEventName = keyof DowsettEvents;

/** One event as data: its name, and what it carries. */
export type DowsettEvent = {
  [K in DowsettEventName]: readonly [name: K, ...carries: DowsettEvents[K]];
}[DowsettEventName];
