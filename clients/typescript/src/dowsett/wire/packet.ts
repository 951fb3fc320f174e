/**
 * Packets: one JSON object per datagram.
 *
 *     peer to handshake server (LAN: to the host)      and back
 *       registering-server                               confirming-registration
 *       refreshing-server-registration                   confirming-registration-refresh
 *       requesting-server-list                           providing-server-list
 *       requesting-to-join-server                        providing-peer-handshake-info (to both), server-error
 *       drop-me
 *
 *     peer to peer                                     and back
 *       address-inquiry                                  address-inquiry-response
 *       peer-check                                       peer-check-response
 *       unreliable-peer-message
 *       reliable-peer-message                            reliable-peer-message-response
 *       update-peer-list                                 update-peer-list-response
 *       drop-me
 *
 * Between peers the hash uses the session password, which is never sent. With a handshake server it uses a password
 * that the client creates and sends in clear. A handshake server's packets have a null sender, and the receiver's name
 * enters the hash.
 */
import { type Json, type JsonObject, own, parseObject } from "../../util/bounded-json.ts";
import { type Address, readAddress } from "./address.ts";
import { HASH_KEY, hashOf } from "./hash.ts";
import { DATAGRAM_BYTES_MAX, NAME_UNITS_MAX, NESTING_MAX } from "../limits.ts";

/** The reserved name of the handshake server. */
export const HS_SERVER_NAME = "_HANDSHAKE_SERVER";

/** A packet on the wire, with the wire's keys. */
export type PacketData = JsonObject;

export type Envelope = {
  readonly sender: string | null;
  readonly destination: string | null;
  readonly to: Address;
  readonly password: string;
};

export type EncodedPacket = { readonly says: PacketData; readonly bytes: Uint8Array };

/** A packet with its common keys read and checked. The hash is not checked yet. */
export type ReceivedPacket = {
  readonly says: PacketData;
  readonly type: string;
  readonly sender: string | null;
  readonly destination: string | null;
  /** Where the sender sent the packet to. The hash does not cover it. */
  readonly to: Address | null;
  readonly hash: string;
};

export function encode(type: string, body: JsonObject, { sender, destination, to, password }: Envelope): EncodedPacket {
  const unsigned: JsonObject = {
    ...body,
    __type: type,
    "__sender-name": sender,
    "__destination-name": destination,
    "__destination-address": to,
  };
  const says = { ...unsigned, [HASH_KEY]: hashOf(unsigned, password) };
  return { says, bytes: Buffer.from(JSON.stringify(says)) };
}

/** Decodes a packet with the five common keys, or returns null. */
export function decode(bytes: Uint8Array): ReceivedPacket | null {
  const says = parseObject(bytes, { bytes_max: DATAGRAM_BYTES_MAX, nesting_max: NESTING_MAX });
  if (says === null || !Object.hasOwn(says, "__destination-address")) return null;
  const type = own(says, "__type");
  const hash = own(says, HASH_KEY);
  const sender = own(says, "__sender-name");
  const destination = own(says, "__destination-name");
  if (typeof type !== "string" || typeof hash !== "string") return null;
  if (!isNameOrNull(sender) || !isNameOrNull(destination)) return null;
  return { says, type, sender, destination, to: readAddress(own(says, "__destination-address")), hash };
}

/** A name of another peer. The wire allows more names than this client accepts for itself. */
export const isForeignName = (value: Json | undefined): value is string =>
  typeof value === "string" && value !== "" && value.length <= NAME_UNITS_MAX && value !== HS_SERVER_NAME;

const isNameOrNull = (value: Json | undefined): value is string | null =>
  value === null || (typeof value === "string" && value.length <= NAME_UNITS_MAX);
