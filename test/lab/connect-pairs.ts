/** Peers with the TypeScript client behind each kind of router, and the connection of every pair. */
import type { HomeOptions, Host } from "./lab.ts";
import type { NatKind } from "./nat.ts";
import type { Line, Program } from "./program.ts";
import type { LabPlayers } from "./lab-players.ts";

/** Long enough for a birthday that misses and is repeated. */
export const PATIENCE = { within_ms: 30_000 };

const KINDS = ["none", "full-cone", "address-restricted", "port-restricted", "cgn", "sequential", "random"] as const;
type Kind = (typeof KINDS)[number];

/** Pairs without a direct path, because one side's port is unpredictable (docs/internals/nat.md). */
const RELAYED = new Set(["sequential random", "random sequential", "random random"]);
/** Pairs that try many ports until two match, which takes longer than a plain punch. */
const LUCKY = new Set(["port-restricted random", "random port-restricted", "cgn random", "random cgn"]);

export type Player = { readonly id: string; readonly lobby: string; readonly program: Program };

export type PairResult = {
  readonly pair: string;
  readonly isAsWanted: boolean;
  readonly paths: readonly unknown[];
  /** From the command to connect until the requesting peer has a path of any kind, and until it has the expected one. */
  readonly first_ms: number;
  readonly ms: number;
};

/** Joins the lobby, or hosts one. `url`: where the host reaches the hub. */
export async function startPlayer(
  labPlayers: LabPlayers,
  host: Host,
  lobby?: string,
  url = labPlayers.stack.url,
): Promise<Player> {
  const program = await host.run("connect-peer.ts", [url, ...(lobby === undefined ? [] : [lobby])]);
  const said = await program.waitForLine((line) => "id" in line, PATIENCE);
  return { id: String(said["id"]), lobby: String(said["lobby"]), program };
}

/** Connects two peers: their paths, and how long it took. */
export async function connectPair(
  pair: string,
  a: Player,
  b: Player,
  wanted: readonly [string, string],
  patience = PATIENCE,
): Promise<PairResult> {
  const [fromA, fromB] = [a.program.lines.length, b.program.lines.length];
  a.program.send({ connect: b.id });
  const finds = (peer: string, path: string) => (line: Line) =>
    line["failed"] === peer || (line["peer"] === peer && line["path"] === path);
  const isAny = (line: Line) => line["failed"] === b.id || (line["peer"] === b.id && typeof line["path"] === "string");
  const [first, seenByA, seenByB, flows] = await Promise.all(
    [
      a.program.waitForLine(isAny, { from: fromA, ...patience }),
      a.program.waitForLine(finds(b.id, wanted[0]), { from: fromA, ...patience }),
      b.program.waitForLine(finds(a.id, wanted[1]), { from: fromB, ...patience }),
      a.program.waitForLine((line) => line["flows"] === b.id, { from: fromA, ...patience }),
    ].map((line) => line.catch(() => null)),
  );
  await Promise.all([closes(a, b), closes(b, a)]);
  const paths = [seenByA?.["path"] ?? seenByA?.["why"], seenByB?.["path"], flows === null ? "silence" : "flows"];
  const isAsWanted = paths.join() === [...wanted, "flows"].join();
  return { pair, isAsWanted, paths, first_ms: Number(first?.["ms"]), ms: Number(seenByA?.["ms"]) };
}

/** Ends the connection at one end. */
export async function closes(one: Player, other: Player): Promise<void> {
  const from = one.program.lines.length;
  one.program.send({ close: other.id });
  await one.program.waitForLine((line) => line["close"] === other.id, { from, ...PATIENCE });
}

/** Datagrams of the game that one has sent to the other and received from it, on this connection. */
export async function countsOf(
  one: Player,
  other: Player,
): Promise<{ readonly sent: number; readonly received: number }> {
  const from = one.program.lines.length;
  one.program.send({ counts: other.id });
  const line = await one.program.waitForLine((said) => said["counts"] === other.id, { from });
  return { sent: Number(line["sent"]), received: Number(line["received"]) };
}

/** Starts two peers behind each kind of router. */
export async function startTwoOfEachKind(
  labPlayers: LabPlayers,
  way: HomeOptions,
): Promise<readonly [readonly Player[], readonly Player[]]> {
  const first = await startOneOfEachKind(labPlayers, way);
  return [first, await startOneOfEachKind(labPlayers, way, first[0]!.lobby)];
}

/** Connects all 28 pairs, one after the other, because simultaneous ones would measure the machine. */
export async function connectAllPairs([as, bs]: readonly [readonly Player[], readonly Player[]]): Promise<
  PairResult[]
> {
  const rows: PairResult[] = [];
  for (let round = 0; round <= 3; round++) {
    const pairs = KINDS.map((kind, at) => {
      const pair = `${kind} ${KINDS[(at + round) % KINDS.length]}`;
      const path = RELAYED.has(pair) ? "relay" : "direct";
      return [pair, as[at]!, bs[(at + round) % KINDS.length]!, [path, path]] as const;
    });
    for (const pair of pairs) rows.push(await connectPair(...pair));
  }
  return rows;
}

/** Whether a plain punch connects the pair. */
export const isPlainPunch = ({ pair }: PairResult): boolean => !RELAYED.has(pair) && !LUCKY.has(pair);

async function startOneOfEachKind(labPlayers: LabPlayers, way: HomeOptions, lobby?: string): Promise<Player[]> {
  const [first, ...others] = await Promise.all(KINDS.map((kind) => hostBehind(labPlayers, kind, way)));
  const one = await startPlayer(labPlayers, first!, lobby);
  return [one, ...(await Promise.all(others.map((host) => startPlayer(labPlayers, host, one.lobby))))];
}

async function hostBehind({ lab }: LabPlayers, kind: Kind, way: HomeOptions): Promise<Host> {
  if (kind === "none") return lab.host(way);
  if (kind === "cgn") {
    const carrier = await lab.home("port-restricted", { carrier: true, movesPorts: true, ...way });
    return lab.host({ net: await lab.home("port-restricted", { behind: carrier, movesPorts: true }) });
  }
  const nat: NatKind = kind === "random" ? "symmetric" : kind;
  return lab.host({ net: await lab.home(nat, { movesPorts: true, ...way }) });
}
