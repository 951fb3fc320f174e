/**
 * The schedules of a punch's probes: per target, over sockets, and over ports. Each knows when its next probe is due
 * and where it goes.
 */
import type { Endpoint } from "../util/addresses.ts";
import * as limits from "./limits.ts";
import { type Plan, portsOf, type Spray } from "./plan.ts";

/** A probe to send; `hops`: its TTL, if it is to expire on the way. */
export type ScheduledProbe = {
  readonly socket: number;
  readonly to: Endpoint;
  readonly local: boolean;
  readonly hops?: number;
};

export type ProbeSchedule = {
  /** When the next probe is due; Infinity for never. */
  due(): number;
  /** Returns the next probe and advances. */
  next(now: number): ScheduledProbe;
  /** Tries ports or sockets beyond the plan's targets, so it pauses while the peer is received. */
  readonly searching: boolean;
};

/** One per target, one for further sockets, one for ports. */
export function createSchedules(plan: Plan, startAt: number, random: () => number): ProbeSchedule[] {
  const streams: ProbeSchedule[] = plan.targets.map((target, at) =>
    targetSchedule(target, target.kind === "host", startAt + at * limits.TARGET_STEP_MS, plan.first_hops),
  );
  const [first] = plan.targets;
  if (plan.sockets > 1 && first !== undefined) streams.push(socketSchedule(first, plan, startAt));
  if (plan.spray !== null) streams.push(spraySchedule(plan.spray, plan.per_s, startAt, random));
  return streams;
}

/** From the first socket to one endpoint: a burst, then fast, then slow. */
function targetSchedule(to: Endpoint, local: boolean, startAt: number, hops: number | null): ProbeSchedule {
  let count = 0;
  const afterBurst = hops === null ? limits.BURST_MS.at(-1)! + limits.PROBE_MS : limits.AFTER_SHORT_LIVED_MS;
  let due = startAt;
  return {
    searching: false,
    due: () => due,
    next: (now) => {
      const shortLived = hops !== null && count < limits.BURST_MS.length;
      const after = limits.BURST_MS[++count];
      if (after !== undefined) due = startAt + after;
      else if (count === limits.BURST_MS.length) due = startAt + afterBurst;
      else
        due =
          Math.max(due, now) + (due - startAt < limits.PROBE_FAST_UNTIL_MS ? limits.PROBE_MS : limits.PROBE_SLOW_MS);
      return { socket: 0, to, local, ...(shortLived ? { hops } : {}) };
    },
  };
}

/**
 * From many sockets to one endpoint. The first round opens them; later rounds replace lost datagrams. With `first_hops`
 * they never arrive: a router without a firewall gives its own host another port for every source that it received first.
 */
function socketSchedule(to: Endpoint, { sockets, per_s, first_hops }: Plan, startAt: number): ProbeSchedule {
  let count = 0;
  const pace = paced(startAt, (done) => (done < sockets ? per_s : Math.min(per_s, limits.LATER_ROUNDS_PER_S)));
  return {
    searching: true,
    due: pace.due,
    next: (now) => {
      pace.step(now);
      // The first socket has its own schedule for this endpoint.
      const socket = 1 + (count++ % (sockets - 1));
      return { socket, to, local: false, ...(first_hops === null ? {} : { hops: first_hops }) };
    },
  };
}

/** From the first socket to many ports. */
export function spraySchedule(spray: Spray, per_s: number, startAt: number, random: () => number): ProbeSchedule {
  let left = spray.probes;
  const ports = portsOf(spray, random);
  const pace = paced(startAt + spray.after_ms, () => per_s);
  return {
    searching: true,
    due: () => (left > 0 ? pace.due() : Infinity),
    next: (now) => {
      left--;
      pace.step(now);
      return { socket: 0, to: { address: spray.address, port: ports.next().value }, local: false };
    },
  };
}

/** A constant rate. After a pause of the process only `CATCH_UP_MAX` probes are made up for. */
function paced(startAt: number, rate: (done: number) => number): { due: () => number; step: (now: number) => void } {
  let due = startAt;
  let done = 0;
  return {
    due: () => due,
    step: (now) => {
      const every_ms = 1_000 / rate(++done);
      due = Math.max(due + every_ms, now - limits.CATCH_UP_MAX * every_ms);
    },
  };
}
