/**
 * `node clients/godot/test/bench/beside-enet.ts [SECONDS] [PLAYERS...]`: what the Godot addon costs beside bare ENet, in one run, as the
 * table of docs/guides/godot.md: CPU of the host and of the guests, round trips, joins, and the time that it takes in a frame. All
 * games are on this machine.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Godot4, importProject } from "../../../../test/support/godot4.ts";
import { freePort } from "../../../../tools/run/ports.ts";
import { openStack } from "./stack.ts";

const SCENE = "res://test/bench/traffic.tscn";
const seconds = Number(process.argv[2] ?? 15);
const sizes = process.argv.length > 3 ? process.argv.slice(3).map(Number) : [2, 4, 8];
type Field = "cpu" | "p50" | "p99" | "received" | "join_ms" | "frame_p50" | "frame_p99";
type Result = Readonly<Record<Field, number>>;

/** Of the host, and of each guest. */
async function play(kind: "enet" | "parley", players: number, at: string): Promise<readonly Result[]> {
  const code = join(stack.folder, `${kind}-${players}.code`);
  const args = (role: string): string[] => [kind, role, at, code, String(players), String(seconds)];
  const games = [new Godot4({ scene: SCENE, args: args("host") })];
  while (!existsSync(code)) await sleep(50);
  for (let guest = 1; guest < players; guest++) games.push(new Godot4({ scene: SCENE, args: args("join") }));
  const results = await Promise.all(games.map((game) => game.line((line) => "cpu" in line || "failed" in line)));
  await Promise.all(games.map((game) => game.end()));
  return results as unknown as readonly Result[];
}

function row(title: string, [host, ...guests]: readonly Result[]): string {
  const mean = (of: Field): number => guests.reduce((sum, one) => sum + one[of], 0) / guests.length;
  const most = Math.max(...guests.map(({ join_ms }) => join_ms));
  const cells = [
    title,
    `${(100 * host!.cpu).toFixed(1)} / ${(100 * mean("cpu")).toFixed(1)} %`,
    `${mean("p50").toFixed(1)} / ${mean("p99").toFixed(1)} ms`,
    `${mean("join_ms").toFixed(0)} / ${most} ms`,
    `${((100 * host!.received) / (guests.length * seconds * 60)).toFixed(0)} %`,
    host!.frame_p50 > 100 ? `${(host!.frame_p50 / 1000).toFixed(1)} / ${(host!.frame_p99 / 1000).toFixed(1)} ms` : "",
  ];
  return `| ${cells.join(" | ")} |`;
}

importProject();
const stack = await openStack();
try {
  console.log(
    "| | CPU of host / guest | RTT p50 / p99 | join, mean / longest | received by the host | addon in a frame, p50 / p99 |",
  );
  console.log("| --- | --- | --- | --- | --- | --- |");
  for (const players of sizes) {
    console.log(row(`${players} players, bare ENet`, await play("enet", players, String(await freePort("udp")))));
    console.log(row("with the addon, sealed", await play("parley", players, stack.url)));
  }
} finally {
  await stack.close();
}
