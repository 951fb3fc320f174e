// @ts-check
/**
 * The table of lobbies: one row per lobby, updated in place.
 *
 * Rows are never recreated, so that focus and text selections survive updates.
 */
import { find, reconcile, write } from "../util/dom.js";

/** @typedef {import("../api/api.js").Summary} Summary */

/** Above this number of seats the bar is drawn in one piece, because segments would be too thin. */
const SEGMENTS_MAX = 16;
/** Data entries shown in a row. */
const DATA_MAX = 4;

const body = find(document, "#lobbies tbody", HTMLTableSectionElement);
const rowTemplate = find(document, "#row", HTMLTemplateElement);
/** The rows by lobby id. @type {Map<string, HTMLTableRowElement>} */
const rows = new Map();
/** Ids of the previous update, also of lobbies that the search hides: only others are highlighted as new. @type {Set<string>} */
let known = new Set();

const { compare } = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/**
 * The sort orders. Ids break ties, so that the order of rows is stable.
 * @type {Record<string, (a: Summary, b: Summary) => number>}
 */
export const ORDERS = {
  newest: (a, b) => Date.parse(b.created_at) - Date.parse(a.created_at) || compare(a.id, b.id),
  name: (a, b) => compare(a.name, b.name) || compare(a.id, b.id),
  free: (a, b) => freeSeats(b) - freeSeats(a) || compare(a.name, b.name) || compare(a.id, b.id),
  players: (a, b) => b.member_count - a.member_count || compare(a.name, b.name) || compare(a.id, b.id),
};

/** @param {Iterable<Summary>} all @param {Summary[]} shown @param {(id: string) => string} urlOf the URL of a lobby's view */
export function drawTable(all, shown, urlOf) {
  reconcile(
    body,
    rows,
    shown,
    ({ id }) => id,
    ({ id }) => newRow(known.size > 0 && !known.has(id)),
    (row, lobby) => fill(row, lobby, urlOf(lobby.id)),
  );
  known = new Set(Array.from(all, ({ id }) => id));
}

export function clearTable() {
  rows.clear();
  known.clear();
  body.replaceChildren();
}

/** @param {boolean} isNew whether to highlight it: it was added after the first update */
function newRow(isNew) {
  const row = find(/** @type {DocumentFragment} */ (rowTemplate.content.cloneNode(true)), "tr", HTMLTableRowElement);
  row.classList.toggle("new", isNew);
  row.addEventListener("animationend", () => row.classList.remove("new"));
  return row;
}

/** @param {HTMLTableRowElement} row @param {Summary} lobby @param {string} url */
function fill(row, lobby, url) {
  const state = stateOf(lobby);
  row.dataset["state"] = state;
  write(find(row, "bdi", HTMLElement), lobby.name_mixes_alphabets ? `\u26a0 ${lobby.name}` : lobby.name);
  const link = find(row, "a", HTMLAnchorElement);
  if (link.getAttribute("href") !== url) link.href = url;
  find(row, ".lock", SVGElement).toggleAttribute("hidden", !lobby.has_password);
  const { member_count, seats } = lobby;
  write(find(row, ".taken", HTMLElement), seats === null ? "no limit" : `${member_count} of ${seats}`);
  write(find(row, ".word", HTMLElement), state);
  write(find(row, "td.wire", HTMLElement), lobby.wire);
  write(find(row, ".details", HTMLElement), detailsOf(lobby));
  write(find(row, ".join-uri", HTMLElement), lobby.join.uri ?? "");
  drawBar(find(row, ".bar", HTMLElement), member_count, seats);
  const age = find(row, "time", HTMLTimeElement);
  age.dateTime = lobby.created_at;
  write(age, ageOf(Date.parse(lobby.created_at), Date.now()));
}

/** @param {HTMLElement} bar @param {number} members @param {number | null} seats */
function drawBar(bar, members, seats) {
  bar.toggleAttribute("hidden", seats === null);
  bar.classList.toggle("segments", seats !== null && seats <= SEGMENTS_MAX);
  bar.style.setProperty("--seats", String(seats ?? 1));
  bar.style.setProperty("--taken", String(members / Math.max(seats ?? 1, 1)));
}

/** @param {Summary} lobby */
function detailsOf({ version, data }) {
  const entries = Object.entries(data).slice(0, DATA_MAX);
  return [
    ...(version === null ? [] : [`version ${version}`]),
    ...entries.map(([key, value]) => `${key}: ${value}`),
  ].join(" · ");
}

/** @param {Summary} lobby */
function freeSeats({ state, seats, member_count }) {
  return state === "open" ? (seats ?? Infinity) - member_count : 0;
}

/** The state shown to players: whether a player can join now. @param {Pick<Summary, "state" | "seats" | "member_count" | "joinable" | "approval">} lobby */
export function stateOf({ state, seats, member_count, joinable, approval }) {
  if (state !== "open") return state.replaceAll("_", " ");
  if (member_count >= (seats ?? Infinity)) return "full";
  return joinable ? (approval ? "on request" : "open") : "closed";
}

/**
 * A negative age counts as zero: the browser's clock may be behind the hub's.
 * @param {number} from_ms @param {number} now_ms
 */
function ageOf(from_ms, now_ms) {
  const minutes = Math.floor((now_ms - from_ms) / 60_000);
  if (!(minutes >= 1)) return "just now";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}
