/**
 * Everything a peer knows, and the two ways out of it: datagrams to send and events to tell. No socket, no clock and
 * no dice: time and passwords are handed in.
 */
import type { JsonObject } from "../util/bounded-json.ts";
import { type Address, isReachable } from "./address.ts";
import type { DowsettEvent, DowsettEventName, DowsettEvents, ReliableMessage, ServerEntry } from "./events.ts";
import { DATAGRAM_BYTES_MAX } from "./limits.ts";
import type { Settings } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { type Encoded, encode, type Envelope, HS_SERVER_NAME } from "./packet.ts";
import type { Peer } from "./roster.ts";

export type Outgoing = { readonly bytes: Uint8Array; readonly to: Address };

export type ServerList = { readonly servers: readonly ServerEntry[]; readonly handshakeAddress: Address };

/** How something ended that somebody waits for: a value, or a failure in words. */
export type Ending = { readonly value: Address | ServerList | ReliableMessage } | { readonly failure: string };
export type Outcome = { readonly ticket: number; readonly ending: Ending };

export type Handshake = {
  readonly address: Address;
  /** Made up for this server alone; travels to it in clear. */
  readonly password: string;
  /** Its address is our own: we are the handshake server of this network. */
  readonly self: boolean;
};

/** A session that was begun. */
export type Active = {
  readonly role: "host" | "guest";
  readonly userName: string;
  readonly serverName: string;
  readonly password: string;
  readonly local: Address;
  /** Null once its connection was dropped. */
  handshake: Handshake | null;
  /** Registered, or joined. */
  confirmed: boolean;
  readonly peers: Map<string, Peer>;
  serverAddress: Address | null;
  globalAddress: Address | null;
  /** Whoever waits for the confirmation. */
  ticket: number | null;
};

/** A server list that was asked for. Independent of a session's own handshake server. */
export type Listing = { readonly address: Address; readonly password: string };

export type Asked = {
  readonly id?: number;
  readonly period_ms?: number;
  readonly ticket?: number | null;
};

export class World {
  readonly settings: Settings;
  readonly makePassword: () => string;
  readonly firstMessageId: number;
  readonly outbox: Outbox;
  active: Active | null = null;
  listing: Listing | null = null;
  #now = 0;
  #datagrams: Outgoing[] = [];
  #events: DowsettEvent[] = [];
  #outcomes: Outcome[] = [];

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

  settle(ticket: number | null, ending: Ending): void {
    if (ticket !== null) this.#outcomes.push({ ticket, ending });
  }

  /** Sends what nobody replies to. */
  tell(type: string, body: JsonObject, envelope: Envelope): void {
    this.transmit(encode(type, body, envelope), envelope.to);
  }

  /** Sends, and again until there is a reply. With a period: later, and again after each reply. */
  ask(type: string, body: JsonObject, envelope: Envelope, { id = 0, period_ms, ticket = null }: Asked = {}): void {
    const encoded = encode(type, body, envelope);
    const peer = envelope.destination ?? "";
    const pending = { type, peer, id, ...encoded, to: envelope.to, period_ms: period_ms ?? null, ticket };
    if (period_ms !== undefined) return this.outbox.rest(pending, this.#now);
    this.transmit(encoded, envelope.to);
    this.outbox.await(pending, this.#now);
  }

  /** What cannot arrive is not sent: an unreachable address, or more than a datagram holds. */
  transmit({ says, bytes }: Encoded, to: Address): void {
    if (!isReachable(to) || bytes.length > DATAGRAM_BYTES_MAX) return;
    this.#datagrams.push({ bytes, to });
    this.emit("packetSent", says);
  }

  drain(): { datagrams: Outgoing[]; events: DowsettEvent[]; outcomes: Outcome[] } {
    const drained = { datagrams: this.#datagrams, events: this.#events, outcomes: this.#outcomes };
    this.#datagrams = [];
    this.#events = [];
    this.#outcomes = [];
    return drained;
  }
}

/** To a peer, where he is or where he is told to be. */
export const toPeer = (active: Active, peer: Peer, to: Address = peer.address ?? peer.global): Envelope => ({
  sender: active.userName,
  destination: peer.name,
  to,
  password: active.password,
});

/** To a handshake server. */
export const toServer = (sender: string | null, { address, password }: Listing): Envelope => ({
  sender,
  destination: HS_SERVER_NAME,
  to: address,
  password,
});

export const confirmedPeers = (active: Active): Peer[] =>
  [...active.peers.values()].filter((peer) => peer.via !== null);
