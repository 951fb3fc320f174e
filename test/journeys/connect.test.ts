/**
 * Two Node programs with our client, a real hub and two real sidecars, behind every pair of NATs. In each round all homes
 * are in one pair each, so that all 28 pairs take four rounds.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Player, playerAt, PATIENCE } from "../lab/connect.ts";
import type { HomeOptions, Host } from "../lab/lab.ts";
import type { NatKind } from "../lab/nat.ts";
import type { Line } from "../lab/program.ts";
import { labIsMissing } from "../lab/space.ts";
import { Town } from "../lab/town.ts";

const KINDS = ["none", "full-cone", "address-restricted", "port-restricted", "cgn", "sequential", "random"] as const;
type Kind = (typeof KINDS)[number];

/** Neither is direct for anybody: one side cannot foretell the other (docs/nat.md). */
const RELAYED = new Set(["sequential random", "random sequential", "random random"]);
/** What is too rare to be a plain punch: many ports are tried until two meet. */
const LUCKY = new Set(["port-restricted random", "random port-restricted", "cgn random", "random cgn"]);

const MOST_MS = 8_000;

let town: Town;

describe.skipIf(labIsMissing())("the client through NATs", () => {
  beforeAll(async () => {
    town = await Town.open();
    await town.house.addSidecar(await town.lab.host());
  });
  afterAll(() => town?.close());

  test.for<[string, HomeOptions]>([
    ["20 ms away", { delay_ms: 20 }],
    ["40 ms away, with 5 % lost", { delay_ms: 40, loss: 0.05 }],
  ])("all 28 pairs, %s: direct where it can be, and else on a relay", async ([, way]) => {
    const first = await playersAt(way);
    const [as, bs] = [first, await playersAt(way, first[0]!.lobby)];
    const rows: Met[] = [];
    for (let round = 0; round <= 3; round++) {
      const pairs = KINDS.map((kind, at) => [kind, as[at]!, (at + round) % KINDS.length] as const);
      const met = pairs.map(([kind, a, other]) => {
        const pair = `${kind} ${KINDS[other]}`;
        const path = RELAYED.has(pair) ? "relay" : "direct";
        return [pair, a, bs[other]!, [path, path]] as const;
      });
      const first = await Promise.all(met.map((one) => meet(...one)));
      for (const [at, one] of met.entries()) rows.push(await better(first[at]!, () => meet(...one)));
    }
    if (process.env["PARLEY_TABLE"] !== undefined) console.table(rows);
    expect(rows.filter(({ isAsWanted }) => !isAsWanted)).toStrictEqual([]);
    expect(rows.filter(({ ms }) => ms > MOST_MS)).toStrictEqual([]);
    const plain = rows.filter(({ pair }) => !RELAYED.has(pair) && !LUCKY.has(pair));
    expect(plain).toHaveLength(24);
    // One or another needs a second try where datagrams are lost or the machine is busy.
    expect(plain.filter(({ ms }) => ms <= 1_000).length).toBeGreaterThanOrEqual(way.loss === undefined ? 22 : 18);
  });

  test("one home: by local addresses; one carrier: on the relay; no UDP: by the relay's WebSocket", async () => {
    const way = { delay_ms: 20 };
    const home = await town.lab.home("port-restricted", way);
    const carrier = await town.lab.home("port-restricted", { carrier: true, ...way });
    const inCarrier = { behind: carrier };
    const nets = [
      [home, home],
      [await town.lab.home("port-restricted", inCarrier), await town.lab.home("port-restricted", inCarrier)],
      [await town.lab.home("blocked", way), await town.lab.home("full-cone", way)],
    ] as const;
    const pairs = await Promise.all(
      nets.map(async ([one, other]) => {
        const a = await playerAt(town, await town.lab.host({ net: one }));
        return [a, await playerAt(town, await town.lab.host({ net: other }), a.lobby)] as const;
      }),
    );
    const wanted = [
      ["direct", "direct"],
      ["relay", "relay"],
      ["websocket", "relay"],
    ] as const;
    const met = await Promise.all(pairs.map(([a, b], at) => meet(`pair ${at}`, a, b, wanted[at]!)));
    expect(met.filter(({ isAsWanted, ms }) => !isAsWanted || ms > MOST_MS)).toStrictEqual([]);
  });
});

type Met = {
  readonly pair: string;
  readonly isAsWanted: boolean;
  readonly paths: readonly unknown[];
  readonly ms: number;
};

/** Chance decides as well, and how busy the machine is: who failed or was slow tries again, alone. */
async function better(met: Met, again: () => Promise<Met>): Promise<Met> {
  let best = met;
  for (let tries = 0; tries < 2 && !(best.isAsWanted && best.ms <= MOST_MS); tries++) best = await again();
  return best;
}

/** One asks for the other; how long after the introduction both had what is wanted, and datagrams had gone both ways. */
async function meet(pair: string, a: Player, b: Player, wanted: readonly [string, string]): Promise<Met> {
  const [fromA, fromB] = [a.program.lines.length, b.program.lines.length];
  a.program.tell({ connect: b.id });
  const finds = (peer: string, path: string) => (line: Line) =>
    line["failed"] === peer || (line["peer"] === peer && line["path"] === path);
  const [seenByA, seenByB, flows] = await Promise.all(
    [
      a.program.line(finds(b.id, wanted[0]), { from: fromA, ...PATIENCE }),
      b.program.line(finds(a.id, wanted[1]), { from: fromB, ...PATIENCE }),
      a.program.line((line) => line["flows"] === b.id, { from: fromA, ...PATIENCE }),
    ].map((line) => line.catch(() => null)),
  );
  a.program.tell({ close: b.id });
  b.program.tell({ close: a.id });
  const paths = [seenByA?.["path"] ?? seenByA?.["why"], seenByB?.["path"], flows === null ? "silence" : "flows"];
  const isAsWanted = paths.join() === [...wanted, "flows"].join();
  return { pair, isAsWanted, paths, ms: Math.max(Number(seenByA?.["after_ms"]), Number(seenByB?.["after_ms"])) };
}

async function playersAt(way: HomeOptions, lobby?: string): Promise<Player[]> {
  const [first, ...others] = await Promise.all(KINDS.map((kind) => placeOf(kind, way)));
  const one = await playerAt(town, first!, lobby);
  return [one, ...(await Promise.all(others.map((host) => playerAt(town, host, one.lobby))))];
}

async function placeOf(kind: Kind, way: HomeOptions): Promise<Host> {
  const { lab } = town;
  if (kind === "none") return lab.host(way);
  if (kind === "cgn") {
    const carrier = await lab.home("port-restricted", { carrier: true, movesPorts: true, ...way });
    return lab.host({ net: await lab.home("port-restricted", { behind: carrier, movesPorts: true }) });
  }
  const nat: NatKind = kind === "random" ? "symmetric" : kind;
  return lab.host({ net: await lab.home(nat, { movesPorts: true, ...way }) });
}
