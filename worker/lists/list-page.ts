/** A page of a list as the text that clients get, with its ETag. Both are made once per page, not once per reader. */
import { cursorAfter } from "#shared/listing/pagination.ts";
import type { Query } from "#shared/listing/query.ts";
import type { Page } from "#shared/listing/sorted-index.ts";
import { digestOf } from "#shared/text/digest.ts";
import { isKnown } from "./if-none-match.ts";

export type ListPage = {
  /** A strong ETag, with its quotes. */
  readonly etag: string;
  /** JSON; null if the client has it. */
  readonly body: string | null;
  /** The cursor of the next page. */
  readonly next: string | null;
};

const RENDERED = new WeakMap<Page, ListPage>();

/** `known` is the client's `If-None-Match`. */
export function renderPage(page: Page, query: Query, known: string | null): ListPage {
  const list = RENDERED.get(page) ?? render(page, query);
  RENDERED.set(page, list);
  return isKnown(known, list.etag) ? { ...list, body: null } : list;
}

/** The ETag follows from the digests of the lines, which are made once per line. */
function render({ items, more, count }: Page, query: Query): ListPage {
  const last = more ? items.at(-1) : undefined;
  const next = last === undefined ? null : cursorAfter(last.key, query);
  const tail = `],"next_cursor":${JSON.stringify(next)}${count === null ? "" : `,"count":${count}`}}`;
  const body = `{"lobbies":[${items.map(({ json }) => json).join()}${tail}`;
  const etag = `"${digestOf(items.map(({ digest }) => digest).join() + tail)}"`;
  return { etag, body, next };
}
