/**
 * Checks the structure of the sources: which folder may import which, which folders must be pure, and how large files
 * and folders may be. The compiler sees none of this between folders of one language, so the sources are read as text.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { importsOf, type Source } from "./support/source-text.ts";
import {
  circles,
  crowdedFolders,
  flatFiles,
  importViolations,
  longFiles,
  oldNames,
  upwardImports,
  vagueExports,
  wallClockUses,
} from "./support/structure-rules.ts";

const ROOT = `${import.meta.dirname}/../`;
const PRODUCT = ["shared", "worker", "udp-sidecar", "clients/typescript/src"];
const TOOLS = ["tools", "bench"];

const product = sourcesOf(...PRODUCT);
const sources = [...product, ...sourcesOf(...TOOLS)];
const everything = [...sources, ...sourcesOf("test", "clients/typescript/test", "clients/typescript/examples")];

describe("the sources", () => {
  test("import only what their folder may import, and are pure where they must be", () => {
    expect(product.flatMap(({ path, text }) => importViolations(path, text))).toStrictEqual([]);
  });

  test("have no import circle, type-only imports included", () => {
    expect(circles(sources)).toStrictEqual([]);
  });

  test("never import from a folder above their own", () => {
    expect(upwardImports(sources)).toStrictEqual([]);
  });

  test("are at most 300 lines long", () => {
    expect(longFiles(sources)).toStrictEqual([]);
  });

  test("are at most 14 in a folder", () => {
    expect(crowdedFolders(sources)).toStrictEqual([]);
  });

  test("are at most six beside the folders of worker, shared and udp-sidecar", () => {
    expect(["worker", "shared", "udp-sidecar"].flatMap((room) => flatFiles(room, product))).toStrictEqual([]);
  });

  test("export no function with a vague name", () => {
    expect(everything.flatMap(({ path, text }) => vagueExports(path, text))).toStrictEqual([]);
  });

  test("use no name that was replaced", () => {
    expect(sources.flatMap(({ path, text }) => oldNames(path, text))).toStrictEqual([]);
  });

  test("read the wall clock only where a time is shown, signed or stored", () => {
    expect(product.flatMap(({ path, text }) => wallClockUses(path, text))).toStrictEqual([]);
  });

  test("are all read, and every import statement is recognised", () => {
    for (const room of [...PRODUCT, ...TOOLS]) {
      expect(sources.filter(({ path }) => path.startsWith(`${room}/`)).length).toBeGreaterThanOrEqual(8);
    }
    expect(sources.map(({ path }) => path)).toContain("shared/lobby/step.ts");
    for (const { path, text } of sources.filter(({ path }) => path.endsWith(".ts"))) {
      const lines = text.match(/^import\b/gm)?.length ?? 0;
      expect([path, importsOf(text).length >= lines]).toStrictEqual([path, true]);
    }
  });
});

describe("an allowed import", () => {
  test.each([
    ["shared/link/messages.ts", 'import { decode } from "../schema/decode.ts";'],
    [
      "worker/hub/hub.ts",
      'import { DurableObject } from "cloudflare:workers"; import "#shared/lobby/step.ts"; import "../env.ts";',
    ],
    ["worker/http/app.ts", 'import { Hono } from "hono"; setTimeout(f, 1); Date.now();'],
    ["worker/http/app.ts", 'import type { HubRpc } from "../rpc.ts";'],
    ["worker/index.ts", 'export { Hub } from "./hub/hub.ts"; import { app } from "./http/app.ts";'],
    ["worker/site/app.js", 'import { list } from "./list.js";'],
    ["udp-sidecar/main.ts", 'import { Udp } from "./sockets/udp.ts"; process.exit(console.log(Date.now()));'],
    [
      "udp-sidecar/sockets/udp.ts",
      'import { createSocket } from "node:dgram"; import { Contacts } from "../core/contacts.ts";',
    ],
    ["udp-sidecar/protocols/dowsett.ts", 'import { sign } from "./dowsett-packet.ts";'],
    ["udp-sidecar/protocols/noray.ts", 'import "#shared/lobby/step.ts"; import "./wire.ts"; import "node:crypto";'],
    [
      "shared/rate-limit/token-bucket.ts",
      "// Date.now(), setTimeout and console.log are forbidden here.\nconst at = new Date(now);",
    ],
    ["udp-sidecar/sockets/dtls/openssl-ffi.ts", 'const koffi = await import("koffi");'],
    ["shared/listing/listing.ts", "/* process.env */ const text = 'the process. Date'; new Date(at).toISOString();"],
  ])("%s: %s", (path, text) => {
    expect(importViolations(path, text)).toStrictEqual([]);
  });
});

describe("a forbidden import is found", () => {
  test.each([
    ["shared/lobby/step.ts", 'import { now } from "../../worker/clock.ts";'],
    ["shared/lobby/step.ts", 'import type { Buffer } from "node:buffer";'],
    ["shared/lobby/step.ts", 'export * from "#shared/limits.ts";'],
    ["worker/hub/hub.ts", 'import {\n  Contacts,\n} from "../../udp-sidecar/core/contacts.ts";'],
    ["worker/hub/hub.ts", "export { Contacts } from '../../udp-sidecar/core/contacts.ts';"],
    ["worker/hub/hub.ts", 'const { main } = await import("../../udp-sidecar/main.ts");'],
    ["worker/hub/hub.ts", 'import { step } from "../../shared/lobby/step.ts";'],
    ["worker/hub/hub.ts", 'import { x } from "#udp-sidecar/main.ts";'],
    ["worker/hub/hub.ts", 'import type { Context } from "../http/context.ts";'],
    ["worker/hub/events/topics.ts", 'import { parse } from "../../http/body.ts";'],
    ["worker/http/routes/lobbies.ts", 'import type { Hub } from "../../hub/hub.ts";'],
    ["worker/http/app.ts", 'import { bind } from "node:net";'],
    ["udp-sidecar/link/shard-links.ts", 'type Hub = import("../../worker/hub/hub.ts").Hub;'],
    ["udp-sidecar/link/shard-links.ts", 'import "/srv/worker/hub.ts";'],
    ["udp-sidecar/link/shard-links.ts", 'import hub = require("../../worker/hub/hub.ts");'],
    ["udp-sidecar/protocols/noray.ts", 'import { grammar } from "./rabid.ts";'],
    ["udp-sidecar/protocols/noray.ts", 'import { sign } from "./dowsett-packet.ts";'],
    ["udp-sidecar/protocols/noray.ts", 'import { Contacts } from "../core/contacts.ts";'],
    ["udp-sidecar/protocols/noray.ts", 'import { readFileSync } from "node:fs";'],
    ["udp-sidecar/main.ts", 'import { createSocket } from "node:dgram";'],
    ["udp-sidecar/main.ts", 'import type { Socket } from "net";'],
    ["udp-sidecar/core/status.ts", 'import { createServer } from "node:http";'],
    ["udp-sidecar/link/status.ts", 'import { connect } from "node:tls";'],
    ["udp-sidecar/core/contacts.ts", 'import { Udp } from "../sockets/udp.ts";'],
    ["udp-sidecar/core/contacts.ts", 'import { LinkClient } from "../link/link-client.ts";'],
    ["udp-sidecar/sockets/dtls/openssl.ts", 'import koffi from "koffi";'],
    ["udp-sidecar/sockets/udp.ts", 'const koffi = await import("koffi");'],
    ["worker/site/app.js", 'import { step } from "../../shared/lobby/step.ts";'],
    ["clients/typescript/src/a.ts", 'import { step } from "#shared/lobby/step.ts";'],
    ["clients/typescript/src/a.ts", 'import { step } from "../../../shared/lobby/step.ts";'],
    ["clients/typescript/src/a.ts", 'import ws from "ws";'],
    ["worker/site/app.js", 'import { step } from "#shared/lobby/step.ts";'],
    ["worker/site/app.js", 'import { app } from "../http/app.ts";'],
    ["worker/site/app.js", 'import lit from "https://cdn.example/lit.js";'],
  ])("in %s: %s", (path, text) => {
    expect(importViolations(path, text)).toHaveLength(1);
  });

  test.each([
    "shared/a.ts",
    "shared/deep/a.ts",
    "udp-sidecar/protocols/a.ts",
    "udp-sidecar/core/a.ts",
    "udp-sidecar/noray/a.ts",
    "udp-sidecar/relay/a.ts",
    "udp-sidecar/link/outbox.ts",
    "udp-sidecar/sockets/dtls/sessions.ts",
    "udp-sidecar/sockets/dtls/records.ts",
    "clients/typescript/src/punch/a.ts",
    "clients/typescript/src/secure/a.ts",
    "clients/typescript/src/path/a.ts",
    "clients/typescript/src/messages/a.ts",
    "clients/typescript/src/messages/transport/a.ts",
  ])("and so is a clock, a random number, a timer or a platform in %s", (path) => {
    const texts = [
      ["Date.now()", "Date . now ()", "Date['now']()", "new Date()", "new Date( )", "new Date;", "`${Date.now()}`"],
      ["Math.random()", "performance.now()", "setTimeout(f, 1)", "setInterval(f, 1)", "setImmediate(f)"],
      ["queueMicrotask(f)", "process.env.HOME", "process?.exit()", 'console.log("x")', "process\n  .exit()"],
      ['"//"; Date.now()', "/* why */ Date.now() // this", "const url = 'http://x'; console.error(url)"],
    ].flat();
    expect(texts.filter((text) => importViolations(path, text).length !== 1)).toStrictEqual([]);
  });
});

describe("a violation is found", () => {
  const source = (path: string, text: string): Source => ({ path, text });

  test("a circle of two files, type-only", () => {
    const one = source("shared/lobby/a.ts", 'import type { B } from "./b.ts";');
    const other = source("shared/lobby/b.ts", 'import type { A } from "#shared/lobby/a.ts";');
    expect(circles([one, other])).toStrictEqual(["shared/lobby/a.ts -> shared/lobby/b.ts -> shared/lobby/a.ts"]);
  });

  test("an import that runs upward", () => {
    const file = source("shared/net/endpoint.ts", 'import { step } from "../lobby/step.ts";');
    const target = source("shared/lobby/step.ts", "");
    expect(upwardImports([file, target])).toStrictEqual(["shared/net/endpoint.ts imports shared/lobby/step.ts"]);
  });

  test("a folder without a place in the order", () => {
    const file = source("shared/new-folder/a.ts", "");
    expect(upwardImports([file])).toStrictEqual(["shared/new-folder/a.ts has no place in the order of its room"]);
  });

  test("a file of 301 lines, unless it is generated", () => {
    const lines = "\n".repeat(301);
    const files = [
      source("shared/a.ts", lines),
      source("shared/b.ts", `/** Generated from docs/openapi.json. */${lines}`),
    ];
    expect(longFiles(files)).toStrictEqual(["shared/a.ts has 301 lines"]);
    expect(longFiles([source("shared/a.ts", "\n".repeat(300))])).toStrictEqual([]);
  });

  test("a folder of 15 files, and seven files beside the folders", () => {
    const files = Array.from({ length: 15 }, (_, at) => source(`shared/${at}.ts`, ""));
    expect(crowdedFolders(files)).toStrictEqual(["shared has 15 source files"]);
    expect(crowdedFolders(files.slice(1))).toStrictEqual([]);
    expect(flatFiles("shared", files.slice(0, 7))).toStrictEqual(["shared has 7 source files beside its folders"]);
    expect(flatFiles("shared", files.slice(0, 6))).toStrictEqual([]);
  });

  test.each(["export function hear(): void {}", "export async function take() {}", "export const tell = () => 1;"])(
    "a vague export: %s",
    (text) => expect(vagueExports("shared/a.ts", text)).toHaveLength(1),
  );

  test.each(["udp-sidecar/sidecar.ts", "clients/typescript/src/connect/peer.ts", "worker/site/api/poller.js"])(
    "a duration on the wall clock in %s",
    (path) => {
      expect(wallClockUses(path, "const at = Date.now();")).toHaveLength(1);
      expect(wallClockUses(path, "const at = new Date();")).toHaveLength(1);
      expect(wallClockUses(path, "new Date(at); performance.now(); // Date.now()")).toStrictEqual([]);
    },
  );

  test("a replaced name, but not in a comment", () => {
    expect(oldNames("worker/a.ts", "// Gatekeeper\nnew Gatekeeper();")).toStrictEqual(["worker/a.ts uses Gatekeeper"]);
    expect(oldNames("worker/a.ts", "// Gatekeeper")).toStrictEqual([]);
  });
});

function sourcesOf(...rooms: string[]): Source[] {
  return rooms
    .flatMap((room) => readdirSync(ROOT + room, { recursive: true, encoding: "utf8" }).map((file) => `${room}/${file}`))
    .filter(
      (path) => /\.[mc]?[jt]s$/.test(path) && !/(^|\/)(node_modules|dist|play)\/|\.test\.[jt]s$|\.d\.ts$/.test(path),
    )
    .toSorted()
    .map((path) => ({ path, text: readFileSync(ROOT + path, "utf8") }));
}
