/**
 * The list that a session gets. Every client polls it, so a lobby's line is formatted once and kept until the lobby
 * changes.
 */
import { NOHUB_LIST_BYTES_MAX } from "#shared/limits.ts";
import { formatEndOfList, formatLobby, type LobbyLine } from "../protocols/nohub.ts";

type Kept = Pick<LobbyLine, "locked" | "hidden" | "data"> & { readonly text: string };
type Listed = LobbyLine & { readonly created_at: number };

export class ListLines {
  readonly #kept = new WeakMap<LobbyLine, Kept>();

  /** The oldest first; where they are too many for one answer, the newest ones. */
  format(request: string, lobbies: Listed[], keys: ReadonlySet<string>): string {
    lobbies.sort((a, b) => a.created_at - b.created_at);
    const lines: string[] = [];
    let length = 0;
    for (let at = lobbies.length - 1; at >= 0; at--) {
      const lobby = lobbies[at]!;
      const line = `|${request}${keys.size === 0 ? this.#textOf(lobby) : formatLobby("", lobby, keys)}`;
      length += line.length;
      if (length > NOHUB_LIST_BYTES_MAX) break;
      lines.push(line);
    }
    return lines.toReversed().join("") + formatEndOfList(request);
  }

  #textOf(lobby: LobbyLine): string {
    const { locked, hidden, data } = lobby;
    const kept = this.#kept.get(lobby);
    if (kept?.data === data && kept.locked === locked && kept.hidden === hidden) return kept.text;
    const text = formatLobby("", lobby, ALL);
    this.#kept.set(lobby, { locked, hidden, data, text });
    return text;
  }
}

/** No keys stand for all. */
const ALL: ReadonlySet<string> = new Set();
