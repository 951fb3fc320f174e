// @ts-check
/** How a lobby of a foreign wire is joined: with its own game, at one of the sidecars. Lines to be copied. */
import { make } from "./dom.js";

/** @typedef {import("./api.js").LobbyView} LobbyView */
/** @typedef {import("./api.js").SidecarView} SidecarView */
/** @typedef {{ label: string, text: string }} Way */

/** @type {Record<string, string>} */
const GAMES = {
  rabid: "It is joined by a game with Rabid's hole punching.",
  dowsett: "It is joined by a game with Dowsett's P2P script.",
  noray: "It is joined by a game with netfox and noray.",
};

/** What a player needs for his game, in words and lines. @param {LobbyView} lobby @param {readonly SidecarView[]} sidecars */
export function waysInto({ join, join_uri }, sidecars) {
  const says = GAMES[join.wire] ?? `It is joined by a game that speaks ${join.wire}.`;
  /** @type {Way[]} */
  const ways = [];
  if (join_uri !== undefined) ways.push({ label: "Way to the host", text: join_uri });
  if (join.session !== undefined)
    ways.push({ label: join.wire === "noray" ? "Open id" : "Session", text: join.session });
  if (join_uri === undefined) {
    for (const { v4, v6, ports } of sidecars) {
      // A port of this wire alone is what games are used to; one that tells wires apart does as well.
      const [port] = ports
        .filter(({ wires }) => wires.includes(join.wire))
        .toSorted((a, b) => a.wires.length - b.wires.length);
      const address = v4[0] ?? (v6[0] === undefined ? undefined : `[${v6[0]}]`);
      if (port !== undefined) ways.push({ label: "Server", text: `${address ?? location.hostname}:${port.port}` });
    }
  }
  ways.push({ label: "Descriptor", text: JSON.stringify(join) });
  return { says, ways };
}

/** A line with a button that copies it. @param {Way} way */
export function copyable({ label, text }) {
  const code = make("code", {}, text);
  const done = make("span", { class: "done", role: "status" });
  const button = make(
    "button",
    { type: "button", class: "plain", "aria-label": `Copy ${label.toLowerCase()}`, click: copy },
    "Copy",
  );
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      done.textContent = "Copied";
    } catch {
      // Not allowed, or the page came over plain HTTP: then it is marked, to be copied by hand.
      getSelection()?.selectAllChildren(code);
      done.textContent = "Marked: copy it now";
    }
  }
  return make("div", { class: "way-line" }, make("span", { class: "label" }, label), code, button, done);
}
