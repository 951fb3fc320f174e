/**
 * Invitations as text: a link, and the arguments with which Steam starts a game.
 *
 *     parley://lobby.example.com/default/K7QP2M          host and port of the hub, game, join code
 *     +connect_lobby K7QP2M                              the program knows the hub and the game
 */
export type Invitation = {
  readonly code: string;
  /** The hub's URL; null if the program knows it. Plain HTTP only for a numeric address or localhost. */
  readonly url: string | null;
  readonly game: string | null;
};

const CODE = /^[A-Za-z0-9-]{4,64}$/;
const GAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const HOST = /^[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?$/;
const NUMERIC = /^([0-9.]+|localhost)(:|$)/;

/** A link to the lobby with this join code. */
export function invitationLink(url: string, game: string, code: string): string {
  return `parley://${new URL(url).host}/${game}/${code}`;
}

/** Finds an invitation in program arguments or pasted text; null if there is none. */
export function readInvitation(words: readonly string[]): Invitation | null {
  for (const [at, word] of words.entries()) {
    if (word === "+connect_lobby") {
      const code = words[at + 1] ?? "";
      return CODE.test(code) ? { code, url: null, game: null } : null;
    }
    if (word.startsWith("parley://")) return readLink(word);
  }
  return null;
}

function readLink(link: string): Invitation | null {
  const [host = "", game = "", code = "", ...more] = link.slice("parley://".length).replace(/\/$/, "").split("/");
  if (more.length > 0 || !HOST.test(host) || !GAME.test(game) || !CODE.test(code)) return null;
  return { code, url: `${NUMERIC.test(host) ? "http" : "https"}://${host}`, game };
}
