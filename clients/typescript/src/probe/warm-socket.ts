/**
 * A socket that is observed before it is needed, so that an introduction does not wait for the sidecars. The observation
 * is repeated before a NAT forgets the mapping: four requests in `WARM_REFRESH_MS` for each idle member.
 */
import type { Reach } from "../api/types.ts";
import * as limits from "./limits.ts";
import type { GatheredReach, ReflexiveProbe } from "./reflexive-probe.ts";
import { ProbeTransactions } from "./probe-transactions.ts";
import { Sockets } from "./sockets.ts";

/** A socket for a peer, with number 0; `reach` is null if it must be observed first. */
export type WarmSocketPair = {
  readonly sockets: Sockets;
  readonly probes: ProbeTransactions;
  readonly reach: Pick<Reach, "looks" | "local_endpoints" | "now_ms" | "filtering"> | null;
};

type Warm = {
  readonly sockets: Sockets;
  readonly probes: ProbeTransactions;
  gathered: GatheredReach | null;
  at: number;
};

export class WarmSocket {
  readonly #probe: ReflexiveProbe;
  #warm: Warm | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(probe: ReflexiveProbe) {
    this.#probe = probe;
    this.#open();
  }

  /** Hands the socket over, and prepares the next one. */
  take(): WarmSocketPair | null {
    const warm = this.#warm;
    if (warm === null || this.#isClosed) return null;
    this.#warm = null;
    this.#open();
    const { sockets, probes, gathered, at } = warm;
    const now = performance.now();
    // A NAT with another port for every destination needs observations of this moment.
    if (gathered === null || !gathered.isStable || now - at > limits.OBSERVATION_LIFETIME_MS)
      return { sockets, probes, reach: null };
    const looks = gathered.reach.looks.filter(({ at_ms }) => now - at_ms < limits.OBSERVATION_LIFETIME_MS);
    return { sockets, probes, reach: { ...gathered.reach, looks, now_ms: now } };
  }

  /** This machine is in another network. */
  reset(): void {
    this.#warm?.sockets.closeAll();
    this.#warm = null;
    if (!this.#isClosed) this.#open();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#warm?.sockets.closeAll();
    this.#warm = null;
  }

  #open(): void {
    const probes = new ProbeTransactions();
    const sockets = new Sockets((bytes) => void probes.handleResponse(bytes));
    const warm: Warm = { sockets, probes, gathered: null, at: -Infinity };
    this.#warm = warm;
    void this.#observe(warm);
  }

  async #observe(warm: Warm): Promise<void> {
    clearTimeout(this.#timer);
    await warm.sockets.bind(0, this.#probe.ipv6Address);
    if (this.#warm !== warm) return;
    // The new sockets show how the NAT allocates ports, which does not change while the mapping is stable.
    const gathered = await this.#probe.gather(warm.sockets, 0, warm.probes, warm.gathered?.isStable !== true);
    if (this.#warm !== warm) return;
    warm.gathered = gathered;
    warm.at = performance.now();
    this.#timer = setTimeout(() => void this.#observe(warm), limits.WARM_REFRESH_MS).unref();
  }
}
