/**
 * A host's snapshot: opaque bytes with which the next host continues the game.
 *
 *     PUT /lobbies/{id}/snapshot?term=3    bytes -> snapshotInfo    the host of this term
 *     GET /lobbies/{id}/snapshot                 -> bytes           members, or the host alone
 */
import { integer, object, oneOf, type Shape } from "../schema/decode.ts";
import { SNAPSHOT_BYTES_MAX } from "../limits.ts";
import { count, time } from "../lobby/fields.ts";

/** `members`: every member may read it. `host`: only the host, so after a change only the next host. */
export const snapshotReaders = oneOf("members", "host");

export const snapshotInfo = object({
  /** Increases with every snapshot of the lobby. */
  revision: count,
  /** The term of the host that wrote it. */
  term: count,
  size: integer(0, SNAPSHOT_BYTES_MAX),
  readers: snapshotReaders,
  updated_at: time,
});
export type SnapshotInfo = Shape<typeof snapshotInfo>;
