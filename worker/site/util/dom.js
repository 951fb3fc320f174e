// @ts-check
/**
 * DOM helpers shared by the whole page.
 *
 * Texts from other players are only ever inserted as text nodes, never as markup.
 */

/**
 * @template {Element} T
 * @param {ParentNode} root @param {string} selector @param {new () => T} kind
 * @returns {T}
 */
export function find(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`the page has no ${selector}`);
  return found;
}

/**
 * Sets the text only if it differs. Every write makes live regions speak and breaks selections.
 * @param {Node} node @param {string} text
 */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Creates an element. A function is a listener for the event of that name; a boolean sets or removes the attribute.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean | ((event: any) => void)>} [attributes]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

/** @param {string} label @param {() => unknown} click */
export const plainButton = (label, click) => make("button", { type: "button", class: "plain", click }, label);

/** The text of a form field, or "". @param {HTMLFormElement} form @param {string} name */
export function textIn(form, name) {
  const value = new FormData(form).get(name);
  return typeof value === "string" ? value : "";
}

/** Isolates a player's text, so that its writing direction does not affect the text around it. @param {string} text */
export const isolate = (text) => make("bdi", { dir: "auto" }, text);

/**
 * Reconciles the children of `parent` with a list: one child per item, in the order of the items.
 *
 * Children of items that stay are neither recreated nor moved, so that focus and selections within them survive.
 * @template T
 * @template {Element} E
 * @param {Element} parent
 * @param {Map<string, E>} children the current children by item key; updated in place
 * @param {readonly T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => E} create
 * @param {(child: E, item: T) => void} fill
 */
export function reconcile(parent, children, items, key, create, fill) {
  const shown = new Set(items.map(key));
  for (const [id, child] of children) {
    if (shown.has(id)) continue;
    child.remove();
    children.delete(id);
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const child = children.get(key(item)) ?? create(item);
    children.set(key(item), child);
    fill(child, item);
    if (child === place) place = child.nextElementSibling;
    else parent.insertBefore(child, place);
  }
}

/** Normalizes text for comparison: case and the composition of accents are ignored. @param {string} text */
export const normalize = (text) => text.normalize("NFKC").toLowerCase();
