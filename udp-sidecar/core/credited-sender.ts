/**
 * Sends the datagrams of one exchange within the send credit of their receivers. Datagrams that exceed it are dropped and
 * counted; clients repeat their requests.
 */
import type { Endpoint } from "#shared/net/endpoint.ts";
import { isDtls } from "#shared/net/local-port.ts";
import type { Counters } from "./counters.ts";
import type { CreditTerms } from "../protocols/wire.ts";
import type { SendCredit } from "./send-credit.ts";

export type Send = (via: number, to: Endpoint, bytes: Uint8Array) => void;

export class CreditedSender {
  readonly #credit: SendCredit;
  readonly #send: Send;
  readonly #counters: Counters;

  constructor(credit: SendCredit, send: Send, counters: Counters) {
    this.#credit = credit;
    this.#send = send;
    this.#counters = counters;
  }

  /** A datagram arrived. A DTLS handshake has proved its sender, which needs no credit. */
  receive(via: number, from: Endpoint, bytes: Uint8Array, now: number): void {
    if (!isDtls(via)) this.#credit.receive(from, bytes.length, now);
  }

  /**
   * Sends a group of datagrams; false if none was sent. If the credit does not cover all of them, the first ones are
   * dropped: wires put what matters most last.
   */
  send(via: number, to: Endpoint, datagrams: readonly Uint8Array[], now: number, terms?: CreditTerms): boolean {
    const first = isDtls(via) ? 0 : this.#firstCovered(to, datagrams, now, terms);
    for (let at = first; at < datagrams.length; at++) this.#send(via, to, datagrams[at]!);
    return first < datagrams.length;
  }

  /** Takes the credit for the datagrams from this index on. */
  #firstCovered(to: Endpoint, datagrams: readonly Uint8Array[], now: number, terms?: CreditTerms): number {
    const credit = this.#credit.of(to, now);
    let length = 0;
    for (const datagram of datagrams) length += datagram.length;
    for (let first = 0; first < datagrams.length; first++) {
      if (this.#credit.covers(credit, length, terms)) {
        this.#credit.spend(credit, length, terms);
        return first;
      }
      this.#counters.add("unsent", "no_credit");
      length -= datagrams[first]!.length;
    }
    return datagrams.length;
  }

  /** A datagram of `payer` causes these, which are equal, to `to`. */
  transfer(payer: Endpoint, via: number, to: Endpoint, datagrams: readonly Uint8Array[], now: number): void {
    if (!isDtls(via)) this.#credit.transfer(payer, this.#credit.of(to, now), datagrams);
  }

  /** A datagram of `payer` causes another sidecar to send one as long as the first of these. */
  charge(payer: Endpoint, via: number, [first]: readonly Uint8Array[], now: number): void {
    if (!isDtls(via)) this.#credit.charge(this.#credit.of(payer, now), first?.length ?? 0);
  }
}
