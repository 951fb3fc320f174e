// @ts-check
/** The texts that the page shows for the end of a lobby and for a member that left. */
import { Refusal } from "../api/api.js";

/** Refusals that mean the lobby does not exist, or that its id is malformed. */
const GONE = new Set(["lobby_not_found", "not_found"]);

/** @type {Record<string, string>} */
const END_TEXTS = {
  closed: "The lobby is closed.",
  started: "The game has started. This lobby has ended.",
  timed_out: "The lobby has expired.",
  closed_by_operator: "The operators closed this lobby.",
  filtered: "This lobby is private now.",
  left: "You have left.",
  kicked: "The host removed you.",
  banned: "The host banned you from this lobby.",
};

/** @type {Record<string, string>} */
const LEAVE_TEXTS = { left: "left", timed_out: "lost the connection", kicked: "was removed", banned: "was banned" };

/** @param {string} cause of `lobby.removed`, or a cause of this page */
export const endText = (cause) => END_TEXTS[cause] ?? "This lobby does not exist or has ended.";

/** @param {string} cause of `member.left` */
export const leaveText = (cause) => LEAVE_TEXTS[cause] ?? "left";

/** Whether an error means that the lobby does not exist. @param {unknown} error */
export const isGone = (error) => error instanceof Refusal && GONE.has(error.code);
