// @ts-check
/** What a host says of his lobby: the same fields for a new one and for one that is changed. */
import { make, textIn } from "./dom.js";

/** @typedef {import("./api.js").LobbyView} LobbyView */
/** @typedef {{ value: string | number | boolean, visibility: string, index: boolean }} Entry */

const TITLE_MAX = 64;
const KEYS_MAX = 32;

let count = 0;

/**
 * A label with what it labels.
 * @param {string} label @param {HTMLElement} control @param {string} [hint]
 */
export function field(label, control, hint) {
  const id = `field-${count++}`;
  control.id = id;
  const help = hint === undefined ? [] : [make("small", { id: `${id}-hint` }, hint)];
  if (hint !== undefined) control.setAttribute("aria-describedby", `${id}-hint`);
  return make("div", { class: "field" }, make("label", { for: id }, label), control, ...help);
}

/** @param {string} label @param {HTMLInputElement} box */
export function check(label, box) {
  return make("label", { class: "check" }, box, label);
}

/** @param {string} name @param {readonly (readonly [value: string, label: string])[]} options @param {string} chosen */
function select(name, options, chosen) {
  return make(
    "select",
    { name },
    ...options.map(([value, label]) => make("option", { value, selected: value === chosen }, label)),
  );
}

/** @param {LobbyView | null} lobby as it is now, or null for a new one */
export function lobbyFields(lobby) {
  const text = { autocomplete: "off", spellcheck: false };
  const password = make("input", {
    ...text,
    name: "password",
    type: "password",
    maxlength: 128,
    autocomplete: "new-password",
  });
  const data = dataFields(lobby?.entries ?? {});
  const parts = [
    field(
      "Name",
      make("input", { ...text, name: "name", required: true, maxlength: TITLE_MAX, value: lobby?.name ?? "" }),
    ),
    field(
      "Seats",
      make("input", { name: "seats", type: "number", required: true, min: 2, max: 128, value: lobby?.seats ?? 4 }),
    ),
    field("Who finds it", select("visibility", VISIBILITIES, lobby?.visibility ?? "public")),
    field("Password", password, lobby?.locked ? "Empty: it stays as it is." : "Empty: none is needed."),
    ...(lobby?.locked ? [check("Take the password away", make("input", { type: "checkbox", name: "open" }))] : []),
    field(
      "Version of the game",
      make("input", { ...text, name: "version", maxlength: 64, pattern: "[!-~]+", value: lobby?.version ?? "" }),
      "Empty: any.",
    ),
    field("When the host goes", select("host_policy", SUCCESSIONS, lobby?.host_policy ?? "automatic")),
    field("Members are connected", select("consent", CONSENTS, lobby?.consent ?? "automatic")),
    field("Their addresses", select("addresses", ADDRESSES, lobby?.addresses ?? "direct")),
    check(
      "I let in each one myself",
      make("input", { type: "checkbox", name: "approval", checked: lobby?.approval ?? false }),
    ),
    data.element,
  ];
  return { parts, data: data.read };
}

const VISIBILITIES = /** @type {const} */ ([
  ["public", "Everybody: it is in the list"],
  ["unlisted", "Who has its address"],
  ["private", "Who has its join code"],
]);
const SUCCESSIONS = /** @type {const} */ ([
  ["automatic", "The next one hosts"],
  ["manual", "A member may claim it"],
  ["close", "It closes"],
]);
const CONSENTS = /** @type {const} */ ([
  ["automatic", "When one asks for it"],
  ["ask", "When the other agrees"],
  ["ticket", "When one shows a ticket"],
]);
const ADDRESSES = /** @type {const} */ ([
  ["direct", "Members may see each other's"],
  ["relay_only", "Nobody sees them: all is relayed"],
]);

/**
 * What the fields say, as the body of a new lobby.
 * @param {HTMLFormElement} form @param {() => Record<string, Entry>} data
 */
export function saidIn(form, data) {
  const given = new FormData(form);
  const text = (/** @type {string} */ name) => textIn(form, name).trim();
  return {
    name: text("name"),
    seats: Number(text("seats")),
    visibility: text("visibility"),
    host_policy: text("host_policy"),
    consent: text("consent"),
    addresses: text("addresses"),
    approval: given.has("approval"),
    version: text("version") || null,
    password: textIn(form, "password") || (given.has("open") ? null : undefined),
    data: data(),
  };
}

/**
 * What of it is another than the lobby is: a merge patch.
 * @param {LobbyView} lobby as it was when the fields were shown @param {ReturnType<typeof saidIn>} said
 */
export function patchOf(lobby, said) {
  const { data, password, ...plain } = said;
  const now = /** @type {Record<string, unknown>} */ (lobby);
  const changed = Object.entries(plain).filter(([key, value]) => now[key] !== value);
  /** @type {Record<string, Entry | null>} */
  const entries = {};
  const before = /** @type {Record<string, Entry>} */ (lobby.entries ?? {});
  for (const key of Object.keys(before)) if (!Object.hasOwn(data, key)) entries[key] = null;
  for (const [key, entry] of Object.entries(data)) if (!isSame(before[key], entry)) entries[key] = entry;
  return {
    ...Object.fromEntries(changed),
    ...(password !== undefined && { password }),
    ...(Object.keys(entries).length > 0 && { data: entries }),
  };
}

/** @param {Entry | undefined} a @param {Entry} b */
const isSame = (a, b) => a !== undefined && a.value === b.value && a.visibility === b.visibility && a.index === b.index;

// --- data ------------------------------------------------------------------------------------------------------

/** Rows of key, value, who sees it, whether lists filter by it. @param {Record<string, Entry>} entries */
function dataFields(entries) {
  const rows = make("div", { class: "rows" });
  const add = make("button", { type: "button", class: "plain", click: () => append("", null).focus() }, "Add data");
  /** @param {string} key @param {Entry | null} entry */
  function append(key, entry) {
    const pattern = "[A-Za-z][A-Za-z0-9_.\\-]{0,63}";
    const keyField = make("input", {
      "aria-label": "Key",
      placeholder: "key",
      name: "",
      pattern,
      required: true,
      value: key,
      title: "A letter, then letters, digits, _ . -",
    });
    const value = make("input", {
      "aria-label": "Value",
      placeholder: "value",
      maxlength: 1024,
      value: String(entry?.value ?? ""),
    });
    const who = select(
      "",
      [
        ["public", "everybody"],
        ["member", "members"],
        ["private", "the host"],
      ],
      entry?.visibility ?? "public",
    );
    who.setAttribute("aria-label", "Who sees it");
    const index = make("input", { type: "checkbox", checked: entry?.index ?? false });
    const remove = make(
      "button",
      { type: "button", class: "plain", "aria-label": "Remove this entry", click: drop },
      "Remove",
    );
    const row = make("div", { class: "entry" }, keyField, value, who, check("searchable", index), remove);
    function drop() {
      row.remove();
      add.disabled = rows.childElementCount >= KEYS_MAX;
      add.focus();
    }
    rows.append(row);
    add.disabled = rows.childElementCount >= KEYS_MAX;
    return keyField;
  }
  for (const [key, entry] of Object.entries(entries)) append(key, entry);
  const read = () => {
    /** @type {Record<string, Entry>} */
    const said = {};
    for (const row of rows.children) {
      const [key, value, index] = row.querySelectorAll("input");
      const who = row.querySelector("select");
      if (key === undefined || value === undefined || index === undefined || who === null) continue;
      said[key.value] = {
        value: typed(value.value, entries[key.value]?.value),
        visibility: who.value,
        index: index.checked && who.value === "public",
      };
    }
    return said;
  };
  return { element: make("fieldset", {}, make("legend", {}, "Data"), rows, add), read };
}

/** Numbers are numbers, true and false are that; a text that looks like one stays what it was. @param {string} text @param {unknown} before */
function typed(text, before) {
  if (typeof before === "string" && text === before) return text;
  if (text === "true" || text === "false") return text === "true";
  return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text;
}
