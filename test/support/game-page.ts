/** Pages with the browser client, in a real Chromium: each page is a player of the same hub. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { build, type BuildResult } from "esbuild";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launch } from "./browser.ts";

export const CLIENT = resolve(import.meta.dirname, "../../clients/typescript");
const PATIENCE_MS = 60_000;
/** Chromium hides local addresses behind mDNS names, and loopback entirely; on one machine there is nothing else. */
const ON_ONE_MACHINE = ["--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"];

/** The client for browsers as one module, minified. */
export const bundleClient = (): Promise<BuildResult<{ write: false; metafile: true }>> =>
  build({
    entryPoints: [join(CLIENT, "src/browser.ts")],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    metafile: true,
    write: false,
  });

export class GamePages {
  readonly browser: Browser;
  readonly url: string;
  readonly #server: Server;
  readonly #isElsewhere: boolean;
  readonly #contexts: BrowserContext[] = [];

  private constructor(browser: Browser, server: Server, isElsewhere: boolean) {
    this.browser = browser;
    this.#isElsewhere = isElsewhere;
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  /** `browser`: a Chromium on this machine by default. `isElsewhere`: it cannot reach the network of this machine. */
  static async open(browser?: Browser, { isElsewhere = false } = {}): Promise<GamePages> {
    const { outputFiles } = await bundleClient();
    const script = outputFiles[0]!.text;
    const server = createServer(({ url }, response) => {
      const isScript = url === "/parley.js";
      response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
      response.end(
        isScript
          ? script
          : `<!doctype html><script type="module">
               import * as parley from "/parley.js";
               Object.assign(globalThis, parley);
             </script>`,
      );
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    return new GamePages(browser ?? (await launch(ON_ONE_MACHINE)), server, isElsewhere);
  }

  /** A page in a new profile. Its globals are the exports of the client. */
  async newPage(): Promise<Page> {
    const page = await this.openPage(this.url);
    await page.waitForFunction("globalThis.ParleyClient !== undefined");
    return page;
  }

  /** A page of a game in a new profile. */
  async openPage(url: string): Promise<Page> {
    const context = await this.browser.newContext();
    this.#contexts.push(context);
    if (this.#isElsewhere)
      await context.route(`${this.url}**`, async (route) => route.fulfill({ response: await route.fetch() }));
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", (error) => console.error(error));
    await page.goto(url);
    return page;
  }

  async closePages(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()));
  }

  async close(): Promise<void> {
    await this.browser.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
