/** Peers of a session: where they are, what they were told, and which of their messages were seen. */
import { type Address, sameAddress } from "./wire/address.ts";
import { MESSAGE_ID_MAX, RECEIVED_IDS_MAX } from "./limits.ts";

export type AddressKind = "global" | "local";

/** A peer list update that the host has under way to one peer. */
export type Update = {
  readonly action: "add" | "remove";
  readonly peers: readonly Peer[];
  /** Responses to expect before it is done: those to repetitions of the one before may still come. */
  responses_left: number;
};

export class Peer {
  readonly name: string;
  /** As the handshake server saw him. */
  readonly global: Address;
  /** As he calls himself in his own network. */
  readonly local: Address;
  /** Which of the two is his, or null before either answered. */
  addressKind: AddressKind | null = null;
  /** The host's word says which, and our own inquiry has not: both are listened to. */
  provisional = false;
  /** Id of the next reliable message to him. */
  #next_id: number;
  /** Reliable messages to him that await confirmation. */
  pending = 0;
  /** He was introduced again at this time, at the same address: his next inquiry means that he began anew. */
  introduced_again_at: number | null = null;
  /** Host only: whom he has confirmed to know, by name. */
  readonly confirmedList = new Map<string, Peer>();
  update: Update | null = null;
  readonly #seen = new Set<number>();

  constructor(name: string, global: Address, local: Address, first_id: number) {
    this.name = name;
    this.global = global;
    this.local = local;
    this.#next_id = first_id;
  }

  /** Where he is, or null before that is known. */
  get address(): Address | null {
    if (this.addressKind === null) return null;
    return this.addressKind === "global" ? this.global : this.local;
  }

  /** Whether a packet from there can be his. */
  isAt(from: Address): boolean {
    if (this.address !== null && !this.provisional) return sameAddress(this.address, from);
    return sameAddress(this.global, from) || sameAddress(this.local, from);
  }

  nextMessageId(): number {
    const id = this.#next_id;
    this.#next_id = id >= MESSAGE_ID_MAX ? 0 : id + 1;
    return id;
  }

  /** Notes a message id of his. False where it was seen before. */
  recordMessageId(id: number): boolean {
    if (this.#seen.has(id)) return false;
    this.#seen.add(id);
    if (this.#seen.size > RECEIVED_IDS_MAX) {
      for (const oldest of this.#seen) {
        this.#seen.delete(oldest);
        break;
      }
    }
    return true;
  }
}
