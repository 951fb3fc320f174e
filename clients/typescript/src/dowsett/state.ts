/**
 * Everything a peer knows, and the two ways out of it: datagrams to send and events to tell. No socket, no clock and
 * no dice: time and passwords are handed in.
 */
import type { JsonObject } from "../util/bounded-json.ts";
import { type Address, isReachable } from "./wire/address.ts";
import type { DowsettEvent, DowsettEventName, DowsettEvents, ReliableMessage, ServerEntry } from "./events.ts";
import { DATAGRAM_BYTES_MAX } from "./limits.ts";
import type { Settings } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { type EncodedPacket, encode, type Envelope, HS_SERVER_NAME } from "./wire/packet.ts";
import type { Peer } from "./roster.ts";

export type OutgoingDatagram = { readonly bytes: Uint8Array; readonly to: Address };

export type ServerList = { readonly servers: readonly ServerEntry[]; readonly handshakeAddress: Address };

/** How something ended that somebody waits for: a value, or a failure in words. */
export type TicketResult = { readonly value: Address | ServerList | ReliableMessage } | { readonly failure: string };
export type TicketOutcome = { readonly ticket: number; readonly ending: TicketResult };

export type HandshakeServer = {
  readonly address: Address;
  /** Made up for this server alone; travels to it in clear. */
  readonly password: string;
  /** Its address is our own: we are the handshake server of this network. */
  readonly self: boolean;
};

/** A session that was begun. */
export type ActiveSession = {
  readonly role: "host" | "guest";
  readonly userName: string;
  readonly serverName: string;
  readonly password: string;
  readonly local: Address;
  /** Null once its connection was dropped. */
  handshake: HandshakeServer | null;
  /** Registered, or joined. */
  confirmed: boolean;
  readonly peers: Map<string, Peer>;
  serverAddress: Address | null;
  globalAddress: Address | null;
  /** Whoever waits for the confirmation. */
  ticket: number | null;
};

/** A server list that was asked for. Independent of a session's own handshake server. */
export type ListRequest = { readonly address: Address; readonly password: string };

export type RequestOptions = {
  readonly id?: number;
  readonly period_ms?: number;
  readonly ticket?: number | null;
};

export class State {
  readonly settings: Settings;
  readonly makePassword: () => string;
  readonly firstMessageId: number;
  readonly outbox: Outbox;
  active: ActiveSession | null = null;
  listing: ListRequest | null = null;
  #now = 0;
  #datagrams: OutgoingDatagram[] = [];
  #events: DowsettEvent[] = [];
  #outcomes: TicketOutcome[] = [];

  constructor(settings: Settings, makePassword: () => string, firstMessageId: number) {
    this.settings = settings;
    this.makePassword = makePassword;
    this.firstMessageId = firstMessageId;
    this.outbox = new Outbox(settings.await_ms, settings.attempts_max);
  }

  /** Never runs backwards. */
  get now(): number {
    return this.#now;
  }

  set now(now: number) {
    if (now > this.#now) this.#now = now;
  }

  emit<K extends DowsettEventName>(name: K, ...carries: DowsettEvents[K]): void {
    this.#events.push([name, ...carries] as unknown as DowsettEvent);
  }

  settle(ticket: number | null, ending: TicketResult): void {
    if (ticket !== null) this.#outcomes.push({ ticket, ending });
  }

  /** Sends what nobody replies to. */
  send(type: string, body: JsonObject, envelope: Envelope): void {
    this.transmit(encode(type, body, envelope), envelope.to);
  }

  /** Sends, and again until there is a reply. With a period: later, and again after each reply. */
  request(
    type: string,
    body: JsonObject,
    envelope: Envelope,
    { id = 0, period_ms, ticket = null }: RequestOptions = {},
  ): void {
    const encoded = encode(type, body, envelope);
    const peer = envelope.destination ?? "";
    const pending = { type, peer, id, ...encoded, to: envelope.to, period_ms: period_ms ?? null, ticket };
    if (period_ms !== undefined) return this.outbox.schedule(pending, this.#now);
    this.transmit(encoded, envelope.to);
    this.outbox.await(pending, this.#now);
  }

  /** What cannot arrive is not sent: an unreachable address, or more than a datagram holds. */
  transmit({ says, bytes }: EncodedPacket, to: Address): void {
    if (!isReachable(to) || bytes.length > DATAGRAM_BYTES_MAX) return;
    this.#datagrams.push({ bytes, to });
    this.emit("packetSent", says);
  }

  drain(): { datagrams: OutgoingDatagram[]; events: DowsettEvent[]; outcomes: TicketOutcome[] } {
    const drained = { datagrams: this.#datagrams, events: this.#events, outcomes: this.#outcomes };
    this.#datagrams = [];
    this.#events = [];
    this.#outcomes = [];
    return drained;
  }
}

/** To a peer, where he is or where he is told to be. */
export const toPeer = (active: ActiveSession, peer: Peer, to: Address = peer.address ?? peer.global): Envelope => ({
  sender: active.userName,
  destination: peer.name,
  to,
  password: active.password,
});

/** To a handshake server. */
export const toServer = (sender: string | null, { address, password }: ListRequest): Envelope => ({
  sender,
  destination: HS_SERVER_NAME,
  to: address,
  password,
});

export const confirmedPeers = (active: ActiveSession): Peer[] =>
  [...active.peers.values()].filter((peer) => peer.addressKind !== null);
