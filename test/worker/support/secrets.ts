/**
 * Searches responses and events for secrets. Every secret that a request plants (a password, private data, a token, an
 * address) is recorded, and those of the scripted sidecars too; every response and event is searched for all of them.
 */
import { ADMIN_KEYS, SIDECAR_KEYS, TOKEN_KEYS } from "../../support/keys.ts";
import { GOLDEN } from "../../support/golden-tickets.ts";

/** The reader: the path of the request and its peer (null: none). */
export type Told = { readonly path: string; readonly peer: string | null; readonly text: string };

const ADDRESS_OF_PLAYERS = "203.0.113.7";
const SIDECARS_OWN = ["198.51.100.9", "2001:db8::9"];
/** Secrets of the tests' sidecars, and the keys of the deployment. */
const PLANTED_BY_SIDECARS = ["note-about", "digest-of-a-password", "epoch-one", ADDRESS_OF_PLAYERS];
const KEYS = [...SIDECAR_KEYS, ...TOKEN_KEYS, ...ADMIN_KEYS, ...GOLDEN.keys.map(({ secret }) => secret)];
const TOKEN = /\b(?:peer|udp)\.[\w-]{8}\.[a-z0-9-]+\.[0-9a-z-]*\.[0-9a-z]{20,40}\.[0-9a-z]+\.[\w-]{43}/;
const INVITATION = /\binvite\.[\w-]{8}\.[a-z0-9-]+\.[0-9a-z-]+\.[0-9a-z]{20,40}\.[0-9a-z]+\.[\w-]{43}/;
/** Endpoints of connected players: only the two learn them, and only by connection events. */
export const HOMES = ["20.0.1.1", "20.0.2.1", "192.168.1.10", "192.168.1.20"];
const PAIR_KEY = /"key":"([\w-]{43})"/g;
const SESSION = /\b(?:session|relay)\.[\w-]{8}\.[a-z0-9-]+\.[0-9a-z-]+\.([0-9a-z]{20,40})\.[0-9a-z]+\.[\w-]{43}/g;
const PROOF = /"membership_proof":"[^".]+\.([^".]+)\./g;
const subjectOf = (claims: string): unknown =>
  (JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))) as { sub: unknown }).sub;

const STACK = /\bat [^"]{1,200}:\d+:\d+/;
/** A leak shows at once: a secret from a thousand requests ago need not be searched for. */
const LATEST_MAX = 50;
/** Shorter ones occur by chance. */
const TELLING_LENGTH = 6;

export class Secrets {
  /** For no reader; for members; for the host. */
  readonly #planted = {
    nobody: new Planted([...PLANTED_BY_SIDECARS, ...KEYS]),
    members: new Planted([]),
    host: new Planted([]),
    homes: new Planted(HOMES),
  };
  /** The peers that got each pair's key. */
  readonly #keys = new Map<string, Set<string | null>>();

  /** Records the secrets of a request's body and headers. */
  plant(body: string, address: string | null): void {
    if (address !== null && !SIDECARS_OWN.includes(address)) this.#planted.nobody.add(address);
    const said = parsed(body);
    for (const one of [said, (said as Record<string, unknown> | null)?.["create_if_none"]]) this.#plantLobby(one);
  }

  learn(code: string): void {
    this.#planted.members.add(code);
  }

  /** The leaks in words. */
  betrayed({ path, peer, text }: Told): string[] {
    // The document depends on no state, and its examples look like secrets.
    if (path === "/openapi.json") return [];
    const operators = path.startsWith("/v1/admin/");
    const faults = this.#planted.nobody
      .in(text)
      .filter((word) => !(operators && /^[0-9a-f.:]+$/.test(word) && !word.startsWith("key")));
    if (!/\/peers(\/me\/tokens)?$/.test(path) && TOKEN.test(text)) faults.push("a token");
    for (const [, claims] of text.matchAll(PROOF)) if (subjectOf(claims!) !== peer) faults.push("another's proof");
    for (const [, owner] of text.matchAll(SESSION)) if (owner !== peer) faults.push("another's session ticket");
    // The join URI of a listed noray host is public.
    const toAll = text.replaceAll(/"uri":"noray:[^"]*"/g, "");
    const connects = /\/(connections|relays)\b/.test(path) || text.startsWith('{"type":"connect.');
    if (!connects) faults.push(...this.#planted.homes.in(text));
    if (!path.endsWith("/invitations") && INVITATION.test(text)) faults.push("an invitation");
    for (const [, key] of text.matchAll(PAIR_KEY)) {
      const told = (this.#keys.get(key!) ?? new Set()).add(peer);
      this.#keys.set(key!, told);
      if (!connects || told.size > 2) faults.push("a pair's key");
    }
    if (!connects && !/\/(peers|sidecars|ice-servers)$/.test(path)) faults.push(...new Planted(SIDECARS_OWN).in(toAll));
    if (STACK.test(text)) faults.push("a stack trace");
    const inside = peer !== null && text.includes(`"peer_id":"${peer}"`);
    if (!inside) faults.push(...this.#planted.members.in(text));
    if (!(inside && text.includes(`"host":"${peer}"`))) faults.push(...this.#planted.host.in(text));
    return faults;
  }

  #plantLobby(said: unknown): void {
    if (typeof said !== "object" || said === null) return;
    const { password, data, data_rules, member_data } = said as Record<string, unknown>;
    if (isTelling(password)) this.#planted.nobody.add(password);
    for (const value of Object.values(objectOf(member_data))) {
      if (isTelling(value)) this.#planted.members.add(value);
    }
    for (const [key, value] of Object.entries(objectOf(data))) {
      const { visibility } = objectOf(objectOf(data_rules)[key]);
      if (!isTelling(value)) continue;
      if (visibility === "private") this.#planted.host.add(value);
      if (visibility === "member") this.#planted.members.add(value);
    }
  }
}

/** Words that must not occur: the permanent ones, and the latest that were planted. */
class Planted {
  readonly #always: readonly string[];
  readonly #latest = new Set<string>();
  #pattern: RegExp | null = null;

  constructor(always: readonly string[]) {
    this.#always = always;
  }

  add(word: string): void {
    if (this.#latest.has(word)) return;
    this.#latest.add(word);
    if (this.#latest.size > LATEST_MAX) this.#latest.delete(this.#latest.values().next().value!);
    this.#pattern = null;
  }

  in(text: string): string[] {
    this.#pattern ??= patternOf([...this.#always, ...this.#latest]);
    return [...new Set(Array.from(text.matchAll(this.#pattern), ([word]) => word))];
  }
}

/** Searches for all in one pass, because responses are long. An address must not be part of a longer one. */
function patternOf(words: readonly string[]): RegExp {
  const any = words.map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join("|");
  return new RegExp(String.raw`(?<![\w.])(?:${any || "(?!)"})(?!\w)`, "g");
}

const isTelling = (value: unknown): value is string => typeof value === "string" && value.length >= TELLING_LENGTH;

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // Hostile bodies plant nothing.
    return null;
  }
}
