// @ts-check
/** The editor of a lobby's data: rows of key, value, visibility, and whether lists can filter by the key. */
import { make } from "../util/dom.js";
import { checkbox, select } from "./form-controls.js";

/** @typedef {{ value: string | number | boolean, visibility: string, index: boolean }} Entry */

/** The data of a lobby with its rules. @param {import("../api/api.js").LobbyView | null} lobby */
export function entriesOf(lobby) {
  /** @type {Record<string, Entry>} */
  const entries = {};
  for (const [key, value] of Object.entries(lobby?.data ?? {}))
    entries[key] = { value, visibility: "public", index: false, ...lobby?.data_rules?.[key] };
  return entries;
}

/** The same as a request's `data` and `data_rules`; null removes. @param {Record<string, Entry | null>} entries */
export function dataOf(entries) {
  /** @type {Record<string, Entry["value"] | null>} */
  const data = {};
  /** @type {Record<string, { visibility: string, index: boolean }>} */
  const data_rules = {};
  for (const [key, entry] of Object.entries(entries)) {
    data[key] = entry?.value ?? null;
    if (entry !== null) data_rules[key] = { visibility: entry.visibility, index: entry.index };
  }
  return { data, data_rules };
}

const KEYS_MAX = 32;
const VISIBILITIES = /** @type {const} */ ([
  ["public", "everyone"],
  ["member", "members"],
  ["private", "the host"],
]);

/** @param {Record<string, Entry>} entries the current data; `read` returns the data as edited */
export function dataFields(entries) {
  const rows = make("div", { class: "rows" });
  const add = make("button", { type: "button", class: "plain", click: () => append("", null).focus() }, "Add data");
  const limitRows = () => {
    add.disabled = rows.childElementCount >= KEYS_MAX;
  };
  /** @param {string} key @param {Entry | null} entry */
  function append(key, entry) {
    const { element, keyField } = dataRow(key, entry, () => {
      limitRows();
      add.focus();
    });
    rows.append(element);
    limitRows();
    return keyField;
  }
  for (const [key, entry] of Object.entries(entries)) append(key, entry);
  const read = () => {
    /** @type {Record<string, Entry>} */
    const edited = {};
    for (const row of rows.children) {
      const [key, value, index] = row.querySelectorAll("input");
      const visibility = row.querySelector("select");
      if (key === undefined || value === undefined || index === undefined || visibility === null) continue;
      edited[key.value] = {
        value: parseValue(value.value, entries[key.value]?.value),
        visibility: visibility.value,
        index: index.checked && visibility.value === "public",
      };
    }
    return edited;
  };
  return { element: make("fieldset", {}, make("legend", {}, "Data"), rows, add), read };
}

/** @param {string} key @param {Entry | null} entry @param {() => void} onRemoved */
function dataRow(key, entry, onRemoved) {
  const keyField = make("input", {
    "aria-label": "Key",
    placeholder: "key",
    name: "",
    pattern: "[A-Za-z][A-Za-z0-9_.\\-]{0,63}",
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
  const visibility = select("", VISIBILITIES, entry?.visibility ?? "public");
  visibility.setAttribute("aria-label", "Visible to");
  const index = make("input", { type: "checkbox", checked: entry?.index ?? false });
  const remove = make(
    "button",
    { type: "button", class: "plain", "aria-label": "Remove this entry", click: removeRow },
    "Remove",
  );
  const element = make("div", { class: "entry" }, keyField, value, visibility, checkbox("searchable", index), remove);
  function removeRow() {
    element.remove();
    onRemoved();
  }
  return { element, keyField };
}

/**
 * Numbers and booleans are sent as such. An unchanged text stays a text, even if it looks like a number.
 * @param {string} text @param {unknown} before
 */
function parseValue(text, before) {
  if (typeof before === "string" && text === before) return text;
  if (text === "true" || text === "false") return text === "true";
  return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text;
}
