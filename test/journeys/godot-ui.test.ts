/** The lobby browser scene, used by keys and by a gamepad, and the demo, played by bots: real games, a real hub. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Godot4, godot4IsMissing, importProject } from "../support/godot4.ts";
import { NATIVE, TestStack } from "../support/test-stack.ts";

type Shown = {
  finder: boolean;
  room: boolean;
  list: string[][];
  members: string[][];
  status: string;
  title: string;
  share: string;
  chat: string;
  open: string[];
  start: boolean[];
  applicants: number;
};

let stack: TestStack;
let games: Godot4[] = [];

async function player(name: string): Promise<Godot4> {
  const one = new Godot4({ url: stack.url, scene: "res://test/journeys/browser.tscn" });
  games.push(one);
  await one.line((line) => line["event"] === "ready");
  one.tell({ set: "player_name", to: name });
  one.tell({ begin: true });
  return one;
}

async function shown(game: Godot4): Promise<Shown> {
  const from = game.lines.length;
  game.tell({ show: true });
  return (await game.line((line) => "shown" in line, { from }))["shown"] as Shown;
}

const soon = (game: Godot4, what: (now: Shown) => unknown): ReturnType<typeof expect.poll> =>
  expect.poll(async () => what(await shown(game)), { timeout: 15_000, interval: 100 });

const sees = (game: Godot4, what: string): Promise<unknown> =>
  game.line((line) => line[what] === true, { within_ms: 15_000 });

async function create(game: Godot4, name: string, by = "key"): Promise<Shown> {
  game.tell({ press: "Create", by });
  game.tell({ type: "LobbyName", text: name });
  game.tell({ confirm: "CreateDialog" });
  expect(await game.line((line) => "open" in line)).toMatchObject({ open: true });
  await sees(game, "entered");
  return shown(game);
}

describe.skipIf(godot4IsMissing())("the lobby browser", { timeout: 90_000 }, () => {
  beforeAll(async () => {
    importProject();
    stack = await TestStack.open({ settings: NATIVE });
  });
  afterEach(async () => {
    const complaints = games.flatMap((one) => one.complaints);
    await Promise.all(games.map((one) => one.kill()));
    games = [];
    expect(complaints).toStrictEqual([]);
  });
  afterAll(() => stack?.close());

  test("create, list, join, chat, ready, start and leave", async () => {
    const [ann, bob] = [await player("Ann"), await player("Bob")];
    expect(await create(ann, "Forest run")).toMatchObject({ room: true, finder: false, title: "Forest run (1/8)" });
    await soon(bob, ({ list }) => list).toStrictEqual([["Forest run", "1/8", ""]]);
    bob.tell({ type: "Search", text: "desert" });
    await soon(bob, ({ list }) => list).toStrictEqual([]);
    bob.tell({ type: "Search", text: "FOREST" });
    bob.tell({ choose: "Forest", of: "List" });
    await bob.line((line) => "chosen" in line);
    bob.tell({ press: "Join", by: "pad" });
    await sees(bob, "entered");
    await soon(ann, ({ members }) => members.map(([name]) => name)).toStrictEqual(["Ann (host)", "Bob"]);
    await soon(bob, ({ members }) => members[0]![2]!.replace(/\d+/, "N")).toBe("direct, N ms");
    bob.tell({ type: "Say", text: "[b]hello[/b]", enter: true });
    await soon(ann, ({ chat }) => chat).toContain("Bob: [b]hello[/b]");
    expect((await shown(ann)).start).toStrictEqual([true, false]);
    bob.tell({ press: "Ready", by: "pad" });
    await soon(ann, ({ start, members }) => [start, members[1]![1]]).toStrictEqual([[true, true], "yes"]);
    ann.tell({ press: "Start" });
    await Promise.all([ann, bob].map((one) => sees(one, "started")));
    bob.tell({ press: "Leave", by: "pad" });
    await sees(bob, "left");
    await soon(ann, ({ members }) => members.length).toBe(1);
    expect(await shown(bob)).toMatchObject({ finder: true, room: false });
  });

  test("by code, with a password; a failure and a removal are shown", async () => {
    const [ann, bob] = [await player("Ann"), await player("Bob")];
    ann.tell({ type: "NewPassword", text: "sesame street" });
    ann.tell({ pick: 1, of: "Visibility" });
    const { share } = await create(ann, "Secret", "pad");
    expect(share).toMatch(/^\w{6}$/);
    bob.tell({ type: "Code", text: "ZZZZZZ" });
    bob.tell({ press: "JoinCode" });
    await soon(bob, ({ status }) => status.length > 10 && status !== "One moment ...").toBe(true);
    bob.tell({ type: "Code", text: share });
    bob.tell({ press: "JoinCode" });
    await soon(bob, ({ open }) => open).toStrictEqual(["PasswordDialog"]);
    bob.tell({ type: "Password", text: "sesame street" });
    bob.tell({ confirm: "PasswordDialog" });
    await sees(bob, "entered");
    await soon(bob, ({ members }) => members[0]?.[2]).toMatch(/^direct/);
    ann.tell({ choose: "Bob", of: "Members" });
    await ann.line((line) => "chosen" in line);
    ann.tell({ press: "Kick" });
    await sees(bob, "left");
    await soon(bob, ({ status }) => status).toContain("removed you");
  });

  test("the host admits an applicant", async () => {
    const [ann, bob] = [await player("Ann"), await player("Bob")];
    ann.tell({ check: "Approval" });
    const { share } = await create(ann, "By invitation");
    bob.tell({ type: "Code", text: share });
    bob.tell({ press: "JoinCode" });
    await soon(ann, ({ applicants }) => applicants).toBe(1);
    ann.tell({ admit: true });
    expect(await ann.line((line) => "applicant" in line)).toMatchObject({ applicant: "Bob wants to join" });
    await sees(bob, "entered");
    await soon(ann, ({ applicants, members }) => [applicants, members.length]).toStrictEqual([0, 2]);
  });

  test("a player that is removed while it joins sees the list again, and why", async () => {
    const [ann, bob] = [await player("Ann"), await player("Bob")];
    const { share } = await create(ann, "Closed");
    bob.tell({ type: "Code", text: share });
    bob.tell({ press: "JoinCode" });
    const [id] = (await ann.signal("player_joined"))["args"] as number[];
    ann.tell({ call: "kick", args: [id] });
    await soon(bob, ({ finder, status }) => [finder, status]).toStrictEqual([
      true,
      "The host has removed you from the lobby.",
    ]);
  });

  test("a gamepad reaches every control of the list", async () => {
    const ann = await player("Ann");
    const seen = new Set<string>();
    for (let moves = 0; moves < 10; moves++) {
      const from = ann.lines.length;
      ann.tell({ move: "ui_focus_next" });
      seen.add((await ann.line((line) => "focus" in line, { from }))["focus"] as string);
    }
    expect([...seen]).toEqual(
      expect.arrayContaining(["PlayerName", "Code", "JoinCode", "Search", "WithRoom", "List", "Create"]),
    );
    const from = ann.lines.length;
    ann.tell({ move: "ui_up" });
    expect((await ann.line((line) => "focus" in line, { from }))["focus"]).not.toBe("");
  });

  test("a lobby of the local network is listed beside the others", async () => {
    const [ann, bob] = [await player("Ann"), await player("Bob")];
    ann.tell({ pick: 2, of: "Visibility" });
    await create(ann, "Desk");
    await soon(ann, ({ title }) => title).toBe("Desk (1/8)");
    await soon(bob, ({ list }) => list.map(([name]) => name)).toContain("Desk");
    bob.tell({ choose: "Desk", of: "List" });
    await bob.line((line) => "chosen" in line);
    bob.tell({ press: "Join" });
    await sees(bob, "entered");
    await soon(ann, ({ members }) => members.length).toBe(2);
    ann.tell({ press: "Start" });
    for (const one of [ann, bob]) await sees(one, "started");
  });
});

describe.skipIf(godot4IsMissing())("the demo", { timeout: 120_000 }, () => {
  const scene = "res://demo/main.tscn";
  const bots: Godot4[] = [];
  const hits = (bot: Godot4): number => Math.max(0, ...bot.lines.map((line) => Number(line["hits"] ?? 0)));

  beforeAll(async () => {
    importProject();
    stack = await TestStack.open({ settings: NATIVE });
  });
  afterAll(async () => {
    await Promise.all(bots.map((bot) => bot.kill()));
    await stack?.close();
  });

  test("three bots move, shoot and count alike, and go on when the host quits", async () => {
    const bot = (...args: string[]): Godot4 => {
      const one = new Godot4({ scene, args: ["--bot", "--url", stack.url, ...args] });
      bots.push(one);
      return one;
    };
    const host = bot("--seconds", "20");
    const { code } = await host.line((line) => "code" in line);
    const [ann, bob] = [bot("+join", code as string), bot("+join", code as string)];
    for (const one of [host, ann, bob])
      await one.line((line) => line["ships"] === 3 && (line["hits"] as number) > 0, { within_ms: 30_000 });
    expect(await host.ended).toBe(0);
    const before = hits(host);
    for (const one of [ann, bob]) expect(hits(one)).toBeGreaterThan(0);
    const next = await Promise.race(
      [ann, bob].map(async (one) => {
        await one.line((line) => line["host"] === true && line["ships"] === 2, { within_ms: 30_000 });
        return one;
      }),
    );
    const other = next === ann ? bob : ann;
    for (const one of [next, other]) {
      const from = one.lines.length;
      await one.line((line) => line["ships"] === 2 && (line["hits"] as number) > before / 2, {
        from,
        within_ms: 30_000,
      });
    }
    expect([...host.complaints, ...ann.complaints, ...bob.complaints]).toStrictEqual([]);
  });
});
