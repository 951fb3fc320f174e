/** Two punches and a network between them in which each datagram can be inspected, dropped or changed. */
import type { Endpoint } from "../../src/util/addresses.ts";
import { writeMessage, type Message } from "../../src/punch/messages.ts";
import type { Plan } from "../../src/punch/plan.ts";
import { Punch, type PunchDatagram } from "../../src/punch/punch.ts";
import { Seal } from "../../src/secure/seal.ts";

export const ALICE: Endpoint = { address: "20.0.0.1", port: 5_001 };
export const BOB: Endpoint = { address: "20.0.0.2", port: 5_002 };
const KEY = new Uint8Array(32).fill(5);

export const plan = (...targets: readonly Endpoint[]): Plan => ({
  targets: targets.map((target) => ({ kind: "reflexive", ...target })),
  sockets: 1,
  spray: null,
  per_s: 100,
  nominates: false,
  same_network: false,
  first_hops: null,
  give_up_ms: 4_000,
});

/** One punch alone, with a clock. */
export class Solo {
  now = 0;
  readonly punch: Punch;
  readonly seal: Seal;
  readonly sent: (PunchDatagram & { at: number })[] = [];
  #drawn = 0;

  constructor(plan: Plan, role: "a" | "b" = "a") {
    this.seal = new Seal({ key: KEY, epoch: 0, role });
    // Each value differs, spread evenly over the whole range.
    const random = (): number => (this.#drawn = (this.#drawn + 0.618_033_988_749) % 1);
    this.punch = new Punch({ plan, seal: this.seal, random, start_in_ms: 0 }, 0);
  }

  /** Advances to a time, and returns what was sent meanwhile. */
  pass(until: number): PunchDatagram[] {
    const before = this.sent.length;
    for (;;) {
      this.#drain();
      const next = Math.max(this.punch.deadline(), this.now);
      if (next > until) break;
      this.now = next;
      this.punch.wake(next);
    }
    this.now = until;
    return this.sent.slice(before);
  }

  receive(bytes: Uint8Array, source: Endpoint, socket = 0): boolean {
    const received = this.punch.receive(bytes, socket, source, this.now);
    this.punch.wake(this.now);
    this.#drain();
    return received;
  }

  #drain(): void {
    for (const datagram of this.punch.takeDatagrams()) this.sent.push({ ...datagram, at: this.now });
  }
}

/** A peer that holds the key and sends any message. */
export class LyingPeer {
  readonly seal = new Seal({ key: KEY, epoch: 0, role: "b" });

  sealMessage(message: Message): Uint8Array {
    return this.seal.seal(writeMessage(message), 0);
  }

  probe(more: Partial<Message & { kind: "probe" }> = {}): Uint8Array {
    return this.sealMessage({ kind: "probe", pair: 0, nonce: 0, time: 0, chosen: false, ...more });
  }
}

/** Alice nominates. Datagrams take `delay` unless `passes` drops them. Returns after both are done. */
export function runPunches(
  plans: readonly [Plan, Plan],
  takes: (to: Endpoint) => number,
  until: number,
  seen: readonly [Endpoint, Endpoint] = [ALICE, BOB],
): readonly [Solo, Solo] {
  const solos = [new Solo({ ...plans[0], nominates: true }, "a"), new Solo(plans[1], "b")] as const;
  const flying: { at: number; to: 0 | 1; bytes: Uint8Array; from: Endpoint }[] = [];
  const sent = [0, 0];
  for (let now = 0; now <= until; now++) {
    for (const one of flying.filter(({ at }) => at === now)) {
      solos[one.to].now = now;
      solos[one.to].receive(one.bytes, one.from);
    }
    for (const side of [0, 1] as const) {
      solos[side].pass(now);
      for (const { to, bytes } of solos[side].sent.slice(sent[side])) {
        const at = now + takes(to);
        const from = to.address.includes(":") ? { ...seen[side], address: `2a00::${side + 1}` } : seen[side];
        if (Number.isFinite(at)) flying.push({ at, to: (1 - side) as 0 | 1, bytes, from });
      }
      sent[side] = solos[side].sent.length;
    }
  }
  return solos;
}
