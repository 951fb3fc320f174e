/** One introduction in the virtual network: both peers observe, the hub advises, both punch. */
import { classify } from "#shared/connect/nat.ts";
import { advise, type Advice } from "#shared/connect/nat-advice.ts";
import { type Side } from "#shared/connect/punch-plan.ts";
import { seeded } from "../support/dice.ts";
import { BEHAVIOURS, type Behaviour, Router } from "./nat.ts";
import { Host, type Link, type Segment, World } from "./net.ts";
import { VirtualSidecars } from "./virtual-sidecars.ts";
import { type Observed, VirtualPlayer } from "./player.ts";

/** `none` is a public host; `cgn` a home behind a carrier's NAT. */
export const KINDS = [
  "none",
  "full-cone",
  "address-restricted",
  "port-restricted",
  "cgn",
  "sequential",
  "random",
  "blocked",
] as const;
export type Kind = (typeof KINDS)[number];
export type Home = Kind | keyof typeof BEHAVIOURS | Behaviour;

export type Options = {
  readonly seed: number;
  /** The delay of each peer's and sidecar's link, in one direction. */
  readonly delay_ms?: number;
  readonly loss?: number;
  /** Overrides of both homes' routers. */
  readonly router?: Partial<Behaviour>;
  /** Both peers are in one home, or behind one carrier. */
  readonly together?: "home" | "carrier";
  /** The second peer starts this much later than the first. */
  readonly skew_ms?: number;
  readonly attempts?: number;
  /** Both also have IPv6 behind port-restricted filters, with this much more delay. */
  readonly six_ms?: number;
  /** IPv6 reaches the sidecars, but not the other peer. */
  readonly isSixCut?: boolean;
  /** The sidecars have not measured the filtering. */
  readonly untested?: boolean;
};

export type IntroductionResult = {
  readonly advice: Advice;
  readonly path: "direct" | "relay";
  /** The time from the hub's message until both have a path. */
  readonly ms: number | null;
  readonly attempts: number;
  readonly players: readonly [VirtualPlayer, VirtualPlayer];
  readonly world: World;
};

/** The round trip to the hub, in addition to the link. */
const HUB_MS = 20;
/** The time between join and introduction. */
const LOBBY_MS = 1_500;
const KEY = new Uint8Array(32).fill(7);

export function introduce(a: Home, b: Home, options: Options): IntroductionResult {
  const world = new World(seeded(options.seed));
  const link: Link = { delay_ms: options.delay_ms ?? 20, jitter_ms: 2, loss: options.loss ?? 0 };
  const six = (at: number, more_ms: number): Host => {
    const address = `2a00:${at}::1`;
    const slower = { ...link, delay_ms: link.delay_ms + more_ms };
    // It keeps the address and the port.
    return new Host(world, new Router(world, world.wide, address, BEHAVIOURS.linux, slower).inside, address);
  };
  const sidecars = new VirtualSidecars(world, { ...link, delay_ms: 1, jitter_ms: 0 });
  const players = place(world, [a, b], link, options).map(
    (host, at) =>
      new VirtualPlayer(world, host, sidecars, options.six_ms === undefined ? null : six(at, options.six_ms)),
  ) as unknown as Pair<VirtualPlayer>;
  if (options.isSixCut === true) world.wide.cut("2a00:0::1", "2a00:1::1");
  let met: IntroductionResult = relayed(adviceOf([null, null], link, world.now), players, world);
  for (let attempt = 0; attempt < (options.attempts ?? 1); attempt++) {
    if (attempt > 0) for (const player of players) player.reset();
    met = attemptOnce(world, players, link, attempt, options);
    if (met.path === "direct" || met.advice.verdict === "relay") break;
  }
  return met;
}

type Pair<T> = readonly [T, T];

function attemptOnce(
  world: World,
  players: Pair<VirtualPlayer>,
  link: Link,
  attempt: number,
  options: Options,
): IntroductionResult {
  // Observes after the join, and again for the introduction.
  observeBoth(world, players);
  world.run(world.now + LOBBY_MS);
  const observed = observeBoth(world, players);
  const toldAt = world.now + link.delay_ms + HUB_MS;
  const advice = adviceOf(observed, link, toldAt, attempt, options.untested);
  const { plans } = advice;
  if (plans === null) return { ...relayed(advice, players, world), attempts: attempt + 1 };
  for (const at of [0, 1] as const) {
    const player = players[at];
    const skew = at === 1 ? (options.skew_ms ?? 0) : Math.max(0, -(options.skew_ms ?? 0));
    world.at(toldAt + link.delay_ms, () =>
      player.startPunch(plans[at], advice.start_in_ms[at] + Math.max(0, skew), {
        key: KEY,
        epoch: attempt,
        role: at === 0 ? "a" : "b",
      }),
    );
  }
  const ended = (): boolean => players.every(({ punch }) => punch !== null && punch.outcome !== null);
  world.run(toldAt + 15_000, ended);
  const opened = players.every(({ punch }) => punch?.outcome?.kind === "opened");
  const ms = opened ? Math.max(...players.map(({ openedAt }) => openedAt!)) - toldAt : null;
  return { advice, path: opened ? "direct" : "relay", ms, attempts: attempt + 1, players, world };
}

const relayed = (advice: Advice, players: Pair<VirtualPlayer>, world: World): IntroductionResult => ({
  advice,
  path: "relay",
  ms: null,
  attempts: 0,
  players,
  world,
});

function observeBoth(world: World, players: Pair<VirtualPlayer>): [Observed | null, Observed | null] {
  const observed: [Observed | null, Observed | null] = [null, null];
  players.forEach((player, at) => player.observe((told) => (observed[at] = told)));
  world.run(world.now + 5_000, () => observed.every((one) => one !== null));
  return observed;
}

const NOTHING_OBSERVED: Observed = { samples: [], filtering: null, remaps: null, candidates: [] };

function adviceOf(observed: Pair<Observed | null>, link: Link, now: number, attempt = 0, untested = false): Advice {
  const [a, b] = observed.map((one): Side => {
    const { samples, filtering, remaps, candidates } = one ?? NOTHING_OBSERVED;
    const hosts = candidates.filter(({ kind }) => kind === "host").map(({ endpoint }) => endpoint.address);
    const tested = { ...(filtering !== null && { filtering }), ...(remaps !== null && { remaps }) };
    const nat = classify(samples, hosts, untested ? {} : tested);
    const newest = Math.max(...samples.map(({ at_ms }) => at_ms), -Infinity);
    const sampled_ms_ago = Number.isFinite(newest) ? now - newest : 0;
    return { candidates, nat, rtt_ms: 2 * link.delay_ms, sampled_ms_ago, relay_only: false, birthday: true };
  }) as [Side, Side];
  return advise(a, b, attempt);
}

// --- places ----------------------------------------------------------------------------------------------------

function place(world: World, homes: Pair<Home>, link: Link, { router = {}, together }: Options): Pair<Host> {
  const wide = world.wide;
  if (together === "home") {
    const { inside } = new Router(world, wide, "20.0.0.1", { ...behaviour(homes[0]), ...router }, link);
    return [new Host(world, inside, "192.168.1.10"), new Host(world, inside, "192.168.1.11")];
  }
  const carrier =
    together === "carrier"
      ? new Router(world, wide, "20.0.0.1", { ...BEHAVIOURS["port-restricted"], ...router })
      : null;
  return homes.map((home, at) => {
    const address = `20.0.${at + 1}.1`;
    if (home === "none" && carrier === null) return new Host(world, wide, address, link);
    const behind = carrier?.inside ?? (home === "cgn" ? carrierOf(world, address, link) : wide);
    const isBehind = behind !== wide;
    const outer = isBehind ? `100.64.${at + 1}.1` : address;
    const { inside } = new Router(world, behind, outer, { ...behaviour(home), ...router }, isBehind ? undefined : link);
    return new Host(world, inside, `192.168.${at + 1}.10`);
  }) as unknown as Pair<Host>;
}

const carrierOf = (world: World, address: string, link: Link): Segment =>
  new Router(world, world.wide, address, BEHAVIOURS["port-restricted"], link).inside;

const behaviour = (home: Home): Behaviour =>
  typeof home !== "string" ? home : home === "none" || home === "cgn" ? BEHAVIOURS.linux : BEHAVIOURS[home];
