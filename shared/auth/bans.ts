/**
 * Bans: who may not take part in a game, by the prefix of his address or by his peer id, until when, and who said so.
 * Whoever is banned finds every door shut and nothing else; a lobby's own bars are the host's affair (lobby.ts).
 */
import { bytesOf, canonicalAddress, isIPv4 } from "../net/endpoint.ts";

export type Ban = {
  readonly id: string;
  /** One of the two: `198.51.100.0/24`, or a peer's id. */
  readonly ip_prefix: string | null;
  readonly peer_id: string | null;
  readonly created_at: number;
  /** Null: until it is lifted. */
  readonly expires_at: number | null;
  readonly reason: string;
  /** The banned one is not told the reason. */
  readonly reason_hidden: boolean;
  readonly moderator: string;
};

export const BAN_ID_PATTERN = /^[0-9a-z]{20,40}$/;

/** An address' prefix, canonical: what lies behind it is zero. Null where the text is none. */
export function canonicalPrefix(text: string): string | null {
  const [address, bits, ...more] = text.split("/");
  const canonical = canonicalAddress(address ?? "");
  if (canonical === null || canonical.includes("%") || more.length > 0) return null;
  const most = isIPv4(canonical) ? 32 : 128;
  if (bits !== undefined && !/^(0|[1-9][0-9]{0,2})$/.test(bits)) return null;
  const length = bits === undefined ? most : Number(bits);
  // `::ffff:192.0.2.0/120` would be a prefix of another family than the address it is read as.
  if (length < 1 || length > most || (isIPv4(canonical) && address!.includes(":"))) return null;
  return `${addressOf(masked(bytesOf(canonical)!, length))}/${length}`;
}

/** Everything that is forbidden at once, found by address or peer without looking at every ban. */
export class Bans {
  readonly #all = new Map<string, Ban>();
  readonly #peers = new Map<string, Ban>();
  /** By prefix text, and how long prefixes of either family are. */
  readonly #prefixes = new Map<string, Ban>();
  readonly #lengths = { v4: new Map<number, number>(), v6: new Map<number, number>() };

  /** Reckoned when it is asked for after a change. */
  #due: number | null = null;

  constructor(bans: Iterable<Ban>) {
    for (const ban of bans) this.add(ban);
  }

  get size(): number {
    return this.#all.size;
  }

  /** The newest first. */
  all(): Ban[] {
    return [...this.#all.values()].toSorted((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1));
  }

  byId(id: string): Ban | undefined {
    return this.#all.get(id);
  }

  /** Takes the place of an older one about the same, and gives it back. */
  add(ban: Ban): Ban | null {
    const older = (ban.peer_id === null ? this.#prefixes.get(ban.ip_prefix!) : this.#peers.get(ban.peer_id)) ?? null;
    if (older !== null) this.remove(older.id);
    this.#due = null;
    this.#all.set(ban.id, ban);
    if (ban.peer_id !== null) this.#peers.set(ban.peer_id, ban);
    else {
      this.#prefixes.set(ban.ip_prefix!, ban);
      this.#count(ban.ip_prefix!, 1);
    }
    return older;
  }

  remove(id: string): boolean {
    const ban = this.#all.get(id);
    if (ban === undefined) return false;
    this.#due = null;
    this.#all.delete(id);
    if (ban.peer_id !== null) this.#peers.delete(ban.peer_id);
    else {
      this.#prefixes.delete(ban.ip_prefix!);
      this.#count(ban.ip_prefix!, -1);
    }
    return true;
  }

  /** What forbids this peer or this address to take part now, or null. */
  find(who: { readonly peer: string | null; readonly address: string | null }, now: number): Ban | null {
    const isOn = (ban: Ban | undefined): ban is Ban => ban !== undefined && (ban.expires_at ?? Infinity) > now;
    const byPeer = who.peer === null ? undefined : this.#peers.get(who.peer);
    if (isOn(byPeer)) return byPeer;
    const bytes = who.address === null || this.#prefixes.size === 0 ? null : bytesOf(who.address);
    if (bytes === null) return null;
    for (const length of (bytes.length === 4 ? this.#lengths.v4 : this.#lengths.v6).keys()) {
      const ban = this.#prefixes.get(`${addressOf(masked(bytes, length))}/${length}`);
      if (isOn(ban)) return ban;
    }
    return null;
  }

  /** Those whose time is over. */
  expired(now: number): Ban[] {
    return [...this.#all.values()].filter(({ expires_at }) => expires_at !== null && expires_at <= now);
  }

  /** When the next one is over, or never. */
  deadline(): number {
    this.#due ??= this.all().reduce((due, { expires_at }) => Math.min(due, expires_at ?? Infinity), Infinity);
    return this.#due;
  }

  #count(prefix: string, by: 1 | -1): void {
    const [address, bits] = prefix.split("/") as [string, string];
    const lengths = isIPv4(address) ? this.#lengths.v4 : this.#lengths.v6;
    const count = (lengths.get(Number(bits)) ?? 0) + by;
    if (count === 0) lengths.delete(Number(bits));
    else lengths.set(Number(bits), count);
  }
}

/** The first `length` bits, and zeros. */
const masked = (bytes: readonly number[], length: number): number[] =>
  bytes.map((byte, at) => byte & (0xff00 >> Math.min(8, Math.max(0, length - at * 8))) & 0xff);

function addressOf(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[at * 2]! << 8) | bytes[at * 2 + 1]!).toString(16));
  // A prefix shorter than 96 bits may look like IPv4 in IPv6; it is not read as such.
  return groups.join(":");
}
