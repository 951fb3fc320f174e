/**
 * The setting NAMES_DENIED: words that no displayed name may contain, separated by commas. Case, compatibility forms and
 * invisible characters make no difference (text/names.ts).
 */
import { skeleton } from "../text/names.ts";

export const parseDeniedNames = (setting: string): readonly string[] =>
  setting
    .split(",")
    .map(skeleton)
    .filter((word) => word !== "");

export const isDenied = (name: string, words: readonly string[]): boolean => {
  const shown = words.length === 0 ? "" : skeleton(name);
  return words.some((word) => shown.includes(word));
};

/** The displayed names in a request's body: of lobbies and members, also those of a nested lobby. */
export function namesIn(body: unknown): string[] {
  if (typeof body !== "object" || body === null) return [];
  const { name, member_name, create_if_none } = body as Record<string, unknown>;
  const own = [name, member_name].filter((text): text is string => typeof text === "string");
  return [...own, ...namesIn(create_if_none)];
}
