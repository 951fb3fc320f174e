/**
 * The longest silence of two peers that send to each other every 20 ms, when something on their path fails. Each failure is
 * tried with the end that it hits as the requesting and as the requested one.
 */
import { currentBundle } from "../../tools/run/bundle.ts";
import { closes, type Player } from "../../test/lab/connect-pairs.ts";
import { onlyOverIPv6 } from "../../test/lab/families.ts";
import type { Home, Host } from "../../test/lab/lab.ts";
import { LabPlayers } from "../../test/lab/lab-players.ts";
import type { NatKind } from "../../test/lab/nat.ts";
import { play, type Silence } from "../../test/lab/silence.ts";
import { startPair, WAY } from "./measured.ts";

/** Pairs that are hit at the same time. */
const PAIRS = 5;

export type MeasuredSilence = { readonly name: string; readonly longest_ms: readonly number[] };

type Pair = { readonly hosts: readonly [Host, Host]; readonly homes: readonly Home[] };
type Failure = {
  readonly name: string;
  readonly path: "direct" | "relay";
  readonly open: (players: LabPlayers) => Promise<Pair>;
  /** Hits the first host; `time` counts from 0. */
  readonly strike: (players: LabPlayers, pair: Pair, time: number) => Promise<void>;
  readonly heal?: (players: LabPlayers, pair: Pair) => Promise<void>;
};
/** Hits all pairs at once. */
type SharedFailure = Pick<Failure, "name" | "path" | "open"> & {
  readonly prepare?: (players: LabPlayers) => Promise<void>;
  readonly strike: (players: LabPlayers) => Promise<void>;
};

const behind =
  (...kinds: readonly [NatKind, NatKind]) =>
  async ({ lab }: LabPlayers): Promise<Pair> => {
    const homes = [await lab.home(kinds[0], WAY), await lab.home(kinds[1], WAY)];
    return { homes, hosts: [await lab.host({ net: homes[0]! }), await lab.host({ net: homes[1]! })] };
  };

const FAILURES: readonly Failure[] = [
  {
    name: "a router forgets its mappings, direct",
    path: "direct",
    open: behind("symmetric", "full-cone"),
    strike: ({ lab }, { homes }) => lab.forget(homes[0]!),
  },
  {
    name: "a router forgets its mappings, relayed",
    path: "relay",
    open: behind("symmetric", "symmetric"),
    strike: ({ lab }, { homes }) => lab.forget(homes[0]!),
  },
  {
    name: "a direct path is cut",
    path: "direct",
    open: behind("port-restricted", "port-restricted"),
    strike: ({ lab }, { homes }) => lab.block(homes[0]!, homes[1]!.address),
    heal: ({ lab }, { homes }) => lab.unblock(homes[0]!),
  },
  {
    name: "a direct path is cut in one direction",
    path: "direct",
    open: behind("port-restricted", "port-restricted"),
    strike: ({ lab }, { homes }) => lab.block(homes[0]!, homes[1]!.address, ["saddr"]),
    heal: ({ lab }, { homes }) => lab.unblock(homes[0]!),
  },
  {
    name: "the address of a machine changes",
    path: "direct",
    open: behind("port-restricted", "port-restricted"),
    strike: async (_, { homes, hosts: [host] }, time) => {
      const { prefix } = homes[0]!;
      const old = time === 0 ? host.address : `${prefix}.${99 + time - 1}`;
      await host.shell(
        `ip addr del ${old}/24 dev eth0`,
        `ip addr add ${prefix}.${99 + time}/24 dev eth0`,
        `ip route replace default via ${prefix}.1`,
      );
    },
  },
  {
    name: "a privacy address is replaced, the old one stays",
    path: "direct",
    open: async (players) => ({ hosts: await onlyOverIPv6(players, WAY), homes: [] }),
    strike: async ({ lab }, { hosts: [host] }) => void (await lab.addIPv6(host)),
  },
];

const SHARED: readonly SharedFailure[] = [
  {
    name: "the relay's sidecar is killed, another one is alive",
    path: "relay",
    open: behind("symmetric", "symmetric"),
    prepare: async ({ lab, stack }) => stack.addSidecar(await lab.host()),
    strike: ({ stack }) => stack.kill("sidecar"),
  },
  {
    name: "the hub is killed, direct",
    path: "direct",
    open: behind("port-restricted", "port-restricted"),
    strike: ({ stack }) => stack.kill("hub"),
  },
  {
    name: "the hub is killed, relayed",
    path: "relay",
    open: behind("symmetric", "symmetric"),
    strike: ({ stack }) => stack.kill("hub"),
  },
];

export async function measureSilences(): Promise<MeasuredSilence[]> {
  const measured: MeasuredSilence[] = [];
  const players = await LabPlayers.open(await currentBundle());
  try {
    const { lab, server, stack } = players;
    const address = [await lab.addAddress(server), await lab.addIPv6(server)].join();
    await stack.addSidecar(server, { address, status: "127.0.0.1:9465" });
    for (const failure of FAILURES) measured.push(await measureFailure(players, failure));
  } finally {
    await players.close();
  }
  for (const failure of SHARED) {
    const longest_ms = [...(await measureShared(failure, 0)), ...(await measureShared(failure, 1))];
    measured.push({ name: failure.name, longest_ms });
  }
  return measured;
}

async function measureFailure(players: LabPlayers, failure: Failure): Promise<MeasuredSilence> {
  const pairs = await Promise.all(Array.from({ length: PAIRS }, () => failure.open(players)));
  const started = await Promise.all(pairs.map((pair) => startPair(players, pair)));
  const longest_ms: number[] = [];
  for (const time of [0, 1]) {
    await Promise.all(
      started.map(async ([a, b], at) => {
        const silence = await playing(time === 0 ? [a, b] : [b, a], failure.path);
        await failure.strike(players, pairs[at]!, time);
        longest_ms.push(await silence.measure());
        await failure.heal?.(players, pairs[at]!);
        await Promise.all([closes(a, b), closes(b, a)]);
      }),
    );
  }
  await Promise.all(started.flat().map(({ program }) => program.end()));
  return { name: failure.name, longest_ms };
}

async function measureShared(failure: SharedFailure, requesting: 0 | 1): Promise<number[]> {
  const players = await LabPlayers.open(await currentBundle());
  try {
    const pairs = await Promise.all(Array.from({ length: PAIRS }, () => failure.open(players)));
    const started = await Promise.all(pairs.map((pair) => startPair(players, pair)));
    const all = started.map(([a, b]) => playing(requesting === 0 ? [a, b] : [b, a], failure.path));
    const silences = await Promise.all(all);
    await failure.prepare?.(players);
    await Promise.all(silences.map((silence) => silence.start()));
    await failure.strike(players);
    return await Promise.all(silences.map((silence) => silence.measure()));
  } finally {
    await players.close();
  }
}

/** The first connects to the other, both have this path, and both send. */
async function playing([a, b]: readonly [Player, Player], path: string): Promise<Silence> {
  const silence = await play(a, b, path);
  await silence.settle();
  return silence;
}
