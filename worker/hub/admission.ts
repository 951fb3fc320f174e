/**
 * The hub's side of the gate: every question of the API passes here. In this order: who asks too often must wait; who
 * has asked this before hears the same again; who is banned is told so; then the question is answered, and the answer
 * kept where it may be asked for again.
 */
import { type Ban, Bans } from "#shared/auth/bans.ts";
import { BANS_MAX } from "#shared/limits.ts";
import { type RefusalCode, REFUSALS } from "#shared/refusals.ts";
import { type Payer, type Toll, Tolls } from "#shared/rate-limit/rate-limiter.ts";
import { Answers } from "./idempotency.ts";
import { budgetsOf, type Env } from "../env.ts";
import type { Answered, Outcome, Pass, Refused } from "../http/hub-client.ts";
import type { Order, Store } from "./store.ts";

/** What the banned may not do. Looking harms nobody, and members must be able to leave. */
const BARRED: ReadonlySet<Toll> = new Set(["peers", "create", "join"]);

export class Gatekeeper {
  readonly bans: Bans;
  readonly answers: Answers;
  readonly #tolls: Tolls;
  readonly #store: Store;
  #draining: boolean;

  constructor(env: Env, store: Store) {
    this.#store = store;
    this.#tolls = new Tolls(budgetsOf(env));
    this.answers = new Answers(store);
    const orders = store.orders();
    this.bans = new Bans(orders.filter((order) => order.kind === "ban"));
    this.#draining = orders.some((order) => order.kind === "drain");
  }

  /** `work` may not wait: what it does and what is remembered of it are stored in one turn, together or not at all. */
  through<T>(pass: Pass, now: number, work: () => Outcome<T>): Answered<T> {
    const receipt = pass.toll === null ? null : this.#tolls.pay(pass.toll, pass, now);
    if (receipt?.paid === false) return { refused: "rate_limited", receipt, replayed: false };
    const known = pass.once === null ? undefined : this.answers.recall(pass.once, now);
    if (known === "mismatch") return { refused: "idempotency_mismatch", receipt, replayed: false };
    if (known !== undefined) return { ...(known as Outcome<T>), receipt, replayed: true };
    const outcome = this.#bar(pass, now) ?? work();
    if (pass.once !== null && isFinal(outcome)) this.answers.keep(pass.once, outcome, now);
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

  // --- what the operators want -----------------------------------------------------------------------------------

  /** No new lobbies; those that are go on. */
  get draining(): boolean {
    return this.#draining;
  }

  drain(draining: boolean, now: number): void {
    if (draining === this.#draining) return;
    this.#store.keepOrders(new Map([["drain", draining ? { kind: "drain", since: now } : null]]));
    this.#draining = draining;
  }

  /** False where there are too many bans already. */
  ban(ban: Ban): boolean {
    if (this.bans.size >= BANS_MAX && this.bans.byId(ban.id) === undefined) return false;
    const older = this.bans.add(ban);
    const rows = new Map<string, Order | null>([[ban.id, { kind: "ban", ...ban }]]);
    if (older !== null && older.id !== ban.id) rows.set(older.id, null);
    this.#store.keepOrders(rows);
    return true;
  }

  lift(id: string): boolean {
    const ban = this.bans.byId(id);
    if (ban !== undefined) this.#lift([ban]);
    return ban !== undefined;
  }

  /** Why nobody at this address may host or join over a sidecar, or null. `makes`: it would be a new lobby. */
  barOf(address: string, makes: boolean, now: number): RefusalCode | null {
    if (this.bans.of({ peer: null, address }, now) !== null) return "banned";
    return makes && this.#draining ? "draining" : null;
  }

  #lift(bans: readonly Ban[]): void {
    if (bans.length === 0) return;
    this.#store.keepOrders(new Map(bans.map(({ id }) => [id, null])));
    for (const { id } of bans) this.bans.remove(id);
  }

  #bar({ toll, peer, source }: Pass, now: number): Refused | null {
    if (toll === null || !BARRED.has(toll)) return null;
    const ban = this.bans.of({ peer, address: source }, now);
    if (ban === null) return toll === "create" && this.#draining ? { refused: "draining" } : null;
    return { refused: "banned", ...(!ban.reason_hidden && ban.reason !== "" && { detail: ban.reason }) };
  }
}

/** What is only so for the moment is not to be heard again for ten minutes. */
const isFinal = (outcome: Outcome<unknown>): boolean =>
  !("refused" in outcome) || REFUSALS[outcome.refused].status < 429;
