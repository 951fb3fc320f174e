// @ts-check
/**
 * The filter form, and its translation to parameters of the API's list and to the page's URL.
 *
 * The URL holds the filter, so that a filtered list can be shared as a link.
 */
import { find, normalize, write } from "../util/dom.js";

const form = find(document, "#filter", HTMLFormElement);
const errorLine = find(document, "#filter-error", HTMLElement);
const details = find(document, "#filters", HTMLDetailsElement);
const summary = find(details, "summary", HTMLElement);

/** The API parameter of each field. `data` and `joinable` have none: each stands for several parameters. */
const FIELDS = /** @type {const} */ ({
  wire: "wire",
  version: "version",
  free: "slots[gte]",
  password: "has_password",
});
/** Lobbies that the API lists only on request. */
const INCLUDE_ALL = "full,closed,in_game";
/** With the four fields above, more clauses would exceed the API's limit of eight predicates. */
const CLAUSES_MAX = 3;
const OPERATORS = /** @type {Record<string, string>} */ ({
  "=": "",
  "!=": "[ne]",
  "<": "[lt]",
  "<=": "[lte]",
  ">": "[gt]",
  ">=": "[gte]",
});

/** @param {() => void} listener */
export function onFilterChange(listener) {
  form.addEventListener("input", listener);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(listener));
}

/** The form as parameters of the API's list. Shows an error if the data filter cannot be parsed. */
export function readFilter() {
  /** @type {Record<string, string>} */
  const filter = {};
  for (const [field, parameter] of Object.entries(FIELDS)) {
    const { value } = control(field);
    if (value.trim() !== "") filter[parameter] = value.trim();
  }
  const clauses = parseClauses(control("data").value);
  Object.assign(filter, clauses ?? {});
  const hint = `Write the data filter like this: map=forest, skill>=1200 (up to ${CLAUSES_MAX} conditions)`;
  write(errorLine, clauses === null ? hint : "");
  control("data").setAttribute("aria-invalid", String(clauses === null));
  const joinable = find(form, "[name=joinable]", HTMLInputElement).checked;
  const used = Object.keys(filter).length + (joinable ? 1 : 0);
  write(summary, used === 0 ? "Filters" : `Filters (${used})`);
  return { ...filter, ...(!joinable && { include: INCLUDE_ALL }) };
}

/** Fills the form from the page's URL. @param {URLSearchParams} query */
export function fillFilter(query) {
  for (const [field, parameter] of Object.entries(FIELDS)) control(field).value = query.get(parameter) ?? "";
  const clauses = [...query].flatMap(([parameter, value]) => {
    const [, key, operator = ""] = /^data\[([^\]]+)\](\[[a-z]+\])?$/.exec(parameter) ?? [];
    const sign = Object.keys(OPERATORS).find((text) => OPERATORS[text] === operator);
    return key === undefined || sign === undefined ? [] : [`${key}${sign}${value}`];
  });
  control("data").value = clauses.join(", ");
  find(form, "[name=joinable]", HTMLInputElement).checked = query.get("joinable") === "now";
  if (Object.keys(readFilter()).some((parameter) => parameter !== "include")) details.open = true;
}

/** The page's URL for a game, a lobby and the current filter. @param {string} game @param {string | null} lobby */
export function pageUrl(game, lobby) {
  const { include, ...filter } = readFilter();
  const query = new URLSearchParams({
    game,
    ...(lobby !== null && { lobby }),
    ...filter,
    ...(include === undefined && { joinable: "now" }),
  });
  return `?${query}`;
}

/** Parses `map=forest, skill>=1200` into parameters; null if it is invalid. @param {string} text */
export function parseClauses(text) {
  const clauses = text.split(",").filter((clause) => clause.trim() !== "");
  if (clauses.length > CLAUSES_MAX) return null;
  /** @type {Record<string, string>} */
  const filter = {};
  for (const clause of clauses) {
    const [, key, sign, value] = /^\s*([A-Za-z][\w.-]{0,63})\s*([<>]=?|!?=)\s*(.{0,128}?)\s*$/.exec(clause) ?? [];
    if (key === undefined || sign === undefined || value === undefined || value === "") return null;
    filter[`data[${key}]${OPERATORS[sign]}`] = value;
  }
  return filter;
}

/**
 * A predicate for the search field: it matches names, versions, data values, and a whole noray address.
 * @param {string} search
 * @returns {(lobby: import("../api/api.js").Summary) => boolean}
 */
export function matchesSearch(search) {
  const text = normalize(search.trim());
  return ({ name, join, version, data }) =>
    normalize(join.uri ?? "") === text ||
    [name, version ?? "", ...Object.values(data)].some((value) => normalize(String(value)).includes(text));
}

/** @param {string} field */
const control = (field) =>
  /** @type {HTMLInputElement | HTMLSelectElement} */ (find(form, `[name=${field}]`, HTMLElement));
