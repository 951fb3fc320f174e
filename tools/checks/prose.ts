/**
 * Extracts the prose of a source file: comments and string literals of TypeScript and JavaScript.
 *
 * Code is blanked out and line breaks are kept, so that positions in the result are positions in the file.
 */

/** After these characters a slash begins a regular expression, not a division. */
const BEFORE_REGEX = /(?:^|[([{,;=:!&|?+\-*%<>~^}]|\b(?:return|typeof|case|in|of|await|default))\s*$/;
const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])*\/[a-z]*|[`{}]/g;

export function proseOf(source: string): string {
  const prose: string[] = [];
  /** Open braces, each with whether it belongs to `${`. */
  const braces: boolean[] = [];
  let done = 0;
  const blank = (to: number): void => {
    prose.push(source.slice(done, to).replaceAll(/[^\n]/g, " "));
    done = to;
  };
  const keep = (to: number): void => {
    prose.push(source.slice(done, to));
    done = to;
  };
  const keepTemplate = (from: number): number => {
    const end = endOfTemplatePart(source, from);
    blank(from);
    keep(end);
    if (source.startsWith("${", end - 2)) braces.push(true);
    return end;
  };
  for (let at = 0; at < source.length;) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(source);
    if (match === null) break;
    const [token] = match;
    const end = match.index + token.length;
    if (token === "`") at = keepTemplate(match.index + 1);
    else if (token === "{" || token === "}") {
      if (token === "{") braces.push(false);
      at = token === "}" && braces.pop() === true ? keepTemplate(end) : end;
    } else if (token.startsWith("/") && !/^\/[/*]/.test(token)) {
      at = BEFORE_REGEX.test(source.slice(Math.max(0, match.index - 40), match.index)) ? end : match.index + 1;
    } else {
      blank(match.index);
      keep(end);
      at = end;
    }
  }
  blank(source.length);
  return prose.join("");
}

/** The position behind the closing backtick or behind the next `${`. */
function endOfTemplatePart(source: string, from: number): number {
  for (let at = from; at < source.length; at++) {
    if (source[at] === "\\") at++;
    else if (source[at] === "`") return at + 1;
    else if (source.startsWith("${", at)) return at + 2;
  }
  return source.length;
}
