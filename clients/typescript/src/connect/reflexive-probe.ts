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
import type { Observation } from "./introduction.ts";
import * as limits from "./limits.ts";
import { Sockets } from "./sockets.ts";

export type GatheredReach = Pick<Reach, "looks" | "hosts" | "now_ms" | "filtering">;

type ProbeResponse = { readonly at: number; readonly words: readonly string[] };

/** What is known of this machine's network, shared by all connections of the client. */
export class ReflexiveProbe {
  readonly #sidecars: () => readonly Sidecar[];
  readonly #ticket: string;
  #observations: Observation[] = [];
  #lastSocketNumber = 0;
  #filtering: { readonly is: NonNullable<Reach["filtering"]>; readonly at: number } | null = null;

  constructor(sidecars: () => readonly Sidecar[], ticket: string) {
    this.#sidecars = sidecars;
    this.#ticket = ticket;
  }

  /** Discards every observation: this machine may be in another network. */
  reset(): void {
    this.#observations = [];
    this.#filtering = null;
  }

  /** Observes one socket of a connection, whose owner passes the responses it receives to `transactions`. */
  async gather(sockets: Sockets, number: number, transactions: ProbeTransactions): Promise<GatheredReach> {
    const newSockets = new Sockets((bytes) => void transactions.handleResponse(bytes));
    const now = performance.now();
    this.#observations = this.#observations.filter(({ at_ms }) => now - at_ms < limits.OBSERVATION_LIFETIME_MS);
    try {
      const targets = probeTargets(this.#sidecars());
      const first = targets.find(({ address }) => isIPv4(address));
      const others = first === undefined ? [] : Array.from({ length: limits.FRESH_SOCKETS }, (_, at) => at);
      await Promise.all(others.map((one) => newSockets.bind(one)));
      // The connection's socket first, then the new ones back to back: they show the newest port of a NAT that counts.
      const pending = targets.map((via) => this.#observe(sockets, number, 0, via, transactions));
      pending.push(
        ...others.map((one) => this.#observe(newSockets, one, this.#nextSocketNumber(), first!, transactions)),
      );
      const looks = await collectObservations(pending);
      // An older observation of socket 0 may be of another socket.
      const older = this.#observations.map((look) =>
        look.socket === 0 ? { ...look, socket: this.#nextSocketNumber() } : look,
      );
      this.#observations = [...older, ...looks].slice(-limits.OBSERVATIONS_MAX);
      // Only the observations of this moment describe the current socket.
      const filtering = this.#filtering;
      const isKnown = filtering !== null && now - filtering.at < limits.FILTERING_LIFETIME_MS;
      const reach = { looks: this.#observations.toSorted((a, b) => a.at_ms - b.at_ms), hosts: sockets.hosts(number) };
      return { ...reach, now_ms: performance.now(), ...(isKnown && { filtering: filtering.is }) };
    } finally {
      newSockets.closeAll();
    }
  }

  /** Tests the NAT's filtering (RFC 5780 section 4.4). It runs on joining, before the result is needed. */
  async testFiltering(): Promise<void> {
    const transactions = new ProbeTransactions();
    const sockets = new Sockets((bytes) => void transactions.handleResponse(bytes));
    try {
      await Promise.all([sockets.bind(0), sockets.bind(1)]);
      await this.gather(sockets, 0, transactions);
      const targets = probeTargets(this.#sidecars()).filter(({ address }) => isIPv4(address));
      const [via] = targets;
      const elsewhere = targets.find(({ address }) => address !== via?.address);
      const otherPort = targets.find(({ address, port }) => address === via?.address && port !== via.port);
      if (via === undefined || otherPort === undefined) return;
      const tested = new Sockets((bytes) => void transactions.handleResponse(bytes));
      try {
        await tested.bind(0);
        const seen = await transactions.request((word) => tested.send(0, via, probeRequest("see", this.#ticket, word)));
        if (seen === null) return;
        const timeout_ms = 3 * (performance.now() - seen.at) + limits.KNOCK_MS;
        const receipt = seen.words[1] ?? "";
        const knock = (at: Endpoint): Promise<ProbeResponse | null> =>
          transactions.request(
            (word) => sockets.send(1, at, probeRequest("knock", this.#ticket, receipt, word)),
            timeout_ms,
          );
        const otherAddress = elsewhere === undefined ? null : await knock(elsewhere);
        const is = otherAddress !== null ? "independent" : (await knock(otherPort)) !== null ? "address" : "port";
        this.#filtering = { is, at: performance.now() };
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
  ): Promise<Observation | null> {
    const local_port = sockets.port(number, via.address);
    if (local_port === null) return null;
    const answer = await transactions.request((word) =>
      sockets.send(number, via, probeRequest("see", this.#ticket, word)),
    );
    const receipt = answer?.words[1];
    return receipt === undefined ? null : { socket, local_port, via, at_ms: answer!.at, receipt };
  }

  /** Unique per socket. 0 is the connection's own. */
  #nextSocketNumber(): number {
    this.#lastSocketNumber = (this.#lastSocketNumber % 65_000) + 1;
    return this.#lastSocketNumber;
  }
}

/** Requests that wait for a response, each with a random word as its transaction id. */
export class ProbeTransactions {
  readonly #pending = new Map<string, (words: readonly string[]) => void>();

  /** Returns false if the datagram is not a response. */
  handleResponse(bytes: Uint8Array): boolean {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 256)).toString("latin1");
    if (!/^(seen|knocked|entered) /.test(text)) return false;
    const words = text.split(" ");
    this.#pending.get(words.at(-1)!)?.(words.slice(1));
    return true;
  }

  /** Sends and retransmits. Resolves with the response and the time its request left, or null after the timeout. */
  request(send: (word: string) => void, timeout_ms = limits.GATHER_MS): Promise<ProbeResponse | null> {
    return new Promise((done) => {
      const words: string[] = [];
      const finish = (answer: ProbeResponse | null): void => {
        for (const timer of timers) clearTimeout(timer);
        for (const word of words) this.#pending.delete(word);
        done(answer);
      };
      const once = (): void => {
        const word = randomWord();
        const at = performance.now();
        words.push(word);
        this.#pending.set(word, (words) => finish({ at, words }));
        send(word);
      };
      const times = limits.RETRANSMIT_MS.filter((ms) => ms < timeout_ms);
      const timers = times.map((ms) => setTimeout(once, ms));
      timers.push(setTimeout(() => finish(null), timeout_ms));
      once();
    });
  }
}

/** A request to a sidecar, padded so that no response is longer. */
export const probeRequest = (...words: readonly string[]): Uint8Array =>
  Buffer.from(words.join(" ").padEnd(limits.REQUEST_BYTES_MIN), "latin1");

const randomWord = (): string => Math.random().toString(36).slice(2, 12).padEnd(4, "0");

/** Waits for the observations, but for late ones only as long as `STRAGGLER_MS` allows. */
async function collectObservations(pending: readonly Promise<Observation | null>[]): Promise<Observation[]> {
  const looks: Observation[] = [];
  const began = performance.now();
  let late: Promise<unknown> = new Promise(() => {});
  const all = pending.map(async (one) => {
    const look = await one;
    if (look === null) return;
    if (looks.push(look) === 1) {
      const ms = 2 * (performance.now() - began) + limits.STRAGGLER_MS + limits.RETRANSMIT_MS[1]!;
      late = new Promise((done) => setTimeout(done, ms));
    }
  });
  const whole = Promise.all(all).then(() => true);
  await Promise.race([whole, ...all]);
  if (looks.length < pending.length) await Promise.race([whole, late]);
  return [...looks];
}

/** The endpoints to probe: the first native ports of each sidecar, one address per family. */
function probeTargets(sidecars: readonly Sidecar[]): Endpoint[] {
  const speaking = sidecars.flatMap(({ v4, v6, ports }) => {
    const native = ports.filter(({ wires }) => wires.includes("native")).slice(0, limits.PORTS_PROBED_MAX);
    const addresses = [...v4.slice(0, 1), ...v6.slice(0, 1)];
    return native.length === 0 ? [] : [addresses.flatMap((address) => native.map(({ port }) => ({ address, port })))];
  });
  return speaking.slice(0, limits.SIDECARS_PROBED_MAX).flat();
}
