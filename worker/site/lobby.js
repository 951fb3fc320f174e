// @ts-check
/**
 * One lobby's view: who is there, what is said, and what one may do: a stranger joins, a member talks and leaves, the
 * host rules. Everything stands where it stood when it changes, so that nothing is lost under a reader's hand.
 */
import { confirm, nameField, saidOfMe } from "./create.js";
import { field } from "./lobby-form.js";
import { arrange, make, name, write } from "./dom.js";
import { forget, seatsOf } from "./storage.js";
import { hostTools, applicants } from "./host-tools.js";
import { roster } from "./roster.js";
import { Session } from "./lobby-session.js";
import { stateOf } from "./lobby-table.js";
import { talk } from "./chat.js";
import { copyable, waysInto } from "./join-instructions.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {{ go: (address: string) => void, drawSeats: () => void }} Page */
/** @typedef {{ element: HTMLElement, draw: () => void }} Part */

/** Lobbies that are watched: the one that is shown, and those with a seat of ours. @type {Map<string, Session>} */
const sessions = new Map();
/** @type {Api | null} */
let current = null;
/** The view that is on the page. @type {{ session: Session, draw: () => void } | null} */
let shown = null;

/** @param {Api | null} api null: no possible game @param {string | null} lobby @param {HTMLElement} place @param {Page} page */
export function show(api, lobby, place, page) {
  if (current !== api) {
    for (const session of sessions.values()) session.close();
    sessions.clear();
    current = api;
  }
  if (api === null) return;
  for (const id of Object.keys(seatsOf(api.game))) sessionOf(api, id, page);
  // Who neither sits there nor looks at it hears nothing more of it.
  for (const [id, session] of sessions) {
    if (id === lobby || session.seated || session.waits_until !== null) continue;
    session.close();
    sessions.delete(id);
  }
  if (lobby === null) {
    shown = null;
    return;
  }
  const session = sessionOf(api, lobby, page);
  if (shown?.session === session && place.childElementCount > 0) return;
  shown = viewOf(api, session, place, page);
  shown.draw();
  place.focus();
}

/** The hub let us into a lobby; gives its id. @param {Api} api @param {import("./api.js").Joined | import("./api.js").Pending} entry @param {Page} page */
export function entered(api, entry, page) {
  const id = entry.status === "pending" ? entry.lobby_id : entry.lobby.id;
  current ??= api;
  sessionOf(api, id, page).enter(entry);
  return id;
}

/** @param {Api} api @param {string} id @param {Page} page */
function sessionOf(api, id, page) {
  const known = sessions.get(id);
  if (known !== undefined) return known;
  const session = new Session(
    api,
    id,
    () => {
      if (shown?.session === session) shown.draw();
      page.drawSeats();
    },
    Object.hasOwn(seatsOf(api.game), id),
  );
  sessions.set(id, session);
  return session;
}

// --- the view --------------------------------------------------------------------------------------------------

/** @param {Api} api @param {Session} session @param {HTMLElement} place @param {Page} page */
function viewOf(api, session, place, page) {
  const title = make("bdi", { dir: "auto" });
  const facts = make("ul", { class: "facts", "aria-label": "What it is" });
  const connection = make("p", { class: "connection", role: "status" });
  const note = make("p", { class: "refused", role: "alert" });
  const back = make("a", { href: `?game=${encodeURIComponent(api.game)}`, class: "back" }, "← All lobbies");
  const doing = [entrance(session), foreign(api, session), applicants(session), hostTools(session), roster(session)];
  const telling = [talk(session), seat(api, session, page), data(session)];
  const columns = [doing, telling].map((parts) => make("div", {}, ...parts.map(({ element }) => element)));
  place.replaceChildren(
    back,
    make("h2", {}, title),
    connection,
    facts,
    note,
    make("div", { class: "columns" }, ...columns),
  );
  /** @type {Map<string, HTMLElement>} */
  const kept = new Map();
  function draw() {
    const { view, over } = session;
    write(title, view?.name ?? (over === null ? "Looking for the lobby" : "Lobby"));
    const [is, says] = stateOfSession(session);
    connection.dataset["is"] = is;
    write(connection, says);
    write(note, session.note);
    const words = view === null || over !== null ? [] : factsOf(view);
    arrange(
      facts,
      kept,
      words,
      (word) => word,
      () => make("li"),
      (item, word) => write(item, word),
    );
    facts.hidden = words.length === 0;
    for (const part of [...doing, ...telling]) part.draw();
  }
  return { session, draw };
}

/** @param {Session} session @returns {[is: "over" | "live" | "asking" | "asked" | "trouble", says: string]} */
function stateOfSession(session) {
  const { over, live, asked, view } = session;
  if (over !== null) return ["over", over];
  if (live) return ["live", roleOf(session)];
  if (asked) return ["asked", "Asked for every 4 s: what is said here does not arrive meanwhile"];
  return view === null ? ["asking", "Asking the hub"] : ["trouble", "The connection is lost; trying again"];
}

/** @param {Session} session */
function roleOf({ me, waits_until, view }) {
  if (me?.host) return "Live. You host this lobby";
  if (me !== undefined) return "Live. You are a member";
  if (waits_until !== null) return "Waiting for the host to let you in";
  return view?.wire === "native" ? "Live. You look at it from outside" : "Live";
}

/** @param {import("./api.js").LobbyView} lobby */
function factsOf(lobby) {
  const { members, seats, wire, version, locked, visibility } = lobby;
  return [
    stateOf(lobby),
    seats === null ? `${members} here, no limit` : `${members} of ${seats}`,
    wire,
    ...(version === null ? [] : [`version ${version}`]),
    ...(locked ? ["password"] : []),
    ...(visibility === "public" ? [] : [visibility]),
  ];
}

/** How a stranger comes in. @param {Session} session @returns {Part} */
function entrance(session) {
  const password = make("input", { name: "password", type: "password", maxlength: 128, autocomplete: "off" });
  const passwordField = field("Password", password);
  const button = make("button", {}, "Join");
  const form = make(
    "form",
    { class: "card entrance", "aria-label": "Join", submit: join },
    nameField(),
    passwordField,
    button,
  );
  /** @param {SubmitEvent} event */
  async function join(event) {
    event.preventDefault();
    button.disabled = true;
    const { version } = session.view ?? { version: null };
    await session.join({
      ...saidOfMe(form),
      ...(!passwordField.hidden && { password: password.value }),
      ...(version !== null && { version }),
    });
    button.disabled = false;
    if (!form.hidden && session.view?.locked) password.select();
  }
  function draw() {
    const { view, me, over, waits_until } = session;
    form.hidden = view === null || view.wire !== "native" || me !== undefined || over !== null || waits_until !== null;
    passwordField.hidden = !view?.locked;
    password.required = view?.locked ?? false;
    write(button, view?.approval ? "Ask to join" : "Join");
  }
  return { element: form, draw };
}

/** How a lobby of another wire is joined. @param {Api} api @param {Session} session @returns {Part} */
function foreign(api, session) {
  const box = make("section", { class: "card", "aria-label": "How to join" });
  /** @type {readonly import("./api.js").SidecarView[] | null} */
  let sidecars = null;
  let drawn = "";
  function draw() {
    const { view, over } = session;
    box.hidden = view === null || view.wire === "native" || over !== null;
    if (view === null || box.hidden) return;
    if (sidecars === null) {
      sidecars = [];
      const take = (/** @type {{ sidecars: typeof sidecars }} */ answer) => {
        sidecars = answer.sidecars;
        draw();
      };
      // Without them the session's name is still worth to be shown.
      api.look("/sidecars").then(take, () => {});
    }
    const { says, ways } = waysInto(view, sidecars);
    const now = JSON.stringify(ways);
    if (now === drawn) return;
    drawn = now;
    box.replaceChildren(make("h3", {}, "How to join"), make("p", {}, says), ...ways.map(copyable));
  }
  return { element: box, draw };
}

/** What a member has: the join code, and the way out. @param {Api} api @param {Session} session @param {Page} page @returns {Part} */
function seat(api, session, page) {
  const code = make("div", { hidden: true });
  const leave = make("button", { type: "button", class: "plain", click: () => session.leave() });
  const forgets = make("button", { type: "button", class: "link", click: askToForget }, "forget it");
  const honest = make(
    "p",
    { class: "quiet" },
    "This browser keeps the token of your seat, so that a reload gets the seat back. Whoever uses this browser can do the same: ",
    forgets,
    ".",
  );
  const box = make("section", { class: "card", "aria-label": "Your seat" }, code, leave, honest);
  let drawn = "";
  function askToForget() {
    confirm(
      "Forget me",
      "You leave your lobbies of this game as if your connection were lost, and are somebody else from now on.",
      async () => {
        forget(api.game);
        location.reload();
      },
    );
  }
  function draw() {
    const { me, view, over, waits_until } = session;
    box.hidden = over !== null || (me === undefined && waits_until === null);
    write(leave, me === undefined ? "Do not wait any longer" : "Leave");
    const now = view?.join_code ?? "";
    if (now === drawn) return;
    drawn = now;
    code.hidden = now === "";
    code.replaceChildren(...(now === "" ? [] : [copyable({ label: "Join code", text: now })]));
    page.drawSeats();
  }
  return { element: box, draw };
}

/** What the host tells of the lobby in words of his game. @param {Session} session @returns {Part} */
function data(session) {
  const list = make("dl");
  const box = make("section", { class: "card", "aria-label": "Data" }, make("h3", {}, "Data"), list);
  let drawn = "";
  function draw() {
    const { view, over } = session;
    const entries = Object.entries(view?.data ?? {});
    box.hidden = over !== null || entries.length === 0;
    const now = JSON.stringify([view?.data, view?.entries]);
    if (now === drawn) return;
    drawn = now;
    const whose = (/** @type {string} */ key) => {
      const who = view?.entries?.[key]?.visibility ?? "public";
      return who === "public" ? [] : [make("small", {}, who === "member" ? "members" : "host alone")];
    };
    list.replaceChildren(
      ...entries.flatMap(([key, value]) => [make("dt", {}, key, ...whose(key)), make("dd", {}, name(String(value)))]),
    );
  }
  return { element: box, draw };
}
