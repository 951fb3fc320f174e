// @ts-check
/** The list as a table: a row per lobby, changed in place. */
import { arrange, find, write } from "./dom.js";

/** @typedef {import("./api.js").Summary} Summary */

/** More seats than this are drawn as one bar: the pieces would be too thin. */
const PIECES_MAX = 16;
/** Entries of data that a line shows. */
const DATA_MAX = 4;

const body = find(document, "#lobbies tbody", HTMLTableSectionElement);
const rowTemplate = find(document, "#row", HTMLTemplateElement);
/** The rows by lobby id. @type {Map<string, HTMLTableRowElement>} */
const rows = new Map();
/** Lobbies that were there before: when the search shows them again, they are not news. @type {Set<string>} */
let known = new Set();

const { compare } = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/**
 * What the reader may sort by; ids break ties, so that rows do not swap places by themselves.
 * @type {Record<string, (a: Summary, b: Summary) => number>}
 */
export const ORDERS = {
  newest: (a, b) => Date.parse(b.created_at) - Date.parse(a.created_at) || compare(a.id, b.id),
  name: (a, b) => compare(a.name, b.name) || compare(a.id, b.id),
  free: (a, b) => freeSeats(b) - freeSeats(a) || compare(a.name, b.name) || compare(a.id, b.id),
  players: (a, b) => b.members - a.members || compare(a.name, b.name) || compare(a.id, b.id),
};

/** @param {Iterable<Summary>} all @param {Summary[]} shown @param {(id: string) => string} address of a lobby's own view */
export function drawTable(all, shown, address) {
  arrange(
    body,
    rows,
    shown,
    ({ id }) => id,
    ({ id }) => newRow(known.size > 0 && !known.has(id)),
    (row, lobby) => fill(row, lobby, address(lobby.id)),
  );
  known = new Set(Array.from(all, ({ id }) => id));
}

export function clearTable() {
  rows.clear();
  known.clear();
  body.replaceChildren();
}

/** @param {boolean} isNews worth a glance, because others were there before it */
function newRow(isNews) {
  const row = find(/** @type {DocumentFragment} */ (rowTemplate.content.cloneNode(true)), "tr", HTMLTableRowElement);
  row.classList.toggle("fresh", isNews);
  row.addEventListener("animationend", () => row.classList.remove("fresh"));
  return row;
}

/** @param {HTMLTableRowElement} row @param {Summary} lobby @param {string} address */
function fill(row, lobby, address) {
  const state = stateOf(lobby);
  row.dataset["state"] = state;
  write(find(row, "bdi", HTMLElement), lobby.name);
  const link = find(row, "a", HTMLAnchorElement);
  if (link.getAttribute("href") !== address) link.href = address;
  find(row, ".lock", SVGElement).toggleAttribute("hidden", !lobby.locked);
  const { members, seats } = lobby;
  write(find(row, ".taken", HTMLElement), seats === null ? "no limit" : `${members} of ${seats}`);
  write(find(row, ".word", HTMLElement), state);
  write(find(row, "td.wire", HTMLElement), lobby.wire);
  write(find(row, ".about", HTMLElement), aboutOf(lobby));
  write(find(row, ".way", HTMLElement), lobby.join_uri ?? "");
  drawBar(find(row, ".bar", HTMLElement), members, seats);
  const age = find(row, "time", HTMLTimeElement);
  age.dateTime = lobby.created_at;
  write(age, ageOf(Date.parse(lobby.created_at), Date.now()));
}

/** @param {HTMLElement} bar @param {number} members @param {number | null} seats */
export function drawBar(bar, members, seats) {
  bar.toggleAttribute("hidden", seats === null);
  bar.classList.toggle("pieces", seats !== null && seats <= PIECES_MAX);
  bar.style.setProperty("--seats", String(seats ?? 1));
  bar.style.setProperty("--taken", String(members / Math.max(seats ?? 1, 1)));
}

/** @param {Summary} lobby */
function aboutOf({ version, data }) {
  const entries = Object.entries(data).slice(0, DATA_MAX);
  return [
    ...(version === null ? [] : [`version ${version}`]),
    ...entries.map(([key, value]) => `${key}: ${value}`),
  ].join(" · ");
}

/** @param {Summary} lobby */
function freeSeats({ state, seats, members }) {
  return state === "open" ? (seats ?? Infinity) - members : 0;
}

/** One word for whether one can get in. @param {Pick<Summary, "state" | "seats" | "members" | "joinable" | "approval">} lobby */
export function stateOf({ state, seats, members, joinable, approval }) {
  if (state !== "open") return state.replaceAll("_", " ");
  if (members >= (seats ?? Infinity)) return "full";
  return joinable ? (approval ? "on request" : "open") : "shut";
}

/**
 * The reader's clock may be behind the hub's; nothing is younger than now.
 * @param {number} from_ms @param {number} now_ms
 */
function ageOf(from_ms, now_ms) {
  const minutes = Math.floor((now_ms - from_ms) / 60_000);
  if (!(minutes >= 1)) return "just now";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}
