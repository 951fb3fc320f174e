/** What can be done to a path, as the routes themselves have it: `Allow` of RFC 9110 section 10.2.1. */
type Route = { readonly method: string; readonly path: string };

/** The methods of every route that the path would reach; empty where it reaches none. */
export function allowedMethods(routes: readonly Route[], path: string): string[] {
  const methods = new Set<string>();
  for (const route of routes) {
    // Middleware stands on `*` or under ALL, and says nothing about what is there.
    if (route.method === "ALL" || route.path.includes("*") || !patternOf(route.path).test(path)) continue;
    methods.add(route.method);
    if (route.method === "GET") methods.add("HEAD");
  }
  return [...methods].toSorted();
}

const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replaceAll(/[.$()+?[\]\\^|]/g, String.raw`\$&`).replaceAll(/:[a-z]+/g, "[^/]+")}$`);
