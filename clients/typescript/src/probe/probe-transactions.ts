/**
 * Requests to sidecars that wait for a response, each with a random word as its transaction id. A request without a
 * response is repeated by a timer that follows the round trip (RFC 8489 section 6.2.1, without its half second).
 */
import * as limits from "./limits.ts";

export type ProbeResponse = { readonly at: number; readonly words: readonly string[] };

export class ProbeTransactions {
  readonly #pending = new Map<string, (words: readonly string[]) => void>();
  /** The shortest round trip so far. */
  #rtt_ms = limits.PROBE_RTT_ASSUMED_MS;
  #isMeasured = false;

  get rtt_ms(): number {
    return this.#rtt_ms;
  }

  /** Returns false if the datagram is not a response. */
  handleResponse(bytes: Uint8Array): boolean {
    // A response is ASCII. Almost all datagrams of a game are sealed and begin with a larger byte.
    if (bytes.length === 0 || bytes[0]! > 0x7f) return false;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 256)).toString("latin1");
    if (!/^(seen|knocked|entered) /.test(text)) return false;
    const words = text.split(" ");
    this.#pending.get(words.at(-1)!)?.(words.slice(1));
    return true;
  }

  /** Sends and retransmits. Resolves with the response and the time its request left, or null after the timeout. */
  request(send: (word: string) => void, timeout_ms = this.timeout_ms): Promise<ProbeResponse | null> {
    return new Promise((done) => {
      const words: string[] = [];
      let timer: NodeJS.Timeout | undefined;
      const finish = (answer: ProbeResponse | null): void => {
        clearTimeout(timer);
        clearTimeout(end);
        for (const word of words) this.#pending.delete(word);
        done(answer);
      };
      const once = (wait_ms: number): void => {
        const word = randomWord();
        const at = performance.now();
        words.push(word);
        this.#pending.set(word, (words) => {
          this.#measure(performance.now() - at);
          finish({ at, words });
        });
        send(word);
        timer = setTimeout(() => once(wait_ms * limits.RETRANSMIT_GROWTH), wait_ms);
      };
      const end = setTimeout(() => finish(null), timeout_ms);
      once(Math.max(limits.RETRANSMIT_MS_MIN, limits.RETRANSMIT_RTTS * this.#rtt_ms));
    });
  }

  /** The longest wait for a response. */
  get timeout_ms(): number {
    return Math.min(Math.max(limits.GATHER_MS, limits.GATHER_RTTS * this.#rtt_ms), limits.GATHER_MS_MAX);
  }

  #measure(rtt_ms: number): void {
    this.#rtt_ms = this.#isMeasured ? Math.min(this.#rtt_ms, rtt_ms) : rtt_ms;
    this.#isMeasured = true;
  }
}

/** A request to a sidecar, padded so that no response is longer. */
export const probeRequest = (...words: readonly string[]): Uint8Array =>
  Buffer.from(words.join(" ").padEnd(limits.REQUEST_BYTES_MIN), "latin1");

const randomWord = (): string => Math.random().toString(36).slice(2, 12).padEnd(4, "0");
