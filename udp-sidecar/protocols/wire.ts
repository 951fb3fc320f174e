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
  heard_at: number;
  /** Came back from the hub after a restart and has not been heard since. */
  unheard: boolean;
  /** Has renewed since it joined, so it understood that it is in. */
  renewed: boolean;
  /** The introduction has been said; what follows repeats it. */
  introduced: boolean;
  /** Has said that the introduction arrived: it is not repeated any more. */
  confirmed: boolean;
  /** What a renewal is answered with: the last notice in the wire's words. */
  answer: readonly Uint8Array[];
};

export type Contacts = { find(wire: WireName, name: string, peer: string): Contact | undefined };

/**
 * Connections of peers, on wires that have them beside datagrams: news go over them, and a member without one has left.
 */
export type Lines = {
  holds(peer: string): boolean;
  tell(contact: Contact, notice: Notice): void;
  /** For who asked over his connection, as `peer`. */
  answered(answer: Answer, report: Report): void;
};

/** A report still without the datagram's own facts; the sidecar adds them. */
type Bare<R> = R extends Report ? Omit<R, "wire" | "via" | "endpoint"> : never;
export type Said = Bare<Report>;

/** A member of this lobby is there, and shows a ticket that ends then. */
export type Sign = { readonly name: string; readonly peer: string; readonly expires_at_s: number };

export type Heard =
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
      readonly lives?: Sign;
    }
  /** A sign of life from where the contact was last heard: answered from memory. It may ask for another lease. */
  | { readonly do: "renew"; readonly contact: Contact; readonly lease_ms?: number }
  /** The wire's own list of lobbies, newest first, said in one datagram. */
  | { readonly do: "list"; readonly say: (lobbies: readonly Summary[]) => Uint8Array }
  /** Only the hub knows. Who proved to be a contact may ask for another lease. */
  | { readonly do: "report"; readonly said: Said; readonly lease_ms?: number };

export type Speech = {
  /** Leaves at once, in this order. */
  readonly now: readonly Uint8Array[];
  /** Leaves again at these times after now, until the member confirms. */
  readonly again?: { readonly lines: readonly Uint8Array[]; readonly after_ms: readonly number[] };
  /** What renewals are answered with from now on; without it that stays as it is. */
  readonly answer?: readonly Uint8Array[];
  /** It answers a sign of life: the lease begins anew. */
  readonly renews?: boolean;
};

export type Wire = {
  readonly name: WireName;
  /** Whether the first bytes are this wire's. Wires are asked in order; the first that claims a datagram hears it. */
  claims(bytes: Uint8Array): boolean;
  hear(datagram: Datagram, contacts: Contacts, now: number): Heard;
  say(notice: Notice, contact: Contact): Speech;
  /** What is said to who reported and is no member. */
  answer(answer: Answer, report: Report): readonly Uint8Array[];
  readonly lines?: Lines;
};
