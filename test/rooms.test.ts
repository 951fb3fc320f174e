/**
 * The house's rooms: who may import whom, and which rooms must be pure. The compiler sees neither between folders
 * that share a language, so the sources are read here as text.
 */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = `${import.meta.dirname}/../`;

describe("the house", () => {
  const sources = sourcesOf("shared", "worker", "udp-sidecar", "clients/typescript/src");

  test("keeps to its rooms", () => {
    expect(sources.flatMap(({ path, text }) => faults(path, text))).toStrictEqual([]);
  });

  test("was looked at, and its imports were found", () => {
    const shared = sources.filter(({ path }) => path.startsWith("shared/"));
    expect(shared.length).toBeGreaterThanOrEqual(8);
    expect(shared.map(({ path }) => path)).toContain("shared/lobby/step.ts");
    const lobby = shared.find(({ path }) => path === "shared/lobby/step.ts")!;
    const parts = ["ageing", "changes", "data", "endpoint", "entering", "presiding", "refusals", "staying"];
    expect(importsOf(lobby.text)).toStrictEqual(parts.map((part) => `./${part}.ts`));
    // Every line that begins like an import must have been understood as one.
    for (const { path, text } of sources.filter(({ path }) => path.endsWith(".ts"))) {
      const lines = text.match(/^import\b/gm)?.length ?? 0;
      expect([path, importsOf(text).length >= lines]).toStrictEqual([path, true]);
    }
  });
});

describe("the guard lets through", () => {
  test.each([
    ["shared/link/messages.ts", 'import { decode } from "./decode.ts";'],
    [
      "worker/hub/hub.ts",
      'import { DurableObject } from "cloudflare:workers"; import "#shared/lobby/step.ts"; import "./env.ts";',
    ],
    ["worker/http/app.ts", 'import { Hono } from "hono"; setTimeout(f, 1); Date.now();'],
    ["worker/site/app.js", 'import { list } from "./list.js";'],
    ["udp-sidecar/main.ts", 'import { Udp } from "./sockets/udp.ts"; process.exit(console.log(Date.now()));'],
    [
      "udp-sidecar/sockets/udp.ts",
      'import { createSocket } from "node:dgram"; import { Contacts } from "../contacts.ts";',
    ],
    [
      "udp-sidecar/protocols/noray.ts",
      'import "#shared/lobby/step.ts"; import "../protocol.ts"; import "node:crypto";',
    ],
    [
      "shared/rate-limit/token-bucket.ts",
      "// Date.now(), setTimeout and console.log are not for this room.\nconst at = new Date(now);",
    ],
    ["udp-sidecar/sockets/dtls/openssl-ffi.ts", 'const koffi = await import("koffi");'],
    ["shared/listing/listing.ts", "/* process.env */ const says = 'the process. Date'; new Date(at).toISOString();"],
  ])("%s: %s", (path, text) => {
    expect(faults(path, text)).toStrictEqual([]);
  });
});

describe("the guard catches", () => {
  test.each([
    ["shared/lobby/step.ts", 'import { now } from "../worker/clock.ts";'],
    ["shared/lobby/step.ts", 'import type { Buffer } from "node:buffer";'],
    ["shared/lobby/step.ts", 'export * from "#shared/limits.ts";'],
    ["worker/hub/hub.ts", 'import {\n  Contacts,\n} from "../udp-sidecar/core/contacts.ts";'],
    ["worker/hub/hub.ts", "export { Contacts } from '../udp-sidecar/core/contacts.ts';"],
    ["worker/hub/hub.ts", 'const { main } = await import("../udp-sidecar/main.ts");'],
    ["worker/hub/hub.ts", 'import { step } from "../shared/lobby/step.ts";'],
    ["worker/hub/hub.ts", 'import { x } from "#udp-sidecar/main.ts";'],
    ["worker/http/app.ts", 'import { bind } from "node:net";'],
    ["udp-sidecar/link/shard-links.ts", 'type Hub = import("../worker/hub/hub.ts").Hub;'],
    ["udp-sidecar/link/shard-links.ts", 'import "/srv/worker/hub.ts";'],
    ["udp-sidecar/link/shard-links.ts", 'import hub = require("../worker/hub/hub.ts");'],
    ["udp-sidecar/protocols/noray.ts", 'import { grammar } from "./rabid.ts";'],
    ["udp-sidecar/protocols/noray.ts", 'import { Contacts } from "../contacts.ts";'],
    ["udp-sidecar/protocols/noray.ts", 'import { readFileSync } from "node:fs";'],
    ["udp-sidecar/main.ts", 'import { createSocket } from "node:dgram";'],
    ["udp-sidecar/main.ts", 'import type { Socket } from "net";'],
    ["udp-sidecar/status.ts", 'import { createServer } from "node:http";'],
    ["udp-sidecar/status.ts", 'import { connect } from "node:tls";'],
    ["udp-sidecar/core/contacts.ts", 'import { Udp } from "./sockets/udp.ts";'],
    ["udp-sidecar/core/contacts.ts", 'import { Uplink } from "./uplink.ts";'],
    ["udp-sidecar/sockets/dtls/openssl.ts", 'import koffi from "koffi";'],
    ["udp-sidecar/sockets/udp.ts", 'const koffi = await import("koffi");'],
    ["worker/site/app.js", 'import { step } from "../../shared/lobby/step.ts";'],
    ["clients/typescript/src/a.ts", 'import { step } from "#shared/lobby/step.ts";'],
    ["clients/typescript/src/a.ts", 'import { step } from "../../../shared/lobby/step.ts";'],
    ["clients/typescript/src/a.ts", 'import ws from "ws";'],
    ["worker/site/app.js", 'import { step } from "#shared/lobby/step.ts";'],
    ["worker/site/app.js", 'import { app } from "../app.ts";'],
    ["worker/site/app.js", 'import lit from "https://cdn.example/lit.js";'],
  ])("an import in %s: %s", (path, text) => {
    expect(faults(path, text)).toHaveLength(1);
  });

  test.each([
    "shared/a.ts",
    "shared/deep/a.ts",
    "udp-sidecar/protocols/a.ts",
    "udp-sidecar/protocols/wire.ts",
    "udp-sidecar/core/contacts.ts",
    "udp-sidecar/core/exchange.ts",
    "udp-sidecar/core/timer-queue.ts",
    "udp-sidecar/link/outbox.ts",
    "udp-sidecar/noray/sessions.ts",
    "udp-sidecar/relay/relay.ts",
    "udp-sidecar/relay/allocation.ts",
    "udp-sidecar/relay/shared-budget.ts",
    "udp-sidecar/sockets/dtls/sessions.ts",
    "udp-sidecar/sockets/dtls/records.ts",
    "clients/typescript/src/punch/a.ts",
    "clients/typescript/src/secure/a.ts",
    "clients/typescript/src/path/a.ts",
    "clients/typescript/src/messages/a.ts",
  ])("a clock, dice, a timer or a platform in %s", (path) => {
    const texts = [
      ["Date.now()", "Date . now ()", "Date['now']()", "new Date()", "new Date( )", "new Date;", "`${Date.now()}`"],
      ["Math.random()", "performance.now()", "setTimeout(f, 1)", "setInterval(f, 1)", "setImmediate(f)"],
      ["queueMicrotask(f)", "process.env.HOME", "process?.exit()", 'console.log("x")', "process\n  .exit()"],
      ['"//"; Date.now()', "/* why */ Date.now() // this", "const url = 'http://x'; console.error(url)"],
    ].flat();
    expect(texts.filter((text) => faults(path, text).length !== 1)).toStrictEqual([]);
  });
});

// --- the rules -------------------------------------------------------------------------------------------------

/** What is wrong with a source file, in words. */
function faults(path: string, text: string): string[] {
  const imports = importsOf(text).filter((specifier) => !mayImport(path, specifier));
  const words = isPure(path) ? (withoutComments(text).match(IMPURE) ?? []) : [];
  return [
    ...imports.map((specifier) => `${path} may not import ${specifier}`),
    ...[...new Set(words)].map((word) => `${path} is pure and may not say ${word}`),
  ];
}

const CLIENT = "clients/typescript/src/";

const SOCKETS = /^(node:)?(dgram|net|http|https|http2|tls|ws)$/;

const IMPURE = new RegExp(
  [
    String.raw`\bDate\s*(\?\.|\.|\[\s*["'\`])\s*now\b`,
    String.raw`\bnew\s+Date\b(?!\s*\(\s*[^)\s])`,
    String.raw`\bMath\s*\.\s*random\b`,
    String.raw`\bperformance\s*\.\s*now\b`,
    String.raw`\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b`,
    String.raw`\b(process|console)\s*(\?\.|\.(?=[\w$])|\[)`,
  ].join("|"),
  "g",
);

function isPure(path: string): boolean {
  const sealed = ["records", "engine", "cookies", "claims", "sessions", "der"];
  const names = ["contacts", "protocol", "exchange", "heap", "outbox", "relay", "allocation", "pooled"];
  const files = [...names, "switchboard"].map((name) => `udp-sidecar/${name}.ts`);
  files.push(...sealed.map((name) => `udp-sidecar/sockets/dtls/${name}.ts`));
  const rooms = [
    "shared/",
    "udp-sidecar/protocols/",
    ...["punch", "secure", "path", "messages"].map((room) => `${CLIENT}${room}/`),
  ];
  return rooms.some((room) => path.startsWith(room)) || files.includes(path);
}

function mayImport(path: string, specifier: string): boolean {
  const relative = specifier.startsWith(".");
  const target = relative ? posix.join(posix.dirname(path), specifier) : specifier;
  const within = (room: string): boolean => relative && target.startsWith(`${room}/`);
  const shared = specifier.startsWith("#shared/");

  if (path.startsWith("shared/")) return within("shared");
  if (path.startsWith("worker/site/")) return within("worker/site");
  // The client is published on its own and brings nothing with it.
  if (path.startsWith("clients/typescript/src/"))
    return within("clients/typescript/src") || specifier.startsWith("node:");
  // Whoever can call C can do anything: one file may.
  if (specifier === "koffi") return path === "udp-sidecar/sockets/dtls/openssl-ffi.ts";
  if (SOCKETS.test(specifier)) return path.startsWith("udp-sidecar/sockets/");
  if (path.startsWith("udp-sidecar/protocols/")) {
    return shared || target === "udp-sidecar/protocols/wire.ts" || specifier === "node:crypto";
  }
  if (path === "udp-sidecar/core/contacts.ts" && /^udp-sidecar\/(sockets\/|uplink)/.test(target)) return false;
  const room = path.split("/", 1)[0]!;
  const aPackage = /^[a-z@]/.test(specifier) && !specifier.startsWith("file:");
  return shared || within(room) || aPackage;
}

// --- reading ---------------------------------------------------------------------------------------------------

/** Every module a source names: `import`, `export from`, `import()` and `require()`, types too. */
function importsOf(text: string): string[] {
  const statement =
    /(?:\b(?:import|export)\b[^;"'`]*?\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(["'`])([^"'`\n]+)\1/g;
  return Array.from(withoutComments(text).matchAll(statement), (match) => match[2]!);
}

/** Comments may speak of what the code may not do. Texts are kept, so that `//` within them begins none. */
function withoutComments(text: string): string {
  const tokens = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(tokens, (_, kept: string | undefined) => kept ?? " ");
}

function sourcesOf(...rooms: string[]): { path: string; text: string }[] {
  return rooms
    .flatMap((room) => readdirSync(ROOT + room, { recursive: true, encoding: "utf8" }).map((file) => `${room}/${file}`))
    .filter((path) => /\.[mc]?[jt]s$/.test(path) && !/(^|\/)node_modules\/|\.test\.[jt]s$|\.d\.ts$/.test(path))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(ROOT + path, "utf8") }));
}
