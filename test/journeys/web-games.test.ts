/**
 * Browser games as players get them, in real Chromium with a real hub: a project that Vite builds with the packed client, and
 * the demo game of the hub's site.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { build, preview } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isBrowserMissing } from "../support/browser.ts";
import { blocksOf, substitute } from "../support/doc-blocks.ts";
import { CLIENT, GamePages } from "../support/game-page.ts";
import { eventually, NATIVE, TestStack } from "../support/test-stack.ts";

const run = promisify(execFile);
const HUB = "http://127.0.0.1:8787";
const HOSTING = 'player.host({ name: "Nice", seats: 4 })';

let stack: TestStack;
let pages: GamePages;
let folder: string;

describe.skipIf(isBrowserMissing())("a browser game", { concurrent: true }, () => {
  beforeAll(async () => {
    stack = await TestStack.open({ settings: NATIVE });
    pages = await GamePages.open();
    folder = await mkdtemp(join(tmpdir(), "parley-game-"));
  });
  afterAll(async () => {
    await pages?.close();
    await stack?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  test("a new Vite project with the packed client builds, and two pages of it exchange a message", async () => {
    await writeFile(join(folder, "package.json"), '{ "type": "module", "private": true }');
    await writeFile(join(folder, "index.html"), '<script type="module" src="/main.js"></script>');
    await writeFile(join(folder, "main.js"), gameOfReadme());
    const packed = await run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: CLIENT });
    const archive = `./${packed.stdout.trim().split("\n").at(-1)}`;
    await run("npm", ["install", "--offline", "--no-audit", "--no-fund", archive], { cwd: folder });
    const project = { root: folder, configFile: false, logLevel: "error" } as const;
    await build(project);
    const server = await preview({ ...project, preview: { host: "127.0.0.1", port: 0 } });
    try {
      const [url] = server.resolvedUrls!.local;
      const ann = await pages.openPage(url!);
      await ann.waitForFunction("globalThis.seat !== undefined");
      const bob = await pages.openPage(`${url}#${await ann.evaluate<string>("seat.lobby.join.code")}`);
      for (const page of [ann, bob]) await page.waitForFunction("logged.length > 0");
      const [idOfAnn, idOfBob] = [await ann.evaluate("player.id"), await bob.evaluate("player.id")];
      expect(await bob.evaluate("logged")).toStrictEqual([[idOfAnn, 0, [1, 2, 3]]]);
      expect(await ann.evaluate("logged")).toStrictEqual([[idOfBob, 0, [1, 2, 3]]]);
    } finally {
      await server.close();
    }
  });

  test("two pages of the demo game see each other move, collect the star and continue without the host", async () => {
    const ann = await pages.openPage(`${stack.url}/play/`);
    await ann.getByText("Waiting for another player").waitFor();
    const bob = await pages.openPage(`${stack.url}/play/`);
    for (const page of [ann, bob]) await page.getByText("2 players").waitFor();

    await drag(ann, LEFT_TOP);
    await sees(bob, HOST_COLOR, LEFT_TOP);
    await ann.mouse.up();
    await ann.keyboard.down("ArrowUp");
    await sees(bob, HOST_COLOR, { x: LEFT_TOP.x, y: 0 });
    await ann.keyboard.up("ArrowUp");

    const star = await eventually(
      () => centreOf(bob, STAR_COLOR),
      (found) => found !== null,
    );
    await drag(bob, star!);
    await bob.getByText(/^you: [1-9]/).waitFor();
    await ann.getByText(/^player: [1-9]/).waitFor();

    await ann.close();
    await bob.getByText("Waiting for another player").waitFor();
    const list = await pages.openPage(stack.url);
    await list.getByRole("link", { name: "Stars" }).click();
    const opened = list.waitForEvent("popup");
    await list.getByRole("link", { name: "Play" }).click();
    await (await opened).getByText(/^player: [1-9]/).waitFor();
  });

  test.each([
    ["PeerJS", 0, "player"],
    ["netlib", 1, "player, broadcast"],
  ] as const)("two pages with the guide's code for users of %s exchange messages", async (library, at, globals) => {
    const block = blocksOf("docs/guides/migrate-from-peerjs.md", "js")[at]!;
    // A page of the tests has the client's exports as globals.
    const game = substitute(substitute(block, 'import { ParleyClient } from "@parley/client";', ""), HUB, stack.url);
    const run = `(async () => {
      globalThis.logged = [];
      console.log = (...words) => logged.push(words);
      ${game}
      Object.assign(globalThis, { ${globals} });
    })()`;
    const [ann, bob] = [await pages.newPage(), await pages.newPage()];
    await ann.evaluate(run);
    const [, code] = await ann.evaluate<[string, string]>("logged[0]");
    await bob.evaluate(`location.hash = ${JSON.stringify(code)}`);
    await bob.evaluate(run);
    for (const page of [ann, bob]) await page.waitForFunction("logged.length > 1");
    const [idOfAnn, idOfBob] = [await ann.evaluate("player.id"), await bob.evaluate("player.id")];
    expect(await ann.evaluate("logged[1]")).toStrictEqual([idOfBob, "welcome"]);
    expect(await bob.evaluate("logged")).toStrictEqual([
      ["share", code],
      [idOfAnn, "welcome"],
    ]);
    if (library !== "netlib") return;
    await bob.evaluate("broadcast('to all')");
    await ann.waitForFunction("logged.some(([, text]) => text === 'to all')");
  });

  test("a join_url opens pages and programs only, and never runs a script", async () => {
    const page = await pages.openPage(stack.url);
    const values = { code: "K7 P&X", id: "0-a/b" };
    const urls = await page.evaluate<(string | null)[]>(`import("/lobby/join-url.js").then(({ joinUrl }) =>
      ${JSON.stringify([...ALLOWED.keys(), ...HOSTILE])}.map((template) => joinUrl(template, ${JSON.stringify(values)})?.href ?? null))`);
    expect(urls).toStrictEqual([...ALLOWED.values(), ...HOSTILE.map(() => null)]);
    const missing = `import("/lobby/join-url.js").then(({ joinUrl }) => joinUrl("mygame://join/{code}", { id: "0-a" }))`;
    expect(await page.evaluate(missing)).toBeNull();
  });
});

/** Templates of lobbies and the addresses that they become. */
const ALLOWED = new Map([
  ["https://game.example/#{code}", "https://game.example/#K7%20P%26X"],
  ["http://game.example/?lobby={id}", "http://game.example/?lobby=0-a%2Fb"],
  ["mygame://join/{code}", "mygame://join/K7%20P%26X"],
  ["steam://run/480", "steam://run/480"],
]);
const HOSTILE = [
  "javascript://%0aalert(1)",
  "JavaScript://{code}%0aalert(1)",
  " javascript://x",
  "java\nscript://x",
  "\u0001javascript://x",
  "javascript:alert(1)",
  "data:text/html,{code}",
  "data://text/html,x",
  "vbscript://x",
  "file:///etc/passwd",
  "blob:https://game.example/x",
  "view-source://game.example",
  "{code}://game.example",
  "https://bank.example@game.example/{code}",
  "https://",
  "https://game.example/\u202e{code}",
  "//game.example/{code}",
  "/play/{code}",
  "",
  17,
  true,
  null,
];

type Point = { readonly x: number; readonly y: number };
/** Colors of the demo's host, whose seat is the first, and of the star. */
const [HOST_COLOR, STAR_COLOR] = [
  [0xe6, 0x57, 0x4c],
  [255, 255, 255],
];
const LEFT_TOP = { x: 40, y: 40 };

/** The centre of the canvas's pixels of this color, or null if there are none. */
const centreOf = (page: Page, color: readonly number[]): Promise<Point | null> =>
  page.evaluate(`(() => {
    const canvas = document.querySelector("canvas");
    const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let [x, y, count] = [0, 0, 0];
    for (let at = 0; at < data.length; at += 4) {
      if (${JSON.stringify(color)}.some((value, part) => data[at + part] !== value)) continue;
      x += (at / 4) % width;
      y += Math.floor(at / 4 / width);
      count++;
    }
    return count === 0 ? null : { x: x / count, y: y / count };
  })()`);

/** Waits until the disc of this color is near the point. At the edge of the canvas half of the disc is visible. */
const sees = (page: Page, color: readonly number[], { x, y }: Point): Promise<Point | null> =>
  eventually(
    () => centreOf(page, color),
    (found) => found !== null && Math.hypot(found.x - x, found.y - y) < 12,
  );

/** Holds the mouse at a point of the canvas, in its own pixels. */
async function drag(page: Page, { x, y }: Point): Promise<void> {
  const box = (await page.locator("canvas").boundingBox())!;
  const scale = box.width / 640;
  await page.mouse.move(box.x + x * scale, box.y + y * scale);
  await page.mouse.down();
}

/** The README's game. It hosts, or joins by the code after the address's `#`; `logged` gets what it logs. */
function gameOfReadme(): string {
  const [block] = blocksOf("clients/typescript/README.md", "js");
  const entering = `(location.hash === "" ? ${HOSTING} : player.join({ code: location.hash.slice(1) }))`;
  const game = substitute(substitute(block!, HUB, stack.url), HOSTING, entering);
  return `
    globalThis.logged = [];
    console.log = (id, channel, bytes) => logged.push([id, channel, [...bytes]]);
    ${game}
    Object.assign(globalThis, { player, seat });
  `;
}
