/**
 * Signs and proves peer tokens and tickets (shared/auth/tickets.ts) with the keys of TOKEN_KEYS: the first one signs, all
 * are believed. Each purpose has keys of its own, derived from them, so that a sidecar that can prove tickets can
 * make no peer token.
 */
import { PEER_TOKEN_S, TOKEN_KEY_LENGTH_MIN, TOKEN_KEYS_MAX } from "#shared/limits.ts";
import { decodeReceipt, RECEIPT_SIGNATURE_LENGTH, type Observed } from "#shared/auth/receipts.ts";
import { claimsOf, decodeTicket, type Ticket, type TicketKey, ticketText } from "#shared/auth/tickets.ts";
import { type Env, parseKeys } from "../env.ts";

/** What a key is derived for: peer tokens and invitations are the hub's alone, tickets are proved by sidecars. */
type Label = "peer" | "ticket";
type Key = TicketKey & { readonly hmac: CryptoKey };
type KeySet = Readonly<Record<Label, readonly Key[]>>;

/** Of one setting; a Worker has but one, which no request changes. */
let cached: { readonly setting: string; readonly ring: KeySet } | null = null;

/** A token that names this peer to the hub, and when it ends; null where the hub has no key. */
export async function peerToken(env: Env, game: string, peer: string, now: number): Promise<Signed | null> {
  const expires_at_s = Math.floor(now / 1_000) + PEER_TOKEN_S;
  return sign(env, { purpose: "peer", game, lobby: null, peer, expires_at_s });
}

export type Signed = { readonly text: string; readonly expires_at_s: number };

/** Signs a ticket, or gives null where the hub has no key. */
export async function sign(env: Env, ticket: Ticket): Promise<Signed | null> {
  const key = (await keySetOf(env))[labelOf(ticket)][0];
  if (key === undefined) return null;
  const claims = claimsOf(ticket, key.id);
  return { text: ticketText(claims, await signature(key.hmac, claims)), expires_at_s: ticket.expires_at_s };
}

/** What the text proves about its bearer, or null. */
export async function verify(env: Env, text: string, now: number): Promise<Ticket | null> {
  const unproved = decodeTicket(text);
  if (unproved === null || unproved.ticket.expires_at_s * 1_000 <= now) return null;
  const { ticket, claims } = unproved;
  const key = (await keySetOf(env))[labelOf(ticket)].find(({ id }) => id === unproved.key);
  if (key === undefined) return null;
  const wanted = ascii(await signature(key.hmac, claims));
  return crypto.subtle.timingSafeEqual(wanted, ascii(unproved.signature)) ? ticket : null;
}

/** Where a sidecar saw this peer of a game, and when (its clock), or null where the text is no good receipt of his. */
export async function verifyReceipt(env: Env, game: string, peer: string, text: string): Promise<Observed | null> {
  const unproved = decodeReceipt(text, game, peer);
  const key = (await keySetOf(env)).ticket.find(({ id }) => id === unproved?.key);
  if (unproved === null || key === undefined) return null;
  const wanted = (await signature(key.hmac, unproved.claims)).slice(0, RECEIPT_SIGNATURE_LENGTH);
  return crypto.subtle.timingSafeEqual(ascii(wanted), ascii(unproved.signature)) ? unproved.observed : null;
}

/** The peer of this game whose token it is, or null. */
export async function peerOfToken(env: Env, game: string, text: string, now: number): Promise<string | null> {
  const token = await verify(env, text, now);
  return token !== null && token.purpose === "peer" && token.game === game ? token.peer : null;
}

/** What sidecars prove tickets with; the newest first. */
export async function ticketKeys(env: Env): Promise<TicketKey[]> {
  return (await keySetOf(env)).ticket.map(({ id, secret }) => ({ id, secret }));
}

const labelOf = ({ purpose }: Ticket): Label => (purpose === "peer" || purpose === "invite" ? "peer" : "ticket");

async function keySetOf(env: Env): Promise<KeySet> {
  const setting = env.TOKEN_KEYS ?? "";
  if (cached?.setting === setting) return cached.ring;
  const keys = parseKeys(setting).filter((key) => key.length >= TOKEN_KEY_LENGTH_MIN);
  if (keys.length === 0 || keys.length < parseKeys(setting).length || keys.length > TOKEN_KEYS_MAX) {
    const message = `TOKEN_KEYS must be one or two keys of ${TOKEN_KEY_LENGTH_MIN} characters or more`;
    console.error({ message, usable: Math.min(keys.length, TOKEN_KEYS_MAX) });
  }
  const masters = await Promise.all(keys.slice(0, TOKEN_KEYS_MAX).map((key) => hmacKey(ascii(key))));
  const derived = (label: Label): Promise<Key[]> => Promise.all(masters.map((master) => deriveKey(master, label)));
  const [peer, ticket] = await Promise.all([derived("peer"), derived("ticket")]);
  cached = { setting, ring: { peer, ticket } };
  return cached.ring;
}

/** A key of a key: HMAC is a pseudo-random function, and the label tells the purposes apart (NIST SP 800-108). */
async function deriveKey(master: CryptoKey, label: Label): Promise<Key> {
  const secret = await signature(master, `parley ${label} key 1`);
  const id = (await signature(master, `parley ${label} key 1 id`)).slice(0, 8);
  return { id, secret, hmac: await hmacKey(ascii(secret)) };
}

const hmacKey = (bytes: Uint8Array): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);

async function signature(key: CryptoKey, text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.sign("HMAC", key, ascii(text)));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace("=", "");
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
