/** A hub whose disk is full: a small tmpfs that the test fills for real. Reads go on, writes get 503, and it recovers. */
import { type ChildProcess, execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { startHub, stopHub } from "../../tools/run/hub.ts";
import { freePort } from "../../tools/run/ports.ts";
import { waitForJson } from "../../tools/run/processes.ts";
import { eventually } from "../support/test-stack.ts";

const SIZE = 600 * 1_024;
const state = mkdtempSync(join(tmpdir(), "parley-disk-"));
const isMissing = process.platform !== "linux" || process.getuid?.() !== 0;
let hub: ChildProcess;
let url: string;

describe.skipIf(isMissing)("a hub on a full disk", () => {
  beforeAll(async () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", state]);
    const port = await freePort("tcp");
    url = `http://127.0.0.1:${port}`;
    hub = await startHub({
      bundle: inject("bundle"),
      state,
      port,
      keys: "key-of-the-sidecars-of-a-full-disk",
      tokenKeys: "token-key-of-the-hub-on-a-full-disk",
    });
    await waitForJson(`${url}/healthz`, (body) => body["ok"] === true, hub);
  });
  afterAll(async () => {
    await stopHub(hub);
    execFileSync("umount", ["-l", state]);
    rmSync(state, { recursive: true });
  });

  test("serves lists, refuses writes with 503 and Retry-After, is not ready, and recovers by itself", async () => {
    expect((await create("Before")).status).toBe(201);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    fill();
    // Pages that SQLite has already allocated may take a few rows.
    const statuses = new Set<number>();
    let refused = await create("Full-0");
    for (let tries = 1; refused.status === 201 && tries < 50; tries++) {
      fill();
      statuses.add(refused.status);
      refused = await create(`Full-${tries}`);
    }
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toMatch(/^[0-9]+$/);
    expect(await refused.json()).toMatchObject({
      code: "hub_unavailable",
      detail: expect.stringMatching(/storage/) as string,
    });
    for (let round = 0; round < 5; round++) {
      expect((await create(`Again-${round}`)).status).toBe(503);
      expect(await names()).toContain("Before");
    }
    // A new game's hub cannot create its rows either; reading it is refused in the same way at worst.
    expect([200, 503]).toContain((await fetch(`${url}/v1/games/other/lobbies`)).status);
    const readiness = (): Promise<Response> => fetch(`${url}/readyz`);
    const ready = await eventually(readiness, ({ status }) => status === 503);
    expect(await ready.text()).toContain("storage");

    for (const file of readdirSync(state)) if (file.startsWith("fill")) rmSync(join(state, file));
    expect((await create("After")).status).toBe(201);
    expect(await names()).toEqual(expect.arrayContaining(["Before", "After"]));
    await eventually(readiness, ({ status }) => status === 200);
  });
});

let files = 0;

/** Takes every free block. */
function fill(): void {
  for (const size of [262_144, 65_536, 16_384, 4_096, 4_096, 4_096, 4_096]) {
    try {
      for (let count = 0; count < 64; count++) writeFileSync(join(state, `fill-${files++}`), Buffer.alloc(size));
    } catch {
      // Full for this size; smaller files take the rest.
    }
  }
}

async function create(name: string): Promise<Response> {
  const created = await fetch(`${url}/v1/games/default/peers`, { method: "POST" });
  const { peer_token } = (await created.json()) as { peer_token: string };
  return fetch(`${url}/v1/games/default/lobbies`, {
    method: "POST",
    headers: { authorization: `Bearer ${peer_token}`, "content-type": "application/json" },
    body: JSON.stringify({ name, seats: 2 }),
  });
}

async function names(): Promise<string[]> {
  const response = await fetch(`${url}/v1/games/default/lobbies`);
  expect(response.status).toBe(200);
  return ((await response.json()) as { lobbies: { name: string }[] }).lobbies.map((lobby) => lobby.name);
}
