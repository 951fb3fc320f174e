/**
 * Command-line options of the tools: parsing, `--help`, and usage errors.
 *
 * Every tool describes itself in one help text, so that `--help` and the refusal of a wrong option cannot differ.
 */
import { parseArgs, type ParseArgsConfig } from "node:util";

type Parsed<Config extends ParseArgsConfig> = ReturnType<typeof parseArgs<Config>>;

/** Thrown for a wrong option; the message says which. */
export class UsageError extends Error {}

/** Prints `help` and exits with 0 if `--help` is an argument. */
export function printHelp(help: string): void {
  if (!process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h")) return;
  process.stdout.write(`${help.trim()}\n`);
  process.exit(0);
}

/**
 * Parses the options of this process. Prints `help` and exits with 0 on `--help`; exits with 2 on a wrong option.
 * `read` converts the parsed options and may throw a `UsageError`.
 */
export function parseCommandLine<const Config extends ParseArgsConfig, Result>(
  help: string,
  config: Config,
  read: (parsed: Parsed<Config>) => Result,
): Result {
  printHelp(help);
  try {
    return read(parseArgs(config));
  } catch (error) {
    const isUsage = error instanceof UsageError || (error instanceof TypeError && "code" in error);
    if (!isUsage) throw error;
    process.stderr.write(`${error.message}\n\n${help.trim()}\n`);
    process.exit(2);
  }
}
