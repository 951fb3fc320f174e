/** Two Godot 4 games whose home networks let UDP through over IPv6 alone, and another privacy address in mid-game. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Host } from "../lab/lab.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { LabPlayers } from "../lab/lab-players.ts";
import { Godot4, godot4IsMissing, importProject, on } from "../support/godot4.ts";

/** UDP over IPv6 alone, and only from endpoints that the host has sent to. */
const HOME_FIREWALL = [
  "add table inet home",
  "add chain inet home input { type filter hook input priority 0; }",
  "add rule inet home input meta l4proto udp ct state established accept",
  "add rule inet home input ip saddr 20.0.0.0/24 meta l4proto udp drop",
  "add rule inet home input meta nfproto ipv6 meta l4proto udp drop",
  "add chain inet home output { type filter hook output priority 0; }",
  "add rule inet home output ip daddr 20.0.0.0/24 meta l4proto udp drop",
];

let town: LabPlayers;
let games: Godot4[] = [];

async function startGame(): Promise<{ game: Godot4; host: Host }> {
  const host = await town.lab.host({ delay_ms: 20 });
  await town.lab.addIPv6(host);
  await host.shell(...HOME_FIREWALL.map((rule) => `nft '${rule}'`));
  const game = new Godot4({ url: town.stack.url, within: on(town.lab, host) });
  games.push(game);
  await game.line((line) => line["event"] === "ready");
  return { game, host };
}

/** How the game is connected to the other one. */
async function infoOf(game: Godot4): Promise<Record<string, string>> {
  const players = (await game.look())["look"] as { local: boolean; info: Record<string, string> }[];
  return players.find(({ local }) => !local)!.info;
}

describe.skipIf(isLabMissing() || godot4IsMissing())("Godot 4 over IPv6", () => {
  beforeAll(async () => {
    importProject();
    town = await LabPlayers.open();
    const { lab, server, stack } = town;
    const addresses = [await lab.addAddress(server), await lab.addIPv6(server)];
    await stack.addSidecar(server, { address: addresses.join(), status: "127.0.0.1:9465" });
  });
  afterEach(async () => {
    await Promise.all(games.map((game) => game.kill()));
    games = [];
  });
  afterAll(() => town?.close());

  test("two games connect directly, and stay connected when one of them gets another privacy address", async () => {
    const [one, two] = [await startGame(), await startGame()];
    const hosted = await one.game.call("host", "Six", 4);
    const joined = await two.game.call("join", hosted.join_code);
    expect([hosted.why, joined.why]).toStrictEqual(["", ""]);
    for (const { game } of [one, two]) {
      await game.line((line) => line["signal"] === "path_changed" && (line["args"] as unknown[])[1] === "direct");
      expect((await infoOf(game))["endpoint"]).toMatch(/^2a00:20:[\da-f:]+ \d+$/);
    }
    await town.lab.addIPv6(two.host);
    two.game.tell({ send: "reliable", to: 1, text: "from another address" });
    await one.game.heard("from another address");
    one.game.tell({ send: "reliable", to: joined.id, text: "to another address" });
    await two.game.heard("to another address");
    const all = [one.game, two.game];
    expect(all.flatMap(({ lines }) => lines.filter((line) => line["event"] === "peer_disconnected"))).toStrictEqual([]);
    expect(all.flatMap(({ complaints }) => complaints)).toStrictEqual([]);
  });
});
