// @ts-check
/** Labelled form controls for the lobby's forms and dialogs. */
import { make } from "../util/dom.js";

let count = 0;

/**
 * A label, its control, and an optional hint that screen readers announce with the control.
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
export function checkbox(label, box) {
  return make("label", { class: "check" }, box, label);
}

/** @param {string} name @param {readonly (readonly [value: string, label: string])[]} options @param {string} selected */
export function select(name, options, selected) {
  return make(
    "select",
    { name },
    ...options.map(([value, label]) => make("option", { value, selected: value === selected }, label)),
  );
}
