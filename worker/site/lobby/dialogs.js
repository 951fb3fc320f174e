// @ts-check
/** The modal dialogs: create a lobby, join by code, change settings, confirm an action. */
import { errorText, Refusal } from "../api/api.js";
import { make, textIn } from "../util/dom.js";
import { loadName, saveName } from "../util/storage.js";
import { dataOf } from "./data-fields.js";
import { field } from "./form-controls.js";
import { lobbyFields, lobbyPatch, readLobby } from "./lobby-form.js";

// The style sheet of dialogs and lobbies is loaded with them; nothing is shown before it.
await new Promise((resolve) => {
  document.head.append(make("link", { rel: "stylesheet", href: "styles/lobby.css", load: resolve, error: resolve }));
});

/** @typedef {import("../api/api.js").Api} Api */
/** @typedef {import("../api/api.js").Joined | import("../api/api.js").Pending} JoinResult */

/**
 * Opens a modal form. If `submit` rejects, the dialog stays open and shows the error.
 * @param {string} title @param {string} action the label of the submit button @param {readonly Node[]} parts
 * @param {(form: HTMLFormElement) => Promise<unknown>} submit
 */
function openDialog(title, action, parts, submit) {
  const errorLine = make("p", { class: "error", role: "alert" });
  const confirmButton = make("button", {}, action);
  const cancel = make("button", { type: "button", class: "plain", click: () => box.close() }, "Cancel");
  const form = make(
    "form",
    { method: "dialog", submit: attempt },
    ...parts,
    errorLine,
    make("div", { class: "buttons" }, cancel, confirmButton),
  );
  const box = make("dialog", { "aria-label": title, close: () => box.remove() }, make("h2", {}, title), form);
  /** @param {SubmitEvent} event */
  async function attempt(event) {
    event.preventDefault();
    confirmButton.disabled = true;
    errorLine.textContent = "";
    try {
      await submit(form);
      box.close();
    } catch (error) {
      const detail = error instanceof Refusal && error.detail !== undefined ? ` (${error.detail})` : "";
      errorLine.textContent = `${errorText(error)}${detail}`;
    }
    confirmButton.disabled = false;
  }
  document.body.append(box);
  box.showModal();
}

/**
 * Asks for confirmation of an action that cannot be undone.
 * @param {string} title @param {string} consequence
 * @param {(form: HTMLFormElement) => Promise<unknown>} action
 * @param {readonly Node[]} parts
 */
export function confirm(title, consequence, action, parts = []) {
  openDialog(title, title, [make("p", {}, consequence), ...parts], action);
}

export function nameField() {
  const input = make("input", {
    name: "member_name",
    maxlength: 64,
    value: loadName(),
    autocomplete: "nickname",
    spellcheck: false,
  });
  return field("Your name", input, "Other players see it. Leave empty for a random one.");
}

/** Reads and stores the player's name. @param {HTMLFormElement} form */
export function readName(form) {
  const member_name = textIn(form, "member_name").trim();
  saveName(member_name);
  return member_name === "" ? {} : { member_name };
}

/** @param {Api} api @param {(result: JoinResult) => unknown} onJoined */
export function openCreateDialog(api, onJoined) {
  const { parts, data } = lobbyFields(null);
  openDialog("Create a lobby", "Create", [nameField(), ...parts], async (form) => {
    const { version, password, data: entries, ...settings } = readLobby(form, data);
    const optional = { ...(version !== null && { version }), ...(typeof password === "string" && { password }) };
    await onJoined(
      await api.send("POST", "/lobbies", { ...settings, ...dataOf(entries), ...optional, ...readName(form) }),
    );
  });
}

/** @param {Api} api @param {string} code @param {(result: JoinResult) => unknown} onJoined */
export function openJoinDialog(api, code, onJoined) {
  const password = make("input", { name: "password", type: "password", maxlength: 128, autocomplete: "off" });
  const version = make("input", { name: "version", maxlength: 64, autocomplete: "off", spellcheck: false });
  const parts = [
    nameField(),
    field("Password", password, "If the lobby has one."),
    field("Your game version", version, "If the lobby requires one."),
  ];
  openDialog(`Join by code ${code}`, "Join", parts, async (form) => {
    const optional = Object.fromEntries(
      [...new FormData(form)].filter(([name, value]) => name !== "member_name" && value !== ""),
    );
    await onJoined(await api.send("POST", "/join-by-code", { code, ...optional, ...readName(form) }));
  });
}

/** @param {import("./lobby-session.js").LobbySession} session */
export function openSettingsDialog(session) {
  const lobby = session.view;
  if (lobby === null) return;
  const { parts, data } = lobbyFields(lobby);
  openDialog("Settings", "Save", parts, async (form) => {
    const patch = lobbyPatch(lobby, readLobby(form, data));
    if (Object.keys(patch).length > 0) await session.requestOrThrow("PATCH", "", patch);
  });
}
