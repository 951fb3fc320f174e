// @ts-check
/** The chat of a lobby: messages and events since the page opened it, and a field for the next message. */
import { isolate, make, reconcile } from "../util/dom.js";

/** If the reader is within this distance of the end, the log scrolls to new lines. */
const END_PX = 40;

/** @param {import("./lobby-session.js").LobbySession} session */
export function chat(session) {
  const log = make("ol", { class: "log", role: "log", "aria-label": "Chat and events", tabindex: 0 });
  const input = make("input", {
    "aria-label": "Message",
    placeholder: "Message to all members",
    maxlength: 4_096,
    autocomplete: "off",
  });
  const button = make("button", {}, "Send");
  const form = make("form", { class: "send", submit: send }, input, button);
  const box = make("section", { class: "card chat", "aria-label": "Chat" }, make("h3", {}, "Chat"), log, form);
  /** @type {Map<string, HTMLElement>} */
  const items = new Map();
  /** @param {SubmitEvent} event */
  async function send(event) {
    event.preventDefault();
    const text = input.value;
    if (text.trim() === "") return;
    button.disabled = true;
    // Cleared before the response, so that the player can already type the next message.
    input.value = "";
    if (!(await session.request("POST", "/chat", { text })) && input.value === "") input.value = text;
    button.disabled = false;
  }
  function draw() {
    const { lines, me, ended, view } = session;
    box.hidden = view === null || (me === undefined && lines.length === 0);
    form.hidden = me === undefined || ended !== null;
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < END_PX;
    reconcile(
      log,
      items,
      lines,
      ({ key }) => key,
      lineElement,
      () => {},
    );
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }
  return { element: box, draw };
}

/** @param {import("./lobby-session.js").Line} line */
function lineElement({ from, isMine, text }) {
  if (from === null) return make("li", { class: "event" }, isolate(text));
  return make("li", { class: isMine ? "mine" : "" }, make("b", {}, isolate(from)), " ", isolate(text));
}
