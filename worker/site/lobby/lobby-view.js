// @ts-check
/**
 * The view of one lobby, and the sessions behind it.
 *
 * Every part stays in place and is only updated or hidden, so that fields keep their text and focus.
 */
import { stateOf } from "../list/lobby-table.js";
import { make, reconcile, write } from "../util/dom.js";
import { joinedLobbies } from "../util/storage.js";
import { chat } from "./chat.js";
import { applicants, hostTools } from "./host-tools.js";
import { LobbySession } from "./lobby-session.js";
import { dataList, joinForm, joinGuide, playCard, seatCard } from "./lobby-parts.js";
import { roster } from "./roster.js";

/** @typedef {import("../api/api.js").Api} Api */
/** What the view needs of the page. @typedef {{ navigate: (url: string) => void, drawSeats: () => void }} Page */

/** Open sessions by lobby id: the lobby on the page, and the lobbies with a seat. @type {Map<string, LobbySession>} */
const sessions = new Map();
/** The API client of the open sessions. @type {Api | null} */
let currentApi = null;
/** The view on the page. @type {{ session: LobbySession, draw: () => void } | null} */
let currentView = null;

/**
 * Shows a lobby, and opens the sessions that keep this peer's seats.
 * @param {Api | null} api null if the URL names no valid game
 * @param {string | null} lobby @param {HTMLElement} place @param {Page} page
 */
export function showLobby(api, lobby, place, page) {
  if (currentApi !== api) {
    for (const session of sessions.values()) session.close();
    sessions.clear();
    currentApi = api;
  }
  if (api === null) return;
  for (const id of Object.keys(joinedLobbies(api.game))) sessionOf(api, id, page);
  // A session without a seat and not on the page is no longer needed.
  for (const [id, session] of sessions) {
    if (id === lobby || session.isMember || session.pending_until !== null) continue;
    session.close();
    sessions.delete(id);
  }
  if (lobby === null) {
    currentView = null;
    return;
  }
  const session = sessionOf(api, lobby, page);
  if (currentView?.session === session && place.childElementCount > 0) return;
  currentView = createView(api, session, place, page);
  currentView.draw();
  place.focus();
}

/**
 * Opens the session of a lobby that has just been joined, and returns the lobby's id.
 * @param {Api} api @param {import("../api/api.js").Joined | import("../api/api.js").Pending} result @param {Page} page
 */
export function enterLobby(api, result, page) {
  const id = result.status === "pending" ? result.lobby_id : result.lobby.id;
  currentApi ??= api;
  sessionOf(api, id, page).enter(result);
  return id;
}

/** @param {Api} api @param {string} id @param {Page} page */
function sessionOf(api, id, page) {
  const open = sessions.get(id);
  if (open !== undefined) return open;
  const onChange = () => {
    if (currentView?.session === session) currentView.draw();
    page.drawSeats();
  };
  const session = new LobbySession(api, id, onChange, Object.hasOwn(joinedLobbies(api.game), id));
  sessions.set(id, session);
  return session;
}

/** @param {Api} api @param {LobbySession} session @param {HTMLElement} place @param {Page} page */
function createView(api, session, place, page) {
  const title = make("bdi", { dir: "auto" });
  const facts = make("ul", { class: "facts", "aria-label": "About this lobby" });
  const connection = make("p", { class: "connection", role: "status" });
  const note = make("p", { class: "error", role: "alert" });
  const back = make("a", { href: `?game=${encodeURIComponent(api.game)}`, class: "back" }, "← All lobbies");
  const left = [joinForm(session), joinGuide(api, session), applicants(session), hostTools(session), roster(session)];
  const right = [playCard(session), chat(session), seatCard(api, session, page), dataList(session)];
  const columns = [left, right].map((parts) => make("div", {}, ...parts.map(({ element }) => element)));
  place.replaceChildren(
    back,
    make("h2", {}, title),
    connection,
    facts,
    note,
    make("div", { class: "columns" }, ...columns),
  );
  /** @type {Map<string, HTMLElement>} */
  const items = new Map();
  function draw() {
    const { view, ended } = session;
    write(title, view?.name ?? (ended === null ? "Loading the lobby…" : "Lobby"));
    const [status, text] = statusOf(session);
    connection.dataset["status"] = status;
    write(connection, text);
    write(note, session.note);
    const words = view === null || ended !== null ? [] : factsOf(view);
    reconcile(
      facts,
      items,
      words,
      (word) => word,
      () => make("li"),
      (item, word) => write(item, word),
    );
    facts.hidden = words.length === 0;
    for (const part of [...left, ...right]) part.draw();
  }
  return { session, draw };
}

/** @param {LobbySession} session @returns {[status: "ended" | "live" | "connecting" | "polling" | "error", text: string]} */
function statusOf(session) {
  const { ended, isLive, isPolling, view } = session;
  if (ended !== null) return ["ended", ended];
  if (isLive) return ["live", roleText(session)];
  if (isPolling) return ["polling", "Refreshed every 4 s. Chat is unavailable until the connection is back"];
  return view === null ? ["connecting", "Connecting to the hub…"] : ["error", "Connection lost. Retrying…"];
}

/** @param {LobbySession} session */
function roleText({ me, pending_until, view }) {
  if (me?.host) return "Live. You are the host";
  if (me !== undefined) return "Live. You are a member";
  if (pending_until !== null) return "Waiting for the host's approval";
  return view?.wire === "native" ? "Live. You are not a member" : "Live";
}

/** @param {import("../api/api.js").LobbyView} lobby */
function factsOf(lobby) {
  const { member_count, seats, wire, version, has_password, visibility } = lobby;
  return [
    stateOf(lobby),
    seats === null ? `${member_count} here, no limit` : `${member_count} of ${seats}`,
    wire,
    ...(version === null ? [] : [`version ${version}`]),
    ...(has_password ? ["password"] : []),
    ...(visibility === "public" ? [] : [visibility]),
  ];
}
