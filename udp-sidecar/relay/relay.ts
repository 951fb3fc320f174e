/**
 * The relay's table: who is relayed to whom, from where, and how much. One for all wires; it holds no socket and no
 * clock, and what it is asked for each datagram allocates nothing.
 *
 *     A --> port a ============ port b --> B        A speaks with port a alone, and B with port b: each sees
 *     A <-- port a ============ port b <-- B        the other as the sidecar's address and his own port
 *
 * An allocation is a pair of ports for one introduced pair of peers. Nothing is sent to an endpoint that has not proved
 * itself on that very allocation: each side's true one is learned from its own datagrams (latching), because a symmetric
 * NAT shows the relay's port another one than it showed the port where the wire saw the peer.
 *
 * - A datagram on a side's port from the address where its wire saw the peer proves the endpoint it came from. From then
 *   on, only that endpoint is heard there.
 * - The very endpoint that the wire saw outranks others of its address: it takes the place of one at any time.
 * - A side that has been silent for `relatch_ms` may be heard from another port of its address: NATs rebind.
 * - A side that has been silent for `idle_ms` is not sent to until it is heard again.
 * - `prove` is for wires whose peers prove themselves with a secret, from anywhere, also from the other end of a stream;
 *   `moved` for peers that have registered anew.
 * - Everybody else is a stranger: dropped and counted, and nothing about him is kept.
 */
import { type Endpoint, endpoint, isSpecial, sameEndpoint, sourceOf } from "#shared/net/endpoint.ts";
import { RELAY_OVERHEAD_BYTES } from "#shared/limits.ts";
import {
  type Allocated,
  type Allocation,
  type RelayParty,
  familyOf,
  type Hop,
  type NoRelay,
  pairKey,
  partyFamily,
  budgetKey,
  peerKey,
  type PortPool,
  type RelayEnd,
  type RelayLimited,
  type RelayLimits,
  type RelayRequest,
  type Side,
  type Stream,
} from "./allocation.ts";
import { fullBucket, refill } from "#shared/rate-limit/token-bucket.ts";
import { SharedBudgets } from "./shared-budget.ts";
import type { Counters } from "../core/counters.ts";

export class Relay {
  readonly #limits: RelayLimits;
  readonly #pool: PortPool;
  /** Whether an endpoint is a port of this very sidecar: relaying to one would go round in circles. */
  readonly #isOwnPort: (at: Endpoint) => boolean;
  readonly #tally: Counters;
  readonly #allocations = new Map<string, Allocation>();
  readonly #byPort = new Map<number, { readonly side: Side; readonly other: Side; readonly allocation: Allocation }>();
  readonly #byPeer = new Map<string, Set<Allocation>>();
  readonly #sources: SharedBudgets;
  readonly #games: SharedBudgets;
  #closing = false;
  /** Carried since the beginning. */
  packets = 0;
  bytes = 0;

  constructor(limits: RelayLimits, pool: PortPool, isOurs: (at: Endpoint) => boolean, tally: Counters) {
    this.#limits = limits;
    this.#pool = pool;
    this.#isOwnPort = isOurs;
    this.#tally = tally;
    this.#sources = new SharedBudgets(limits.source);
    this.#games = new SharedBudgets(limits.game);
  }

  get size(): number {
    return this.#allocations.size;
  }

  /** Sources and games that have a budget now. */
  get shares(): number {
    return this.#sources.size + this.#games.size;
  }

  /** A pair of ports for this pair of peers: the same ones for as long as the allocation lives. */
  allocate(request: RelayRequest, now: number): Allocated | { readonly none: NoRelay } {
    const { parties, onNotice: told } = request;
    const key = pairKey(request);
    if (parties.some(({ observed: seen }) => seen !== null && !this.#isServed(seen))) return this.#refuse("special");
    const allocation = this.#allocations.get(key) ?? this.#createAllocation(key, request, now);
    if (typeof allocation === "string") return this.#refuse(allocation);
    const [a, b] = allocation.sides;
    const turned = a.peer !== parties[0].peer || a.family !== partyFamily(parties[0]);
    this.#moveSide(turned ? b : a, parties[0].observed, now);
    this.#moveSide(turned ? a : b, parties[1].observed, now);
    Object.assign(allocation, { asked_at: now, told });
    a.left = b.left = false;
    return { allocation, ports: turned ? [b.port, a.port] : [a.port, b.port] };
  }

  /**
   * A datagram of this length came to one of our ports: where it goes on to, or null. The hop is the table's own object,
   * to be read at once.
   */
  route(
    port: number,
    address: string,
    fromPort: number,
    length: number,
    now: number,
    stream: Stream | null = null,
  ): Hop | null {
    const at = this.#byPort.get(port);
    if (at === undefined) return this.#drop("unallocated");
    const { side, other, allocation } = at;
    const known = side.endpoint;
    if (stream !== side.stream) return this.#drop("stranger");
    const same = known !== null && known.port === fromPort && known.address === address;
    if (!same && !this.#tryLatch(side, address, fromPort, now)) return null;
    side.last_received_at = now;
    const bytes = length + RELAY_OVERHEAD_BYTES;
    const { bytes_max, lifetime_ms, idle_ms } = this.#limits;
    if (other.endpoint === null) return this.#drop("unproved");
    if (now - other.last_received_at >= idle_ms) return this.#drop("silent");
    if (allocation.carried_bytes + bytes > bytes_max) return this.#exhaust(allocation, "bytes");
    if (now - allocation.allocated_at >= lifetime_ms) return this.#exhaust(allocation, "lifetime");
    if (refill(side.bucket, this.#limits.side, now) < bytes) return this.#limit(allocation, "rate");
    if (refill(side.source.bucket, this.#sources.budget, now) < bytes) return this.#limit(allocation, "source_rate");
    if (refill(allocation.game.bucket, this.#games.budget, now) < bytes) return this.#limit(allocation, "game_rate");
    side.bucket.tokens -= bytes;
    side.source.bucket.tokens -= bytes;
    allocation.game.bucket.tokens -= bytes;
    allocation.carried_bytes += bytes;
    this.packets++;
    this.bytes += length;
    return other as Hop;
  }

  /**
   * Whoever speaks with this port has proved with a secret of its wire that it is at this endpoint, with a datagram socket
   * or at the end of a stream: it is heard there alone from now on, whatever its address. False where that may not be, or
   * the allocation is over.
   */
  bindEndpoint(allocation: Allocation, port: number, at: Endpoint, now: number, stream: Stream | null = null): boolean {
    const side = allocation.sides.find((one) => one.port === port);
    if (side === undefined || this.#allocations.get(allocation.key) !== allocation) return false;
    if (stream === null && (familyOf(at) !== side.family || this.#isOwnPort(at))) return false;
    const source = sourceOf(at.address);
    const isFull = this.#sources.slots(source) >= this.#limits.slots_per_source_max;
    if (!this.#isServed(at) || (source !== side.source.key && isFull)) return false;
    this.#chargeSource(side, at.address, now);
    Object.assign(side, { endpoint: at, stream, secret: true, heard_at: now });
    return true;
  }

  /** A peer has registered anew with its wire's secret, and is seen here now: its allocations go on from there. */
  peerMoved(game: string, peer: string, seen: Endpoint, now: number): void {
    if (!this.#isServed(seen)) return;
    for (const { sides } of this.#byPeer.get(peerKey(game, peer)) ?? []) {
      for (const side of sides) {
        if (side.peer === peer && familyOf(seen) === side.family) this.#moveSide(side, seen, now);
      }
    }
  }

  /** A peer is gone from its wire. What both peers have left ends with their last datagrams, without waiting for long. */
  peerLeft(game: string, peer: string): void {
    for (const { sides } of this.#byPeer.get(peerKey(game, peer)) ?? []) {
      for (const side of sides) side.left ||= side.peer === peer;
    }
  }

  /** Nobody needs it any more: its ports are free at once. */
  release(allocation: Allocation): void {
    this.#end(allocation, "released");
  }

  /** Ends what is idle or too old. */
  expire(now: number): void {
    for (const allocation of this.#allocations.values()) {
      const [a, b] = allocation.sides;
      const silent_ms = now - Math.max(allocation.requested_at, a.last_received_at, b.last_received_at);
      if (now - allocation.allocated_at >= this.#limits.lifetime_ms) this.#exhaust(allocation, "lifetime");
      else if (silent_ms >= this.#limits.idle_ms) this.#end(allocation, "idle");
      else if (a.left && b.left && silent_ms >= this.#limits.relatch_ms) this.#end(allocation, "released");
    }
  }

  /** From now on nobody gets a relay. Those who have one are told. */
  drain(): void {
    if (this.#closing) return;
    this.#closing = true;
    for (const { onNotice: told } of this.#allocations.values()) told({ kind: "closing" });
  }

  close(): void {
    this.drain();
    for (const allocation of this.#allocations.values()) this.#end(allocation, "closed");
  }

  #refuse(none: NoRelay): { readonly none: NoRelay } {
    this.#tally.add("relay_refused", none);
    return { none };
  }

  // ---------------------------------------------------------------------------------------------------------------

  #createAllocation(key: string, { game, parties, onNotice: told }: RelayRequest, now: number): Allocation | NoRelay {
    if (this.#closing) return "closing";
    if (!this.#hasRoom(parties)) return "source_share";
    const ports = this.#acquirePorts(parties);
    if (ports === null) return "exhausted";
    const sides: [Side, Side] = [this.#createSide(parties[0], ports[0], now), this.#createSide(parties[1], ports[1], now)];
    const share = this.#games.acquire(game, now);
    const times = { since: now, asked_at: now };
    const allocation: Allocation = { key, game: share, sides, ...times, carried_bytes: 0, onNotice: told, limited: [] };
    this.#allocations.set(key, allocation);
    for (const [at, side] of sides.entries()) {
      this.#byPort.set(side.port, { side, other: sides[1 - at]!, allocation });
      const peer = peerKey(game, side.peer);
      const held = this.#byPeer.get(peer);
      if (held === undefined) this.#byPeer.set(peer, new Set([allocation]));
      else held.add(allocation);
    }
    return allocation;
  }

  #createSide(party: RelayParty, port: number, now: number): Side {
    const source = this.#sources.acquire(budgetKey(party), now);
    const bucket = fullBucket(this.#limits.side, now);
    const { peer, observed: seen } = party;
    const unproved = { endpoint: null, stream: null, secret: false };
    return { peer, port, family: partyFamily(party), observed: seen, source, ...unproved, left: false, last_received_at: now, bucket };
  }

  #hasRoom(parties: readonly RelayParty[]): boolean {
    const sources = parties.map(budgetKey);
    return sources.every((source) => {
      const wanted = sources.filter((other) => other === source).length;
      return this.#sources.slots(source) + wanted <= this.#limits.slots_per_source_max;
    });
  }

  #acquirePorts(parties: readonly [RelayParty, RelayParty]): [number, number] | null {
    const first = this.#pool.acquire(partyFamily(parties[0]));
    if (first === null) return null;
    const second = this.#pool.acquire(partyFamily(parties[1]));
    if (second !== null) return [first, second];
    this.#pool.release(first);
    return null;
  }

  /** Whether a datagram that does not come from the known endpoint proves a new one. */
  #tryLatch(side: Side, address: string, port: number, now: number): boolean {
    const from = endpoint(address, port);
    if (from === null) return this.#reject("source_port_0");
    if (side.endpoint !== null) {
      // The same, in another spelling.
      if (sameEndpoint(from, side.endpoint)) return true;
      const rested = now - side.last_received_at >= this.#limits.relatch_ms;
      if (side.secret || side.observed === null || !(rested || sameEndpoint(from, side.observed))) {
        return this.#reject("stranger");
      }
    }
    if (from.address !== side.observed?.address) return this.#reject("stranger");
    if (this.#isOwnPort(from)) return this.#reject("loop");
    side.endpoint = from;
    return true;
  }

  /** Its wire sees a peer elsewhere. At another address it has to prove itself again. */
  #moveSide(side: Side, seen: Endpoint | null, now: number): void {
    if (seen === null || side.observed === null || sameEndpoint(side.observed, seen)) return;
    if (side.observed.address !== seen.address) {
      Object.assign(side, { endpoint: null, secret: false });
      this.#chargeSource(side, seen.address, now);
    }
    side.observed = seen;
  }

  /** From now on this address' source pays for the side. */
  #chargeSource(side: Side, address: string, now: number): void {
    const before = side.source;
    side.source = this.#sources.acquire(sourceOf(address), now);
    this.#sources.release(before);
  }

  #isServed({ address }: Endpoint): boolean {
    return this.#limits.special || !isSpecial(address);
  }

  #limit(allocation: Allocation, reason: RelayLimited): null {
    this.#tally.add("relay_dropped", reason);
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
    const { key, game, sides, onNotice: told } = allocation;
    if (this.#allocations.get(key) !== allocation) return;
    this.#allocations.delete(key);
    this.#games.release(game);
    for (const { peer, port, source } of sides) {
      this.#sources.release(source);
      this.#byPort.delete(port);
      this.#pool.release(port);
      const held = this.#byPeer.get(peerKey(game.key, peer));
      held?.delete(allocation);
      if (held?.size === 0) this.#byPeer.delete(peerKey(game.key, peer));
    }
    this.#tally.add("relay_ended", why);
    told({ kind: "ended", why });
  }

  #drop(why: string): null {
    this.#tally.add("relay_dropped", why);
    return null;
  }

  #reject(why: string): false {
    this.#tally.add("relay_dropped", why);
    return false;
  }
}
