/** The settings of noray's TCP port and of its ids. */
import type { Budget } from "#shared/rate-limit/token-bucket.ts";
import * as limits from "#shared/limits.ts";
import { type IdFormat, WORD_BITS } from "../protocols/noray.ts";
import {
  invalid,
  type Network,
  oneOf,
  parseBudget,
  parseNetworks,
  valid,
  type Parsed,
  type Setting,
  parseTcpAddress,
  type TcpAddress,
} from "./settings.ts";

export type NorayConfig = {
  /** Null if no connections are accepted. */
  readonly noray: (TcpAddress & { readonly game: string }) | null;
  readonly noray_oid: IdFormat;
  readonly noray_pid: IdFormat;
  readonly noray_greeting: "on" | "off";
  readonly noray_lookup: Budget;
  /** Proxies in front of the TCP ports: their connections begin with a PROXY protocol header. */
  readonly tcp_proxies: readonly Network[];
  readonly noray_connections: { readonly per_source_max: number; readonly max: number };
};

/** The default letters of noray's ids: 6 bits each. */
export const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/** As configured: without a game it uses that of the first noray port. */
export type NorayAddress = TcpAddress | null;

/** Only letters that clients do not split at and that no other wire begins with. */
const parseIdFormat =
  (bits_min: number, length_max: number) =>
  (text: string): Parsed<IdFormat> => {
    const [digits = "", alphabet = ALPHABET] = text.split(":");
    const length = /^[0-9]{1,3}$/.test(digits) ? Number(digits) : 0;
    const letters = new Set(alphabet);
    const isValid =
      length >= 1 &&
      /^[A-Za-z0-9_.~-]{2,}$/.test(alphabet) &&
      letters.size === alphabet.length &&
      length * Math.log2(letters.size) >= bits_min &&
      text.split(":").length <= 2;
    return isValid && length <= length_max
      ? valid({ length, alphabet })
      : invalid(`LENGTH[:LETTERS] of at least ${bits_min} bits, each letter once, of A-Z a-z 0-9 _ . ~ -`);
  };

const parseLetters = parseIdFormat(limits.NORAY_OID_BITS_MIN, limits.NORAY_OID_LENGTH_MAX);
const WORDS_MIN = Math.ceil(limits.NORAY_OID_BITS_MIN / WORD_BITS);
/** A word has two syllables of two letters. */
const WORDS_MAX = limits.NORAY_OID_LENGTH_MAX / 4;

/** Letters, or a number of words. */
function parseOidFormat(text: string): Parsed<IdFormat> {
  const count = /^words:([0-9]{1,2})$/.exec(text)?.[1];
  if (count === undefined) {
    const parsed = parseLetters(text);
    return "value" in parsed ? parsed : invalid(`words:${WORDS_MIN} to words:${WORDS_MAX}, or ${parsed.expected}`);
  }
  const words = Number(count);
  const isValid = words >= WORDS_MIN && words <= WORDS_MAX;
  return isValid
    ? valid({ length: 2 * words, alphabet: "", words: true })
    : invalid(`${WORDS_MIN} to ${WORDS_MAX} words`);
}

/** Adds the game: the named one, or that of the first port which accepts noray. Null if no port does. */
export function resolveNoray(
  at: NorayAddress,
  games: readonly string[],
): NorayConfig["noray"] | { readonly problem: string } {
  if (at === null) return null;
  const game = at.game ?? games[0];
  if (game === undefined) return null;
  return games.includes(game) ? { ...at, game } : { problem: `PARLEY_NORAY: no UDP port of ${game} accepts noray` };
}

export const NORAY_SETTINGS = {
  noray: {
    env: "PARLEY_NORAY",
    fallback: "8890",
    help: "TCP port of noray's commands, [ADDRESS:]PORT[@GAME], or off; without an address it listens on PARLEY_LISTEN",
    parse: parseTcpAddress,
  },
  noray_oid: {
    env: "PARLEY_NORAY_OID",
    fallback: String(limits.NORAY_OID_LENGTH),
    help: "format of noray's public ids: LENGTH[:LETTERS], like 8:23456789ABCDEFGHJKMNPQRSTUVWXYZ for codes to read aloud, or words:COUNT for ids like LomaTiruBeko",
    parse: parseOidFormat,
  },
  noray_pid: {
    env: "PARLEY_NORAY_PID",
    fallback: String(limits.NORAY_PID_LENGTH),
    help: "format of noray's secret ids: LENGTH[:LETTERS]",
    parse: parseIdFormat(limits.NORAY_PID_BITS_MIN, limits.NORAY_PID_LENGTH_MAX),
  },
  noray_greeting: {
    env: "PARLEY_NORAY_GREETING",
    fallback: "off",
    help: "on: greet each noray connection with a line `hi`, as the newest noray does; off",
    parse: oneOf(["on", "off"]),
  },
  noray_lookup: {
    env: "PARLEY_NORAY_LOOKUP_RATE",
    fallback: `${limits.NORAY_LOOKUP_PER_S}/${limits.NORAY_LOOKUP_BURST}`,
    help: "rate limit of noray lookups per source: PER_SECOND/BURST",
    parse: parseBudget,
  },
  tcp_proxies: {
    env: "PARLEY_TCP_PROXIES",
    fallback: "",
    help: "proxies in front of the TCP ports of noray and nohub, addresses or prefixes like 10.0.0.0/8, comma-separated; each must send a PROXY protocol header",
    parse: parseNetworks,
  },
  noray_connections: {
    env: "PARLEY_NORAY_CONNECTIONS",
    fallback: `${limits.NORAY_CONNECTIONS_PER_SOURCE_MAX}/${limits.NORAY_CONNECTIONS_MAX}`,
    help: "maximum number of noray connections: PER_SOURCE/TOTAL",
    parse: (text: string): Parsed<NorayConfig["noray_connections"]> => {
      const match = /^([1-9][0-9]{0,6})\/([1-9][0-9]{0,6})$/.exec(text);
      return match === null
        ? invalid("PER_SOURCE/TOTAL, like 256/16384")
        : valid({ per_source_max: Number(match[1]), max: Number(match[2]) });
    },
  },
} satisfies Record<string, Setting>;
