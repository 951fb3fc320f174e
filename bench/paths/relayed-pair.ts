/** Two relayed peers and two direct ones that talk for three minutes: the paths that they state, and what the sidecar counts. */
import { setTimeout as passes } from "node:timers/promises";
import { currentBundle } from "../../tools/run/bundle.ts";
import { countsOf, type Player } from "../../test/lab/connect-pairs.ts";
import { LabPlayers } from "../../test/lab/lab-players.ts";
import type { NatKind } from "../../test/lab/nat.ts";
import { sidecarMetric } from "../../test/lab/sidecar-metrics.ts";
import { play, type Silence } from "../../test/lab/silence.ts";
import { bothBehind, startPair } from "./measured.ts";

const TALK_MS = 180_000;
const SAMPLE_MS = 5_000;
/** Both have given back what the introduction brought. */
const SETTLE_MS = 5_000;

export type LongTalk = {
  /** Every path that either end stated, of the relayed and of the direct pair. */
  readonly paths: readonly [relayed: string, direct: string];
  /** Datagrams of the game. */
  readonly sent: readonly [relayed: number, direct: number];
  readonly received: readonly [relayed: number, direct: number];
  /** Datagrams that the sidecar relayed, with probes. */
  readonly relayed: number;
  /** The number of relays, every five seconds. */
  readonly relays: readonly number[];
};

type Counts = { readonly sent: number; readonly received: number };
type Talk = { readonly ends: readonly [Player, Player]; readonly silence: Silence; readonly paths: Set<string> };

export async function measureLongTalk(): Promise<LongTalk> {
  const players = await LabPlayers.open(await currentBundle(), 2);
  try {
    const talks = [
      await talk(players, ["symmetric", "symmetric"], "relay"),
      await talk(players, ["port-restricted", "port-restricted"], "direct"),
    ] as const;
    await passes(SETTLE_MS);
    const packets = (): Promise<number> => sidecarMetric(players.server, "parley_relay_packets_total");
    const [before, from] = [await packets(), await Promise.all(talks.map(counts))];
    const relays: number[] = [];
    for (let passed_ms = 0; passed_ms < TALK_MS; passed_ms += SAMPLE_MS) {
      await passes(SAMPLE_MS);
      relays.push(await sidecarMetric(players.server, "parley_relay_allocations"));
      for (const { silence, paths } of talks) for (const path of await silence.paths()) paths.add(String(path));
    }
    const [after, to] = [await packets(), await Promise.all(talks.map(counts))];
    const [relayed, direct] = to.map(({ sent, received }, at) => ({
      sent: sent - (from[at]?.sent ?? 0),
      received: received - (from[at]?.received ?? 0),
    })) as [Counts, Counts];
    return {
      paths: [[...talks[0].paths].join(), [...talks[1].paths].join()],
      sent: [relayed.sent, direct.sent],
      received: [relayed.received, direct.received],
      relayed: after - before,
      relays,
    };
  } finally {
    await players.close();
  }
}

async function talk(players: LabPlayers, kinds: readonly [NatKind, NatKind], path: string): Promise<Talk> {
  const hosts = await bothBehind(players, kinds);
  const ends = await startPair(players, { hosts });
  return { ends, silence: await play(...ends, path), paths: new Set() };
}

/** Datagrams of both ends together since they began to play. */
async function counts({ ends: [a, b] }: Talk): Promise<Counts> {
  const [one, other] = await Promise.all([countsOf(a, b), countsOf(b, a)]);
  return { sent: one.sent + other.sent, received: one.received + other.received };
}
