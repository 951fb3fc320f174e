// @ts-check
/**
 * What the page keeps in local storage: the player's name, and per game the identity and the joined lobbies.
 *
 * The stored token gives a seat back after a reload, also to other people who use this browser. The page says so and
 * offers to delete it.
 */

/** @typedef {{ peer_id: string, peer_token: string, expires_at: string }} Identity */

const PREFIX = "parley";

/** Used if local storage is full or disabled; it lasts as long as the page. @type {Map<string, string>} */
const fallback = new Map();

/** @param {string} key @returns {unknown} */
function load(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? fallback.get(key) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} key @param {unknown} value */
function save(key, value) {
  const text = JSON.stringify(value);
  try {
    localStorage.setItem(key, text);
  } catch {
    fallback.set(key, text);
  }
}

/** The stored identity, or null. Whether its token has expired is for the hub to say (401): this clock may be wrong. @param {string} game @returns {Identity | null} */
export function loadIdentity(game) {
  const stored = /** @type {any} */ (load(`${PREFIX}:${game}:me`));
  const texts = [stored?.peer_id, stored?.peer_token, stored?.expires_at];
  return texts.every((text) => typeof text === "string") ? stored : null;
}

/** @param {string} game @param {Identity} identity */
export function saveIdentity(game, { peer_id, peer_token, expires_at }) {
  save(`${PREFIX}:${game}:me`, { peer_id, peer_token, expires_at });
}

/** Names of the joined lobbies by lobby id. @param {string} game @returns {Record<string, string>} */
export function joinedLobbies(game) {
  const stored = load(`${PREFIX}:${game}:seats`);
  const entries = typeof stored === "object" && stored !== null ? Object.entries(stored) : [];
  return Object.fromEntries(entries.filter(([, name]) => typeof name === "string"));
}

/** Records a joined lobby, or removes it. @param {string} game @param {string} id @param {string | null} name null removes it */
export function recordLobby(game, id, name) {
  const { [id]: before, ...others } = joinedLobbies(game);
  if ((before ?? null) !== name) save(`${PREFIX}:${game}:seats`, name === null ? others : { ...others, [id]: name });
}

/** Deletes the identity and the joined lobbies. @param {string} game */
export function forgetGame(game) {
  for (const entry of ["me", "seats"]) {
    const key = `${PREFIX}:${game}:${entry}`;
    fallback.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      // Local storage is disabled, so nothing was stored in it.
    }
  }
}

/** The player's name as entered last, or "". */
export function loadName() {
  const stored = load(`${PREFIX}:name`);
  return typeof stored === "string" ? stored : "";
}

/** @param {string} name */
export const saveName = (name) => save(`${PREFIX}:name`, name);
