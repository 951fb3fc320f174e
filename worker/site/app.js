// @ts-check
/**
 * The lobby page: a customer of the public API like any other.
 *
 *     ?game= in the address    -> list.js (told, or asked for) -> search, sort -> table.js
 *     ?game=&lobby=            -> session.js (one lobby, live) -> lobby.js
 *
 * What is only needed to look at the list is here and loaded first; a lobby's view and the dialogs come when they are
 * opened.
 */
import { Api } from "./api.js";
import { find, fold, make, name, write } from "./dom.js";
import { List } from "./list.js";
import { seatsOf } from "./storage.js";
import { addressOf, finds, onFilter, readFilter, showFilter } from "./query.js";
import { clearTable, drawTable, ORDERS } from "./lobby-table.js";

const DEFAULT_GAME = "default";
const GAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** More rows than a person reads. */
const ROWS_MAX = 500;
/** Typing goes on for so long. */
const TYPING_MS = 300;
/** Ages are told in minutes. */
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
const enterForm = find(document, "#enter", HTMLFormElement);
const codeField = find(document, "#code", HTMLInputElement);
const said = find(document, "#said", HTMLElement);

let api = new Api(DEFAULT_GAME);
/** Null where the address names no possible game. @type {List | null} */
let list = null;
/** The search as the hub was asked for it: only where there are more lobbies than it shows. */
let asked = "";
/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;
/** The seats that are shown: a live region speaks at every write. */
let seatsDrawn = "";
/** What is loaded when a lobby is looked at. @type {Promise<typeof import("./lobby.js")> | null} */
let room = null;

/** What a lobby's view needs of the page. */
const ways = { go, drawSeats };

gameForm.addEventListener("submit", (event) => {
  event.preventDefault();
  if (gameField.value !== api.game || list === null) go(`?game=${encodeURIComponent(gameField.value)}`);
});
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[href^='?']") : null;
  if (link === null || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  go(/** @type {string} */ (link.getAttribute("href")));
});
find(document, "#create", HTMLButtonElement).addEventListener("click", async () => {
  const { create } = await import("./create.js");
  create(api, (joined) => enter(joined));
});
enterForm.addEventListener("submit", (event) => {
  event.preventDefault();
  void enterBy(codeField.value.trim());
});
search.addEventListener("input", () => {
  clearTimeout(typing);
  if (list?.more || asked !== "") typing = setTimeout(refine, TYPING_MS);
  draw();
});
sort.addEventListener("change", draw);
onFilter(() => {
  clearTimeout(typing);
  typing = setTimeout(filter, TYPING_MS);
});
addEventListener("popstate", open);
document.addEventListener("visibilitychange", watch);
setInterval(draw, AGE_MS);
open();

// --- going about -----------------------------------------------------------------------------------------------

/** @param {string} address */
function go(address) {
  history.pushState(null, "", address);
  open();
  scrollTo(0, 0);
}

/** Shows what the address names. */
function open() {
  const query = new URLSearchParams(location.search);
  const game = query.get("game") || DEFAULT_GAME;
  if (game !== api.game || list === null) openGame(game, query);
  const lobby = list === null ? null : lobbyOfAddress();
  listView.hidden = lobby !== null;
  lobbyView.hidden = lobby === null;
  document.title = game === DEFAULT_GAME ? "Parley" : `${game} · Parley`;
  if (lobby === null) lobbyView.replaceChildren();
  drawSeats();
  void showLobby(lobby);
  watch();
  draw();
}

/** @param {string} game @param {URLSearchParams} query */
function openGame(game, query) {
  list?.rest();
  api = new Api(game);
  gameField.value = game;
  asked = "";
  showFilter(query);
  clearTable();
  write(said, "");
  list = GAME_PATTERN.test(game) ? new List(api, wanted(), draw) : null;
}

function lobbyOfAddress() {
  return new URLSearchParams(location.search).get("lobby") || null;
}

/** Who has a seat somewhere keeps it, whatever he looks at. @param {string | null} lobby */
async function showLobby(lobby) {
  if (room === null && lobby === null && Object.keys(seatsOf(api.game)).length === 0) return;
  room ??= import("./lobby.js");
  const { show } = await room;
  show(list === null ? null : api, lobbyOfAddress(), lobbyView, ways);
}

/** @param {import("./api.js").Joined | import("./api.js").Pending} entry */
async function enter(entry) {
  room ??= import("./lobby.js");
  const { entered } = await room;
  go(addressOf(api.game, entered(api, entry, ways)));
}

/** A join code, or the way to a noray host. @param {string} text */
async function enterBy(text) {
  write(said, "");
  const uri = /^noray:\/\/\S+$/i.test(text);
  if (!uri) {
    const { joinByCode } = await import("./create.js");
    joinByCode(api, text, enter);
    return;
  }
  const host = [...(list?.lobbies?.values() ?? [])].find(
    ({ join_uri }) => join_uri !== undefined && fold(join_uri) === fold(text),
  );
  if (host !== undefined) return go(addressOf(api.game, host.id));
  write(said, "No lobby of this list has this way. Paste it into the game: Noray.connect_to_host, then connect_nat.");
}

// --- the list --------------------------------------------------------------------------------------------------

function watch() {
  if (list === null) return report("trouble", "A game's name is made of small letters, digits and hyphens");
  if (document.visibilityState === "hidden" || lobbyOfAddress() !== null) list.rest();
  else list.watch();
}

function filter() {
  if (list !== null && lobbyOfAddress() === null) history.replaceState(null, "", addressOf(api.game, null));
  refine();
}

/** Asks the hub for what is looked for. */
function refine() {
  if (list === null) return;
  asked = list.more || asked !== "" ? search.value.trim() : "";
  list.want(wanted());
  draw();
}

function wanted() {
  return { ...readFilter(), ...(asked !== "" && { "name[contains]": asked }) };
}

function draw() {
  if (list === null) {
    for (const part of [table, empty, noMatch]) part.hidden = true;
    return write(count, "");
  }
  const { lobbies, more, mood } = list;
  report(mood.is, mood.says);
  source.href = `${api.base}${list.url()}`;
  const all = [...(lobbies?.values() ?? [])];
  const fitting = all.filter(finds(search.value)).toSorted(ORDERS[sort.value]);
  const shown = fitting.slice(0, ROWS_MAX);
  drawTable(all, shown, (id) => addressOf(api.game, id));
  write(count, lobbies === null ? "" : countOf(fitting.length, all.length, more));
  table.hidden = shown.length === 0;
  const isFiltered = asked !== "" || Object.keys(readFilter()).join() !== "include";
  empty.hidden = lobbies === null || all.length > 0 || isFiltered;
  noMatch.hidden = lobbies === null || shown.length > 0 || !empty.hidden;
}

/** @param {import("./list.js").Mood} is @param {string} text */
function report(is, text) {
  hub.dataset["is"] = is;
  write(hub, text);
}

/** @param {number} shown @param {number} all @param {boolean} more */
function countOf(shown, all, more) {
  const total = `${all}${more ? "+" : ""} ${all === 1 ? "lobby" : "lobbies"}`;
  return shown === all ? total : `${shown} of ${total}`;
}

/** The way back to where one has a seat. */
function drawSeats() {
  const mine = Object.entries(seatsOf(api.game)).filter(([id]) => id !== lobbyOfAddress());
  const now = JSON.stringify([api.game, mine]);
  if (now === seatsDrawn) return;
  seatsDrawn = now;
  seats.hidden = mine.length === 0;
  const links = mine.map(([id, title]) => make("a", { href: addressOf(api.game, id) }, name(title)));
  seats.replaceChildren("You have a seat in: ", ...links.flatMap((link, at) => (at === 0 ? [link] : [", ", link])));
}
