/** Steam's lobby list filters as query parameters of the hub (docs/reference/http.md). They apply to one request. */
import type { Summary } from "../api/types.ts";
import { LobbyComparison, LobbyDistanceFilter } from "./steam-constants.ts";

/** The data key with the host's region. */
export const REGION_KEY = "region";

const OPERATORS: Readonly<Record<LobbyComparison, string>> = {
  [LobbyComparison.EqualToOrLessThan]: "lte",
  [LobbyComparison.LessThan]: "lt",
  [LobbyComparison.Equal]: "eq",
  [LobbyComparison.GreaterThan]: "gt",
  [LobbyComparison.EqualToOrGreaterThan]: "gte",
  [LobbyComparison.NotEqual]: "ne",
};
/** Steam's own maximum. */
const RESULTS_MAX = 50;

export class LobbyListFilters {
  #query = new Map<string, string>();
  #near: string[] = [];
  #distance: LobbyDistanceFilter = LobbyDistanceFilter.Default;
  #results = RESULTS_MAX;

  add(key: string, value: string | number, comparison: LobbyComparison): void {
    this.#query.set(`data[${key}][${OPERATORS[comparison]}]`, String(value));
  }

  /** Sorts by distance to the value. The first filter counts most, and the hub accepts two. */
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

  /** Lobbies of the own region first, if no other filter orders them. */
  order(lobbies: readonly Summary[], region: string | null): readonly Summary[] {
    const isOurs = ({ data }: Summary): number => (region !== null && data[REGION_KEY] === region ? 0 : 1);
    if (this.#near.length > 0 || this.#distance > LobbyDistanceFilter.Default) return lobbies;
    return lobbies.toSorted((a, b) => isOurs(a) - isOurs(b));
  }
}
