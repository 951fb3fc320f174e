/** The page with its generated part, which stands between two marks, replaced. Throws if the page lacks one of them. */
export function withGeneratedPart(
  page: string,
  [begin, end]: readonly [begin: string, end: string],
  text: string,
): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`the page must contain ${begin} and ${end}`);
  return `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`;
}
