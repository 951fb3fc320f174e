/**
 * The relay's decisions: which datagram is forwarded, from which port, and within which limits. It serves all wires. It
 * holds no socket and no clock, and `route` allocates no memory.
 *
 *     A --> port a ============ port b --> B        A uses only port a, and B only port b: each sees
 *     A <-- port a ============ port b <-- B        the other as the sidecar's address and its own port
 *
 * An allocation is a pair of ports for one introduced pair of peers. The relay sends only to endpoints that have
 * authenticated on this allocation. It learns each side's endpoint from the side's own datagrams (latching), because
 * behind a symmetric NAT the relay's port observes another endpoint than the wire's port.
 *
 * - The first datagram to a side's port from the address that its wire observed sets the side's endpoint. From then on
 *   only that endpoint is accepted.
 * - The exact endpoint that the wire observed replaces another one of the same address at any time.
 * - A side that was silent for `relatch_ms` may continue from another port of its address, because NATs rebind.
 * - A side that was silent for `idle_ms` gets nothing until it sends again.
 * - `bindEndpoint` is for wires whose peers authenticate with a secret, from any address or over a stream; `peerMoved`
 *   is for peers that registered again.
 * - A side that nothing except its datagrams has proved gets no more than it sends (side-credit.ts).
 * - A side that has not sent yet gets a few datagrams where its wire observed it, if its wire asks for that (waking.ts).
 * - Every other sender is a stranger: its datagrams are dropped and counted, and no state is kept.
 */
import { type Endpoint, endpoint, sameEndpoint, sourceOf } from "#shared/net/endpoint.ts";
import { isSpecial } from "#shared/net/special-ranges.ts";
import { RELAY_OVERHEAD_BYTES, RELAY_UNPROVED_BYTES } from "#shared/limits.ts";
import {
  type Allocated,
  type Allocation,
  type RelayParty,
  familyOf,
  type Hop,
  type NoRelay,
  type ObservedParty,
  pairKey,
  partyFamily,
  budgetKey,
  type PortPool,
  type RelayEnd,
  type RelayLimited,
  type RelayLimits,
  type RelayRequest,
  type Side,
  type Stream,
} from "./allocation.ts";
import { refill } from "#shared/rate-limit/token-bucket.ts";
import { AllocationTable } from "./allocation-table.ts";
import { expiryOf } from "./expiry.ts";
import { earnCredit, spendCredit } from "./side-credit.ts";
import { acquirePorts, createSide, hasSlots } from "./sides.ts";
import { latchRefusal } from "./latching.ts";
import { SharedBudgets } from "./shared-budget.ts";
import { wakeHop } from "./waking.ts";
import type { Counters } from "../core/counters.ts";

export class Relay {
  readonly #limits: RelayLimits;
  readonly #pool: PortPool;
  /** Whether an endpoint is a sidecar's: forwarding to one would loop. */
  readonly #isSidecar: (at: Endpoint) => boolean;
  readonly #counters: Counters;
  readonly #allocations = new AllocationTable();
  readonly #sources: SharedBudgets;
  readonly #games: SharedBudgets;
  #closing = false;
  /** Forwarded since the process started. */
  packets = 0;
  bytes = 0;

  constructor(limits: RelayLimits, pool: PortPool, isSidecar: (at: Endpoint) => boolean, counters: Counters) {
    this.#limits = limits;
    this.#pool = pool;
    this.#isSidecar = isSidecar;
    this.#counters = counters;
    this.#sources = new SharedBudgets(limits.source);
    this.#games = new SharedBudgets(limits.game);
  }

  get size(): number {
    return this.#allocations.size;
  }

  /** Sources and games that have a budget now. */
  get budgets(): number {
    return this.#sources.size + this.#games.size;
  }

  /** A pair of ports for this pair of peers. The ports stay the same while the allocation lives. */
  allocate(request: RelayRequest, now: number): Allocated | { readonly none: NoRelay } {
    const { parties, onNotice } = request;
    const key = pairKey(request);
    if (parties.some(({ observed }) => observed !== null && !this.#isServed(observed))) return this.#refuse("special");
    if (parties.some(({ observed }) => observed !== null && this.#isSidecar(observed))) return this.#refuse("loop");
    const allocation = this.#allocations.get(key) ?? this.#createAllocation(key, request, now);
    if (typeof allocation === "string") return this.#refuse(allocation);
    const [a, b] = allocation.sides;
    const isReversed = a.peer !== parties[0].peer || a.family !== partyFamily(parties[0]);
    this.#moveSide(isReversed ? b : a, parties[0], now);
    this.#moveSide(isReversed ? a : b, parties[1], now);
    allocation.requested_at = now;
    allocation.onNotice = onNotice;
    a.left = b.left = false;
    return { allocation, ports: isReversed ? [b.port, a.port] : [a.port, b.port] };
  }

  /** Where a datagram of this length at one of the relay's ports goes, to be read at once; null if it is dropped. */
  route(
    port: number,
    address: string,
    fromPort: number,
    length: number,
    now: number,
    stream: Stream | null = null,
  ): Hop | null {
    const owner = this.#allocations.atPort(port);
    if (owner === undefined) return this.#drop("unallocated");
    const { side, other, allocation } = owner;
    const known = side.endpoint;
    if (stream !== side.stream) return this.#drop("stranger");
    const same = known !== null && known.port === fromPort && known.address === address;
    if (!same && !this.#tryLatch(allocation, side, address, fromPort, now)) return null;
    side.last_received_at = now;
    const bytes = length + RELAY_OVERHEAD_BYTES;
    earnCredit(side, bytes);
    const hop = other.endpoint === null ? wakeHop(other, now) : (other as Hop);
    if (hop === null) return this.#drop("unproved");
    if (now - other.last_received_at >= this.#limits.idle_ms) return this.#drop("silent");
    if (allocation.carried_bytes + bytes > allocation.bytes_max) return this.#exhaust(allocation, "bytes");
    if (now - allocation.allocated_at >= this.#limits.lifetime_ms) return this.#exhaust(allocation, "lifetime");
    if (refill(side.bucket, this.#limits.side, now) < bytes) return this.#limit(allocation, "rate");
    if (refill(side.source.bucket, this.#sources.budget, now) < bytes) return this.#limit(allocation, "source_rate");
    if (refill(allocation.game.bucket, this.#games.budget, now) < bytes) return this.#limit(allocation, "game_rate");
    if (!spendCredit(other, bytes)) return this.#limit(allocation, "credit");
    side.bucket.tokens -= bytes;
    side.source.bucket.tokens -= bytes;
    allocation.game.bucket.tokens -= bytes;
    allocation.carried_bytes += bytes;
    this.packets++;
    this.bytes += length;
    return hop;
  }

  /**
   * The peer of this port has authenticated with a secret of its wire at this endpoint, over UDP or a stream. From now
   * on only this endpoint is accepted, at any address. False if that is refused or the allocation has ended.
   */
  bindEndpoint(allocation: Allocation, port: number, at: Endpoint, now: number, stream: Stream | null = null): boolean {
    const side = allocation.sides.find((one) => one.port === port);
    if (side === undefined || this.#allocations.get(allocation.key) !== allocation) return false;
    if (stream === null && (familyOf(at) !== side.family || this.#isSidecar(at))) return false;
    const source = sourceOf(at.address);
    const isFull = !this.#sources.hasRoom(source, this.#limits.slots_per_source_max);
    if (!this.#isServed(at) || (source !== side.source.key && isFull)) return false;
    this.#chargeSource(side, at.address, now);
    Object.assign(side, { endpoint: at, stream, secret: true, left: false, last_received_at: now });
    return true;
  }

  /** A peer registered again with its wire's secret and is observed here now; its allocations continue from there. */
  peerMoved(game: string, { peer, observed, proved = false }: ObservedParty, now: number): void {
    if (!this.#isServed(observed) || this.#isSidecar(observed)) return;
    for (const { sides } of this.#allocations.ofPeer(game, peer)) {
      for (const side of sides) {
        if (side.peer === peer && familyOf(observed) === side.family)
          this.#moveSide(side, { peer, observed, proved }, now);
      }
    }
  }

  /** A peer has left its wire. When both peers have left, the allocation ends shortly after their last datagrams. */
  peerLeft(game: string, peer: string): void {
    for (const { sides } of this.#allocations.ofPeer(game, peer)) {
      for (const side of sides) side.left ||= side.peer === peer;
    }
  }

  /** The allocation is no longer needed: its ports are free at once. */
  release(allocation: Allocation): void {
    this.#end(allocation, "released");
  }

  /** Ends allocations that are idle or too old. */
  expire(now: number): void {
    for (const allocation of this.#allocations.all()) {
      const why = expiryOf(allocation, this.#limits, now);
      if (why === "lifetime") this.#exhaust(allocation, why);
      else if (why !== null) this.#end(allocation, why);
    }
  }

  /** Refuses new allocations and notifies the existing ones. */
  drain(): void {
    if (this.#closing) return;
    this.#closing = true;
    for (const { onNotice } of this.#allocations.all()) onNotice({ kind: "closing" });
  }

  close(): void {
    this.drain();
    for (const allocation of this.#allocations.all()) this.#end(allocation, "closed");
  }

  #refuse(none: NoRelay): { readonly none: NoRelay } {
    this.#counters.add("relay_refused", none);
    return { none };
  }

  #createAllocation(key: string, request: RelayRequest, now: number): Allocation | NoRelay {
    const { game, parties, onNotice, wakes = false } = request;
    const bytes_max = Math.min(this.#limits.bytes_max, request.bytes_max ?? Infinity);
    if (this.#closing) return "closing";
    if (!hasSlots(this.#sources, parties, this.#limits.slots_per_source_max)) return "source_share";
    const ports = acquirePorts(this.#pool, parties) ?? this.#reclaimPorts(parties);
    if (ports === null) return "exhausted";
    const newSide = (at: 0 | 1): Side => {
      const source = this.#sources.acquire(budgetKey(parties[at]), now);
      return createSide(parties[at], { port: ports[at], source, budget: this.#limits.side, wakes }, now);
    };
    const sides = [newSide(0), newSide(1)] as const;
    const state = { allocated_at: now, requested_at: now, bytes_max, carried_bytes: 0, limited: [] };
    const allocation: Allocation = { key, game: this.#games.acquire(game, now), sides, ...state, onNotice };
    this.#allocations.add(allocation);
    return allocation;
  }

  /** The ports of the oldest pairs whose peers have sent nothing. */
  #reclaimPorts(parties: RelayRequest["parties"]): [number, number] | null {
    for (const allocation of this.#allocations.unused()) {
      this.#end(allocation, "evicted");
      const ports = acquirePorts(this.#pool, parties);
      if (ports !== null) return ports;
    }
    return null;
  }

  /** Whether a datagram from an unknown endpoint changes the side's endpoint. If not, counts why. */
  #tryLatch(allocation: Allocation, side: Side, address: string, port: number, now: number): boolean {
    const from = endpoint(address, port);
    const refusal =
      from === null ? "source_port_0" : latchRefusal(side, from, this.#limits.relatch_ms, this.#isSidecar, now);
    const first = refusal === null && side.endpoint === null ? side.observed : null;
    if (refusal === null) side.endpoint = from;
    else if (refusal === "loop") this.#limit(allocation, "loop");
    else this.#counters.add("relay_dropped", refusal);
    if (first !== null) allocation.onNotice({ kind: "latched", peer: side.peer, moved: first.port !== port });
    return refusal === null;
  }

  /** The wire observes a peer at another endpoint. At another address it must authenticate again. */
  #moveSide(side: Side, party: RelayParty, now: number): void {
    const { observed } = party;
    if (observed === null || side.observed === null || sameEndpoint(side.observed, observed)) return;
    if (side.observed.address !== observed.address) {
      Object.assign(side, { endpoint: null, secret: false, credit_bytes: RELAY_UNPROVED_BYTES });
      this.#chargeSource(side, observed.address, now);
    }
    Object.assign(side, { observed, proved: party.proved === true });
  }

  /** From now on the source of this address pays for the side. */
  #chargeSource(side: Side, address: string, now: number): void {
    const previous = side.source;
    side.source = this.#sources.acquire(sourceOf(address), now);
    this.#sources.release(previous);
  }

  #isServed({ address }: Endpoint): boolean {
    return this.#limits.special || !isSpecial(address);
  }

  #limit(allocation: Allocation, reason: RelayLimited): null {
    this.#counters.add("relay_dropped", reason);
    if (!allocation.limited.includes(reason)) {
      allocation.limited.push(reason);
      allocation.onNotice({ kind: "limited", reason });
    }
    return null;
  }

  #exhaust(allocation: Allocation, reason: "bytes" | "lifetime"): null {
    this.#limit(allocation, reason);
    this.#end(allocation, reason);
    return null;
  }

  #end(allocation: Allocation, why: RelayEnd): void {
    if (!this.#allocations.remove(allocation)) return;
    this.#games.release(allocation.game);
    for (const { port, source } of allocation.sides) {
      this.#sources.release(source);
      this.#pool.release(port);
    }
    this.#counters.add("relay_ended", why);
    allocation.onNotice({ kind: "ended", why });
  }

  #drop(why: string): null {
    this.#counters.add("relay_dropped", why);
    return null;
  }
}
