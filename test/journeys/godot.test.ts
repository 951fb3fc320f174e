/** Two Godot 4 games, a real hub and a real sidecar on one machine. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Godot4, godot4IsMissing, importProject } from "../support/godot4.ts";
import { TestStack } from "../support/test-stack.ts";

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
    stack = await TestStack.open({ settings: { PARLEY_PORTS: "PORT=native", PARLEY_ADDRESSES: "127.0.0.1" } });
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
    const joined = await guest.call("join", hosted.join_code);
    expect([joined.is, joined.why]).toStrictEqual([0, ""]);
    await host.line((line) => line["event"] === "peer_connected" && line["id"] === joined.id);
    await guest.line((line) => line["event"] === "connected_to_server");
    console.log(hosted.ms, joined.ms);
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
    console.log(JSON.stringify(await guest.look()));
    expect(host.complaints).toStrictEqual([]);
    expect(guest.complaints).toStrictEqual([]);
    expect([await host.end(), await guest.end()]).toStrictEqual([0, 0]);
  });
});
