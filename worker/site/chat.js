// @ts-check
/** What was said in a lobby and what happened there, as far as this page was told, and a line to say more. */
import { arrange, make, name } from "./dom.js";

/** @param {import("./lobby-session.js").Session} session */
export function talk(session) {
  const log = make("ol", { class: "log", role: "log", "aria-label": "What happened and was said", tabindex: 0 });
  const input = make("input", {
    "aria-label": "Say something",
    placeholder: "Say something to everybody here",
    maxlength: 4_096,
    autocomplete: "off",
  });
  const send = make("button", {}, "Send");
  const form = make("form", { class: "say", submit: say }, input, send);
  const box = make("section", { class: "card talk", "aria-label": "Talk" }, make("h3", {}, "Talk"), log, form);
  /** @type {Map<string, HTMLElement>} */
  const kept = new Map();
  /** @param {SubmitEvent} event */
  async function say(event) {
    event.preventDefault();
    const text = input.value;
    if (text.trim() === "") return;
    send.disabled = true;
    // What is typed meanwhile is the next line.
    input.value = "";
    if (!(await session.act("POST", "/messages", { text })) && input.value === "") input.value = text;
    send.disabled = false;
  }
  function draw() {
    const { lines, me, over, view } = session;
    box.hidden = view === null || (me === undefined && lines.length === 0);
    form.hidden = me === undefined || over !== null;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    arrange(
      log,
      kept,
      lines,
      ({ key }) => key,
      lineOf,
      () => {},
    );
    if (atEnd) log.scrollTop = log.scrollHeight;
  }
  return { element: box, draw };
}

/** @param {import("./lobby-session.js").Line} line */
function lineOf({ from, mine, text }) {
  if (from === null) return make("li", { class: "event" }, name(text));
  return make("li", { class: mine ? "mine" : "" }, make("b", {}, name(from)), " ", name(text));
}
