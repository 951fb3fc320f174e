/** Two Godot 4 games play at 60 Hz, and something breaks: what goes on, and the longest time without a state. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { LabPlayers } from "../lab/lab-players.ts";
import type { Home, Host } from "../lab/lab.ts";
import { Godot4, godot4IsMissing, importProject, on } from "../support/godot4.ts";

const WAY = { delay_ms: 20 };
/** A state comes again within this, however busy the machine is; PARLEY_TABLE=1 shows how long it took. */
const MOST_MS = 5_000;

let lab: LabPlayers;
let homes: readonly [Home, Home];
let hosts: readonly [Host, Host];
let games: [Godot4, Godot4];
let id: number;
/** Of the second sidecar. */
let second: Host;

async function begin(kind: "port-restricted" | "symmetric"): Promise<void> {
  homes = [await lab.lab.home(kind, WAY), await lab.lab.home(kind, WAY)];
  hosts = [await lab.lab.host({ net: homes[0] }), await lab.lab.host({ net: homes[1] })];
  games = [at(hosts[0]), at(hosts[1])];
  const hosted = await games[0].call("host", "Nice", 4);
  const joined = await games[1].call("join", hosted.join_code);
  expect([hosted.why, joined.why]).toStrictEqual(["", ""]);
  id = joined.id;
  await games[0].line((line) => line["event"] === "peer_connected");
}

const at = (host: Host): Godot4 => new Godot4({ url: lab.stack.url, within: on(lab.lab, host) });

/** Both have this path, after what they printed before `from`. */
const both = (path: string, from: readonly number[] = [0, 0]): Promise<unknown> =>
  Promise.all(
    games.map((game, which) =>
      game.line((line) => line["signal"] === "path_changed" && (line["args"] as unknown[])[1] === path, {
        from: from[which]!,
      }),
    ),
  );

const now = (): number[] => games.map(({ lines }) => lines.length);

/** Plays while `breaks` happens, and for so long after it; the longest silence, and that nothing reliable was lost. */
async function play(what: string, breaks: () => Promise<unknown>, ms = 4_000): Promise<void> {
  const from = now();
  for (const game of games) game.tell({ play: { hz: 60, bytes: 60, ms: 600_000 } });
  await Promise.all(games.map((game, which) => game.line((line) => line["playing"] === true, { from: from[which]! })));
  await breaks();
  await new Promise((done) => setTimeout(done, ms));
  for (const game of games) game.tell({ stop: true });
  const played = await Promise.all(
    games.map((game, which) => game.line((line) => "played" in line, { from: from[which]! })),
  );
  const seen = played.map((line) => Object.values(line["played"] as Record<string, Record<string, number>>)[0]!);
  const silence = Math.max(...seen.map((one) => one["silence"]!));
  if (process.env["PARLEY_TABLE"] !== undefined) console.log(what, silence, "ms");
  expect(seen.map(({ lost }) => lost)).toStrictEqual([0, 0]);
  expect(silence).toBeLessThan(MOST_MS);
  expect(games.flatMap(({ lines }) => lines.filter((line) => line["event"] === "peer_disconnected"))).toStrictEqual([]);
  expect(games.flatMap(({ complaints }) => complaints)).toStrictEqual([]);
}

describe.skipIf(isLabMissing() || godot4IsMissing())("two Godot 4 games that play", () => {
  beforeAll(() => importProject());
  beforeEach(async () => {
    lab = await LabPlayers.open();
    second = await lab.lab.host();
    await lab.stack.addSidecar(second);
  });
  afterEach(async () => {
    await Promise.all(games.map((game) => game.kill()));
    await lab.close();
  });
  afterAll(() => {});

  test("a blocked direct path gives way to a relay, and comes back once it is free", async () => {
    await begin("port-restricted");
    await both("direct");
    const from = now();
    await play("a blocked path", async () => {
      await lab.lab.block(homes[0], homes[1].address);
      await both("relay", from);
    });
    const then = now();
    await play("the way back", async () => {
      await lab.lab.unblock(homes[0]);
      await both("direct", then);
    });
  });

  test.for([0, 1] as const)("another address of player %i: they are direct again", async (which) => {
    await begin("port-restricted");
    await both("direct");
    await play(
      "another address",
      async () => {
        const { prefix } = homes[which];
        await hosts[which].shell(
          `ip addr del ${hosts[which].address}/24 dev eth0`,
          `ip addr add ${prefix}.99/24 dev eth0`,
          `ip route replace default via ${prefix}.1`,
        );
      },
      8_000,
    );
    await expect.poll(async () => (await infoOf())["path"], { timeout: 30_000 }).toBe("direct");
  });

  test("a relayed pair whose sidecar is killed goes on over another one", async () => {
    await begin("symmetric");
    await both("relay");
    const relay = (await infoOf())["endpoint"]!.split(" ")[0];
    await play(
      "the relay's sidecar killed",
      () => (relay === second.address ? second.shell("ip link set eth0 down") : lab.stack.kill("sidecar")),
      10_000,
    );
    const { path, endpoint } = await infoOf();
    expect(path).toBe("relay");
    expect(endpoint!.split(" ")[0]).not.toBe(relay);
  });

  test("a killed hub is not noticed", async () => {
    await begin("port-restricted");
    await both("direct");
    await play("the hub killed", async () => {
      await lab.stack.kill("hub");
      await lab.stack.startHub();
    });
    expect(await games[0].call("chat", "still here")).toMatchObject({ is: 0 });
    await games[1].line((line) => line["signal"] === "chat_received");
  });
});

/** How the host is connected to its guest. */
async function infoOf(): Promise<Record<string, string>> {
  const look = (await games[0].look())["look"] as { id: number; info: Record<string, string> }[];
  return look.find((one) => one.id === id)!.info;
}
