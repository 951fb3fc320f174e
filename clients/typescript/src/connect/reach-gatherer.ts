/** Gathers the reach of a connection's socket for the hub: from the observation made in advance, or from a new one. */
import type { Reach } from "../api/types.ts";
import type { Connection } from "./connection.ts";
import * as limits from "./limits.ts";
import type { Peer } from "./peer.ts";
import type { ReflexiveProbe } from "../probe/reflexive-probe.ts";
import type { WarmSocketPair } from "../probe/warm-socket.ts";

type GathererSetup = { readonly probe: ReflexiveProbe; readonly birthday: boolean; readonly rtt_ms: () => number };

export class ReachGatherer {
  readonly #setup: GathererSetup;

  constructor(setup: GathererSetup) {
    this.#setup = setup;
  }

  /** After a failure the NAT may keep a bad mapping, so a new socket is used. */
  async gather(connection: Connection): Promise<Reach> {
    const { peer, attempt, epoch } = connection;
    const { birthday, rtt_ms } = this.#setup;
    if (attempt > 0) peer.renewSocket();
    const reach = takeWarmReach(connection) ?? (await this.#observe(peer));
    connection.hasUdp = reach.looks.length > 0;
    peer.receiptOf = receiptsOf(reach.looks, peer.socket);
    return {
      ...reach,
      rtt_ms: rtt_ms(),
      birthday,
      attempt: Math.min(attempt, 15),
      ...(epoch !== null && { epoch }),
    };
  }

  /** A standing reach, for a first connection to any member. */
  standing(reach: NonNullable<WarmSocketPair["reach"]>): Reach {
    return { ...reach, rtt_ms: this.#setup.rtt_ms(), birthday: this.#setup.birthday, attempt: 0 };
  }

  async #observe(peer: Peer): Promise<NonNullable<WarmSocketPair["reach"]>> {
    const { probe } = this.#setup;
    await peer.sockets.bind(peer.socket, probe.ipv6Address);
    return (await probe.gather(peer.sockets, peer.socket, peer.probes)).reach;
  }
}

/** The observation of a new connection's socket is used once, and only while it is recent. */
function takeWarmReach(connection: Connection): WarmSocketPair["reach"] {
  const { warmReach, peer, createdAt } = connection;
  connection.warmReach = null;
  const now = performance.now();
  if (warmReach === null || peer.socket !== 0 || now - createdAt > limits.WARM_USE_MS) return null;
  return { ...warmReach, now_ms: now };
}

/** Looks up a receipt of one socket from a sidecar with this address: it opens a relay without another round trip. */
export const receiptsOf =
  (looks: Reach["looks"], number: number): Peer["receiptOf"] =>
  (socket, address) => {
    const known = looks.filter((look) => look.socket === 0 && socket === number && look.via.address === address);
    return known.at(-1)?.receipt ?? "-";
  };
