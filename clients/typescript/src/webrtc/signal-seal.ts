/**
 * Signed signals between two introduced browsers: a signal holds the DTLS fingerprint of its sender, so an attacker that
 * changes signals could read the game's traffic. The text of a signal is
 *
 *     webrtc.MAC.{"connection_id":"...","seq":1,"description":{...},"candidates":[...]}
 *
 * MAC is HMAC-SHA-256 over the JSON text, in base64url. Its key is derived by HKDF-SHA-256 (RFC 5869, no salt) from the
 * pair key of the introduction with the info `parley webrtc a` or `parley webrtc b`, the role of the sender: a signal
 * that is reflected to its sender does not verify. `seq` rises by one with each signal of a connection.
 */
import { fromBase64url, toBase64url } from "../util/base64url.ts";
import type { Candidate, Description } from "./engine.ts";
import { CANDIDATES_MAX, SIGNAL_LENGTH_MAX } from "./limits.ts";

export type Role = "a" | "b";

export type Signal = {
  readonly description?: Description;
  readonly candidates?: readonly Candidate[];
};

/** Why a signal is not used. `forged`: it was not signed with the key of this pair. */
export type SignalFault = "malformed" | "forged" | "replayed";

/** A key of WebCrypto, by a type that all platforms have. */
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

const PREFIX = "webrtc.";

/** The connection that a signal claims to belong to; null if the text is not such a signal. */
export function connectionOfSignal(text: string): string | null {
  const json = text.startsWith(PREFIX) ? parsed(text) : null;
  return typeof json?.["connection_id"] === "string" ? json["connection_id"] : null;
}

export class SignalSeal {
  readonly #connection: string;
  readonly #own: Key;
  readonly #others: Key;
  #sent = 0;
  #received = 0;

  private constructor(connection: string, own: Key, others: Key) {
    this.#connection = connection;
    this.#own = own;
    this.#others = others;
  }

  /** `key`: 32 secret bytes in base64url. */
  static async open(connection: string, key: string, role: Role): Promise<SignalSeal> {
    const secret = await crypto.subtle.importKey("raw", fromBase64url(key)!, "HKDF", false, ["deriveKey"]);
    const keyOf = (sender: Role): Promise<Key> => {
      const info = new TextEncoder().encode(`parley webrtc ${sender}`);
      const hkdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info };
      const hmac = { name: "HMAC", hash: "SHA-256", length: 256 };
      return crypto.subtle.deriveKey(hkdf, secret, hmac, false, ["sign", "verify"]);
    };
    return new SignalSeal(connection, await keyOf(role), await keyOf(role === "a" ? "b" : "a"));
  }

  async seal(signal: Signal): Promise<string> {
    const json = JSON.stringify({ connection_id: this.#connection, seq: ++this.#sent, ...signal });
    const mac = await crypto.subtle.sign("HMAC", this.#own, new TextEncoder().encode(json));
    return `${PREFIX}${toBase64url(new Uint8Array(mac))}.${json}`;
  }

  async open(text: string): Promise<Signal | SignalFault> {
    const [, mac = ""] = text.split(".", 2);
    const json = parsed(text);
    if (json === null) return "malformed";
    const bytes = new TextEncoder().encode(text.slice(PREFIX.length + mac.length + 1));
    const tag = fromBase64url(mac);
    if (tag === null || !(await crypto.subtle.verify("HMAC", this.#others, tag, bytes))) return "forged";
    if (json["connection_id"] !== this.#connection) return "forged";
    const { seq, ...signal } = json;
    if (typeof seq !== "number" || seq <= this.#received) return "replayed";
    this.#received = seq;
    return isSignal(signal) ? signal : "malformed";
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  if (text.length > SIGNAL_LENGTH_MAX) return null;
  try {
    const json: unknown = JSON.parse(text.slice(text.indexOf(".", PREFIX.length) + 1));
    return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function isSignal({ description, candidates = [] }: Readonly<Record<string, unknown>>): boolean {
  const { type, sdp } = (description ?? { type: "offer", sdp: "" }) as Record<string, unknown>;
  const isDescription = (type === "offer" || type === "answer") && typeof sdp === "string";
  return (
    isDescription && Array.isArray(candidates) && candidates.length <= CANDIDATES_MAX && candidates.every(isObject)
  );
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;
