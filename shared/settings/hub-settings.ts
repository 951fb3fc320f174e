/** The check of the hub's settings: every fault at once, each with the name of its setting and what to set instead. */
import { KEY_SETTINGS, splitKeys, weakness } from "../auth/keys.ts";
import { TOKEN_KEYS_MAX } from "../limits.ts";
import { parseBudgets } from "../rate-limit/rate-limiter.ts";
import { parseGames } from "./games.ts";
import { parseTurn } from "./turn.ts";
import { parseWebhook } from "./webhook.ts";
import { parseIdentity } from "./identity.ts";
import { parseOperatorKeys } from "./operator-keys.ts";
import { parseShards, SHARDS_EXPECTED } from "./shards.ts";

/** Settings by their names in wrangler.toml. */
export type HubSettings = Readonly<Record<string, unknown>>;

export function settingFaults(settings: HubSettings): string[] {
  const read = (name: string): string => (typeof settings[name] === "string" ? settings[name] : "");
  const turn = parseTurn(read("TURN_URLS"), read("TURN_SECRET"));
  return [
    ...keyFaults(read),
    ...parseGames(read("GAMES")).faults,
    ...parseIdentity(read("IDENTITY"), read("IDENTITY_KEY")).faults,
    ...parseWebhook(read("REPORTS_WEBHOOK"), read("REPORTS_KEY")).faults,
    ...numberFaults(read),
    ...(["", "on", "off"].includes(read("EDGE_CACHE")) ? [] : ["EDGE_CACHE: `on` or `off` expected"]),
    ...turn.faults,
  ];
}

function keyFaults(read: (name: string) => string): string[] {
  return KEY_SETTINGS.flatMap((name) => {
    if (name === "ADMIN_KEYS") return parseOperatorKeys(read(name)).faults;
    const keys = splitKeys(read(name));
    if (keys.length === 0) return [`${name} is not set: \`openssl rand -hex 32\` makes one`];
    const weak = keys.flatMap((key) => weakness(name, key) ?? []);
    const surplus = name === "TOKEN_KEYS" && keys.length > TOKEN_KEYS_MAX;
    return surplus ? [...weak, `TOKEN_KEYS: at most ${TOKEN_KEYS_MAX} keys expected`] : weak;
  });
}

function numberFaults(read: (name: string) => string): string[] {
  const shards = read("HUB_SHARDS");
  const is_count = shards === "" || parseShards(shards) !== null;
  const budgets = parseBudgets(read("RATE_LIMITS"));
  return [
    ...(is_count ? [] : [SHARDS_EXPECTED]),
    ...("invalid" in budgets
      ? [`RATE_LIMITS: \`off\` or like \`list=1/5,chat=1/5\` expected, not ${budgets.invalid}`]
      : []),
  ];
}
