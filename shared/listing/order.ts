/** The order of a list, as plain data, and the sort key that it gives each lobby. */
import type { Fact } from "./listing.ts";

export type Near = { readonly field: string; readonly value: number };
export type Order = { readonly field: string; readonly descending: boolean };

/** What orders a list: the nearest first, then by fields. */
export type Sorting = { readonly near: readonly Near[]; readonly order: readonly Order[] };

/** A fact per `near` and `order`, then the lobby's id. */
export type SortKey = readonly Fact[];

export const NEWEST_FIRST: readonly Order[] = [{ field: "created_at", descending: true }];

export const orderText = (order: readonly Order[]): string =>
  order.map(({ field, descending }) => (descending ? `-${field}` : field)).join();
