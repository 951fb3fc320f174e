/** The log of a sidecar at its most verbose level: structured lines that never name a peer. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { freePort } from "../../tools/run/ports.ts";
import { stopProcess, waitForJson } from "../../tools/run/processes.ts";
import { RabidPlayer } from "../../tools/run/rabid-player.ts";
import { listing, registering, sign } from "../support/dowsett.ts";
import { eventually, TestStack } from "../support/test-stack.ts";

const PROGRAM = join(import.meta.dirname, "../../udp-sidecar/main.ts");
const PASSWORD = "Sesame12";
const HANDSHAKE_PASSWORD = "qUks5KzRDY";
const LOCAL_ADDRESS = "10.11.12.13";

let stack: TestStack;
const open: (() => Promise<void>)[] = [];
beforeAll(async () => {
  stack = await TestStack.open();
});
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});
afterAll(() => stack?.close());

test("the log is JSON lines without secrets or peers, and reports what the kernel and the hub refuse", async () => {
  const [rabid, dowsett] = [await freePort("udp"), await freePort("udp")];
  const status = `127.0.0.1:${await freePort("tcp")}`;
  const folder = await mkdtemp(join(tmpdir(), "parley-log-"));
  open.push(() => rm(folder, { recursive: true }));
  const file = join(folder, "rabid-hole-punch.log");
  const env = {
    PATH: process.env["PATH"],
    PARLEY_HUB: stack.url,
    PARLEY_KEY: stack.key,
    PARLEY_NAME: "talkative",
    PARLEY_LISTEN: "127.0.0.1",
    PARLEY_PORTS: `${rabid}=rabid,${dowsett}=dowsett`,
    PARLEY_STATUS: status,
    PARLEY_TUNNEL: "off",
    PARLEY_NOHUB: "off",
    PARLEY_LOG: "debug",
    PARLEY_LOG_FILE: file,
    PARLEY_RECEIVE_BUFFER_BYTES: String(2 ** 30),
  };
  const child = spawn(process.execPath, [PROGRAM], { env, stdio: ["ignore", "pipe", "pipe"] });
  open.push(() => stopProcess(child));
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const log = (): string => (existsSync(file) ? readFileSync(file, "utf8") : "");
  const linked = (): Promise<void> => waitForJson(`http://${status}/healthz`, ({ hub }) => hub === "linked", child);
  const says = (what: string): Promise<string> =>
    eventually(
      () => Promise.resolve(log()),
      (all) => all.includes(`"msg":"${what}"`),
    );
  await linked();

  await says("configuration warnings");
  const [alice, host] = [await RabidPlayer.open(rabid), await RabidPlayer.open(dowsett)];
  open.push(
    () => alice.close(),
    () => host.close(),
  );
  const whole = log().length;
  await alice.request(`h:Logged:Alice:4:${PASSWORD}`, /^i:/);
  const registered = sign(registering("Logged", { "local-address": [LOCAL_ADDRESS, 5_001] }), HANDSHAKE_PASSWORD);
  await host.request(registered.toString(), /confirming-registration/);
  await host.request(sign(listing(), HANDSHAKE_PASSWORD).toString(), /providing-server-list/);
  for (let sent = 0; sent < 100; sent++) alice.send(`h:Logged:${sent}`);
  await alice.request("p:Logged:Alice", /^i:/);
  // Actions of peers are never logged.
  expect(log().slice(whole)).toBe("");

  await stack.killHub();
  await says("no link to the hub; retrying");
  await stack.startHub();
  await linked();
  await stopProcess(child, 60_000);
  expect(child.exitCode).toBe(0);

  expect(printed).toBe("");
  const lines = log().trimEnd().split("\n");
  const said = lines.map((line) => JSON.parse(line) as { msg: string; level: number; sidecar: string });
  expect(new Set(said.map(({ sidecar }) => sidecar))).toEqual(new Set(["talkative"]));
  expect(said.map(({ msg }) => msg)).toEqual(
    expect.arrayContaining([
      "the kernel granted a smaller receive buffer",
      "listening",
      "linked to the hub",
      "no link to the hub; retrying",
      "draining",
    ]),
  );
  for (const secret of [PASSWORD, HANDSHAKE_PASSWORD, stack.key, LOCAL_ADDRESS, "Alice", "Logged"]) {
    expect(log()).not.toContain(secret);
  }
  for (const { port } of [alice, host]) expect(log()).not.toMatch(new RegExp(`\\b${port}\\b`));
});
