/**
 * The hub's side of the gate: every question of the API passes here. In this order: who asks too often must wait; who
 * has asked this before hears the same again; who is banned is told so; then the question is answered, and the answer
 * kept where it may be asked for again.
 */
import { type Ban, Bans } from "#shared/bans.ts";
import { type Payer, type Toll, Tolls } from "#shared/tolls.ts";
import { Answers } from "./answers.ts";
import { budgetsOf, type Env } from "./env.ts";
import type { Answered, Outcome, Pass, Refused } from "./pass.ts";
import type { Store } from "./store.ts";

/** What the banned may not do. Looking harms nobody, and members must be able to leave. */
const BARRED: ReadonlySet<Toll> = new Set(["peers", "create", "join"]);

export class Gatekeeper {
  readonly bans: Bans;
  readonly answers: Answers;
  readonly #tolls: Tolls;
  readonly #store: Store;

  constructor(env: Env, store: Store) {
    this.#store = store;
    this.#tolls = new Tolls(budgetsOf(env));
    this.answers = new Answers(store);
    this.bans = new Bans(store.bans());
  }

  /** `work` may not wait: what it does and what is remembered of it are stored in one turn, together or not at all. */
  through<T>(pass: Pass, now: number, work: () => Outcome<T>): Answered<T> {
    const receipt = pass.toll === null ? null : this.#tolls.pay(pass.toll, pass, now);
    if (receipt?.paid === false) return { refused: "rate_limited", receipt, replayed: false };
    const known = pass.once === null ? undefined : this.answers.recall(pass.once, now);
    if (known === "mismatch") return { refused: "idempotency_mismatch", receipt, replayed: false };
    if (known !== undefined) return { ...(known as Outcome<T>), receipt, replayed: true };
    const outcome = this.#bar(pass, now) ?? work();
    if (pass.once !== null) this.answers.keep(pass.once, outcome, now);
    return { ...outcome, receipt, replayed: false };
  }

  /** A join code that was wrong; false where this payer has guessed too often already. Counted per source. */
  mayGuess({ peer, source }: Payer, now: number): boolean {
    return this.#tolls.affords("code", source === null ? { peer, source } : { peer: null, source }, now);
  }

  guessed({ peer, source }: Payer, now: number): void {
    this.#tolls.pay("code", source === null ? { peer, source } : { peer: null, source }, now);
  }

  /** Forgets what is over. */
  tidy(now: number): void {
    this.answers.forget(now);
    this.#lift(this.bans.expired(now));
  }

  /** When there is next something to forget, or never. */
  deadline(): number {
    return Math.min(this.answers.deadline(), this.bans.deadline());
  }

  #lift(bans: readonly Ban[]): void {
    if (bans.length === 0) return;
    this.#store.keepBans(new Map(bans.map(({ id }) => [id, null])));
    for (const { id } of bans) this.bans.remove(id);
  }

  #bar({ toll, peer, source }: Pass, now: number): Refused | null {
    const ban = toll !== null && BARRED.has(toll) ? this.bans.of({ peer, address: source }, now) : null;
    if (ban === null) return null;
    return { refused: "banned", ...(!ban.reason_hidden && ban.reason !== "" && { detail: ban.reason }) };
  }
}
