/** `npm start` as a person uses it: on the default ports, with a folder of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Summary } from "#shared/listing.ts";
import { takenPorts } from "../../tools/ports.ts";
import { end, ended } from "../../tools/processes.ts";
import { RabidPlayer } from "../../tools/rabid-player.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const LISTED = "http://127.0.0.1:8787/v1/games/default/lobbies";
const PORTS = [
  { kind: "tcp", port: 8_787, what: "hub" },
  { kind: "tcp", port: 9_464, what: "status" },
  { kind: "udp", port: 3_478, what: "sidecar" },
  { kind: "udp", port: 57_775, what: "sidecar" },
] as const;

let state: string;
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "parley-start-"));
});
afterAll(() => rm(state, { recursive: true, force: true }));

test("it is ready when both halves answer, keeps its rows, throws them away when told to, and leaves nothing behind", async () => {
  let house = run();
  expect(await ready(house)).toMatch(/^ready: hub http:\/\/127\.0\.0\.1:8787, sidecar UDP 3478 5160 8809 57775$/);
  const alice = await RabidPlayer.open(57_775);
  await alice.ask("h:Kept:Alice:4", /^i:/);
  alice.keepPinging("Kept", "Alice");
  expect((await lobbies()).map((lobby) => lobby.name)).toEqual(["Kept"]);
  expect(await (await fetch("http://127.0.0.1:8787/")).text()).toContain("Parley");
  await end(house.child);
  expect(house.child.exitCode).toBe(0);
  expect(await takenPorts(PORTS)).toEqual([]);

  house = run();
  await ready(house);
  await alice.hears("i:Alice", { from: alice.heard.length });
  expect((await lobbies()).map((lobby) => lobby.name)).toEqual(["Kept"]);
  const over = ended(house.child);
  house.child.kill("SIGINT");
  await over;
  expect(house.child.exitCode).toBe(0);
  await alice.close();

  house = run("--fresh");
  await ready(house);
  expect(await lobbies()).toEqual([]);
  await end(house.child);
});

test("a half that is killed is started again", async () => {
  const house = run();
  await ready(house);
  const alice = await RabidPlayer.open(57_775);
  await alice.ask("h:Again:Alice:4", /^i:/);
  alice.keepPinging("Again", "Alice");
  for (const half of childrenOf(house.child)) process.kill(half, "SIGKILL");
  await alice.ask("p:Again:Alice", "i:Alice", 500, 20_000);
  await alice.close();
  await end(house.child);
  expect(await takenPorts(PORTS)).toEqual([]);
});

test("a port that is taken is named, and nothing is started", async () => {
  const squatter = createSocket("udp4");
  await new Promise<void>((done) => squatter.bind(57_775, "0.0.0.0", () => done()));
  const house = run();
  expect(await ended(house.child)).toBe(1);
  expect(house.printed()).toContain("UDP port 57775 (sidecar) is taken by another program.");
  expect(house.printed()).not.toMatch(/^ready/m);
  squatter.close();
});

type Started = { readonly child: ChildProcess; readonly printed: () => string };

function run(...flags: string[]): Started {
  const child = spawn(process.execPath, [join(ROOT, "tools/start.ts"), ...flags], {
    cwd: state,
    env: { PATH: process.env["PATH"], PARLEY_STATE: join(state, "rows") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { child, printed: () => text };
}

/** The line that says so. Rejects with everything printed when the process ends before. */
function ready({ child, printed }: Started): Promise<string> {
  return new Promise((done, failed) => {
    const look = (): void => {
      const line = /^ready.*$/m.exec(printed())?.[0];
      if (line !== undefined) done(line);
    };
    child.stdout!.on("data", look);
    child.once("exit", () => failed(new Error(printed())));
  });
}

async function lobbies(): Promise<Summary[]> {
  const response = await fetch(LISTED);
  return ((await response.json()) as { lobbies: Summary[] }).lobbies;
}

function childrenOf(child: ChildProcess): number[] {
  const listed = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8");
  return listed.split(" ").filter(Boolean).map(Number);
}
