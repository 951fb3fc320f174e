/** What hosts on foreign wires publish over the link, as an event of the core. */
import { INDEXED_BYTES_MAX, INDEXED_KEYS_MAX } from "#shared/limits.ts";
import type { Report } from "#shared/link/messages.ts";
import type { Value } from "#shared/lobby/data.ts";
import type { Event } from "#shared/lobby/lobby.ts";

/** Public data; the first short values are indexed, so that lists over HTTP can filter by them. */
export function publishEvent(report: Report & { kind: "publish" }): Event {
  const { peer, proof, join_uri, display_name, seats, visibility, joinable, data } = report;
  let indexed = 0;
  const entries = Object.entries(data).map(([key, value]) => {
    const index = indexed < INDEXED_KEYS_MAX && isShort(value);
    if (index) indexed++;
    return [key, { value, visibility: "public", index }] as const;
  });
  const changes = { display_name, visibility, joinable, data: Object.fromEntries(entries) };
  return { kind: "publish", peer, proof, join_uri, changes: { ...changes, ...(seats !== null && { seats }) } };
}

/** In UTF-8 a UTF-16 unit takes at most three bytes. */
const isShort = (value: Value): boolean => String(value).length * 3 <= INDEXED_BYTES_MAX;
