/**
 * Hub and sidecar whose link versions differ by one, in both directions. The newer program is this one with the next
 * version written into it, and with a greeting field that this version does not know.
 */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { LINK_VERSION } from "#shared/link/messages.ts";
import { stopHub, startHub } from "../../tools/run/hub.ts";
import { packageSidecar } from "../../tools/package.ts";
import { freePort } from "../../tools/run/ports.ts";
import { stopProcess, startProcess, startSidecar, waitForJson } from "../../tools/run/processes.ts";
import { RabidPlayer } from "../../tools/run/rabid-player.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const KEY = "key-of-the-stack";

let folder: string;
const closing: (() => Promise<void>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-versions-"));
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  await rm(folder, { recursive: true, force: true });
});

async function rewrite(file: string, ...changes: readonly (readonly [RegExp, string])[]): Promise<void> {
  let text = await readFile(file, "utf8");
  for (const [from, to] of changes) {
    expect(text).toMatch(from);
    text = text.replace(from, to);
  }
  await writeFile(file, text);
}

const NEXT = [/\bLINK_VERSION = 1;/, `LINK_VERSION = ${LINK_VERSION + 1};`] as const;

async function hubFrom(bundle: string): Promise<string> {
  const port = await freePort("tcp");
  const hub = await startHub({ bundle, state: join(folder, "rows"), port, keys: KEY });
  closing.push(() => stopHub(hub));
  await waitForJson(`http://127.0.0.1:${port}/healthz`, (body) => body["ok"] === true, hub);
  return `http://127.0.0.1:${port}`;
}

/** A sidecar with this hub, and two players that start a session there. */
async function meetAt(hub: string, program: string | null): Promise<void> {
  const [udp, status] = [await freePort("udp"), await freePort("tcp")];
  const settings = {
    PARLEY_HUB: hub,
    PARLEY_KEY: KEY,
    PARLEY_NAME: "neighbour",
    PARLEY_LISTEN: "127.0.0.1",
    PARLEY_LOG: "error",
    PARLEY_TUNNEL: "off",
    PARLEY_NOHUB: "off",
    PARLEY_STATUS: `127.0.0.1:${status}`,
    PARLEY_PORTS: `${udp}=rabid`,
  };
  const sidecar = program === null ? startSidecar(settings) : startProcess(process.execPath, [program], settings);
  closing.push(() => stopProcess(sidecar));
  await waitForJson(`http://127.0.0.1:${status}/healthz`, (body) => body["hub"] === "linked", sidecar);
  const [ann, bob] = [await RabidPlayer.open(udp), await RabidPlayer.open(udp)];
  closing.push(
    () => ann.close(),
    () => bob.close(),
  );
  await ann.request("h:Nice:Ann:4", /^i:/);
  await bob.request("c:Nice:Bob", "i:Ann:Bob");
  ann.send("s:Nice:Ann");
  expect(await bob.waitFor(/^s:/)).toBe(`s:${bob.port}:Ann:127.0.0.1:${ann.port}`);
}

test("a hub of the next version serves a sidecar of this one", async () => {
  const bundle = join(folder, "bundle");
  await cp(inject("bundle"), bundle, { recursive: true });
  await rewrite(join(bundle, "index.js"), NEXT, [/\bt: "welcome", version\b/, 't: "welcome", added: "later", version']);
  await meetAt(await hubFrom(bundle), null);
});

test("a sidecar of the next version is served by a hub of this one", async () => {
  const sources = join(folder, "sources");
  for (const part of ["shared", "udp-sidecar", "package.json"]) {
    await cp(join(ROOT, part), join(sources, part), { recursive: true });
  }
  await symlink(join(ROOT, "node_modules"), join(sources, "node_modules"));
  await rewrite(join(sources, "shared/link/messages.ts"), NEXT);
  await rewrite(join(sources, "udp-sidecar/game.ts"), [/\bt: "hello",/, 't: "hello", added: "later",']);
  const made = await packageSidecar(join(folder, "sidecar"), sources);
  const bundle = join(folder, "bundle");
  await cp(inject("bundle"), bundle, { recursive: true });
  await meetAt(await hubFrom(bundle), join(made, "sidecar.mjs"));
});
