/** The type of a setting, and parsers for the common kinds of values. */
import { canonicalAddress, isIPv4 } from "#shared/net/endpoint.ts";
import type { Budget } from "#shared/rate-limit/token-bucket.ts";
import { GAME_PATTERN } from "#shared/limits.ts";

/** A value, or a description of the expected value. */
export type Parsed<T> = { readonly value: T } | { readonly expected: string };

export type Environment = Readonly<Record<string, string | undefined>>;

export type Setting = {
  readonly env: string;
  /** An alternative environment variable, used if the first is not set. */
  readonly alias?: string;
  readonly fallback: string;
  readonly help: string;
  readonly parse: (text: string) => Parsed<unknown>;
};

/** The value of a setting in the environment, or undefined. */
export const readEnvironment = ({ env: name, alias = name }: Pick<Setting, "env" | "alias">, env: Environment) =>
  env[name] || (env[alias] ?? env[name]);

export const valid = <T>(value: T): Parsed<T> => ({ value });
export const invalid = (expected: string): Parsed<never> => ({ expected });

export const integer =
  (min: number, max: number) =>
  (text: string): Parsed<number> =>
    /^[0-9]+$/.test(text) && Number(text) >= min && Number(text) <= max
      ? valid(Number(text))
      : invalid(`a whole number from ${min} to ${max}`);

export const oneOf =
  <T extends string>(values: readonly T[]) =>
  (text: string): Parsed<T> => {
    const found = values.find((value) => value === text);
    return found === undefined ? invalid(`one of ${values.join(", ")}`) : valid(found);
  };

export const parseBudget = (text: string): Parsed<Budget> => {
  const match = /^([1-9][0-9]{0,6})\/([1-9][0-9]{0,6})$/.exec(text);
  return match === null
    ? invalid("PER_SECOND/BURST, like 10/20")
    : valid({ per_s: Number(match[1]), burst: Number(match[2]) });
};

/** A TCP port. Without an address it listens on PARLEY_LISTEN; a game is optional. */
export type TcpAddress = { readonly address: string | null; readonly port: number; readonly game: string | null };

export function parseTcpAddress(text: string): Parsed<TcpAddress | null> {
  if (text === "off") return valid(null);
  const match = /^(?:\[?([0-9A-Fa-f.:]+?)\]?:)?([0-9]{1,5})(?:@(.+))?$/.exec(text);
  const address = match?.[1] === undefined ? null : canonicalAddress(match[1]);
  const port = Number(match?.[2]);
  const game = match?.[3] ?? null;
  const isValid =
    port >= 1 &&
    port <= 65_535 &&
    (match?.[1] === undefined || address !== null) &&
    (game === null || GAME_PATTERN.test(game));
  return isValid ? valid({ address, port, game }) : invalid("[ADDRESS:]PORT[@GAME], or off");
}

/** An address and the number of its leading bits that count. */
export type Network = { readonly address: string; readonly bits: number };

/** IP addresses and prefixes like 10.0.0.0/8, comma-separated. */
export function parseNetworks(text: string): Parsed<Network[]> {
  const networks: Network[] = [];
  for (const item of text.split(",").map((part) => part.trim())) {
    if (item === "") continue;
    const [, written = "", digits] = /^([^/]+)(?:\/([0-9]{1,3}))?$/.exec(item) ?? [];
    const address = canonicalAddress(written);
    const bits_max = address !== null && isIPv4(address) ? 32 : 128;
    const bits = Number(digits ?? bits_max);
    if (address === null || bits > bits_max) return invalid("IP addresses or prefixes, comma-separated");
    networks.push({ address, bits });
  }
  return valid(networks);
}

export const parseAddressList = (text: string): Parsed<string[]> => {
  const values = text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
  const all = values.map(canonicalAddress);
  return all.includes(null) ? invalid("IP addresses, comma-separated") : valid(all as string[]);
};
