/**
 * The interface of a wire protocol. One file in `protocols/` implements it for one kind of client, so that the rest of
 * the sidecar does not depend on any single protocol.
 *
 *     datagram --claims--> handleDatagram() --> drop | answer | renew | list | report --> hub
 *     hub's notice to a member --> encodeNotice() --> datagrams, repetitions, the reply to later renewals
 *     hub's answer to a report --> encodeAnswer() --> datagrams to a peer that is no member, or none
 *
 * A wire is pure: it reads bytes, the contacts and the time, and returns what to do. It holds no state.
 */
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Report } from "#shared/link/messages.ts";
import type { DirectoryEntry } from "#shared/listing/directory.ts";
import type { Wire as WireName } from "#shared/lobby/lobby.ts";
import type { RequesterNotice, Notice } from "#shared/lobby/notices.ts";

export type Datagram = {
  readonly bytes: Uint8Array;
  readonly endpoint: Endpoint;
  /**
   * The local port it arrived at, with the DTLS flag (#shared/net/local-port.ts). Replies leave through the same one.
   */
  readonly via: number;
  /** The port is bound to this wire alone, so the wire also handles datagrams that it does not claim. */
  readonly exclusive: boolean;
};

/** A member that this sidecar exchanges datagrams with. A crash loses it, and the hub restores it. */
export type Contact = {
  readonly wire: WireName;
  readonly name: string;
  readonly peer: string;
  host: boolean;
  via: number;
  endpoint: Endpoint;
  /** Silence tolerated, in ms, or null for no limit. */
  lease_ms: number | null;
  memory: string | null;
  last_seen_at: number;
  /** Restored from the hub after a restart, and not seen since. */
  restored: boolean;
  /** Has renewed since it joined, so it received the confirmation of its join. */
  renewed: boolean;
  /** An introduction was sent; a later one only repeats it. */
  introduced: boolean;
  /** The member confirmed the introduction, which is then not repeated. */
  confirmed: boolean;
  /** The reply to each renewal: the last notice, encoded for this wire. */
  renewal_reply: readonly Uint8Array[];
  /** The terms of this reply, and of the last notice. */
  credit_terms: CreditTerms;
  /** When a renewal was last answered. */
  replied_at: number;
  /** Changes when the hub sends the member again, and when the contact is removed. */
  revision: number;
};

export type ContactLookup = { find(wire: WireName, name: string, peer: string): Contact | undefined };

/**
 * The peers' connections, for wires that use TCP beside UDP. Notices go over the connection, and a member without one
 * has left.
 */
export type ConnectionSide = {
  isConnected(peer: string): boolean;
  notify(contact: Contact, notice: Notice): void;
  /** Delivers the hub's answer to the peer that sent the report over its connection. */
  handleAnswer(answer: RequesterNotice, report: Report): void;
};

/** A report without the fields that come from its datagram; the exchange adds them. */
type WithoutEndpoint<R> = R extends Report ? Omit<R, "wire" | "via" | "endpoint"> : never;
export type ReportBody = WithoutEndpoint<Report>;

/** A member of this lobby is present, and showed a ticket that expires then. */
export type Liveness = { readonly name: string; readonly peer: string; readonly expires_at_s: number };

export type Action =
  /** Not for this wire, or nothing to do. `why` is counted. */
  | { readonly do: "drop"; readonly why: string }
  /**
   * A reply that needs no hub, such as an error. It goes to the sender, or to `to` if a receipt proves that the peer
   * receives there. `liveness`: the datagram also proves that this member is present.
   */
  | {
      readonly do: "answer";
      readonly bytes: Uint8Array;
      readonly why: string;
      readonly to?: Endpoint;
      readonly liveness?: Liveness;
    }
  /** A keepalive from the contact's own endpoint. The reply comes from memory. It may change the lease. */
  | { readonly do: "renew"; readonly contact: Contact; readonly lease_ms?: number }
  /** A request for the list of lobbies. `encode` returns one datagram with as many of them as fit, from the first on. */
  | { readonly do: "list"; readonly encode: (lobbies: readonly DirectoryEntry[]) => ListReply }
  /** Only the hub can answer. A sender that is proved to be a contact may change its lease. */
  | { readonly do: "report"; readonly report: ReportBody; readonly lease_ms?: number };

/** `listed`: how many lobbies the datagram has. */
export type ListReply = { readonly bytes: Uint8Array; readonly listed: number };

/**
 * How datagrams use the send credit. `reserve`: bytes that must be left for a notice that matters more. `start`: start
 * lines, which have a separate part of the allowance. `share`: the part of the allowance that they may count on, from 0 to
 * 1; other endpoints of the source count on it, too.
 */
export type CreditTerms = { readonly reserve?: number; readonly start?: boolean; readonly share?: number };

export type Reply = {
  /** Sent at once, in this order. */
  readonly datagrams: readonly Uint8Array[];
  /** Sent again at these times after now, until the member confirms. */
  readonly repeat?: { readonly datagrams: readonly Uint8Array[]; readonly after_ms: readonly number[] };
  /** The reply to later renewals; if absent, it stays the same. */
  readonly renewal_reply?: readonly Uint8Array[];
  /** The terms of all these datagrams; a member that has not renewed yet gets them without reserve. */
  readonly credit_terms?: CreditTerms;
  /** The peer whose datagram caused this notice and is at least as long as one of its datagrams. */
  readonly caused_by?: Endpoint;
  /** The notice answers a keepalive, so the lease starts again. */
  readonly renews_lease?: boolean;
};

export type Wire = {
  readonly name: WireName;
  /**
   * Whether the first bytes belong to this wire. Wires are tried in order; the first that claims a datagram handles it.
   */
  claims(bytes: Uint8Array): boolean;
  handleDatagram(datagram: Datagram, contacts: ContactLookup, now: number): Action;
  encodeNotice(notice: Notice, contact: Contact): Reply;
  /** Replies to a report whose sender is no member. */
  encodeAnswer(answer: RequesterNotice, report: Report): readonly Uint8Array[];
  /** The operators' message for a member under DTLS; absent where clients of this wire cannot show one. */
  readonly encodeAnnouncement?: (text: string) => Uint8Array;
  readonly connections?: ConnectionSide;
};
