/** API fields of a lobby that say how long its host and members may be without a connection, and who hosts next. */
import { integer, list, optional } from "../schema/decode.ts";
import { GRACE_MAX_S, GRACE_MIN_S, SUCCESSORS_MAX } from "../limits.ts";
import { peerId, time } from "../lobby/fields.ts";

const grace = integer(GRACE_MIN_S, GRACE_MAX_S);
const successors = list(peerId, SUCCESSORS_MAX);

/** In requests that create or change a lobby. */
export const hostingRequest = {
  /** Seconds that the host keeps its role after its last WebSocket closed. */
  host_grace_s: optional(grace),
  /** Seconds that another member keeps its seat after its last WebSocket closed. */
  member_grace_s: optional(grace),
  /** Who hosts next, in this order, if the host is gone. The other members follow by arrival. */
  successors: optional(successors),
};

/** In responses. */
export const hostingView = {
  host_grace_s: grace,
  member_grace_s: grace,
  /** For members. */
  successors: optional(successors),
  /**
   * In HTTP responses to a member: when it loses its seat, unless it opens a WebSocket or sends a heartbeat before.
   * Absent while its WebSocket is open. Not part of the ETag.
   */
  seat_expires_at: optional(time),
};
