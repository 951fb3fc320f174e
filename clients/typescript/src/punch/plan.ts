/**
 * What the hub tells one side to do. It decides, from what its sidecars saw; a client carries it out. Whatever a plan
 * says, it is cut here to what a player's machine may do.
 */
import { type Endpoint, isEndpoint, isLocal, isLoopback } from "../util/addresses.ts";
import * as limits from "./limits.ts";

/** An endpoint of the other side: its own word, what a sidecar saw, or what the hub foretells. */
export type Target = Endpoint & { readonly kind: "host" | "reflexive" | "predicted" };

/** Ports of one address, tried one after the other from the first socket. */
export type Spray = {
  readonly address: string;
  readonly first_port: number;
  /** From one port to the next, and how many there are. */
  readonly step: number;
  readonly ports: number;
  readonly order: "in_a_row" | "shuffled";
  /** Datagrams altogether; more than there are ports means further rounds. */
  readonly probes: number;
  readonly after_ms: number;
};

export type Plan = {
  /** Sent to from the first socket, in this order. */
  readonly targets: readonly Target[];
  /** With more than one, all of them send to the first target, one after the other. */
  readonly sockets: number;
  readonly spray: Spray | null;
  /** How fast sockets and ports follow each other. */
  readonly per_s: number;
  /** Who of the two decides which way it is, where there are several. */
  readonly nominates: boolean;
  /** Local endpoints may be sent to: both come from one public address. */
  readonly same_network: boolean;
  /** Hops after which the first datagrams die, or null. */
  readonly first_hops: number | null;
  readonly give_up_ms: number;
};

/** A plan as it comes in JSON, or null. Keys that are not known are for later clients. */
export function readPlan(json: unknown): Plan | null {
  if (!isObject(json) || !Array.isArray(json["targets"])) return null;
  const { sockets, per_s, nominates, same_network, first_hops, give_up_ms } = json;
  const targets = json["targets"].slice(0, limits.TARGETS_MAX).map(readTarget);
  const spray = json["spray"] === null ? null : readSpray(json["spray"]);
  if (targets.includes(null) || (spray === null && json["spray"] !== null)) return null;
  if (typeof sockets !== "number" || typeof per_s !== "number" || typeof give_up_ms !== "number") return null;
  if (typeof nominates !== "boolean" || typeof same_network !== "boolean") return null;
  if (first_hops !== null && typeof first_hops !== "number") return null;
  const plan = { sockets, spray, per_s, nominates, same_network, first_hops, give_up_ms };
  return clampPlan({ targets: targets.filter((target) => target !== null), ...plan });
}

/** A row of ports as it comes in JSON, or null. */
export function readSpray(json: unknown): Spray | null {
  if (!isObject(json)) return null;
  const { address, first_port, step, ports, order, probes, after_ms } = json;
  if (typeof address !== "string" || (order !== "in_a_row" && order !== "shuffled")) return null;
  if (typeof first_port !== "number" || typeof step !== "number" || typeof ports !== "number") return null;
  if (typeof probes !== "number" || typeof after_ms !== "number") return null;
  return clampSpray({ address, first_port, step, ports, order, probes, after_ms });
}

function readTarget(json: unknown): Target | null {
  if (!isObject(json)) return null;
  const { kind, address, port } = json;
  if (kind !== "host" && kind !== "reflexive" && kind !== "predicted") return null;
  return typeof address === "string" && typeof port === "number" ? { kind, address, port } : null;
}

const isObject = (json: unknown): json is Record<string, unknown> =>
  typeof json === "object" && json !== null && !Array.isArray(json);

/** The same plan, as far as it is harmless. */
export function clampPlan(plan: Plan): Plan {
  const targets = plan.targets
    .filter(
      (target) => isEndpoint(target) && (target.kind === "host" ? plan.same_network && isLocal(target.address) : true),
    )
    .slice(0, limits.TARGETS_MAX)
    .map(({ kind, address, port }) => ({ kind, address, port }));
  return {
    targets,
    sockets: targets.length === 0 ? 1 : clamp(plan.sockets, 1, limits.SOCKETS_MAX),
    spray: plan.spray === null ? null : clampSpray(plan.spray),
    per_s: clamp(plan.per_s, 1, limits.PER_S_MAX),
    nominates: plan.nominates,
    same_network: plan.same_network,
    first_hops: plan.first_hops === null ? null : clamp(plan.first_hops, 1, 255),
    give_up_ms: clamp(plan.give_up_ms, 0, limits.GIVE_UP_MS_MAX),
  };
}

export function clampSpray(spray: Spray): Spray | null {
  if (!isEndpoint({ address: spray.address, port: 1 })) return null;
  return {
    address: spray.address,
    first_port: clamp(spray.first_port, FIRST_PORT, LAST_PORT),
    step: clamp(spray.step, -PORTS, PORTS) || 1,
    ports: clamp(spray.ports, 1, PORTS),
    order: spray.order,
    probes: clamp(spray.probes, 0, limits.PROBES_MAX),
    after_ms: clamp(spray.after_ms, 0, limits.GIVE_UP_MS_MAX),
  };
}

/** Whether a plan may send to this address: special ones only where they are this side's own network. */
export const mayReplyTo = ({ targets, same_network }: Plan, from: Endpoint): boolean =>
  isEndpoint(from) &&
  (same_network || targets.some(({ address }) => address === from.address) || !isLocalOrLoopback(from.address));

const isLocalOrLoopback = (address: string): boolean => isLocal(address) || isLoopback(address);

const FIRST_PORT = 1_024;
const LAST_PORT = 65_535;
const PORTS = LAST_PORT - FIRST_PORT + 1;

/** The ports of a spray in the order in which they are tried, for ever. A shuffled one names each once a round. */
export function* portsOf({ first_port, step, ports, order }: Spray, dice: () => number): Generator<number, never> {
  const at = (index: number): number => {
    const port = first_port - FIRST_PORT + step * index;
    return FIRST_PORT + (((port % PORTS) + PORTS) % PORTS);
  };
  for (;;) {
    if (order === "in_a_row") for (let index = 0; index < ports; index++) yield at(index);
    else for (const index of shuffledIndexes(ports, dice)) yield at(index);
  }
}

/** Fisher and Yates, but only what is asked for is shuffled: the places that moved are kept, not the whole row. */
function* shuffledIndexes(length: number, dice: () => number): Generator<number> {
  const moved = new Map<number, number>();
  for (let left = length; left > 0; left--) {
    const picked = Math.min(Math.floor(dice() * left), left - 1);
    const last = left - 1;
    yield moved.get(picked) ?? picked;
    moved.set(picked, moved.get(last) ?? last);
  }
}

const clamp = (value: number, least: number, most: number): number =>
  Number.isFinite(value) ? Math.min(Math.max(Math.trunc(value), least), most) : least;
