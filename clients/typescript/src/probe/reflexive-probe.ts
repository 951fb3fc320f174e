/**
 * Probes this client's reflexive endpoints: asks sidecars how they see its socket and a few new sockets
 * (docs/reference/wires/native.md).
 *
 *     client -- see TICKET WORD -----------------> sidecar       from each socket, repeated without a response
 *     client <- seen ENDPOINT RECEIPT WORD -------               the receipt proves the observation to the hub
 *     client -- knock TICKET RECEIPT WORD -------> another port  from another socket: does the NAT let the answer in?
 *     client <- knocked WORD ---------------------
 */
import { isIPv4 } from "node:net";
import type { Endpoint } from "../util/addresses.ts";
import type { Reach, Sidecar } from "../api/types.ts";
import * as limits from "./limits.ts";
import { ProbeTransactions, type ProbeResponse, probeRequest } from "./probe-transactions.ts";
import { Sockets } from "./sockets.ts";

export type GatheredReach = {
  readonly reach: Pick<Reach, "looks" | "local_endpoints" | "now_ms" | "filtering" | "remaps">;
  /** Every sidecar saw the connection's socket at the same endpoint of each family. */
  readonly isStable: boolean;
  /** The endpoints at which they saw it, in words. */
  readonly seen: string;
};

/** How a sidecar saw a socket. The receipt proves it to the hub. */
type Observation = Reach["looks"][number];

/** `seen`: the endpoint in words, as the sidecar stated it. */
type Look = { readonly observation: Observation; readonly seen: string };

/** The sidecars to ask; `refresh` asks the hub for them. */
export type KnownSidecars = { readonly current: readonly Sidecar[]; readonly refresh: () => Promise<void> };

/** `answered`: the sidecars' endpoints that responded. `isStable`: all of them saw the same endpoint of each family. */
export type NetworkFindings = Pick<GatheredReach, "isStable"> & {
  readonly answered: number;
  readonly families: readonly string[];
  readonly filtering: Reach["filtering"] | null;
};

/** What is known of this machine's network, shared by all connections of the client. */
export class ReflexiveProbe {
  readonly #sidecars: KnownSidecars;
  readonly #ticket: string;
  #observations: Observation[] = [];
  #lastSocketNumber = 0;
  /** Families in which no sidecar answered last time: they are asked and not waited for. */
  readonly #silent = new Set<boolean>();
  #router: { readonly tested: Pick<Reach, "filtering" | "remaps">; readonly at: number } | null = null;

  constructor(sidecars: KnownSidecars, ticket: string) {
    this.#sidecars = sidecars;
    this.#ticket = ticket;
  }

  /** An IPv6 address of a sidecar, if there is one. */
  get ipv6Address(): string | undefined {
    return this.#sidecars.current.flatMap(({ v6 }) => v6).at(0);
  }

  /** Discards every observation: this machine may be in another network. */
  reset(): void {
    this.#observations = [];
    this.#silent.clear();
    this.#router = null;
  }

  /**
   * Observes one socket of a connection, whose owner passes the responses it receives to `transactions`, and a few new
   * ones, unless it is known how the NAT allocates ports.
   */
  async gather(
    sockets: Sockets,
    number: number,
    transactions: ProbeTransactions,
    isAllocationUnknown = true,
  ): Promise<GatheredReach> {
    if (this.#sidecars.current.length === 0) await this.#sidecars.refresh();
    const newSockets = new Sockets((bytes) => void transactions.handleResponse(bytes));
    const now = performance.now();
    this.#observations = this.#observations.filter(({ at_ms }) => now - at_ms < limits.OBSERVATION_LIFETIME_MS);
    try {
      const targets = probeTargets(this.#sidecars.current);
      const first = targets.find(({ address }) => isIPv4(address));
      const others =
        first === undefined || !isAllocationUnknown ? [] : Array.from({ length: limits.FRESH_SOCKETS }, (_, at) => at);
      await Promise.all(others.map((one) => newSockets.bind(one)));
      // The connection's socket first, then the new ones back to back: they show the newest port of a NAT that counts.
      const pending = targets.map((via) => ({ via, look: this.#observe(sockets, number, 0, via, transactions) }));
      for (const one of others)
        pending.push({
          via: first!,
          look: this.#observe(newSockets, one, this.#nextSocketNumber(), first!, transactions),
        });
      const awaited = pending.filter(({ via }) => !this.#silent.has(isIPv4(via.address)));
      const seen = await collectLooks(awaited.length === 0 ? pending : awaited);
      this.#noteSilence(targets, seen);
      const looks = seen.map(({ observation }) => observation);
      // An older observation of socket 0 may be of another socket.
      const older = this.#observations.map((look) =>
        look.socket === 0 ? { ...look, socket: this.#nextSocketNumber() } : look,
      );
      this.#observations = [...older, ...looks].slice(-limits.OBSERVATIONS_MAX);
      // Only the observations of this moment describe the current socket.
      const router = this.#router;
      const isKnown = router !== null && now - router.at < limits.FILTERING_LIFETIME_MS;
      const looks_sent = this.#observations.toSorted((a, b) => a.at_ms - b.at_ms);
      const reach = { looks: looks_sent, local_endpoints: sockets.hosts(number) };
      const whole = { ...reach, now_ms: performance.now(), ...(isKnown && router.tested) };
      return { reach: whole, ...endpointsOf(seen) };
    } finally {
      newSockets.closeAll();
    }
  }

  /** What a new socket shows of this machine's network. */
  async examine(): Promise<NetworkFindings> {
    if (this.#router === null) await this.testFiltering();
    const transactions = new ProbeTransactions();
    const sockets = new Sockets((bytes) => void transactions.handleResponse(bytes));
    try {
      await sockets.bind(0);
      const { reach, isStable } = await this.gather(sockets, 0, transactions);
      const vias = reach.looks.flatMap(({ socket, via }) => (socket === 0 ? [via] : []));
      const families = new Set(vias.map(({ address }) => (isIPv4(address) ? "IPv4" : "IPv6")));
      return { answered: vias.length, families: [...families], isStable, filtering: reach.filtering ?? null };
    } finally {
      sockets.closeAll();
    }
  }

  /**
   * Whether any sidecar answers over UDP: one request to each address. With the ticket of a membership, the hub learns
   * that the member's datagrams arrive.
   */
  async isUdpOpen(ticket = this.#ticket): Promise<boolean> {
    if (this.#sidecars.current.length === 0) await this.#sidecars.refresh();
    const transactions = new ProbeTransactions();
    const sockets = new Sockets((bytes) => void transactions.handleResponse(bytes));
    try {
      await sockets.bind(0);
      const targets = probeTargets(this.#sidecars.current).filter(
        ({ address }, at, all) => all.findIndex((other) => other.address === address) === at,
      );
      const asked = targets.map((via) => this.#observe(sockets, 0, 0, via, transactions, ticket));
      const looks = await Promise.all(asked);
      return looks.some((look) => look !== null);
    } finally {
      sockets.closeAll();
    }
  }

  /**
   * Tests the NAT's filtering (RFC 5780 section 4.4), and whether it remaps a socket after an early datagram. It runs on
   * joining, before the result is needed.
   */
  async testFiltering(): Promise<void> {
    const transactions = new ProbeTransactions();
    const sockets = new Sockets((bytes) => void transactions.handleResponse(bytes));
    try {
      await Promise.all([sockets.bind(0), sockets.bind(1)]);
      await this.gather(sockets, 0, transactions);
      const targets = probeTargets(this.#sidecars.current).filter(({ address }) => isIPv4(address));
      const [via] = targets;
      const elsewhere = targets.find(({ address }) => address !== via?.address);
      const otherPort = targets.find(({ address, port }) => address === via?.address && port !== via.port);
      if (via === undefined || otherPort === undefined) return;
      const tested = new Sockets((bytes) => void transactions.handleResponse(bytes));
      try {
        await tested.bind(0);
        const see = (word: string): Uint8Array => probeRequest("see", this.#ticket, word);
        const seen = await transactions.request((word) => tested.send(0, via, see(word)));
        if (seen === null) return;
        const timeout_ms = 3 * (performance.now() - seen.at) + limits.KNOCK_MS;
        const receipt = seen.words[1] ?? "";
        const knock = (at: Endpoint): Promise<ProbeResponse | null> =>
          transactions.request(
            (word) => sockets.send(1, at, probeRequest("knock", this.#ticket, receipt, word)),
            timeout_ms,
          );
        // An address that the socket has not sent to, and a port.
        const asked = [...(elsewhere === undefined ? [] : [elsewhere]), otherPort];
        const admitted = await Promise.all(asked.map(async (at) => ((await knock(at)) === null ? null : at)));
        const isElsewhere = elsewhere !== undefined && admitted.includes(elsewhere);
        const is = isElsewhere ? "independent" : admitted.includes(otherPort) ? "address" : "port";
        // A router without a firewall has taken the knock for its own, and its port is occupied for that sidecar's.
        const again = is === "port" ? await transactions.request((word) => tested.send(0, otherPort, see(word))) : null;
        const remaps = again === null ? {} : { remaps: again.words[0] !== seen.words[0] };
        this.#router = { tested: { filtering: is, ...remaps }, at: performance.now() };
      } finally {
        tested.closeAll();
      }
    } finally {
      sockets.closeAll();
    }
  }

  async #observe(
    sockets: Sockets,
    number: number,
    socket: number,
    via: Endpoint,
    transactions: ProbeTransactions,
    ticket = this.#ticket,
  ): Promise<Look | null> {
    const local_port = sockets.port(number, via.address);
    if (local_port === null) return null;
    const answer = await transactions.request((word) => sockets.send(number, via, probeRequest("see", ticket, word)));
    const receipt = answer?.words[1];
    return receipt === undefined
      ? null
      : { observation: { socket, local_port, via, at_ms: answer!.at, receipt }, seen: answer!.words[0]! };
  }

  #noteSilence(targets: readonly Endpoint[], looks: readonly Look[]): void {
    for (const is4 of [true, false]) {
      if (looks.some((look) => isOfFamily(look, is4))) this.#silent.delete(is4);
      else if (looks.length > 0 && targets.some(({ address }) => isIPv4(address) === is4)) this.#silent.add(is4);
    }
  }

  /** Unique per socket. 0 is the connection's own. */
  #nextSocketNumber(): number {
    this.#lastSocketNumber = (this.#lastSocketNumber % 65_000) + 1;
    return this.#lastSocketNumber;
  }
}

/**
 * Waits for the responses, but for late ones only as long as a retransmission takes. If one family has answered
 * completely, the other gets only the delay of RFC 8305 section 5: it may be dead.
 */
async function collectLooks(
  pending: readonly { readonly via: Endpoint; readonly look: Promise<Look | null> }[],
): Promise<Look[]> {
  const looks: Look[] = [];
  const began = performance.now();
  return new Promise((done) => {
    let timer: NodeJS.Timeout | undefined;
    const finish = (): void => {
      clearTimeout(timer);
      done([...looks]);
    };
    const wait = (ms: number): void => {
      clearTimeout(timer);
      timer = setTimeout(finish, ms);
    };
    let settled = 0;
    for (const { via, look } of pending) {
      void look.then((one) => {
        if (one !== null) looks.push(one);
        if (++settled === pending.length) return finish();
        if (one === null) return;
        const is4 = isIPv4(via.address);
        const ofFamily = pending.filter((other) => isIPv4(other.via.address) === is4).length;
        const isWhole = looks.filter((other) => isOfFamily(other, is4)).length === ofFamily;
        if (isWhole && ofFamily < pending.length) wait(limits.OTHER_FAMILY_MS);
        else if (looks.length === 1) wait(limits.STRAGGLER_RTTS * (performance.now() - began) + limits.STRAGGLER_MS);
      });
    }
    if (pending.length === 0) finish();
  });
}

const isOfFamily = ({ observation }: Look, is4: boolean): boolean => isIPv4(observation.via.address) === is4;

/** Where the connection's socket was seen, and whether that was the same endpoint of each family for every sidecar. */
function endpointsOf(looks: readonly Look[]): Pick<GatheredReach, "isStable" | "seen"> {
  const own = looks.filter(({ observation }) => observation.socket === 0);
  const endpoints = (is4: boolean) => new Set(own.filter((look) => isOfFamily(look, is4)).map(({ seen }) => seen));
  const [v4, v6] = [endpoints(true), endpoints(false)];
  return { isStable: own.length > 0 && v4.size <= 1 && v6.size <= 1, seen: [...v4, ...v6].join(" ") };
}

/** The endpoints to probe: the first native ports of the first addresses of each sidecar. */
function probeTargets(sidecars: readonly Sidecar[]): Endpoint[] {
  const speaking = sidecars.flatMap(({ v4, v6, ports }) => {
    const native = ports.filter(({ wires }) => wires.includes("native")).slice(0, limits.PORTS_PROBED_MAX);
    // Two addresses show an address-dependent mapping, also of one sidecar.
    const addresses = [...v4.slice(0, limits.ADDRESSES_PROBED_MAX), ...v6.slice(0, 1)];
    return native.length === 0 ? [] : [addresses.flatMap((address) => native.map(({ port }) => ({ address, port })))];
  });
  return speaking.slice(0, limits.SIDECARS_PROBED_MAX).flat();
}
