/**
 * Receipts: a sidecar's signed statement of the endpoint at which it observed a peer with a valid ticket. The sidecar sends
 * it to that endpoint, so its holder receives there. The hub trusts no endpoint that a peer only claims.
 *
 *     key . seen . at . signature
 *     dGVzdC1r.cb007107d431.mioq2x1s.mEXq...
 *
 * `key` is the id of the signing key; `seen` is address and port in hexadecimal; `at` is the sidecar's time in milliseconds
 * since the epoch in base 36. The signature is the first 132 bits of HMAC-SHA256 over the claims. They contain game and
 * peer, so that no other peer can use the receipt, and begin with a word that is no ticket's purpose. It has at most 78
 * characters.
 */
import { bytesOf, type Endpoint, endpoint } from "../net/endpoint.ts";

/** The peer, its observed endpoint, and the sidecar's time. */
export type Observed = {
  readonly game: string;
  readonly peer: string;
  readonly endpoint: Endpoint;
  readonly at_ms: number;
};

/** A parsed receipt whose signature has not been verified. */
export type UnverifiedReceipt = {
  readonly observed: Observed;
  readonly key: string;
  /** The signed text. */
  readonly claims: string;
  readonly signature: string;
};

/** Characters of the HMAC in base64url that are the signature. */
export const RECEIPT_SIGNATURE_LENGTH = 22;
export const RECEIPT_PATTERN =
  /^([A-Za-z0-9_-]{8})\.([0-9a-f]{12}|[0-9a-f]{36})\.([1-9a-z][0-9a-z]{0,8})\.([A-Za-z0-9_-]{22})$/;

/** The text that the signature covers. */
export const receiptClaims = ({ game, peer, endpoint: at, at_ms }: Observed, key: string): string =>
  claimsOf(key, game, peer, `${textOf(at)}.${at_ms.toString(36)}`);

/** A receipt. `sign` returns the HMAC-SHA256 of the claims in base64url. */
export function signReceipt(observed: Observed, key: string, sign: (claims: string) => string): string {
  const place = `${textOf(observed.endpoint)}.${observed.at_ms.toString(36)}`;
  const signature = sign(claimsOf(key, observed.game, observed.peer, place));
  return `${key}.${place}.${signature.slice(0, RECEIPT_SIGNATURE_LENGTH)}`;
}

const claimsOf = (key: string, game: string, peer: string, place: string): string =>
  `seen.${key}.${game}.${peer}.${place}`;

/** Parses a receipt of this game and peer, or returns null. Does not verify the signature. */
export function decodeReceipt(text: string, game: string, peer: string): UnverifiedReceipt | null {
  const [, key, place, time, signature] = RECEIPT_PATTERN.exec(text) ?? [];
  if (key === undefined) return null;
  const at = endpointOf(place!);
  const at_ms = Number.parseInt(time!, 36);
  if (at === null || !Number.isSafeInteger(at_ms)) return null;
  const seen = { game, peer, endpoint: at, at_ms };
  return { observed: seen, key, claims: receiptClaims(seen, key), signature: signature! };
}

function textOf({ address, port }: Endpoint): string {
  let text = "";
  for (const byte of bytesOf(address) ?? []) text += HEX[byte]!;
  return text + HEX[port >> 8]! + HEX[port & 255]!;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Null unless the text is the canonical form of its endpoint. */
function endpointOf(text: string): Endpoint | null {
  const address = text.slice(0, -4);
  const bytes = address.match(/../g)!.map((pair) => Number.parseInt(pair, 16));
  const named = bytes.length === 4 ? bytes.join(".") : address.match(/.{4}/g)!.join(":");
  const at = endpoint(named, Number.parseInt(text.slice(-4), 16));
  return at !== null && textOf(at) === text ? at : null;
}
