/** Settings of noray's TCP port and of what is registered over it: part of the sidecar's. */
import type { Budget } from "#shared/rate-limit/token-bucket.ts";
import * as limits from "#shared/limits.ts";
import type { IdFormat } from "../protocols/noray.ts";
import { invalid, parseBudget, valid, type Parsed, type Setting, parseTcpAddress, type TcpAddress } from "./settings.ts";

export type NorayConfig = {
  /** Null where none are taken. */
  readonly noray: (TcpAddress & { readonly game: string }) | null;
  readonly noray_oid: IdFormat;
  readonly noray_pid: IdFormat;
  readonly noray_lookup: Budget;
  readonly noray_connections: { readonly per_source_max: number; readonly max: number };
};

/** The letters that noray's ids are made of by default: 6 bits each. */
export const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/** As it is written: without a game it is that of the ports. */
export type NorayAddress = TcpAddress | null;

/** Letters that clients neither split at nor take for another wire's first bytes. */
const parseIdFormat =
  (bits_min: number, length_max: number) =>
  (text: string): Parsed<IdFormat> => {
    const [digits = "", alphabet = ALPHABET] = text.split(":");
    const length = /^[0-9]{1,3}$/.test(digits) ? Number(digits) : 0;
    const letters = new Set(alphabet);
    const right =
      length >= 1 &&
      /^[A-Za-z0-9_.~-]{2,}$/.test(alphabet) &&
      letters.size === alphabet.length &&
      length * Math.log2(letters.size) >= bits_min &&
      text.split(":").length <= 2;
    return right && length <= length_max
      ? valid({ length, alphabet })
      : invalid(`LENGTH[:LETTERS] of at least ${bits_min} bits, each letter once, of A-Z a-z 0-9 _ . ~ -,`);
  };

/** With its game, that of the first port which speaks noray unless it is named; null where no port does. */
export function resolveNoray(
  at: NorayAddress,
  games: readonly string[],
): NorayConfig["noray"] | { readonly problem: string } {
  if (at === null) return null;
  const game = at.game ?? games[0];
  if (game === undefined) return null;
  return games.includes(game) ? { ...at, game } : { problem: `PARLEY_NORAY: no UDP port of ${game} speaks noray` };
}

export const NORAY_SETTINGS = {
  noray: {
    env: "PARLEY_NORAY",
    fallback: "8890",
    help: "TCP port of noray's commands, [ADDRESS:]PORT[@GAME], or off; on PARLEY_LISTEN unless it names an address",
    parse: parseTcpAddress,
  },
  noray_oid: {
    env: "PARLEY_NORAY_OID",
    fallback: String(limits.NORAY_OID_LENGTH),
    help: "noray's public ids: LENGTH[:LETTERS], like 8:23456789ABCDEFGHJKMNPQRSTUVWXYZ for codes to be read aloud",
    parse: parseIdFormat(limits.NORAY_OID_BITS_MIN, limits.NORAY_OID_LENGTH_MAX),
  },
  noray_pid: {
    env: "PARLEY_NORAY_PID",
    fallback: String(limits.NORAY_PID_LENGTH),
    help: "noray's secret ids: LENGTH[:LETTERS]",
    parse: parseIdFormat(limits.NORAY_PID_BITS_MIN, limits.NORAY_PID_LENGTH_MAX),
  },
  noray_lookup: {
    env: "PARLEY_NORAY_LOOKUP_RATE",
    fallback: `${limits.NORAY_LOOKUP_PER_S}/${limits.NORAY_LOOKUP_BURST}`,
    help: "hosts that a source may ask noray for: PER_SECOND/AT_ONCE",
    parse: parseBudget,
  },
  noray_connections: {
    env: "PARLEY_NORAY_CONNECTIONS",
    fallback: `${limits.NORAY_CONNECTIONS_PER_SOURCE_MAX}/${limits.NORAY_CONNECTIONS_MAX}`,
    help: "connections of noray's port: PER_SOURCE/IN_ALL",
    parse: (text: string): Parsed<NorayConfig["noray_connections"]> => {
      const match = /^([1-9][0-9]{0,6})\/([1-9][0-9]{0,6})$/.exec(text);
      return match === null
        ? invalid("PER_SOURCE/IN_ALL, like 256/16384")
        : valid({ per_source_max: Number(match[1]), max: Number(match[2]) });
    },
  },
} satisfies Record<string, Setting>;
