/** Players of the laboratory that connect several times, and the figures of their tries. */
import { closes, connectPair, type PairResult, type Player, startPlayer } from "../../test/lab/connect-pairs.ts";
import type { HomeOptions, Host } from "../../test/lab/lab.ts";
import type { LabPlayers } from "../../test/lab/lab-players.ts";
import type { NatKind } from "../../test/lab/nat.ts";
import { setTimeout as passes } from "node:timers/promises";

/** The delay of each link in each direction: 40 ms for a round trip to the servers, 80 ms between two peers. */
export const WAY = { delay_ms: 20 };
/** Eight birthdays: one in nine misses. */
const PATIENCE = { within_ms: 60_000 };
/** Between two tries of a pair, so that the messages of the one before have arrived. */
const PAUSE_MS = 2_000;

export type Case = {
  readonly name: string;
  readonly hosts: readonly [Host, Host];
  /** The path of each end. */
  readonly wanted: readonly [string, string];
  /** Where the first host reaches the hub, if not where all others do. */
  readonly url?: string;
};

export type MeasuredCase = { readonly name: string; readonly tries: readonly PairResult[] };

/** Every case once, and then again: a busy moment of the machine affects all of them. The ends take turns to connect. */
export async function connectInTurn(
  players: LabPlayers,
  cases: readonly Case[],
  tries: number,
): Promise<MeasuredCase[]> {
  const pairs = await Promise.all(cases.map((one) => startPair(players, one)));
  const measured = cases.map(({ name }) => ({ name, tries: [] as PairResult[] }));
  try {
    for (let time = 0; time < tries; time++) {
      // What loss has held up may have opened a connection again.
      await passes(PAUSE_MS);
      await Promise.all(pairs.flatMap(([a, b]) => [closes(a, b), closes(b, a)]));
      for (const [at, { wanted }] of cases.entries()) {
        const [one, other] = pairs[at]!;
        const [a, b] = time % 2 === 0 ? [one, other] : [other, one];
        const paths = time % 2 === 0 ? wanted : ([wanted[1], wanted[0]] as const);
        measured[at]!.tries.push(await connectPair("", a, b, paths, PATIENCE));
      }
    }
  } finally {
    await Promise.all(pairs.flat().map(({ program }) => program.end()));
  }
  return measured;
}

/** A player on each host, both in one lobby. */
export async function startPair(
  players: LabPlayers,
  { hosts, url }: Pick<Case, "hosts" | "url">,
): Promise<readonly [Player, Player]> {
  const other = await startPlayer(players, hosts[1]);
  return [await startPlayer(players, hosts[0], other.lobby, url), other];
}

/** A host behind a router of each kind. */
export async function bothBehind(
  { lab }: LabPlayers,
  kinds: readonly [NatKind, NatKind],
  way: HomeOptions = WAY,
): Promise<readonly [Host, Host]> {
  const [a, b] = await Promise.all(
    kinds.map(async (kind) => lab.host({ net: await lab.home(kind, { movesPorts: true, ...way }) })),
  );
  return [a!, b!];
}
