/** The setting GAMES: the games that a deployment serves, separated by commas, or `*` for any. */
import { GAME_PATTERN } from "../limits.ts";

/** `names` null: any game. Every fault is a sentence with the setting's name. */
export type Games = { readonly names: ReadonlySet<string> | null; readonly faults: readonly string[] };

export function parseGames(setting: string): Games {
  const parts = setting
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (parts.length === 0 || (parts.length === 1 && parts[0] === "*")) return { names: null, faults: [] };
  const names = parts.filter((part) => GAME_PATTERN.test(part));
  const faults = parts.filter((part) => !GAME_PATTERN.test(part)).map((part) => `GAMES: ${faultOf(part)}`);
  return { names: new Set(names), faults };
}

const faultOf = (part: string): string =>
  part === "*"
    ? "* stands alone; remove it, or the other names"
    : `${JSON.stringify(part.slice(0, 40))} is no name of a game: 1 to 32 of a-z 0-9 - expected`;
