// @ts-check
/** The host's controls: start, lock, settings and close, and the requests of players who wait for approval. */
import { find, make, plainButton, reconcile, write } from "../util/dom.js";
import { confirm, openSettingsDialog } from "./dialogs.js";

/** @typedef {import("./lobby-session.js").LobbySession} LobbySession */

/** @param {LobbySession} session */
export function hostTools(session) {
  const patch = (/** @type {object} */ change) => session.request("PATCH", "", change);
  const start = plainButton("", () => patch({ state: session.view?.state === "open" ? "in_game" : "open" }));
  const lock = plainButton("", () => patch({ joinable: !session.view?.joinable }));
  const close = plainButton("Close the lobby", () =>
    confirm("Close the lobby", "The lobby ends for all members.", () => session.requestOrThrow("DELETE", "")),
  );
  const settings = plainButton("Settings", () => openSettingsDialog(session));
  const buttons = make("div", { class: "buttons" }, start, lock, settings, close);
  const box = make("section", { class: "card", "aria-label": "Host" }, make("h3", {}, "You are the host"), buttons);
  function draw() {
    const { view, me, ended } = session;
    box.hidden = !me?.host || ended !== null;
    write(start, view?.state === "open" ? "Start the game" : "Reopen the lobby");
    write(lock, view?.joinable ? "Stop new players" : "Allow new players");
  }
  return { element: box, draw };
}

/** @param {LobbySession} session */
export function applicants(session) {
  const list = make("ul", { class: "people" });
  const title = "Waiting for your approval";
  const box = make("section", { class: "card", "aria-label": title }, make("h3", {}, title), list);
  /** @type {Map<string, HTMLElement>} */
  const items = new Map();
  function draw() {
    const waiting = session.ended === null ? (session.view?.applicants ?? []) : [];
    box.hidden = waiting.length === 0;
    reconcile(
      list,
      items,
      waiting,
      ({ peer_id }) => peer_id,
      (applicant) => applicantItem(session, applicant),
      (item, { name }) => write(find(item, "bdi", HTMLElement), name),
    );
  }
  return { element: box, draw };
}

/** @param {LobbySession} session @param {{ peer_id: string, name: string }} applicant */
function applicantItem(session, { peer_id, name }) {
  const button = (/** @type {string} */ label, /** @type {string} */ action) => {
    const element = plainButton(label, () => session.request("POST", `/applicants/${peer_id}/${action}`));
    element.setAttribute("aria-label", `${label}: ${name}`);
    return element;
  };
  const actions = make("span", { class: "actions" }, button("Approve", "admit"), button("Decline", "deny"));
  return make("li", {}, make("bdi", { dir: "auto" }), actions);
}
