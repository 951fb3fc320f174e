/** Browser games as players get them: a project that Vite builds with the packed client, with a real hub in real Chromium. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build, preview } from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { isBrowserMissing } from "../support/browser.ts";
import { blocksOf, substitute } from "../support/doc-blocks.ts";
import { CLIENT, GamePages } from "../support/game-page.ts";
import { TestStack } from "../support/test-stack.ts";

const run = promisify(execFile);
const HOSTING = 'player.host({ name: "Nice", seats: 4 })';

let stack: TestStack;
let pages: GamePages;
let folder: string;

describe.skipIf(isBrowserMissing())("a browser game", () => {
  beforeAll(async () => {
    stack = await TestStack.open({ settings: { PARLEY_PORTS: "PORT=native", PARLEY_ADDRESSES: "127.0.0.1" } });
    pages = await GamePages.open();
    folder = await mkdtemp(join(tmpdir(), "parley-game-"));
  });
  afterEach(() => pages?.closePages());
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
});

/** The README's game. It hosts, or joins by the code after the address's `#`; `logged` gets what it logs. */
function gameOfReadme(): string {
  const [block] = blocksOf("clients/typescript/README.md", "js");
  const entering = `(location.hash === "" ? ${HOSTING} : player.join({ code: location.hash.slice(1) }))`;
  const game = substitute(substitute(block!, "http://127.0.0.1:8787", stack.url), HOSTING, entering);
  return `
    globalThis.logged = [];
    console.log = (id, channel, bytes) => logged.push([id, channel, [...bytes]]);
    ${game}
    Object.assign(globalThis, { player, seat });
  `;
}
