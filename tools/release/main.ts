/** `npm run release -- X.Y.Z`: makes the commit and the tag of a release, after all checks. See its help text. */
import { resolve } from "node:path";
import { parseCommandLine, UsageError } from "../command-line.ts";
import { release, ReleaseRefused } from "./release.ts";

const HELP = `
Usage: npm run release -- X.Y.Z

Releases version X.Y.Z: runs npm run check, sets the version in all manifests, dates the Unreleased section of
CHANGELOG.md, records docs/openapi.json as the released API, commits, and tags vX.Y.Z. It pushes nothing.

It refuses if the work tree has changes, the version is not newer than the last tag, CHANGELOG.md has no notes under
Unreleased, or a check fails.
`;

const version = parseCommandLine(HELP, { options: {}, allowPositionals: true }, ({ positionals }) => {
  const [version, ...others] = positionals;
  if (version === undefined || others.length > 0) throw new UsageError("One version is expected.");
  return version;
});

try {
  await release(resolve(import.meta.dirname, "../.."), version, new Date());
  process.stdout.write(`Released ${version}. Next: git push --follow-tags\n`);
} catch (error) {
  if (!(error instanceof ReleaseRefused)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
