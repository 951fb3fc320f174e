/**
 * The checks that every rate-limited call passes, in this order: stored response, rate limit, ban or drain. Then the
 * call is run and its response stored, if the request has an idempotency key. A stored response costs no budget, because a
 * client that repeats a request does what it should.
 */
import { type Ban, Bans } from "#shared/auth/bans.ts";
import { DEFAULT_RELAY_SETTINGS, type RelaySettings } from "#shared/api/moderation/relay-settings.ts";
import { BANS_MAX } from "#shared/limits.ts";
import { type RefusalCode, REFUSALS } from "#shared/refusals.ts";
import { type RateLimitSubject, type RateLimitClass, RateLimiter } from "#shared/rate-limit/rate-limiter.ts";
import { IdempotencyCache } from "./idempotency.ts";
import { budgetsOf, type Env, hubCount } from "../env.ts";
import { RelayQuota } from "./moderation/relay-quota.ts";
import type { OperatorAction, Store } from "./store.ts";
import type { Outcome, Refused, RequestMeta, RpcResult } from "../rpc.ts";

/** Calls that a ban refuses. Reading and leaving stay possible. */
const BAN_APPLIES_TO: ReadonlySet<RateLimitClass> = new Set(["peers", "create", "join"]);

export class RequestGuard {
  readonly bans: Bans;
  readonly responses: IdempotencyCache;
  readonly relays: RelayQuota;
  readonly #limiter: RateLimiter;
  readonly #store: Store;
  #draining: boolean;

  constructor(env: Env, store: Store) {
    this.#store = store;
    this.#limiter = new RateLimiter(budgetsOf(env));
    this.responses = new IdempotencyCache(store);
    const orders = store.operatorActions();
    this.bans = new Bans(orders.filter((order) => order.kind === "ban"));
    this.#draining = orders.some((order) => order.kind === "drain");
    const relays = orders.find((order) => order.kind === "relays") ?? DEFAULT_RELAY_SETTINGS;
    this.relays = new RelayQuota(store, relays, hubCount(env));
  }

  /** `work` must not wait, so that its rows and the stored response are written in one transaction. */
  run<T>(meta: RequestMeta, now: number, work: () => Outcome<T>): RpcResult<T> {
    const stored = meta.idempotency === null ? undefined : this.responses.get(meta.idempotency, now);
    if (stored !== undefined && stored !== "mismatch")
      return { ...(stored as Outcome<T>), rate_limit: null, replayed: true };
    const rate_limit = meta.cost === null ? null : this.#limiter.consume(meta.cost, meta, now);
    if (rate_limit?.allowed === false) return { refused: "rate_limited", rate_limit, replayed: false };
    if (stored === "mismatch") return { refused: "idempotency_mismatch", rate_limit, replayed: false };
    const outcome = this.#refusalOf(meta, now) ?? work();
    if (meta.idempotency !== null && isFinal(outcome)) this.responses.put(meta.idempotency, meta.source, outcome, now);
    return { ...outcome, rate_limit, replayed: false };
  }

  /**
   * Whether this source may try another join code. Wrong codes are counted per source, or per peer if the source is
   * unknown.
   */
  mayTryCode({ peer, source }: RateLimitSubject, now: number): boolean {
    return this.#limiter.canConsume("code", source === null ? { peer, source } : { peer: null, source }, now);
  }

  countWrongCode({ peer, source }: RateLimitSubject, now: number): void {
    this.#limiter.consume("code", source === null ? { peer, source } : { peer: null, source }, now);
  }

  /** Deletes expired responses and bans. */
  prune(now: number): void {
    this.responses.prune(now);
    this.#removeBans(this.bans.expired(now));
  }

  /** When `prune` is next needed (ms), or Infinity. */
  deadline(): number {
    return Math.min(this.responses.deadline(), this.bans.deadline());
  }

  // --- operators -------------------------------------------------------------------------------------------------

  /** The hub refuses new lobbies; existing ones continue. */
  get draining(): boolean {
    return this.#draining;
  }

  setDraining(draining: boolean, now: number): void {
    if (draining === this.#draining) return;
    this.#store.saveOperatorActions(new Map([["drain", draining ? { kind: "drain", since: now } : null]]));
    this.#draining = draining;
  }

  setRelays({ enabled, day_bytes_max }: RelaySettings): void {
    const settings = { enabled, day_bytes_max };
    this.#store.saveOperatorActions(new Map([["relays", { kind: "relays", ...settings }]]));
    this.relays.set(settings);
  }

  /** Returns false if there are too many bans. */
  addBan(ban: Ban): boolean {
    if (this.bans.size >= BANS_MAX && this.bans.byId(ban.id) === undefined) return false;
    const older = this.bans.add(ban);
    const rows = new Map<string, OperatorAction | null>([[ban.id, { kind: "ban", ...ban }]]);
    if (older !== null && older.id !== ban.id) rows.set(older.id, null);
    this.#store.saveOperatorActions(rows);
    return true;
  }

  removeBan(id: string): boolean {
    const ban = this.bans.byId(id);
    if (ban !== undefined) this.#removeBans([ban]);
    return ban !== undefined;
  }

  /** The refusal for a host or join request over a sidecar, or null. `creates` says that it would create a lobby. */
  refusalFor(address: string, creates: boolean, now: number): RefusalCode | null {
    if (this.bans.find({ peer: null, address }, now) !== null) return "banned";
    return creates && this.#draining ? "draining" : null;
  }

  #removeBans(bans: readonly Ban[]): void {
    if (bans.length === 0) return;
    this.#store.saveOperatorActions(new Map(bans.map(({ id }) => [id, null])));
    for (const { id } of bans) this.bans.remove(id);
  }

  #refusalOf({ cost, peer, source }: RequestMeta, now: number): Refused | null {
    if (cost === null || !BAN_APPLIES_TO.has(cost)) return null;
    const ban = this.bans.find({ peer, address: source }, now);
    if (ban === null) return cost === "create" && this.#draining ? { refused: "draining" } : null;
    return { refused: "banned", ...(!ban.reason_hidden && ban.reason !== "" && { detail: ban.reason }) };
  }
}

/** Interim outcomes, and refusals that a retry can overcome, are not stored. */
const isFinal = (outcome: Outcome<unknown>): boolean =>
  "refused" in outcome ? REFUSALS[outcome.refused].status < 429 : outcome.interim !== true;
