/**
 * The packed client as a game gets it: by a bundler, by a plain module script, and in Node with and without the optional
 * package. The page and the bot are those of the guides.
 */
import { execFile, spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { promisify } from "node:util";
import { build } from "esbuild";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isBrowserMissing } from "../support/browser.ts";
import { blocksOf, fileBlock, ROOT, substitute } from "../support/doc-blocks.ts";
import { CLIENT, GamePages } from "../support/game-page.ts";
import { NATIVE, TestStack } from "../support/test-stack.ts";
import { isWebrtcMissing } from "../support/webrtc.ts";

const run = promisify(execFile);
const HUB = "http://127.0.0.1:8787";

let stack: TestStack;
let pages: GamePages;
let folder: string;
let server: Server;

/** The client's file for pages without a bundler. */
const plainScript = (): string => join(folder, "node_modules/@parley/client/dist/parley.min.js");

describe.skipIf(isBrowserMissing())("the packed client", () => {
  beforeAll(async () => {
    stack = await TestStack.open({ settings: NATIVE });
    pages = await GamePages.open();
    folder = await mkdtemp(join(tmpdir(), "parley-packed-"));
    await writeFile(join(folder, "package.json"), '{ "type": "module", "private": true }');
    const packing = ["pack", "--silent", "--pack-destination", folder];
    const packed = await run("npm", packing, { cwd: await copyOfClient() });
    const archive = `./${packed.stdout.trim().split("\n").at(-1)}`;
    await run("npm", ["install", "--offline", "--no-audit", "--no-fund", archive], { cwd: folder });
    await writeFile(
      join(folder, "bot.ts"),
      substitute(fileBlock("docs/guides/node.md", "ts", "bot.ts"), HUB, stack.url),
    );
    server = createServer(async ({ url = "/" }, response) => {
      const { type, body } = await fileOf(url);
      response.setHeader("content-type", type);
      response.end(body);
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  });
  afterAll(async () => {
    await pages?.close();
    await stack?.close();
    server?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  test("a plain page of the guide and one that esbuild bundled exchange messages", async () => {
    const { plain, code } = await openPlain();
    const bundled = await pages.openPage(`${origin()}/bundled.html#${code}`);
    for (const page of [plain, bundled]) await page.getByText(/ on 1: hello$/m).waitFor();
  });

  test.skipIf(isWebrtcMissing())("the guide's page joins the guide's bot, and both exchange messages", async () => {
    await symlink(join(ROOT, "node_modules/node-datachannel"), join(folder, "node_modules/node-datachannel"));
    const bot = spawn(process.execPath, ["bot.ts"], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    try {
      const [line] = (await once(createInterface(bot.stdout), "line")) as [string];
      const page = await pages.openPage(`${origin()}/index.html#${/^join code: (\w{6})$/.exec(line)![1]}`);
      await page.getByText(/ on 1: hello from the bot/).waitFor();
    } finally {
      bot.kill();
      await once(bot, "exit");
      await rm(join(folder, "node_modules/node-datachannel"));
    }
  });

  test("in Node without the optional package, a client for browsers is refused by a sentence that names it", async () => {
    const { stderr, code } = (await run(process.execPath, ["bot.ts"], { cwd: folder }).catch((error) => error)) as {
      stderr: string;
      code: number;
    };
    expect(code).toBe(1);
    expect(stderr).toMatch(/Connections to browsers need the package node-datachannel: npm install node-datachannel/);
  });
});

const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** The guide's page, which hosts a lobby, and the lobby's code. */
async function openPlain(): Promise<{ readonly plain: Page; readonly code: string }> {
  const plain = await pages.openPage(`${origin()}/index.html`);
  await plain.waitForFunction("location.hash.length > 1");
  return { plain, code: await plain.evaluate<string>("location.hash.slice(1)") };
}

/** The client's sources in a folder of this test, because other tests build the package in the repository at the same time. */
async function copyOfClient(): Promise<string> {
  const copy = join(folder, "repository/clients/typescript");
  await cp(CLIENT, copy, { recursive: true, filter: (path) => path !== join(CLIENT, "dist") });
  await cp(join(ROOT, "tsconfig.base.json"), join(folder, "repository/tsconfig.base.json"));
  await symlink(join(ROOT, "node_modules"), join(folder, "repository/node_modules"));
  return copy;
}

const BUNDLED = '<!doctype html><script type="module" src="bundle.js"></script>';

/** The guide's page with its script, and the same game bundled by esbuild. */
async function fileOf(url: string): Promise<{ readonly type: string; readonly body: string }> {
  const [page] = blocksOf("docs/guides/browser.md", "html");
  const guide = substitute(page!, HUB, stack.url);
  switch (url) {
    case "/index.html":
      return { type: "text/html", body: guide };
    case "/parley.min.js":
      return { type: "text/javascript", body: await readFile(plainScript(), "utf8") };
    case "/bundled.html":
      return { type: "text/html", body: BUNDLED };
    case "/bundle.js":
      return { type: "text/javascript", body: await bundle(guide) };
    default:
      return { type: "text/plain", body: "" };
  }
}

/** The script of the page as a project of esbuild, which takes the package's condition `browser`. */
async function bundle(page: string): Promise<string> {
  const [, script = ""] = /<script type="module">\n(.*?)<\/script>/s.exec(page) ?? [];
  await writeFile(join(folder, "game.js"), substitute(script, "./parley.min.js", "@parley/client"));
  const entry = { entryPoints: [join(folder, "game.js")], absWorkingDir: folder };
  const { outputFiles } = await build({ ...entry, bundle: true, format: "esm", platform: "browser", write: false });
  return outputFiles[0]!.text;
}
