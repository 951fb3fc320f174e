/**
 * Pages of lists that do not fit one datagram: a client that asks again soon gets the lobbies that its last list left
 * out first. The clients' protocols have no pages, so the sidecar remembers how far each client has come.
 */
import { LIST_PAGE_MS, LIST_PAGES_MAX } from "#shared/limits.ts";
import { type Endpoint, formatEndpoint } from "#shared/net/endpoint.ts";
import type { ListReply } from "../protocols/wire.ts";

type Page = { readonly next: number; readonly at: number };

export class ListPages {
  /** The client that asked longest ago is first. */
  readonly #pages = new Map<string, Page>();

  /** The datagram for this client. `encode` takes as many of the items as fit, from the first on. */
  encode<T>(
    client: Endpoint,
    items: readonly T[],
    encode: (items: readonly T[]) => ListReply,
    now: number,
  ): Uint8Array {
    const { bytes, listed } = encode(this.#turn(client, items, now));
    this.#advance(client, listed, items.length, now);
    return bytes;
  }

  /** The items in the order in which this client gets them now. */
  #turn<T>(client: Endpoint, items: readonly T[], now: number): readonly T[] {
    const page = this.#pages.get(formatEndpoint(client));
    if (page === undefined || now - page.at >= LIST_PAGE_MS) return items;
    const next = page.next % Math.max(1, items.length);
    return [...items.slice(next), ...items.slice(0, next)];
  }

  /** The client got this many of the items. */
  #advance(client: Endpoint, count: number, all: number, now: number): void {
    const key = formatEndpoint(client);
    const page = this.#pages.get(key);
    this.#pages.delete(key);
    if (count >= all) return;
    const from = page === undefined || now - page.at >= LIST_PAGE_MS ? 0 : page.next;
    this.#pages.set(key, { next: (from + count) % all, at: now });
    const [oldest] = this.#pages.keys();
    if (this.#pages.size > LIST_PAGES_MAX && oldest !== undefined) this.#pages.delete(oldest);
  }
}
