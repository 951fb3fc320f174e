// @ts-check
/** How to join a lobby of another wire: with its own game, through a sidecar. The values are shown to be copied. */
import { make } from "../util/dom.js";

/** @typedef {import("../api/api.js").LobbyView} LobbyView */
/** @typedef {import("../api/api.js").SidecarView} SidecarView */
/** @typedef {{ label: string, text: string }} CopyItem */

/** @type {Record<string, string>} */
const INTRODUCTIONS = {
  rabid: "Join it from a game that uses Rabid's hole punching.",
  dowsett: "Join it from a game that uses Dowsett's P2P script.",
  noray: "Join it from a game that uses netfox and noray.",
};

/** The values that a player enters in the game. @param {LobbyView} lobby @param {readonly SidecarView[]} sidecars */
export function joinInstructions({ join }, sidecars) {
  const introduction = INTRODUCTIONS[join.wire] ?? `Join it from a game that speaks ${join.wire}.`;
  /** @type {CopyItem[]} */
  const items = [];
  if (join.uri !== undefined) items.push({ label: "Host address", text: join.uri });
  if (join.session !== undefined)
    items.push({ label: join.wire === "noray" ? "Open id" : "Session", text: join.session });
  if (join.uri === undefined) {
    for (const { v4, v6, ports } of sidecars) {
      // Games of this wire know its dedicated port; a shared port works, too.
      const [port] = ports
        .filter(({ wires }) => wires.includes(join.wire))
        .toSorted((a, b) => a.wires.length - b.wires.length);
      const address = v4[0] ?? (v6[0] === undefined ? undefined : `[${v6[0]}]`);
      if (port !== undefined) items.push({ label: "Server", text: `${address ?? location.hostname}:${port.port}` });
    }
  }
  items.push({ label: "Descriptor", text: JSON.stringify(join) });
  return { introduction, items };
}

/** A value with a button that copies it. @param {CopyItem} item */
export function copyLine({ label, text }) {
  const code = make("code", {}, text);
  const result = make("span", { class: "result", role: "status" });
  const button = make(
    "button",
    { type: "button", class: "plain", "aria-label": `Copy ${label.toLowerCase()}`, click: copy },
    "Copy",
  );
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      result.textContent = "Copied";
    } catch {
      // The clipboard is unavailable over plain HTTP or without permission.
      getSelection()?.selectAllChildren(code);
      result.textContent = "Selected: copy it now";
    }
  }
  return make("div", { class: "copy-line" }, make("span", { class: "label" }, label), code, button, result);
}
