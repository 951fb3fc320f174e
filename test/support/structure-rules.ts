/** The rules that the structure of the sources follows. Each function returns the violations, as one line each. */
import { posix } from "node:path";
import { importedFiles, importsOf, type Source, withoutComments } from "./source-text.ts";

const CLIENT = "clients/typescript/src";

/** Folders and files whose code has no clock, timer, randomness or platform: callers pass the time and send the bytes. */
const PURE = [
  "shared/",
  "udp-sidecar/core/",
  "udp-sidecar/lists/",
  "udp-sidecar/nohub/",
  "udp-sidecar/noray/",
  "udp-sidecar/protocols/",
  "udp-sidecar/relay/",
  "udp-sidecar/link/outbox.ts",
  ...["records", "engine", "cookies", "endpoint-claims", "sessions", "der"].map(
    (name) => `udp-sidecar/sockets/dtls/${name}.ts`,
  ),
  ...["punch", "secure", "path", "messages"].map((folder) => `${CLIENT}/${folder}/`),
];

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

/** Reads the wall clock, which may step at any time. */
const WALL_CLOCK = new RegExp(
  [String.raw`\bDate\s*(\?\.|\.|\[\s*["'\`])\s*now\b`, String.raw`\bnew\s+Date\b(?!\s*\(\s*[^)\s])`].join("|"),
  "g",
);
/** Only these files deal with C. */
const FFI_FILES = new Set(["udp-sidecar/sockets/dtls/openssl-ffi.ts", "udp-sidecar/sockets/udp/libc.ts"]);

/** Durations in these folders use a monotonic clock. The hub is not among them: its rows outlive its process. */
const MONOTONIC = ["udp-sidecar/", `${CLIENT}/`, "worker/site/"];
/** Each reads the wall clock to show a time, or to compare it with a stored or signed one. */
const WALL_CLOCK_FILES = new Set([
  "udp-sidecar/time/wall-clock.ts",
  "worker/site/list/lobby-table.js",
  `${CLIENT}/lobby/proofs.ts`,
]);

const SOCKET_FOLDERS = ["udp-sidecar/sockets/", "udp-sidecar/hub-requests/"];
const SOCKETS = /^(node:)?(dgram|net|http|https|http2|tls|ws)$/;

/**
 * The order of each room, lowest first. A file imports from its own layer and from lower ones. The longest entry that
 * a path starts with decides; the files of one entry, its subfolders included, are kept in order by the circle rule.
 */
const LAYERS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  shared: [
    ["version.ts", "limits", "refusals"],
    ["net/"],
    ["text/"],
    ["schema/"],
    ["rate-limit/"],
    ["lobby/"],
    ["auth/"],
    ["settings/"],
    ["listing/summary.ts"],
    [
      "api/bans.ts",
      "api/hosting.ts",
      "api/identity.ts",
      "api/lobbies.ts",
      "api/moderation/",
      "api/service.ts",
      "api/snapshots.ts",
    ],
    ["connect/"],
    ["api/views.ts"],
    ["link/", "listing/"],
    ["api/"],
    ["subscriptions/"],
  ],
  worker: [
    ["lists/", "problem.ts", "storage-fault.ts"],
    ["rpc.ts"],
    ["env.ts"],
    ["auth/"],
    ["http/", "hub/", "registry.ts", "site/"],
    ["index.ts"],
  ],
  "udp-sidecar": [
    ["hub-requests/"],
    ["time/"],
    ["protocols/"],
    ["config/"],
    ["lists/"],
    ["core/"],
    ["relay/", "link/"],
    ["noray/", "nohub/"],
    ["sockets/dtls/"],
    ["sockets/"],
    ["relay-service.ts", "repeat-timer.ts"],
    ["game.ts"],
    ["tcp-ports.ts"],
    ["sidecar.ts"],
    ["main.ts"],
    ["packaged/"],
  ],
  [CLIENT]: [
    ["api/types.ts"],
    ["util/"],
    ["variant/"],
    ["secure/"],
    ["punch/"],
    ["path/"],
    ["api/"],
    ["probe/"],
    ["connect/"],
    ["lobby/"],
    ["webrtc/"],
    ["node/", "web/"],
    ["messages/"],
    ["steam/", "rabid/", "dowsett/"],
    ["index.ts", "browser.ts"],
  ],
  tools: [["command-line.ts"], ["run/"], ["generate/"], ["doctor/"], ["checks/"], [""]],
  bench: [[""]],
};

const LINES_MAX = 300;
const FILES_PER_FOLDER_MAX = 14;
const FLAT_FILES_MAX = 6;

const VAGUE =
  /\bexport\s+(?:default\s+)?(?:async\s+)?(?:function\s*\*?|const|let)\s+(hear|tell|say|take|judge|look)\b/g;

/** Identifiers that were replaced by the field's terms. */
const OLD_NAMES = [
  "askHub DOORS onceOf throughAll needsGame needsPeer mayShowPeer needsOperator saysCost payerOf showsSidecarKey",
  "Gatekeeper mayGuess barOf bodyOf changesOf entryOf Keeper homeOf Doings Sights OfficePage isOnShow goesOn pingedAt",
  "consentOf strangerRefusal NoGrant provedReach freshOf randomText makePeer machineReadable sayLine",
  "expectedBy hostAgain Tolls Toll Payer HOUSEHOLD_FACTOR Shelves Shelf lineNews goneNews isSealed natWord",
  "Desk Means Switchboard Caller NOBODY isNews Notary Uplink Speech Lane Took Beginnings Teller Questions Seat",
  "Partials Pieces Wish House LabHouse Town",
]
  .join(" ")
  .split(" ");
const OLD_NAME = new RegExp(String.raw`\b(${OLD_NAMES.join("|")})\b`, "g");

/** Imports across rooms and of packages that the folder may not have, and impure code in pure folders. */
export function importViolations(path: string, text: string): string[] {
  const imports = importsOf(text).filter((specifier) => !mayImport(path, specifier));
  const isPure = PURE.some((entry) => path.startsWith(entry));
  const words = isPure ? (withoutComments(text).match(IMPURE) ?? []) : [];
  return [
    ...imports.map((specifier) => `${path} may not import ${specifier}`),
    ...[...new Set(words)].map((word) => `${path} is pure and may not use ${word}`),
  ];
}

/** Uses of the wall clock where a duration must not depend on it. */
export function wallClockUses(path: string, text: string): string[] {
  if (!MONOTONIC.some((folder) => path.startsWith(folder)) || WALL_CLOCK_FILES.has(path)) return [];
  const uses = withoutComments(text).match(WALL_CLOCK) ?? [];
  return [...new Set(uses)].map((use) => `${path} uses ${use}, which is not monotonic`);
}

function mayImport(path: string, specifier: string): boolean {
  const relative = specifier.startsWith(".");
  const target = relative ? posix.join(posix.dirname(path), specifier) : specifier;
  const within = (folder: string): boolean => relative && target.startsWith(`${folder}/`);
  const shared = specifier.startsWith("#shared/");

  if (path.startsWith("shared/")) return within("shared");
  if (path.startsWith("worker/site/")) return within("worker/site");
  // The client is published alone and has no dependency.
  if (path.startsWith(`${CLIENT}/`)) return within(CLIENT) || specifier.startsWith("node:");
  // The contract between the Worker and the Durable Object is worker/rpc.ts.
  if (path.startsWith("worker/http/") && within("worker/hub")) return false;
  if (path.startsWith("worker/hub/") && within("worker/http")) return false;
  // Code that calls C can corrupt memory: few files may.
  if (specifier === "koffi") return FFI_FILES.has(path);
  if (SOCKETS.test(specifier)) return SOCKET_FOLDERS.some((folder) => path.startsWith(folder));
  if (path.startsWith("udp-sidecar/protocols/")) {
    // A wire knows no other wire; its own files begin with its name.
    const [wire] = posix.basename(path, ".ts").split("-");
    const isOwn = within("udp-sidecar/protocols") && posix.basename(target).startsWith(`${wire}-`);
    // trimsock is the framing of several wires.
    const isCommon = ["wire.ts", "trimsock.ts"].includes(posix.relative("udp-sidecar/protocols", target));
    return shared || isOwn || isCommon || specifier === "node:crypto";
  }
  if (path.startsWith("udp-sidecar/core/") && (within("udp-sidecar/sockets") || within("udp-sidecar/link"))) {
    return false;
  }
  const room = path.split("/", 1)[0]!;
  const isPackage = /^[a-z@]/.test(specifier) && !specifier.startsWith("file:");
  return shared || within(room) || isPackage;
}

/** Each circle once, from its first file in alphabetical order. */
export function circles(sources: readonly Source[]): string[] {
  const files = new Map(sources.map((source) => [source.path, importedFiles(source)]));
  const found = new Set<string>();
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      const circle = trail.slice(start);
      const first = circle.indexOf(circle.toSorted()[0]!);
      const turned = [...circle.slice(first), ...circle.slice(0, first)];
      found.add([...turned, turned[0]].join(" -> "));
      return;
    }
    if (finished.has(path)) return;
    for (const next of files.get(path) ?? []) visit(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of files.keys()) visit(path, []);
  return [...found];
}

export function upwardImports(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const own = placeOf(source.path);
    if (own === null) return [`${source.path} has no place in the order of its room`];
    return importedFiles(source).flatMap((target) => {
      const place = placeOf(target);
      const isUpward = place !== null && place.room === own.room && place.layer > own.layer;
      return isUpward ? [`${source.path} imports ${target}`] : [];
    });
  });
}

function placeOf(path: string): { readonly room: string; readonly layer: number } | null {
  const room = Object.keys(LAYERS).find((name) => path.startsWith(`${name}/`));
  if (room === undefined) return null;
  const inRoom = path.slice(room.length + 1);
  let best = { length: -1, layer: -1 };
  for (const [layer, entries] of LAYERS[room]!.entries()) {
    for (const entry of entries) {
      if (inRoom.startsWith(entry) && entry.length > best.length) best = { length: entry.length, layer };
    }
  }
  return best.layer < 0 ? null : { room, layer: best.layer };
}

export function longFiles(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const lines = text.split("\n").length - 1;
    const isGenerated = /^\/\*\*.*\bGenerated from\b/.test(text);
    return lines > LINES_MAX && !isGenerated ? [`${path} has ${lines} lines`] : [];
  });
}

export function crowdedFolders(sources: readonly Source[]): string[] {
  const counts = new Map<string, number>();
  for (const { path } of sources) counts.set(posix.dirname(path), (counts.get(posix.dirname(path)) ?? 0) + 1);
  return [...counts].flatMap(([folder, count]) =>
    count > FILES_PER_FOLDER_MAX ? [`${folder} has ${count} source files`] : [],
  );
}

export function flatFiles(room: string, sources: readonly Source[]): string[] {
  const count = sources.filter(({ path }) => posix.dirname(path) === room).length;
  return count > FLAT_FILES_MAX ? [`${room} has ${count} source files beside its folders`] : [];
}

/** Functions must say what they do. */
export function vagueExports(path: string, text: string): string[] {
  return Array.from(withoutComments(text).matchAll(VAGUE), ([, name]) => `${path} exports ${name}`);
}

export function oldNames(path: string, text: string): string[] {
  return [...new Set(withoutComments(text).match(OLD_NAME))].map((name) => `${path} uses ${name}`);
}
