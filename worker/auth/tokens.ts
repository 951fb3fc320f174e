/**
 * Signs and verifies peer tokens and tickets (shared/auth/tickets.ts) with the keys of TOKEN_KEYS: the first signs, all
 * verify. Each purpose has its own derived key, so that a sidecar, which verifies tickets, cannot issue peer tokens.
 */
import { PEER_TOKEN_S, TOKEN_KEYS_MAX } from "#shared/limits.ts";
import { decodeReceipt, RECEIPT_SIGNATURE_LENGTH, type Observed } from "#shared/auth/receipts.ts";
import { claimsOf, decodeTicket, type Ticket, type TicketKey, ticketText } from "#shared/auth/tickets.ts";
import { type Env, keysOf } from "../env.ts";
import { base64url } from "./base64url.ts";

/**
 * The purpose of a derived key. Only the hub has the `peer` key, for peer tokens and invitations. Sidecars have the
 * `ticket` key.
 */
type Label = "peer" | "ticket";
type Key = TicketKey & { readonly hmac: CryptoKey };
type KeySet = Readonly<Record<Label, readonly Key[]>>;

/** The key set of the current setting. A Worker's settings do not change while it runs. */
let cached: { readonly setting: string; readonly ring: KeySet } | null = null;

/** Signs a token for a peer. Null if the hub has no key. */
export async function peerToken(env: Env, game: string, peer: string, now: number): Promise<Signed | null> {
  const expires_at_s = Math.floor(now / 1_000) + PEER_TOKEN_S;
  return sign(env, { purpose: "peer", game, lobby: null, peer, expires_at_s });
}

export type Signed = { readonly text: string; readonly expires_at_s: number };

/** Signs a ticket. Null if the hub has no key. */
export async function sign(env: Env, ticket: Ticket): Promise<Signed | null> {
  const key = (await keySetOf(env))[labelOf(ticket)][0];
  if (key === undefined) return null;
  const claims = claimsOf(ticket, key.id);
  return { text: ticketText(claims, await signature(key.hmac, claims)), expires_at_s: ticket.expires_at_s };
}

/** The ticket of a valid, unexpired text, or null. */
export async function verify(env: Env, text: string, now: number): Promise<Ticket | null> {
  const decoded = decodeTicket(text);
  if (decoded === null || decoded.ticket.expires_at_s * 1_000 <= now) return null;
  const { ticket, claims } = decoded;
  const key = (await keySetOf(env))[labelOf(ticket)].find(({ id }) => id === decoded.key);
  if (key === undefined) return null;
  const expected = ascii(await signature(key.hmac, claims));
  return crypto.subtle.timingSafeEqual(expected, ascii(decoded.signature)) ? ticket : null;
}

/**
 * The endpoint and time (sidecar's clock, ms) of a receipt that a sidecar issued to this peer, or null if it is
 * invalid.
 */
export async function verifyReceipt(env: Env, game: string, peer: string, text: string): Promise<Observed | null> {
  const decoded = decodeReceipt(text, game, peer);
  const key = (await keySetOf(env)).ticket.find(({ id }) => id === decoded?.key);
  if (decoded === null || key === undefined) return null;
  const expected = (await signature(key.hmac, decoded.claims)).slice(0, RECEIPT_SIGNATURE_LENGTH);
  return crypto.subtle.timingSafeEqual(ascii(expected), ascii(decoded.signature)) ? decoded.observed : null;
}

/** The peer that a token of this game belongs to, or null. */
export async function peerOfToken(env: Env, game: string, text: string, now: number): Promise<string | null> {
  const token = await verify(env, text, now);
  return token !== null && token.purpose === "peer" && token.game === game ? token.peer : null;
}

/** The keys with which sidecars verify tickets, the newest first. */
export async function ticketKeys(env: Env): Promise<TicketKey[]> {
  return (await keySetOf(env)).ticket.map(({ id, secret }) => ({ id, secret }));
}

const labelOf = ({ purpose }: Ticket): Label => (purpose === "peer" || purpose === "invite" ? "peer" : "ticket");

async function keySetOf(env: Env): Promise<KeySet> {
  const setting = env.TOKEN_KEYS ?? "";
  if (cached?.setting === setting) return cached.ring;
  const keys = keysOf("TOKEN_KEYS", env);
  if (keys.length === 0 || keys.length > TOKEN_KEYS_MAX) {
    const message = "TOKEN_KEYS must be one or two keys";
    console.error({ message, usable: Math.min(keys.length, TOKEN_KEYS_MAX) });
  }
  const masters = await Promise.all(keys.slice(0, TOKEN_KEYS_MAX).map((key) => hmacKey(ascii(key))));
  const derived = (label: Label): Promise<Key[]> => Promise.all(masters.map((master) => deriveKey(master, label)));
  const [peer, ticket] = await Promise.all([derived("peer"), derived("ticket")]);
  cached = { setting, ring: { peer, ticket } };
  return cached.ring;
}

/**
 * Derives a key by HMAC with the purpose as its label (NIST SP 800-108). HKDF would derive other keys, and existing
 * tokens would fail.
 */
async function deriveKey(master: CryptoKey, label: Label): Promise<Key> {
  const secret = await signature(master, `parley ${label} key 1`);
  const id = (await signature(master, `parley ${label} key 1 id`)).slice(0, 8);
  return { id, secret, hmac: await hmacKey(ascii(secret)) };
}

const hmacKey = (bytes: Uint8Array): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);

const signature = async (key: CryptoKey, text: string): Promise<string> =>
  base64url(await crypto.subtle.sign("HMAC", key, ascii(text)));

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
