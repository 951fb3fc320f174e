/**
 * The sidecar's configuration: parses flags and environment variables by one table of settings, which is also the
 * source of `--help` and of `.env.example`. A flag overrides the environment, and the environment overrides the
 * default. All problems are reported together, by name.
 */
import { parseArgs } from "node:util";
import { DTLS_SETTINGS, type DtlsConfig } from "./dtls.ts";
import { type ConfiguredPort, GENERAL_SETTINGS, type GeneralConfig, type Port } from "./general.ts";
import { NOHUB_SETTINGS, type NohubConfig, type NohubPorts, resolveNohub } from "./nohub.ts";
import { NORAY_SETTINGS, type NorayAddress, type NorayConfig, resolveNoray } from "./noray.ts";
import { RELAY_SETTINGS, type RelayConfig } from "./relay.ts";
import { type Environment, readEnvironment, type Setting } from "./settings.ts";

export type { Port };

export type Config = GeneralConfig &
  RelayConfig &
  DtlsConfig &
  NorayConfig &
  NohubConfig & { readonly nohub_grace_s: number };

const SETTINGS = { ...GENERAL_SETTINGS, ...RELAY_SETTINGS, ...DTLS_SETTINGS, ...NORAY_SETTINGS, ...NOHUB_SETTINGS };

type Key = keyof typeof SETTINGS;
const KEYS = Object.keys(SETTINGS) as Key[];
/** The name of a flag is the key with hyphens: `--receive-buffer-bytes`. */
const flagOf = (key: Key): string => key.replaceAll("_", "-");

/** The configuration, or all problems with it, one sentence each. Values of secrets are never repeated. */
export function parseConfig(
  argv: readonly string[],
  env: Environment,
): { readonly config: Config } | { readonly problems: readonly string[] } {
  const problems: string[] = [];
  const flags = parseFlags(argv, problems);
  const values: Partial<Record<Key, unknown>> = {};
  for (const key of KEYS) {
    const setting: Setting = SETTINGS[key];
    const flag = flags[flagOf(key)];
    const parsed = setting.parse(flag ?? readEnvironment(setting, env) ?? setting.fallback);
    if ("value" in parsed) values[key] = parsed.value;
    else problems.push(`${flag === undefined ? setting.env : `--${flagOf(key)}`}: expected ${parsed.expected}`);
  }
  const known = new Set(KEYS.map((key) => SETTINGS[key].env));
  for (const name of Object.keys(env)) {
    if (name.startsWith("PARLEY_") && !known.has(name)) problems.push(`${name}: unknown setting`);
  }
  if (problems.length > 0) return { problems };
  type Raw = { game: string; ports: ConfiguredPort[]; noray: NorayAddress; nohub: NohubPorts };
  const { game, ports, noray: at, nohub: lists, ...rest } = values as Raw;
  const bound = ports.map((port) => ({ ...port, game: port.game ?? game }));
  const norayPorts = bound.filter(({ wires }) => wires.includes("noray"));
  const noray = resolveNoray(
    at,
    norayPorts.map((port) => port.game),
  );
  if (noray !== null && "problem" in noray) return { problems: [noray.problem] };
  const games = bound.map((port) => port.game);
  const nohub = resolveNohub(lists, noray, games);
  if ("problem" in nohub) return { problems: [nohub.problem] };
  return { config: { ...(rest as Omit<Config, "ports" | "noray" | "nohub">), ports: bound, noray, nohub } };
}

/** The text that `--help` prints: the reference of all settings. */
export function helpText(): string {
  const lines = KEYS.flatMap((key) => {
    const { env, fallback, help: description } = SETTINGS[key];
    const fallbackText = key === "name" || fallback === "" ? "" : ` (default ${fallback})`;
    return [`  --${flagOf(key)} VALUE, ${env}=VALUE`, `        ${description}${fallbackText}`];
  });
  return [
    "Usage: node udp-sidecar/main.ts [--SETTING VALUE ...]",
    "",
    ...lines,
    "",
    "  --firewall",
    "        prints the ports that a firewall must open for these settings, and exits",
    "  --help",
    "        prints this text, and exits",
    "",
  ].join("\n");
}

/** Every setting by its environment variable, with its default: the content of `.env.example`. */
export const defaults = (): Map<string, string> =>
  new Map(KEYS.map((key) => [SETTINGS[key].env, SETTINGS[key].fallback]));

function parseFlags(argv: readonly string[], problems: string[]): Record<string, string> {
  const options = Object.fromEntries(KEYS.map((key) => [flagOf(key), { type: "string" as const }]));
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const flags: Record<string, string> = {};
  for (const token of tokens ?? []) {
    // The value may be part of a secret, so it is not repeated.
    if (token.kind === "positional") problems.push("a value without a setting");
    if (token.kind !== "option") continue;
    if (!Object.hasOwn(options, token.name)) problems.push(`${token.rawName}: unknown setting`);
    else if (token.value === undefined) problems.push(`${token.rawName}: expected a value`);
    else flags[token.name] = token.value;
  }
  return flags;
}
