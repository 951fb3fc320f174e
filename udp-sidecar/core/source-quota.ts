/** What each source (IPv4 /32, IPv6 /64) has, or has asked for. Sources that have nothing take no room. */
import { sourceOf } from "#shared/net/endpoint.ts";

/** A lobby hosted is a membership too. */
export type Share = { lobbies: number; memberships: number };

const NOTHING: Readonly<Share> = { lobbies: 0, memberships: 0 };

export class Shares {
  readonly #sources = new Map<string, Share>();

  of(address: string): Readonly<Share> {
    return this.#sources.get(sourceOf(address)) ?? NOTHING;
  }

  /** One membership more or less, and with `hosts` one lobby. */
  count(address: string, hosts: boolean, by: 1 | -1): void {
    const source = sourceOf(address);
    const share = this.#sources.get(source) ?? { ...NOTHING };
    share.memberships += by;
    if (hosts) share.lobbies += by;
    if (share.memberships === 0) this.#sources.delete(source);
    else this.#sources.set(source, share);
  }
}
