/** What a player looks for in the list: Steam's filters, as the hub's parameters (docs/reference/http.md). They are added up for one request. */
import type { Summary } from "../api/types.ts";
import { LobbyComparison, LobbyDistanceFilter } from "./steam-constants.ts";

/** The host says in this data key where he is. */
export const REGION_KEY = "region";

const OPERATORS: Readonly<Record<LobbyComparison, string>> = {
  [LobbyComparison.EqualToOrLessThan]: "lte",
  [LobbyComparison.LessThan]: "lt",
  [LobbyComparison.Equal]: "eq",
  [LobbyComparison.GreaterThan]: "gt",
  [LobbyComparison.EqualToOrGreaterThan]: "gte",
  [LobbyComparison.NotEqual]: "ne",
};
/** Steam's own. */
const RESULTS_MAX = 50;

export class LobbyListFilters {
  #query = new Map<string, string>();
  #near: string[] = [];
  #distance: LobbyDistanceFilter = LobbyDistanceFilter.Default;
  #results = RESULTS_MAX;

  add(key: string, value: string | number, comparison: LobbyComparison): void {
    this.#query.set(`data[${key}][${OPERATORS[comparison]}]`, String(value));
  }

  /** The nearest first; the first one counts most. The hub takes two. */
  near(key: string, value: number): void {
    this.#near.push(`${key}:${value}`);
  }

  slots(atLeast: number): void {
    this.#query.set("slots[gte]", String(atLeast));
  }

  distance(filter: LobbyDistanceFilter): void {
    this.#distance = filter;
  }

  results(max: number): void {
    this.#results = Math.max(1, Math.min(max, RESULTS_MAX));
  }

  query(region: string | null): URLSearchParams {
    const query = new URLSearchParams([...this.#query]);
    for (const near of this.#near) query.append("near", near);
    if (this.#distance === LobbyDistanceFilter.Close && region !== null) query.set(`data[${REGION_KEY}]`, region);
    query.set("limit", String(this.#results));
    return query;
  }

  /** Those of our own region first, where nothing else orders them. */
  order(lobbies: readonly Summary[], region: string | null): readonly Summary[] {
    const isOurs = ({ data }: Summary): number => (region !== null && data[REGION_KEY] === region ? 0 : 1);
    if (this.#near.length > 0 || this.#distance > LobbyDistanceFilter.Default) return lobbies;
    return lobbies.toSorted((a, b) => isOurs(a) - isOurs(b));
  }
}
