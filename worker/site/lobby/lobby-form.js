// @ts-check
/** The form of a lobby's settings, used to create a lobby and to change one. */
import { make, textIn } from "../util/dom.js";
import { dataFields, dataOf, entriesOf } from "./data-fields.js";
import { checkbox, field, select } from "./form-controls.js";

/** @typedef {import("../api/api.js").LobbyView} LobbyView */
/** @typedef {import("./data-fields.js").Entry} Entry */

const NAME_LENGTH_MAX = 64;
const VISIBILITIES = /** @type {const} */ ([
  ["public", "Everyone: it is in the list"],
  ["unlisted", "Players with the link"],
  ["private", "Players with the join code"],
]);
const HOST_POLICIES = /** @type {const} */ ([
  ["automatic", "The next member becomes host"],
  ["manual", "Any member may become host"],
  ["close", "The lobby closes"],
]);
const CONSENTS = /** @type {const} */ ([
  ["automatic", "When one of them asks"],
  ["ask", "When the other one agrees"],
  ["ticket", "When one of them shows a ticket"],
]);
const RELAY_POLICIES = /** @type {const} */ ([
  ["auto", "Only if there is no direct path"],
  ["always", "Always: no member sees another's address"],
  ["never", "Never"],
]);

/** @param {LobbyView | null} lobby its current settings, or null for a new lobby */
export function lobbyFields(lobby) {
  const text = { autocomplete: "off", spellcheck: false };
  const name = { ...text, name: "name", required: true, maxlength: NAME_LENGTH_MAX, value: lobby?.name ?? "" };
  const seats = { name: "seats", type: "number", required: true, min: 2, max: 128, value: lobby?.seats ?? 4 };
  const password = {
    ...text,
    name: "password",
    type: "password",
    maxlength: 128,
    autocomplete: "new-password",
  };
  const version = { ...text, name: "version", maxlength: 64, pattern: "[!-~]+", value: lobby?.version ?? "" };
  const removePassword = make("input", { type: "checkbox", name: "remove_password" });
  const approval = make("input", { type: "checkbox", name: "approval", checked: lobby?.approval ?? false });
  const data = dataFields(entriesOf(lobby));
  const passwordHint = lobby?.has_password ? "Leave empty to keep it." : "Leave empty for none.";
  const parts = [
    field("Name", make("input", name)),
    field("Seats", make("input", seats)),
    field("Who can find it", select("visibility", VISIBILITIES, lobby?.visibility ?? "public")),
    field("Password", make("input", password), passwordHint),
    ...(lobby?.has_password ? [checkbox("Remove the password", removePassword)] : []),
    field("Game version", make("input", version), "Leave empty for any."),
    field("When the host leaves", select("host_policy", HOST_POLICIES, lobby?.host_policy ?? "automatic")),
    field("Members are connected", select("consent", CONSENTS, lobby?.consent ?? "automatic")),
    field("Relay the traffic", select("relay", RELAY_POLICIES, lobby?.relay ?? "auto")),
    checkbox("I approve each player", approval),
    data.element,
  ];
  return { parts, data: data.read };
}

/**
 * Reads the form as the body of a new lobby. An undefined password means unchanged, null means none.
 * @param {HTMLFormElement} form @param {() => Record<string, Entry>} data
 */
export function readLobby(form, data) {
  const body = new FormData(form);
  const text = (/** @type {string} */ name) => textIn(form, name).trim();
  return {
    name: text("name"),
    seats: Number(text("seats")),
    visibility: text("visibility"),
    host_policy: text("host_policy"),
    consent: text("consent"),
    relay: text("relay"),
    approval: body.has("approval"),
    version: text("version") || null,
    password: textIn(form, "password") || (body.has("remove_password") ? null : undefined),
    data: data(),
  };
}

/**
 * The merge patch from the lobby's settings to the edited ones.
 * @param {LobbyView} lobby as it was when the form was opened @param {ReturnType<typeof readLobby>} edited
 */
export function lobbyPatch(lobby, edited) {
  const { data, password, ...settings } = edited;
  const before = /** @type {Record<string, unknown>} */ (lobby);
  const changed = Object.entries(settings).filter(([key, value]) => before[key] !== value);
  /** @type {Record<string, Entry | null>} */
  const entries = {};
  const entriesBefore = entriesOf(lobby);
  for (const key of Object.keys(entriesBefore)) if (!Object.hasOwn(data, key)) entries[key] = null;
  for (const [key, entry] of Object.entries(data)) if (!isSame(entriesBefore[key], entry)) entries[key] = entry;
  return {
    ...Object.fromEntries(changed),
    ...(password !== undefined && { password }),
    ...(Object.keys(entries).length > 0 && dataOf(entries)),
  };
}

/** @param {Entry | undefined} a @param {Entry} b */
const isSame = (a, b) => a !== undefined && a.value === b.value && a.visibility === b.visibility && a.index === b.index;
