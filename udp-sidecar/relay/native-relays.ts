/**
 * The relays of native connections of one game. The hub requests them over the link (shared/link/relay-messages.ts),
 * and their peers authenticate with tickets (protocols/native.ts).
 */
import { type Endpoint, isIPv4, sameEndpoint } from "#shared/net/endpoint.ts";
import type { Allocate, FromRelay, RelaySide, Release, Unallocated } from "#shared/link/relay-messages.ts";
import type { Allocation, RelayParty, RelayNotice, Stream } from "./allocation.ts";
import { type EnterRequest, encodeEntered, type TicketVerifier, encodeSeen } from "../protocols/native.ts";
import type { Relay } from "./relay.ts";

export type NativeRelayOptions = {
  readonly relay: Relay;
  /** Public addresses, as sent to clients. */
  readonly addresses: readonly string[];
  readonly lifetime_ms: number;
  readonly bytes_max: number;
  /** The URL of the tunnels, if there are any. */
  readonly tunnel?: string;
};

/** Sends a message to the hub that made the request. */
type SendToHub = (message: FromRelay) => void;

type HeldAllocation = { readonly allocation: Allocation; readonly peers: readonly [string, string] };

export class NativeRelays {
  readonly #game: string;
  /** Null if the relay is off. */
  readonly #options: NativeRelayOptions | null;
  readonly #verifier: TicketVerifier;
  readonly #held = new Map<string, HeldAllocation>();

  constructor(game: string, options: NativeRelayOptions | null, verifier: TicketVerifier) {
    this.#game = game;
    this.#options = options;
    this.#verifier = verifier;
  }

  get size(): number {
    return this.#held.size;
  }

  handleMessage(message: Allocate | Release, send: SendToHub, now: number): void {
    if (message.t === "allocate") send(this.#allocate(message, send, now));
    else this.#release(message);
  }

  /** Handles `enter` at a relay port. Returns the reply, or null for none. */
  handleEnter(port: number, from: Endpoint, request: EnterRequest, now: number): Uint8Array | null {
    const target = this.#sideOf(request.ticket, now);
    if (target === null || target.allocation.sides[target.side]!.port !== port) return null;
    // A source address can be forged, so the peer must first prove with a receipt that it receives there.
    const observed = request.receipt === null ? null : this.#verifier.endpointFrom(target.peer, request.receipt, now);
    if (observed === null || !sameEndpoint(observed, from))
      return encodeSeen(target.peer, this.#verifier, from, request.word, now);
    return this.#options!.relay.bindEndpoint(target.allocation, port, from, now) ? encodeEntered(request.word) : null;
  }

  /**
   * The same for a peer at the other end of a stream. Returns the peer's relay port, or null if the ticket is invalid.
   */
  joinStream(ticket: string, from: Endpoint, stream: Stream, now: number): number | null {
    const target = this.#sideOf(ticket, now);
    if (target === null) return null;
    const { port } = target.allocation.sides[target.side]!;
    return this.#options!.relay.bindEndpoint(target.allocation, port, from, now, stream) ? port : null;
  }

  // ---------------------------------------------------------------------------------------------------------------

  #allocate({ relay: id, sides, bytes_max = Infinity }: Allocate, send: SendToHub, now: number): FromRelay {
    const refusal = (why: Unallocated["why"]): Unallocated => ({ t: "unallocated", relay: id, why });
    if (this.#options === null) return refusal("off");
    const { relay, addresses, ...limits } = this.#options;
    const peers = [sides[0].peer, sides[1].peer] as const;
    const held = this.#held.get(id);
    const same = held === undefined || peers.every((peer) => held.peers.includes(peer));
    if (peers[0] === peers[1] || !same) return refusal("mismatch");
    const [one, other] = [addressFor(sides[0], addresses), addressFor(sides[1], addresses)];
    if (one === null || other === null) return refusal("no_address");
    const parties = [partyOf(peers[0], one), partyOf(peers[1], other)] as const;
    const onNotice = (notice: RelayNotice): void => {
      if (notice.kind !== "ended") return;
      const bytes = this.#held.get(id)?.allocation.carried_bytes;
      this.#held.delete(id);
      send({ ...refusal(notice.why === "evicted" ? "idle" : notice.why), ...(bytes !== undefined && { bytes }) });
    };
    const request = { game: this.#game, parties, name: id, onNotice, bytes_max };
    const result = relay.allocate(request, now);
    if ("none" in result) return refusal(result.none === "loop" ? "special" : result.none);
    const { allocation, ports } = result;
    const ends = [
      { address: one, port: ports[0] },
      { address: other, port: ports[1] },
    ] as const;
    this.#held.set(id, { allocation, peers });
    return { t: "allocated", relay: id, ends, ...limits, bytes_max: Math.min(limits.bytes_max, bytes_max) };
  }

  /** Ends the relay at once, or when both peers are silent: they may still finish their game. */
  #release({ relay: id, now = false }: Release): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    if (now) this.#options!.relay.release(held.allocation);
    else for (const side of held.allocation.sides) side.left = true;
  }

  /** The side that a ticket is for, or null. */
  #sideOf(ticket: string, now: number): { allocation: Allocation; side: number; peer: string } | null {
    const verified = this.#verifier.verify(ticket, "relay", now);
    const held = this.#held.get(verified?.lobby ?? "");
    if (verified === null || held === undefined) return null;
    const { allocation } = held;
    const side = allocation.sides.findIndex(({ peer }) => peer === verified.peer);
    return side < 0 ? null : { allocation, side, peer: verified.peer };
  }
}

function addressFor({ family }: RelaySide, addresses: readonly string[]): string | null {
  const of = (v4: boolean): string | undefined => addresses.find((address) => isIPv4(address) === v4);
  if (family !== undefined) return of(family === "v4") ?? null;
  return of(true) ?? of(false) ?? null;
}

const partyOf = (peer: string, address: string): RelayParty => ({
  peer,
  observed: null,
  family: isIPv4(address) ? 4 : 6,
});
