// @ts-check
/** Cards of the lobby view: the join form, the guide for other wires, this player's seat, and the lobby's data. */
import { isolate, make, write } from "../util/dom.js";
import { forgetGame } from "../util/storage.js";
import { confirm, nameField, readName } from "./dialogs.js";
import { field } from "./form-controls.js";
import { copyLine, joinInstructions } from "./join-instructions.js";
import { joinUrl } from "./join-url.js";

/** @typedef {import("../api/api.js").Api} Api */
/** @typedef {import("./lobby-session.js").LobbySession} LobbySession */
/** @typedef {{ element: HTMLElement, draw: () => void }} Part */

/** Shown to players who are not members of a native lobby. @param {LobbySession} session @returns {Part} */
export function joinForm(session) {
  const password = make("input", { name: "password", type: "password", maxlength: 128, autocomplete: "off" });
  const passwordField = field("Password", password);
  const button = make("button", {}, "Join");
  const attributes = { class: "card join", "aria-label": "Join", submit: join };
  const form = make("form", attributes, nameField(), passwordField, button);
  /** @param {SubmitEvent} event */
  async function join(event) {
    event.preventDefault();
    button.disabled = true;
    const { version } = session.view ?? { version: null };
    await session.join({
      ...readName(form),
      ...(!passwordField.hidden && { password: password.value }),
      ...(version !== null && { version }),
    });
    button.disabled = false;
    if (!form.hidden && session.view?.has_password) password.select();
  }
  function draw() {
    const { view, me, ended, pending_until } = session;
    const isJoinable = view?.wire === "native" && me === undefined && ended === null && pending_until === null;
    form.hidden = !isJoinable;
    passwordField.hidden = !view?.has_password;
    password.required = view?.has_password ?? false;
    write(button, view?.approval ? "Ask to join" : "Join");
  }
  return { element: form, draw };
}

/** Opens the lobby in its game, if the lobby's data has a template. @param {LobbySession} session @returns {Part} */
export function playCard(session) {
  const link = make("a", { class: "button", rel: "noopener noreferrer" }, "Play");
  const where = make("p", { class: "quiet" });
  const box = make("section", { class: "card", "aria-label": "Play" }, link, where);
  function draw() {
    const { view, ended } = session;
    const url = view === null || ended !== null ? null : joinUrl(view.data["join_url"], { ...view.join, id: view.id });
    box.hidden = url === null;
    if (url === null || link.href === url.href) return;
    const isPage = /^https?:$/.test(url.protocol);
    link.href = url.href;
    link.target = isPage ? "_blank" : "";
    // The player sees which site or program the host of the lobby has named.
    write(where, isPage ? `Opens ${url.host}` : `Opens the program for ${url.protocol}//`);
  }
  return { element: box, draw };
}

/** Shown for a lobby of another wire. @param {Api} api @param {LobbySession} session @returns {Part} */
export function joinGuide(api, session) {
  const box = make("section", { class: "card", "aria-label": "How to join" });
  /** Null until they are requested. @type {readonly import("../api/api.js").SidecarView[] | null} */
  let sidecars = null;
  let drawn = "";
  function loadSidecars() {
    sidecars = [];
    const onLoaded = (/** @type {{ sidecars: typeof sidecars }} */ response) => {
      sidecars = response.sidecars;
      draw();
    };
    // Without the list of sidecars the guide still shows the session's name.
    api.getPublic("/sidecars").then(onLoaded, () => {});
    return sidecars;
  }
  function draw() {
    const { view, ended } = session;
    box.hidden = view === null || view.wire === "native" || ended !== null;
    if (view === null || box.hidden) return;
    const { introduction, items } = joinInstructions(view, sidecars ?? loadSidecars());
    const now = JSON.stringify(items);
    if (now === drawn) return;
    drawn = now;
    box.replaceChildren(make("h3", {}, "How to join"), make("p", {}, introduction), ...items.map(copyLine));
  }
  return { element: box, draw };
}

/**
 * Shown to members and applicants: the join code, the button to leave, and the note about the stored token.
 * @param {Api} api @param {LobbySession} session @param {import("./lobby-view.js").Page} page @returns {Part}
 */
export function seatCard(api, session, page) {
  const code = make("div", { hidden: true });
  const leave = make("button", { type: "button", class: "plain", click: () => session.leave() });
  const forget = make("button", { type: "button", class: "link", click: confirmForget }, "forget me");
  const notice = make(
    "p",
    { class: "quiet" },
    "This browser remembers your seat, so a reload brings you back. Other people who use this browser can take it, too: ",
    forget,
    ".",
  );
  const box = make("section", { class: "card", "aria-label": "Your seat" }, code, leave, notice);
  let drawn = "";
  function confirmForget() {
    confirm("Forget me", "You leave all your lobbies of this game and return as a new player.", async () => {
      forgetGame(api.game);
      location.reload();
    });
  }
  function draw() {
    const { me, view, ended, pending_until } = session;
    box.hidden = ended !== null || (me === undefined && pending_until === null);
    write(leave, me === undefined ? "Cancel the request" : "Leave");
    const now = view?.join.code ?? "";
    if (now === drawn) return;
    drawn = now;
    code.hidden = now === "";
    code.replaceChildren(...(now === "" ? [] : [copyLine({ label: "Join code", text: now })]));
    page.drawSeats();
  }
  return { element: box, draw };
}

/** The lobby's data as key and value, with its visibility for the host. @param {LobbySession} session @returns {Part} */
export function dataList(session) {
  const list = make("dl");
  const box = make("section", { class: "card", "aria-label": "Data" }, make("h3", {}, "Data"), list);
  let drawn = "";
  function draw() {
    const { view, ended } = session;
    const entries = Object.entries(view?.data ?? {});
    box.hidden = ended !== null || entries.length === 0;
    const now = JSON.stringify([view?.data, view?.data_rules]);
    if (now === drawn) return;
    drawn = now;
    const visibilityOf = (/** @type {string} */ key) => {
      const visibility = view?.data_rules?.[key]?.visibility ?? "public";
      return visibility === "public" ? [] : [make("small", {}, visibility === "member" ? "members" : "host only")];
    };
    const parts = entries.flatMap(([key, value]) => [
      make("dt", {}, key, ...visibilityOf(key)),
      make("dd", {}, isolate(String(value))),
    ]);
    list.replaceChildren(...parts);
  }
  return { element: box, draw };
}
