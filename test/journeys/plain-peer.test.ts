/** A client in plain JavaScript, written from the pages of the wires alone, meets the TypeScript client. */
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ParleyClient } from "../../clients/typescript/src/node/client.ts";
import { freePort } from "../../tools/run/ports.ts";
import { TestStack } from "../support/test-stack.ts";

const PLAIN_PEER = join(import.meta.dirname, "../support/plain-peer.js");

const POLL = { timeout: 30_000, interval: 50 };

type Line = { readonly path?: string; readonly received?: string };

let stack: TestStack;
let child: ChildProcess | undefined;
beforeAll(async () => {
  const ports = [await freePort("udp"), await freePort("udp")].map((port) => `${port}=native`).join();
  const settings = { PARLEY_PORTS: ports, PARLEY_ADDRESSES: "127.0.0.1", PARLEY_RELAY_PORTS: "29340-29359" };
  stack = await TestStack.open({ settings });
});
afterEach(() => child?.kill());
afterAll(() => stack?.close());

test.for([
  ["directly", "direct", {}],
  ["by relay", "relay", { relay: "always" }],
] as const)("a client written from the wires' pages meets the TypeScript client %s", async ([, path, settings]) => {
  const host = await ParleyClient.open({ url: stack.url });
  try {
    const membership = await host.host({ name: "Plain", seats: 2, ...settings });
    const received = new Promise<string>((done) =>
      membership.once("peer", (peer) => {
        peer.on("datagram", (bytes) => done(new TextDecoder().decode(bytes)));
        setInterval(() => peer.send(new TextEncoder().encode("a library")), 50).unref();
      }),
    );
    child = spawn(process.execPath, [PLAIN_PEER, stack.url, membership.lobby.id], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines: Line[] = [];
    const printed = new Promise<void>((done, failed) => {
      createInterface(child!.stdout!).on("line", (text) => {
        lines.push(JSON.parse(text) as Line);
        if (lines.some((line) => line.received === "a library")) done();
      });
      child!.once("exit", (code) => failed(new Error(`the plain peer ended with ${code}`)));
    });
    expect(await received).toBe("a plain peer");
    await printed;
    expect(lines.find((line) => line.path !== undefined)).toStrictEqual({ path });
    await expect.poll(() => membership.peers.map((peer) => peer.path), POLL).toStrictEqual([path]);
  } finally {
    await host.close();
  }
});
