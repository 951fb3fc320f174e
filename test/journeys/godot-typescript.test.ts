/** A Godot 4 game and the TypeScript client in one lobby: sealed datagrams both ways, directly and over a relay. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Peer, ParleyClient } from "../../clients/typescript/src/index.ts";
import { Godot4, godot4IsMissing, importProject } from "../support/godot4.ts";
import { NATIVE, TestStack } from "../support/test-stack.ts";

let stack: TestStack;
let game: Godot4;
let bot: ParleyClient;

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const hears = (peer: Peer): Promise<string> =>
  new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Error("no datagram came")), 20_000);
    peer.once("datagram", (bytes) => {
      clearTimeout(timer);
      done(text(bytes));
    });
  });
/** Its lower four bits are neither ENet's 0 nor 15. */
const said = (words: string): Uint8Array => Buffer.from(`d ${words}`);

describe.skipIf(godot4IsMissing())("a Godot 4 game and a TypeScript program", () => {
  beforeAll(async () => {
    importProject();
    stack = await TestStack.open({ settings: NATIVE });
  });
  afterEach(async () => {
    await bot.close();
    await game.kill();
  });
  afterAll(() => stack?.close());

  test.for([
    ["direct", {}],
    ["relay", { relay_only: true }],
  ] as const)("the program joins the game's lobby: %s", async ([path, options]) => {
    game = new Godot4({ url: stack.url });
    const hosted = await game.call("host", "Nice", 8, options);
    bot = await ParleyClient.open({ url: stack.url });
    const seat = await bot.join({ code: hosted.join_code });
    const peer = await seat.connect(seat.lobby.host!, { relay: true });
    const joined = ((await game.signal("player_joined"))["args"] as number[])[0]!;
    await game.line((line) => line["signal"] === "path_changed" && (line["args"] as unknown[])[1] === path);
    await expect.poll(() => peer.path, { timeout: 10_000 }).toBe(path);
    peer.send(said("to the game"));
    await game.line((line) => line["datagram"] === "d to the game" && line["from"] === joined);
    const heard = hears(peer);
    game.tell({ datagram: "d to the program", to: joined });
    expect(await heard).toBe("d to the program");
    // The longest that fits, and nothing longer; and nothing that ENet would take for its own.
    const longest = hears(peer);
    game.tell({ datagram: "x".repeat(1_207), to: joined });
    await expect.poll(() => game.lines.filter((line) => "sent" in line).length).toBe(2);
    expect(await longest).toBe("x".repeat(1_207));
    for (const refused of ["x".repeat(1_208), "@enet", ""]) {
      const from = game.lines.length;
      game.tell({ datagram: refused, to: joined });
      expect(await game.line((line) => "sent" in line, { from })).toMatchObject({ sent: false });
    }
    expect(game.complaints).toStrictEqual([]);
  });

  test("the game joins the program's lobby, and opens a path", async () => {
    bot = await ParleyClient.open({ url: stack.url });
    const seat = await bot.host({ name: "Bot", seats: 4 });
    const met = new Promise<Peer>((done) => seat.once("peer", done));
    game = new Godot4({ url: stack.url });
    game.tell({ call: "join", args: [seat.lobby.join.code] });
    const peer = await met;
    await expect.poll(() => peer.path, { timeout: 10_000 }).toBe("direct");
    const answered = new Promise<void>((done) =>
      peer.on("datagram", (bytes) => {
        // What ENet says to nobody: a program reads over it.
        if (text(bytes).startsWith("d hello")) done();
      }),
    );
    await game.signal("path_changed");
    peer.send(said("ping"));
    await game.line((line) => line["datagram"] === "d ping");
    game.tell({ datagram: "d hello", to: 1 });
    await answered;
    const joined = await game.line((line) => line["returned"] === "join");
    expect(joined).toMatchObject({ is: 25, code: "no_path" });
    expect(game.complaints).toStrictEqual([]);
  });
});
