/**
 * The mirror: STUN's budgets. Whoever asks has shown nothing, and is answered with a little more than he sent, so an
 * address is answered only so often, and all of them together.
 */
import type { Endpoint } from "#shared/net/endpoint.ts";
import { type Bucket, type Budget, fullBucket, Guard, take } from "#shared/rate-limit/token-bucket.ts";
import { bindingResponse } from "../protocols/stun.ts";
import type { Counters } from "./counters.ts";

export type StunLimits = { readonly source: Budget; readonly all: Budget; readonly sources_max: number };

export class StunResponder {
  readonly #sources: Guard;
  readonly #limits: StunLimits;
  readonly #tally: Counters;
  readonly #all: Bucket;

  constructor(limits: StunLimits, tally: Counters) {
    this.#limits = limits;
    this.#tally = tally;
    this.#sources = new Guard(limits.source, limits.sources_max);
    this.#all = fullBucket(limits.all, 0);
  }

  /** What a STUN message is answered, or null for silence. */
  handleMessage(bytes: Uint8Array, from: Endpoint, now: number): Uint8Array | null {
    const said = bindingResponse(bytes, from);
    if ("drop" in said) return this.#drop(said.drop);
    if (!this.#sources.allows(from.address, now)) return this.#drop("stun_rate");
    if (!take(this.#all, this.#limits.all, now)) return this.#drop("stun_rate_of_all");
    this.#tally.add("datagrams", "mirrored");
    return said;
  }

  #drop(why: string): null {
    this.#tally.add("datagrams", "dropped");
    this.#tally.add("dropped", why);
    return null;
  }
}
