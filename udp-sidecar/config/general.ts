/** The general settings: the hub, addresses, ports, logging and rate limits. */
import { hostname } from "node:os";
import { canonicalAddress } from "#shared/net/endpoint.ts";
import * as limits from "#shared/limits.ts";
import { SIDECAR_PATTERN } from "#shared/link/decoders.ts";
import { UDP_WIRES, type Wire as WireName } from "#shared/lobby/lobby.ts";
import type { Budget } from "#shared/rate-limit/token-bucket.ts";
import { Secret } from "./secret.ts";
import {
  integer,
  invalid,
  oneOf,
  parseAddressList,
  parseBudget,
  type Parsed,
  type Setting,
  valid,
} from "./settings.ts";

export type Port = { readonly port: number; readonly wires: readonly WireName[]; readonly game: string };

/** A port as configured: without a game it uses PARLEY_GAME. */
export type ConfiguredPort = Omit<Port, "game"> & { readonly game: string | null };

export type GeneralConfig = {
  readonly hub: URL;
  readonly key: Secret;
  readonly name: string;
  readonly region: string;
  readonly addresses: readonly string[];
  readonly listen: readonly string[];
  readonly ports: readonly Port[];
  /** Address of /healthz and /metrics, or null. */
  readonly status: { readonly host: string; readonly port: number } | null;
  readonly log: (typeof LEVELS)[number];
  /** Appended to; empty for standard error. */
  readonly log_file: string;
  readonly receive_buffer_bytes: number;
  readonly udp: "auto" | "dgram";
  readonly contacts_max: number;
  readonly lobbies_per_source_max: number;
  readonly memberships_per_source_max: number;
  readonly stranger: Budget;
  readonly renewal: Budget;
  readonly list: Budget;
  /** STUN responses per source, or null if STUN is off. */
  readonly stun: Budget | null;
  readonly stun_all: Budget;
  readonly local_addresses: (typeof LOCAL_ADDRESSES)[number];
};

const LOCAL_ADDRESSES = ["always", "same-address"] as const;
const LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

export const GENERAL_SETTINGS = {
  hub: {
    env: "PARLEY_HUB",
    fallback: "http://127.0.0.1:8787",
    help: "URL of the hub",
    parse: (text: string) => {
      const url = URL.canParse(text) ? new URL(text) : null;
      return url?.protocol === "http:" || url?.protocol === "https:"
        ? valid(url)
        : invalid("an http:// or https:// URL");
    },
  },
  key: {
    env: "PARLEY_KEY",
    fallback: "",
    help: "sidecar key, one of the hub's SIDECAR_KEYS; required",
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
    help: "unique name of this sidecar; the machine's host name if not set",
    parse: (text: string) =>
      SIDECAR_PATTERN.test(text) ? valid(text) : invalid("1 to 64 letters, digits, dots, hyphens or underscores"),
  },
  region: {
    env: "PARLEY_REGION",
    fallback: "",
    help: "region of this sidecar, as sent to clients",
    parse: (text: string) => (/^[a-z0-9-]{0,16}$/.test(text) ? valid(text) : invalid("at most 16 of a-z 0-9 -")),
  },
  addresses: {
    env: "PARLEY_ADDRESSES",
    fallback: "",
    help: "public IP addresses of this sidecar, comma-separated",
    parse: parseAddressList,
  },
  listen: {
    env: "PARLEY_LISTEN",
    fallback: "0.0.0.0,::",
    help: "local IP addresses to listen on; a reply leaves from the address that got the request if it is listed here",
    parse: (text: string) => {
      const parsed = parseAddressList(text);
      return "value" in parsed && parsed.value.length === 0 ? invalid("at least one IP address") : parsed;
    },
  },
  game: {
    env: "PARLEY_GAME",
    fallback: "default",
    help: "game of the ports without @GAME",
    parse: (text: string) => (limits.GAME_PATTERN.test(text) ? valid(text) : invalid("a game: 1 to 32 of a-z 0-9 -")),
  },
  ports: {
    env: "PARLEY_PORTS",
    fallback: "3478,3479=native,5160=dowsett,8809=noray,57775=rabid",
    help: "UDP ports: PORT[=WIRE+WIRE...][@GAME], comma-separated; a port without wires accepts all of them",
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
    help: `log level: ${LEVELS.join(", ")}`,
    parse: oneOf(LEVELS),
  },
  log_file: {
    env: "PARLEY_LOG_FILE",
    fallback: "",
    help: "file that the log is appended to; standard error if not set",
    parse: (text: string) => valid(text),
  },
  receive_buffer_bytes: {
    env: "PARLEY_RECEIVE_BUFFER_BYTES",
    fallback: String(limits.RECEIVE_BUFFER_BYTES),
    help: "UDP receive buffer requested from the kernel, in bytes per socket",
    parse: integer(4_096, 1_073_741_824),
  },
  udp: {
    env: "PARLEY_UDP",
    fallback: "auto",
    help: "auto: datagrams in batches where the system has the calls; dgram: one by one",
    parse: oneOf(["auto", "dgram"]),
  },
  contacts_max: {
    env: "PARLEY_CONTACTS_MAX",
    fallback: String(limits.CONTACTS_MAX),
    help: "maximum number of members per game on this sidecar",
    parse: integer(1, 10_000_000),
  },
  lobbies_per_source_max: {
    env: "PARLEY_LOBBIES_PER_SOURCE_MAX",
    fallback: String(limits.LOBBIES_PER_SOURCE_MAX),
    help: "maximum number of lobbies that one source (IPv4 address, IPv6 /64) hosts",
    parse: integer(1, 1_000_000),
  },
  memberships_per_source_max: {
    env: "PARLEY_MEMBERSHIPS_PER_SOURCE_MAX",
    fallback: String(limits.MEMBERSHIPS_PER_SOURCE_MAX),
    help: "maximum number of memberships that one source holds",
    parse: integer(1, 1_000_000),
  },
  stranger: {
    env: "PARLEY_STRANGER_RATE",
    fallback: `${limits.UNKNOWN_SOURCE_PER_S}/${limits.UNKNOWN_SOURCE_BURST}`,
    help: "rate limit of requests per source, invalid ones included: PER_SECOND/BURST",
    parse: parseBudget,
  },
  renewal: {
    env: "PARLEY_RENEWAL_RATE",
    fallback: `${limits.RENEWAL_PER_S}/${limits.RENEWAL_BURST}`,
    help: "rate limit of keepalives per member: PER_SECOND/BURST",
    parse: parseBudget,
  },
  list: {
    env: "PARLEY_LIST_RATE",
    fallback: `${limits.LIST_PER_S}/${limits.LIST_BURST}`,
    help: "rate limit of lobby lists over UDP per source: PER_SECOND/BURST",
    parse: parseBudget,
  },
  stun: {
    env: "PARLEY_STUN_RATE",
    fallback: `${limits.STUN_PER_S}/${limits.STUN_BURST}`,
    help: "rate limit of STUN requests per source, on every UDP port: PER_SECOND/BURST, or off",
    parse: (text: string) => (text === "off" ? valid(null) : parseBudget(text)),
  },
  stun_all: {
    env: "PARLEY_STUN_ALL_RATE",
    fallback: `${limits.STUN_ALL_PER_S}/${limits.STUN_ALL_BURST}`,
    help: "rate limit of STUN requests of all sources together: PER_SECOND/BURST",
    parse: parseBudget,
  },
  local_addresses: {
    env: "PARLEY_LOCAL_ADDRESSES",
    fallback: "always",
    help: "which peers get a peer's local address: always; same-address, only peers with the same public address",
    parse: oneOf(LOCAL_ADDRESSES),
  },
} satisfies Record<string, Setting>;

function parsePorts(text: string): Parsed<ConfiguredPort[]> {
  const ports: ConfiguredPort[] = [];
  for (const item of text.split(",")) {
    const match = /^([0-9]{1,5})(?:=([a-z+]+))?(?:@(.+))?$/.exec(item.trim());
    const port = Number(match?.[1]);
    const wires = match?.[2]?.split("+") ?? UDP_WIRES;
    const game = match?.[3] ?? null;
    const isValid =
      port >= 1 &&
      port <= 65_535 &&
      wires.every((word): word is WireName => UDP_WIRES.some((wire) => wire === word)) &&
      new Set(wires).size === wires.length &&
      (game === null || limits.GAME_PATTERN.test(game)) &&
      !ports.some((other) => other.port === port);
    if (!isValid)
      return invalid(
        `PORT[=WIRE+WIRE][@GAME] with wires of ${UDP_WIRES.join(", ")} and each port once, got ${item.trim()}`,
      );
    ports.push({ port, wires, game });
  }
  return valid(ports);
}
