// @ts-check
/**
 * The lobby page: a client of the public HTTP API.
 *
 *     ?game=           -> list/lobby-list.js (events or polling) -> search, sort -> list/lobby-table.js
 *     ?game=&lobby=    -> lobby/lobby-session.js (one lobby, live) -> lobby/lobby-view.js
 *
 * This module and its static imports draw the list and are loaded first. The lobby view and the dialogs are loaded when
 * they are first opened.
 */
import { Api } from "./api/api.js";
import { fillFilter, matchesSearch, onFilterChange, pageUrl, readFilter } from "./list/filter-form.js";
import { LobbyList } from "./list/lobby-list.js";
import { clearTable, drawTable, ORDERS } from "./list/lobby-table.js";
import { find, isolate, make, normalize, write } from "./util/dom.js";
import { joinedLobbies } from "./util/storage.js";

const DEFAULT_GAME = "default";
const GAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** Rows in the table; the search covers all loaded lobbies. */
const ROWS_MAX = 500;
/** Requests wait until the player has not typed for this long. */
const TYPING_MS = 300;
/** How often the ages, which are shown in minutes, are redrawn. */
const AGE_MS = 30_000;

const gameForm = find(document, "#choose", HTMLFormElement);
const gameField = find(document, "#game", HTMLInputElement);
const search = find(document, "#search", HTMLInputElement);
const sort = find(document, "#sort", HTMLSelectElement);
const count = find(document, "#count", HTMLElement);
const hub = find(document, "#hub", HTMLElement);
const table = find(document, "#lobbies", HTMLTableElement);
const empty = find(document, "#empty", HTMLElement);
const noMatch = find(document, "#nomatch", HTMLElement);
const source = find(document, "#source", HTMLAnchorElement);
const listView = find(document, "#list", HTMLElement);
const lobbyView = find(document, "#lobby", HTMLElement);
const seats = find(document, "#seats", HTMLElement);
const joinForm = find(document, "#join", HTMLFormElement);
const codeField = find(document, "#code", HTMLInputElement);
const joinError = find(document, "#join-error", HTMLElement);

let api = new Api(DEFAULT_GAME);
/** Null if the URL names no valid game. @type {LobbyList | null} */
let list = null;
/** The search text sent to the hub; "" while all lobbies are loaded, because the page then searches them itself. */
let remoteSearch = "";
/** @type {ReturnType<typeof setTimeout> | undefined} */
let typingTimer;
/** The seats as drawn last: screen readers announce every write to this live region. */
let seatsDrawn = "";
/** The lobby view, loaded on first use. @type {Promise<typeof import("./lobby/lobby-view.js")> | null} */
let lobbyModule = null;

const page = { navigate, drawSeats };

gameForm.addEventListener("submit", (event) => {
  event.preventDefault();
  if (gameField.value !== api.game || list === null) navigate(`?game=${encodeURIComponent(gameField.value)}`);
});
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[href^='?']") : null;
  if (link === null || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  navigate(/** @type {string} */ (link.getAttribute("href")));
});
find(document, "#create", HTMLButtonElement).addEventListener("click", async () => {
  const { openCreateDialog } = await import("./lobby/dialogs.js");
  openCreateDialog(api, enter);
});
joinForm.addEventListener("submit", (event) => {
  event.preventDefault();
  void joinBy(codeField.value.trim());
});
search.addEventListener("input", () => {
  clearTimeout(typingTimer);
  if (list?.hasMore || remoteSearch !== "") typingTimer = setTimeout(applyQuery, TYPING_MS);
  draw();
});
sort.addEventListener("change", draw);
onFilterChange(() => {
  clearTimeout(typingTimer);
  typingTimer = setTimeout(applyFilter, TYPING_MS);
});
addEventListener("popstate", open);
document.addEventListener("visibilitychange", startOrStop);
setInterval(draw, AGE_MS);
open();

// --- navigation ------------------------------------------------------------------------------------------------

/** @param {string} url */
function navigate(url) {
  history.pushState(null, "", url);
  open();
  scrollTo(0, 0);
}

/** Shows the game and the lobby that the URL names. */
function open() {
  const query = new URLSearchParams(location.search);
  const game = query.get("game") || DEFAULT_GAME;
  if (game !== api.game || list === null) openGame(game, query);
  const lobby = list === null ? null : lobbyInUrl();
  listView.hidden = lobby !== null;
  lobbyView.hidden = lobby === null;
  document.title = game === DEFAULT_GAME ? "Parley" : `${game} · Parley`;
  if (lobby === null) lobbyView.replaceChildren();
  drawSeats();
  void openLobby(lobby);
  startOrStop();
  draw();
}

/** @param {string} game @param {URLSearchParams} query */
function openGame(game, query) {
  list?.stop();
  api = new Api(game);
  gameField.value = game;
  remoteSearch = "";
  fillFilter(query);
  clearTable();
  write(joinError, "");
  list = GAME_PATTERN.test(game) ? new LobbyList(api, listQuery(), draw) : null;
}

function lobbyInUrl() {
  return new URLSearchParams(location.search).get("lobby") || null;
}

/** Loads the lobby view if the URL names a lobby, or if a seat must be kept. @param {string | null} lobby */
async function openLobby(lobby) {
  if (lobbyModule === null && lobby === null && Object.keys(joinedLobbies(api.game)).length === 0) return;
  lobbyModule ??= import("./lobby/lobby-view.js");
  const { showLobby } = await lobbyModule;
  showLobby(list === null ? null : api, lobbyInUrl(), lobbyView, page);
}

/** @param {import("./api/api.js").Joined | import("./api/api.js").Pending} result */
async function enter(result) {
  lobbyModule ??= import("./lobby/lobby-view.js");
  const { enterLobby } = await lobbyModule;
  navigate(pageUrl(api.game, enterLobby(api, result, page)));
}

/** Joins by a join code, or finds the lobby of a noray address. @param {string} text */
async function joinBy(text) {
  write(joinError, "");
  const uri = /^noray:\/\/\S+$/i.test(text);
  if (!uri) {
    const { openJoinDialog } = await import("./lobby/dialogs.js");
    openJoinDialog(api, text, enter);
    return;
  }
  const host = [...(list?.lobbies?.values() ?? [])].find(
    ({ join }) => join.uri !== undefined && normalize(join.uri) === normalize(text),
  );
  if (host !== undefined) return navigate(pageUrl(api.game, host.id));
  write(
    joinError,
    "No listed lobby has this address. Paste it into the game: Noray.connect_to_host, then connect_nat.",
  );
}

// --- the list --------------------------------------------------------------------------------------------------

function startOrStop() {
  if (list === null) return showStatus("error", "A game's name consists of small letters, digits and hyphens");
  if (document.visibilityState === "hidden" || lobbyInUrl() !== null) list.stop();
  else list.start();
}

function applyFilter() {
  if (list !== null && lobbyInUrl() === null) history.replaceState(null, "", pageUrl(api.game, null));
  applyQuery();
}

/** Applies the filter, and the search if the hub has more lobbies than the page has loaded. */
function applyQuery() {
  if (list === null) return;
  remoteSearch = list.hasMore || remoteSearch !== "" ? search.value.trim() : "";
  list.setFilter(listQuery());
  draw();
}

function listQuery() {
  return { ...readFilter(), ...(remoteSearch !== "" && { "name[contains]": remoteSearch }) };
}

function draw() {
  if (list === null) {
    for (const part of [table, empty, noMatch]) part.hidden = true;
    return write(count, "");
  }
  const { lobbies, hasMore, status } = list;
  showStatus(status.state, status.text);
  source.href = `${api.base}${list.path()}`;
  const all = [...(lobbies?.values() ?? [])];
  const matching = all.filter(matchesSearch(search.value)).toSorted(ORDERS[sort.value]);
  const shown = matching.slice(0, ROWS_MAX);
  drawTable(all, shown, (id) => pageUrl(api.game, id));
  write(count, lobbies === null ? "" : countText(matching.length, all.length, hasMore));
  table.hidden = shown.length === 0;
  const isFiltered = remoteSearch !== "" || Object.keys(readFilter()).join() !== "include";
  empty.hidden = lobbies === null || all.length > 0 || isFiltered;
  noMatch.hidden = lobbies === null || shown.length > 0 || !empty.hidden;
}

/** @param {import("./list/lobby-list.js").State} state @param {string} text */
function showStatus(state, text) {
  hub.dataset["status"] = state;
  write(hub, text);
}

/** @param {number} shown @param {number} all @param {boolean} hasMore */
function countText(shown, all, hasMore) {
  const total = `${all}${hasMore ? "+" : ""} ${all === 1 ? "lobby" : "lobbies"}`;
  return shown === all ? total : `${shown} of ${total}`;
}

/** Draws links to the lobbies in which this browser's peer has a seat. */
function drawSeats() {
  const mine = Object.entries(joinedLobbies(api.game)).filter(([id]) => id !== lobbyInUrl());
  const now = JSON.stringify([api.game, mine]);
  if (now === seatsDrawn) return;
  seatsDrawn = now;
  seats.hidden = mine.length === 0;
  const links = mine.map(([id, title]) => make("a", { href: pageUrl(api.game, id) }, isolate(title)));
  seats.replaceChildren("You have a seat in: ", ...links.flatMap((link, at) => (at === 0 ? [link] : [", ", link])));
}
