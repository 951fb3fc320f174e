/**
 * A socket that is observed before it is needed, so that an introduction does not wait for the sidecars. The observation
 * is repeated before a NAT forgets the mapping: four requests in `WARM_REFRESH_MS` for each idle member.
 *
 * Where the NAT uses one port for every destination, the hub gets the observation as a standing reach: it then introduces
 * this member without asking it first.
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
  readonly reach: Pick<Reach, "looks" | "local_endpoints" | "now_ms" | "filtering" | "remaps"> | null;
};

/** Sends a standing reach to the hub; null: it must ask this member from now on. */
export type StandingReachSender = (reach: WarmSocketPair["reach"]) => void;

type Warm = {
  readonly sockets: Sockets;
  readonly probes: ProbeTransactions;
  gathered: GatheredReach | null;
  at: number;
};

export class WarmSocket {
  readonly #probe: ReflexiveProbe;
  readonly #send: StandingReachSender;
  #warm: Warm | null = null;
  /** The endpoints of the standing reach that the hub has; empty without one. */
  #standing = "";
  #sentAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(probe: ReflexiveProbe, send: StandingReachSender) {
    this.#probe = probe;
    this.#send = send;
    this.#open();
  }

  /** Hands the socket over, and prepares the next one. `local_port`: only the socket with this one. */
  take(local_port?: number): WarmSocketPair | null {
    const warm = this.#warm;
    if (warm === null || this.#isClosed) return null;
    if (local_port !== undefined && !warm.sockets.hasPort(0, local_port)) return null;
    this.#warm = null;
    this.#standing = "";
    this.#open();
    return { sockets: warm.sockets, probes: warm.probes, reach: reachOf(warm) };
  }

  /** The hub may not have the standing reach, unless it got it within this time. */
  restate(kept_ms = 0): void {
    if (this.#warm === null || performance.now() - this.#sentAt < kept_ms) return;
    this.#standing = "";
    this.#state(this.#warm);
  }

  /** This machine is in another network. */
  reset(): void {
    this.#warm?.sockets.closeAll();
    this.#warm = null;
    this.#standing = "";
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
    this.#state(warm);
    this.#timer = setTimeout(() => void this.#observe(warm), limits.WARM_REFRESH_MS).unref();
  }

  /** Sends the standing reach if the hub does not have it. */
  #state(warm: Warm): void {
    const reach = reachOf(warm);
    const seen = reach === null ? "" : warm.gathered!.seen;
    if (seen === this.#standing) return;
    this.#standing = seen;
    this.#sentAt = performance.now();
    this.#send(reach && newestOf(reach));
  }
}

/** The reach of an observed socket. A NAT with another port for every destination needs observations of the moment. */
function reachOf({ gathered, at }: Warm): WarmSocketPair["reach"] {
  const now = performance.now();
  if (gathered === null || !gathered.isStable || now - at > limits.OBSERVATION_LIFETIME_MS) return null;
  const looks = gathered.reach.looks.filter(({ at_ms }) => now - at_ms < limits.OBSERVATION_LIFETIME_MS);
  return { ...gathered.reach, looks, now_ms: now };
}

/** Without the observations of earlier sockets. */
function newestOf(reach: NonNullable<WarmSocketPair["reach"]>): WarmSocketPair["reach"] {
  const newest = Math.max(...reach.looks.map(({ at_ms }) => at_ms));
  return { ...reach, looks: reach.looks.filter(({ at_ms }) => newest - at_ms < limits.GATHER_MS_MAX) };
}
