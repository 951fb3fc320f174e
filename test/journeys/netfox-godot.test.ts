/**
 * netfox games in real Godot 4, with Godot's own ENet, behind real routers: which handshakes they make before they are
 * connected. The scripts test/support/godot/{noray,netfox}.gd behave like netfox's addon and example.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Host } from "../lab/lab.ts";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { LabPlayers } from "../lab/lab-players.ts";
import type { NatKind } from "../lab/nat.ts";
import { fileBlock } from "../support/doc-blocks.ts";
import { on } from "../support/godot4.ts";
import { Godot4Project, hasGodot4 } from "../support/godot4-project.ts";

const WAY = { delay_ms: 20 };
const script = (name: string): string => readFileSync(join(import.meta.dirname, "../support/godot", name), "utf8");
const FILES = {
  "noray.gd": script("noray.gd"),
  "main.gd": script("netfox.gd"),
  "register_remote.gd": fileBlock("docs/guides/netfox.md", "gdscript", "register_remote.gd"),
};

let town: LabPlayers;
const games: Godot4Project[] = [];

function play(host: Host, ...args: string[]): Godot4Project {
  const server = town.stack.endpointOf("noray").address;
  const game = new Godot4Project(FILES, { Noray: "noray.gd" }, { within: on(town.lab, host), args: [server, ...args] });
  games.push(game);
  return game;
}

const hostBehind = async (kind: NatKind | "none"): Promise<Host> =>
  kind === "none" ? town.lab.host(WAY) : town.lab.host({ net: await town.lab.home(kind, WAY) });

const behind = (host: NatKind | "none", client: NatKind | "none"): Promise<[Host, Host]> =>
  Promise.all([hostBehind(host), hostBehind(client)]);

const parsed = async (game: Godot4Project, key: string): Promise<Record<string, unknown>> =>
  JSON.parse(await game.waitForLine(new RegExp(`^\\{.*"(${key}|failed)":`))) as Record<string, unknown>;

/** The client's handshakes until ENet connected it, once the host's ENet has reported it too. */
async function meet([hostAt, clientAt]: [Host, Host], ...how: string[]): Promise<unknown> {
  const host = play(hostAt, ...how);
  const { oid } = await parsed(host, "oid");
  const client = play(clientAt, String(oid), ...how);
  const { got, handshakes, at, ms } = await parsed(client, "got");
  if (process.env["PARLEY_TABLE"] !== undefined) console.log(hostAt.name, clientAt.name, handshakes, ms);
  await host.waitForLine(/"joined":/);
  expect([...host.errors, ...client.errors]).toStrictEqual([]);
  const server = town.stack.endpointOf("noray").address;
  return { got, handshakes, relayed: String(at).startsWith(`${server}:`) };
}

describe.skipIf(isLabMissing() || !hasGodot4)("netfox games in Godot 4", () => {
  beforeAll(async () => {
    town = await LabPlayers.open();
  });
  afterEach(async () => {
    await Promise.all(games.splice(0).map((game) => game.close()));
  });
  afterAll(() => town?.close());

  const direct = { got: "nat", handshakes: ["nat OK"], relayed: false };
  const relayedAtOnce = { got: "nat", handshakes: ["nat OK"], relayed: true };

  test("wait once for the punch of a client whose router is not known", async () => {
    const pair = await behind("port-restricted", "symmetric");
    const long = { got: "relay", handshakes: ["nat ERR_TIMEOUT", "relay OK"], relayed: true };
    expect(await meet(pair)).toStrictEqual(long);
    expect(await meet(pair)).toStrictEqual(relayedAtOnce);
  });

  test.for<[NatKind | "none", NatKind | "none", string, object]>([
    ["none", "none", "directly", direct],
    ["port-restricted", "port-restricted", "directly", direct],
    ["symmetric", "full-cone", "by the relay at once", relayedAtOnce],
  ])("behind %s and %s connect %s", async ([host, client, , expected]) => {
    expect(await meet(await behind(host, client))).toStrictEqual(expected);
  });

  test("that register at two ports never wait for a punch", async () => {
    expect(await meet(await behind("port-restricted", "symmetric"), "--twice")).toStrictEqual(relayedAtOnce);
  });
});
