/** `npm start` on the default ports, with a temporary folder. */
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Summary } from "#shared/listing/summary.ts";
import { processInfo } from "../../tools/run/process-info.ts";
import { takenPorts } from "../../tools/run/ports.ts";
import { stopProcess, exitCodeOf } from "../../tools/run/processes.ts";
import { RabidPlayer } from "../../tools/run/rabid-player.ts";
import { takeDefaultPorts } from "../support/default-ports.ts";
import { eventually } from "../support/test-stack.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const LISTED = "http://127.0.0.1:8787/v1/games/default/lobbies";
const PORTS = [
  { kind: "tcp", port: 8_787, purpose: "hub" },
  { kind: "tcp", port: 9_464, purpose: "status" },
  { kind: "udp", port: 3_478, purpose: "sidecar" },
  { kind: "udp", port: 57_775, purpose: "sidecar" },
] as const;

let state: string;
let endTurn: () => void;
/** Closes what the test opened, however the test ends. */
const stacks: Started[] = [];
const players: RabidPlayer[] = [];
const squatters: Socket[] = [];
beforeAll(async () => {
  endTurn = await takeDefaultPorts();
  state = await mkdtemp(join(tmpdir(), "parley-start-"));
});
afterEach(async () => {
  await Promise.all(players.splice(0).map((player) => player.close()));
  await Promise.all(squatters.splice(0).map((socket) => new Promise<void>((done) => void socket.close(done))));
  await Promise.all(stacks.splice(0).map(({ child }) => stopProcess(child, 60_000)));
});
afterAll(async () => {
  endTurn?.();
  await rm(state, { recursive: true, force: true });
});

test("npm start is ready when hub and sidecar answer, keeps its storage, clears it on request and leaves no process", async () => {
  let stack = run();
  expect(await ready(stack)).toMatch(/^ready: hub http:\/\/127\.0\.0\.1:8787, sidecar UDP 3478 3479 5160 8809 57775$/);
  const alice = await player();
  await alice.request("h:Kept:Alice:4", /^i:/);
  alice.startPinging("Kept", "Alice");
  await lists("Kept");
  expect(await (await fetch("http://127.0.0.1:8787/")).text()).toContain("Parley");
  await stopProcess(stack.child, 60_000);
  expect(stack.child.exitCode).toBe(0);
  expect(await takenPorts(PORTS)).toEqual([]);
  for (const key of ["sidecar-key", "token-key"]) {
    expect([key, ((await stat(join(state, "rows", key))).mode & 0o777).toString(8)]).toEqual([key, "600"]);
  }

  stack = run();
  await ready(stack);
  expect(stack.printed()).not.toContain("Building");
  await alice.waitFor("i:Alice", { from: alice.received.length });
  // The sidecar answered; its report has yet to reach the hub.
  await lists("Kept");
  const over = exitCodeOf(stack.child);
  stack.child.kill("SIGINT");
  await over;
  expect(stack.child.exitCode).toBe(0);

  // The digest of other sources.
  await writeFile(join(ROOT, "dist/hub/inputs.sha256"), "0");
  stack = run("--fresh");
  await ready(stack);
  expect(stack.printed()).toContain("Building the hub");
  expect(await lobbies()).toEqual([]);
  await stopProcess(stack.child, 60_000);
});

test("npm start restarts a killed hub or sidecar", async () => {
  const stack = run();
  await ready(stack);
  const alice = await player();
  await alice.request("h:Again:Alice:4", /^i:/);
  alice.startPinging("Again", "Alice");
  await lists("Again");
  const before = childrenOf(stack.child);
  expect(before).toHaveLength(2);
  for (const half of before) process.kill(half, "SIGKILL");
  const others = (now: number[]): boolean => now.length === 2 && now.every((half) => !before.includes(half));
  await eventually(() => Promise.resolve(childrenOf(stack.child)), others);
  await alice.request("p:Again:Alice", "i:Alice");
  await lists("Again");
  await stopProcess(stack.child, 60_000);
  expect(await takenPorts(PORTS)).toEqual([]);
});

test("npm start that is killed leaves no process, and neither does a killed npm", async () => {
  const stack = run();
  await ready(stack);
  const halves = childrenOf(stack.child);
  stack.child.kill("SIGKILL");
  await eventually(
    () => Promise.resolve(halves.filter((pid) => processInfo(pid) !== null)),
    (alive) => alive.length === 0,
  );
  expect(await takenPorts(PORTS)).toEqual([]);

  const npm = start("npm", ["start", "--prefix", ROOT]);
  await ready(npm);
  npm.child.kill("SIGKILL");
  await eventually(
    () => takenPorts(PORTS),
    (taken) => taken.length === 0,
  );
});

test("npm start ends the orphans of a killed start, and no other process", async () => {
  const killed = run();
  await ready(killed);
  const halves = childrenOf(killed.child);
  // Each half has a shell that ends it with its parent.
  for (const half of halves) for (const shell of childrenOf({ pid: half })) process.kill(shell, "SIGKILL");
  const over = exitCodeOf(killed.child);
  killed.child.kill("SIGKILL");
  await over;
  expect(await takenPorts(PORTS)).toHaveLength(2);
  // Its pid was stored for a process that ended before.
  const bystander = start("sleep", ["1000"]);
  const file = join(state, "rows", "processes.json");
  const stored = JSON.parse(await readFile(file, "utf8")) as { name: string; pid: number; started: string }[];
  expect(stored.map(({ name }) => name).toSorted()).toEqual(["hub", "npm start", "sidecar"]);
  await writeFile(file, JSON.stringify([...stored, { ...stored[1], name: "bystander", pid: bystander.child.pid }]));

  const stack = run();
  await ready(stack);
  const ended = Array.from(stack.printed().matchAll(/^Ended the (\w+) \(process (\d+)\)/gm), ([, name, pid]) => [
    name,
    pid,
  ]);
  expect(ended).toEqual(stored.slice(1).map(({ name, pid }) => [name, String(pid)]));
  expect(processInfo(bystander.child.pid!)).not.toBeNull();

  const second = run();
  expect(await exitCodeOf(second.child)).toBe(1);
  expect(second.printed()).toBe(
    `Parley already runs from rows: \`npm start\` is process ${stack.child.pid}.\n` +
      `Stop it with Ctrl-C or \`kill ${stack.child.pid}\`. A second deployment needs another PARLEY_STATE and other ports.\n`,
  );
  const elsewhere = runWith({ PARLEY_STATE: join(state, "others") });
  expect(await exitCodeOf(elsewhere.child)).toBe(1);
  const lines = elsewhere.printed().trimEnd().split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^TCP port 8787 \(hub\) is taken by workerd \(process \d+\)\.$/);
  expect(lines[1]).toMatch(/^TCP port 9464 .*, UDP port 57775 \(sidecar\) are taken by .+ \(process \d+\)\.$/);
  expect(lines[2]).toMatch(/^Stop that program, or choose other ports/);
});

test("npm start with --listen and --port serves other devices at the addresses that it prints", async () => {
  const stack = run("--listen", "0.0.0.0", "--port", "9000");
  expect(await ready(stack)).toContain("hub http://127.0.0.1:9000");
  const typed = Array.from(
    stack.printed().matchAll(/^ +type +(\S+) as hub, (\S+) as sidecar$/gm),
    ([, hub, sidecar]) => ({
      hub: hub!,
      sidecar: sidecar!,
    }),
  );
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const outside = own.filter(({ family, internal }) => family === "IPv4" && !internal).map(({ address }) => address);
  expect(typed.map(({ sidecar }) => sidecar)).toEqual(outside);
  for (const { hub, sidecar } of typed) {
    const response = await fetch(`${hub}/v1/games/default/sidecars`);
    expect(((await response.json()) as { sidecars: { v4: string[] }[] }).sidecars[0]!.v4).toEqual(outside);
    expect(await takenPorts([{ kind: "udp", port: 3_478, purpose: "sidecar", address: sidecar }])).toHaveLength(1);
  }
});

test("npm start names a port in use and starts nothing", async () => {
  const squatter = createSocket("udp4");
  squatters.push(squatter);
  await new Promise<void>((done) => squatter.bind(57_775, "0.0.0.0", () => done()));
  const stack = run();
  expect(await exitCodeOf(stack.child)).toBe(1);
  expect(stack.printed()).toMatch(
    new RegExp(`^UDP port 57775 \\(sidecar\\) is taken by .+ \\(process ${process.pid}\\)\\.$`, "m"),
  );
  expect(stack.printed()).not.toMatch(/^ready/m);
});

test("npm start with DTLS prints how games trust it and creates a key that only its owner reads", async () => {
  const stack = runWith({ PARLEY_DTLS: "on" });
  await ready(stack);
  const made = new X509Certificate(await readFile(join(state, "rows", "dtls.crt")));
  expect(stack.printed()).toContain(`DTLS         SHA-256 ${made.fingerprint256}`);
  expect(stack.printed()).toContain("pin rows/dtls.crt under the name rendezvous");
  expect(stack.printed()).toContain('Godot 4  dtls.connect_to_peer(udp, "rendezvous", TLSOptions.client(');
  expect((await stat(join(state, "rows", "dtls.key"))).mode & 0o777).toBe(0o600);
});

type Started = { readonly child: ChildProcess; readonly printed: () => string };

const run = (...flags: string[]): Started => runWith({}, ...flags);

const runWith = (settings: Record<string, string>, ...flags: string[]): Started =>
  start(process.execPath, [join(ROOT, "tools/run/start.ts"), ...flags], settings);

function start(program: string, args: readonly string[], settings: Record<string, string> = {}): Started {
  const child = spawn(program, args, {
    cwd: state,
    env: { PATH: process.env["PATH"], PARLEY_STATE: join(state, "rows"), ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const stack = { child, printed: () => text };
  stacks.push(stack);
  return stack;
}

async function player(): Promise<RabidPlayer> {
  const opened = await RabidPlayer.open(57_775);
  players.push(opened);
  return opened;
}

/** The first line that matches. Rejects with the whole output if the process ends first. */
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

/** Waits until exactly this lobby is listed. Requests fail while the hub or the sidecar starts. */
async function lists(name: string): Promise<void> {
  const names = (): Promise<string[]> => lobbies().then((all) => all.map((lobby) => lobby.name));
  await eventually(
    () => names().catch(() => []),
    (listed) => listed.length === 1 && listed[0] === name,
  );
}

function childrenOf({ pid }: { readonly pid?: number | undefined }): number[] {
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return listed.split(" ").filter(Boolean).map(Number);
}
