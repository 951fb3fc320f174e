/** A page of a list as the text that clients get, with its ETag. Both are made once per page, not once per reader. */
import { cursorAfter } from "#shared/listing/pagination.ts";
import type { Query } from "#shared/listing/query.ts";
import type { Page } from "#shared/listing/sorted-index.ts";
import { isKnown } from "./if-none-match.ts";

export type ListPage = {
  /** A strong ETag, with its quotes. */
  readonly etag: string;
  /** JSON; null if the client has it. */
  readonly body: string | null;
  /** The cursor of the next page. */
  readonly next: string | null;
};

/** 96 bits are enough to tell representations apart, and keep the header short. */
const ETAG_BYTES = 12;
const RENDERED = new WeakMap<Page, Promise<ListPage>>();

/** `known` is the client's `If-None-Match`. */
export async function renderPage(page: Page, query: Query, known: string | null): Promise<ListPage> {
  const rendered = RENDERED.get(page) ?? render(page, query);
  RENDERED.set(page, rendered);
  const list = await rendered;
  return isKnown(known, list.etag) ? { ...list, body: null } : list;
}

async function render({ items, more, count }: Page, query: Query): Promise<ListPage> {
  const last = more ? items.at(-1) : undefined;
  const next = last === undefined ? null : cursorAfter(last.key, query);
  const total = count === null ? "" : `,"count":${count}`;
  const body = `{"lobbies":[${items.map(({ json }) => json).join()}],"next_cursor":${JSON.stringify(next)}${total}}`;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body));
  return { etag: `"${hex(new Uint8Array(digest, 0, ETAG_BYTES))}"`, body, next };
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
