/**
 * Invitations as texts: a link that says where, and what Steam puts on the command line of a game that it starts.
 *
 *     parley://lobby.example.com/default/K7QP2M          host and port of the hub, game, join code
 *     +connect_lobby K7QP2M                              the hub and the game are the program's own
 */
export type Invitation = {
  readonly code: string;
  /** Of the hub; null where the program knows it. Plain HTTP is for hubs at a number or at localhost alone. */
  readonly url: string | null;
  readonly game: string | null;
};

const CODE = /^[A-Za-z0-9-]{4,64}$/;
const GAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const HOST = /^[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?$/;
const NUMERIC = /^([0-9.]+|localhost)(:|$)/;

/** The link to this lobby's code at this hub. */
export function invitationLink(url: string, game: string, code: string): string {
  return `parley://${new URL(url).host}/${game}/${code}`;
}

/** What a program was started with, or what a player pasted; null where there is no invitation in it. */
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
