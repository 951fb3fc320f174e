// @ts-check
/**
 * What the reader looks for: the fields of the filter form, the parameters of the API's list that they mean, and the
 * page's own address, which says the same so that it can be passed on.
 */
import { find, fold, write } from "./dom.js";

const form = find(document, "#filter", HTMLFormElement);
const wrong = find(document, "#wrong", HTMLElement);
const details = find(document, "#filters", HTMLDetailsElement);
const summary = find(details, "summary", HTMLElement);

/** The form's fields and the parameters that they are; `data` and `joinable` are more than one. */
const FIELDS = /** @type {const} */ ({ wire: "wire", version: "version", free: "slots[gte]", password: "locked" });
/** What a list leaves out unless it is asked for. */
const EVERYTHING = "full,locked,in_game";
/** More is refused: with those of the fields it would be more than eight predicates. */
const CLAUSES_MAX = 3;
const OPERATORS = /** @type {Record<string, string>} */ ({
  "=": "",
  "!=": "[ne]",
  "<": "[lt]",
  "<=": "[lte]",
  ">": "[gt]",
  ">=": "[gte]",
});

/** @param {() => void} changed */
export function onFilter(changed) {
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(changed));
}

/** What the form says, as parameters. Where it says nothing that can be asked it is said so. */
export function readFilter() {
  /** @type {Record<string, string>} */
  const filter = {};
  for (const [field, parameter] of Object.entries(FIELDS)) {
    const { value } = control(field);
    if (value.trim() !== "") filter[parameter] = value.trim();
  }
  const clauses = clausesOf(control("data").value);
  Object.assign(filter, clauses ?? {});
  const says = clauses === null ? `Data is asked for like this: map=forest, skill>=1200; up to ${CLAUSES_MAX}` : "";
  write(wrong, says);
  control("data").setAttribute("aria-invalid", String(clauses === null));
  const joinable = find(form, "[name=joinable]", HTMLInputElement).checked;
  const used = Object.keys(filter).length + (joinable ? 1 : 0);
  write(summary, used === 0 ? "Filters" : `Filters (${used})`);
  return { ...filter, ...(!joinable && { include: EVERYTHING }) };
}

/** Sets the form as an address says. @param {URLSearchParams} address */
export function showFilter(address) {
  for (const [field, parameter] of Object.entries(FIELDS)) control(field).value = address.get(parameter) ?? "";
  const clauses = [...address].flatMap(([parameter, value]) => {
    const [, key, operator = ""] = /^data\[([^\]]+)\](\[[a-z]+\])?$/.exec(parameter) ?? [];
    const sign = Object.keys(OPERATORS).find((text) => OPERATORS[text] === operator);
    return key === undefined || sign === undefined ? [] : [`${key}${sign}${value}`];
  });
  control("data").value = clauses.join(", ");
  find(form, "[name=joinable]", HTMLInputElement).checked = address.get("joinable") === "now";
  if (Object.keys(readFilter()).some((parameter) => parameter !== "include")) details.open = true;
}

/** The page's address of this game, lobby and filter. @param {string} game @param {string | null} lobby */
export function addressOf(game, lobby) {
  const { include, ...filter } = readFilter();
  const query = new URLSearchParams({
    game,
    ...(lobby !== null && { lobby }),
    ...filter,
    ...(include === undefined && { joinable: "now" }),
  });
  return `?${query}`;
}

/** `map=forest, skill>=1200` as parameters, or null where it cannot be read. @param {string} text */
export function clausesOf(text) {
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
 * Searching happens here: in names, versions and data, and a way to a host that somebody passed on finds its line.
 * @param {string} wanted
 * @returns {(lobby: import("./api.js").Summary) => boolean}
 */
export function finds(wanted) {
  const text = fold(wanted.trim());
  return ({ name, join_uri = "", version, data }) =>
    fold(join_uri) === text ||
    [name, version ?? "", ...Object.values(data)].some((one) => fold(String(one)).includes(text));
}

/** @param {string} field */
const control = (field) =>
  /** @type {HTMLInputElement | HTMLSelectElement} */ (find(form, `[name=${field}]`, HTMLElement));
