/**
 * I-JSON (RFC 7493): JSON with unique names within each object, exact integers, and bounded nesting. `JSON.parse` silently keeps the last of
 * two equal names, so two readers could understand one body differently.
 */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|-?[0-9][0-9.eE+-]*/gs;

/** The fault of a text that `JSON.parse` accepts, or null. One pass. */
export function faultOf(json: string, depth_max: number): string | null {
  /** The names of each open object; null for a list. */
  const open: (Set<string> | null)[] = [];
  let before = "";
  let text = "";
  for (const [token] of json.matchAll(TOKEN)) {
    if (isInexact(token))
      return `${text === "" ? "number" : (JSON.parse(text) as string)}: an integer within ±(2^53 - 1), or text, expected`;
    if (token === "{" || token === "[") {
      open.push(token === "{" ? new Set() : null);
      if (open.length > depth_max) return `at most ${depth_max} levels expected`;
    } else if (token === "}" || token === "]") open.pop();
    else if (token === ":" && before === '"') {
      const names = open.at(-1);
      const name = JSON.parse(text) as string;
      if (names?.has(name) === true) return "names that differ expected";
      names?.add(name);
    } else if (token[0] === '"') text = token;
    before = token[0]!;
  }
  return null;
}

/** Whether this is an integer that a double rounds (RFC 7493 section 2.2), such as a 64-bit id of a platform. */
const isInexact = (token: string): boolean => /^-?[0-9]{16,}$/.test(token) && !Number.isSafeInteger(Number(token));
