/**
 * Two Node programs with our client, a real hub and two real sidecars, behind every pair of NATs. In each round all homes
 * are in one pair each, so that all pairs take four rounds.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HomeOptions, Host, Lab } from "../lab/lab.ts";
import type { NatKind } from "../lab/nat.ts";
import type { Line, Program } from "../lab/program.ts";
import { labIsMissing } from "../lab/space.ts";
import { Town } from "../lab/town.ts";

const KINDS = ["none", "full-cone", "address-restricted", "port-restricted", "cgn", "sequential", "random"] as const;
type Kind = (typeof KINDS)[number];

/** Neither is direct for anybody: one side cannot foretell the other (docs/nat.md). */
const RELAYED = new Set(["sequential random", "random sequential", "random random"]);
/** What is too slow or too rare to be a plain punch: many ports tried until two meet. */
const LUCKY = new Set(["port-restricted random", "random port-restricted", "cgn random", "random cgn"]);
const PATIENCE = { within_ms: 20_000 };

export type Player = { readonly id: string; readonly program: Program };

let town: Town;

describe.skipIf(labIsMissing())("the client through NATs", () => {
  beforeAll(async () => {
    town = await Town.open();
    await town.house.addSidecar(await town.lab.host());
  });
  afterAll(() => town?.close());

  test.for<[string, HomeOptions]>([["20 ms away", { delay_ms: 20 }]])(
    "all pairs that can be direct are, %s",
    { timeout: 150_000 },
    async ([, way]) => {
      const lobby = { id: undefined as string | undefined };
      const [as, bs] = [await playersAt(town.lab, way, lobby), await playersAt(town.lab, way, lobby)];
      const rows: Row[] = [];
      for (let round = 0; round <= 3; round++) {
        rows.push(
          ...(await Promise.all(
            KINDS.flatMap((kind, at) => {
              const other = (at + round) % KINDS.length;
              return RELAYED.has(`${kind} ${KINDS[other]}`) ? [] : [meet(kind, as[at]!, KINDS[other]!, bs[other]!)];
            }),
          )),
        );
      }
      for (const { pair, path, ms } of rows) {
        expect([pair, path]).toStrictEqual([pair, "direct"]);
        expect([pair, ms < 8_000]).toStrictEqual([pair, true]);
      }
      expect(rows).toHaveLength(26);
      // One of them may have needed a second try, on a busy machine two.
      const plain = rows.filter(({ pair }) => !LUCKY.has(pair));
      expect(plain.filter(({ ms }) => ms <= 1_000).length).toBeGreaterThanOrEqual(24 - 2);
    },
  );
});

type Row = { readonly pair: string; readonly path: unknown; readonly ms: number };

async function meet(kindA: Kind, a: Player, kindB: Kind, b: Player): Promise<Row> {
  const [fromA, fromB] = [a.program.lines.length, b.program.lines.length];
  a.program.tell({ connect: b.id });
  const pair = `${kindA} ${kindB}`;
  const isIt =
    (peer: string) =>
    (line: Line): boolean =>
      line["failed"] === peer || (line["peer"] === peer && line["path"] === "direct");
  const [seenByA, seenByB] = await Promise.all([
    a.program.line(isIt(b.id), { from: fromA, ...PATIENCE }).catch(() => null),
    b.program.line(isIt(a.id), { from: fromB, ...PATIENCE }).catch(() => null),
  ]);
  const flows = a.program.line((line) => line["flows"] === b.id, { from: fromA, ...PATIENCE });
  const flowed = seenByA !== null && (await flows.catch(() => null)) !== null;
  a.program.tell({ close: b.id });
  b.program.tell({ close: a.id });
  const [path, other] = [seenByA, seenByB].map((line) => line?.["path"] ?? null);
  const ms = Math.max(Number(seenByA?.["after_ms"]), Number(seenByB?.["after_ms"]));
  return { pair, path: path === other && flowed ? path : null, ms };
}

async function playersAt(lab: Lab, way: HomeOptions, lobby: { id: string | undefined }): Promise<Player[]> {
  const hosts = await Promise.all(KINDS.map((kind) => placeOf(lab, kind, way)));
  const [first, ...others] = hosts;
  const firstPlayer = await playerAt(first!, lobby);
  return [firstPlayer, ...(await Promise.all(others.map((host) => playerAt(host, lobby))))];
}

/** Hosts the lobby where there is none yet. */
async function playerAt(host: Host, lobby: { id: string | undefined }): Promise<Player> {
  const program = await host.run("connect-peer.ts", [town.house.url, ...(lobby.id === undefined ? [] : [lobby.id])]);
  const said = await program.line((line) => "id" in line, PATIENCE);
  lobby.id = String(said["lobby"]);
  return { id: String(said["id"]), program };
}

async function placeOf(lab: Lab, kind: Kind, way: HomeOptions): Promise<Host> {
  if (kind === "none") return lab.host(way);
  if (kind === "cgn") {
    const carrier = await lab.home("port-restricted", { carrier: true, movesPorts: true, ...way });
    return lab.host({ net: await lab.home("port-restricted", { behind: carrier, movesPorts: true }) });
  }
  const nat: NatKind = kind === "random" ? "symmetric" : kind;
  return lab.host({ net: await lab.home(nat, { movesPorts: true, ...way }) });
}
