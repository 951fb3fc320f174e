// @ts-check
/** Who is in a lobby, and what its host may do with each. */
import { confirm } from "./create.js";
import { arrange, find, make, plainButton, textIn, write } from "./dom.js";
import { field } from "./lobby-form.js";
import { keyOf } from "./lobby-session.js";

/** @typedef {import("./lobby-session.js").Session} Session */
/** @typedef {import("./lobby-session.js").Member} Member */

const REASON_MAX = 200;
const WHY = "All members read it. Empty: nothing is said.";
/** @type {Record<string, string>} */
const STATES = { held: "coming", away: "away", present: "" };

/** @param {Session} session */
export function roster(session) {
  const list = make("ul", { class: "people" });
  const heading = make("h3", {}, "Players");
  const claim = make(
    "button",
    { type: "button", class: "plain", click: () => handTo(session.me?.peer_id) },
    "Host it myself",
  );
  const box = make("section", { class: "card", "aria-label": "Players" }, heading, list, claim);
  /** @type {Map<string, HTMLElement>} */
  const kept = new Map();

  /** @param {string | null | undefined} peer_id */
  const handTo = (peer_id) => session.act("PUT", "/host", { peer_id, expected_term: session.view?.term ?? 0 });

  /** @param {Member} member */
  function line(member) {
    const { peer_id } = member;
    const name = () => session.view?.roster.find((other) => keyOf(other) === keyOf(member))?.name ?? member.name;
    const path = `/members/${peer_id}`;
    const remove = (/** @type {string} */ verb, /** @type {string} */ says, /** @type {object} */ query) => {
      const why = field("Why", make("input", { name: "reason", maxlength: REASON_MAX, autocomplete: "off" }), WHY);
      const doing = (/** @type {HTMLFormElement} */ form) => {
        const reason = textIn(form, "reason").trim();
        const said = new URLSearchParams({ ...query, ...(reason !== "" && { reason }) });
        return session.ask("DELETE", `${path}?${said}`);
      };
      confirm(verb, says, doing, [why]);
    };
    return make(
      "li",
      {},
      make("bdi", { dir: "auto" }),
      make("span", { class: "roles" }),
      make("span", { class: "data" }),
      make(
        "span",
        { class: "rule" },
        plainButton("Make host", () => handTo(peer_id)),
        plainButton("Kick", () => remove("Kick", `${name()} is removed, and may come back.`, {})),
        plainButton("Ban", () =>
          remove("Ban", `${name()} is removed, and does not come into this lobby again.`, { ban: "lobby" }),
        ),
      ),
    );
  }

  /** @param {HTMLElement} item @param {Member} member */
  function fill(item, member) {
    const isMe = member === session.me;
    write(find(item, "bdi", HTMLElement), member.name);
    const roles = [member.host ? "host" : "", isMe ? "you" : "", STATES[member.state] ?? member.state];
    write(find(item, ".roles", HTMLElement), roles.filter((role) => role !== "").join(", "));
    const data = Object.entries(member.data ?? {}).map(([key, value]) => `${key}: ${value}`);
    write(find(item, ".data", HTMLElement), data.join(" · "));
    const rule = find(item, ".rule", HTMLElement);
    for (const button of rule.children) button.setAttribute("aria-label", `${button.textContent}: ${member.name}`);
    rule.hidden = !session.me?.host || isMe || member.peer_id === null || session.over !== null;
  }

  function draw() {
    const { view, me, over } = session;
    box.hidden = view === null || over !== null;
    const people = view?.roster ?? [];
    arrange(list, kept, people, keyOf, line, fill);
    const host = people.find((member) => member.host);
    claim.hidden = me === undefined || me.host || (host !== undefined && host.state !== "away");
  }
  return { element: box, draw };
}
