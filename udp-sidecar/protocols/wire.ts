/**
 * What a wire is to the sidecar. One file in `protocols/` implements this and holds everything its clients' protocol
 * needs; the rest of the sidecar knows no wire by name.
 *
 *     a game's datagram --claims--> hear() --> drop | answer | renew | report --> hub
 *     hub --notice--> say() --> datagrams now, repetitions, the answer to later renewals
 *     hub --answer--> answer() --> datagrams to who asked and is no member, or silence
 *
 * A wire is pure: it sees bytes, the contacts and the time, and says what to do. It holds no state of its own.
 */
import type { Endpoint } from "#shared/net/endpoint.ts";
import type { Report } from "#shared/link/messages.ts";
import type { Summary } from "#shared/api/lobbies.ts";
import type { Answer, Notice, Wire as WireName } from "#shared/lobby/lobby.ts";

export type Datagram = {
  readonly bytes: Uint8Array;
  readonly endpoint: Endpoint;
  /** The door it came through (#shared/net/local-port.ts); answers leave by it. */
  readonly via: number;
  /** That port is bound to one wire alone, so what else comes is that wire's to judge. */
  readonly exclusive: boolean;
};

/** A member this sidecar is ear and mouth of. Forgotten at a crash, handed back by the hub. */
export type Contact = {
  readonly wire: WireName;
  readonly name: string;
  readonly peer: string;
  host: boolean;
  via: number;
  endpoint: Endpoint;
  /** Silence tolerated in ms, or null. */
  lease_ms: number | null;
  memory: string | null;
  last_seen_at: number;
  /** Came back from the hub after a restart and has not been heard since. */
  restored: boolean;
  /** Has renewed since it joined, so it understood that it is in. */
  renewed: boolean;
  /** The introduction has been said; what follows repeats it. */
  introduced: boolean;
  /** Has said that the introduction arrived: it is not repeated any more. */
  confirmed: boolean;
  /** What a renewal is answered with: the last notice in the wire's words. */
  renewal_reply: readonly Uint8Array[];
};

export type ContactLookup = { find(wire: WireName, name: string, peer: string): Contact | undefined };

/**
 * Connections of peers, on wires that have them beside datagrams: news go over them, and a member without one has left.
 */
export type ConnectionSide = {
  isConnected(peer: string): boolean;
  notify(contact: Contact, notice: Notice): void;
  /** For who asked over his connection, as `peer`. */
  handleAnswer(answer: Answer, report: Report): void;
};

/** A report still without the datagram's own facts; the sidecar adds them. */
type WithoutEndpoint<R> = R extends Report ? Omit<R, "wire" | "via" | "endpoint"> : never;
export type ReportBody = WithoutEndpoint<Report>;

/** A member of this lobby is there, and shows a ticket that ends then. */
export type Liveness = { readonly name: string; readonly peer: string; readonly expires_at_s: number };

export type Action =
  /** Not ours, or nothing to say. `why` is counted. */
  | { readonly do: "drop"; readonly why: string }
  /**
   * What needs no hub, a mistake that deserves an answer for one. It goes to who asked, or `to` where he has shown that he
   * is. `lives`: it is also a sign of this member.
   */
  | {
      readonly do: "answer";
      readonly bytes: Uint8Array;
      readonly why: string;
      readonly to?: Endpoint;
      readonly liveness?: Liveness;
    }
  /** A sign of life from where the contact was last heard: answered from memory. It may ask for another lease. */
  | { readonly do: "renew"; readonly contact: Contact; readonly lease_ms?: number }
  /** The wire's own list of lobbies, newest first, said in one datagram. */
  | { readonly do: "list"; readonly encode: (lobbies: readonly Summary[]) => Uint8Array }
  /** Only the hub knows. Who proved to be a contact may ask for another lease. */
  | { readonly do: "report"; readonly report: ReportBody; readonly lease_ms?: number };

export type Reply = {
  /** Leaves at once, in this order. */
  readonly datagrams: readonly Uint8Array[];
  /** Leaves again at these times after now, until the member confirms. */
  readonly repeat?: { readonly datagrams: readonly Uint8Array[]; readonly after_ms: readonly number[] };
  /** What renewals are answered with from now on; without it that stays as it is. */
  readonly renewal_reply?: readonly Uint8Array[];
  /** It answers a sign of life: the lease begins anew. */
  readonly renews_lease?: boolean;
};

export type Wire = {
  readonly name: WireName;
  /** Whether the first bytes are this wire's. Wires are asked in order; the first that claims a datagram hears it. */
  claims(bytes: Uint8Array): boolean;
  handleDatagram(datagram: Datagram, contacts: ContactLookup, now: number): Action;
  encodeNotice(notice: Notice, contact: Contact): Reply;
  /** What is said to who reported and is no member. */
  encodeAnswer(answer: Answer, report: Report): readonly Uint8Array[];
  readonly connections?: ConnectionSide;
};
