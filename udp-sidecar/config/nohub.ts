/** The setting of nohub's TCP ports. */
import * as limits from "#shared/limits.ts";
import type { NorayConfig } from "./noray.ts";
import { invalid, valid, type Parsed, type Setting, parseTcpAddress, type TcpAddress } from "./settings.ts";

type GamePort = TcpAddress & { readonly game: string };

export type NohubConfig = {
  /** Empty if no connections are accepted. */
  readonly nohub: readonly GamePort[];
};

/** As configured: without a game a port uses that of noray. */
export type NohubPorts = readonly TcpAddress[];

/** Adds the games. Ports without a game are open only where noray is. */
export function resolveNohub(
  ports: NohubPorts,
  noray: NorayConfig["noray"],
  games: readonly string[],
): readonly GamePort[] | { readonly problem: string } {
  const resolved: GamePort[] = [];
  for (const port of ports) {
    const game = port.game ?? noray?.game;
    if (game === undefined) continue;
    if (!games.includes(game)) return { problem: `PARLEY_NOHUB: no UDP port serves ${game}` };
    resolved.push({ ...port, game });
  }
  return resolved;
}

function parsePorts(text: string): Parsed<NohubPorts> {
  if (text === "off") return valid([]);
  const parsed = text.split(",").map((item) => parseTcpAddress(item.trim()));
  const ports = parsed.flatMap((item) => ("value" in item && item.value !== null ? [item.value] : []));
  const isValid = ports.length === parsed.length && new Set(ports.map(({ port }) => port)).size === ports.length;
  return isValid ? valid(ports) : invalid("[ADDRESS:]PORT[@GAME], comma-separated, each port once, or off");
}

export const NOHUB_SETTINGS = {
  nohub: {
    env: "PARLEY_NOHUB",
    fallback: "9980,12980",
    help: "TCP ports of nohub's lobby list, [ADDRESS:]PORT[@GAME] comma-separated, or off; without a game they serve noray's",
    parse: parsePorts,
  },
  nohub_grace_s: {
    env: "PARLEY_NOHUB_GRACE",
    fallback: String(limits.NOHUB_GRACE_MS / 1_000),
    help: "seconds that a nohub lobby stays after its host's connection has closed; 0 ends it at once, like nohub",
    parse: (text: string): Parsed<number> =>
      /^[0-9]{1,3}$/.test(text) && Number(text) <= 600 ? valid(Number(text)) : invalid("a whole number from 0 to 600"),
  },
} satisfies Record<string, Setting>;
