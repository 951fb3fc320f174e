/** Two hundred times host, join and leave in one Godot 4 process: nothing is left behind. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Godot4, godot4IsMissing, importProject } from "../support/godot4.ts";
import { NATIVE, TestStack } from "../support/test-stack.ts";

const CYCLES = 200;
let stack: TestStack;

describe.skipIf(godot4IsMissing())("a Godot 4 game that comes and goes", () => {
  beforeAll(async () => {
    importProject();
    // The default budgets are for players, who make lobbies more rarely.
    stack = await TestStack.open({ settings: NATIVE, hub: { RATE_LIMITS: "off" } });
  });
  afterAll(() => stack?.close());

  test("objects, sockets and orphan nodes are as many after 200 cycles as after 20", { timeout: 560_000 }, async () => {
    const game = new Godot4({ scene: "res://test/journeys/cycles.tscn", args: [stack.url, String(CYCLES)] });
    const done = await game.line((line) => "done" in line, { within_ms: 500_000 });
    expect(game.lines.filter((line) => "failed" in line)).toStrictEqual([]);
    expect(done["done"]).toBe(0);
    expect(await game.end()).toBe(0);
    const seen = game.lines.filter((line) => "objects" in line);
    if (process.env["PARLEY_TABLE"] !== undefined) console.table(seen);
    const [early, late] = [seen[1]!, seen.at(-1)!];
    expect(late["orphans"]).toBe(0);
    // An HTTP connection more or less is no leak; one object in each cycle would be 180.
    expect(Number(late["objects"]) - Number(early["objects"])).toBeLessThan(5);
    expect(Number(late["sockets"]) - Number(early["sockets"])).toBeLessThan(5);
    expect(game.complaints).toStrictEqual([]);
  });

  test.for(["host", "diagnose"])("a game that ends while it waits for %s leaves nothing behind", async (method) => {
    // Accepts connections and never answers.
    const silent = createServer(() => asked()).listen(0, "127.0.0.1");
    let asked = (): void => {};
    const isAsked = new Promise<void>((done) => (asked = done));
    await once(silent, "listening");
    onTestFinished(() => void silent.close());
    const game = new Godot4({ url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` });
    game.tell({ call: method, args: method === "host" ? ["Nice"] : [] });
    await isAsked;
    expect(await game.end()).toBe(0);
    expect(game.complaints).toStrictEqual([]);
  });
});
