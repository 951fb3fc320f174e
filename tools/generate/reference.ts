/**
 * `node tools/generate/reference.ts`: writes docs/reference/limits.md and settings.md from shared/limits.ts and
 * `.env.example`. A test compares them, so that the pages cannot drift from the code.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import * as limits from "#shared/limits.ts";
import { parseCommandLine } from "../command-line.ts";

const HELP = `
Usage: npx node tools/generate/reference.ts

Writes docs/reference/limits.md and settings.md from shared/limits.ts and .env.example.
`;

const ROOT = resolve(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

const count = (value: number): string => value.toLocaleString("en");
const size = (bytes: number): string =>
  bytes >= 1_073_741_824
    ? `${bytes / 1_073_741_824} GiB`
    : bytes >= 1_048_576
      ? `${bytes / 1_048_576} MiB`
      : kib(bytes);
const kib = (bytes: number): string => (bytes % 1_024 === 0 ? `${bytes / 1_024} KiB` : `${count(bytes)} bytes`);
const rate = (per_s: number, burst: number): string => `${count(per_s)}/s, ${count(burst)} at once`;

/** What users and operators run into, by where it is. */
const ROWS: readonly (readonly [what: string, limit: string, effect: string])[] = [
  ["contacts of a game on a sidecar", count(limits.CONTACTS_MAX), "new peers get no reply"],
  ["lobbies of one source on a sidecar", count(limits.LOBBIES_PER_SOURCE_MAX), "no reply"],
  ["seats of one source on a sidecar", count(limits.MEMBERSHIPS_PER_SOURCE_MAX), "no reply"],
  ["requests and errors of one source", rate(limits.UNKNOWN_SOURCE_PER_S, limits.UNKNOWN_SOURCE_BURST), "no reply"],
  ["pings of one member", rate(limits.RENEWAL_PER_S, limits.RENEWAL_BURST), "no reply"],
  ["STUN responses to one source", rate(limits.STUN_PER_S, limits.STUN_BURST), "no reply"],
  ["STUN responses to all sources", rate(limits.STUN_ALL_PER_S, limits.STUN_ALL_BURST), "no reply"],
  [
    "lists over UDP to one source",
    `${rate(limits.LIST_PER_S, limits.LIST_BURST)}, ${count(limits.LIST_REPLY_BYTES_MAX)} bytes each`,
    "no reply",
  ],
  ["sources remembered", count(limits.SOURCES_MAX), "new sources share one budget"],
  [
    "noray connections; of one source",
    `${count(limits.NORAY_CONNECTIONS_MAX)}; ${count(limits.NORAY_CONNECTIONS_PER_SOURCE_MAX)}`,
    "closed at once",
  ],
  ["a noray connection without a host", `${limits.NORAY_REGISTER_MS / 1_000} s`, "closed; the oldest one makes room"],
  ["noray lookups of one source", rate(limits.NORAY_LOOKUP_PER_S, limits.NORAY_LOOKUP_BURST), "`error busy`"],
  ["a noray line", size(limits.NORAY_LINE_BYTES_MAX), "the rest is discarded"],
  ["pending requests of one noray connection", count(limits.NORAY_PENDING_MAX), "`error busy`"],
  [
    "DTLS sessions; of one source",
    `${count(limits.DTLS_SESSIONS_MAX)}; ${count(limits.DTLS_PER_SOURCE_MAX)}`,
    "no reply after the cookie",
  ],
  ["DTLS handshakes at once", count(limits.DTLS_HANDSHAKES_MAX), "the oldest one is dropped"],
  [
    "reports queued for a hub; of non-members",
    `${count(limits.OUTBOX_REPORTS_MAX)}; ${count(limits.OUTBOX_QUESTIONS_MAX)}`,
    "non-members' reports are dropped first, then new peers get no reply",
  ],
  ["relayed pairs of one source", count(limits.RELAY_SLOTS_PER_SOURCE_MAX), "no relay"],
  [
    "relayed bytes of a side; a source; a game",
    [limits.RELAY_SIDE_PER_S, limits.RELAY_SOURCE_PER_S, limits.RELAY_GAME_PER_S].map((n) => `${size(n)}/s`).join("; "),
    "dropped, and reported once",
  ],
  [
    "one relayed pair: bytes; lifetime; silence",
    `${size(limits.RELAY_BYTES_MAX)}; ${limits.RELAY_LIFETIME_S / 3_600} h; ${limits.RELAY_IDLE_S} s`,
    "the allocation ends",
  ],
  ["tunnels; of one source", `${count(limits.TUNNELS_MAX)}; ${count(limits.TUNNELS_PER_SOURCE_MAX)}`, "closed at once"],
  [
    "lobbies of one hub; of wires",
    `${count(limits.LOBBIES_PER_HUB_MAX)}; ${count(limits.WIRE_LOBBIES_PER_HUB_MAX)}`,
    "no reply; over HTTP 503 `hub_full`",
  ],
  [
    "lobbies hosted by a peer; its seats; in one hub",
    `${limits.LOBBIES_PER_PEER_MAX}; ${limits.SEATS_PER_PEER_MAX}`,
    "429 `quota_exceeded`",
  ],
  [
    "announcements of a game",
    `1 in ${Math.round(1 / limits.ANNOUNCEMENTS_PER_S)} s, ${limits.ANNOUNCEMENTS_BURST} at once`,
    "429 `rate_limited`",
  ],
  ["seats of a lobby", count(limits.SEATS_MAX), "400 `invalid_request`"],
  ["applicants of a lobby", count(limits.APPLICANTS_PER_LOBBY_MAX), "409 `too_many_applicants`"],
  [
    "data of a lobby; of a member",
    `${size(limits.DATA_BYTES_MAX)} in ${limits.DATA_KEYS_MAX} keys; ${size(limits.MEMBER_DATA_BYTES_MAX)}`,
    "409 `data_limit`",
  ],
  ["a request body; its nesting", `${size(limits.BODY_BYTES_MAX)}; ${limits.BODY_DEPTH_MAX}`, "413; 400"],
  [
    "a list request: predicates; orders; entries per page",
    `${limits.PREDICATES_MAX}; ${limits.ORDER_KEYS_MAX}; ${limits.PAGE_MAX}`,
    "400 `invalid_request`",
  ],
  [
    "connections of one hub; open ones of one peer",
    `${count(limits.CONNECTIONS_MAX)}; ${limits.CONNECTIONS_PER_PEER_MAX}`,
    "finished ones make room; 503 `hub_unavailable`; 429 `quota_exceeded`",
  ],
];

const RATE_CLASSES = Object.entries(limits.RATE_LIMIT_BUDGETS).map(
  ([name, { per_s, burst }]) =>
    `| \`${name}\` | ${burst} at once | ${per_s >= 1 ? `${per_s}/s` : `1 in ${Math.round(1 / per_s)} s`} |`,
);

/** The constants of each file that shared/limits.ts exports, each with its comment. */
function constants(): string {
  const files = Array.from(read("shared/limits.ts").matchAll(/"\.\/limits\/([\w-]+)\.ts"/g), ([, name]) => name);
  const head = "| constant | value | meaning |\n| --- | --- | --- |";
  return files.map((file) => `### ${file}\n\n${head}\n${rowsOf(`shared/limits/${file}.ts`).join("\n")}`).join("\n\n");
}

function rowsOf(file: string): string[] {
  // A comment belongs to the constants below it, up to the next comment.
  const parts = read(file).matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/|^export const (\w+)/gm);
  const rows: string[] = [];
  let comment = "";
  for (const [, text, name] of parts) {
    if (text !== undefined) comment = text.replaceAll(/\s*\n \* ?/g, " ").trim();
    const value = name === undefined ? undefined : (limits as Record<string, unknown>)[name];
    if (typeof value !== "number" && !(value instanceof RegExp)) continue;
    const shown = typeof value === "number" ? count(value) : `\`${value.source}\``;
    rows.push(`| \`${name}\` | ${cell(shown)} | ${cell(comment)} |`);
    comment = "";
  }
  return rows;
}

const cell = (text: string): string => text.replaceAll("|", String.raw`\|`);

const NOTE = "<!-- generated: node tools/generate/reference.ts -->";

export const limitsPage = (): string => `# Limits

${NOTE}

Every table and queue is bounded. A limit drops and counts; it never ends the process. A *source* is an IPv4 address or an IPv6
/64. [Settings](settings.md) change many of these; the values here are the defaults.

| what | limit | when it is exceeded |
| --- | --- | --- |
${ROWS.map((row) => `| ${row.join(" | ")} |`).join("\n")}

## Rate limits of the HTTP API

Per peer; [HTTP](http.md#rate-limits) explains what each class applies to.

| class | budget | refill |
| --- | --- | --- |
${RATE_CLASSES.join("\n")}

## All constants

From [shared/limits](../../shared/limits.ts). The unit is at the end of the name. An empty meaning is that of the row above.

${constants()}
`;

/** Each setting of .env.example: its comment is the line above. */
function sidecarSettings(): string {
  const lines = read(".env.example").split("\n");
  return lines
    .flatMap((line, at) => {
      const [, name, value] = /^(?:# )?(PARLEY_[A-Z_]+)=(.*)$/.exec(line) ?? [];
      if (name === undefined) return [];
      const flag = name.slice("PARLEY_".length).toLowerCase().replaceAll("_", "-");
      const cells = [
        `\`${name}\``,
        value === "" ? "" : `\`${value}\``,
        (lines[at - 1] ?? "").slice(2),
        `\`--${flag}\``,
      ];
      return [`| ${cells.map(cell).join(" | ")} |`];
    })
    .join("\n");
}

export const settingsPage = (): string => `# Settings

${NOTE}

## The sidecar

Settings are environment variables or flags. A flag takes precedence over the environment, and the environment over a \`.env\` file
in the working directory. [.env.example](../../.env.example) has all of them with their defaults.

\`\`\`sh
npx node udp-sidecar/main.ts --help
PARLEY_KEY=... npx node udp-sidecar/main.ts --hub https://hub.example --addresses 203.0.113.5
\`\`\`

| variable | default | meaning | flag |
| --- | --- | --- | --- |
${sidecarSettings()}

## The hub

On Cloudflare, variables are in [wrangler.toml](../../wrangler.toml) and secrets are set with \`npx wrangler secret put NAME\`. In
plain workerd, all of them are environment variables.

| variable | default | meaning |
| --- | --- | --- |
| \`SIDECAR_KEYS\` | required | secret: the key that sidecars show, at least ${limits.KEY_LENGTH_MIN} characters; two, comma-separated, while it is replaced |
| \`TOKEN_KEYS\` | required | secret: signs peers' tokens, at least ${limits.TOKEN_KEY_LENGTH_MIN} characters; the first of two signs, both verify |
| \`HUB_LISTEN\` | \`127.0.0.1:8787\` | plain workerd: the listening address, ADDRESS:PORT |
| \`HUB_STATE\` | \`.parley-hub\` | plain workerd: the folder of the rows |
| \`ADMIN_KEYS\` | none | secret: enables the admin routes; entries \`KEY\` or \`ROLE@GAME+GAME:KEY\`, comma-separated, a key of at least ${limits.KEY_LENGTH_MIN} characters ([operators](http.md#operators)); without it they return 401 |
| \`GAMES\` | \`*\` | the games that are served, comma-separated; \`*\` serves any name and gives a game its own hub when it is first hosted |
| \`REPORTS_WEBHOOK\`, \`REPORTS_KEY\` | none | where [reports of players](http.md#reports) are sent, an https URL; secret: the key that signs them, at least ${limits.KEY_LENGTH_MIN} characters |
| \`IDENTITY\`, \`IDENTITY_KEY\` | none | secret: the [providers of identities](../guides/identity.md) of each game, as JSON; secret: derives their peer ids, at least ${limits.TOKEN_KEY_LENGTH_MIN} characters. It must never change |
| \`NAMES_DENIED\` | none | words that no name of a lobby or member may contain, comma-separated |
| \`HUB_SHARDS\` | \`1\` | hubs per game, 1 to ${limits.SHARDS_MAX}; one serves about 5,000 concurrent players. While it changes, the new and the former number, \`4,2\` ([more hubs](../operate/operate.md#more-or-fewer-hubs)) |
| \`LOCATION_HINT\` | near the first caller | where Cloudflare places new hubs: wnam, enam, sam, weur, eeur, apac, oc, afr, me |
| \`EDGE_CACHE\` | \`on\` | each Cloudflare location keeps anonymous lists and lobbies for up to two seconds. On custom domains only; \`off\` turns it off |
| \`SOURCE_HEADER\` | \`CF-Connecting-IP\` | header with the client's address, set by a trusted proxy. If empty, only tokens have rate limits |
| \`RATE_LIMITS\` | see [limits](limits.md) | budgets that differ: \`list=2/10,create=0.25/1\` (per second / at once), or \`off\` |
| \`TURN_URLS\` | none | TURN servers for [browsers](../operate/operate.md#turn-for-browsers), comma-separated: \`turn:turn.example.com:3478?transport=udp\` |
| \`TURN_SECRET\` | none | secret: what those servers share with the hub, coturn's \`static-auth-secret\`, at least ${limits.KEY_LENGTH_MIN} characters |
`;

if (import.meta.main) {
  parseCommandLine(HELP, {}, () => {});
  writeFileSync(join(ROOT, "docs/reference/limits.md"), limitsPage());
  writeFileSync(join(ROOT, "docs/reference/settings.md"), settingsPage());
}
