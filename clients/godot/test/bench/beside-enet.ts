/**
 * `node clients/godot/test/bench/beside-enet.ts [PLAYERS] [SECONDS]`: what the Godot addon costs beside bare ENet, in one run: CPU of the host and of
 * the guests, round trips, and the time that it takes in a frame. All games are on this machine.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Godot4, importProject } from "../../../../test/support/godot4.ts";
import { freePort } from "../../../../tools/run/ports.ts";
import { openStack } from "./stack.ts";

const SCENE = "res://test/bench/traffic.tscn";
const players = Number(process.argv[2] ?? 8);
const seconds = Number(process.argv[3] ?? 15);
type Result = Readonly<Record<"cpu" | "p50" | "p95" | "received" | "frame_p50" | "frame_p99", number>>;

async function play(kind: "enet" | "parley", at: string): Promise<void> {
  const code = join(stack.folder, `${kind}.code`);
  const args = (role: string): string[] => [kind, role, at, code, String(players), String(seconds)];
  const games = [new Godot4({ scene: SCENE, args: args("host") })];
  if (kind === "parley") while (!existsSync(code)) await sleep(50);
  for (let guest = 1; guest < players; guest++) games.push(new Godot4({ scene: SCENE, args: args("join") }));
  const results = (await Promise.all(
    games.map((game) => game.line((line) => "cpu" in line || "failed" in line)),
  )) as Result[];
  await Promise.all(games.map((game) => game.end()));
  const guests = results.slice(1);
  const mean = (of: (result: Result) => number): number =>
    guests.reduce((sum, one) => sum + of(one), 0) / guests.length;
  rows.push({
    kind,
    "host CPU %": round(100 * results[0]!.cpu),
    "guest CPU %": round(100 * mean(({ cpu }) => cpu)),
    "RTT p50 ms": round(mean(({ p50 }) => p50)),
    "RTT p95 ms": round(mean(({ p95 }) => p95)),
    "host received of sent": round(results[0]!.received / (guests.length * seconds * 60)),
    "addon in a frame, host, p50 us": results[0]!.frame_p50,
    "p99 us": results[0]!.frame_p99,
  });
}

const round = (value: number): number => Math.round(value * 100) / 100;
const rows: object[] = [];
importProject();
const stack = await openStack();
try {
  await play("enet", String(await freePort("udp")));
  await play("parley", stack.url);
} finally {
  await stack.close();
}
console.table(rows);
