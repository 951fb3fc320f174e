/**
 * I-JSON (RFC 7493): JSON in which no two readers can read two things. Names are unique within an object, texts are
 * Unicode, and nothing nests without end.
 */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs;

/** What is wrong with a text that `JSON.parse` takes, in words, or null. Looks at each character once. */
export function faultOf(json: string, depth_max: number): string | null {
  /** Names of each open object; null for a list. */
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
