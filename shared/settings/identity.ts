/**
 * The setting IDENTITY: providers that prove who a peer is, per game, as JSON. A game of `*` is every game without an entry.
 *
 *     {"arena": {"required": true, "providers": [
 *       {"name": "steam", "kind": "steam", "app_id": 480, "web_api_key": "..."},
 *       {"name": "google", "kind": "oidc", "issuer": "https://accounts.google.com", "audience": "client-id"}]}}
 *
 * IDENTITY_KEY derives peer ids. It must never change, because bans and lists of friends hold peer ids.
 */
import { IDENTITY_PROVIDERS_MAX, TOKEN_KEY_LENGTH_MIN } from "../limits.ts";
import { anyOf, flag, integer, list, map, object, oneOf, optional, type Shape, text } from "../schema/decode.ts";
import { faultsOf } from "../schema/faults.ts";

const name = text(32, /^[a-z0-9][a-z0-9-]*$/);
/** Plain HTTP is for a provider on the same machine. */
const url = text(512, /^(https:\/\/[\w.:[\]-]+|http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?)(\/[!-~]*)?$/);

const steam = object({
  name,
  kind: oneOf("steam"),
  app_id: integer(1, 4_294_967_295),
  /** A publisher key. */
  web_api_key: text(64, /^[0-9A-Za-z]+$/),
  /** Where Steam's Web API is, for tests and proxies. */
  api_url: optional(url),
});
const oidc = object({
  name,
  kind: oneOf("oidc"),
  issuer: url,
  /** The client id of the game at the provider: the `aud` of its tokens. */
  audience: text(256),
});
const gameIdentity = object({
  /** Peers without a proof are refused. */
  required: flag,
  providers: list(anyOf("a provider", steam, oidc), IDENTITY_PROVIDERS_MAX),
});
const setting = map(/^(\*|[a-z0-9][a-z0-9-]{0,31})$/, gameIdentity, 1_000);

export type SteamProvider = Shape<typeof steam>;
export type OidcProvider = Shape<typeof oidc>;
export type GameIdentity = Shape<typeof gameIdentity>;
export type Identity = { readonly games: Readonly<Record<string, GameIdentity>>; readonly faults: readonly string[] };

export function parseIdentity(json: string, key: string): Identity {
  if (json === "") return { games: {}, faults: [] };
  const faults =
    key.length >= TOKEN_KEY_LENGTH_MIN
      ? []
      : [`IDENTITY_KEY: at least ${TOKEN_KEY_LENGTH_MIN} characters expected; \`openssl rand -hex 32\` makes one`];
  const value = parse(json);
  if (value === undefined) return { games: {}, faults: [...faults, "IDENTITY: JSON expected"] };
  const found = faultsOf(value, setting.schema).map(({ pointer, message }) => `IDENTITY: ${pointer}: ${message}`);
  if (found.length > 0) return { games: {}, faults: [...faults, ...found] };
  const games = setting(value, "IDENTITY");
  const twice = Object.entries(games)
    .filter(([, { providers }]) => new Set(providers.map((one) => one.name)).size < providers.length)
    .map(([game]) => `IDENTITY: /${game}/providers: two providers have one name`);
  return { games: faults.length === 0 && twice.length === 0 ? games : {}, faults: [...faults, ...twice] };
}

/** The providers of a game, or null if all its peers are anonymous. */
export const identityOf = ({ games }: Identity, game: string): GameIdentity | null => games[game] ?? games["*"] ?? null;

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The caller reports it by the setting's name.
    return undefined;
  }
}
