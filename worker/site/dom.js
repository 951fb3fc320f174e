// @ts-check
/** Small tools for the document. What strangers say goes in as text, never as markup. */

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
 * Only what differs is written: live regions speak, and selections break, at every write.
 * @param {Node} node @param {string} text
 */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * A new element: functions listen to the event of their name, `true` is an attribute without a value, `false` none.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean | ((event: any) => void)>} [traits]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, traits = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, trait] of Object.entries(traits)) {
    if (typeof trait === "function") element.addEventListener(name, trait);
    else if (typeof trait === "boolean") element.toggleAttribute(name, trait);
    else element.setAttribute(name, String(trait));
  }
  element.append(...children);
  return element;
}

/** @param {string} label @param {() => unknown} click */
export const plainButton = (label, click) => make("button", { type: "button", class: "plain", click }, label);

/** What stands in a field. @param {HTMLFormElement} form @param {string} name */
export function textIn(form, name) {
  const value = new FormData(form).get(name);
  return typeof value === "string" ? value : "";
}

/** A name that a stranger chose: it does not reach into the direction of what stands around it. @param {string} text */
export const name = (text) => make("bdi", { dir: "auto" }, text);

/**
 * One child per item, in the order of the items. Children that stay are neither made anew nor moved, so that focus and
 * selections within them survive; those that go are forgotten.
 * @template T
 * @template {Element} E
 * @param {Element} parent
 * @param {Map<string, E>} kept children by key
 * @param {readonly T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => E} create
 * @param {(child: E, item: T) => void} fill
 */
export function arrange(parent, kept, items, key, create, fill) {
  const shown = new Set(items.map(key));
  for (const [id, child] of kept) {
    if (shown.has(id)) continue;
    child.remove();
    kept.delete(id);
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const child = kept.get(key(item)) ?? create(item);
    kept.set(key(item), child);
    fill(child, item);
    if (child === place) place = child.nextElementSibling;
    else parent.insertBefore(child, place);
  }
}

/** Text for comparing: case and the way accents are composed do not matter. @param {string} text */
export const fold = (text) => text.normalize("NFKC").toLowerCase();
