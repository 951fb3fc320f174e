/** What each source (IPv4 /32, IPv6 /64) has, or has asked for. Sources that have nothing take no room. */
import { sourceOf } from "#shared/net/endpoint.ts";

/** A lobby hosted is a membership too. */
export type SourceUsage = { lobbies: number; memberships: number };

const NOTHING: Readonly<SourceUsage> = { lobbies: 0, memberships: 0 };

export class SourceQuota {
  readonly #sources = new Map<string, SourceUsage>();

  of(address: string): Readonly<SourceUsage> {
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
