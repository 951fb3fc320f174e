/** Two Godot 4 games, a real hub and a real sidecar on one machine. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Godot4, godot4IsMissing, importProject, type Returned } from "../support/godot4.ts";
import { eventually, NATIVE, TestStack } from "../support/test-stack.ts";

let stack: TestStack;
let games: Godot4[] = [];

async function game(): Promise<Godot4> {
  const one = new Godot4({ url: stack.url });
  games.push(one);
  await one.line((line) => line["event"] === "ready");
  return one;
}

describe.skipIf(godot4IsMissing())("Godot 4 on one machine", () => {
  beforeAll(async () => {
    importProject();
    stack = await TestStack.open({ settings: NATIVE });
  });
  afterEach(async () => {
    await Promise.all(games.map((one) => one.kill()));
    games = [];
  });
  afterAll(() => stack?.close());

  test("a host and a guest connect, and call each other by every transfer mode", async () => {
    const [host, guest] = [await game(), await game()];
    const hosted = await host.call("host", "Nice", 8);
    expect([hosted.is, hosted.why, hosted.id]).toStrictEqual([0, "", 1]);
    // The host has shown its session ticket to the sidecar.
    const listed = async (): Promise<string> =>
      (await fetch(`${stack.url}/v1/games/default/lobbies?reachability=udp`)).text();
    await eventually(listed, (list) => list.includes('"name":"Nice"'));
    const joined = await guest.call("join", hosted.join_code);
    expect([joined.is, joined.why]).toStrictEqual([0, ""]);
    await host.line((line) => line["event"] === "peer_connected" && line["id"] === joined.id);
    await guest.line((line) => line["event"] === "connected_to_server");
    for (const [mode, channel] of [
      ["reliable", 0],
      ["unreliable", 0],
      ["unreliable_ordered", 0],
      ["reliable", 2],
    ] as const) {
      const name = channel === 2 ? `${mode}_2` : mode;
      guest.tell({ send: mode, to: 1, text: `to the host ${name}`, channel });
      host.tell({ send: mode, to: joined.id, text: `to the guest ${name}`, channel });
      expect((await host.heard(`to the host ${name}`))["mode"]).toBe(name);
      expect((await guest.heard(`to the guest ${name}`))["mode"]).toBe(name);
    }
    await guest.line((line) => line["signal"] === "path_changed" && (line["args"] as unknown[])[1] === "direct");
    expect(host.complaints).toStrictEqual([]);
    expect(guest.complaints).toStrictEqual([]);
    expect([await host.end(), await guest.end()]).toStrictEqual([0, 0]);
  });

  test("in a mesh everybody is connected to everybody, and stays so when the host goes", async () => {
    const [host, ...guests] = [await game(), await game(), await game()];
    const hosted = await host.call("host", "Mesh", 8, { mesh: true });
    expect(hosted.why).toBe("");
    const joined: Returned[] = [];
    for (const guest of guests) joined.push(await guest.call("join", hosted.join_code));
    expect(joined.map(({ why }) => why)).toStrictEqual(["", ""]);
    const ids = [hosted.id, ...joined.map(({ id }) => id)];
    expect(ids).not.toContain(1);
    for (const [at, one] of [host, ...guests].entries())
      for (const id of ids.filter((_, other) => other !== at))
        await one.line((line) => line["event"] === "peer_connected" && line["id"] === id);
    const [a, b] = guests;
    a.tell({ send: "reliable", to: ids[2], text: "from guest to guest" });
    expect(await b.heard("from guest to guest")).toMatchObject({ from: ids[1] });
    await host.end();
    await Promise.all(guests.map((guest) => guest.signal("host_changed")));
    for (const guest of guests)
      await guest.line((line) => line["event"] === "peer_disconnected" && line["id"] === ids[0]);
    a.tell({ send: "reliable", to: ids[2], text: "still here" });
    await b.heard("still here");
    const lost = guests.flatMap((guest) => guest.lines.filter((line) => line["event"] === "peer_disconnected"));
    expect(lost.map((line) => line["id"])).toStrictEqual([ids[0], ids[0]]);
    expect([...host.complaints, ...a.complaints, ...b.complaints]).toStrictEqual([]);
  });

  test("a star goes on under a new host: everybody is connected again, and ids stay", async () => {
    const [host, ...guests] = [await game(), await game(), await game()];
    const hosted = await host.call("host", "Star", 8);
    const joined: Returned[] = [];
    for (const guest of guests) joined.push(await guest.call("join", hosted.join_code));
    const [a, b] = guests;
    await b.line((line) => line["event"] === "peer_connected" && line["id"] === joined[0]!.id);
    const from = [a.lines.length, b.lines.length];
    await host.end();
    // The first in order of arrival hosts.
    await a.signal("host_changed", from[0]);
    await b.signal("host_changed", from[1]);
    await b.line((line) => line["event"] === "peer_connected" && line["id"] === 1, { from: from[1]! });
    await a.line((line) => line["event"] === "peer_connected" && line["id"] === joined[1]!.id, { from: from[0]! });
    expect([(await a.look())["id"], (await b.look())["id"]]).toStrictEqual([1, joined[1]!.id]);
    b.tell({ send: "reliable", to: 1, text: "to the new host" });
    expect(await a.heard("to the new host")).toMatchObject({ from: joined[1]!.id });
    a.tell({ send: "unreliable", to: 0, text: "from the new host" });
    expect(await b.heard("from the new host")).toMatchObject({ from: 1 });
    expect(b.lines.filter((line) => line["event"] === "server_disconnected")).toStrictEqual([]);
    expect([...a.complaints, ...b.complaints]).toStrictEqual([]);
  });
});
