/** Summaries that are made when they are first read, so that a hub that wakes can sort its list without parsing lobbies. */
import { SUMMARY_FIELDS } from "./listing.ts";
import type { Summary } from "./summary.ts";

type Known = "id" | "created_at";

class LazySummary {
  readonly id: string;
  readonly created_at: string;
  readonly #make: (id: string) => Summary;
  #made: Summary | null = null;

  constructor(id: string, created_at: string, make: (id: string) => Summary) {
    this.id = id;
    this.created_at = created_at;
    this.#make = make;
  }

  get whole(): Summary {
    return (this.#made ??= this.#make(this.id));
  }

  /** The text of a lazy summary is that of the whole one. */
  toJSON(): Summary {
    return this.whole;
  }
}

for (const field of SUMMARY_FIELDS) {
  if (field === "id" || field === "created_at") continue;
  const get = function get(this: LazySummary): unknown {
    return this.whole[field];
  };
  Object.defineProperty(LazySummary.prototype, field, { get });
}

/** Like the summary that `make` returns, which is called when another field is read. */
export const lazySummary = ({ id, created_at }: Pick<Summary, Known>, make: (id: string) => Summary): Summary =>
  new LazySummary(id, created_at, make) as unknown as Summary;

/** The summary as plain data, which can be sent to another hub. */
export const wholeSummary = (line: Summary): Summary => (line instanceof LazySummary ? line.whole : line);
