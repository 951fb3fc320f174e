/**
 * Settings: one table, from which come parsing, `--help` and the check of `.env.example`. A flag wins over the
 * environment, the environment over the default. All problems are reported together, by name.
 */
import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { canonicalAddress } from "#shared/net/endpoint.ts";
import * as limits from "#shared/limits.ts";
import { SIDECAR_PATTERN } from "#shared/link/messages.ts";
import { type Wire as WireName, WIRES } from "#shared/lobby/lobby.ts";
import type { Budget } from "#shared/rate-limit/token-bucket.ts";
import { DTLS_SETTINGS, type DtlsConfig } from "./dtls.ts";
import { RELAY_SETTINGS, type RelayConfig } from "./relay.ts";
import { NORAY_SETTINGS, type NorayAddress, type NorayConfig, resolveNoray } from "./noray.ts";
import { Secret } from "./secret.ts";
import {
  parseAddressList,
  invalid,
  parseBudget,
  type Environment,
  valid,
  type Parsed,
  readEnvironment,
  type Setting,
  integer,
  oneOf,
} from "./settings.ts";

export type Port = { readonly port: number; readonly wires: readonly WireName[]; readonly game: string };

export type Config = RelayConfig &
  DtlsConfig &
  NorayConfig & {
    readonly hub: URL;
    readonly key: Secret;
    readonly name: string;
    readonly region: string;
    readonly addresses: readonly string[];
    readonly listen: readonly string[];
    readonly ports: readonly Port[];
    /** Where health and metrics are served, or null. */
    readonly status: { readonly host: string; readonly port: number } | null;
    readonly log: (typeof LEVELS)[number];
    readonly receive_buffer_bytes: number;
    readonly contacts_max: number;
    readonly lobbies_per_source_max: number;
    readonly memberships_per_source_max: number;
    readonly stranger: Budget;
    readonly renewal: Budget;
    readonly list: Budget;
    /** STUN's answers to one source, or null where it is not spoken. */
    readonly stun: Budget | null;
    readonly stun_all: Budget;
    readonly local_addresses: (typeof LOCAL_ADDRESSES)[number];
  };

const LOCAL_ADDRESSES = ["always", "same-address"] as const;
const LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** Names of flags are the keys with hyphens: `--receive-buffer-bytes`. */
const SETTINGS = {
  hub: {
    env: "PARLEY_HUB",
    fallback: "http://127.0.0.1:8787",
    help: "URL of the hub",
    parse: (text: string) => {
      const url = URL.canParse(text) ? new URL(text) : null;
      return url?.protocol === "http:" || url?.protocol === "https:" ? valid(url) : invalid("an http:// or https:// URL");
    },
  },
  key: {
    env: "PARLEY_KEY",
    fallback: "",
    help: "sidecar key, one of the hub's SIDECAR_KEYS; has no default",
    parse: (text: string) =>
      /^[\x21-\x2b\x2d-\x7e]{1,512}$/.test(text)
        ? valid(new Secret(text))
        : invalid("the sidecar key: no spaces, no commas"),
  },
  name: {
    env: "PARLEY_NAME",
    fallback:
      hostname()
        .replaceAll(/[^A-Za-z0-9._-]/g, "-")
        .slice(0, 64) || "sidecar",
    help: "name of this sidecar, unlike that of every other one; the host's name unless set",
    parse: (text: string) =>
      SIDECAR_PATTERN.test(text) ? valid(text) : invalid("1 to 64 letters, digits, dots, hyphens or underscores"),
  },
  region: {
    env: "PARLEY_REGION",
    fallback: "",
    help: "where it stands, as told to clients",
    parse: (text: string) => (/^[a-z0-9-]{0,16}$/.test(text) ? valid(text) : invalid("at most 16 of a-z 0-9 -")),
  },
  addresses: {
    env: "PARLEY_ADDRESSES",
    fallback: "",
    help: "public IP addresses under which players reach it, comma-separated",
    parse: parseAddressList,
  },
  listen: {
    env: "PARLEY_LISTEN",
    fallback: "0.0.0.0,::",
    help: "local IP addresses to listen on; answers leave from the one that was asked if it is named here",
    parse: (text: string) => {
      const parsed = parseAddressList(text);
      return "value" in parsed && parsed.value.length === 0 ? invalid("at least one IP address") : parsed;
    },
  },
  game: {
    env: "PARLEY_GAME",
    fallback: "default",
    help: "game of the ports that name none",
    parse: (text: string) => (limits.GAME_PATTERN.test(text) ? valid(text) : invalid("a game: 1 to 32 of a-z 0-9 -")),
  },
  ports: {
    env: "PARLEY_PORTS",
    fallback: "3478,3479=native,5160=dowsett,8809=noray,57775=rabid",
    help: "UDP ports: PORT[=WIRE+WIRE...][@GAME], comma-separated; without wires a port speaks all of them",
    parse: parsePorts,
  },
  status: {
    env: "PARLEY_STATUS",
    fallback: "127.0.0.1:9464",
    help: "ADDRESS:PORT of /healthz and /metrics, or off",
    parse: (text: string) => {
      if (text === "off") return valid(null);
      const match = /^\[?([0-9A-Fa-f.:]+?)\]?:([0-9]{1,5})$/.exec(text);
      const host = match === null ? null : canonicalAddress(match[1]!);
      const port = Number(match?.[2]);
      return host === null || port < 1 || port > 65_535 ? invalid("ADDRESS:PORT, or off") : valid({ host, port });
    },
  },
  log: {
    env: "PARLEY_LOG",
    fallback: "info",
    help: `how much to log: ${LEVELS.join(", ")}`,
    parse: oneOf(LEVELS),
  },
  receive_buffer_bytes: {
    env: "PARLEY_RECEIVE_BUFFER_BYTES",
    fallback: String(limits.RECEIVE_BUFFER_BYTES),
    help: "UDP receive buffer asked of the kernel, per socket",
    parse: integer(4_096, 1_073_741_824),
  },
  contacts_max: {
    env: "PARLEY_CONTACTS_MAX",
    fallback: String(limits.CONTACTS_MAX),
    help: "members one game may have here at once",
    parse: integer(1, 10_000_000),
  },
  lobbies_per_source_max: {
    env: "PARLEY_LOBBIES_PER_SOURCE_MAX",
    fallback: String(limits.LOBBIES_PER_SOURCE_MAX),
    help: "lobbies one source (IPv4 address, IPv6 /64) may host at once",
    parse: integer(1, 1_000_000),
  },
  memberships_per_source_max: {
    env: "PARLEY_MEMBERSHIPS_PER_SOURCE_MAX",
    fallback: String(limits.MEMBERSHIPS_PER_SOURCE_MAX),
    help: "places one source may hold at once",
    parse: integer(1, 1_000_000),
  },
  stranger: {
    env: "PARLEY_STRANGER_RATE",
    fallback: `${limits.UNKNOWN_SOURCE_PER_S}/${limits.UNKNOWN_SOURCE_BURST}`,
    help: "requests and mistakes answered per source: PER_SECOND/AT_ONCE",
    parse: parseBudget,
  },
  renewal: {
    env: "PARLEY_RENEWAL_RATE",
    fallback: `${limits.RENEWAL_PER_S}/${limits.RENEWAL_BURST}`,
    help: "pings answered per member: PER_SECOND/AT_ONCE",
    parse: parseBudget,
  },
  list: {
    env: "PARLEY_LIST_RATE",
    fallback: `${limits.LIST_PER_S}/${limits.LIST_BURST}`,
    help: "lists said over UDP per source: PER_SECOND/AT_ONCE",
    parse: parseBudget,
  },
  stun: {
    env: "PARLEY_STUN_RATE",
    fallback: `${limits.STUN_PER_S}/${limits.STUN_BURST}`,
    help: "STUN questions answered per source, on every UDP port: PER_SECOND/AT_ONCE, or off",
    parse: (text: string) => (text === "off" ? valid(null) : parseBudget(text)),
  },
  stun_all: {
    env: "PARLEY_STUN_ALL_RATE",
    fallback: `${limits.STUN_ALL_PER_S}/${limits.STUN_ALL_BURST}`,
    help: "STUN questions answered to all sources together: PER_SECOND/AT_ONCE",
    parse: parseBudget,
  },
  local_addresses: {
    env: "PARLEY_LOCAL_ADDRESSES",
    fallback: "always",
    help: "who is told a peer's address in its own network: always, or same-address, those at its public address",
    parse: oneOf(LOCAL_ADDRESSES),
  },
  ...RELAY_SETTINGS,
  ...DTLS_SETTINGS,
  ...NORAY_SETTINGS,
} satisfies Record<string, Setting>;

type Key = keyof typeof SETTINGS;
const KEYS = Object.keys(SETTINGS) as Key[];
const flagOf = (key: Key): string => key.replaceAll("_", "-");

/** The configuration, or every problem with it, one sentence each. Values of secrets are never repeated. */
export function parseConfig(
  argv: readonly string[],
  env: Environment,
): { readonly config: Config } | { readonly problems: readonly string[] } {
  const problems: string[] = [];
  const flags = parseFlags(argv, problems);
  const values: Partial<Record<Key, unknown>> = {};
  for (const key of KEYS) {
    const setting: Setting = SETTINGS[key];
    const flag = flags[flagOf(key)];
    const parsed = setting.parse(flag ?? readEnvironment(setting, env) ?? setting.fallback);
    if ("value" in parsed) values[key] = parsed.value;
    else problems.push(`${flag === undefined ? setting.env : `--${flagOf(key)}`}: ${parsed.expected} expected`);
  }
  const known = new Set(KEYS.map((key) => SETTINGS[key].env));
  for (const name of Object.keys(env)) {
    if (name.startsWith("PARLEY_") && !known.has(name)) problems.push(`${name}: no such setting`);
  }
  if (problems.length > 0) return { problems };
  type Written = { game: string; ports: (Omit<Port, "game"> & { game: string | null })[]; noray: NorayAddress };
  const { game, ports, noray: at, ...rest } = values as Written;
  const bound = ports.map((port) => ({ ...port, game: port.game ?? game }));
  const speaking = bound.filter(({ wires }) => wires.includes("noray"));
  const noray = resolveNoray(
    at,
    speaking.map((port) => port.game),
  );
  if (noray !== null && "problem" in noray) return { problems: [noray.problem] };
  return { config: { ...(rest as Omit<Config, "ports" | "noray">), ports: bound, noray } };
}

/** The reference of all settings: what `--help` prints. */
export function helpText(): string {
  const lines = KEYS.flatMap((key) => {
    const { env, fallback, help: says } = SETTINGS[key];
    const shown = key === "name" || fallback === "" ? "" : ` (default ${fallback})`;
    return [`  --${flagOf(key)} VALUE, ${env}=VALUE`, `        ${says}${shown}`];
  });
  return [
    "Usage: node udp-sidecar/main.ts [--SETTING VALUE ...]",
    "",
    ...lines,
    "",
    "  --firewall",
    "        prints what a firewall must let in for these settings, and ends",
    "  --help",
    "        this text",
    "",
  ].join("\n");
}

/** Every setting by its environment name, with its default: what `.env.example` must say. */
export const defaults = (): Map<string, string> =>
  new Map(KEYS.map((key) => [SETTINGS[key].env, SETTINGS[key].fallback]));

function parseFlags(argv: readonly string[], problems: string[]): Record<string, string> {
  const options = Object.fromEntries(KEYS.map((key) => [flagOf(key), { type: "string" as const }]));
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const flags: Record<string, string> = {};
  for (const token of tokens ?? []) {
    // It may be half of a key with a space in it, so it is not repeated.
    if (token.kind === "positional") problems.push("a value that belongs to no setting");
    if (token.kind !== "option") continue;
    if (!Object.hasOwn(options, token.name)) problems.push(`${token.rawName}: no such setting`);
    else if (token.value === undefined) problems.push(`${token.rawName}: a value expected`);
    else flags[token.name] = token.value;
  }
  return flags;
}

function parsePorts(text: string): Parsed<(Omit<Port, "game"> & { game: string | null })[]> {
  const ports: (Omit<Port, "game"> & { game: string | null })[] = [];
  for (const item of text.split(",")) {
    const match = /^([0-9]{1,5})(?:=([a-z+]+))?(?:@(.+))?$/.exec(item.trim());
    const port = Number(match?.[1]);
    const wires = match?.[2]?.split("+") ?? WIRES;
    const game = match?.[3] ?? null;
    const right =
      port >= 1 &&
      port <= 65_535 &&
      wires.every((word): word is WireName => WIRES.some((wire) => wire === word)) &&
      new Set(wires).size === wires.length &&
      (game === null || limits.GAME_PATTERN.test(game)) &&
      !ports.some((other) => other.port === port);
    if (!right)
      return invalid(
        `PORT[=WIRE+WIRE][@GAME] with wires of ${WIRES.join(", ")}, each port once, instead of ${item.trim()},`,
      );
    ports.push({ port, wires, game });
  }
  return valid(ports);
}
