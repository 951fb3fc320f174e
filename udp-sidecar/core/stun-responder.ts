/**
 * Answers STUN Binding requests within rate limits. The source of a request may be forged and a response is slightly
 * longer than its request, so each source has a limit and a send credit, and all sources together have a limit.
 */
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Bucket, type Budget, fullBucket, BucketTable, consumeToken } from "#shared/rate-limit/token-bucket.ts";
import { bindingResponse } from "../protocols/stun.ts";
import type { Counters } from "./counters.ts";
import type { SendCredit } from "./send-credit.ts";

type StunLimits = { readonly source: Budget; readonly all: Budget; readonly sources_max: number };

export class StunResponder {
  readonly #sources: BucketTable;
  readonly #limits: StunLimits;
  readonly #counters: Counters;
  readonly #all: Bucket;
  readonly #credit: SendCredit;

  constructor(limits: StunLimits, credit: SendCredit, counters: Counters) {
    this.#credit = credit;
    this.#limits = limits;
    this.#counters = counters;
    this.#sources = new BucketTable(limits.source, limits.sources_max);
    this.#all = fullBucket(limits.all, 0);
  }

  /** The response to a STUN message, or null for none. */
  handleMessage(bytes: Uint8Array, from: Endpoint, now: number): Uint8Array | null {
    const response = bindingResponse(bytes, from);
    if ("drop" in response) return this.#drop(response.drop);
    if (!this.#sources.consume(from.address, now)) return this.#drop("stun_rate");
    if (!consumeToken(this.#all, this.#limits.all, now)) return this.#drop("stun_rate_of_all");
    const credit = this.#credit.receive(from, bytes.length, now);
    if (!this.#credit.covers(credit, response.length)) return this.#drop("stun_no_credit");
    this.#credit.spend(credit, response.length);
    this.#counters.add("datagrams", "mirrored");
    return response;
  }

  #drop(why: string): null {
    this.#counters.add("datagrams", "dropped");
    this.#counters.add("dropped", why);
    return null;
  }
}
