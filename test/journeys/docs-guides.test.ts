/** Runs the programs of the guides for Node, browser and Dowsett games as they are written there. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isBrowserMissing } from "../support/browser.ts";
import { blocksOf, fileBlock, ROOT, substitute } from "../support/doc-blocks.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

const HUB = "http://127.0.0.1:8787";
const CLIENT = pathToFileURL(join(ROOT, "clients/typescript/src/index.ts")).href;
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

let stack: TestStack;
const folder = mkdtempSync(join(tmpdir(), "parley-guides-"));
const programs: Program[] = [];

beforeAll(async () => {
  stack = await TestStack.open({
    settings: { PARLEY_PORTS: "PORT=native+dowsett", PARLEY_ADDRESSES: "127.0.0.1" },
  });
});
afterAll(async () => {
  for (const program of programs) program.child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
  await stack?.close();
});

class Program {
  readonly child: ChildProcess;
  output = "";

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, args, { cwd: ROOT, stdio: ["pipe", "pipe", "pipe"] });
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on("data", (bytes: Buffer) => (this.output += bytes.toString()));
    programs.push(this);
  }

  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    await eventually(
      () => Promise.resolve(this.output),
      (output) => pattern.test(output) || this.child.exitCode !== null,
      40_000,
    );
    const found = pattern.exec(this.output);
    if (found === null) throw new Error(`no ${pattern} in: ${this.output}`);
    return found;
  }
}

test("the Node guide's two programs connect, and the datagram comes back", async () => {
  const start = (name: string, ...args: string[]): Program => {
    const code = substitute(fileBlock("docs/guides/node.md", "ts", name), HUB, stack.url);
    const file = join(folder, name);
    writeFileSync(file, substitute(code, '"@parley/client"', JSON.stringify(CLIENT)));
    return new Program([file, ...args]);
  };
  const host = start("host.ts");
  const [, code] = await host.waitFor(/^join code: (\w+)$/m);
  const guest = start("join.ts", code!);
  expect((await guest.waitFor(/^reply: (.*)$/m))[1]).toBe("hello");
  await host.waitFor(/^a peer connected: /m);
});

test("the Dowsett guide's two commands join, and a line comes back", async () => {
  const [block] = blocksOf("docs/guides/dowsett.md", "sh");
  const commands = substitute(block!, "127.0.0.1:5160", `127.0.0.1:${stack.udpPort()}`).trim().split("\n");
  expect(commands).toHaveLength(2);
  const start = (command: string): Program => new Program(command.replace(/^npx node /, "").split(" "));
  start(commands[0]!);
  await eventually(
    () => stack.lobbies("wire=dowsett"),
    (lobbies) => lobbies.length === 1,
  );
  const guest = start(commands[1]!);
  await guest.waitFor(/^joined Alice/m);
  guest.child.stdin!.write("hello\n");
  await guest.waitFor(/^Alice: .*hello/m);
});

test.skipIf(isBrowserMissing())("the browser guide's two tabs exchange a message over WebRTC", async () => {
  const [library, usage] = blocksOf("docs/guides/browser.md", "js");
  const [hosting, joining] = usage!.split("// tab 2\n");
  const script = substitute(library!, HUB, stack.url);
  // Another origin than the hub's, as a game's page is.
  const server = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><script>${script}</script>`);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const page = `http://127.0.0.1:${(server.address() as AddressInfo).port}/game.html`;
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--allow-loopback-in-peer-connection",
      "--disable-features=WebRtcHideLocalIpsWithMdns",
    ],
  });
  try {
    const context = await browser.newContext();
    const [first, second] = [await context.newPage(), await context.newPage()];
    await first.goto(page);
    await second.goto(page);
    const code = await first.evaluate<string>(`(async () => { ${hosting} return code; })()`);
    expect(code).toMatch(/^\w{6}$/);
    const run = substitute(joining!, "join(code)", `join(${JSON.stringify(code)})`);
    const [message] = await Promise.all([
      second.waitForEvent("console", (entry) => entry.type() === "log"),
      second.evaluate(`(async () => { ${run} })()`),
    ]);
    expect(message.text()).toBe("you said hello");
  } finally {
    await browser.close();
    server.close();
  }
});
