/** Reads TypeScript as text: its imports, and its code without comments. */
import { posix } from "node:path";

/** `path` is relative to the root of the repository. */
export type Source = { readonly path: string; readonly text: string };

/** Every module that a source names: `import`, `export from`, `import()` and `require()`, types too. */
export function importsOf(text: string): string[] {
  const statement =
    /(?:\b(?:import|export)\b[^;"'`]*?\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(["'`])([^"'`\n]+)\1/g;
  return Array.from(withoutComments(text).matchAll(statement), (match) => match[2]!);
}

/** The imports of a source that name files of the repository, as paths from its root. */
export function importedFiles({ path, text }: Source): string[] {
  return importsOf(text).flatMap((specifier) => {
    if (specifier.startsWith("#shared/")) return [specifier.slice(1)];
    return specifier.startsWith(".") ? [posix.join(posix.dirname(path), specifier)] : [];
  });
}

/** Keeps string literals, so that `//` within one does not start a comment. */
export function withoutComments(text: string): string {
  const tokens = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(tokens, (_, kept: string | undefined) => kept ?? " ");
}
