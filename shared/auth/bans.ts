/**
 * Bans of a game by address prefix or peer id, set by operators. A banned peer cannot create or join lobbies. The bans of
 * one lobby belong to its host (lobby.ts).
 */
import { BAN_NETWORK_MS } from "../limits.ts";
import { bytesOf, canonicalAddress, isIPv4 } from "../net/endpoint.ts";

export type Ban = {
  readonly id: string;
  /** Exactly one of the two is set: a prefix like `198.51.100.0/24`, or a peer id. */
  readonly ip_prefix: string | null;
  readonly peer_id: string | null;
  /** Where a banned peer was: for an hour, peers from there join only with a host's approval. */
  readonly network?: string;
  readonly created_at: number;
  /** Null: until it is removed. */
  readonly expires_at: number | null;
  readonly reason: string;
  /** Refusals of the banned peer do not contain the reason. */
  readonly reason_hidden: boolean;
  readonly moderator: string;
};

export const BAN_ID_PATTERN = /^[0-9a-z]{20,40}$/;

/** The canonical text of an address prefix, with zero host bits; null where the text is no prefix. */
export function canonicalPrefix(text: string): string | null {
  const [address, bits, ...more] = text.split("/");
  const canonical = canonicalAddress(address ?? "");
  if (canonical === null || canonical.includes("%") || more.length > 0) return null;
  const length_max = isIPv4(canonical) ? 32 : 128;
  if (bits !== undefined && !/^(0|[1-9][0-9]{0,2})$/.test(bits)) return null;
  const length = bits === undefined ? length_max : Number(bits);
  // `::ffff:192.0.2.0/120` is read as an IPv4 address, for which the length is wrong.
  if (length < 1 || length > length_max || (isIPv4(canonical) && address!.includes(":"))) return null;
  return `${addressOf(masked(bytesOf(canonical)!, length))}/${length}`;
}

/** All bans, indexed by peer and by prefix, so that a lookup does not scan them. */
export class Bans {
  readonly #all = new Map<string, Ban>();
  readonly #peers = new Map<string, Ban>();
  readonly #networks = new Map<string, Ban>();
  /** By prefix text, with the number of prefixes of each length per family. */
  readonly #prefixes = new Map<string, Ban>();
  readonly #lengths = { v4: new Map<number, number>(), v6: new Map<number, number>() };

  /** Cached result of `deadline` until the next change. */
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

  /** Replaces an older ban of the same peer or prefix, and returns it. */
  add(ban: Ban): Ban | null {
    const older = (ban.peer_id === null ? this.#prefixes.get(ban.ip_prefix!) : this.#peers.get(ban.peer_id)) ?? null;
    if (older !== null) this.remove(older.id);
    this.#due = null;
    this.#all.set(ban.id, ban);
    if (ban.network !== undefined) this.#networks.set(ban.network, ban);
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
    if (ban.network !== undefined && this.#networks.get(ban.network) === ban) this.#networks.delete(ban.network);
    if (ban.peer_id !== null) this.#peers.delete(ban.peer_id);
    else {
      this.#prefixes.delete(ban.ip_prefix!);
      this.#count(ban.ip_prefix!, -1);
    }
    return true;
  }

  /** The ban that applies to this peer or address now, or null. */
  find(subject: { readonly peer: string | null; readonly address: string | null }, now: number): Ban | null {
    const isActive = (ban: Ban | undefined): ban is Ban => ban !== undefined && (ban.expires_at ?? Infinity) > now;
    const byPeer = subject.peer === null ? undefined : this.#peers.get(subject.peer);
    if (isActive(byPeer)) return byPeer;
    const bytes = subject.address === null || this.#prefixes.size === 0 ? null : bytesOf(subject.address);
    if (bytes === null) return null;
    for (const length of (bytes.length === 4 ? this.#lengths.v4 : this.#lengths.v6).keys()) {
      const ban = this.#prefixes.get(`${addressOf(masked(bytes, length))}/${length}`);
      if (isActive(ban)) return ban;
    }
    return null;
  }

  /** Whether peers of this network (net/endpoint.ts: sourceOf) need a host's approval now. */
  isNear(network: string, now: number): boolean {
    const ban = this.#networks.get(network);
    return ban !== undefined && ban.created_at + BAN_NETWORK_MS > now && (ban.expires_at ?? Infinity) > now;
  }

  /** Bans that have expired. */
  expired(now: number): Ban[] {
    return [...this.#all.values()].filter(({ expires_at }) => expires_at !== null && expires_at <= now);
  }

  /** When the next ban expires, or Infinity. */
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

/** The first `length` bits, then zeros. */
const masked = (bytes: readonly number[], length: number): number[] =>
  bytes.map((byte, at) => byte & (0xff00 >> Math.min(8, Math.max(0, length - at * 8))) & 0xff);

function addressOf(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[at * 2]! << 8) | bytes[at * 2 + 1]!).toString(16));
  // Not compressed: masking may produce an embedded IPv4 form, which canonical text would rewrite.
  return groups.join(":");
}
