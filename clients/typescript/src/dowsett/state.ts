/**
 * The state of a Dowsett peer, and its output: datagrams and events. Sans I/O: the time and the passwords are passed
 * in.
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

/** The result of a ticket: a value, or the reason of the failure. */
export type TicketResult = { readonly value: Address | ServerList | ReliableMessage } | { readonly failure: string };
export type TicketOutcome = { readonly ticket: number; readonly ending: TicketResult };

export type HandshakeServer = {
  readonly address: Address;
  /** Created for this server only, and sent to it in clear. */
  readonly password: string;
  /** The address is this peer's own: it is the handshake server of its network. */
  readonly self: boolean;
};

/** The current session. */
export type ActiveSession = {
  readonly role: "host" | "guest";
  readonly userName: string;
  readonly serverName: string;
  readonly password: string;
  readonly local: Address;
  /** Null after its connection was dropped. */
  handshake: HandshakeServer | null;
  /** Registered as a host, or joined as a guest. */
  confirmed: boolean;
  readonly peers: Map<string, Peer>;
  serverAddress: Address | null;
  globalAddress: Address | null;
  /** The promise to settle with the confirmation. */
  ticket: number | null;
};

/** A requested server list. It is independent of the session's handshake server. */
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

  /** Monotonic. */
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

  /** Sends a packet without a reply. */
  send(type: string, body: JsonObject, envelope: Envelope): void {
    this.transmit(encode(type, body, envelope), envelope.to);
  }

  /** Sends, and resends until there is a reply. With a period: first sent later, and again after each reply. */
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

  /** Skips what cannot arrive: an unreachable address, or more than a datagram holds. */
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

/** To the peer's address, or to its presumed one. */
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
