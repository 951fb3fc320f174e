// @ts-check
/**
 * The address that opens a lobby in its game, from the template `join_url` in the lobby's data: `https://game.example/#{code}`
 * or `mygame://join/{code}`. The host of the lobby wrote the template, so it is not trusted.
 */

/** Schemes that run code in the page or open local files and browser pages. */
const DENIED = /^(about|blob|chrome|chrome-extension|data|file|filesystem|intent|javascript|view-source|vbscript):$/;

/**
 * Null if the template is no such address, or if a placeholder has no value: only members of a lobby get its code.
 * @param {unknown} template @param {{ code?: string | undefined, id: string }} values
 */
export function joinUrl(template, { code, id }) {
  // Spaces and control characters could hide the scheme, and a placeholder in it could complete one.
  if (typeof template !== "string" || !/^[a-z][a-z0-9+.-]*:\/\/[^\s\p{C}]+$/iu.test(template)) return null;
  if (template.includes("{code}") && code === undefined) return null;
  const text = template
    .replaceAll("{code}", () => encodeURIComponent(code ?? ""))
    .replaceAll("{id}", () => encodeURIComponent(id));
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  // A user name could be taken for the host: https://bank.example@evil.example.
  return DENIED.test(url.protocol) || url.username !== "" ? null : url;
}
