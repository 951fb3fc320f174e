/** Runs the complete program of docs/guides/steam.md twice, as the page says. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../tools/run/ports.ts";
import { TestStack } from "../support/test-stack.ts";

const ROOT = join(import.meta.dirname, "../..");
const PAGE = join(ROOT, "docs/guides/steam.md");
const CLIENT = pathToFileURL(join(ROOT, "clients/typescript/src/index.ts")).href;
const PATIENCE_MS = 40_000;

let stack: TestStack;
const folder = mkdtempSync(join(tmpdir(), "parley-steam-"));
const games: ChildProcess[] = [];

beforeAll(async () => {
  const ports = [await freePort("udp"), await freePort("udp")].map((port) => `${port}=native`);
  stack = await TestStack.open({ settings: { PARLEY_PORTS: ports.join() } });
});
afterAll(async () => {
  for (const game of games) game.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
  await stack?.close();
});

test("the tutorial's steps, as written, form a game for two", { timeout: 90_000 }, async () => {
  const blocks = [...readFileSync(PAGE, "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
  expect(blocks.length).toBeGreaterThan(5);
  const program = blocks.join("\n").replace('"@parley/client"', JSON.stringify(CLIENT));
  expect(program).toContain("http://127.0.0.1:8787");
  const file = join(folder, "game.ts");
  writeFileSync(file, program.replace("http://127.0.0.1:8787", stack.url));
  const ann = start(file);
  const invitation = await ann.says(/^invitation: (\+connect_lobby) (\S+)$/m);
  const bob = start(file, invitation.slice(1));
  const [handshake] = await ann.says(/^Message: .*"message":"handshake".*$/m);
  expect(handshake).toContain('"from":');
  await ann.says(/^Bob is requesting a session$|^Message: /m);
  await bob.says(/^Message: .*"message":"handshake".*$/m);
});

function start(file: string, args: readonly string[] = []) {
  const game = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  games.push(game);
  let [said, complaint] = ["", ""];
  game.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
  game.stderr.on("data", (bytes: Buffer) => (complaint += bytes.toString()));
  return {
    async says(wanted: RegExp): Promise<RegExpExecArray> {
      for (const began = performance.now(); performance.now() - began < PATIENCE_MS; await new Promise(setImmediate)) {
        const found = wanted.exec(said);
        if (found !== null) return found;
        if (game.exitCode !== null) break;
        await new Promise((done) => setTimeout(done, 50));
      }
      throw new Error(`expected ${wanted}, but it printed ${said} ${complaint}`);
    },
  };
}
