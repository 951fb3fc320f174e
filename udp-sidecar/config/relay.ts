/** The settings of the relay and its tunnels. */
import * as limits from "#shared/limits.ts";
import type { Budget } from "#shared/rate-limit/token-bucket.ts";
import {
  parseAddressList,
  invalid,
  valid,
  type Parsed,
  type Setting,
  parseTcpAddress,
  type TcpAddress,
  integer,
  oneOf,
} from "./settings.ts";

export type PortRange = { readonly first: number; readonly last: number };

export type RelayConfig = {
  /** Null if the relay is off. */
  readonly relay_ports: PortRange | null;
  readonly relay_addresses: readonly string[];
  readonly relay_peers: (typeof RELAY_PEERS)[number];
  readonly relay_side: Budget;
  readonly relay_source: Budget;
  readonly relay_game: Budget;
  readonly relay_bytes_max: number;
  readonly relay_lifetime_s: number;
  readonly relay_idle_s: number;
  readonly relay_places_per_source_max: number;
  readonly relay_drain_s: number;
  /** Where WebSocket tunnels connect, or null. */
  readonly tunnel: TcpAddress | null;
  readonly tunnel_url: string;
  readonly tunnel_source_header: string;
};

const RELAY_PEERS = ["public", "any"] as const;

/** The burst must admit the longest datagram. */
const parseByteBudget = (text: string): Parsed<Budget> => {
  const match = /^([1-9][0-9]{0,11})\/([1-9][0-9]{0,11})$/.exec(text);
  return match === null || Number(match[2]) < limits.RELAY_BURST_BYTES_MIN
    ? invalid(`BYTES_PER_SECOND/BURST_BYTES with a burst of at least ${limits.RELAY_BURST_BYTES_MIN}`)
    : valid({ per_s: Number(match[1]), burst: Number(match[2]) });
};

function parseRange(text: string): Parsed<PortRange | null> {
  if (text === "off") return valid(null);
  const match = /^([0-9]{1,5})-([0-9]{1,5})$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  return first >= 1 && last > first && last <= 65_535
    ? valid({ first, last })
    : invalid("FIRST-LAST with at least two ports, or off");
}

/** All games share one tunnel port. */
function parseTunnel(text: string): Parsed<TcpAddress | null> {
  const at = parseTcpAddress(text);
  return "value" in at && (at.value?.game ?? null) === null ? at : invalid("[ADDRESS:]PORT, or off");
}

export const RELAY_SETTINGS = {
  relay_ports: {
    env: "PARLEY_RELAY_PORTS",
    fallback: "49152-51200",
    help: "UDP ports of the relay, FIRST-LAST, or off; each pair of peers uses two, opened on demand",
    parse: parseRange,
  },
  relay_addresses: {
    env: "PARLEY_RELAY_ADDRESSES",
    fallback: "",
    help: "public IP addresses of the relay's ports, comma-separated; PARLEY_ADDRESSES if not set",
    parse: parseAddressList,
  },
  relay_peers: {
    env: "PARLEY_RELAY_PEERS",
    fallback: "public",
    help: "which peers are relayed: public, those with public addresses; any, also private networks and this machine",
    parse: oneOf(RELAY_PEERS),
  },
  relay_side: {
    env: "PARLEY_RELAY_SIDE_RATE",
    fallback: `${limits.RELAY_SIDE_PER_S}/${limits.RELAY_SIDE_PER_S}`,
    help: "rate limit of one side of a relayed pair: BYTES_PER_SECOND/BURST_BYTES, headers included",
    parse: parseByteBudget,
  },
  relay_source: {
    env: "PARLEY_RELAY_SOURCE_RATE",
    fallback: `${limits.RELAY_SOURCE_PER_S}/${limits.RELAY_SOURCE_PER_S}`,
    help: "rate limit of relayed traffic per source: BYTES_PER_SECOND/BURST_BYTES",
    parse: parseByteBudget,
  },
  relay_game: {
    env: "PARLEY_RELAY_GAME_RATE",
    fallback: `${limits.RELAY_GAME_PER_S}/${limits.RELAY_GAME_PER_S}`,
    help: "rate limit of relayed traffic per game: BYTES_PER_SECOND/BURST_BYTES",
    parse: parseByteBudget,
  },
  relay_bytes_max: {
    env: "PARLEY_RELAY_BYTES_MAX",
    fallback: String(limits.RELAY_BYTES_MAX),
    help: "maximum traffic of one relayed pair, in bytes",
    parse: integer(1, Number.MAX_SAFE_INTEGER),
  },
  relay_lifetime_s: {
    env: "PARLEY_RELAY_LIFETIME_S",
    fallback: String(limits.RELAY_LIFETIME_S),
    help: "maximum duration of one relayed pair, in seconds",
    parse: integer(1, 31_536_000),
  },
  relay_idle_s: {
    env: "PARLEY_RELAY_IDLE_S",
    fallback: String(limits.RELAY_IDLE_S),
    help: "silence of both sides after which a relayed pair ends, in seconds",
    parse: integer(1, 86_400),
  },
  relay_places_per_source_max: {
    env: "PARLEY_RELAY_PLACES_PER_SOURCE_MAX",
    fallback: String(limits.RELAY_SLOTS_PER_SOURCE_MAX),
    help: "maximum number of sides of relayed pairs per source",
    parse: integer(1, 1_000_000),
  },
  relay_drain_s: {
    env: "PARLEY_RELAY_DRAIN_S",
    fallback: "0",
    help: "how long relayed pairs continue after SIGTERM, in seconds",
    parse: integer(0, 86_400),
  },
  tunnel: {
    env: "PARLEY_TUNNEL",
    fallback: "8891",
    help: "TCP port of the WebSockets that carry relayed datagrams where UDP is blocked, [ADDRESS:]PORT, or off",
    parse: parseTunnel,
  },
  tunnel_url: {
    env: "PARLEY_TUNNEL_URL",
    fallback: "",
    help: "URL of the tunnel port as sent to clients, wss://... behind a TLS proxy; ws:// and the relay's address if not set",
    parse: (text: string) =>
      text === "" || (/^wss?:\/\/[!-~]+$/.test(text) && text.length <= limits.URL_LENGTH_MAX)
        ? valid(text)
        : invalid("a ws:// or wss:// URL"),
  },
  tunnel_source_header: {
    env: "PARLEY_TUNNEL_SOURCE_HEADER",
    fallback: "",
    help: "header in which that proxy names its client (the last address counts); no header is trusted if not set",
    parse: (text: string) => (/^[A-Za-z0-9-]{0,64}$/.test(text) ? valid(text) : invalid("the name of an HTTP header")),
  },
} satisfies Record<string, Setting>;
