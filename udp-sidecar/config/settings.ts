/** What a setting is, and how the common kinds of them are read. */
import { canonicalAddress } from "#shared/net/endpoint.ts";
import type { Budget } from "#shared/rate-limit/token-bucket.ts";
import { GAME_PATTERN } from "#shared/limits.ts";

/** A value, or what should have been there instead. */
export type Parsed<T> = { readonly value: T } | { readonly expected: string };

export type Environment = Readonly<Record<string, string | undefined>>;

export type Setting = {
  readonly env: string;
  /** Another name that it goes by, where its own says nothing. */
  readonly alias?: string;
  readonly fallback: string;
  readonly help: string;
  readonly parse: (text: string) => Parsed<unknown>;
};

/** What the environment says of a setting, if it says anything. */
export const readEnvironment = ({ env: name, alias: also = name }: Pick<Setting, "env" | "alias">, env: Environment) =>
  env[name] || (env[also] ?? env[name]);

export const valid = <T>(value: T): Parsed<T> => ({ value });
export const invalid = (wanted: string): Parsed<never> => ({ expected: wanted });

export const integer =
  (least: number, most: number) =>
  (text: string): Parsed<number> =>
    /^[0-9]+$/.test(text) && Number(text) >= least && Number(text) <= most
      ? valid(Number(text))
      : invalid(`a whole number from ${least} to ${most}`);

export const oneOf =
  <T extends string>(words: readonly T[]) =>
  (text: string): Parsed<T> => {
    const found = words.find((one) => one === text);
    return found === undefined ? invalid(`one of ${words.join(", ")}`) : valid(found);
  };

export const parseBudget = (text: string): Parsed<Budget> => {
  const match = /^([1-9][0-9]{0,6})\/([1-9][0-9]{0,6})$/.exec(text);
  return match === null
    ? invalid("PER_SECOND/AT_ONCE, like 10/20")
    : valid({ per_s: Number(match[1]), burst: Number(match[2]) });
};

/** A TCP port: without an address wherever the sidecar listens, for a game where it names one. */
export type TcpAddress = { readonly address: string | null; readonly port: number; readonly game: string | null };

export function parseTcpAddress(text: string): Parsed<TcpAddress | null> {
  if (text === "off") return valid(null);
  const match = /^(?:\[?([0-9A-Fa-f.:]+?)\]?:)?([0-9]{1,5})(?:@(.+))?$/.exec(text);
  const address = match?.[1] === undefined ? null : canonicalAddress(match[1]);
  const port = Number(match?.[2]);
  const game = match?.[3] ?? null;
  const right =
    port >= 1 &&
    port <= 65_535 &&
    (match?.[1] === undefined || address !== null) &&
    (game === null || GAME_PATTERN.test(game));
  return right ? valid({ address, port, game }) : invalid("[ADDRESS:]PORT[@GAME], or off");
}

export const parseAddressList = (text: string): Parsed<string[]> => {
  const words = text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
  const all = words.map(canonicalAddress);
  return all.includes(null) ? invalid("IP addresses, comma-separated") : valid(all as string[]);
};
