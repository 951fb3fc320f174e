/** A peer of a session: its addresses, the lists it has confirmed, and the ids of its messages. */
import { type Address, sameAddress } from "./wire/address.ts";
import { MESSAGE_ID_MAX, RECEIVED_IDS_MAX } from "./limits.ts";

export type AddressKind = "global" | "local";

/** A peer list update from the host that awaits confirmation. */
export type Update = {
  readonly action: "add" | "remove";
  readonly peers: readonly Peer[];
  /** Responses to expect, including those to repeated packets of the previous update. */
  responses_left: number;
};

export class Peer {
  readonly name: string;
  /** The address as the handshake server saw it. */
  readonly global: Address;
  /** The address in the peer's own network, as the peer states it. */
  readonly local: Address;
  /** Which of the two works; null before either answered. */
  addressKind: AddressKind | null = null;
  /** The host stated which one works, and this peer's inquiry has not confirmed it: both are accepted. */
  provisional = false;
  /** The id of the next reliable message to this peer. */
  #next_id: number;
  /** Unconfirmed reliable messages to this peer. */
  pending = 0;
  /** Whether it sent what only a peer with a known address for this one sends: a guest joins and inquires no more. */
  settled = false;
  /** The time of a repeated introduction at the same address. The next inquiry means that the peer restarted. */
  introduced_again_at: number | null = null;
  /** Host only: the peers in the list that this peer has confirmed, by name. */
  readonly confirmedList = new Map<string, Peer>();
  update: Update | null = null;
  readonly #seen = new Set<number>();

  constructor(name: string, global: Address, local: Address, first_id: number) {
    this.name = name;
    this.global = global;
    this.local = local;
    this.#next_id = first_id;
  }

  /** The address that works, or null before it is known. */
  get address(): Address | null {
    if (this.addressKind === null) return null;
    return this.addressKind === "global" ? this.global : this.local;
  }

  /** Whether a packet from there can be this peer's. */
  isAt(from: Address): boolean {
    if (this.address !== null && !this.provisional) return sameAddress(this.address, from);
    return sameAddress(this.global, from) || sameAddress(this.local, from);
  }

  nextMessageId(): number {
    const id = this.#next_id;
    this.#next_id = id >= MESSAGE_ID_MAX ? 0 : id + 1;
    return id;
  }

  /** Records a message id. Returns false if it was received before. */
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
