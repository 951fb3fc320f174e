/**
 * I-JSON (RFC 7493): JSON with unique names within each object and bounded nesting. `JSON.parse` silently keeps the last of
 * two equal names, so two readers could understand one body differently.
 */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs;

/** The fault of a text that `JSON.parse` accepts, or null. One pass. */
export function faultOf(json: string, depth_max: number): string | null {
  /** The names of each open object; null for a list. */
  const open: (Set<string> | null)[] = [];
  let before = "";
  let text = "";
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === "{" || token === "[") {
      open.push(token === "{" ? new Set() : null);
      if (open.length > depth_max) return `at most ${depth_max} levels expected`;
    } else if (token === "}" || token === "]") open.pop();
    else if (token === ":" && before === '"') {
      const names = open.at(-1);
      const name = JSON.parse(text) as string;
      if (names?.has(name) === true) return "names that differ expected";
      names?.add(name);
    } else if (token.length > 1) text = token;
    before = token[0]!;
  }
  return null;
}
