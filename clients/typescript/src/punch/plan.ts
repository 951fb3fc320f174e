/**
 * The hub's plan for one side of a punch. The hub decides from its sidecars' observations, and a client carries the
 * plan out. Each value is clamped here to what a player's machine may do.
 *
 *     targets       sent to from the first socket, in this order
 *     sockets       if several: all send to the first target, one after the other
 *     spray         ports of one address, tried from the first socket; `probes` above `ports` means further rounds
 *     per_s         datagrams per second, for sockets and for ports
 *     nominates     this side nominates the pair (RFC 8445 section 6.1.1: the controlling agent)
 *     same_network  both sides have one public address, so local endpoints may be sent to
 *     first_hops    TTL of the first datagrams, and of all those of further sockets: they open the own NAT and do not reach
 *                   the other; null: the default
 */
import type { Connection } from "../api/types.ts";
import { type Endpoint, isEndpoint, isLocal, isLoopback } from "../util/addresses.ts";
import * as limits from "./limits.ts";

export type Plan = NonNullable<Connection["punch"]>["plan"];
/** A remote endpoint: stated by the peer (host), observed by a sidecar (reflexive), or predicted by the hub. */
export type Target = Plan["targets"][number];
export type Spray = NonNullable<Plan["spray"]>;

/** Decodes a plan, or returns null. Unknown keys are for later clients. */
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

/** Decodes a spray, or returns null. */
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

/** The same plan within the limits. */
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

/** Private and loopback addresses are answered only if the plan is for this network or names them. */
export const mayReplyTo = ({ targets, same_network }: Plan, from: Endpoint): boolean =>
  isEndpoint(from) &&
  (same_network || targets.some(({ address }) => address === from.address) || !isLocalOrLoopback(from.address));

const isLocalOrLoopback = (address: string): boolean => isLocal(address) || isLoopback(address);

const FIRST_PORT = 1_024;
const LAST_PORT = 65_535;
const PORTS = LAST_PORT - FIRST_PORT + 1;

/** An endless sequence of a spray's ports. A shuffled round has each port once. */
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

/** A lazy Fisher-Yates shuffle: only the entries that moved are stored. */
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
