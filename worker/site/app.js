// @ts-check
/**
 * The lobby page: asks the public list again and again and keeps one table row per lobby.
 *
 *     ?game= in the address -> ask (up to five pages) -> search, sort -> rows, changed in place
 *
 * It knows nothing but the public API. What the hub says is shown as text and never as markup: names are chosen by
 * strangers. While nobody looks at the page, it asks nothing.
 */

/**
 * What the page uses of a list's lines.
 * @typedef {{ id: string, name: string, wire: string, state: string, members: number, seats: number | null,
 *   locked: boolean, created_at: string, join_uri?: string }} Lobby
 */

/** The list's own `max-age`: asking more often would bring nothing newer through a cache. */
const REFRESH_MS = 2_000;
/** A request that takes longer is given up. */
const SLOW_MS = 5_000;
/** The longest pause between two tries while the hub does not answer. */
const RETRY_LAST_MS = 15_000;
/** What the API gives at most per page, and how many pages are worth showing to a person. */
const PAGE_LIMIT = 100;
const PAGES_MAX = 5;
/** More seats than this are drawn as one bar: the pieces would be too thin. */
const PIECES_MAX = 16;
const DEFAULT_GAME = "default";
const GAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/;

const { compare } = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/**
 * What the reader may sort by; ids break ties, so that rows do not swap places by themselves.
 * @type {Record<string, (a: Lobby, b: Lobby) => number>}
 */
const ORDERS = {
  newest: (a, b) => Date.parse(b.created_at) - Date.parse(a.created_at) || compare(a.id, b.id),
  name: (a, b) => compare(a.name, b.name) || compare(a.id, b.id),
  free: (a, b) => freeSeats(b) - freeSeats(a) || compare(a.name, b.name) || compare(a.id, b.id),
};

const gameForm = find(document, "#choose", HTMLFormElement);
const gameField = find(document, "#game", HTMLInputElement);
const search = find(document, "#search", HTMLInputElement);
const sort = find(document, "#sort", HTMLSelectElement);
const count = find(document, "#count", HTMLElement);
const hub = find(document, "#hub", HTMLElement);
const table = find(document, "#lobbies", HTMLTableElement);
const body = find(document, "#lobbies tbody", HTMLTableSectionElement);
const empty = find(document, "#empty", HTMLElement);
const noMatch = find(document, "#nomatch", HTMLElement);
const source = find(document, "#source", HTMLAnchorElement);
const rowTemplate = find(document, "#row", HTMLTemplateElement);

/**
 * What the hub said last, or null before it said anything.
 * @type {{ lobbies: Lobby[], more: boolean } | null}
 */
let known = null;
/** The rows on the page, by lobby id. @type {Map<string, HTMLTableRowElement>} */
const rows = new Map();
/** Ends the loop that is running. */
let loop = new AbortController();

gameForm.addEventListener("submit", (event) => {
  event.preventDefault();
  if (gameField.value === gameOfAddress()) return;
  const url = new URL(location.href);
  url.searchParams.set("game", gameField.value);
  history.pushState(null, "", url);
  openGame();
});
addEventListener("popstate", openGame);
addEventListener("online", watch);
document.addEventListener("visibilitychange", watch);
search.addEventListener("input", draw);
sort.addEventListener("change", draw);
openGame();

/** Begins anew with the game that the address names. */
function openGame() {
  const game = gameOfAddress();
  known = null;
  gameField.value = game;
  source.href = listUrl(game);
  document.title = game === DEFAULT_GAME ? "Parley" : `${game} · Parley`;
  draw();
  watch();
}

function gameOfAddress() {
  return new URLSearchParams(location.search).get("game") || DEFAULT_GAME;
}

// --- asking ----------------------------------------------------------------------------------------------------

/** Asks from now on, if somebody looks at the page. The loop before this one ends. */
function watch() {
  loop.abort();
  loop = new AbortController();
  if (document.visibilityState === "hidden") return;
  const game = gameOfAddress();
  if (GAME_PATTERN.test(game)) void askForEver(game, loop.signal);
  else report("trouble", "A game's name is made of small letters, digits and hyphens");
}

/** @param {string} game @param {AbortSignal} over */
async function askForEver(game, over) {
  if (known === null) report("asking", "Asking the hub");
  for (let failures = 0; !over.aborted;) {
    try {
      const answer = await ask(game, over);
      if (over.aborted) return;
      known = answer;
      failures = 0;
      report("live", "Live");
    } catch {
      // No network, no hub, too slow or not a list: to the reader it is one and the same.
      if (over.aborted) return;
      failures++;
      report("trouble", "The hub does not answer; trying again");
    }
    draw();
    await pause(failures === 0 ? REFRESH_MS : retryAfter(failures), over);
  }
}

/** Every page up to the last one shown. @param {string} game @param {AbortSignal} over */
async function ask(game, over) {
  /** @type {Map<string, Lobby>} */
  const lobbies = new Map();
  /** @type {string | null} */
  let cursor = null;
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await askPage(listUrl(game, cursor), over);
    for (const lobby of answer.lobbies) lobbies.set(lobby.id, lobby);
    cursor = answer.next;
    if (cursor === null) break;
  }
  return { lobbies: [...lobbies.values()], more: cursor !== null };
}

/**
 * `no-cache` lets the browser ask with the ETag it has; an unchanged list costs a 304.
 * @param {string} url @param {AbortSignal} over
 */
async function askPage(url, over) {
  const signal = AbortSignal.any([over, AbortSignal.timeout(SLOW_MS)]);
  const response = await fetch(url, { signal, cache: "no-cache", headers: { accept: "application/json" } });
  if (!response.ok) throw new Error(`the hub answered ${response.status}`);
  const { lobbies, next_cursor } = await response.json();
  const next = typeof next_cursor === "string" ? next_cursor : null;
  return { lobbies: /** @type {unknown[]} */ (lobbies).filter(isLobby), next };
}

/** @param {string} game @param {string | null} cursor */
function listUrl(game, cursor = null) {
  const query = new URLSearchParams({ include: "full,in_game", limit: String(PAGE_LIMIT) });
  if (cursor !== null) query.set("cursor", cursor);
  return `/v1/games/${encodeURIComponent(game)}/lobbies?${query}`;
}

/**
 * A later hub may say more than this page knows, but not less.
 * @param {any} value @returns {value is Lobby}
 */
function isLobby(value) {
  const texts = [value?.id, value?.name, value?.wire, value?.state, value?.created_at, value?.join_uri ?? ""];
  // Some wires count no seats.
  const counts = [value?.members, value?.seats ?? 0];
  return texts.every((text) => typeof text === "string") && counts.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/**
 * Doubling, and spread out so that many pages do not come back at the same moment.
 * @param {number} failures
 */
function retryAfter(failures) {
  return Math.min(REFRESH_MS * 2 ** (failures - 1), RETRY_LAST_MS) * (0.75 + Math.random() / 4);
}

/** @param {number} ms @param {AbortSignal} over @returns {Promise<void>} */
function pause(ms, over) {
  return new Promise((done) => {
    const finish = () => {
      clearTimeout(timer);
      over.removeEventListener("abort", finish);
      done();
    };
    const timer = setTimeout(finish, ms);
    over.addEventListener("abort", finish);
  });
}

// --- showing ---------------------------------------------------------------------------------------------------

/** @param {"asking" | "live" | "trouble"} is @param {string} text */
function report(is, text) {
  hub.dataset["is"] = is;
  write(hub, text);
}

function draw() {
  const lobbies = known?.lobbies ?? [];
  const wanted = fold(search.value);
  // A way to a host that somebody passed on finds its line.
  const fits = (/** @type {Lobby} */ { name, join_uri = "" }) =>
    fold(name).includes(wanted) || fold(join_uri) === wanted;
  const shown = lobbies.filter(fits).toSorted(ORDERS[sort.value]);
  drawRows(lobbies, shown);
  write(count, known === null ? "" : countOf(shown.length, lobbies.length, known.more));
  table.hidden = shown.length === 0;
  empty.hidden = known === null || lobbies.length > 0;
  noMatch.hidden = lobbies.length === 0 || shown.length > 0;
}

/**
 * Rows that stay are neither made anew nor moved, so that a selection within them survives. Those that the search
 * hides are kept aside: when they return they are not news.
 * @param {Lobby[]} all @param {Lobby[]} shown
 */
function drawRows(all, shown) {
  const living = new Set(all.map((lobby) => lobby.id));
  const visible = new Set(shown.map((lobby) => lobby.id));
  const isNews = rows.size > 0;
  for (const [id, row] of rows) {
    if (!visible.has(id)) row.remove();
    if (!living.has(id)) rows.delete(id);
  }
  for (const { id } of all) if (!rows.has(id)) rows.set(id, newRow(isNews));
  let place = body.firstElementChild;
  for (const lobby of shown) {
    const row = /** @type {HTMLTableRowElement} */ (rows.get(lobby.id));
    fill(row, lobby);
    if (row === place) place = row.nextElementSibling;
    else body.insertBefore(row, place);
  }
}

/** @param {boolean} isNews worth a glance, because others were there before it */
function newRow(isNews) {
  const row = find(/** @type {DocumentFragment} */ (rowTemplate.content.cloneNode(true)), "tr", HTMLTableRowElement);
  row.classList.toggle("fresh", isNews);
  row.addEventListener("animationend", () => row.classList.remove("fresh"));
  return row;
}

/** @param {HTMLTableRowElement} row @param {Lobby} lobby */
function fill(row, lobby) {
  const state = stateOf(lobby);
  row.dataset["state"] = state;
  write(find(row, "bdi", HTMLElement), lobby.name);
  find(row, ".lock", SVGElement).toggleAttribute("hidden", !lobby.locked);
  const { members, seats } = lobby;
  write(find(row, ".taken", HTMLElement), seats === null ? "no limit" : `${members} of ${seats}`);
  write(find(row, ".word", HTMLElement), state);
  write(find(row, "td.wire", HTMLElement), lobby.wire);
  write(find(row, ".way", HTMLElement), lobby.join_uri ?? "");
  const bar = find(row, ".bar", HTMLElement);
  bar.toggleAttribute("hidden", seats === null);
  bar.classList.toggle("pieces", seats !== null && seats <= PIECES_MAX);
  bar.style.setProperty("--seats", String(seats ?? 1));
  bar.style.setProperty("--taken", String(members / Math.max(seats ?? 1, 1)));
  const age = find(row, "time", HTMLTimeElement);
  age.dateTime = lobby.created_at;
  write(age, ageOf(Date.parse(lobby.created_at), Date.now()));
}

/** @param {Lobby} lobby */
function freeSeats({ state, seats, members }) {
  return state === "open" ? (seats ?? Infinity) - members : 0;
}

/** @param {Lobby} lobby */
function stateOf({ state, seats, members }) {
  if (state !== "open") return state.replaceAll("_", " ");
  return members >= (seats ?? Infinity) ? "full" : "open";
}

/** @param {number} shown @param {number} all @param {boolean} more */
function countOf(shown, all, more) {
  const total = `${all}${more ? "+" : ""} ${all === 1 ? "lobby" : "lobbies"}`;
  return shown === all ? total : `${shown} of ${total}`;
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

/** Text for comparing: case and the way accents are composed do not matter. @param {string} text */
function fold(text) {
  return text.normalize("NFKC").toLowerCase();
}

/**
 * Only what differs is written: live regions speak, and selections break, at every write.
 * @param {Node} node @param {string} text
 */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * @template {Element} T
 * @param {ParentNode} root @param {string} selector @param {new () => T} kind
 * @returns {T}
 */
function find(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`the page has no ${selector}`);
  return found;
}
