// @ts-check
/** The dialogs in which one makes a lobby, enters one by its code, and changes one's own. */
import { reasonOf, Refusal } from "./api.js";
import { make, textIn } from "./dom.js";
import { field, lobbyFields, patchOf, saidIn } from "./lobby-form.js";
import { keepMyName, myName } from "./storage.js";

// How dialogs and lobbies look comes with them; nothing is shown before.
await new Promise((done) => {
  document.head.append(make("link", { rel: "stylesheet", href: "room.css", load: done, error: done }));
});

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./api.js").Joined | import("./api.js").Pending} Entry */

/**
 * A modal dialog with a form. What is submitted is tried; what is refused is said, and the dialog stays.
 * @param {string} title @param {string} verb @param {readonly Node[]} parts
 * @param {(form: HTMLFormElement) => Promise<unknown>} submit
 */
export function dialog(title, verb, parts, submit) {
  const refused = make("p", { class: "refused", role: "alert" });
  const confirm = make("button", {}, verb);
  const cancel = make("button", { type: "button", class: "plain", click: () => box.close() }, "Cancel");
  const form = make(
    "form",
    { method: "dialog", submit: attempt },
    ...parts,
    refused,
    make("div", { class: "buttons" }, cancel, confirm),
  );
  const box = make("dialog", { "aria-label": title, close: () => box.remove() }, make("h2", {}, title), form);
  /** @param {SubmitEvent} event */
  async function attempt(event) {
    event.preventDefault();
    confirm.disabled = true;
    refused.textContent = "";
    try {
      await submit(form);
      box.close();
    } catch (error) {
      const detail = error instanceof Refusal && error.detail !== undefined ? ` (${error.detail})` : "";
      refused.textContent = `${reasonOf(error)}${detail}`;
    }
    confirm.disabled = false;
  }
  document.body.append(box);
  box.showModal();
  return box;
}

/**
 * Asks before what cannot be taken back.
 * @param {string} title @param {string} says
 * @param {(form: HTMLFormElement) => Promise<unknown>} doing
 * @param {readonly Node[]} parts
 */
export function confirm(title, says, doing, parts = []) {
  dialog(title, title, [make("p", {}, says), ...parts], doing);
}

export function nameField() {
  const input = make("input", {
    name: "member_name",
    maxlength: 64,
    value: myName(),
    autocomplete: "nickname",
    spellcheck: false,
  });
  return field("Your name", input, "Others see it. Empty: a random id.");
}

/** @param {HTMLFormElement} form */
export function saidOfMe(form) {
  const member_name = textIn(form, "member_name").trim();
  keepMyName(member_name);
  return member_name === "" ? {} : { member_name };
}

/** @param {Api} api @param {(entry: Entry) => unknown} entered */
export function create(api, entered) {
  const { parts, data } = lobbyFields(null);
  dialog("Create a lobby", "Create", [nameField(), ...parts], async (form) => {
    const { version, password, ...said } = saidIn(form, data);
    const given = { ...(version !== null && { version }), ...(typeof password === "string" && { password }) };
    await entered(await api.act("POST", "/lobbies", { ...said, ...given, ...saidOfMe(form) }));
  });
}

/** @param {Api} api @param {string} code @param {(entry: Entry) => unknown} entered */
export function joinByCode(api, code, entered) {
  const password = make("input", { name: "password", type: "password", maxlength: 128, autocomplete: "off" });
  const version = make("input", { name: "version", maxlength: 64, autocomplete: "off", spellcheck: false });
  const parts = [
    nameField(),
    field("Password", password, "If the lobby has one."),
    field("Version of your game", version, "If the lobby wants one."),
  ];
  dialog(`Join by code ${code}`, "Join", parts, async (form) => {
    const given = Object.fromEntries(
      [...new FormData(form)].filter(([name, value]) => name !== "member_name" && value !== ""),
    );
    await entered(await api.act("POST", "/join-by-code", { code, ...given, ...saidOfMe(form) }));
  });
}

/** @param {import("./lobby-session.js").Session} session */
export function change(session) {
  const lobby = session.view;
  if (lobby === null) return;
  const { parts, data } = lobbyFields(lobby);
  dialog("Settings", "Save", parts, async (form) => {
    const patch = patchOf(lobby, saidIn(form, data));
    if (Object.keys(patch).length > 0) await session.ask("PATCH", "", patch);
  });
}
