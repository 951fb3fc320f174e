// @ts-check
/** The members of a lobby, and the host's actions on each: make host, kick, ban. */
import { find, make, plainButton, reconcile, textIn, write } from "../util/dom.js";
import { confirm } from "./dialogs.js";
import { field } from "./form-controls.js";
import { memberKey } from "./lobby-session.js";

/** @typedef {import("./lobby-session.js").LobbySession} LobbySession */
/** @typedef {import("./lobby-session.js").Member} Member */

const REASON_LENGTH_MAX = 200;
const REASON_HINT = "All members see it. You may leave it empty.";
/** @type {Record<string, string>} */
const STATES = { held: "joining", away: "away", present: "" };

/** @param {LobbySession} session */
export function roster(session) {
  const list = make("ul", { class: "people" });
  const claim = plainButton("Become host", () => setHost(session, session.me?.peer_id));
  const box = make("section", { class: "card", "aria-label": "Players" }, make("h3", {}, "Players"), list, claim);
  /** @type {Map<string, HTMLElement>} */
  const items = new Map();
  function draw() {
    const { view, me, ended } = session;
    box.hidden = view === null || ended !== null;
    const members = view?.members ?? [];
    reconcile(
      list,
      items,
      members,
      memberKey,
      (member) => memberItem(session, member),
      (item, member) => fill(session, item, member),
    );
    const host = members.find((member) => member.host);
    claim.hidden = me === undefined || me.host || (host !== undefined && host.state !== "away");
  }
  return { element: box, draw };
}

/** @param {LobbySession} session @param {string | null | undefined} peer_id */
const setHost = (session, peer_id) =>
  session.request("PUT", "/host", { peer_id, expected_term: session.view?.term ?? 0 });

/** @param {LobbySession} session @param {Member} member */
function memberItem(session, member) {
  const { peer_id } = member;
  const name = () => session.view?.members.find((other) => memberKey(other) === memberKey(member))?.name ?? member.name;
  const remove = (
    /** @type {string} */ action,
    /** @type {string} */ consequence,
    /** @type {string} */ collection,
  ) => {
    const reasonInput = make("input", { name: "reason", maxlength: REASON_LENGTH_MAX, autocomplete: "off" });
    const send = (/** @type {HTMLFormElement} */ form) => {
      const reason = textIn(form, "reason").trim();
      return session.requestOrThrow("POST", `/${collection}`, { peer_id, ...(reason !== "" && { message: reason }) });
    };
    confirm(action, consequence, send, [field("Reason", reasonInput, REASON_HINT)]);
  };
  const actions = make(
    "span",
    { class: "actions" },
    plainButton("Make host", () => setHost(session, peer_id)),
    plainButton("Kick", () => remove("Kick", `${name()} is removed and may join again.`, "kicks")),
    plainButton("Ban", () => remove("Ban", `${name()} is removed and cannot join this lobby again.`, "bans")),
  );
  const roles = make("span", { class: "roles" });
  const data = make("span", { class: "data" });
  return make("li", {}, make("bdi", { dir: "auto" }), roles, data, actions);
}

/** @param {LobbySession} session @param {HTMLElement} item @param {Member} member */
function fill(session, item, member) {
  const isMe = member === session.me;
  write(find(item, "bdi", HTMLElement), member.name);
  const roles = [member.host ? "host" : "", isMe ? "you" : "", STATES[member.state] ?? member.state];
  write(find(item, ".roles", HTMLElement), roles.filter((role) => role !== "").join(", "));
  const data = Object.entries(member.data ?? {}).map(([key, value]) => `${key}: ${value}`);
  write(find(item, ".data", HTMLElement), data.join(" · "));
  const actions = find(item, ".actions", HTMLElement);
  for (const button of actions.children) button.setAttribute("aria-label", `${button.textContent}: ${member.name}`);
  actions.hidden = !session.me?.host || isMe || member.peer_id === null || session.ended !== null;
}
