/**
 * The sidecar's clock for durations: leases, budgets, idle times, timers. It is monotonic, so a step of the wall clock
 * changes nothing, and it stands still while the process does not run.
 *
 *     real time    |----|----|---- stopped for 30 s ----|----|
 *     this clock   |----|----|-|----|
 *
 * A process that was suspended finds the datagrams of that time in the kernel's buffer. Time that was not counted moves
 * every judgement by the gap, so that these datagrams are read before their senders count as silent.
 */
import { STALL_MS } from "#shared/limits.ts";

export class Clock {
  /** The source of monotonic time, in milliseconds. */
  readonly #read: () => number;
  #read_at: number;
  #now: number;
  #skipped_ms = 0;
  #stalls = 0;

  constructor(read: () => number = () => performance.now()) {
    this.#read = read;
    this.#now = this.#read_at = read();
  }

  /**
   * Milliseconds since an arbitrary start, without the time in which this process did not run. The sidecar's timer
   * reads it every LEASE_CHECK_MS, so a longer gap between two readings is a stall, of which STALL_MS are counted.
   */
  now(): number {
    const at = this.#read();
    const passed_ms = at - this.#read_at;
    this.#read_at = at;
    if (passed_ms <= STALL_MS) return (this.#now += passed_ms);
    this.#skipped_ms += passed_ms - STALL_MS;
    this.#stalls++;
    return (this.#now += STALL_MS);
  }

  /** The time that was not counted (ms), and how many stalls caused it. */
  get skipped(): { readonly ms: number; readonly stalls: number } {
    return { ms: this.#skipped_ms, stalls: this.#stalls };
  }

  /** Calls back when so much time has passed on this clock. Returns a function that cancels it. */
  after(delay_ms: number, action: () => void): () => void {
    const due = this.now() + delay_ms;
    let timer: NodeJS.Timeout;
    const arm = (wait_ms: number): void => {
      timer = setTimeout(() => {
        const left_ms = due - this.now();
        // Node's timers count the time of a stall.
        if (left_ms > 0) arm(left_ms);
        else action();
      }, Math.ceil(wait_ms));
    };
    arm(delay_ms);
    return () => clearTimeout(timer);
  }
}
