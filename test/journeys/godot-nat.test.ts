/** Godot 4 games behind real routers, with a real hub and two real sidecars. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Host, Net } from "../lab/lab.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { HUB_PORT } from "../lab/sidecar.ts";
import { LabPlayers } from "../lab/lab-players.ts";
import { Godot4, godot4IsMissing, importProject, on } from "../support/godot4.ts";

/** A joiner is connected by then, also on a busy machine. */
const MOST_MS = 8_000;
const WAY = { delay_ms: 20 };
let town: LabPlayers;
let games: Godot4[] = [];

async function gameAt(host: Host): Promise<Godot4> {
  const one = new Godot4({ url: town.stack.url, within: on(town.lab, host) });
  games.push(one);
  await one.line((line) => line["event"] === "ready");
  return one;
}

const gameIn = async (net?: Net): Promise<Godot4> => gameAt(await town.lab.host(net === undefined ? WAY : { net }));

/** The path that the guest has with the host, once it is that one. */
const reaches = (game: Godot4, path: string, within_ms = 15_000): Promise<unknown> =>
  game.line((line) => line["signal"] === "path_changed" && (line["args"] as unknown[])[1] === path, { within_ms });

describe.skipIf(isLabMissing() || godot4IsMissing())("Godot 4 through routers", () => {
  beforeAll(async () => {
    importProject();
    town = await LabPlayers.open();
    await town.stack.addSidecar(await town.lab.host());
  });
  afterEach(async () => {
    await Promise.all(games.map((one) => one.kill()));
    games = [];
  });
  afterAll(() => town?.close());

  test.for([
    ["port-restricted", "port-restricted", "direct"],
    ["port-restricted", "symmetric", "direct"],
    ["symmetric", "port-restricted", "direct"],
    ["port-restricted", "sequential", "direct"],
    ["symmetric", "symmetric", "relay"],
    ["sequential", "full-cone", "direct"],
    ["port-restricted", "blocked", "tunnel"],
    ["blocked", "port-restricted", "tunnel"],
  ] as const)("a %s host and a %s guest: %s", async ([hosting, joining, path]) => {
    const host = await gameIn(await town.lab.home(hosting, WAY));
    const guest = await gameIn(await town.lab.home(joining, WAY));
    const hosted = await host.call("host", "Nice", 8);
    expect(hosted.why).toBe("");
    const joined = await guest.call("join", hosted.join_code);
    expect(joined.why).toBe("");
    expect(joined.ms).toBeLessThan(MOST_MS);
    guest.tell({ send: "reliable", to: 1, text: "hello" });
    await host.heard("hello");
    await reaches(path === "tunnel" && hosting === "blocked" ? host : guest, path);
    if (process.env["PARLEY_TABLE"] !== undefined) {
      const look = (await guest.look())["look"] as { info: Record<string, unknown> }[];
      console.log(hosting, joining, `joined in ${joined.ms} ms`, look[0]!.info["nat_pair"]);
    }
    expect([...host.complaints, ...guest.complaints]).toStrictEqual([]);
  });

  test("UDP blocked and the tunnel refused: a bounded await with a sentence, and then the session works", async () => {
    const host = await gameIn(await town.lab.home("port-restricted", WAY));
    const cut = await town.lab.host({ net: await town.lab.home("port-restricted", WAY) });
    const hosted = await host.call("host", "Nice", 8);
    await cut.shell(
      "nft add table ip cut",
      "nft 'add chain ip cut out { type filter hook output priority 0; }'",
      "nft add rule ip cut out meta l4proto udp ip daddr != 127.0.0.1 drop",
      `nft add rule ip cut out tcp dport != ${HUB_PORT} drop`,
    );
    const guest = await gameAt(cut);
    const refused = await guest.call("join", hosted.join_code);
    expect(refused).toMatchObject({ is: 25, code: "no_path" });
    expect(refused.why.length).toBeGreaterThan(20);
    expect(refused.ms).toBeLessThan(30_000);
    expect((await guest.call("diagnose")).is).toContain("UDP does not get out");
    await cut.shell("nft delete table ip cut");
    expect(await guest.call("join", hosted.join_code)).toMatchObject({ is: 0, why: "" });
    expect((await guest.call("diagnose")).is).toContain("UDP gets out");
    expect([...host.complaints, ...guest.complaints]).toStrictEqual([]);
  });

  test("eight players of mixed routers play at 60 Hz while sidecar, hub and one address change: no reliable call is lost", async () => {
    const home = await town.lab.home("port-restricted", WAY);
    const host = await gameIn(home);
    const moving = await town.lab.host({ net: await town.lab.home("port-restricted", WAY) });
    const guests = [
      await gameIn(),
      await gameAt(moving),
      await gameIn(await town.lab.home("symmetric", WAY)),
      await gameIn(await town.lab.home("sequential", WAY)),
      await gameIn(home),
      await gameIn(await town.lab.home("blocked", WAY)),
      await gameIn(await town.lab.home("port-restricted", WAY)),
    ];
    const hosted = await host.call("host", "Party", 8);
    const joined = await Promise.all(guests.map((guest) => guest.call("join", hosted.join_code)));
    expect(joined.map(({ why }) => why)).toStrictEqual(guests.map(() => ""));
    if (process.env["PARLEY_TABLE"] !== undefined) console.log("joined in", joined.map(({ ms }) => ms).join());
    // Everybody is announced to everybody.
    const all = [host, ...guests];
    const ids = [1, ...joined.map(({ id }) => id)];
    for (const [at, one] of all.entries())
      for (const id of ids.filter((_, other) => other !== at))
        await one.line((line) => line["event"] === "peer_connected" && line["id"] === id);
    const ms = Number(process.env["PARLEY_PLAY_MS"] ?? 25_000);
    for (const one of all) one.tell({ play: { hz: 60, bytes: 60, ms, tail: 30_000 } });
    await town.stack.kill("sidecar");
    await town.stack.kill("hub");
    await town.stack.startHub();
    await moving.shell(
      `ip addr del ${moving.address}/24 dev eth0`,
      `ip addr add ${moving.address.replace(/\d+$/, "99")}/24 dev eth0`,
      `ip route replace default via ${moving.address.replace(/\d+$/, "1")}`,
    );
    const played = await Promise.all(
      all.map((one) => one.line((line) => "played" in line, { within_ms: ms + 60_000 })),
    );
    const seen = played.flatMap(({ played }) => Object.values(played as Record<string, Record<string, number>>));
    if (process.env["PARLEY_TABLE"] !== undefined) console.table(seen);
    expect(seen).toHaveLength(7 + 7);
    expect(seen.filter(({ lost }) => lost !== 0)).toStrictEqual([]);
    // A busy machine lets one game send less than another, so each is compared with what its sender sent.
    const sentBy = new Map(ids.map((id, at) => [String(id), Number(played[at]!["sent"])]));
    const rows = played.flatMap(({ played: from }) => Object.entries(from as Record<string, Record<string, number>>));
    expect(rows.filter(([id, { events }]) => events! < Math.floor(sentBy.get(id)! / 6) - 3)).toStrictEqual([]);
    const left = all.flatMap((one) => one.lines.filter((line) => line["event"] === "peer_disconnected"));
    expect(left).toStrictEqual([]);
    expect(all.flatMap((one) => one.complaints)).toStrictEqual([]);
  });
});
