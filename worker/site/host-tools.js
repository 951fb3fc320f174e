// @ts-check
/** What a host may do with his lobby, and whom he lets in. */
import { change, confirm } from "./create.js";
import { arrange, find, make, plainButton, write } from "./dom.js";

/** @typedef {import("./lobby-session.js").Session} Session */

/** @param {Session} session */
export function hostTools(session) {
  const patch = (/** @type {object} */ said) => session.act("PATCH", "", said);
  const start = plainButton("", () => patch({ state: session.view?.state === "open" ? "in_game" : "open" }));
  const lock = plainButton("", () => patch({ joinable: !session.view?.joinable }));
  const close = plainButton("Close the lobby", () =>
    confirm("Close the lobby", "It is over for everybody in it.", () => session.ask("DELETE", "")),
  );
  const buttons = make(
    "div",
    { class: "buttons" },
    start,
    lock,
    plainButton("Settings", () => change(session)),
    close,
  );
  const box = make("section", { class: "card", "aria-label": "Host" }, make("h3", {}, "You host"), buttons);
  function draw() {
    const { view, me, over } = session;
    box.hidden = !me?.host || over !== null;
    write(start, view?.state === "open" ? "Start the game" : "Open it again");
    write(lock, view?.joinable ? "Let nobody in" : "Let people in");
  }
  return { element: box, draw };
}

/** Who waits to be let in. @param {Session} session */
export function applicants(session) {
  const list = make("ul", { class: "people" });
  const box = make(
    "section",
    { class: "card", "aria-label": "Who asks to be let in" },
    make("h3", {}, "Asking to be let in"),
    list,
  );
  /** @type {Map<string, HTMLElement>} */
  const kept = new Map();
  function draw() {
    const waiting = session.over === null ? (session.view?.applicants ?? []) : [];
    box.hidden = waiting.length === 0;
    arrange(
      list,
      kept,
      waiting,
      ({ peer_id }) => peer_id,
      ({ peer_id, name }) => {
        const button = (/** @type {string} */ label, /** @type {string} */ method) =>
          make(
            "button",
            {
              type: "button",
              class: "plain",
              "aria-label": `${label}: ${name}`,
              click: () => session.act(method, `/applicants/${peer_id}`),
            },
            label,
          );
        return make(
          "li",
          {},
          make("bdi", { dir: "auto" }),
          make("span", { class: "rule" }, button("Let in", "PUT"), button("Turn away", "DELETE")),
        );
      },
      (item, { name }) => write(find(item, "bdi", HTMLElement), name),
    );
  }
  return { element: box, draw };
}
