// @ts-check
/**
 * What this browser remembers between two visits, in its local storage: per game the identity that the hub gave, with
 * its token, and the lobbies in which it has a seat. A reload gets the seat back by it, and so does whoever else uses
 * this browser; the page says so, and forgets all of it when asked.
 */

/** @typedef {{ peer_id: string, peer_token: string, expires_at: string }} Identity */

const PREFIX = "parley";

/** Storage may be full, or forbidden; then the page remembers for as long as it is open. @type {Map<string, string>} */
const fallback = new Map();

/** @param {string} key @returns {unknown} */
function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? fallback.get(key) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} key @param {unknown} value */
function keep(key, value) {
  const text = JSON.stringify(value);
  try {
    localStorage.setItem(key, text);
  } catch {
    fallback.set(key, text);
  }
}

/** @param {string} game @returns {Identity | null} */
export function identityOf(game) {
  const kept = /** @type {any} */ (read(`${PREFIX}:${game}:me`));
  const texts = [kept?.peer_id, kept?.peer_token, kept?.expires_at];
  return texts.every((text) => typeof text === "string") && Date.parse(kept.expires_at) > Date.now() ? kept : null;
}

/** @param {string} game @param {Identity} identity */
export function keepIdentity(game, { peer_id, peer_token, expires_at }) {
  keep(`${PREFIX}:${game}:me`, { peer_id, peer_token, expires_at });
}

/** Lobbies by id, with the names they had. @param {string} game @returns {Record<string, string>} */
export function seatsOf(game) {
  const kept = read(`${PREFIX}:${game}:seats`);
  const entries = typeof kept === "object" && kept !== null ? Object.entries(kept) : [];
  return Object.fromEntries(entries.filter(([, name]) => typeof name === "string"));
}

/** @param {string} game @param {string} id @param {string | null} name null: the seat is given up */
export function keepSeat(game, id, name) {
  const { [id]: before, ...others } = seatsOf(game);
  if ((before ?? null) !== name) keep(`${PREFIX}:${game}:seats`, name === null ? others : { ...others, [id]: name });
}

/** @param {string} game */
export function forget(game) {
  for (const what of ["me", "seats"]) {
    fallback.delete(`${PREFIX}:${game}:${what}`);
    try {
      localStorage.removeItem(`${PREFIX}:${game}:${what}`);
    } catch {
      // Then nothing was kept there either.
    }
  }
}

/** What this person likes to be called. */
export function myName() {
  const kept = read(`${PREFIX}:name`);
  return typeof kept === "string" ? kept : "";
}

/** @param {string} name */
export const keepMyName = (name) => keep(`${PREFIX}:name`, name);
