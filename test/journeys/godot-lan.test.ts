/** Lobbies of a local network between Godot 4 games, without any hub, in the network namespaces of the NAT laboratory. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { isLabMissing } from "../lab/lab-namespaces.ts";
import { type Home, type Host, Lab } from "../lab/lab.ts";
import { Godot4, godot4IsMissing, importProject, type Line, on } from "../support/godot4.ts";

const SCENE = "res://test/journeys/lan.tscn";
/** Nothing listens there. */
const NO_HUB = "http://127.0.0.1:9";
const OK = 0;
let lab: Lab;
let home: Home;
let games: Godot4[] = [];

async function gameAt(host: Host): Promise<Godot4> {
  const one = new Godot4({ url: NO_HUB, scene: SCENE, within: on(lab, host) });
  games.push(one);
  await one.line((line) => line["event"] === "ready");
  return one;
}

/** A game on a machine of the home without a way to the internet. */
async function gameIn(net = home): Promise<Godot4> {
  const host = await lab.host({ net });
  await host.shell("ip route del default");
  return gameAt(host);
}

async function call(game: Godot4, method: string, ...args: unknown[]): Promise<Line> {
  const from = game.lines.length;
  game.tell({ lan: method, args });
  return game.line((line) => line["returned"] === method, { from, within_ms: 15_000 });
}

async function join(game: Godot4, name: string): Promise<Line> {
  const from = game.lines.length;
  game.tell({ lan_join: name });
  return game.line((line) => line["returned"] === "join", { from, within_ms: 15_000 });
}

type Listed = { name: string; address: string; members: number; joinable: boolean; data: object; source: string };
const lists = (game: Godot4, wanted: (lobbies: Listed[]) => boolean, from = 0): Promise<Line> =>
  game.line((line) => "lan_list" in line && wanted(line["lan_list"] as Listed[]), { from, within_ms: 15_000 });
const names = (lobbies: Listed[]): string => lobbies.map(({ name }) => name).join();

describe.skipIf(isLabMissing() || godot4IsMissing())("Godot 4 in one local network, without a hub", () => {
  beforeAll(async () => {
    importProject();
    lab = await Lab.open();
    home = await lab.home("port-restricted");
  });
  afterEach(async () => {
    const complaints = games.flatMap((one) => one.complaints);
    await Promise.all(games.map((one) => one.kill()));
    games = [];
    expect(complaints).toStrictEqual([]);
  });
  afterAll(() => lab?.close());

  test("a lobby is found, joined, played and left", async () => {
    const [host, guest] = [await gameIn(), await gameIn()];
    const stranger = await gameIn(await lab.home("port-restricted"));
    for (const one of [guest, stranger]) await call(one, "watch");
    expect(await call(host, "host", "Kitchen", 3, { data: { map: "forest" } })).toMatchObject({ is: OK, id: 1 });
    const found = await lists(guest, (all) => all.length === 1);
    expect(found["lan_list"]).toMatchObject([
      { name: "Kitchen", members: 1, seats: 3, joinable: true, data: { map: "forest" }, source: "lan" },
    ]);
    const joined = await join(guest, "Kitchen");
    expect(joined).toMatchObject({ is: OK, code: "", why: "" });
    const id = joined["id"] as number;
    await host.line((line) => line["event"] === "peer_connected" && line["id"] === id);
    guest.tell({ send: "reliable", to: 1, text: "to the host" });
    host.tell({ send: "unreliable", to: id, text: "to the guest" });
    await host.heard("to the host");
    await guest.heard("to the guest");
    await lists(guest, (all) => all[0]?.members === 2);
    await call(host, "leave");
    expect((await guest.signal("failed"))["args"]).toStrictEqual(["host_lost", "The host has left."]);
    await lists(guest, (all) => all.length === 0, guest.lines.length - 1);
    // Both can be used again, the other way round.
    await call(host, "watch");
    expect(await call(guest, "host", "Garden", 2)).toMatchObject({ is: OK });
    await lists(host, (all) => names(all) === "Garden");
    expect(await join(host, "Garden")).toMatchObject({ is: OK });
    expect(stranger.lines.filter((line) => (line["lan_list"] as Listed[] | undefined)?.length)).toStrictEqual([]);
  });

  test("another version, a full lobby, one in its game, and an address without one are refused", async () => {
    const [host, guest, third] = [await gameIn(), await gameIn(), await gameIn()];
    await call(host, "host", "Two", 2);
    const address = (
      (await lists((await call(guest, "watch"), guest), (all) => all.length === 1))["lan_list"] as Listed[]
    )[0]!.address;
    guest.tell({ set: "version", to: "2" });
    host.tell({ set: "version", to: "1" });
    expect(await call(guest, "join", address)).toMatchObject({ is: OK });
    await host.line((line) => line["event"] === "peer_connected");
    expect(await call(third, "join", address)).toMatchObject({ code: "lobby_full" });
    await call(guest, "leave");
    await host.line((line) => line["event"] === "peer_disconnected");
    await call(host, "start");
    expect(await call(third, "join", address)).toMatchObject({ code: "lobby_closed" });
    for (const wrong of ["not an address", "::1"])
      expect(await call(third, "join", wrong)).toMatchObject({ code: "bad_invitation" });
    expect(await call(third, "join", "192.168.77.77")).toMatchObject({ code: "timed_out" });
    await call(host, "leave");
    await call(host, "host", "One", 4);
    expect(await call(guest, "join", address)).toMatchObject({ code: "version_mismatch" });
    expect(await call(host, "host", "Twice", 4)).toMatchObject({ code: "already_in_lobby" });
    expect(await host.call("host", "Over the hub", 4)).toMatchObject({ code: "already_in_lobby" });
    await host.call("leave");
    expect(await call(host, "host", "Again", 4)).toMatchObject({ is: OK });
  });

  test("two guests that join the last seat at the same time: one gets it, and the lobby is full for the other", async () => {
    const [host, guests] = [await gameIn(), [await gameIn(), await gameIn()]];
    await call(host, "host", "Last", 2);
    for (const guest of guests) await lists((await call(guest, "watch"), guest), (all) => names(all) === "Last");
    const joined = await Promise.all(guests.map((guest) => join(guest, "Last")));
    expect(new Set(joined.map(({ code }) => code))).toStrictEqual(new Set(["", "lobby_full"]));
  });

  test("two windows on one machine, and what other programs send is ignored", async () => {
    const machine = await lab.host({ net: home });
    const [host, guest] = [await gameAt(machine), await gameAt(machine)];
    await call(host, "host", "Desk", 4);
    await call(guest, "watch");
    await lists(guest, (all) => names(all) === "Desk");
    const words = ["", "x", "parley-lan 1 find ", "parley-lan 1 lobby default {", "parley-lan 2 find default"];
    for (const word of words) await machine.shell(`bash -c 'echo -n "${word}" > /dev/udp/127.0.0.1/47877'`);
    await machine.shell(`bash -c 'head -c 60000 /dev/zero > /dev/udp/127.0.0.1/47877'`);
    expect(await join(guest, "Desk")).toMatchObject({ is: OK });
  });
});
