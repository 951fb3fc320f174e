/**
 * Relays of native connections of one game: the hub asks for them over the link (shared/link/relay-messages.ts), and their peers
 * prove themselves with tickets (protocols/native.ts). The table of all relays is relay.ts; this is who may sit where.
 */
import { type Endpoint, isIPv4, sameEndpoint } from "#shared/net/endpoint.ts";
import type { Allocate, FromRelay, RelaySide, Release, ToRelay, Unallocated } from "#shared/link/relay-messages.ts";
import type { Allocation, RelayParty, RelayNotice, Stream } from "./allocation.ts";
import { type EnterRequest, encodeEntered, type TicketVerifier, encodeSeen } from "../protocols/native.ts";
import type { Relay } from "./relay.ts";

export type NativeRelayOptions = {
  readonly relay: Relay;
  /** As told to clients. */
  readonly addresses: readonly string[];
  readonly lifetime_ms: number;
  readonly bytes_max: number;
  /** Of its WebSockets. */
  readonly tunnel?: string;
};

/** Says something to the hub that asked. */
type SendToHub = (message: FromRelay) => void;

type HeldAllocation = { readonly allocation: Allocation; readonly peers: readonly [string, string] };

export class NativeRelays {
  readonly #game: string;
  /** Null where nothing is relayed. */
  readonly #options: NativeRelayOptions | null;
  readonly #verifier: TicketVerifier;
  readonly #held = new Map<string, HeldAllocation>();

  constructor(game: string, means: NativeRelayOptions | null, notary: TicketVerifier) {
    this.#game = game;
    this.#options = means;
    this.#verifier = notary;
  }

  get size(): number {
    return this.#held.size;
  }

  handleMessage(message: ToRelay, say: SendToHub, now: number): void {
    if (message.t === "allocate") say(this.#allocate(message, say, now));
    else this.#release(message);
  }

  /** Where on the way to this port of ours a peer says that he is: what he is answered, or null for silence. */
  handleEnter(port: number, from: Endpoint, said: EnterRequest, now: number): Uint8Array | null {
    const at = this.#sideOf(said.ticket, now);
    if (at === null || at.allocation.sides[at.side]!.port !== port) return null;
    // A source can be forged, so who wants to be sent to shows first that he receives there.
    const shown = said.receipt === null ? null : this.#verifier.endpointFrom(at.peer, said.receipt, now);
    if (shown === null || !sameEndpoint(shown, from)) return encodeSeen(at.peer, this.#verifier, from, said.word, now);
    return this.#options!.relay.bindEndpoint(at.allocation, port, from, now) ? encodeEntered(said.word) : null;
  }

  /** The same of somebody at the other end of a stream. Null where he is nobody here, else the port that is his. */
  joinStream(ticket: string, from: Endpoint, stream: Stream, now: number): number | null {
    const at = this.#sideOf(ticket, now);
    if (at === null) return null;
    const { port } = at.allocation.sides[at.side]!;
    return this.#options!.relay.bindEndpoint(at.allocation, port, from, now, stream) ? port : null;
  }

  // ---------------------------------------------------------------------------------------------------------------

  #allocate({ relay: id, sides }: Allocate, say: SendToHub, now: number): FromRelay {
    const none = (why: Unallocated["why"]): Unallocated => ({ t: "unallocated", relay: id, why });
    if (this.#options === null) return none("off");
    const { relay, addresses, ...good } = this.#options;
    const peers = [sides[0].peer, sides[1].peer] as const;
    const held = this.#held.get(id);
    const same = held === undefined || peers.every((peer) => held.peers.includes(peer));
    if (peers[0] === peers[1] || !same) return none("mismatch");
    const [one, other] = [addressFor(sides[0], addresses), addressFor(sides[1], addresses)];
    if (one === null || other === null) return none("no_address");
    const parties = [partyOf(peers[0], one), partyOf(peers[1], other)] as const;
    const told = (notice: RelayNotice): void => {
      if (notice.kind !== "ended") return;
      this.#held.delete(id);
      say(none(notice.why));
    };
    const given = relay.allocate({ game: this.#game, parties, name: id, onNotice: told }, now);
    if ("none" in given) return none(given.none);
    const { allocation, ports } = given;
    const ends = [
      { address: one, port: ports[0] },
      { address: other, port: ports[1] },
    ] as const;
    this.#held.set(id, { allocation, peers });
    return { t: "allocated", relay: id, ends, ...good };
  }

  #release({ relay: id }: Release): void {
    const held = this.#held.get(id);
    if (held !== undefined) this.#options!.relay.release(held.allocation);
  }

  /** The side that a ticket is for, or null. */
  #sideOf(ticket: string, now: number): { allocation: Allocation; side: number; peer: string } | null {
    const proved = this.#verifier.verify(ticket, "relay", now);
    const held = this.#held.get(proved?.lobby ?? "");
    if (proved === null || held === undefined) return null;
    const { allocation } = held;
    const side = allocation.sides.findIndex(({ peer }) => peer === proved.peer);
    return side < 0 ? null : { allocation, side, peer: proved.peer };
  }
}

function addressFor({ family }: RelaySide, addresses: readonly string[]): string | null {
  const of = (v4: boolean): string | undefined => addresses.find((address) => isIPv4(address) === v4);
  if (family !== undefined) return of(family === "v4") ?? null;
  return of(true) ?? of(false) ?? null;
}

const partyOf = (peer: string, address: string): RelayParty => ({ peer, observed: null, family: isIPv4(address) ? 4 : 6 });
