/**
 * When a member's keepalive is answered: within a rate limit, and so that the send credit for a later notice is not used
 * up by answers that repeat what the member already knows.
 */
import { type Bucket, type Budget, consumeToken, fullBucket } from "#shared/rate-limit/token-bucket.ts";
import { ownBytes } from "#shared/net/own-bytes.ts";
import type { Contact, CreditTerms, Reply } from "../../protocols/wire.ts";

/** A keepalive is answered after this time even if that uses the reserve: the Rabid plugin gives up after 15 s. */
const REPLY_MS = 4_000;
/** Before that, twelve players behind one address must not all count on the whole allowance as their reserve. */
const NEIGHBOURS_TERMS: CreditTerms = { share: 1 / 8 };

/** Keeps a notice's answer to the contact's keepalives, for as long as the contact stays. */
export function keepReply(
  contact: Contact,
  { renewal_reply = [], credit_terms = {} }: Pick<Reply, "renewal_reply" | "credit_terms">,
): void {
  contact.renewal_reply = renewal_reply.map(ownBytes);
  contact.credit_terms = credit_terms;
}

/** `early`: the terms of a member that was answered a moment ago, `due`: of another one; both follow from `of`. */
type Terms = { readonly of: CreditTerms; readonly early: CreditTerms; readonly due: CreditTerms };

export class RenewalReplies {
  readonly #budget: Budget;
  readonly #buckets = new WeakMap<Contact, Bucket>();
  readonly #terms = new WeakMap<Contact, Terms>();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Takes one token of the member; false if none is left. */
  consume(contact: Contact, now: number): boolean {
    let bucket = this.#buckets.get(contact);
    if (bucket === undefined) this.#buckets.set(contact, (bucket = fullBucket(this.#budget, now)));
    return consumeToken(bucket, this.#budget, now);
  }

  /** The terms of the reply to this member. */
  termsOf(contact: Contact, now: number): CreditTerms {
    const of = contact.credit_terms;
    let terms = this.#terms.get(contact);
    if (terms?.of !== of) {
      terms = { of, early: { ...NEIGHBOURS_TERMS, ...of }, due: { ...of, reserve: 0 } };
      this.#terms.set(contact, terms);
    }
    return now - contact.replied_at >= REPLY_MS ? terms.due : terms.early;
  }
}
