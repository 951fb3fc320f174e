/**
 * Bounds what is sent to addresses where the peer was received but has not answered: a source address can be forged,
 * so no peer may direct many datagrams at a third party.
 */
import { type Endpoint, isEndpoint, isLocal, isLoopback } from "../util/addresses.ts";
import * as limits from "./limits.ts";

export class UnvalidatedSources {
  readonly #sent = new Map<string, number>();
  readonly #isKnown: (address: string) => boolean;

  /** `isKnown`: a path of this peer has this address. */
  constructor(isKnown: (address: string) => boolean) {
    this.#isKnown = isKnown;
  }

  mayProbe(to: Endpoint): boolean {
    return isEndpoint(to) && (this.#isKnown(to.address) || (!isLocal(to.address) && !isLoopback(to.address)));
  }

  /** Counts a datagram; false if the budget is spent. */
  consume(to: Endpoint): boolean {
    const sent = this.#sent.get(to.address) ?? 0;
    if (!this.mayProbe(to) || sent >= limits.UNVALIDATED_MAX) return false;
    if (sent === 0 && this.#sent.size >= limits.UNVALIDATED_ADDRESSES_MAX) return false;
    this.#sent.set(to.address, sent + 1);
    return true;
  }

  /** The peer answered from there. */
  validate({ address }: Endpoint): void {
    this.#sent.delete(address);
  }
}
